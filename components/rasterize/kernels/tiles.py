"""Which Gaussians touch which 16x16 tile, nearest first. Kernels carry no annotations: numba compiles them
as they are."""

import math
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Int32, Int64
from numba import njit, prange

from liftlab.components.types import Array

TILE = 16
"""Tile side in pixels; the blending kernels rely on 16."""
DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS

COMPILED = {"error_model": "numpy", "cache": True}


class TileLists(NamedTuple):
    """T tiles in row order, M pairs of a Gaussian and a tile it touches."""

    starts: Int64[Array, "T_plus_1"]
    """Tile t owns the pairs starts[t]:starts[t + 1]."""
    gaussian_ids: Int32[Array, "M"]
    """Nearest first within a tile."""
    slots: Int64[Array, "M"]
    """Where the pair's gradient is kept, so that the pairs of one Gaussian lie side by side."""
    slot_starts: Int64[Array, "N_plus_1"]
    """Gaussian i owns the slots slot_starts[i]:slot_starts[i + 1]."""
    rows: Int32[Array, "N 2"]
    """Image rows first:end that the Gaussian touches."""


@njit(parallel=True, **COMPILED)
@no_type_check
def _bounds(means2d, extents, width, height):
    """Tile columns first:end, tile rows first:end [N,4], and image rows first:end [N,2]; empty when not
    drawn."""
    N = means2d.shape[0]
    tiles = np.zeros((N, 4), np.int32)
    rows = np.zeros((N, 2), np.int32)
    columns_end, rows_end = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    for i in prange(N):
        ex, ey = extents[i, 0], extents[i, 1]
        if ex <= np.float32(0):
            continue
        x, y = means2d[i, 0], means2d[i, 1]
        top, bottom = max(0, math.floor(y - ey)), min(height, math.floor(y + ey) + 1)
        left, right = max(0, math.floor(x - ex)), min(width, math.floor(x + ex) + 1)
        if left >= right or top >= bottom:
            continue
        tiles[i, 0], tiles[i, 1] = left // TILE, min(columns_end, (right + TILE - 1) // TILE)
        tiles[i, 2], tiles[i, 3] = top // TILE, min(rows_end, (bottom + TILE - 1) // TILE)
        rows[i, 0], rows[i, 1] = top, bottom
    return tiles, rows


@njit(**COMPILED)
@no_type_check
def _nearest_first(keys, ids):
    """`ids` sorted by `keys[id]` (bits of a positive float32, which sort as the numbers do); equal keys keep
    their order.

    A radix sort of three digits: stable, so that two renders of one scene agree to the bit, and linear.
    """
    order, other = ids.copy(), np.empty_like(ids)
    for digit in range(3):
        shift = np.uint32(digit * DIGIT_BITS)
        starts = np.zeros(DIGITS + 1, np.int64)
        for k in range(len(order)):
            starts[((keys[order[k]] >> shift) & np.uint32(DIGITS - 1)) + np.uint32(1)] += 1
        for d in range(DIGITS):
            starts[d + 1] += starts[d]
        for k in range(len(order)):
            bucket = (keys[order[k]] >> shift) & np.uint32(DIGITS - 1)
            other[starts[bucket]] = order[k]
            starts[bucket] += 1
        order, other = other, order
    return order


@njit(**COMPILED)
@no_type_check
def _fill(tiles, depth_bits, tile_columns, tile_count):
    """Counting sort of (Gaussian, tile) pairs by tile, Gaussians taken nearest first."""
    N = tiles.shape[0]
    slot_starts = np.zeros(N + 1, np.int64)
    starts = np.zeros(tile_count + 1, np.int64)
    drawn = 0
    for i in range(N):
        slot_starts[i + 1] = slot_starts[i] + (tiles[i, 1] - tiles[i, 0]) * (tiles[i, 3] - tiles[i, 2])
        if slot_starts[i + 1] > slot_starts[i]:
            drawn += 1
            for row in range(tiles[i, 2], tiles[i, 3]):
                for column in range(tiles[i, 0], tiles[i, 1]):
                    starts[row * tile_columns + column + 1] += 1
    ids = np.empty(drawn, np.int32)
    k = 0
    for i in range(N):
        if slot_starts[i + 1] > slot_starts[i]:
            ids[k] = i
            k += 1
    for t in range(tile_count):
        starts[t + 1] += starts[t]
    gaussian_ids = np.empty(starts[tile_count], np.int32)
    slots = np.empty(starts[tile_count], np.int64)
    next_free = starts.copy()
    for i in _nearest_first(depth_bits, ids):
        slot = slot_starts[i]
        for row in range(tiles[i, 2], tiles[i, 3]):
            for column in range(tiles[i, 0], tiles[i, 1]):
                t = row * tile_columns + column
                gaussian_ids[next_free[t]] = i
                slots[next_free[t]] = slot
                next_free[t] += 1
                slot += 1
    return starts, gaussian_ids, slots, slot_starts


def list_tiles(
    means2d: Float32[Array, "N 2"],
    extents: Float32[Array, "N 2"],
    depths: Float32[Array, "N"],
    width: int,
    height: int,
) -> TileLists:
    """Tile lists of Gaussians as `project` returns them, for an image of width x height pixels."""
    tiles, rows = _bounds(means2d, extents, width, height)
    columns = (width + TILE - 1) // TILE
    count = columns * ((height + TILE - 1) // TILE)
    return TileLists(*_fill(tiles, depths.view(np.uint32), columns, count), rows)
