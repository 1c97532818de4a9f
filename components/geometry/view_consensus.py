"""Points the views agree on: pixels at an outline often carry the depth of what lies behind the object."""

from collections.abc import Sequence

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
    from liftlab.components.geometry.kernels import agree

    inside = np.zeros(depths.shape, bool)
    for view, mask in enumerate(masks):
        inside[view, : mask.shape[0], : mask.shape[1]] = mask
    K = np.stack([view.camera.K for view in scene.views])
    world_to_camera = np.stack([view.camera.world_to_camera for view in scene.views])
    points = scene.pointmap.points[point_ids].astype(np.float32, copy=False)
    own = (np.searchsorted(scene.pointmap.offsets, point_ids, side="right") - 1).astype(np.int32)
    poses = K.astype(np.float64), world_to_camera.astype(np.float64)
    return agree(points, own, *poses, depths, inside, TOLERANCE, MIN_SHARE)


def warm_up() -> None:
    """Load what is compiled, or compile it, so that no click waits for it."""
    from liftlab.components.geometry.kernels import agree

    camera, view = np.zeros((1, 3, 3)), np.zeros((1, 1, 1), np.float32)
    none = np.zeros((0, 3), np.float32), np.zeros(0, np.int32)
    agree(*none, camera, np.zeros((1, 4, 4)), view, np.zeros((1, 1, 1), bool), TOLERANCE, MIN_SHARE)
