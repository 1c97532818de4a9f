"""Binary codes: which corner of the unit cube a vector is nearest to, and the repair of what training leaves behind.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int64
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from liftlab.components.geometry.voxels import cell_means, voxel_grid
from liftlab.components.types import Array

MAX_BITS = 16
"""Codes of more bits would not fit the tables indexed by code."""
KEEP_SHARE, KEEP_COUNT = 0.001, 100
"""A code is an object when it has this share of the opaque Gaussians, or this many of them."""
CELLS_PER_RADIUS = 4
"""Connected components are found between cells of this fraction of the radius, not between single Gaussians."""


def codes_of(V: Float[Array, "*P D"]) -> Int64[Array, "*P"]:
    """Sum over k of b_k 2^(k-1) with b_k = 1 where V_k > 0, which is sigmoid(V_k) > 0.5; exactly 0.5 gives bit 0.

    Raises:
        ValueError: More channels than a code has bits.

    Source: UniC-Lift, eqs. 8 and 9.
    """
    D = V.shape[-1]
    if D > MAX_BITS:
        raise ValueError(f"V must have at most {MAX_BITS} channels; got {D}.")
    rows = np.ascontiguousarray(V, np.float32).reshape(-1, D)
    return _codes(rows).reshape(V.shape[:-1])


@njit(cache=True, nogil=True)
@no_type_check  # the run-time type checker of the tests would wrap it, and a wrapper cannot be compiled
def _codes(V):
    """One pass over the values: seven times as fast as comparing whole channels with numpy."""
    out = np.zeros(V.shape[0], np.int64)
    for i in range(V.shape[0]):
        code = np.int64(0)
        for k in range(V.shape[1]):
            code |= np.int64(V[i, k] > np.float32(0)) << k
        out[i] = code
    return out


def hamming(a: Int64[Array, "*A"], b: Int64[Array, "*B"]) -> Int64[Array, "*C"]:
    """Number of differing bits, with broadcasting."""
    return np.bitwise_count(a ^ b).astype(np.int64)


@dataclass(frozen=True)
class CodeBook:
    """The codes that stand for objects."""

    codes: Int64[Array, "O"]
    """Ascending; object number = position + 1."""
    centers: Float[Array, "O D"]
    """Mean of Y over the Gaussians with the code."""

    def __len__(self) -> int:
        return len(self.codes)

    def position(self, codes: Int64[Array, "*P"]) -> Int64[Array, "*P"]:
        """Position of each code in the book, -1 where it is not in it."""
        table = np.full(1 << MAX_BITS, -1, np.int64)
        table[self.codes] = np.arange(len(self.codes))
        return table[codes]

    def snap(self, codes: Int64[Array, "P"], Y: Float[Array, "P D"]) -> Int64[Array, "P"]:
        """Each code that is not in the book becomes the nearest that is: fewest differing bits, ties by the distance of
        Y to the code's centre, then the smaller code. Unchanged with an empty book.

        Source: docs/methods/unic_lift.md section 5 (ours; repairs the third labels of blended borders: section 8,
        item 4).
        """
        out = codes.copy()
        strange = np.flatnonzero(self.position(codes) < 0)
        if len(self) == 0 or len(strange) == 0:
            return out
        bits = hamming(codes[strange, None], self.codes[None]).astype(np.float64)
        # the squared distance to a centre is below D + 1, so it only decides among equal bits
        apart = ((Y[strange, None].astype(np.float64) - self.centers[None]) ** 2).sum(axis=2)
        out[strange] = self.codes[np.argmin(bits + apart / (Y.shape[1] + 1), axis=1)]
        return out


def enough_gaussians(opaque: int) -> int:
    """Opaque Gaussians that a code needs to be an object, of so many in the scene."""
    return min(KEEP_COUNT, max(1, int(np.ceil(KEEP_SHARE * opaque))))


def code_book(codes: Int64[Array, "N"], Y: Float[Array, "N D"], opaque: Bool[Array, "N"]) -> CodeBook:
    """The codes of enough opaque Gaussians; the most frequent one alone when none has enough.

    Source: docs/methods/unic_lift.md section 5 ("segment everything").
    """
    counts = np.bincount(codes[opaque], minlength=1)
    kept = np.flatnonzero(counts >= enough_gaussians(int(opaque.sum())))
    if len(kept) == 0 and counts.any():
        kept = np.array([int(np.argmax(counts))])
    position = np.full(1 << MAX_BITS, -1, np.int64)
    position[kept] = np.arange(len(kept))
    number = np.where(opaque, position[codes], -1)
    inside = number >= 0
    centers = cell_means(number[inside], len(kept), Y[inside].astype(np.float64))
    return CodeBook(kept.astype(np.int64), centers)


def components_by_code(
    points: Float[Array, "N 3"], codes: Int64[Array, "N"], *, radius: float
) -> Int64[Array, "N"]:
    """Number the parts into which each code falls in space, the largest part of a code first.

    Gaussians of one code belong together when a chain of steps of at most about `radius` joins them (their cells of
    a quarter of it are compared, so a step may be a quarter of the radius longer or shorter).

    Returns:
        Per Gaussian the part number within its code, 0 = the largest (ties: the one with the first Gaussian).

    Source: docs/methods/unic_lift.md section 8, item 3 (`split_components`).
    """
    part = np.zeros(len(points), np.int64)
    order = np.argsort(codes, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(own) > 1:
            part[own] = _parts(points[own], radius)
    return part


def _parts(points: Float[Array, "M 3"], radius: float) -> Int64[Array, "M"]:
    """Connected parts of one set of points, numbered by falling size."""
    cell, grid = voxel_grid(points.astype(np.float64), radius / CELLS_PER_RADIUS)
    centers = cell_means(cell, grid.count, points.astype(np.float64))
    pairs = KDTree(centers).query_pairs(radius, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(grid.count,) * 2)
    _, group = connected_components(links, directed=False)
    of_point = group[cell]
    _, first, inverse, sizes = np.unique(of_point, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(first))
    return rank[inverse]
