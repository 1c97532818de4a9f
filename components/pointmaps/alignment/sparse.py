"""Sparse global alignment: matches alone place the views and bend the depths that the pairs gave them.

Every view starts with one depth map, put together from its pairs. Matches are thinned to a grid; what they ask for is
a camera and a scale per view, and a correction of depth on the grid's corners. So a few thousand distances replace the
millions of `alignment`, and a pixel that nothing matches follows its neighbours.

Source: docs/methods/wildseg3d.md section 6 (M-SGA); MASt3R-SfM (arXiv:2409.19152) for the two stages, the robust
losses and what each stage optimises. We differ: corrections are interpolated between grid points instead of constant
per cell; principal points stay; cameras of views may be known; pairs that hardly match are left out instead of being
held by their predicted points. Pixel centres are at +0.5.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import scipy
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.geometry.rotations import quat_from_rotation, rotations
from liftlab.components.pointmaps.alignment.clean import front_points, largest_confidence
from liftlab.components.pointmaps.alignment.matches import Grids, Matches, surest_match, thinned_matches
from liftlab.components.pointmaps.alignment.solve import Alignment
from liftlab.components.pointmaps.alignment.start import (
    Similarity,
    Start,
    parameter,
    register_pair,
    rescaled,
    start_of_pairs,
)
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array, Camera, View

NEAREST = 1e-3
"""What is nearer to a camera it is projected into, or behind it, counts as this far in front; 1 = the median depth."""


@dataclass(frozen=True)
class SparseAlignmentConfig:
    """Choices of the sparse alignment; defaults are MASt3R's."""

    cameras: Literal["unknown", "known_focal", "known"] = "unknown"
    """What of the views' cameras is frozen: nothing, the intrinsics, or intrinsics and poses."""
    grid_px: int = 8
    """One match is kept per cell of this size of the first photo; depth is corrected at the cells' centres."""
    iterations_3d: int = 300
    """Steps that bring matched points together in space: poses and scales."""
    learning_rate_3d: float = 0.07
    iterations_2d: int = 300
    """Steps that bring them together in the photos: also depths and, where unknown, focal lengths."""
    learning_rate_2d: float = 0.01
    gamma_3d: float = 1.5
    gamma_2d: float = 0.5
    """Exponents of the robust losses (`robust`), of distances in units of the scene and in pixels."""
    matching_threshold: float = 5.0
    """Pairs whose surest match is less confident take no part."""
    valid_confidence: float = 1.5
    """Points of lower confidence are not valid."""
    occlusion_tolerance: float = 0.001
    """A less confident point this much (relative) in front of another view's depth is not valid."""


def align_sparse(
    views: Sequence[View],
    pairs: Mapping[Edge, PairResult],
    config: SparseAlignmentConfig,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Alignment:
    """Cameras and depths of all views from the matches of their pairs.

    Args:
        views: Their sizes are those of the pointmaps; of their cameras only what `config.cameras` names is used.
        pairs: Pointmaps and matches per edge; failed pairs are simply absent.
        config: Choices; the same inputs give the same result.
        progress: Told once per few iterations.
        cancel: Checked at every iteration.

    Raises:
        InputError: The pairs that match do not connect all views (unless their cameras are known), or there are none.
        Cancelled: `cancel` was set.
    """
    started = time.perf_counter()
    used = {edge: pair for edge, pair in pairs.items() if surest_match(pair) > config.matching_threshold}
    if not used:
        raise InputError("No two photos could be matched: take photos that overlap.")
    progress(0.0, "Placing the pairs")
    cameras = [view.camera for view in views]
    start = start_of_pairs(cameras, used, known=config.cameras, threshold=config.valid_confidence)
    used = {edge: used[edge] for edge in start.pair_poses}
    unit = float(np.median(np.concatenate([depth[depth > 0] for depth in start.depths])))
    start = rescaled(start, 1 / unit)
    depths = [_joined_depth(view, depth, used) for view, depth in enumerate(start.depths)]
    grids = Grids(start.cameras, config.grid_px)
    model = _Model(start.cameras, grids, config)
    matches = thinned_matches(used, depths, grids)
    if len(matches.views) == 0:
        raise InputError("No two photos could be matched: take photos that overlap.")
    losses = _optimise(model, matches, config, progress, cancel)
    solved = model.cameras(start.cameras)
    depths = [
        depth * correction
        for depth, correction in zip(depths, model.corrections(matches, start.cameras), strict=True)
    ]
    found = rescaled(Start(solved, tuple(depths), {}), unit if config.cameras == "known" else 1.0)
    conf = largest_confidence(used, cameras)
    ahead = front_points(found.cameras, found.depths, conf, tolerance=config.occlusion_tolerance)
    valid = tuple(
        (c > config.valid_confidence) & ~front & (depth > 0)
        for c, front, depth in zip(conf, ahead, found.depths, strict=True)
    )
    progress(1.0, "Aligned")
    return Alignment(
        cameras=found.cameras,
        depths=tuple(depth.astype(np.float32) for depth in found.depths),
        conf=conf,
        valid=valid,
        pair_poses=_pair_poses(found, used),
        losses=losses,
        histogram=None,
        seconds=time.perf_counter() - started,
    )


def robust(distance: Float[Tensor, "*M"], gamma: float) -> Float[Tensor, "*M"]:
    """(x + o)^gamma - o^gamma with o = gamma^(-1 / (gamma - 1)): 0 at 0 with slope 1, then as x^gamma grows.

    Source: the gamma losses of MASt3R's sparse alignment; gamma 1 is the distance itself.
    """
    if gamma == 1:
        return distance
    offset = gamma ** (-1 / (gamma - 1))
    return (distance + offset) ** gamma - offset**gamma


class _Model:
    """What is optimised: camera and scale of every view, and corrections of depth at the grid points."""

    def __init__(self, cameras: Sequence[Camera], grids: Grids, config: SparseAlignmentConfig) -> None:
        self.config, self.grids = config, grids
        to_world = [camera.camera_to_world for camera in cameras]
        self.quats = parameter(np.stack([quat_from_rotation(T[:3, :3]) for T in to_world]))
        self.centers = parameter(np.stack([T[:3, 3] for T in to_world]))
        self.log_focals = parameter(np.log([[camera.K[0, 0], camera.K[1, 1]] for camera in cameras]))
        self.log_scales = parameter(np.zeros(len(cameras)))
        self.log_bends = parameter(np.zeros(grids.starts[-1]))
        middles = np.stack([camera.K[:2, 2] for camera in cameras])
        self.middles = torch.from_numpy(middles.astype(np.float32))

    def coarse(self) -> list[Tensor]:
        """Parameters of the first stage."""
        posed = [] if self.config.cameras == "known" else [self.quats, self.centers]
        return [self.log_scales, *posed]

    def fine(self) -> list[Tensor]:
        """Parameters of the second stage."""
        focals = [self.log_focals] if self.config.cameras == "unknown" else []
        return [*self.coarse(), self.log_bends, *focals]

    def focals(self) -> Float[Tensor, "V 2"]:
        """One focal per view where it is optimised: both axes share the mean of their logs."""
        if self.config.cameras != "unknown":
            return self.log_focals.exp()
        return self.log_focals.mean(dim=1, keepdim=True).expand(-1, 2).exp()

    def scales(self) -> Float[Tensor, "V"]:
        """Scales of the views' depths; their product is 1 where nothing else fixes the size of the world."""
        logs = self.log_scales
        return (logs if self.config.cameras == "known" else logs - logs.mean()).exp()

    def points(self, matches: Matches) -> Float[Tensor, "M 2 3"]:
        """World points of both pixels of every match."""
        views = matches.views
        bend = (_chosen(self.log_bends, matches.corners) * matches.shares).sum(dim=-1).exp()
        depth = matches.depth * bend * _chosen(self.scales(), views)
        rays = (matches.xy - self.middles[views]) / _chosen(self.focals(), views)
        local = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1) * depth[..., None]
        R = _chosen(rotations(self.quats), views)
        return (R @ local[..., None])[..., 0] + _chosen(self.centers, views)

    def loss_3d(self, matches: Matches) -> Tensor:
        """Weighted mean robust distance of matched points in space."""
        points = self.points(matches)
        apart = (points[:, 0] - points[:, 1]).norm(dim=-1)
        return (matches.weight * robust(apart, self.config.gamma_3d)).sum() / matches.weight.sum()

    def loss_2d(self, matches: Matches) -> Tensor:
        """Weighted mean robust distance, in pixels, of each point from its match in the other photo, both ways."""
        points, other = self.points(matches), matches.views.flip(1)
        R = _chosen(rotations(self.quats), other)
        seen = (R.mT @ (points - _chosen(self.centers, other))[..., None])[..., 0]
        front = seen[..., 2:].clamp_min(NEAREST)
        xy = seen[..., :2] / front * _chosen(self.focals(), other) + self.middles[other]
        apart = (xy - matches.xy.flip(1)).norm(dim=-1)
        weight = matches.weight[:, None]
        return (weight * robust(apart, self.config.gamma_2d)).sum() / (2 * weight.sum())

    def cameras(self, start: Sequence[Camera]) -> tuple[Camera, ...]:
        """Cameras as they are now."""
        if self.config.cameras == "known":
            return tuple(start)
        with torch.no_grad():
            R_views = rotations(self.quats).double().numpy()
            focals = self.focals().double().numpy()
            centers = self.centers.double().numpy()
        out = []
        for v, camera in enumerate(start):
            K = np.diag([*focals[v], 1.0])
            K[:2, 2] = camera.K[:2, 2]
            pose = np.eye(4)
            pose[:3, :3], pose[:3, 3] = R_views[v].T, -R_views[v].T @ centers[v]
            out.append(Camera(K, pose, camera.width, camera.height))
        return tuple(out)

    def corrections(self, matches: Matches, cameras: Sequence[Camera]) -> list[Float[Array, "_ _"]]:
        """Factor of every pixel's depth; grid points that no match asked take that of the nearest one asked."""
        with torch.no_grad():
            scales, bends = self.scales().numpy(), self.log_bends.numpy()
        asked = np.zeros(len(bends), bool)
        asked[matches.corners[matches.shares > 0].numpy()] = True
        out = []
        for v, (camera, shape) in enumerate(zip(cameras, self.grids.shapes, strict=True)):
            own = slice(self.grids.starts[v], self.grids.starts[v + 1])
            bend, known = bends[own].reshape(shape), asked[own].reshape(shape)
            if known.any() and not known.all():
                nearest = np.empty((2, *shape), np.int32)
                scipy.ndimage.distance_transform_edt(
                    ~known, return_distances=False, return_indices=True, indices=nearest
                )
                bend = bend[nearest[0], nearest[1]]
            size = (shape[1] * self.grids.grid_px, shape[0] * self.grids.grid_px)
            wide = cv2.resize(bend, size, interpolation=cv2.INTER_LINEAR)[: camera.height, : camera.width]
            out.append(scales[v] * np.exp(wide.astype(np.float64)))
        return out


def _optimise(
    model: _Model,
    matches: Matches,
    config: SparseAlignmentConfig,
    progress: Progress,
    cancel: CancelToken | None,
) -> Float[Array, "I"]:
    """Adam on both losses, one after the other; returns the second loss before each of its steps."""
    total = config.iterations_3d + config.iterations_2d
    done = 0

    def descend(
        parameters: list[Tensor], loss_of: Callable[[Matches], Tensor], rate: float, iterations: int
    ) -> Float[Array, "I"]:
        nonlocal done
        losses = np.zeros(iterations)
        optimiser = torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.9))
        for iteration in range(iterations):
            if cancel is not None:
                cancel.check()
            if done % 25 == 0:
                progress(done / total, "Aligning the matches")
            for group in optimiser.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * iteration / iterations))
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(matches)
            loss.backward()
            optimiser.step()
            losses[iteration] = float(loss.detach())
            done += 1
        return losses

    descend(model.coarse(), model.loss_3d, config.learning_rate_3d, config.iterations_3d)
    return descend(model.fine(), model.loss_2d, config.learning_rate_2d, config.iterations_2d)


def _joined_depth(
    view: int, reference: Float[Array, "H W"], pairs: Mapping[Edge, PairResult]
) -> Float[Array, "H W"]:
    """Mean of what the pairs that begin with the view say of its depth, each brought to the scale of `reference`,
    weighted by confidence; `reference` itself where none begins with it.
    """
    total, weight = np.zeros(reference.shape), np.zeros(reference.shape)
    for (first, _), pair in pairs.items():
        own = pair.pts3d_1[..., 2].astype(np.float64)
        both = (own > 0) & (reference > 0)
        if first == view and both.any():
            trust = pair.conf_1.astype(np.float64)
            surest = both & (trust >= np.median(trust[both]))
            scale = float(np.median(reference[surest] / own[surest]))
            share = np.where(own > 0, trust, 0)
            total += share * scale * own
            weight += share
    return np.where(weight > 0, total / np.maximum(weight, 1e-300), reference)


def _pair_poses(found: Start, pairs: Mapping[Edge, PairResult]) -> dict[Edge, Similarity]:
    """Where the pointmaps of each pair lie in the world that was found."""
    out = {}
    for (first, second), pair in pairs.items():
        world = points_from_depth(found.cameras[first], found.depths[first])
        scale, R, t = register_pair(pair.pts3d_1, world, pair.conf_1)
        out[first, second] = Similarity(scale, R, t / scale)
    return out


def _chosen(values: Float[Tensor, "K *D"], rows: Int64[Tensor, "*P"]) -> Float[Tensor, "..."]:
    """values[rows]; unlike indexing, its gradient is summed in one order, so that results repeat."""
    return values.index_select(0, rows.flatten()).reshape(*rows.shape, *values.shape[1:])
