"""Which pixels of the views are optimised, as arrays of one size."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from liftlab.components.geometry.projection import pixel_centers
from liftlab.components.pointmaps.alignment.loss import EdgePixels
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.types import Array, Camera


def stacked_edges(
    edges: Sequence[Edge],
    pairs: Mapping[Edge, PairResult],
    weights: Mapping[Edge, tuple[Array, Array]],
    cameras: Sequence[Camera],
    stride: int,
) -> EdgePixels:
    """Sampled pixels of all edges as planar arrays, padded to the largest view."""
    grids = [sampled_pixels(camera, stride)[1] for camera in cameras]
    count = max(len(index) for index in grids)
    points = np.zeros((2 * len(edges), 3, count), np.float32)
    sampled = np.zeros((2 * len(edges), count), np.float32)
    views = np.array([view for edge in edges for view in edge], np.int64)
    for e, edge in enumerate(edges):
        for side, (pts3d, weight) in enumerate(
            zip((pairs[edge].pts3d_1, pairs[edge].pts3d_2), weights[edge], strict=True)
        ):
            index = grids[edge[side]]
            points[2 * e + side, :, : len(index)] = pts3d.reshape(-1, 3)[index].T
            sampled[2 * e + side, : len(index)] = weight.ravel()[index]
    return EdgePixels(points, sampled, views)


def sampled_pixels(camera: Camera, stride: int) -> tuple[Float[Array, "P 2"], Array]:
    """Pixel centres of every `stride`-th pixel, and their flat indices."""
    rows = np.arange(stride // 2, camera.height, stride)
    columns = np.arange(stride // 2, camera.width, stride)
    index = (rows[:, None] * camera.width + columns[None, :]).ravel()
    return pixel_centers(camera.width, camera.height).reshape(-1, 2)[index], index


def padded(values: Array, count: int) -> Array:
    """`values` with ones appended up to `count` rows; their weights are 0, so they only have to be finite."""
    return np.concatenate([values, np.ones((count - len(values), *values.shape[1:]))])
