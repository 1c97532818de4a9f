"""Global alignment of two-view pointmaps: GA as in DUSt3R, and the dynamic re-weighting of WildSeg3D (DGA).

Source: docs/methods/wildseg3d.md sections 3.2 to 3.5 and 7, eq. (1) to (9); WildSeg3D, ICCV 2025 (arXiv:2503.08407),
over DUSt3R's global alignment (CVPR 2024). Equation numbers are those of docs/methods/wildseg3d.md. Pixel centres are
at +0.5 here; both papers count them from 0.
"""

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.geometry.rotations import quat_from_rotation, rotations
from liftlab.components.pointmaps.alignment.clean import front_points, largest_confidence, refined_depths
from liftlab.components.pointmaps.alignment.loss import EdgePixels, WeightedDistance
from liftlab.components.pointmaps.alignment.sampling import padded, sampled_pixels, stacked_edges
from liftlab.components.pointmaps.alignment.start import (
    Similarity,
    Start,
    parameter,
    rescaled,
    start_of_pairs,
)
from liftlab.components.pointmaps.alignment.weights import (
    Adjustment,
    ConfTransform,
    WeightHistogram,
    ablated_weights,
    dynamic_weights,
    transformed_confidence,
    weight_histogram,
)
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.pointmaps.threads import num_threads
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array, Camera, View

STEP_VERSION = 1
STEEPNESS: dict[Adjustment, float] = {"paper": 0.0, "arctan": 5.0, "logistic": 10.0, "log": 10.0}
"""theta, delta and beta where `AlignmentConfig.steepness` is None; the paper publishes only curves."""


@dataclass(frozen=True)
class AlignmentConfig:
    """Choices of the alignment; defaults are the paper's and DUSt3R's."""

    method: Literal["ga", "dga"] = "dga"
    """GA: weights are the confidences, no soft mask, no matches. DGA: weights of eq. (5)."""
    cameras: Literal["unknown", "known_focal", "known"] = "unknown"
    """What of the views' cameras is frozen: nothing, the intrinsics, or intrinsics and poses. With known cameras the
    gauge (9) is off, and depths, pair poses and scales are optimised."""
    alpha_p: float = 0.5
    """Gain of matched pixels, in (-1, 1)."""
    alpha_n: float = 0.9
    """Loss of unmatched pixels, in (-1, 1)."""
    epsilon: float = 0.0
    """Of eq. (4)."""
    iterations: int = 500
    learning_rate: float = 0.01
    """Adam with betas (0.9, 0.9), falling to 1e-6 along a cosine."""
    conf_transform: ConfTransform = "raw"
    """C as printed, C - 1, or ln C."""
    adjustment: Adjustment = "paper"
    """Eq. (4), or another function of the paper's ablation."""
    steepness: float | None = None
    """Parameter of the ablation's function; None takes `STEEPNESS`."""
    pixel_stride: int = 1
    """Optimise every n-th pixel of every n-th row; the other depths are solved afterwards, pair poses fixed."""
    valid_confidence: float = 1.5
    """Points of lower confidence are not valid."""
    occlusion_tolerance: float = 0.001
    """A less confident point this much (relative) in front of another view's depth is not valid."""


@dataclass(frozen=True)
class Alignment:
    """What the alignment found, in one world frame; arbitrary similarity gauge unless the cameras were known."""

    cameras: tuple[Camera, ...]
    depths: tuple[Float[Array, "_ _"], ...]
    """Along +Z, per view; 0 where no edge has the view."""
    conf: tuple[Float[Array, "_ _"], ...]
    """Largest pair confidence of each pixel."""
    valid: tuple[Bool[Array, "_ _"], ...]
    """Confident, weighted above 0 by some edge (not in the sparse alignment), and not in front of a surer surface."""
    pair_poses: dict[Edge, Similarity]
    losses: Float[Array, "I"]
    """Loss before each iteration: (8) per pixel, or that of the sparse alignment's second stage."""
    histogram: WeightHistogram | None
    """Of the weights; None where matches alone are aligned."""
    seconds: float

    def points(self, view: int) -> Float[Array, "_ _ 3"]:
        """World pointmap of a view; meaningless where not valid."""
        return points_from_depth(self.cameras[view], self.depths[view])


def align(
    views: Sequence[View],
    pairs: Mapping[Edge, PairResult],
    config: AlignmentConfig,
    *,
    soft_masks: Sequence[Float[Array, "_ _"]] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Alignment:
    """Fuse pointmaps of pairs into cameras and depths of all views by minimising eq. (8).

    Args:
        views: Their sizes are those of the pointmaps; of their cameras only what `config.cameras` names is used.
        pairs: Pointmaps per edge (first view, second view); failed pairs are simply absent.
        config: Choices; the same inputs give the same result.
        soft_masks: S of eq. (1) per view, see `alignment_weights.soft_masks`; None means 1. GA does not look at it.
        progress: Told once per few iterations.
        cancel: Checked at every iteration.

    Raises:
        InputError: The pairs do not connect all views (unless their cameras are known), or there are none.
        Cancelled: `cancel` was set.
    """
    started = time.perf_counter()
    if not pairs:
        raise InputError("No two photos could be matched: take photos that overlap.")
    cameras = [view.camera for view in views]
    progress(0.0, "Placing the pairs")
    start = start_of_pairs(cameras, pairs, known=config.cameras, threshold=config.valid_confidence)
    start, unit = _normalised(start, gauge=config.cameras != "known")
    edges = tuple(start.pair_poses)
    weights, histogram = _edge_weights(edges, pairs, soft_masks, config)
    model = _Model(start, edges, config)
    stacked = stacked_edges(edges, pairs, weights, cameras, config.pixel_stride)
    losses = _optimise(model, stacked, config, progress, cancel)
    found = model.result(start)
    if config.pixel_stride > 1:
        found = replace(found, depths=refined_depths(found, pairs, weights))
    found = rescaled(found, unit)
    conf = largest_confidence({edge: pairs[edge] for edge in edges}, cameras)
    weighted = _weighted_pixels(weights, cameras)
    ahead = front_points(found.cameras, found.depths, conf, tolerance=config.occlusion_tolerance)
    valid = tuple(
        (c > config.valid_confidence) & w & ~front & (d > 0)
        for c, w, front, d in zip(conf, weighted, ahead, found.depths, strict=True)
    )
    progress(1.0, "Aligned")
    return Alignment(
        cameras=found.cameras,
        depths=tuple(depth.astype(np.float32) for depth in found.depths),
        conf=conf,
        valid=valid,
        pair_poses=found.pair_poses,
        losses=losses,
        histogram=histogram,
        seconds=time.perf_counter() - started,
    )


def gauged_log_scales(raw: Float[Tensor, "E"]) -> Float[Tensor, "E"]:
    """ln sigma_e of eq. (9): free parameters minus their mean, so that the product of all scales is 1."""
    return raw - raw.mean()


class _Model:
    """The parameters of eq. (8) and the maps from them to world points and pair transforms."""

    def __init__(self, start: Start, edges: tuple[Edge, ...], config: AlignmentConfig) -> None:
        self.edges, self.config = edges, config
        self.known = config.cameras == "known"
        similarities = [start.pair_poses[edge] for edge in edges]
        self.pair_quats = parameter(np.stack([quat_from_rotation(s.R) for s in similarities]))
        # Translations are kept in world lengths, so that one learning rate suits pairs of every scale.
        self.first_logs = torch.tensor(np.log([s.scale for s in similarities]), dtype=torch.float32)
        self.pair_trans = parameter(np.stack([s.scale * s.t for s in similarities]))
        self.pair_logs = parameter(self.first_logs.numpy().copy())
        to_world = [camera.camera_to_world for camera in start.cameras]
        self.view_quats = parameter(np.stack([quat_from_rotation(T[:3, :3]) for T in to_world]))
        self.view_centers = parameter(np.stack([T[:3, 3] for T in to_world]))
        focals = np.array([[camera.K[0, 0], camera.K[1, 1]] for camera in start.cameras])
        self.log_focals = parameter(np.log(focals))
        grid = [sampled_pixels(camera, config.pixel_stride) for camera in start.cameras]
        count = max(len(xy) for xy, _ in grid)
        offsets = [
            padded(xy - camera.K[:2, 2], count) for (xy, _), camera in zip(grid, start.cameras, strict=True)
        ]
        self.offsets = torch.from_numpy(np.stack(offsets).astype(np.float32))
        depths = [
            padded(depth.ravel()[index], count) for depth, (_, index) in zip(start.depths, grid, strict=True)
        ]
        self.log_depths = parameter(np.log(np.maximum(np.stack(depths), 1e-4)))
        self.counts = [len(xy) for xy, _ in grid]

    def parameters(self) -> list[Tensor]:
        """What is optimised; the rest stays frozen."""
        free = [self.pair_quats, self.pair_trans, self.pair_logs, self.log_depths]
        if not self.known:
            free += [self.view_quats, self.view_centers]
        if self.config.cameras == "unknown":
            free.append(self.log_focals)
        return free

    def world_points(self) -> Float[Tensor, "V 3 P"]:
        """chi of eq. (2)."""
        depth = self.log_depths.exp()
        rays = self.offsets / self._focals()[:, None, :]
        in_camera = torch.stack([rays[..., 0] * depth, rays[..., 1] * depth, depth], dim=1)
        return rotations(self.view_quats) @ in_camera + self.view_centers[:, :, None]

    def pair_transforms(self) -> tuple[Float[Tensor, "R 3 3"], Float[Tensor, "R 3"]]:
        """sigma_e R_e and sigma_e t_e, each edge twice: for its first and its second view."""
        logs = self._log_scales()
        A = logs.exp()[:, None, None] * rotations(self.pair_quats)
        b = (logs - self.first_logs).exp()[:, None] * self.pair_trans
        return A.repeat_interleave(2, dim=0), b.repeat_interleave(2, dim=0)

    def result(self, start: Start) -> Start:
        """Current values; depths of pixels that were not optimised stay as they started."""
        with torch.no_grad():
            R_pairs = rotations(self.pair_quats).double().numpy()
            scales = self._log_scales().exp().double().numpy()
            trans = (self.pair_trans / self.first_logs.exp()[:, None]).double().numpy()
            R_views = rotations(self.view_quats).double().numpy()
            focals = self._focals().double().numpy()
            log_depths = self.log_depths.double().numpy()
        pair_poses = {
            edge: Similarity(float(scales[e]), R_pairs[e], trans[e]) for e, edge in enumerate(self.edges)
        }
        cameras, depths = [], []
        for v, camera in enumerate(start.cameras):
            index = sampled_pixels(camera, self.config.pixel_stride)[1]
            depth = start.depths[v].copy()
            seen = depth.ravel()[index] > 0
            depth.ravel()[index[seen]] = np.exp(log_depths[v, : self.counts[v]][seen])
            depths.append(depth)
            if self.known:
                cameras.append(camera)
                continue
            K = np.diag([*focals[v], 1.0])
            K[:2, 2] = camera.K[:2, 2]
            pose = np.eye(4)
            pose[:3, :3] = R_views[v].T
            pose[:3, 3] = -R_views[v].T @ self.view_centers[v].detach().double().numpy()
            cameras.append(Camera(K, pose, camera.width, camera.height))
        return Start(tuple(cameras), tuple(depths), pair_poses)

    def _log_scales(self) -> Float[Tensor, "E"]:
        return self.pair_logs if self.known else gauged_log_scales(self.pair_logs)

    def _focals(self) -> Float[Tensor, "V 2"]:
        """One focal per view where it is optimised: both axes share the mean of their logs."""
        if self.config.cameras != "unknown":
            return self.log_focals.exp()
        return self.log_focals.mean(dim=1, keepdim=True).expand(-1, 2).exp()


def _optimise(
    model: _Model,
    stacked: EdgePixels,
    config: AlignmentConfig,
    progress: Progress,
    cancel: CancelToken | None,
) -> Float[Array, "I"]:
    """Adam on eq. (8); returns the loss before every step."""
    parameters = model.parameters()
    optimiser = torch.optim.Adam(parameters, lr=config.learning_rate, betas=(0.9, 0.9))
    losses = np.zeros(config.iterations)
    with ThreadPoolExecutor(num_threads()) as pool:
        for iteration in range(config.iterations):
            if cancel is not None:
                cancel.check()
            if iteration % 25 == 0:
                progress(iteration / config.iterations, "Aligning the pairs")
            cosine = 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))
            for group in optimiser.param_groups:
                group["lr"] = 1e-6 + (config.learning_rate - 1e-6) * cosine
            optimiser.zero_grad(set_to_none=True)
            A, b = model.pair_transforms()
            loss = WeightedDistance.apply(model.world_points(), A, b, stacked, pool)
            loss.backward()
            optimiser.step()
            losses[iteration] = float(loss.detach())
    return losses


def _edge_weights(
    edges: Sequence[Edge],
    pairs: Mapping[Edge, PairResult],
    soft_masks: Sequence[Float[Array, "_ _"]] | None,
    config: AlignmentConfig,
) -> tuple[dict[Edge, tuple[Array, Array]], WeightHistogram]:
    """max(W, 0) of both views of every edge, and how W is distributed before the clamp."""
    weights: dict[Edge, tuple[Array, Array]] = {}
    raw: list[Array] = []
    phis: list[Array] = []
    for edge in edges:
        pair = pairs[edge]
        both = []
        for view, conf, matched in zip(edge, (pair.conf_1, pair.conf_2), pair.matched(), strict=True):
            x = transformed_confidence(conf, config.conf_transform)
            if config.method == "ga":
                W = x
            else:
                x = x if soft_masks is None else soft_masks[view] * x
                W = _adjusted(x, matched, config)
            both.append(np.maximum(W, 0).astype(np.float32))
            raw.append(W.ravel())
            phis.append(matched.ravel())
        weights[edge] = (both[0], both[1])
    return weights, weight_histogram(np.concatenate(raw), np.concatenate(phis))


def _adjusted(
    x: Float[Array, "H W"], matched: Bool[Array, "H W"], config: AlignmentConfig
) -> Float[Array, "H W"]:
    if config.adjustment == "paper":
        return dynamic_weights(
            x, matched, alpha_p=config.alpha_p, alpha_n=config.alpha_n, epsilon=config.epsilon, clamp=False
        )
    steepness = STEEPNESS[config.adjustment] if config.steepness is None else config.steepness
    return ablated_weights(x, config.adjustment, steepness=steepness, clamp=False)


def _weighted_pixels(
    weights: Mapping[Edge, tuple[Array, Array]], cameras: Sequence[Camera]
) -> list[Bool[Array, "_ _"]]:
    """Pixels of every view to which any of its edges gives weight."""
    weighted = [np.zeros((camera.height, camera.width), bool) for camera in cameras]
    for edge, both in weights.items():
        for view, weight in zip(edge, both, strict=True):
            weighted[view] |= weight > 0
    return weighted


def _normalised(start: Start, *, gauge: bool) -> tuple[Start, float]:
    """The start in a unit that suits Adam's absolute steps, and that unit in world lengths.

    With the gauge (9) the product of the pair scales becomes 1; with known cameras the median depth does.
    """
    if gauge:
        unit = math.exp(np.mean([math.log(s.scale) for s in start.pair_poses.values()]))
    else:
        unit = float(np.median(np.concatenate([depth[depth > 0] for depth in start.depths])))
    return rescaled(start, 1 / unit), 1.0 if gauge else unit
