"""Which Gaussians a mask is made of: those behind it, the nearest of them, and the likeliest of them.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Int32, Int64

from liftlab.components.geometry.projection import project
from liftlab.components.types import Array, Camera

PATCHES = 32
"""The Gaga variant cuts the image into this many patches along each side."""


def covered(
    camera: Camera, labels: Int32[Array, "H W"], means: Float[Array, "N 3"]
) -> tuple[Int64[Array, "M"], Int64[Array, "M"], Float[Array, "M"], Int64[Array, "M"]]:
    """Gaussians whose centre falls on a mask of the view, hidden ones included.

    Args:
        camera: Of the view.
        labels: Its mask map, 0 = no mask.
        means: Centres, world frame.

    Returns:
        Of each such Gaussian, in ascending order: its index, the mask's label, its depth, and its patch in a grid of
        32 x 32.

    Source: Proto-SaGa, eq. 7 (G_k(t)); `floor` finds the pixel, since our pixel centres are at +0.5.
    """
    xy, depth = project(camera, means)
    height, width = labels.shape
    known = (depth > 0) & np.isfinite(xy).all(axis=1)
    known &= ((xy >= 0) & (xy < [width, height])).all(axis=1)
    index = np.flatnonzero(known)
    column, row = np.floor(xy[index]).astype(np.int64).T
    label = labels[row, column].astype(np.int64)
    on_mask = label > 0
    patch = (row * PATCHES // height) * PATCHES + column * PATCHES // width
    return index[on_mask], label[on_mask], depth[index[on_mask]], patch[on_mask]


def front(
    index: Int64[Array, "M"],
    depth: Float[Array, "M"],
    share: float,
    *,
    patch: Int64[Array, "M"] | None = None,
) -> Int64[Array, "_"]:
    """The nearest share of one mask's Gaussians, at least one; with `patch` in every patch by itself.

    Ties go to the smaller index. Returns Gaussian indices in ascending order.

    Source: Proto-SaGa, eq. 8 (G^d): ranks, counted from 0, strictly below share x E, which are ceil(share x E) of them.
    With patches Gaga's public code (arXiv:2404.07977), which rounds down.
    """
    rounded = np.floor if patch is not None else np.ceil
    slack = (
        1e-9 if patch is not None else -1e-9
    )  # 0.7 x 10 is 6.999... in floats, 0.3 x 10 could as well be 3.000...1
    if patch is None:
        patch = np.zeros_like(index)
    order = np.lexsort((index, depth, patch))
    sizes = np.bincount(patch[order])
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.arange(len(order)) - start[patch[order]]
    allowed = np.maximum(1, rounded(share * sizes + slack).astype(np.int64))
    return np.sort(index[order[rank < allowed[patch[order]]]])


def likely(index: Int64[Array, "M"], probability: Float[Array, "M"], share: float) -> Int64[Array, "_"]:
    """The share of one mask's Gaussians that the view's classifier finds likeliest for it, at least one.

    Ties go to the smaller index. Returns Gaussian indices in ascending order. Source: Proto-SaGa, eq. 10 (G^s).
    """
    return front(index, -probability, share)


def union(sets: Sequence[Int[Array, "_"]]) -> Int64[Array, "_"]:
    """Ascending union of index sets. Source: Proto-SaGa, eq. 11."""
    return np.unique(np.concatenate([*sets, np.zeros(0, np.int64)])).astype(np.int64)
