"""Compiled inner loops of the plane sweep: matching cost, semi-global smoothing, choice of plane.

Kernels work on a block of rows (or columns) and release the GIL; `liftlab.components.pointmaps.stereo.planesweep` calls
them. Costs are bytes: 0 for equal texture, 254 for unrelated, 255 for a plane that the sources do not see.
"""

from typing import no_type_check

import numpy as np
from numba import njit

COST_SCALE = 254.0
UNSEEN = 255
_OPTIONS = {"cache": True, "nogil": True, "fastmath": {"contract", "afn", "reassoc", "nsz", "arcp"}}


@njit(inline="always")
@no_type_check
def _warp(source, H, source_width, max_x, max_y, first_row, radius, warped, inside):
    """A source as the reference's window of rows sees it over one plane, and where (1 or 0) it shows anything."""
    one, zero = np.float32(1), np.float32(0)
    for i in range(warped.shape[0]):
        y = np.float32(first_row + i - radius)
        ax, bx = H[0, 0], H[0, 1] * y + H[0, 2]
        ay, by = H[1, 0], H[1, 1] * y + H[1, 2]
        az, bz = H[2, 0], H[2, 1] * y + H[2, 2]
        for j in range(warped.shape[1]):
            x = np.float32(j - radius)
            z = az * x + bz
            inverse = one / z
            u = (ax * x + bx) * inverse
            v = (ay * x + by) * inverse
            seen = (z > zero) & (u >= zero) & (v >= zero) & (u <= max_x) & (v <= max_y)
            u = min(max(u, zero), max_x)
            v = min(max(v, zero), max_y)
            left, top = np.int32(u), np.int32(v)
            fx, fy = u - np.float32(left), v - np.float32(top)
            at = np.uint32(top * source_width + left)
            below = at + np.uint32(source_width)
            upper = source[at] + fx * (source[at + np.uint32(1)] - source[at])
            lower = source[below] + fx * (source[below + np.uint32(1)] - source[below])
            warped[i, j] = upper + fy * (lower - upper)
            inside[i, j] = one if seen else zero


@njit(inline="always")
@no_type_check
def _vote(reference, mean, variance, warped, inside, radius, floor, start, columns, boxes, best, second):
    """Compare windows of a warped source with the reference's and keep the two best costs of every pixel.

    `columns` [3, w + 2r] and `boxes` [3, w] are room for the sums of value, square and product.
    """
    one, zero = np.float32(1), np.float32(0)
    rows, padded = warped.shape
    width = best.shape[1]
    count = np.float32(1.0 / (2 * radius + 1) ** 2)
    sum_1, sum_2, sum_3 = columns[0], columns[1], columns[2]
    box_1, box_2, box_3 = boxes[0], boxes[1], boxes[2]
    columns[:] = zero
    for i in range(rows):
        for j in range(padded):
            value = warped[i, j]
            sum_1[j] += value
            sum_2[j] += value * value
            sum_3[j] += value * reference[start + i, j]
        row = i - 2 * radius
        if row < 0:
            continue
        boxes[:] = zero
        for k in range(2 * radius + 1):
            for x in range(width):
                box_1[x] += sum_1[x + k]
                box_2[x] += sum_2[x + k]
                box_3[x] += sum_3[x + k]
        for x in range(width):
            average = box_1[x] * count
            spread = max(box_2[x] * count - average * average, floor)
            product = box_3[x] * count - average * mean[start + row, x]
            zncc = product / np.sqrt(spread * max(variance[start + row, x], floor))
            value = one - min(max(zncc, zero), one)
            value = value if inside[row + radius, x + radius] > zero else np.float32(2)
            second[row, x] = min(second[row, x], max(best[row, x], value))
            best[row, x] = min(best[row, x], value)
        for j in range(padded):
            value = warped[row, j]
            sum_1[j] -= value
            sum_2[j] -= value * value
            sum_3[j] -= value * reference[start + row, j]


@njit(**_OPTIONS)
@no_type_check
def matching_cost(reference, mean, variance, sources, homographies, radius, floor, top_k, cost, start, stop):
    """Cost of every plane for the pixels of rows start..stop: 1 - ZNCC, mean of the best `top_k` (1 or 2)
    sources.

    Args:
        reference: [h + 2r, w + 2r] float32, padded by the window's radius.
        mean: [h, w] window mean of the reference.
        variance: [h, w] window variance of the reference.
        sources: [S, hs, ws] float32.
        homographies: [D, S, 3, 3] float32, from reference to source pixels counted from 0.
        radius: Of the square window, r.
        floor: Least variance, the camera's noise.
        top_k: 1 or 2.
        cost: [h, w, D] uint8, written.
        start: First row.
        stop: Row after the last.
    """
    one, scale = np.float32(1), np.float32(COST_SCALE)
    num_planes, num_sources = homographies.shape[0], homographies.shape[1]
    width = cost.shape[1]
    padded = width + 2 * radius
    rows = stop - start + 2 * radius
    source_height, source_width = sources.shape[1], sources.shape[2]
    max_x, max_y = np.float32(source_width - 1.001), np.float32(source_height - 1.001)
    warped = np.empty((rows, padded), np.float32)
    inside = np.empty((rows, padded), np.float32)
    columns = np.empty((3, padded), np.float32)
    boxes = np.empty((3, width), np.float32)
    best = np.empty((stop - start, width), np.float32)
    second = np.empty((stop - start, width), np.float32)
    for plane in range(num_planes):
        best[:] = np.float32(2)
        second[:] = np.float32(2)
        for s in range(num_sources):
            source = sources[s].reshape(-1)
            _warp(source, homographies[plane, s], source_width, max_x, max_y, start, radius, warped, inside)
            _vote(
                reference, mean, variance, warped, inside, radius, floor, start, columns, boxes, best, second
            )
        for row in range(stop - start):
            for x in range(width):
                value = best[row, x]
                if top_k == 2:
                    # A plane that only one source sees counts its other vote as unrelated.
                    value = np.float32(0.5) * (value + min(second[row, x], one))
                seen = best[row, x] < np.float32(1.5)
                cost[start + row, x, plane] = (
                    np.uint8(value * scale + np.float32(0.5)) if seen else np.uint8(UNSEEN)
                )


@njit(inline="always")
@no_type_check
def _path_step(cost, previous, current, least_before, small, large, total):
    """One pixel of a smoothing path; returns the least path cost."""
    planes = cost.shape[0]
    limit = least_before + large
    least = np.float32(1e30)
    for d in range(planes):
        same = previous[d + 1]
        near = min(previous[d], previous[d + 2]) + small
        value = np.float32(cost[d]) + min(same, near, limit) - least_before
        current[d + 1] = value
        least = min(least, value)
        total[d] = np.uint16(np.float32(total[d]) + value)
    return least


@njit(**_OPTIONS)
@no_type_check
def smooth_rows(cost, image, small, large, contrast, total, start, stop):
    """Semi-global paths to the right and to the left in rows start..stop, added to `total` [h, w, D]
    uint16."""
    width, planes = cost.shape[1], cost.shape[2]
    buffers = np.full((2, planes + 2), np.float32(1e30), np.float32)
    for y in range(start, stop):
        for direction in (1, -1):
            least = np.float32(0)
            buffers[0, 1:-1] = np.float32(0)
            for i in range(width):
                x = i if direction == 1 else width - 1 - i
                penalty = large
                if i > 0:
                    step = abs(image[y, x] - image[y, x - direction])
                    penalty = max(large / (np.float32(1) + contrast * step), np.float32(1.2) * small)
                least = _path_step(
                    cost[y, x], buffers[i & 1], buffers[(i + 1) & 1], least, small, penalty, total[y, x]
                )


@njit(**_OPTIONS)
@no_type_check
def smooth_columns(cost, image, small, large, contrast, total, start, stop):
    """Semi-global paths down and up in columns start..stop, added to `total`."""
    height, planes = cost.shape[0], cost.shape[2]
    buffers = np.full((2, stop - start, planes + 2), np.float32(1e30), np.float32)
    least = np.empty(stop - start, np.float32)
    for direction in (1, -1):
        buffers[0, :, 1:-1] = np.float32(0)
        least[:] = np.float32(0)
        for i in range(height):
            y = i if direction == 1 else height - 1 - i
            for x in range(start, stop):
                k = x - start
                penalty = large
                if i > 0:
                    step = abs(image[y, x] - image[y - direction, x])
                    penalty = max(large / (np.float32(1) + contrast * step), np.float32(1.2) * small)
                least[k] = _path_step(
                    cost[y, x],
                    buffers[i & 1, k],
                    buffers[(i + 1) & 1, k],
                    least[k],
                    small,
                    penalty,
                    total[y, x],
                )


@njit(**_OPTIONS)
@no_type_check
def best_plane(cost, total, position, similarity, start, stop):
    """Fractional index of the best plane by a parabola through its neighbours, and 1 - cost there.

    `position` [h, w] float32 gets -1 and `similarity` 0 where the best plane is the first or last, or unseen.
    """
    width, planes = cost.shape[1], cost.shape[2]
    for y in range(start, stop):
        for x in range(width):
            row = total[y, x]
            best, least = 0, row[0]
            for d in range(1, planes):
                if row[d] < least:
                    best, least = d, row[d]
            position[y, x] = np.float32(-1)
            similarity[y, x] = np.float32(0)
            if best == 0 or best == planes - 1 or cost[y, x, best] == UNSEEN:
                continue
            before, middle, after = (
                np.float32(row[best - 1]),
                np.float32(row[best]),
                np.float32(row[best + 1]),
            )
            curvature = before - np.float32(2) * middle + after
            offset = np.float32(0)
            if curvature > np.float32(1e-6):
                offset = np.float32(0.5) * (before - after) / curvature
            position[y, x] = np.float32(best) + offset
            similarity[y, x] = np.float32(1) - np.float32(cost[y, x, best]) / np.float32(COST_SCALE)
