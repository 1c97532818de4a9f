"""From the sampled points of a cloud back to every point and pixel of the scene."""

import numpy as np
from jaxtyping import Float, Int, Int32
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from liftlab.components.openvocab.cloud import Cloud
from liftlab.components.types import Array, Scene

CANDIDATES = 4
"""Sampled points in the same photo, one on each side, of which the likest is taken."""
COLOUR_WEIGHT = 2.0
"""Of a full step of colour beside a distance of one sampling step: edges of things are edges of colour [ours]."""


def spread(scene: Scene, cloud: Cloud, superpoint: Int[Array, "N"]) -> Int32[Array, "P"]:
    """Superpoint of every point of the scene: that of the likest sampled point around it in its own photo.

    Likest: near in 3D, in units of the sampling step there, and of like colour. A point without a sampled one around
    it takes the nearest in 3D.
    """
    pointmap = scene.pointmap
    total = int(pointmap.offsets[-1])
    if len(cloud.index) == 0:
        return np.full(total, -1, np.int32)
    out = np.full(total, -1, np.int32)
    sample_of = np.full(pointmap.valid.shape, -1, np.int32)
    view_of, row_of, column_of = pointmap.point_index[cloud.index].T
    sample_of[view_of, row_of, column_of] = np.arange(len(cloud.index), dtype=np.int32)
    step = _step(row_of, column_of, view_of)
    points = pointmap.points
    for view, one in enumerate(scene.views):
        start, end = int(pointmap.offsets[view]), int(pointmap.offsets[view + 1])
        if end == start:
            continue
        rows, columns = np.nonzero(pointmap.valid[view])
        colours = one.image[rows, columns].astype(np.float32) / 255
        best = np.full(end - start, np.inf, np.float32)
        for sample in _around(sample_of[view], rows, columns, step):
            there = np.flatnonzero(sample >= 0)
            own = sample[there]
            reach = step * cloud.spacing[own]
            away = np.linalg.norm(points[start + there] - points[cloud.index[own]], axis=1) / reach
            unlike = np.abs(colours[there] - cloud.rgb[own] / np.float32(255)).sum(axis=1) / 3
            cost = (away + COLOUR_WEIGHT * unlike).astype(np.float32)
            better = cost < best[there]
            best[there[better]] = cost[better]
            out[start + there[better]] = superpoint[own[better]]
    lost = np.flatnonzero(out < 0)
    if len(lost):
        nearest = KDTree(points[cloud.index]).query(points[lost])[1]
        out[lost] = superpoint[nearest]
    return out


def _step(rows: Int[Array, "N"], columns: Int[Array, "N"], views: Int[Array, "N"]) -> int:
    """Rows between neighbouring sampled pixels."""
    different = np.unique(rows)
    return int(np.diff(different).min()) if len(different) > 1 else 1


def _around(
    samples: Int32[Array, "H W"], rows: Int[Array, "M"], columns: Int[Array, "M"], step: int
) -> list[Int32[Array, "M"]]:
    """The sampled points at the corners of each pixel's lattice cell, -1 where there is none."""
    first = step // 2
    low_row, low_column = (rows - first) // step, (columns - first) // step
    found = []
    for down in (0, 1):
        for right in (0, 1):
            r, c = (low_row + down) * step + first, (low_column + right) * step + first
            inside = (r >= 0) & (c >= 0) & (r < samples.shape[0]) & (c < samples.shape[1])
            found.append(np.where(inside, samples[np.where(inside, r, 0), np.where(inside, c, 0)], -1))
    return found


def pixels_of(scene: Scene, of_points: Int32[Array, "P"]) -> Int32[Array, "V H W"]:
    """The superpoint of every pixel; those without a point take the nearest pixel's of their photo, -1 in padding."""
    valid, offsets = scene.pointmap.valid, scene.pointmap.offsets
    out = np.full(valid.shape, -1, np.int32)
    for view, one in enumerate(scene.views):
        height, width = one.camera.height, one.camera.width
        own = out[view, :height, :width]
        there = np.asarray(valid[view, :height, :width])
        own[there] = of_points[offsets[view] : offsets[view + 1]]
        if there.any() and not there.all():
            nearest = np.asarray(distance_transform_edt(~there, return_distances=False, return_indices=True))
            own[:] = own[nearest[0], nearest[1]]
    return out


def distances(points: Float[Array, "M 3"], place: Float[Array, "3"]) -> Float[Array, "M"]:
    """Of points to one place."""
    return np.linalg.norm(points - place, axis=1)
