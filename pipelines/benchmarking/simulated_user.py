"""A simulated person who clicks on an object until it is right, as the interactive-segmentation literature
does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Int32

from liftlab.components.captures.benchmark_layouts import scorable_objects
from liftlab.components.metrics import mean_view_iou, pooled_iou
from liftlab.components.types import Array

__all__ = [
    "MAX_CLICKS",
    "SimulatedClick",
    "SimulatedRun",
    "clicks_needed",
    "farthest_inside",
    "replay_clicks",
    "scorable_objects",
    "simulate",
]

MAX_CLICKS = 20


@dataclass(frozen=True)
class SimulatedClick:
    """One click in the pixels of the truth (photo pixels)."""

    view: int
    """Index into the truth label maps."""
    x: float
    y: float
    positive: bool


@dataclass(frozen=True)
class SimulatedRun:
    """What happened to one object."""

    object_id: int
    clicks: tuple[SimulatedClick, ...]
    object_ious: tuple[float, ...]
    """IoU pooled over all scored views after each click."""
    view_ious: tuple[float, ...]
    """Mean over the scored views of the per-view IoU after each click."""

    def iou_after(self, clicks: int) -> float:
        """Object IoU after so many clicks; a run that ended early (nothing was wrong any more) keeps its
        last."""
        return self.object_ious[min(clicks, len(self.object_ious)) - 1]


def simulate(
    labels: Sequence[Int32[Array, "_ _"]],
    object_id: int,
    segment: Callable[[Sequence[SimulatedClick]], Sequence[Bool[Array, "_ _"]]],
    *,
    clicks: int = 5,
) -> SimulatedRun:
    """Click on one object.

    The first click goes into the view where the object is largest, at the pixel of its mask farthest from the
    mask's border (first in row order); each further one to that pixel of the largest 4-connected error region
    over all views: positive where the object was missed, negative where something else was taken. Void pixels
    (-1) are never errors.

    Args:
        labels: Truth per view, -1 = void.
        object_id: Label of the object.
        segment: All clicks so far in, one mask per view out, each of the view's truth size.
        clicks: At most this many, 1..20.

    Raises:
        ValueError: The object is in no view, or `clicks` is out of range.
    """
    if not 1 <= clicks <= MAX_CLICKS:
        raise ValueError(f"clicks must be in 1..{MAX_CLICKS}; got {clicks}.")
    truths = [label_map == object_id for label_map in labels]
    voids = [label_map < 0 for label_map in labels]
    areas = [int(truth.sum()) for truth in truths]
    if not any(areas):
        raise ValueError(f"object_id must be in the truth; got {object_id}.")
    start = int(np.argmax(areas))
    given = [_click_in(truths[start], start, positive=True)]
    object_ious: list[float] = []
    view_ious: list[float] = []
    while True:
        masks = [mask & ~void for mask, void in zip(segment(tuple(given)), voids, strict=True)]
        object_ious.append(pooled_iou(truths, masks))
        view_ious.append(mean_view_iou(truths, masks))
        following = _worst_error(truths, masks)
        if len(given) == clicks or following is None:
            return SimulatedRun(object_id, tuple(given), tuple(object_ious), tuple(view_ious))
        given.append(following)


def replay_clicks(
    labels: Sequence[Int32[Array, "_ _"]],
    object_id: int,
    segment: Callable[[Sequence[SimulatedClick]], Sequence[Bool[Array, "_ _"]]],
    clicks: Sequence[SimulatedClick],
) -> SimulatedRun:
    """Score after each of some saved clicks, so that every method can be given the same ones.

    Args:
        labels: Truth per view, -1 = void.
        object_id: Label of the object.
        segment: As for `simulate`.
        clicks: At least one.
    """
    if not clicks:
        raise ValueError("clicks must hold at least one click; got none.")
    truths = [label_map == object_id for label_map in labels]
    voids = [label_map < 0 for label_map in labels]
    object_ious, view_ious = [], []
    for count in range(1, len(clicks) + 1):
        answer = segment(tuple(clicks[:count]))
        masks = [mask & ~void for mask, void in zip(answer, voids, strict=True)]
        object_ious.append(pooled_iou(truths, masks))
        view_ious.append(mean_view_iou(truths, masks))
    return SimulatedRun(object_id, tuple(clicks), tuple(object_ious), tuple(view_ious))


def clicks_needed(ious: Sequence[float], target: float, *, limit: int) -> int | None:
    """Clicks until the IoU first reached `target`; None when `limit` clicks did not do it.

    Args:
        ious: After each click; a curve that is shorter than `limit` ended because nothing was wrong any more.
        target: IoU in [0, 1].
        limit: Clicks a person was given.
    """
    for count, value in enumerate(ious[:limit], start=1):
        if value >= target:
            return count
    return None


def _worst_error(
    truths: Sequence[Bool[Array, "_ _"]], masks: Sequence[Bool[Array, "_ _"]]
) -> SimulatedClick | None:
    """Click on the largest connected error over all views (ties: lower view, missed before wrongly taken)."""
    worst: tuple[int, int, bool, Bool[Array, "_ _"]] | None = None
    for view, (truth, mask) in enumerate(zip(truths, masks, strict=True)):
        for positive, error in ((True, truth & ~mask), (False, mask & ~truth)):
            count, regions, stats, _ = cv2.connectedComponentsWithStats(
                error.astype(np.uint8), connectivity=4
            )
            if count < 2:
                continue
            largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            size = int(stats[largest, cv2.CC_STAT_AREA])
            if worst is None or size > worst[0]:
                worst = (size, view, positive, regions == largest)
    if worst is None:
        return None
    _, view, positive, region = worst
    return _click_in(region, view, positive=positive)


def _click_in(region: Bool[Array, "_ _"], view: int, *, positive: bool) -> SimulatedClick:
    """Centre of the pixel farthest from the region's border; the image border is border too."""
    x, y = farthest_inside(region)
    return SimulatedClick(view, x + 0.5, y + 0.5, positive)


def farthest_inside(region: Bool[Array, "_ _"]) -> tuple[int, int]:
    """Column and row of the pixel farthest from the outside, first in row order."""
    distance = cv2.distanceTransform(np.pad(region.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[
        1:-1, 1:-1
    ]
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(column), int(row)
