"""The network's loops over neighbouring points, compiled."""

from typing import no_type_check

import numba
import numpy as np


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
