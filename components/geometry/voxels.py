"""Voxel thinning: one representative per occupied cell, so that pixel density has no weight; neighbours."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from liftlab.components.types import Array

_HALF_NEIGHBOURHOOD = [
    (dx, dy, dz) for dx in (-1, 0, 1) for dy in (-1, 0, 1) for dz in (-1, 0, 1) if (dx, dy, dz) > (0, 0, 0)
]
"""13 of the 26 neighbours of a cell: each pair of touching cells is met once."""


@dataclass(frozen=True)
class VoxelGrid:
    """The occupied cells of a regular grid, in grid order (so everything built on them is deterministic)."""

    keys: Int[Array, "C"]
    """Cell number in the grid, ascending."""
    extent: Int[Array, "3"]
    """Cells along each axis, with an empty margin of one cell."""

    @property
    def count(self) -> int:
        return len(self.keys)

    def edges(self) -> Int[Array, "E 2"]:
        """Pairs of touching cells (26 neighbours), as indices with the first below the second."""
        pairs = []
        for dx, dy, dz in _HALF_NEIGHBOURHOOD:
            step = (dx * int(self.extent[1]) + dy) * int(self.extent[2]) + dz
            found = np.searchsorted(self.keys, self.keys + step)
            found[found == self.count] = 0
            first = np.flatnonzero(self.keys[found] == self.keys + step)
            pairs.append(np.stack([first, found[first]], axis=1))
        return np.concatenate(pairs)


def voxel_grid(points: Float[Array, "N 3"], size: float) -> tuple[Int[Array, "N"], VoxelGrid]:
    """Sort points into the cells of a regular grid.

    Args:
        points: World frame, finite.
        size: Edge of a cell, scene units, above 0.

    Returns:
        Cell of every point in 0..C-1, and the grid.

    Raises:
        ValueError: `size` is not positive, or the grid would need more than 2^62 cells.
    """
    if not size > 0:
        raise ValueError(f"size must be above 0; got {size}.")
    if len(points) == 0:
        return np.zeros(0, np.int64), VoxelGrid(np.zeros(0, np.int64), np.ones(3, np.int64))
    cells = np.floor((points - points.min(axis=0)) / size).astype(np.int64) + 1
    extent = cells.max(axis=0) + 2
    if float(extent[0]) * float(extent[1]) * float(extent[2]) > 2.0**62:
        raise ValueError(f"size must be coarser; got {size} for a grid of {tuple(extent)} cells.")
    keys, ids = np.unique(
        (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2], return_inverse=True
    )
    return ids.astype(np.int64), VoxelGrid(keys, extent)


def cell_means(ids: Int[Array, "N"], count: int, values: Float[Array, "N D"]) -> Float[Array, "C D"]:
    """Mean of `values` in each of `count` cells; every cell must hold at least one row."""
    sizes = np.bincount(ids, minlength=count)[:, None]
    sums = [np.bincount(ids, values[:, d], count) for d in range(values.shape[1])]
    return np.stack(sums, axis=1) / sizes
