"""Compiled blending of single pixels of frozen Gaussians: the weights in each, and sums with them.

Kernels carry no annotations: numba compiles them as they are. The rules are those of `_blend_kernels`.
"""

from typing import no_type_check

import numpy as np
from numba import njit, prange

from liftlab.components.rasterize.kernels.blend import (
    ALPHA_MAX,
    ALPHA_MIN,
    F32,
    HALF,
    INLINED,
    ONE,
    PARALLEL,
    TRANSMITTANCE_MIN,
    _exp_of_negative,
)
from liftlab.components.rasterize.kernels.tiles import TILE


@njit(**INLINED)
@no_type_check
def _alpha_at(g, x, y, means2d, conics, opacities):
    """Alpha of Gaussian g at a point, cut at its largest value."""
    dx, dy = means2d[g, 0] - x, means2d[g, 1] - y
    power = HALF * (conics[g, 0] * dx * dx + conics[g, 2] * dy * dy) + conics[g, 1] * dx * dy
    return min(opacities[g] * _exp_of_negative(-power), ALPHA_MAX)


@njit(**INLINED)
@no_type_check
def _walk(row, column, width, means2d, conics, opacities, rows, starts, ids, out_ids, out_weights):
    """Blend one pixel front to back; returns how many Gaussians it sees. Fills the outputs unless they are empty."""
    tile = (row // TILE) * ((width + TILE - 1) // TILE) + column // TILE
    x, y = F32(column) + HALF, F32(row) + HALF
    light, count, keep = ONE, 0, out_ids.shape[0] > 0
    for k in range(starts[tile], starts[tile + 1]):
        g = ids[k]
        if row < rows[g, 0] or row >= rows[g, 1]:
            continue
        alpha = _alpha_at(g, x, y, means2d, conics, opacities)
        if alpha < ALPHA_MIN:
            continue
        left_over = light * (ONE - alpha)
        if left_over <= TRANSMITTANCE_MIN:
            break
        if keep:
            out_ids[count] = g
            out_weights[count] = alpha * light
        light = left_over
        count += 1
    return count


@njit(**PARALLEL)
@no_type_check
def weigh_pixels(pixels, width, means2d, conics, opacities, rows, starts, ids):
    """Which Gaussians each pixel sees, nearest first, and with what weight: entry starts [P+1], ids [E], weights [E].

    Two walks, the first to count: cheaper than memory for the longest list that any pixel could have.
    """
    P = pixels.shape[0]
    no_ids, no_weights = np.empty(0, np.int32), np.empty(0, F32)
    entries = np.zeros(P + 1, np.int64)
    for p in prange(P):
        row, column = pixels[p] // width, pixels[p] % width
        entries[p + 1] = _walk(
            row, column, width, means2d, conics, opacities, rows, starts, ids, no_ids, no_weights
        )
    for p in range(P):
        entries[p + 1] += entries[p]
    seen_ids, weights = np.empty(entries[P], np.int32), np.empty(entries[P], F32)
    for p in prange(P):
        first, end = entries[p], entries[p + 1]
        if end > first:
            row, column = pixels[p] // width, pixels[p] % width
            _walk(
                row, column, width, means2d, conics, opacities, rows, starts, ids,
                seen_ids[first:end], weights[first:end],
            )  # fmt: skip
    return entries, seen_ids, weights


@njit(**INLINED)
@no_type_check
def number_seen(seen_ids, count):
    """The distinct Gaussians among `seen_ids`, by first appearance, and each entry's place among them."""
    place = np.full(count, -1, np.int32)
    local = np.empty(seen_ids.shape[0], np.int32)
    distinct = np.empty(min(count, seen_ids.shape[0]), np.int64)
    found = 0
    for e in range(seen_ids.shape[0]):
        g = seen_ids[e]
        if place[g] < 0:
            place[g] = found
            distinct[found] = g
            found += 1
        local[e] = place[g]
    return distinct[:found].copy(), local


@njit(**PARALLEL)
@no_type_check
def blend_rows(entries, local, weights, values):
    """Sum of weight times values [U,D] over the entries of every pixel: [P,D]."""
    P, D = entries.shape[0] - 1, values.shape[1]
    out = np.zeros((P, D), F32)
    for p in prange(P):
        for e in range(entries[p], entries[p + 1]):
            weight = weights[e]
            for c in range(D):
                out[p, c] += weight * values[local[e], c]
    return out


@njit(**INLINED)
@no_type_check
def blend_rows_adjoint(entries, local, weights, gradients, count):
    """Gradient of `blend_rows` for its values: [U,D]. One thread, so that the order of the sum never changes."""
    D = gradients.shape[1]
    out = np.zeros((count, D), F32)
    for p in range(entries.shape[0] - 1):
        for e in range(entries[p], entries[p + 1]):
            weight = weights[e]
            for c in range(D):
                out[local[e], c] += weight * gradients[p, c]
    return out
