"""Which views help which, and between which depths to look, from sparse points."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.geometry.projection import project
from liftlab.components.types import Array, Camera

BEST_ANGLE_DEG = 9.0
NEAR_MARGIN, FAR_MARGIN = 0.6, 1.6
"""Sparse points miss the nearest and the farthest things: a range tied to them would cut the foreground
away."""


def select_sources(
    cameras: Sequence[Camera],
    points: Float[Array, "N 3"],
    visible: Bool[Array, "V N"],
    count: int,
) -> list[list[int]]:
    """Per view up to `count` other views, best first: much in common, seen under a fair angle.

    Points in view of both cameras count a quarter even when no detail of theirs was matched, so that views
    with few matches find sources too. Empty for a view that shares nothing.
    """
    inside = np.stack([_in_view(camera, points) for camera in cameras])
    rays = np.stack([camera.center - points for camera in cameras])
    rays /= np.maximum(np.linalg.norm(rays, axis=2, keepdims=True), 1e-12)
    chosen = []
    for i in range(len(cameras)):
        scores = []
        for j in range(len(cameras)):
            common = inside[i] & inside[j]
            if i == j or common.sum() < 4:
                continue
            angle = np.degrees(np.arccos(np.clip((rays[i, common] * rays[j, common]).sum(axis=1), -1, 1)))
            matched = (visible[i] & visible[j])[common]
            weight = (0.25 + 0.75 * matched) * _angle_weight(angle)
            scores.append((float(np.sqrt(weight.sum()) * np.median(_angle_weight(angle))), j))
        scores.sort(key=lambda item: (-item[0], item[1]))
        chosen.append([j for score, j in scores[:count] if score > 0])
    return chosen


def depth_range(
    camera: Camera, points: Float[Array, "N 3"], visible: Bool[Array, "N"]
) -> tuple[float, float] | None:
    """(near, far) for a view from its points, with margins; None when fewer than 4 points lie in view."""
    seen = visible if visible.sum() >= 20 else _in_view(camera, points)
    _, depth = project(camera, points[seen])
    depth = depth[depth > 0]
    if len(depth) < 4:
        return None
    low, high = np.percentile(depth, [1, 99])
    return float(low) * NEAR_MARGIN, float(high) * FAR_MARGIN


def _angle_weight(angle_deg: Float[Array, "M"]) -> Float[Array, "M"]:
    """1 at the best angle, falling faster towards parallel rays than towards wide ones."""
    width = np.where(angle_deg < BEST_ANGLE_DEG, 4.0, 12.0)
    return np.exp(-((angle_deg - BEST_ANGLE_DEG) ** 2) / (2 * width**2))


def _in_view(camera: Camera, points: Float[Array, "N 3"]) -> Bool[Array, "N"]:
    xy, depth = project(camera, points)
    xy = np.nan_to_num(xy, nan=-1.0)
    return (depth > 0) & (xy >= 0).all(axis=1) & (xy[:, 0] < camera.width) & (xy[:, 1] < camera.height)
