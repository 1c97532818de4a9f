"""Pieces of the session that need none of its state: the preview under the pointer, an object's mask in a photo, and
what a changed mask selects.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.geometry.picking import pick_point
from liftlab.components.geometry.projection import mask_in_photo, view_from_photo
from liftlab.components.geometry.splat_links import adjusted_splats
from liftlab.components.progress import CancelToken
from liftlab.components.refine import adjusted_masks, painted, points_of_masks
from liftlab.components.types import Scene, Segmentation
from liftlab.session.prompts import ObjectPrompts, PhotoStroke, photo_name

if TYPE_CHECKING:
    from liftlab.components.masks.cache import MaskCache
    from liftlab.session.objects import Answer


def point_on_ray(scene: Scene, origin: Any, direction: Any) -> tuple[float, float, float]:
    """The reconstructed point that a ray of the 3D view meets, world frame.

    Raises:
        InputError: It is no ray, or passes everything that was reconstructed.
    """
    start, along = np.asarray(origin, np.float64), np.asarray(direction, np.float64)
    if start.shape != (3,) or along.shape != (3,) or not np.isfinite([start, along]).all() or not along.any():
        raise InputError("A click in 3D needs a ray of finite numbers.")
    points = scene.pointmap.points
    hit = pick_point(points, start, along)
    if hit is None:
        raise InputError("Nothing was reconstructed where you clicked; click on a visible point.")
    x, y, z = points[hit].tolist()
    return x, y, z


def preview_mask(
    scene: Scene, masks: "MaskCache", photo: str, x: float, y: float, granularity: float | None
) -> np.ndarray | None:
    """Mask bool [H, W] (view pixels) of the cached object that a click at photo pixel (x, y) would likely take; None
    when there is none, or the photo is not in the scene.
    """
    try:
        name = photo_name(scene, photo)
    except InputError:
        return None
    index = scene.view_index(name)
    column, row = view_from_photo(scene.views[index], np.array([x, y], np.float64))
    ids = masks.at(index, float(column), float(row)).tolist()
    if not ids:
        return None
    if granularity is None:
        object_id = masks.preferred(ids, click=(index, float(column), float(row))) or ids[0]
    else:
        object_id = ids[round(granularity * (len(ids) - 1))]
    return masks.mask(index, object_id)


def photo_mask(scene: Scene, answer: "Answer | None", photo: str) -> np.ndarray:
    """Mask bool [h, w] of an answer in photo pixels; all False for a photo that is not in the scene's views."""
    if photo in scene.missing:
        width, height = scene.photo_sizes[photo]
        return np.zeros((height, width), bool)
    index = scene.view_index(photo_name(scene, photo))
    view = scene.views[index]
    if answer is None:
        return np.zeros((view.lens.height, view.lens.width), bool)
    return mask_in_photo(view, answer.masks[index])


def refined(
    scene: Scene,
    found: Segmentation,
    masks: tuple[np.ndarray, ...],
    asked: ObjectPrompts,
    nearest: Callable[[], np.ndarray],
    cancel: CancelToken,
) -> tuple[Segmentation, tuple[np.ndarray, ...]]:
    """A method's answer and its masks (bool [H, W] per view, view pixels), grown or shrunk and brushed as asked.

    Args:
        nearest: Gives `nearest_points` of the scene; asked only for Gaussians.

    Raises:
        Cancelled: The token was set.
    """
    after = brushed(scene, adjusted_masks(scene, masks, asked.adjust, cancel=cancel), asked.strokes, cancel)
    selected = adjusted_selection(scene, found, masks, after, nearest)
    found = replace(
        found, selected=selected, score=selected.astype(np.float32), threshold=0.5,
        mask_of_view=lambda view: after[view],
    )  # fmt: skip
    return found, after


def adjusted_selection(
    scene: Scene,
    result: Segmentation,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    nearest: Callable[[], np.ndarray],
) -> np.ndarray:
    """Selected primitives, of whichever geometry the result has, after its masks changed.

    Args:
        nearest: Gives `nearest_points` of the scene; asked only for Gaussians.
    """
    if result.geometry == "points":
        return points_of_masks(scene, result, before, after)
    return adjusted_splats(scene, nearest(), result.selected, before, after)


def brushed(
    scene: Scene, masks: tuple[np.ndarray, ...], strokes: Sequence[PhotoStroke], cancel: CancelToken
) -> tuple[np.ndarray, ...]:
    """Masks (bool [H, W] per view, view pixels) after the brush; the same tuple without strokes."""
    if not strokes:
        return masks
    after = list(masks)
    for stroke in strokes:
        cancel.check()
        index = scene.view_index(stroke.image)
        view = scene.views[index]
        line = view_from_photo(view, np.array(stroke.points, np.float64))
        radius = stroke.radius * view.camera.width / view.lens.width
        after[index] = painted(after[index], line, radius, inside=stroke.positive)
    return tuple(after)
