"""Compiled inner loops of the slanted-plane refinement; `components.pointmaps.refinement` calls them.

Every pixel carries a plane (w, b, c): inverse depth w at the pixel and its slope per pixel to the right and down.
Pixels are updated like the fields of a chessboard, so a field reads only fields of the other colour and the answer does
not depend on threads.
"""

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "fastmath": {"contract", "afn", "reassoc", "nsz", "arcp"}}
WORST = np.float32(1)
_NEAR_X = np.array([1, -1, 0, 0, 5, -5, 0, 0], np.int64)
_NEAR_Y = np.array([0, 0, 1, -1, 0, 0, 5, -5], np.int64)
"""Fields of the other colour whose planes are tried."""


@njit(inline="always")
def _hash(x, y, turn):
    """A reproducible 32-bit random number for a pixel and a turn."""
    value = (
        np.uint32(x) * np.uint32(73856093)
        ^ np.uint32(y) * np.uint32(19349663)
        ^ np.uint32(turn) * np.uint32(83492791)
    )
    value ^= value >> np.uint32(16)
    value *= np.uint32(0x7FEB352D)
    value ^= value >> np.uint32(15)
    value *= np.uint32(0x846CA68B)
    value ^= value >> np.uint32(16)
    return value


@njit(inline="always")
def _signed(value, shift):
    """A number in [-1, 1) from ten bits of a hash."""
    return np.float32((value >> np.uint32(shift)) & np.uint32(1023)) / np.float32(512) - np.float32(1)


@njit(**_OPTIONS)
def window_weights(colour, x, y, offsets_x, offsets_y, table, grey, weights, values):
    """Bilateral weights and grey values of the window around a pixel; returns sum, mean and variance."""
    height, width = grey.shape
    total, first, second = np.float32(0), np.float32(0), np.float32(0)
    r, g, b = np.int32(colour[y, x, 0]), np.int32(colour[y, x, 1]), np.int32(colour[y, x, 2])
    for k in range(len(offsets_x)):
        i, j = y + np.int64(offsets_y[k]), x + np.int64(offsets_x[k])
        if i < 0 or j < 0 or i >= height or j >= width:
            weights[k] = np.float32(0)
            values[k] = np.float32(0)
            continue
        distance = (
            abs(np.int32(colour[i, j, 0]) - r)
            + abs(np.int32(colour[i, j, 1]) - g)
            + abs(np.int32(colour[i, j, 2]) - b)
        )
        weight = table[k, distance]
        value = grey[i, j]
        weights[k] = weight
        values[k] = value
        total += weight
        first += weight * value
        second += weight * value * value
    mean = first / total
    return total, mean, second / total - mean * mean


@njit(**_OPTIONS)
def match_plane(
    w, b, c, x, y, A, t, quads, width, height, offsets_x, offsets_y, weights, values, total, mean, variance, floor
):  # fmt: skip
    """1 - weighted ZNCC of the window under the plane (w, b, c) in one source, clipped to [0, 1]; 2 when unseen.

    The homography is taken as affine within the window; `quads` [h * w] are the packed source (`packed_quads`).
    """
    max_x, max_y = np.float32(width - 1.001), np.float32(height - 1.001)
    zero, one, byte = np.float32(0), np.float32(1), np.uint32(255)
    fx, fy = np.float32(x), np.float32(y)
    pz = A[2, 0] * fx + A[2, 1] * fy + A[2, 2] + t[2] * w
    if pz <= zero:
        return np.float32(2)
    inverse = one / pz
    u = (A[0, 0] * fx + A[0, 1] * fy + A[0, 2] + t[0] * w) * inverse
    v = (A[1, 0] * fx + A[1, 1] * fy + A[1, 2] + t[1] * w) * inverse
    if not (u >= zero and v >= zero and u <= max_x and v <= max_y):
        return np.float32(2)
    zx, zy = A[2, 0] + t[2] * b, A[2, 1] + t[2] * c
    ux, uy = (A[0, 0] + t[0] * b - u * zx) * inverse, (A[0, 1] + t[0] * c - u * zy) * inverse
    vx, vy = (A[1, 0] + t[1] * b - v * zx) * inverse, (A[1, 1] + t[1] * c - v * zy) * inverse
    first, second, product = zero, zero, zero
    for k in range(len(offsets_x)):
        dx, dy = offsets_x[k], offsets_y[k]
        at_x = min(max(u + ux * dx + uy * dy, zero), max_x)
        at_y = min(max(v + vx * dx + vy * dy, zero), max_y)
        left, top = np.int32(at_x), np.int32(at_y)
        at_x -= np.float32(left)
        at_y -= np.float32(top)
        quad = quads[np.uint32(top * width + left)]
        upper_left, upper_right = (
            np.float32(np.int32(quad & byte)),
            np.float32(np.int32((quad >> np.uint32(8)) & byte)),
        )
        lower_left = np.float32(np.int32((quad >> np.uint32(16)) & byte))
        lower_right = np.float32(np.int32(quad >> np.uint32(24)))
        upper = upper_left + at_x * (upper_right - upper_left)
        lower = lower_left + at_x * (lower_right - lower_left)
        value = upper + at_y * (lower - upper) - np.float32(128)
        weighted = weights[k] * value
        first += weighted
        second += weighted * value
        product += weighted * values[k]
    average = first / total
    spread = max(second / total - average * average, floor)
    zncc = (product / total - average * mean) / np.sqrt(spread * max(variance, floor))
    return one - min(max(zncc, zero), one)


@njit(**_OPTIONS)
def _geometric(w, x, y, A, t, back_A, back_t, depth, width, height, shift_limit):
    """Distance in pixels of the round trip through a source's depth map, over its limit, in [0, 1]."""
    fx, fy = np.float32(x), np.float32(y)
    pz = A[2, 0] * fx + A[2, 1] * fy + A[2, 2] + t[2] * w
    if pz <= np.float32(0):
        return WORST
    u = (A[0, 0] * fx + A[0, 1] * fy + A[0, 2] + t[0] * w) / pz
    v = (A[1, 0] * fx + A[1, 1] * fy + A[1, 2] + t[1] * w) / pz
    if not (
        u >= np.float32(0) and v >= np.float32(0) and u < np.float32(width - 1) and v < np.float32(height - 1)
    ):
        return WORST
    z = depth[int(v + np.float32(0.5)), int(u + np.float32(0.5))]
    if z <= np.float32(0):
        return WORST
    s = np.float32(1) / z
    qz = back_A[2, 0] * u + back_A[2, 1] * v + back_A[2, 2] + back_t[2] * s
    if qz <= np.float32(0):
        return WORST
    dx = (back_A[0, 0] * u + back_A[0, 1] * v + back_A[0, 2] + back_t[0] * s) / qz - fx
    dy = (back_A[1, 0] * u + back_A[1, 1] * v + back_A[1, 2] + back_t[1] * s) / qz - fy
    return min(np.sqrt(dx * dx + dy * dy) / shift_limit, WORST)


@njit(**_OPTIONS)
def plane_cost(
    w, b, c, x, y, A, t, back_A, back_t, sources, sizes, depths, geometric, offsets_x, offsets_y, weights, values,
    total, mean, variance, floor, top_k, shift_limit,
):  # fmt: skip
    """Mean over the `top_k` best sources of matching cost plus `geometric` times the round-trip error."""
    best, second = np.float32(3), np.float32(3)
    for s in range(sources.shape[0]):
        value = match_plane(
            w,
            b,
            c,
            x,
            y,
            A[s],
            t[s],
            sources[s],
            sizes[s, 0],
            sizes[s, 1],
            offsets_x,
            offsets_y,
            weights,
            values,
            total,
            mean,
            variance,
            floor,
        )
        if value > np.float32(1.5):
            continue
        if geometric > np.float32(0):
            value += geometric * _geometric(
                w, x, y, A[s], t[s], back_A[s], back_t[s], depths[s], sizes[s, 0], sizes[s, 1], shift_limit
            )
        if value < best:
            second = best
            best = value
        elif value < second:
            second = value
    unseen = np.float32(1) + geometric
    if top_k == 1:
        return min(best, unseen)
    return np.float32(0.5) * (min(best, unseen) + min(second, unseen))


@njit(inline="always")
def _roughness(w, b, c, x, y, planes, grey, scale, contrast):
    """How far the plane is from those of the four neighbours, in [0, 1]; neighbours across an edge count less."""
    height, width = grey.shape
    total, rough = np.float32(1e-6), np.float32(0)
    for k in range(4):
        i, j = y + _NEAR_Y[k], x + _NEAR_X[k]
        if i < 0 or j < 0 or i >= height or j >= width:
            continue
        dx, dy = np.float32(_NEAR_X[k]), np.float32(_NEAR_Y[k])
        ahead = abs(w + b * dx + c * dy - planes[i, j, 0])
        behind = abs(planes[i, j, 0] - planes[i, j, 1] * dx - planes[i, j, 2] * dy - w)
        weight = np.float32(1) / (np.float32(1) + contrast * abs(grey[i, j] - grey[y, x]))
        total += weight
        rough += weight * min((ahead + behind) * scale, np.float32(1))
    return rough / total


@njit(**_OPTIONS)
def update_fields(
    planes, costs, colour, grey, A, t, back_A, back_t, sources, sizes, depths, offsets_x, offsets_y, table, floor,
    top_k, geometric, shift_limit, smooth, scale, contrast, low, high, spread, turn, parity, fresh, start, stop,
):  # fmt: skip
    """Try neighbours' planes and random changes on every field of one colour in rows start..stop.

    Args:
        planes: [h, w, 3] float32, updated.
        costs: [h, w] float32 cost of the present planes without smoothness; recomputed first where `fresh`.
        colour: [h, w, 3] uint8, for the bilateral weights.
        grey: [h, w] float32, grey values less 128.
        A: [S, 3, 3] float32; with t [S, 3] takes pixel (x, y, 1) at inverse depth w to source pixel A p + t w.
        t: See A.
        back_A: The way back from the source.
        back_t: The way back from the source.
        sources: [S, n] uint32 packed sources.
        sizes: [S, 2] int32 width and height of the sources.
        depths: [S, hs, ws] float32 depth maps of the sources, 0 = none; read where geometric > 0.
        offsets_x: [M] float32, of the window's samples.
        offsets_y: [M].
        table: [M, 766] float32 weight by sample and colour distance.
        floor: Least variance.
        top_k: 1 or 2.
        geometric: Weight of the round-trip error.
        shift_limit: Pixels at which that error saturates.
        smooth: Weight of the roughness.
        scale: Roughness per inverse depth.
        contrast: How fast roughness stops counting across an edge of the picture.
        low: Least inverse depth.
        high: Greatest inverse depth.
        spread: Size of the random changes of inverse depth.
        turn: Number of the pass, seeds the changes.
        parity: 0 or 1, the colour.
        fresh: Whether `costs` are from other sources or weights and must be recomputed.
        start: First row.
        stop: Row after the last.
    """
    height, width = grey.shape
    count = len(offsets_x)
    weights, values = np.empty(count, np.float32), np.empty(count, np.float32)
    for y in range(start, stop):
        for x in range((y + parity) & 1, width, 2):
            total, mean, variance = window_weights(
                colour, x, y, offsets_x, offsets_y, table, grey, weights, values
            )
            w, b, c = planes[y, x, 0], planes[y, x, 1], planes[y, x, 2]
            cost = costs[y, x]
            if fresh:
                cost = plane_cost(
                    w, b, c, x, y, A, t, back_A, back_t, sources, sizes, depths, geometric, offsets_x, offsets_y, weights,
                    values, total, mean, variance, floor, top_k, shift_limit,
                )  # fmt: skip
            whole = cost + smooth * _roughness(w, b, c, x, y, planes, grey, scale, contrast)
            random = _hash(x, y, turn)
            for trial in range(len(_NEAR_X) + 3):
                if trial < len(_NEAR_X):
                    i, j = y + _NEAR_Y[trial], x + _NEAR_X[trial]
                    if i < 0 or j < 0 or i >= height or j >= width:
                        continue
                    b_new, c_new = planes[i, j, 1], planes[i, j, 2]
                    w_new = (
                        planes[i, j, 0]
                        - b_new * np.float32(_NEAR_X[trial])
                        - c_new * np.float32(_NEAR_Y[trial])
                    )
                    if (
                        abs(w_new - w) < np.float32(0.02) * spread
                        and abs(b_new - b) + abs(c_new - c) < np.float32(0.01) * spread
                    ):
                        continue
                else:
                    random = _hash(random, y, trial)
                    step = spread if trial & 1 else np.float32(0.25) * spread
                    w_new, b_new, c_new = w, b, c
                    if trial != len(_NEAR_X) + 2:
                        w_new = w + step * _signed(random, 0)
                    if trial != len(_NEAR_X) + 1:
                        b_new = b + np.float32(0.3) * step * _signed(random, 10)
                        c_new = c + np.float32(0.3) * step * _signed(random, 20)
                if w_new < low or w_new > high:
                    continue
                rough = smooth * _roughness(w_new, b_new, c_new, x, y, planes, grey, scale, contrast)
                if rough >= whole:
                    continue
                matched = plane_cost(
                    w_new, b_new, c_new, x, y, A, t, back_A, back_t, sources, sizes, depths, geometric, offsets_x, offsets_y,
                    weights, values, total, mean, variance, floor, top_k, shift_limit,
                )  # fmt: skip
                if matched + rough < whole:
                    w, b, c, cost, whole = w_new, b_new, c_new, matched, matched + rough
            planes[y, x, 0], planes[y, x, 1], planes[y, x, 2] = w, b, c
            costs[y, x] = cost
