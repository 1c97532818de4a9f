"""After the alignment: depths of the pixels it left out, and points that float in front of surer surfaces."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.geometry.projection import pixel_centers, points_from_depth, project
from liftlab.components.pointmaps.alignment.start import Start
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.types import Array, Camera

_IRLS_ITERATIONS = 10


def refined_depths(
    found: Start, pairs: Mapping[Edge, PairResult], weights: Mapping[Edge, tuple[Array, Array]]
) -> tuple[Float[Array, "_ _"], ...]:
    """Depth of every pixel that minimises eq. (8) with cameras and pair poses fixed.

    Each pixel is a problem of its own: the point on its ray with the least weighted sum of distances to what its edges
    say, found by Weiszfeld's re-weighting. Pixels that no edge weighs keep their depth.
    """
    out = []
    for view, camera in enumerate(found.cameras):
        targets, wanted = [], []
        for edge, pose in found.pair_poses.items():
            for side, pts3d in enumerate((pairs[edge].pts3d_1, pairs[edge].pts3d_2)):
                if edge[side] == view:
                    targets.append(pose(pts3d.reshape(-1, 3).astype(np.float64)))
                    wanted.append(weights[edge][side].ravel().astype(np.float64))
        out.append(
            _depth_on_rays(camera, found.depths[view], targets, wanted) if targets else found.depths[view]
        )
    return tuple(out)


def _depth_on_rays(
    camera: Camera, depth: Float[Array, "H W"], targets: Sequence[Array], weights: Sequence[Array]
) -> Float[Array, "H W"]:
    xy = pixel_centers(camera.width, camera.height).reshape(-1, 2)
    tangents = (xy - camera.K[:2, 2]) / np.array([camera.K[0, 0], camera.K[1, 1]])
    rays = np.concatenate([tangents, np.ones_like(tangents[:, :1])], axis=1) @ camera.world_to_camera[:3, :3]
    offsets = np.stack(targets) - camera.center  # [E, P, 3]
    along = (offsets * rays).sum(-1)  # [E, P]
    length = (rays * rays).sum(-1)
    W = np.stack(weights)
    total = W.sum(axis=0)
    solved = (W * along).sum(axis=0) / np.maximum(total * length, 1e-300)
    for _ in range(_IRLS_ITERATIONS):
        distance = np.linalg.norm(offsets - solved[:, None] * rays, axis=-1)
        share = W / np.maximum(distance, 1e-6 * np.abs(solved) + 1e-12)
        solved = (share * along).sum(axis=0) / np.maximum((share * length).sum(axis=0), 1e-300)
    good = (total > 0) & (solved > 0)
    return np.where(good.reshape(depth.shape), solved.reshape(depth.shape), depth)


def front_points(
    cameras: Sequence[Camera],
    depths: Sequence[Float[Array, "_ _"]],
    conf: Sequence[Float[Array, "_ _"]],
    *,
    tolerance: float = 0.001,
) -> tuple[Bool[Array, "_ _"], ...]:
    """True at points that lie in front of another view's depth and are less confident than it: flying pixels.

    Args:
        cameras: One per view.
        depths: Along +Z; 0 means no depth.
        conf: Higher is surer.
        tolerance: How much nearer, relative to the other view's depth, counts as in front.

    Source: DUSt3R's cleaning of pointmaps (docs/methods/wildseg3d.md section 7, item 8).
    """
    out = []
    for view, camera in enumerate(cameras):
        points = points_from_depth(camera, depths[view]).reshape(-1, 3)
        own = conf[view].ravel()
        drop = np.zeros(len(points), bool)
        for other, seen_by in enumerate(cameras):
            if other == view:
                continue
            xy, z = project(seen_by, points)
            inside = (z > 0) & (xy[:, 0] >= 0) & (xy[:, 1] >= 0)
            inside &= (xy[:, 0] < seen_by.width) & (xy[:, 1] < seen_by.height)
            column, row = np.floor(xy[inside]).astype(int).T
            there = depths[other][row, column]
            ahead = (
                (there > 0) & (z[inside] < (1 - tolerance) * there) & (own[inside] < conf[other][row, column])
            )
            drop[np.flatnonzero(inside)[ahead]] = True
        out.append((drop & (depths[view].ravel() > 0)).reshape(depths[view].shape))
    return tuple(out)


def largest_confidence(pairs: Mapping[Edge, PairResult], cameras: Sequence[Camera]) -> tuple[Array, ...]:
    """Per pixel of every view the largest confidence of its pairs."""
    conf = [np.zeros((camera.height, camera.width), np.float32) for camera in cameras]
    for edge, pair in pairs.items():
        for view, own in zip(edge, (pair.conf_1, pair.conf_2), strict=True):
            np.maximum(conf[view], own, out=conf[view])
    return tuple(conf)
