"""A segmented object refined by hand: its masks grown, shrunk or painted, its points with them."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.progress import CancelToken
from liftlab.components.types import Array, Scene, Segmentation

STEP_SHARE = 0.006
"""One step moves the outline by this share of the image's longer side."""
SURFACE_STEP = 0.02
"""Growing passes to a neighbouring pixel when its distance to the camera changes by less than this share."""
_SUBPIXEL_BITS = 4


def adjusted_masks(
    scene: Scene,
    masks: Sequence[Bool[Array, "_ _"]],
    steps: int,
    *,
    cancel: CancelToken | None = None,
) -> tuple[Bool[Array, "_ _"], ...]:
    """Masks in view pixels after `steps` of growing (positive) or shrinking (negative).

    Growing does not jump to another surface: where depth is known inside and outside, they must be close.
    Shrinking never makes an object vanish from a view: a mask too thin for it stays as it is.

    Raises:
        Cancelled: The token was set.
    """
    if steps == 0:
        return tuple(masks)
    cancel = cancel or CancelToken()
    return tuple(
        mask
        if not mask.any()
        else _grown(scene, view, mask, steps, cancel)
        if steps > 0
        else _shrunk(mask, -steps, cancel)
        for view, mask in enumerate(masks)
    )


def painted(
    mask: Bool[Array, "H W"], line: Float[Array, "K 2"], radius_px: float, *, inside: bool
) -> Bool[Array, "H W"]:
    """A mask after one stroke of a round brush.

    Args:
        line: xy along the stroke, pixels of the mask; one point is a dab.
        inside: True paints, False rubs out.
    """
    margin = math.ceil(radius_px) + 1  # a stroke beside the photo reaches into it
    touched = np.ones((mask.shape[0] + 2 * margin, mask.shape[1] + 2 * margin), np.uint8)
    path = (
        np.concatenate([line[:1], line]) + margin - 0.5
    )  # OpenCV counts pixel centres from 0; a dab is a line, too
    fixed = np.round(path * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.polylines(touched, [fixed.reshape(-1, 1, 2)], False, 0, 1, cv2.LINE_8, _SUBPIXEL_BITS)
    if touched.all():
        return mask
    near = cv2.distanceTransform(touched, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= radius_px
    near = near[margin:-margin, margin:-margin]
    return mask | near if inside else mask & ~near


def points_of_masks(
    scene: Scene,
    base: Segmentation,
    before: Sequence[Bool[Array, "_ _"]],
    after: Sequence[Bool[Array, "_ _"]],
) -> Bool[Array, "N"]:
    """Selected points after masks changed: pixels that joined bring their points, pixels that left take them
    away.

    Raises:
        ValueError: `base` selects Gaussians, which have no pixel of their own.
    """
    if base.geometry != "points":
        raise ValueError(
            f"base must select points; got '{base.geometry}'. Gaussians have no pixel of their own."
        )
    selected = base.selected.copy()
    pointmap = scene.pointmap
    for view, (old, new) in enumerate(zip(before, after, strict=True)):
        height, width = new.shape
        valid = pointmap.valid[view, :height, :width]
        part = selected[pointmap.offsets[view] : pointmap.offsets[view + 1]]
        part |= (new & ~old)[valid]
        part &= new[valid]
    return selected


def _grown(
    scene: Scene, view: int, mask: Bool[Array, "H W"], steps: int, cancel: CancelToken
) -> Bool[Array, "H W"]:
    depth = _depth_of(scene, view, mask.shape)
    out = mask.view(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    for _ in range(steps * _step_px(mask)):
        cancel.check()
        # the largest depth of the object's pixels around each pixel, 0 where that is unknown
        beside = cv2.dilate(np.where(out > 0, depth, 0.0).astype(np.float32), kernel)
        known = (depth > 0) & (beside > 0)
        joins = ~known | (np.abs(depth - beside) <= SURFACE_STEP * depth)
        out = out | (np.asarray(cv2.dilate(out, kernel), np.uint8) & joins.view(np.uint8))
    return out.astype(bool)


def _shrunk(mask: Bool[Array, "H W"], steps: int, cancel: CancelToken) -> Bool[Array, "H W"]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    inner = mask.view(np.uint8)
    for _ in range(steps):
        cancel.check()
        inner = cv2.erode(inner, kernel, iterations=_step_px(mask))
        if not inner.any():
            return mask
    return np.asarray(inner).astype(bool)


def _step_px(mask: Bool[Array, "H W"]) -> int:
    return max(1, round(STEP_SHARE * max(mask.shape)))


def _depth_of(scene: Scene, view: int, shape: tuple[int, int]) -> Float[Array, "H W"]:
    """Depth along +Z of the view's points, 0 where there is none."""
    height, width = shape
    to_camera = scene.views[view].camera.world_to_camera
    points = scene.pointmap.pts3d[view, :height, :width]
    depth = points @ to_camera[2, :3].astype(np.float32) + np.float32(to_camera[2, 3])
    return np.where(scene.pointmap.valid[view, :height, :width], depth, 0).astype(np.float32)
