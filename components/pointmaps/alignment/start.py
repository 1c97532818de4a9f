"""Where the alignment starts: spanning tree, registration, focal lengths, camera poses, pair poses.

Source: docs/methods/wildseg3d.md section 3.5 a to e, after DUSt3R (CVPR 2024). Pixel centres are at +0.5 here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import (
    opencv_from_centered_intrinsics,
    pixel_centers,
    register_similarity,
    transform,
)
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.types import Array, Camera

PNP_ITERATIONS = 10
PNP_ERROR_PX = 5.0
_PNP_POINTS = 4000
"""PnP looks at this many of the most confident pixels, evenly spaced among them."""
_REGISTERED_POINTS = 20_000
"""Registration looks at about this many evenly spaced pixels."""
_REWEIGHTINGS = 15


@dataclass(frozen=True)
class Similarity:
    """target = scale * (R @ source + t), the sigma_e P_e of eq. (8): the scale multiplies the translation too."""

    scale: float
    R: Float[Array, "3 3"]
    t: Float[Array, "3"]

    def __call__(self, points: Float[Array, "*N 3"]) -> Float[Array, "*N 3"]:
        return self.scale * (points @ self.R.T + self.t)


@dataclass(frozen=True)
class Start:
    """Initial values of everything the alignment optimises, in one world frame."""

    cameras: tuple[Camera, ...]
    depths: tuple[Float[Array, "_ _"], ...]
    """Along +Z; 0 where no edge has the view."""
    pair_poses: dict[Edge, Similarity]


def rescaled(start: Start, factor: float) -> Start:
    """The same arrangement with all world lengths multiplied."""
    cameras = []
    for camera in start.cameras:
        pose = camera.world_to_camera.copy()
        pose[:3, 3] *= factor
        cameras.append(replace(camera, world_to_camera=pose))
    return Start(
        cameras=tuple(cameras),
        depths=tuple(depth * factor for depth in start.depths),
        pair_poses={edge: replace(s, scale=s.scale * factor) for edge, s in start.pair_poses.items()},
    )


def edge_score(pair: PairResult) -> float:
    """How good a pair is: the product of its mean confidences."""
    return float(pair.conf_1.mean()) * float(pair.conf_2.mean())


def spanning_tree(num_views: int, scores: Mapping[Edge, float]) -> list[tuple[Edge, int]]:
    """Maximum spanning tree, best edge first; each edge with the view it attaches.

    The first edge attaches its second view to its first. Ties go to the smaller edge.

    Raises:
        InputError: The edges do not connect all views.
    """
    ranked = sorted(scores, key=lambda edge: (-scores[edge], edge))
    if num_views > 1 and not ranked:
        raise InputError("No two photos could be matched: take photos that overlap.")
    tree: list[tuple[Edge, int]] = []
    known = {ranked[0][0]} if ranked else {0}
    while len(known) < num_views:
        edge = next((e for e in ranked if (e[0] in known) != (e[1] in known)), None)
        if edge is None:
            lost = ", ".join(str(v + 1) for v in range(num_views) if v not in known)
            raise InputError(f"Photos {lost} match none of the others: take photos in between.")
        new = edge[1] if edge[0] in known else edge[0]
        tree.append((edge, new))
        known.add(new)
    return tree


def focal_from_pointmap(pts3d: Float[Array, "H W 3"], weiszfeld_iterations: int = 10) -> float:
    """Focal length in pixels of a pointmap in its own camera frame, principal point at the image centre.

    L2 closed form f = <u, w> / <w, w> with u = pixel - centre and w = (X/Z, Y/Z), then Weiszfeld re-weighting with
    weights 1 / max(|u - f w|, 1e-8). Points behind the camera do not count.

    Raises:
        ValueError: No point lies before the camera.
    """
    height, width = pts3d.shape[:2]
    u = (pixel_centers(width, height) - np.array([width / 2, height / 2])).reshape(-1, 2)
    flat = pts3d.reshape(-1, 3).astype(np.float64)
    front = flat[:, 2] > 1e-9
    if not front.any():
        raise ValueError("pts3d must lie before its camera (Z > 0); got none that does.")
    u, w = u[front], flat[front, :2] / flat[front, 2:]
    uw, ww = (u * w).sum(axis=1), (w * w).sum(axis=1)
    focal = uw.mean() / ww.mean()
    for _ in range(weiszfeld_iterations):
        weight = 1 / np.maximum(np.linalg.norm(u - focal * w, axis=1), 1e-8)
        focal = (weight * uw).sum() / (weight * ww).sum()
    return float(focal)


def camera_of_points(
    pts3d: Float[Array, "H W 3"], conf: Float[Array, "H W"], K: Float[Array, "3 3"], *, threshold: float
) -> tuple[Float[Array, "4 4"], float] | None:
    """Pose (camera from the points' frame) by PnP-RANSAC, and its median reprojection error in pixels."""
    rows, columns = np.nonzero((conf > threshold) & np.isfinite(pts3d).all(axis=-1))
    if len(rows) < 6:
        return None
    step = max(1, len(rows) // _PNP_POINTS)
    rows, columns = rows[::step], columns[::step]
    points = pts3d[rows, columns].astype(np.float64)
    xy = np.stack([columns, rows], axis=1).astype(np.float64)  # OpenCV counts centres from 0
    cv2.setRNGSeed(0)
    found, rvec, tvec, _ = cv2.solvePnPRansac(
        points, xy, opencv_from_centered_intrinsics(K), None,
        iterationsCount=PNP_ITERATIONS, reprojectionError=PNP_ERROR_PX, flags=cv2.SOLVEPNP_SQPNP,
    )  # fmt: skip
    if not found:
        return None
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(rvec)[0], tvec[:, 0]
    return pose, _reprojection_error(points, xy + 0.5, K, pose)


def start_of_pairs(
    cameras: Sequence[Camera],
    pairs: Mapping[Edge, PairResult],
    *,
    known: Literal["unknown", "known_focal", "known"],
    threshold: float,
) -> Start:
    """Where the pairs and views start, with what is known of the cameras: nothing, focal lengths, or all.

    Raises:
        InputError: No pair fits the cameras, or the pairs do not connect all views.
    """
    if known == "known":
        start = start_from_cameras(cameras, pairs, threshold=threshold)
    else:
        start = start_from_tree(cameras, pairs, focals_known=known == "known_focal", threshold=threshold)
    if not start.pair_poses:
        raise InputError("No pair of photos fits the cameras given: check that they belong to these photos.")
    return start


def start_from_tree(
    cameras: Sequence[Camera],
    pairs: Mapping[Edge, PairResult],
    *,
    focals_known: bool,
    threshold: float,
) -> Start:
    """Chain the pairs along their spanning tree; the world is the camera of the best edge's first view.

    Pairs that know their own relative pose are placed by it, and only their scale is measured: pointmaps by stereo hold
    depths that are wrong by multiples, and their registration may turn a photo by many degrees.

    Args:
        cameras: Image sizes, and intrinsics when `focals_known`; their poses are not looked at.
        pairs: Pointmaps per edge.
        focals_known: Take K from `cameras`; else estimate focals, principal points at the image centres.
        threshold: Pixels above this confidence take part in PnP.

    Raises:
        InputError: The pairs do not connect all views.
    """
    tree = spanning_tree(len(cameras), {edge: edge_score(pair) for edge, pair in pairs.items()})
    world: dict[int, Array] = {}
    conf: dict[int, Array] = {}
    poses: dict[int, Array] = {}
    for position, (edge, new) in enumerate(tree):
        pair = pairs[edge]
        first, second = edge
        points = {first: pair.pts3d_1, second: pair.pts3d_2}
        confs = {first: pair.conf_1, second: pair.conf_2}
        if position == 0:
            world[first], conf[first] = points[first].astype(np.float64), confs[first]
            poses[first] = np.eye(4)
        old = first if new == second else second
        if pair.second_from_first is not None:
            scale, R, t = register_posed(pair, int(old == second), poses[old], world[old])
            poses[new] = _pose_of(pair, int(new == second), scale, R, t)
        else:
            scale, R, t = register_pair(points[old], world[old], confs[old])
            if new == first:  # its pointmap is in its own camera frame
                poses[new] = _rigid_inverse(R, t)
        world[new], conf[new] = scale * points[new] @ R.T + t, confs[new]
    if not tree:
        raise InputError("A single photo cannot be aligned: take at least two.")
    Ks = [_intrinsics(v, camera, pairs, focals_known) for v, camera in enumerate(cameras)]
    placed = []
    for view, camera in enumerate(cameras):
        pose = _checked_pose(poses.get(view), world[view], conf[view], Ks[view], threshold)
        placed.append(Camera(Ks[view], pose, camera.width, camera.height))
    depths = tuple(
        transform(camera.world_to_camera, world[view])[..., 2] for view, camera in enumerate(placed)
    )
    pair_poses = {}
    for edge, pair in pairs.items():
        if pair.second_from_first is not None:
            scale, R, t = register_posed(pair, 0, placed[edge[0]].world_to_camera, world[edge[0]])
        else:
            scale, R, t = register_pair(pair.pts3d_1, world[edge[0]], pair.conf_1)
        pair_poses[edge] = Similarity(scale, R, t / scale)
    return Start(tuple(placed), depths, pair_poses)


def start_from_cameras(
    cameras: Sequence[Camera], pairs: Mapping[Edge, PairResult], *, threshold: float
) -> Start:
    """Place every pair by its two known cameras; each pixel starts at the depth of its most confident edge.

    An edge whose own cameras PnP cannot find is dropped from `pair_poses`.
    """
    pair_poses = {}
    depths = [np.zeros((camera.height, camera.width)) for camera in cameras]
    best = [np.zeros((camera.height, camera.width)) for camera in cameras]
    for edge, pair in pairs.items():
        placed = _place_pair(cameras[edge[0]], cameras[edge[1]], pair, threshold)
        if placed is None:
            continue
        pair_poses[edge] = placed
        for view, points, conf in zip(
            edge, (pair.pts3d_1, pair.pts3d_2), (pair.conf_1, pair.conf_2), strict=True
        ):
            depth = transform(cameras[view].world_to_camera, placed(points.astype(np.float64)))[..., 2]
            better = (conf > best[view]) & (depth > 0)
            depths[view][better], best[view][better] = depth[better], conf[better]
    return Start(tuple(cameras), tuple(depths), pair_poses)


def _place_pair(first: Camera, second: Camera, pair: PairResult, threshold: float) -> Similarity | None:
    """Similarity that takes the cameras of a pair, found by PnP in its own frame, onto the known ones."""
    found = [
        camera_of_points(points, conf, camera.K, threshold=threshold)
        for points, conf, camera in ((pair.pts3d_1, pair.conf_1, first), (pair.pts3d_2, pair.conf_2, second))
    ]
    if found[0] is None or found[1] is None:
        return None
    own = [pose for pose, _ in (found[0], found[1])]
    U, _, Vt = np.linalg.svd(
        sum(
            known.world_to_camera[:3, :3].T @ pose[:3, :3]
            for known, pose in zip((first, second), own, strict=True)
        )
    )
    R = U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
    centers = [-pose[:3, :3].T @ pose[:3, 3] for pose in own]
    own_baseline = np.linalg.norm(centers[1] - centers[0])
    if own_baseline < 1e-12:
        return None
    scale = float(np.linalg.norm(second.center - first.center) / own_baseline)
    middle, own_middle = (first.center + second.center) / 2, (centers[0] + centers[1]) / 2
    return Similarity(scale, R, middle / scale - R @ own_middle)


def register_pair(source: Array, target: Array, conf: Array) -> tuple[float, Array, Array]:
    """Similarity that takes `source` to `target`, robust to points that are far off.

    Weighted Procrustes as in the source, with two differences. Weights are C - 1 instead of C: a pixel that knows
    nothing (C = 1) has no say. And like the loss (8) the distance is not squared: the fit is repeated with weights
    divided by the distances it left, because one pointmap of weak stereo holds depths that are wrong by multiples.
    """
    step = max(1, conf.size // _REGISTERED_POINTS)
    source = source.reshape(-1, 3)[::step].astype(np.float64)
    target = target.reshape(-1, 3)[::step]
    trust = np.maximum(conf.ravel()[::step].astype(np.float64) - 1, 1e-6)
    weights = trust
    for _ in range(_REWEIGHTINGS):
        scale, R, t = register_similarity(source, target, weights)
        distance = np.linalg.norm(scale * source @ R.T + t - target, axis=1)
        weights = trust / np.maximum(distance, 0.01 * np.median(distance) + 1e-12)
    return register_similarity(source, target, weights)


def register_posed(
    pair: PairResult, side: int, pose: Float[Array, "4 4"], world: Array
) -> tuple[float, Array, Array]:
    """Similarity that takes a pair with a known relative pose to the world of one of its views, whose pose is known.

    Only the scale is measured: the median ratio of the view's two depths, weighed by C - 1.

    Args:
        pair: With `second_from_first`.
        side: 0 for its first view, 1 for its second.
        pose: world_to_camera of that view.
        world: World point of each of that view's pixels.
    """
    own, points, conf = _own_frame(pair, side)
    before, after = transform(own, points.astype(np.float64))[..., 2], transform(pose, world)[..., 2]
    good = (before > 0) & (after > 0)
    ratio, trust = after[good] / before[good], np.maximum(conf[good].astype(np.float64) - 1, 1e-6)
    scale = 1.0
    if len(ratio):
        order = np.argsort(ratio)
        reached = np.cumsum(trust[order])
        scale = float(ratio[order][np.searchsorted(reached, 0.5 * reached[-1])])
    R_world = pose[:3, :3].T
    return scale, R_world @ own[:3, :3], R_world @ (scale * own[:3, 3] - pose[:3, 3])


def _pose_of(pair: PairResult, side: int, scale: float, R: Array, t: Array) -> Float[Array, "4 4"]:
    """world_to_camera of a view of a pair that is placed by a similarity."""
    own = _own_frame(pair, side)[0]
    out = np.eye(4)
    out[:3, :3] = own[:3, :3] @ R.T
    out[:3, 3] = scale * own[:3, 3] - out[:3, :3] @ t
    return out


def _own_frame(pair: PairResult, side: int) -> tuple[Float[Array, "4 4"], Array, Array]:
    """Camera of a view from the pair's frame, and the view's points and confidence in that frame."""
    assert pair.second_from_first is not None
    return (
        (np.eye(4), pair.pts3d_1, pair.conf_1)
        if side == 0
        else (pair.second_from_first, pair.pts3d_2, pair.conf_2)
    )


def _intrinsics(
    view: int, camera: Camera, pairs: Mapping[Edge, PairResult], focals_known: bool
) -> Float[Array, "3 3"]:
    """K of the camera, or with the focal of the best pointmap that is in the view's own frame.

    A view that is first in no edge takes the median of the others' focals.
    """
    if focals_known:
        return np.asarray(camera.K, dtype=np.float64)
    own = {edge: edge_score(pair) for edge, pair in pairs.items() if edge[0] == view}
    if own:
        focal = focal_from_pointmap(pairs[max(own, key=lambda edge: own[edge])].pts3d_1)
    else:
        focal = float(np.median([focal_from_pointmap(pair.pts3d_1) for pair in pairs.values()]))
    return np.array([[focal, 0, camera.width / 2], [0, focal, camera.height / 2], [0, 0, 1.0]])


def _checked_pose(
    pose: Array | None, world: Array, conf: Array, K: Array, threshold: float
) -> Float[Array, "4 4"]:
    """The pose from the tree where it reprojects well, else by PnP, else whichever there is, else identity."""
    if pose is not None:
        rows, columns = np.nonzero(conf > min(threshold, float(np.median(conf))))
        xy = np.stack([columns, rows], axis=1) + 0.5
        if _reprojection_error(world[rows, columns], xy, K, pose) < PNP_ERROR_PX:
            return pose
    found = camera_of_points(world, conf, K, threshold=threshold)
    if found is not None:
        return found[0]
    return np.eye(4) if pose is None else pose


def _reprojection_error(points: Array, xy: Array, K: Array, pose: Array) -> float:
    """Median distance in pixels; points behind the camera count as infinitely far."""
    if len(points) == 0:
        return float("inf")
    seen = transform(pose, points)
    with np.errstate(divide="ignore", invalid="ignore"):
        projected = seen[:, :2] / seen[:, 2:] * np.array([K[0, 0], K[1, 1]]) + K[:2, 2]
        distance = np.linalg.norm(projected - xy, axis=1)
    return float(np.median(np.where((seen[:, 2] > 0) & np.isfinite(distance), distance, np.inf)))


def _rigid_inverse(R: Array, t: Array) -> Float[Array, "4 4"]:
    """world_to_camera of a camera whose rotation to the world is R and whose centre is t."""
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = R.T, -R.T @ t
    return out


def parameter(values: Array | Sequence[Sequence[float]]) -> Tensor:
    """Starting values as single floats that an optimiser changes."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).requires_grad_()
