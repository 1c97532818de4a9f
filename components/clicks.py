"""Prompts in one plain form: clicks and boxes in view pixels, in the order they were given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import project, view_from_photo
from liftlab.components.types import Array, Prompt, Scene, View

VISIBLE_DEPTH_ERROR = 0.02
"""A point of the 3D view belongs to a photo when that photo's depth agrees with it to this share."""

CLICK_DISC_PX = 2.0
"""Pixels whose centres are this near to a click are answered as the click says, by every method."""


@dataclass(frozen=True)
class Click:
    """One click in view pixels."""

    view: int
    x: float
    y: float
    positive: bool
    granularity: float | None = None
    """Of the prompt it came in; None lets the method choose."""


@dataclass(frozen=True)
class Box:
    """One box in view pixels."""

    view: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class ClickList:
    """All clicks and boxes of one object."""

    clicks: tuple[Click, ...]
    boxes: tuple[Box, ...]
    hidden: int = 0
    """Clicks in 3D whose point no photo sees; they are left out and the person is told."""

    @property
    def positives(self) -> tuple[Click, ...]:
        return tuple(click for click in self.clicks if click.positive)

    @property
    def negatives(self) -> tuple[Click, ...]:
        return tuple(click for click in self.clicks if not click.positive)


def clicks_of(scene: Scene, prompts: Sequence[Prompt]) -> ClickList:
    """Read prompts: photo pixels become view pixels, points in 3D go to the view that sees them best.

    Raises:
        InputError: A click or box lies outside its photo, or names a view that the scene does not have.
    """
    clicks: list[Click] = []
    boxes: list[Box] = []
    hidden = 0
    for prompt in prompts:
        if len(prompt.point_coords) or prompt.box is not None:
            view_index = _checked_view(scene, prompt)
            view = scene.views[view_index]
            for xy, label in zip(prompt.point_coords, prompt.point_labels, strict=True):
                x, y = _in_view(view, xy)
                clicks.append(Click(view_index, x, y, bool(label), prompt.granularity))
            if prompt.box is not None:
                boxes.append(_box_in_view(view_index, view, prompt.box))
        for point, label in zip(prompt.world_points, prompt.world_labels, strict=True):
            seen = best_view_of_point(scene, point)
            if seen is None:
                hidden += 1
            else:
                clicks.append(Click(*seen, bool(label), prompt.granularity))
    return ClickList(tuple(clicks), tuple(boxes), hidden)


def obeying(
    mask_of_view: Callable[[int], Bool[Array, "_ _"]], clicks: Sequence[Click]
) -> Callable[[int], Bool[Array, "_ _"]]:
    """Masks in which every click is heard: the pixels within `CLICK_DISC_PX` of it are in for a positive click and out
    for a negative one; where two discs overlap the nearer click counts, and of two as near the later.

    Args:
        mask_of_view: View index to mask, view pixels.
        clicks: In the order they were given.
    """

    def obeyed(view: int) -> Bool[Array, "_ _"]:
        mine = [click for click in clicks if click.view == view]
        mask = mask_of_view(view)
        return _with_discs(mask, mine) if mine else mask

    return obeyed


def _with_discs(mask: Bool[Array, "H W"], clicks: Sequence[Click]) -> Bool[Array, "H W"]:
    height, width = mask.shape
    nearest: dict[tuple[int, int], tuple[float, bool]] = {}
    for click in clicks:
        reach = int(CLICK_DISC_PX) + 1
        for row in range(max(0, int(click.y) - reach), min(height, int(click.y) + reach + 1)):
            for column in range(max(0, int(click.x) - reach), min(width, int(click.x) + reach + 1)):
                distance = float(np.hypot(row + 0.5 - click.y, column + 0.5 - click.x))
                if distance > CLICK_DISC_PX:
                    continue
                if distance <= nearest.get((row, column), (np.inf, False))[0]:
                    nearest[row, column] = (distance, click.positive)
    out = np.array(mask, bool)
    for (row, column), (_, positive) in nearest.items():
        out[row, column] = positive
    return out


def best_view_of_point(scene: Scene, point: Float[Array, "3"]) -> tuple[int, float, float] | None:
    """View index and view pixel (x, y) of the photo that sees a world point best; None when none does.

    Best is the smallest relative difference between the point's depth and the depth of the pixel it falls
    on; it must be under `VISIBLE_DEPTH_ERROR`. Source: docs/methods/wildseg3d.md section 5.
    """
    best: tuple[float, int, float, float] | None = None
    for index, view in enumerate(scene.views):
        camera = view.camera
        xy, depth = project(camera, point)
        x, y = float(xy[0]), float(xy[1])
        if not (depth > 0 and 0 <= x < camera.width and 0 <= y < camera.height):
            continue
        row, column = int(y), int(x)
        if not scene.pointmap.valid[index, row, column]:
            continue
        _, seen = project(camera, scene.pointmap.pts3d[index, row, column])
        error = abs(float(seen) - float(depth)) / float(depth)
        if error < VISIBLE_DEPTH_ERROR and (best is None or error < best[0]):
            best = (error, index, x, y)
    return None if best is None else best[1:]


def _checked_view(scene: Scene, prompt: Prompt) -> int:
    if prompt.view is None:
        raise InputError("This click does not say which photo it is in: name the photo.")
    if not 0 <= prompt.view < len(scene.views):
        raise InputError(
            f"There is no photo number {prompt.view}: the scene has {len(scene.views)}, counted from 0."
        )
    return prompt.view


def _in_view(view: View, xy: Float[Array, "2"]) -> tuple[float, float]:
    """View pixel of a click in photo pixels, moved inside where undistortion cut off the photo's rim."""
    lens, camera = view.lens, view.camera
    x, y = float(xy[0]), float(xy[1])
    if not (0 <= x < lens.width and 0 <= y < lens.height):
        raise InputError(
            f"The click at ({x:g}, {y:g}) is outside the photo {view.name} of {lens.width} x {lens.height} "
            "pixels: click inside it."
        )
    inside = np.clip(view_from_photo(view, xy), 0, [camera.width - 0.5, camera.height - 0.5])
    return float(inside[0]), float(inside[1])


def _box_in_view(index: int, view: View, box: Float[Array, "4"]) -> Box:
    """A box cut to its photo, in view pixels; corners may come in any order."""
    lens, camera = view.lens, view.camera
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    low, high = np.maximum(low, 0), np.minimum(high, [lens.width, lens.height])
    if not (np.all(np.isfinite(box)) and np.all(low < high)):
        raise InputError(
            f"The box does not cover any pixel of the photo {view.name} of {lens.width} x {lens.height} "
            "pixels: draw it inside the photo."
        )
    corners = view_from_photo(view, np.array([low, high, [low[0], high[1]], [high[0], low[1]]]))
    limit = np.array([camera.width, camera.height], dtype=np.float64)
    (x0, y0), (x1, y1) = np.clip(corners.min(axis=0), 0, limit), np.clip(corners.max(axis=0), 0, limit)
    return Box(index, float(x0), float(y0), float(x1), float(y1))
