"""Minimum cut of a grid of pixels: which are inside, when every pixel has odds and neighbours like to agree."""

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.types import Array

NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(dy, dx) of the neighbours that a pixel is paired with; every pair of 8-neighbours is met once."""
UNITS_PER_NAT = 2**16
"""The cut counts in whole units, so that ties are ties on every machine."""
MAX_WEIGHT = 1000.0
"""Nats; the sums over a pixel's neighbours stay within 32 bits."""


def grid_cut(unary: Float[Array, "h w"], weights: Float[Array, "4 h w"]) -> Bool[Array, "h w"]:
    """Labels of least energy: minus the `unary` of all pixels inside, plus the `weights` of pairs that differ.

    Args:
        unary: Log odds of being inside, nats; any finite number.
        weights: Price in nats, 0 to `MAX_WEIGHT`, of a pixel and its neighbour at `NEIGHBOURS[k]` having
            different labels. Without effect where that neighbour is outside the grid.

    Returns:
        True inside. Both terms are rounded to 1 / `UNITS_PER_NAT`; of those rounded the energy is the least
        possible. Where several labellings share it, the one with most pixels inside (it holds all the others).

    Raises:
        ValueError: A term is not finite, or a weight is out of range.

    Source: Boykov and Kolmogorov, PAMI 2004, section 3 (two search trees, kept from one augmentation to the
        next; marks and distances of its section 3.3 as we understand them). We differ: the graph is the grid
        itself, nothing is built.
    """
    from liftlab.components.masks.graph.cut_kernels import SINK, grow_and_adopt

    if not np.isfinite(unary).all():
        raise ValueError("unary must be finite.")
    if weights.size and not (weights.min() >= 0 and weights.max() <= MAX_WEIGHT):  # so that NaN fails too
        raise ValueError(f"weights must lie in 0..{MAX_WEIGHT:g}; got {weights.min()}..{weights.max()}.")
    height, width = unary.shape
    excess = np.zeros((height + 2, width + 2), np.int32)
    most = 16 * MAX_WEIGHT  # more than all neighbours together: decided either way
    bounded = np.clip(unary, -most, most)
    excess[1:-1, 1:-1] = np.rint(bounded * UNITS_PER_NAT)
    residual = np.zeros((height + 2, width + 2, 8), np.int32)
    for k, (dy, dx) in enumerate(NEIGHBOURS):
        rows, left, right = height - dy, max(0, -dx), width - max(0, dx)
        units = np.rint(weights[k, :rows, left:right] * UNITS_PER_NAT)
        residual[1 : rows + 1, left + 1 : right + 1, 2 * k] = units
        residual[1 + dy : rows + 1 + dy, left + 1 + dx : right + 1 + dx, 2 * k + 1] = units
    steps = np.array([dy * (width + 2) + dx for dy, dx in NEIGHBOURS], np.int64)
    offsets = np.stack([steps, -steps], axis=1).ravel()  # direction d ^ 1 is the way back
    tree = grow_and_adopt(excess.ravel(), residual.reshape(-1, 8), offsets)
    return (tree != SINK).reshape(height + 2, width + 2)[1:-1, 1:-1]


def warm_up() -> None:
    """Load what is compiled, or compile it, so that no click waits for it."""
    grid_cut(np.zeros((1, 1)), np.zeros((4, 1, 1)))
