"""Pieces of the session that need none of its state: its lock around a method, the preview under the
pointer, what a changed mask selects."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.geometry.picking import pick_point
from liftlab.components.geometry.projection import view_from_photo
from liftlab.components.geometry.splat_links import adjusted_splats
from liftlab.components.progress import CancelToken
from liftlab.components.refine import painted, points_of_masks
from liftlab.components.types import Scene, Segmentation
from liftlab.session.prompts import PhotoStroke, photo_name

if TYPE_CHECKING:
    from liftlab.components.masks.cache import MaskCache
    from liftlab.session.session import Session

P = ParamSpec("P")
T = TypeVar("T")


def locked(
    method: "Callable[Concatenate[Session, P], T]",
) -> "Callable[Concatenate[Session, P], T]":
    """Decorator: the method runs while its session's lock is held, and with its scene in memory."""

    @functools.wraps(method)
    def run(self: "Session", *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            self._wake()
            return method(self, *args, **kwargs)

    return run


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
