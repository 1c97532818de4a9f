"""Stray points: a few that lie apart from the rest, on what is seen past an object's outline."""

from itertools import product

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.types import Array

FEW = 0.01
"""Share of an object's points below which a piece of it may be stray."""
APART = 0.1
"""Of the longest side of the box around the middle 98 % of the points: pieces with less between them are one."""
FAR_CELLS = 40
"""Cells along an axis beyond which everything is far away, and counts as one cell."""
LEAST = 50
"""Of fewer points none is stray: it takes many to say where an object is."""


def stray_points(points: Float[Array, "N 3"]) -> Bool[Array, "N"]:
    """Which points are few and apart: in pieces that hold under a hundredth of the points, with a tenth of the object's
    length or more between them and the larger pieces.

    Pieces are sets of occupied cells of a grid that touch, also at a corner. Points that are not finite are stray.
    """
    finite = np.asarray(np.isfinite(points).all(axis=1))
    if finite.sum() < LEAST:
        return np.logical_not(finite)
    known = np.asarray(points, np.float64)[finite]
    low, high = np.quantile(known, [0.01, 0.99], axis=0)
    cell = APART * float((high - low).max())
    if cell <= 0:
        return np.logical_not(finite)
    at = np.clip(np.floor((known - low) / cell), -FAR_CELLS, FAR_CELLS).astype(np.int64)
    at -= at.min(axis=0)
    cells, of_point = np.unique(at, axis=0, return_inverse=True)
    pieces = _touching(cells)[of_point.ravel()]
    stray = np.logical_not(finite)
    stray[finite] = (np.bincount(pieces) < FEW * len(known))[pieces]
    return stray


def _touching(cells: np.ndarray) -> np.ndarray:
    """Number of the piece that each cell [C, 3] belongs to.

    At most some thousand cells: not worth loading scipy for on the way of a click.
    """
    left = {cell: number for number, cell in enumerate(map(tuple, cells.tolist()))}
    piece = np.zeros(len(cells), np.int64)
    for count in range(len(cells)):
        if not left:
            break
        cell, number = left.popitem()
        piece[number] = count
        reached = [cell]
        while reached:
            x, y, z = reached.pop()
            for beside in product((x - 1, x, x + 1), (y - 1, y, y + 1), (z - 1, z, z + 1)):
                number = left.pop(beside, None)
                if number is not None:
                    piece[number] = count
                    reached.append(beside)
    return piece
