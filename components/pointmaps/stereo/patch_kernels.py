"""Compiled inner loops of the slanted-plane refinement; `liftlab.components.pointmaps.stereo.refinement` calls them.

Every pixel carries a plane (w, b, c): inverse depth w at the pixel and its slope per pixel to the right and
down. Pixels are updated like the fields of a chessboard, so a field reads only fields of the other colour
and the answer does not depend on threads.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "fastmath": {"contract", "afn", "reassoc", "nsz", "arcp"}}
_WORST = np.float32(1)
_NEAR_X = np.array([1, -1, 0, 0, 5, -5, 0, 0], np.int64)
_NEAR_Y = np.array([0, 0, 1, -1, 0, 0, 5, -5], np.int64)
"""Fields of the other colour whose planes are tried."""
_RANDOM_TRIALS = 3


class Window(NamedTuple):
    """Samples around a pixel."""

    offsets_x: np.ndarray
    """[M] float32."""
    offsets_y: np.ndarray
    table: np.ndarray
    """[M, 766] float32: weight by sample and sum of absolute colour differences."""


class Sources(NamedTuple):
    """The other views. Pixel p = (x, y, 1) at inverse depth w lands on source pixel A p + t w, counted from
    0."""

    A: np.ndarray
    """[S, 3, 3] float32."""
    t: np.ndarray
    """[S, 3] float32."""
    back_A: np.ndarray
    """[S, 3, 3] float32, the way back."""
    back_t: np.ndarray
    quads: np.ndarray
    """[S, n] uint32, grey pictures packed by `packed_quads`."""
    sizes: np.ndarray
    """[S, 2] int32, width and height."""
    depths: np.ndarray
    """[S, hs, ws] float32, 0 = none."""


class Terms(NamedTuple):
    """Weights of the cost; all float32 but `top_k`."""

    floor: np.float32
    """Least variance of a window."""
    top_k: int
    """How many sources count, 1 or 2."""
    geometric: np.float32
    """Weight of the round-trip error; 0 leaves it out."""
    shift_limit: np.float32
    """Pixels at which that error saturates."""
    smooth: np.float32
    """Weight of roughness."""
    scale: np.float32
    """Roughness per inverse depth."""
    contrast: np.float32
    """How fast roughness stops counting across an edge of the picture."""


@njit(inline="always")
@no_type_check
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
@no_type_check
def _signed(value, shift):
    """A number in [-1, 1) from ten bits of a hash."""
    return np.float32((value >> np.uint32(shift)) & np.uint32(1023)) / np.float32(512) - np.float32(1)


@njit(**_OPTIONS)
@no_type_check
def window_weights(colour, grey, x, y, window, weights, values):
    """Bilateral weights and grey values of the window around a pixel; returns sum, mean and variance."""
    height, width = grey.shape
    offsets_x, offsets_y, table = window
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
@no_type_check
def match_plane(plane, x, y, sources, s, window, weights, values, moments, floor):
    """1 - weighted ZNCC of the window under a plane in one source, clipped to [0, 1]; 2 when unseen.

    The homography is taken as affine within the window.
    """
    w, b, c = plane
    total, mean, variance = moments
    A, t, quads = sources.A, sources.t, sources.quads
    width, height = sources.sizes[s, 0], sources.sizes[s, 1]
    max_x, max_y = np.float32(width - 1.001), np.float32(height - 1.001)
    zero, one, byte = np.float32(0), np.float32(1), np.uint32(255)
    fx, fy = np.float32(x), np.float32(y)
    pz = A[s, 2, 0] * fx + A[s, 2, 1] * fy + A[s, 2, 2] + t[s, 2] * w
    if pz <= zero:
        return np.float32(2)
    inverse = one / pz
    u = (A[s, 0, 0] * fx + A[s, 0, 1] * fy + A[s, 0, 2] + t[s, 0] * w) * inverse
    v = (A[s, 1, 0] * fx + A[s, 1, 1] * fy + A[s, 1, 2] + t[s, 1] * w) * inverse
    if not (u >= zero and v >= zero and u <= max_x and v <= max_y):
        return np.float32(2)
    zx, zy = A[s, 2, 0] + t[s, 2] * b, A[s, 2, 1] + t[s, 2] * c
    ux, uy = (A[s, 0, 0] + t[s, 0] * b - u * zx) * inverse, (A[s, 0, 1] + t[s, 0] * c - u * zy) * inverse
    vx, vy = (A[s, 1, 0] + t[s, 1] * b - v * zx) * inverse, (A[s, 1, 1] + t[s, 1] * c - v * zy) * inverse
    first, second, product = zero, zero, zero
    for k in range(len(weights)):
        dx, dy = window.offsets_x[k], window.offsets_y[k]
        at_x = min(max(u + ux * dx + uy * dy, zero), max_x)
        at_y = min(max(v + vx * dx + vy * dy, zero), max_y)
        left, top = np.int32(at_x), np.int32(at_y)
        at_x -= np.float32(left)
        at_y -= np.float32(top)
        quad = quads[s, np.uint32(top * width + left)]
        upper_left = np.float32(np.int32(quad & byte))
        upper_right = np.float32(np.int32((quad >> np.uint32(8)) & byte))
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
@no_type_check
def round_trip(w, x, y, sources, s, shift_limit):
    """Distance in pixels from (x, y) after a trip through depth map `s` and back, over its limit, in [0,
    1]."""
    A, t, back_A, back_t = sources.A, sources.t, sources.back_A, sources.back_t
    width, height = sources.sizes[s, 0], sources.sizes[s, 1]
    fx, fy = np.float32(x), np.float32(y)
    pz = A[s, 2, 0] * fx + A[s, 2, 1] * fy + A[s, 2, 2] + t[s, 2] * w
    if pz <= np.float32(0):
        return _WORST
    u = (A[s, 0, 0] * fx + A[s, 0, 1] * fy + A[s, 0, 2] + t[s, 0] * w) / pz
    v = (A[s, 1, 0] * fx + A[s, 1, 1] * fy + A[s, 1, 2] + t[s, 1] * w) / pz
    if not (
        u >= np.float32(0) and v >= np.float32(0) and u < np.float32(width - 1) and v < np.float32(height - 1)
    ):
        return _WORST
    column, row = np.int64(u + np.float32(0.5)), np.int64(v + np.float32(0.5))
    z = sources.depths[s, row, column]
    if z <= np.float32(0):
        return _WORST
    other = np.float32(1) / z
    qz = back_A[s, 2, 0] * u + back_A[s, 2, 1] * v + back_A[s, 2, 2] + back_t[s, 2] * other
    if qz <= np.float32(0):
        return _WORST
    dx = (back_A[s, 0, 0] * u + back_A[s, 0, 1] * v + back_A[s, 0, 2] + back_t[s, 0] * other) / qz - fx
    dy = (back_A[s, 1, 0] * u + back_A[s, 1, 1] * v + back_A[s, 1, 2] + back_t[s, 1] * other) / qz - fy
    return min(np.sqrt(dx * dx + dy * dy) / shift_limit, _WORST)


@njit(**_OPTIONS)
@no_type_check
def plane_cost(plane, x, y, sources, window, weights, values, moments, terms, picks, row, column, only_picks):
    """Mean over the `top_k` best sources of matching cost plus `geometric` times the round-trip error.

    With `only_picks` just the sources in `picks` (at row, column) are asked; else all of them, and the best
    two go into `picks`.
    """
    unseen = np.float32(1) + terms.geometric
    best, second = unseen, unseen
    if not only_picks:
        picks[row, column, 0], picks[row, column, 1] = 0, 0
    for k in range(terms.top_k if only_picks else len(sources.sizes)):
        s = np.int64(picks[row, column, k]) if only_picks else np.int64(k)
        value = match_plane(plane, x, y, sources, s, window, weights, values, moments, terms.floor)
        if value > np.float32(1.5):
            continue
        if terms.geometric > np.float32(0):
            value += terms.geometric * round_trip(plane[0], x, y, sources, s, terms.shift_limit)
        if value < best:
            best, second = value, best
            if not only_picks:
                picks[row, column, 1] = picks[row, column, 0]
                picks[row, column, 0] = s
        elif value < second:
            second = value
            if not only_picks:
                picks[row, column, 1] = s
    return best if terms.top_k == 1 else np.float32(0.5) * (best + second)


@njit(inline="always")
@no_type_check
def _roughness(plane, x, y, planes, grey, terms):
    """How far the plane is from those of the four neighbours, in [0, 1]; those across an edge count less."""
    height, width = grey.shape
    w, b, c = plane
    total, rough = np.float32(1e-6), np.float32(0)
    for k in range(4):
        i, j = y + _NEAR_Y[k], x + _NEAR_X[k]
        if i < 0 or j < 0 or i >= height or j >= width:
            continue
        dx, dy = np.float32(_NEAR_X[k]), np.float32(_NEAR_Y[k])
        ahead = abs(w + b * dx + c * dy - planes[i, j, 0])
        behind = abs(planes[i, j, 0] - planes[i, j, 1] * dx - planes[i, j, 2] * dy - w)
        weight = np.float32(1) / (np.float32(1) + terms.contrast * abs(grey[i, j] - grey[y, x]))
        total += weight
        rough += weight * min((ahead + behind) * terms.scale, np.float32(1))
    return rough / total


@njit(inline="always")
@no_type_check
def _changed(plane, trial, random, spread):
    """The plane with another depth (trial 0), another slope (1) or both, a little (2)."""
    w, b, c = plane
    step = spread if trial < 2 else np.float32(0.25) * spread
    if trial != 1:
        w += step * _signed(random, 0)
    if trial != 0:
        b += np.float32(0.3) * step * _signed(random, 10)
        c += np.float32(0.3) * step * _signed(random, 20)
    return w, b, c


@njit(**_OPTIONS)
@no_type_check
def update_fields(
    planes, costs, picks, colour, grey, sources, window, terms, limits, spread, turn, parity, fresh, only_picks,
    start, stop,
):  # fmt: skip
    """Try neighbours' planes and random changes on every field of one colour in rows start..stop.

    Args:
        planes: [h, w, 3] float32, updated.
        costs: [h, w] float32 cost of the present planes without roughness; recomputed first where `fresh`.
        picks: [h, w, 2] uint8, the sources that matched best when `fresh`.
        colour: [h, w, 3] uint8, for the bilateral weights.
        grey: [h, w] float32, grey values less 128.
        sources: `Sources`.
        window: `Window`.
        terms: `Terms`.
        limits: Least and greatest inverse depth, float32.
        spread: Size of the random changes of inverse depth, float32.
        turn: Number of the pass, seeds the changes.
        parity: 0 or 1, the colour.
        fresh: Whether `costs` and `picks` must be computed.
        only_picks: Compare new planes in the picked sources only.
        start: First row.
        stop: Row after the last.
    """
    height, width = grey.shape
    count = len(window.offsets_x)
    weights, values = np.empty(count, np.float32), np.empty(count, np.float32)
    scratch = np.zeros((1, 1, 2), np.uint8)
    for y in range(start, stop):
        for x in range((y + parity) & 1, width, 2):
            moments = window_weights(colour, grey, x, y, window, weights, values)
            plane = (planes[y, x, 0], planes[y, x, 1], planes[y, x, 2])
            if fresh:
                costs[y, x] = plane_cost(
                    plane, x, y, sources, window, weights, values, moments, terms, picks, y, x, False
                )
            cost = costs[y, x]
            whole = cost + terms.smooth * _roughness(plane, x, y, planes, grey, terms)
            random = _hash(x, y, turn)
            for trial in range(len(_NEAR_X) + _RANDOM_TRIALS):
                if trial < len(_NEAR_X):
                    i, j = y + _NEAR_Y[trial], x + _NEAR_X[trial]
                    if i < 0 or j < 0 or i >= height or j >= width:
                        continue
                    b, c = planes[i, j, 1], planes[i, j, 2]
                    w = planes[i, j, 0] - b * np.float32(_NEAR_X[trial]) - c * np.float32(_NEAR_Y[trial])
                    new = (w, b, c)
                    slope = abs(b - plane[1]) + abs(c - plane[2])
                    if abs(w - plane[0]) < np.float32(0.03) * spread and slope < np.float32(0.01) * spread:
                        continue  # the same plane but for rounding
                else:
                    random = _hash(random, y, trial)
                    new = _changed(plane, trial - len(_NEAR_X), random, spread)
                if new[0] < limits[0] or new[0] > limits[1]:
                    continue
                rough = terms.smooth * _roughness(new, x, y, planes, grey, terms)
                if rough >= whole:
                    continue
                if only_picks:
                    matched = plane_cost(
                        new, x, y, sources, window, weights, values, moments, terms, picks, y, x, True
                    )
                else:
                    matched = plane_cost(
                        new, x, y, sources, window, weights, values, moments, terms, scratch, 0, 0, False
                    )
                if matched + rough < whole:
                    plane, cost, whole = new, matched, matched + rough
            planes[y, x, 0], planes[y, x, 1], planes[y, x, 2] = plane
            costs[y, x] = cost
