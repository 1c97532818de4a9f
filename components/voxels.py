"""Voxel thinning: one representative per occupied cell, so that pixel density has no weight."""

import numpy as np
from jaxtyping import Float, Int

from components.types import Array


def voxel_ids(points: Float[Array, "N 3"], size: float) -> tuple[Int[Array, "N"], int]:
    """Number the occupied cells of a regular grid.

    Args:
        points: World frame.
        size: Edge of a cell, scene units, above 0.

    Returns:
        Cell of every point in 0..C-1, and C. Cells are numbered in grid order, so the result is
        deterministic.

    Raises:
        ValueError: `size` is not positive, or the grid would need more than 2^62 cells.
    """
    if not size > 0:
        raise ValueError(f"size must be above 0; got {size}.")
    if len(points) == 0:
        return np.zeros(0, np.int64), 0
    cells = np.floor((points - points.min(axis=0)) / size).astype(np.int64)
    extent = cells.max(axis=0) + 1
    if float(extent[0]) * float(extent[1]) * float(extent[2]) > 2.0**62:
        raise ValueError(f"size must be coarser; got {size} for a grid of {tuple(extent)} cells.")
    keys = (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2]
    _, ids = np.unique(keys, return_inverse=True)
    return ids.astype(np.int64), int(ids.max()) + 1


def cell_means(ids: Int[Array, "N"], count: int, values: Float[Array, "N D"]) -> Float[Array, "C D"]:
    """Mean of `values` in each of `count` cells; every cell must hold at least one row."""
    sizes = np.bincount(ids, minlength=count)[:, None]
    sums = [np.bincount(ids, values[:, d], count) for d in range(values.shape[1])]
    return np.stack(sums, axis=1) / sizes
