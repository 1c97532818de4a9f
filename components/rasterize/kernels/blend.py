"""Compiled blending of projected Gaussians, front to back, tile by tile; its gradient; and its adjoint.

What makes them fast on a CPU:
- The loop over Gaussians is outside, the loop over a tile's 256 pixels inside, with selects in place of
  branches: the inner loop becomes vector instructions.
- All per-pixel state of a tile lies in one float32 buffer at constant offsets with unsigned indices, so the
  compiler proves that rows do not overlap and needs no bounds logic.
- Every constant is a float32: one float64 would double the width of a whole expression.
- The number of channels is a run-time loop bound: one compiled version serves any D.
- Gradients go to one slot per (Gaussian, tile) pair and are added up per Gaussian in a fixed order: no
  atomics, and the same bits whatever the number of threads.

Kernels carry no annotations: numba compiles them as they are. Inputs are finite: `project` draws nothing
else.
"""

from typing import no_type_check

import numpy as np
from numba import njit, prange

from liftlab.components.rasterize import rules
from liftlab.components.rasterize.kernels.tiles import TILE

F32, U64 = np.float32, np.uint64
ZERO, HALF, ONE = F32(0), F32(0.5), F32(1)
ALPHA_MIN, ALPHA_MAX = F32(rules.ALPHA_MIN), F32(rules.ALPHA_MAX)
TRANSMITTANCE_MIN = F32(rules.TRANSMITTANCE_MIN)
PIXELS = TILE * TILE
GEOMETRY = 6
"""Gradients per slot before the channels: mean x, y; conic xx, xy, yy; opacity."""

# Offsets of the rows of a tile's buffer.
X, Y, LIGHT, OPEN, WEIGHT, LAST = (
    U64(0),
    U64(PIXELS),
    U64(2 * PIXELS),
    U64(3 * PIXELS),
    U64(4 * PIXELS),
    U64(5 * PIXELS),
)
BEHIND, FALLOFF, UNBLEND, PULL = U64(6 * PIXELS), U64(7 * PIXELS), U64(8 * PIXELS), U64(9 * PIXELS)
FIRST, END = U64(0), U64(PIXELS)
FORWARD_ROWS, BACKWARD_ROWS = 6 * PIXELS, 10 * PIXELS

FLAGS = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
PARALLEL = {"parallel": True, "fastmath": FLAGS, "error_model": "numpy", "cache": True}
INLINED = {"fastmath": FLAGS, "error_model": "numpy", "cache": True}


@njit(**INLINED)
@no_type_check
def _exp_of_negative(x):
    """exp(x) for x <= 0 to 2e-6 relative, 0 to 6e-6 below -12: Taylor at x / 32, squared five times.
    Vectorises."""
    y = max(x, F32(-12)) * F32(1 / 32)
    e = ONE + y * (ONE + y * (HALF + y * (F32(1 / 6) + y * (F32(1 / 24) + y * F32(1 / 120)))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@njit(**INLINED)
@no_type_check
def _row_span(rows, g, tile_top):
    """First and end index within the tile of the pixel rows that Gaussian g touches."""
    first = max(rows[g, 0] - tile_top, 0) * TILE
    end = max(min(rows[g, 1] - tile_top, TILE), 0) * TILE
    return U64(first), U64(end)


@njit(**INLINED)
@no_type_check
def _start_tile(buffer, tile_top, tile_left):
    for p in range(PIXELS):
        buffer[p] = F32(tile_left + (p & (TILE - 1))) + HALF
        buffer[p + Y] = F32(tile_top + (p >> 4)) + HALF
        buffer[p + LIGHT] = ONE
        buffer[p + OPEN] = ONE
        buffer[p + LAST] = F32(-1)


@njit(**INLINED)
@no_type_check
def _weigh(buffer, first, end, x, y, xx, xy, yy, opacity, rank):
    """Put the blending weight of one Gaussian into row WEIGHT; take its share from LIGHT; close pixels
    that are full."""
    xx, yy = xx * HALF, yy * HALF
    for p in range(first, end):
        dx = x - buffer[p + X]
        dy = y - buffer[p + Y]
        alpha = min(opacity * _exp_of_negative(-(xx * dx * dx + yy * dy * dy + xy * dx * dy)), ALPHA_MAX)
        alpha = alpha * buffer[p + OPEN] if alpha >= ALPHA_MIN else ZERO
        light = buffer[p + LIGHT]
        left_over = light * (ONE - alpha)
        fits = left_over > TRANSMITTANCE_MIN
        buffer[p + OPEN] = buffer[p + OPEN] if fits else ZERO
        alpha = alpha if fits else ZERO
        buffer[p + WEIGHT] = alpha * light
        buffer[p + LIGHT] = left_over if fits else light
        buffer[p + LAST] = rank if alpha > ZERO else buffer[p + LAST]


@njit(**INLINED)
@no_type_check
def _all_closed(buffer):
    total = ZERO
    for p in range(FIRST, END):
        total += buffer[p + OPEN]
    return total == ZERO


@njit(**PARALLEL)
@no_type_check
def blend(means2d, conics, opacities, base, features, rows, starts, ids, width, height):
    """Blend base [N,B] and features [N,D].

    Returns images [H,W,B], [H,W,D], alpha [H,W], and per tile and pixel [T,256] the light left over and the
    rank within the tile's list of the last Gaussian blended (-1: none), which `blend_backward` needs.
    """
    B, D = base.shape[1], features.shape[1]
    columns, tile_count = (width + TILE - 1) // TILE, starts.shape[0] - 1
    base_image = np.empty((height, width, B), F32)
    feature_image = np.empty((height, width, D), F32)
    alpha_image = np.empty((height, width), F32)
    light = np.empty((tile_count, PIXELS), F32)
    last = np.empty((tile_count, PIXELS), F32)
    for tile in prange(tile_count):
        top, left = (tile // columns) * TILE, (tile % columns) * TILE
        buffer = np.empty(FORWARD_ROWS, F32)
        sums = np.zeros((B + D, PIXELS), F32)
        _start_tile(buffer, top, left)
        k0 = starts[tile]
        for k in range(k0, starts[tile + 1]):
            g = ids[k]
            first, end = _row_span(rows, g, top)
            _weigh(
                buffer, first, end, means2d[g, 0], means2d[g, 1],
                conics[g, 0], conics[g, 1], conics[g, 2], opacities[g], F32(k - k0),
            )  # fmt: skip
            for c in range(B):
                value = base[g, c]
                for p in range(first, end):
                    sums[c, p] += buffer[p + WEIGHT] * value
            for c in range(D):
                value = features[g, c]
                for p in range(first, end):
                    sums[B + c, p] += buffer[p + WEIGHT] * value
            if (k & 7) == 7 and _all_closed(buffer):
                break
        for p in range(PIXELS):
            light[tile, p] = buffer[p + LIGHT]
            last[tile, p] = buffer[p + LAST]
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                p = row * TILE + column
                alpha_image[top + row, left + column] = ONE - buffer[p + LIGHT]
                for c in range(B):
                    base_image[top + row, left + column, c] = sums[c, p]
                for c in range(D):
                    feature_image[top + row, left + column, c] = sums[B + c, p]
    return base_image, feature_image, alpha_image, light, last


@njit(**INLINED)
@no_type_check
def _unblend(buffer, first, end, x, y, xx, xy, yy, opacity, rank):
    """Undo one Gaussian, taken from the far end: restore LIGHT in front of it, refill WEIGHT, FALLOFF and
    UNBLEND.

    Returns the sum of its alphas: 0 means that it changed no pixel.
    """
    xx, yy = xx * HALF, yy * HALF
    total = ZERO
    for p in range(first, end):
        dx = x - buffer[p + X]
        dy = y - buffer[p + Y]
        falloff = _exp_of_negative(-(xx * dx * dx + yy * dy * dy + xy * dx * dy))
        alpha = opacity * falloff
        falloff = falloff if alpha <= ALPHA_MAX else ZERO  # no gradient through the cut
        alpha = min(alpha, ALPHA_MAX)
        alpha = alpha if alpha >= ALPHA_MIN else ZERO
        alpha = alpha if rank <= buffer[p + LAST] else ZERO
        unblend = ONE / (ONE - alpha)
        light = buffer[p + LIGHT] * unblend
        buffer[p + LIGHT] = light
        buffer[p + WEIGHT] = alpha * light
        buffer[p + UNBLEND] = unblend
        buffer[p + FALLOFF] = falloff if alpha > ZERO else ZERO
        buffer[p + PULL] = ZERO
        total += alpha
    return total


@njit(**INLINED)
@no_type_check
def _geometry_gradients(buffer, first, end, x, y, xx, xy, yy, opacity, slot):
    """Gradients of one Gaussian's mean, conic and opacity from rows PULL (value . gradient) and BEHIND,
    into `slot`."""
    g_x = g_y = g_xx = g_xy = g_yy = g_opacity = ZERO
    for p in range(first, end):
        pull = buffer[p + PULL]
        behind = buffer[p + BEHIND]
        v_alpha = buffer[p + LIGHT] * pull - behind * buffer[p + UNBLEND]
        buffer[p + BEHIND] = behind + buffer[p + WEIGHT] * pull
        v_falloff = buffer[p + FALLOFF] * v_alpha
        g_opacity += v_falloff
        v_power = -opacity * v_falloff
        dx = x - buffer[p + X]
        dy = y - buffer[p + Y]
        g_x += v_power * (xx * dx + xy * dy)
        g_y += v_power * (xy * dx + yy * dy)
        g_xx += v_power * dx * dx
        g_xy += v_power * dx * dy
        g_yy += v_power * dy * dy
    slot[0], slot[1] = g_x, g_y
    slot[2], slot[3], slot[4] = g_xx * HALF, g_xy, g_yy * HALF
    slot[5] = g_opacity


@njit(**INLINED)
@no_type_check
def _load_gradients(buffer, v, v_base, v_features, v_alpha, light, last, top, left, height, width):
    """Fill a tile's buffer and channel gradients v [B+D,256]; returns the highest rank blended in the
    tile."""
    B, D = v_base.shape[2], v_features.shape[2]
    highest = F32(-1)
    for p in range(PIXELS):
        row, column = top + (p >> 4), left + (p & (TILE - 1))
        buffer[p] = F32(column) + HALF
        buffer[p + Y] = F32(row) + HALF
        buffer[p + LIGHT] = light[p]
        inside = row < height and column < width
        buffer[p + LAST] = last[p] if inside else F32(-1)
        buffer[p + BEHIND] = -v_alpha[row, column] * light[p] if inside else ZERO
        highest = max(highest, buffer[p + LAST])
        for c in range(B):
            v[c, p] = v_base[row, column, c] if inside else ZERO
        for c in range(D):
            v[B + c, p] = v_features[row, column, c] if inside else ZERO
    return highest


@njit(**PARALLEL)
@no_type_check
def blend_backward(
    means2d, conics, opacities, base, features, rows, starts, ids, slots, slot_starts, light, last,
    v_base, v_features, v_alpha,
):  # fmt: skip
    """Gradients of `blend`: geometry [N,6] (see GEOMETRY), base [N,B], features [N,D]."""
    B, D = base.shape[1], features.shape[1]
    height, width = v_alpha.shape
    columns, tile_count = (width + TILE - 1) // TILE, starts.shape[0] - 1
    pairs = np.zeros((ids.shape[0], GEOMETRY + B + D), F32)
    for tile in prange(tile_count):
        top, left = (tile // columns) * TILE, (tile % columns) * TILE
        buffer = np.empty(BACKWARD_ROWS, F32)
        v = np.empty((B + D, PIXELS), F32)
        highest = _load_gradients(
            buffer, v, v_base, v_features, v_alpha, light[tile], last[tile], top, left, height, width
        )
        k0 = starts[tile]
        for k in range(k0 + int(highest), k0 - 1, -1):
            g = ids[k]
            first, end = _row_span(rows, g, top)
            x, y, xx, xy, yy = means2d[g, 0], means2d[g, 1], conics[g, 0], conics[g, 1], conics[g, 2]
            if _unblend(buffer, first, end, x, y, xx, xy, yy, opacities[g], F32(k - k0)) == ZERO:
                continue
            slot = pairs[slots[k]]
            for c in range(B + D):
                value = base[g, c] if c < B else features[g, c - B]
                total = ZERO
                for p in range(first, end):
                    buffer[p + PULL] += value * v[c, p]
                    total += buffer[p + WEIGHT] * v[c, p]
                slot[GEOMETRY + c] = total
            _geometry_gradients(buffer, first, end, x, y, xx, xy, yy, opacities[g], slot)
    N = means2d.shape[0]
    geometry_sums, base_sums, feature_sums = (
        np.zeros((N, GEOMETRY), F32),
        np.zeros((N, B), F32),
        np.zeros((N, D), F32),
    )
    for i in prange(N):
        for s in range(slot_starts[i], slot_starts[i + 1]):
            for c in range(GEOMETRY):
                geometry_sums[i, c] += pairs[s, c]
            for c in range(B):
                base_sums[i, c] += pairs[s, GEOMETRY + c]
            for c in range(D):
                feature_sums[i, c] += pairs[s, GEOMETRY + B + c]
    return geometry_sums, base_sums, feature_sums


@njit(**PARALLEL)
@no_type_check
def blend_adjoint(means2d, conics, opacities, rows, starts, ids, slots, slot_starts, values):
    """Sum over pixels of blending weight times values [H,W,D], per Gaussian: [N,D].

    It is the gradient of blended features where only features need one, and the vote of masks for Gaussians.
    """
    height, width, D = values.shape
    columns, tile_count = (width + TILE - 1) // TILE, starts.shape[0] - 1
    pairs = np.zeros((ids.shape[0], D), F32)
    for tile in prange(tile_count):
        top, left = (tile // columns) * TILE, (tile % columns) * TILE
        buffer = np.empty(FORWARD_ROWS, F32)
        v = np.zeros((D, PIXELS), F32)
        _start_tile(buffer, top, left)
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                for c in range(D):
                    v[c, row * TILE + column] = values[top + row, left + column, c]
        k0 = starts[tile]
        for k in range(k0, starts[tile + 1]):
            g = ids[k]
            first, end = _row_span(rows, g, top)
            _weigh(
                buffer, first, end, means2d[g, 0], means2d[g, 1],
                conics[g, 0], conics[g, 1], conics[g, 2], opacities[g], F32(k - k0),
            )  # fmt: skip
            for c in range(D):
                total = ZERO
                for p in range(first, end):
                    total += buffer[p + WEIGHT] * v[c, p]
                pairs[slots[k], c] = total
            if (k & 7) == 7 and _all_closed(buffer):
                break
    N = means2d.shape[0]
    sums = np.zeros((N, D), F32)
    for i in prange(N):
        for s in range(slot_starts[i], slot_starts[i + 1]):
            for c in range(D):
                sums[i, c] += pairs[s, c]
    return sums
