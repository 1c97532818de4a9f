"""Minimum cut of a grid of pixels: which are inside, when every pixel has odds and neighbours like to agree."""

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.types import Array

NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(dy, dx) of the neighbours that a pixel is paired with; every pair of 8-neighbours is met once."""
UNITS_PER_NAT = 2**16
"""The cut counts in whole units, so that ties are ties on every machine."""
MAX_WEIGHT = 1000.0
"""Nats; the sums over a pixel's neighbours stay within 32 bits."""

_FREE, _SOURCE, _SINK = 0, 1, 2
_ROOT, _ORPHAN = 8, 9
"""Parents of a pixel: 0..7 is the direction of a neighbour, or the terminal itself, or nobody."""


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
    tree = _grow_and_adopt(excess.ravel(), residual.reshape(-1, 8), offsets)
    return (tree != _SINK).reshape(height + 2, width + 2)[1:-1, 1:-1]


def warm_up() -> None:
    """Load what is compiled, or compile it, so that no click waits for it."""
    grid_cut(np.zeros((1, 1)), np.zeros((4, 1, 1)))


@numba.njit(cache=True, nogil=True)
@no_type_check
def _grow_and_adopt(excess, residual, offsets):
    """The tree that each of N nodes of a padded grid ends in: `_SINK` for those that still reach the sink.

    Args:
        excess: [N] int32, residual capacity from the source (positive) or to the sink (negative); consumed.
        residual: [N, 8] int32, residual capacity to the neighbour in each direction; 0 at the padding; consumed.
        offsets: [8] int64, what to add to a node for its neighbour.
    """
    count = len(excess)
    tree = np.zeros(count, np.uint8)
    parent = np.full(count, _ORPHAN, np.uint8)
    mark = np.zeros(count, np.int32)  # number of augmentations after which a path to the root was last seen
    distance = np.zeros(count, np.int32)  # nodes on that path
    active, waiting = np.empty(count, np.int32), np.zeros(count, np.bool_)
    orphans = np.empty(count, np.int32)
    ends = np.zeros(4, np.int64)  # head and length of `active`, head and length of `orphans`
    for p in range(count):
        if excess[p] != 0:
            tree[p] = _SOURCE if excess[p] > 0 else _SINK
            parent[p], distance[p] = _ROOT, 1
            _push(active, ends, 0, p)
            waiting[p] = True
    time = 0
    while ends[1] > 0:
        p = _pop(active, ends, 0)
        waiting[p] = False
        d = 0
        while d < 8 and tree[p] != _FREE:
            q = p + offsets[d]
            from_source = tree[p] == _SOURCE
            if (residual[p, d] if from_source else residual[q, d ^ 1]) == 0:
                d += 1
            elif tree[q] == _FREE:
                tree[q], parent[q], mark[q], distance[q] = tree[p], d ^ 1, mark[p], distance[p] + 1
                if not waiting[q]:
                    waiting[q] = True
                    _push(active, ends, 0, q)
                d += 1
            elif tree[q] == tree[p]:
                if mark[q] <= mark[p] and distance[q] > distance[p] + 1:
                    parent[q], mark[q], distance[q] = d ^ 1, mark[p], distance[p] + 1
                d += 1
            else:
                time += 1
                if from_source:
                    _augment(p, d, excess, residual, offsets, parent, orphans, ends)
                else:
                    _augment(q, d ^ 1, excess, residual, offsets, parent, orphans, ends)
                while ends[3] > 0:
                    _adopt(
                        _pop(orphans, ends, 2), time, residual, offsets,
                        tree, parent, mark, distance, active, waiting, orphans, ends,
                    )  # fmt: skip
                # the same direction again: the pair may hold more
    return tree


@numba.njit(cache=True, nogil=True)
@no_type_check
def _push(queue, ends, which, node):
    """Append to one of the circular queues, of which `ends[which]` is the head and `ends[which + 1]` the length."""
    at = ends[which] + ends[which + 1]
    queue[at if at < len(queue) else at - len(queue)] = node
    ends[which + 1] += 1


@numba.njit(cache=True, nogil=True)
@no_type_check
def _pop(queue, ends, which):
    """Take the oldest of one of the circular queues."""
    node = queue[ends[which]]
    ends[which] = ends[which] + 1 if ends[which] + 1 < len(queue) else 0
    ends[which + 1] -= 1
    return np.int64(node)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _augment(p, d, excess, residual, offsets, parent, orphans, ends):
    """Push what fits along the path that leaves the source's tree at `p` in direction `d`; who loses its parent is an
    orphan.
    """
    room = np.int64(residual[p, d])
    a = p
    while parent[a] != _ROOT:
        up = a + offsets[parent[a]]
        room = min(room, np.int64(residual[up, parent[a] ^ 1]))
        a = up
    room = min(room, np.int64(excess[a]))
    b = p + offsets[d]
    while parent[b] != _ROOT:
        room = min(room, np.int64(residual[b, parent[b]]))
        b += offsets[parent[b]]
    room = min(room, -np.int64(excess[b]))

    residual[p, d] -= room
    residual[p + offsets[d], d ^ 1] += room
    a = p
    while parent[a] != _ROOT:
        e = parent[a]
        up = a + offsets[e]
        residual[up, e ^ 1] -= room
        residual[a, e] += room
        if residual[up, e ^ 1] == 0:
            parent[a] = _ORPHAN
            _push(orphans, ends, 2, a)
        a = up
    excess[a] -= room
    if excess[a] == 0:
        parent[a] = _ORPHAN
        _push(orphans, ends, 2, a)
    b = p + offsets[d]
    while parent[b] != _ROOT:
        e = parent[b]
        up = b + offsets[e]
        residual[b, e] -= room
        residual[up, e ^ 1] += room
        if residual[b, e] == 0:
            parent[b] = _ORPHAN
            _push(orphans, ends, 2, b)
        b = up
    excess[b] += room
    if excess[b] == 0:
        parent[b] = _ORPHAN
        _push(orphans, ends, 2, b)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _adopt(p, time, residual, offsets, tree, parent, mark, distance, active, waiting, orphans, ends):
    """Find the orphan `p` the parent nearest to its terminal, or set it free and its children with it."""
    best, nearest = _ORPHAN, np.int32(2**31 - 1)
    for d in range(8):
        q = p + offsets[d]
        if tree[q] != tree[p] or (residual[q, d ^ 1] if tree[p] == _SOURCE else residual[p, d]) == 0:
            continue
        steps, r = np.int32(0), q
        while mark[r] != time and parent[r] < _ROOT:
            r += offsets[parent[r]]
            steps += 1
        if parent[r] == _ORPHAN:
            continue
        if mark[r] != time:  # a root not yet seen since the last augmentation
            mark[r], distance[r] = time, 1
        steps += distance[r]
        if steps < nearest:
            best, nearest = d, steps
        r = q
        while mark[r] != time:
            mark[r], distance[r] = time, steps
            steps -= 1
            r += offsets[parent[r]]
    parent[p] = best
    if best != _ORPHAN:
        mark[p], distance[p] = time, nearest + 1
        return
    for d in range(8):
        q = p + offsets[d]
        if tree[q] != tree[p]:
            continue
        if not waiting[q] and (residual[q, d ^ 1] if tree[p] == _SOURCE else residual[p, d]) > 0:
            waiting[q] = True
            _push(active, ends, 0, q)
        if parent[q] == d ^ 1:
            parent[q] = _ORPHAN
            _push(orphans, ends, 2, q)
    tree[p] = _FREE
