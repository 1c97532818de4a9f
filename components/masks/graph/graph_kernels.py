"""Loops over the edges and voxels of a graph, compiled."""

from typing import no_type_check

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
@no_type_check
def _root(parent, node):
    """Root of `node` in the int32 forest `parent`; halves the path on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
@no_type_check
def join(first, second, weights, count, scale, min_size):
    """Root node [count] int32 of every node after both passes over the edges.

    Args:
        first: [E] int32, one end of each edge; edges come in ascending weight.
        second: [E] int32, the other end.
        weights: [E] float32.
        count: Number of nodes.
        scale: float32, k of the paper.
        min_size: Smaller segments join a neighbour in the second pass.
    """
    parent = np.arange(count).astype(np.int32)
    size = np.ones(count, np.int32)
    limit = np.full(count, scale, np.float32)
    for e in range(len(weights)):
        a, b = _root(parent, first[e]), _root(parent, second[e])
        if a != b and weights[e] <= limit[a] and weights[e] <= limit[b]:
            if a > b:
                a, b = b, a
            parent[b] = a
            size[a] += size[b]
            limit[a] = weights[e] + scale / np.float32(size[a])
    for e in range(len(weights)):
        a, b = _root(parent, first[e]), _root(parent, second[e])
        if a != b and (size[a] < min_size or size[b] < min_size):
            if a > b:
                a, b = b, a
            parent[b] = a
            size[a] += size[b]
    for node in range(count):
        parent[node] = _root(parent, node)
    return parent


@numba.njit(cache=True, nogil=True)
@no_type_check
def splat(xy, depth, radius, ids, image):
    """Draw square splats with a depth buffer into the pixels of `image` that are negative.

    Args:
        xy: [M, 2] float32 view pixels.
        depth: [M] float32.
        radius: [M] float32 pixels.
        ids: [M] int32, what is drawn.
        image: [H, W] int32, changed in place.
    """
    height, width = image.shape
    nearest = np.full((height, width), np.float32(np.inf), np.float32)
    drawn = np.full((height, width), -1, np.int32)
    for m in range(len(ids)):
        x0, x1 = (
            max(0, int(np.floor(xy[m, 0] - radius[m]))),
            min(width - 1, int(np.floor(xy[m, 0] + radius[m]))),
        )
        y0, y1 = (
            max(0, int(np.floor(xy[m, 1] - radius[m]))),
            min(height - 1, int(np.floor(xy[m, 1] + radius[m]))),
        )
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                if depth[m] < nearest[y, x]:
                    nearest[y, x] = depth[m]
                    drawn[y, x] = ids[m]
    for y in range(height):
        for x in range(width):
            if image[y, x] < 0:
                image[y, x] = drawn[y, x]


@numba.njit(cache=True, nogil=True)
@no_type_check
def largest_of(x, neighbours):
    """The largest of each channel among a point's neighbours [N, C], and which neighbour it came from, int32 [N, C].

    Args:
        x: [N, C] float.
        neighbours: [N, k] int64; of equal values the first counts.
    """
    count, channels = x.shape
    best = np.empty_like(x)
    source = np.empty((count, channels), np.int32)
    for n in range(count):
        first = neighbours[n, 0]
        for c in range(channels):
            best[n, c] = x[first, c]
            source[n, c] = first
        for k in range(1, neighbours.shape[1]):
            other = neighbours[n, k]
            for c in range(channels):
                if x[other, c] > best[n, c]:
                    best[n, c] = x[other, c]
                    source[n, c] = other
    return best, source


@numba.njit(cache=True, nogil=True)
@no_type_check
def handed_back(grad, source):
    """The gradient [N, C] of `largest_of`: each value's goes to where it came from."""
    out = np.zeros_like(grad)
    for n in range(grad.shape[0]):
        for c in range(grad.shape[1]):
            out[source[n, c], c] += grad[n, c]
    return out
