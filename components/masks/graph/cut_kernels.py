"""The minimum cut of `grid_cut`, compiled.

Source: Boykov and Kolmogorov, PAMI 2004, section 3.
"""

from typing import no_type_check

import numba
import numpy as np

_FREE, _SOURCE, SINK = 0, 1, 2
_ROOT, _ORPHAN = 8, 9
"""Parents of a pixel: 0..7 is the direction of a neighbour, or the terminal itself, or nobody."""


@numba.njit(cache=True, nogil=True)
@no_type_check
def grow_and_adopt(excess, residual, offsets):
    """The tree that each of N nodes of a padded grid ends in: `SINK` for those that still reach the sink.

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
            tree[p] = _SOURCE if excess[p] > 0 else SINK
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
