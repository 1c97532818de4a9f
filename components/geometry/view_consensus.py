"""Points the views agree on: pixels at an outline often carry the depth of what lies behind the object."""

import math
from collections.abc import Sequence
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float32, Int32

from liftlab.components.types import Array, Scene

TOLERANCE = 0.02
"""A view sees a point when its own depth there differs by less than this share: 2 % in docs/methods/wildseg3d.md
section 5.
"""
MIN_SHARE = 0.5
"""Share of the other views that see a point and must have it inside their mask."""


def agreed_points(
    scene: Scene,
    depths: Float32[Array, "V H W"],
    point_ids: Int32[Array, "K"],
    masks: Sequence[Bool[Array, "_ _"]],
) -> Bool[Array, "K"]:
    """Which points lie inside the masks of at least half of the other views that see them.

    Args:
        scene: Scene of the points.
        depths: Depth along +Z of every view, 0 where unknown (`view_depths`).
        point_ids: Indices into `Pointmap.points`, ascending.
        masks: The object's mask in every view, view pixels.

    Returns:
        True as well for points that no other view sees.

    Source: our addition to eq. (11) of WildSeg3D, whose union over views keeps a wrong point of any view.
    """
    inside = np.zeros(depths.shape, bool)
    for view, mask in enumerate(masks):
        inside[view, : mask.shape[0], : mask.shape[1]] = mask
    K = np.stack([view.camera.K for view in scene.views])
    world_to_camera = np.stack([view.camera.world_to_camera for view in scene.views])
    points = scene.pointmap.points[point_ids].astype(np.float32, copy=False)
    own = (np.searchsorted(scene.pointmap.offsets, point_ids, side="right") - 1).astype(np.int32)
    return _agree(points, own, K.astype(np.float64), world_to_camera.astype(np.float64), depths, inside)


def warm_up() -> None:
    """Load what is compiled, or compile it, so that no click waits for it."""
    camera, view = np.zeros((1, 3, 3)), np.zeros((1, 1, 1), np.float32)
    none = np.zeros((0, 3), np.float32), np.zeros(0, np.int32)
    _agree(*none, camera, np.zeros((1, 4, 4)), view, np.zeros((1, 1, 1), bool))


@numba.njit(cache=True, nogil=True)
@no_type_check
def _agree(points, own, K, world_to_camera, depths, inside):
    """Per point, whether at least `MIN_SHARE` of the views that see it, its own left out, have it inside.

    Args:
        points: [K, 3] float32, world frame.
        own: [K] int32, the view each point comes from.
        K: [V, 3, 3] float64.
        world_to_camera: [V, 4, 4] float64.
        depths: [V, H, W] float32, 0 where unknown.
        inside: [V, H, W] bool.
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
            if abs(depths[v, row, column] - depth) > TOLERANCE * depth:
                continue
            seen += 1
            votes += inside[v, row, column]
        if seen > 0 and votes < MIN_SHARE * seen:
            out[i] = False
    return out
