"""First Gaussians from points: where training starts."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from scipy.spatial import KDTree

from liftlab.components.types import DEGREE_0, Array, Gaussians, Pointmap, View

NEIGHBOURS = 3
START_OPACITY = 0.5
"""Points confirmed by several views are surfaces: start well above the 0.1 of sparse SfM points."""


def gaussians_from_points(
    points: Float[Array, "N 3"],
    colours: UInt8[Array, "N 3"],
    *,
    sh_degree: int = 0,
    opacity: float = START_OPACITY,
) -> Gaussians:
    """Round Gaussians as wide as the mean distance to the three nearest points.

    Raises:
        ValueError: fewer than 4 points.

    Source: Kerbl et al., SIGGRAPH 2023, section 5.1.
    """
    if len(points) <= NEIGHBOURS:
        raise ValueError(f"points must hold at least {NEIGHBOURS + 1} points; got {len(points)}.")
    distances = np.asarray(KDTree(points).query(points, k=NEIGHBOURS + 1, workers=-1)[0])
    spacing = np.maximum(distances[:, 1:].mean(axis=1), 1e-9)
    sh = np.zeros((len(points), (sh_degree + 1) ** 2, 3), np.float32)
    sh[:, 0] = (colours / 255.0 - 0.5) / DEGREE_0
    return Gaussians(
        means=np.ascontiguousarray(points, dtype=np.float32),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (len(points), 1)),
        scales=np.repeat(spacing[:, None], 3, axis=1).astype(np.float32),
        opacities=np.full(len(points), opacity, np.float32),
        sh=sh,
    )


def gaussians_from_pointmap(
    pointmap: Pointmap,
    views: Sequence[View],
    *,
    count: int = 20_000,
    conf_min: float = 1.0,
    sh_degree: int = 0,
) -> Gaussians:
    """One Gaussian per occupied voxel of the confident points, the voxel sized so that about `count` are
    occupied.

    Args:
        pointmap: Of `views`, same order.
        views: Their images give the colour.
        count: Wanted number of Gaussians; fewer when there are fewer points.
        conf_min: Points below this confidence are not used, unless fewer than 4 remain.
        sh_degree: Harmonics beyond degree 0 start at 0.

    Raises:
        ValueError: fewer than 4 valid points.
    """
    index = pointmap.point_index
    confident = pointmap.conf[pointmap.valid] >= conf_min
    if confident.sum() > NEIGHBOURS:
        index = index[confident]
    points = pointmap.pts3d[tuple(index.T)].astype(np.float64)
    colours = _colours(views, index)
    chosen = _one_per_voxel(points, count)
    return gaussians_from_points(points[chosen], colours[chosen], sh_degree=sh_degree)


def _colours(views: Sequence[View], index: Array) -> UInt8[Array, "N 3"]:
    out = np.empty((len(index), 3), np.uint8)
    for v, view in enumerate(views):
        own = index[:, 0] == v
        out[own] = view.image[index[own, 1], index[own, 2]]
    return out


def _one_per_voxel(points: Float[Array, "N 3"], count: int) -> Array:
    """Indices of the first point of every occupied voxel; the voxel size is found by bisection on its
    logarithm."""
    if len(points) <= count:
        return np.arange(len(points))
    low, extent = points.min(axis=0), float(np.ptp(points, axis=0).max())
    smallest, largest = extent * 1e-5, extent
    chosen = np.arange(len(points))
    for _ in range(20):
        size = float(np.sqrt(smallest * largest))
        cells = np.floor((points - low) / size).astype(np.int64)
        keys = (cells[:, 0] * 2_000_003 + cells[:, 1]) * 2_000_003 + cells[:, 2]
        _, chosen = np.unique(keys, return_index=True)
        if abs(len(chosen) - count) <= 0.05 * count:
            break
        smallest, largest = (size, largest) if len(chosen) > count else (smallest, size)
    return np.sort(chosen)
