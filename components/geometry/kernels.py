"""Passes over millions of points, compiled."""

import math
from typing import no_type_check

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
@no_type_check
def agree(points, own, K, world_to_camera, depths, inside, tolerance, min_share):
    """Per point, whether at least a share of the views that see it, its own left out, have it inside.

    Args:
        points: [K, 3] float32, world frame.
        own: [K] int32, the view each point comes from.
        K: [V, 3, 3] float64.
        world_to_camera: [V, 4, 4] float64.
        depths: [V, H, W] float32, 0 where unknown.
        inside: [V, H, W] bool.
        tolerance: A view sees a point when its own depth there differs by less than this share.
        min_share: Of the views that see it.
    """
    views, height, width = depths.shape
    out = np.ones(len(points), np.bool_)
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        seen = 0
        votes = 0
        for v in range(views):
            if v == own[i]:
                continue
            T = world_to_camera[v]
            depth = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3]
            if depth <= 0:
                continue
            u = (T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]) / depth * K[v, 0, 0] + K[v, 0, 2]
            w = (T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]) / depth * K[v, 1, 1] + K[v, 1, 2]
            if not (0 <= u < width and 0 <= w < height):
                continue
            column, row = math.floor(u), math.floor(w)
            if abs(depths[v, row, column] - depth) > tolerance * depth:
                continue
            seen += 1
            votes += inside[v, row, column]
        if seen > 0 and votes < min_share * seen:
            out[i] = False
    return out


@numba.njit(cache=True, nogil=True)
@no_type_check
def indices_in_cone(points, origin, unit, angle_rad):
    """One pass over millions of points; a cone holds few of them, so the list of indices stays short."""
    widening = np.float32(1.0) + angle_rad * angle_rad
    found = []
    for i in range(points.shape[0]):
        x = points[i, 0] - origin[0]
        y = points[i, 1] - origin[1]
        z = points[i, 2] - origin[2]
        along = x * unit[0] + y * unit[1] + z * unit[2]
        # offset^2 = squared - along^2 <= (angle * along)^2, without a square root for every point
        if along > np.float32(0.0) and x * x + y * y + z * z <= widening * along * along:
            found.append(i)
    out = np.empty(len(found), np.int64)
    for k in range(len(found)):
        out[k] = found[k]
    return out
