"""WildSeg3D: which cached masks the clicks and boxes select (docs/methods/wildseg3d.md section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array
from liftlab.pipelines.methods.wildseg3d.state import WildSeg3DConfig

SAME_PLACE_PX = 2.0
"""A positive click this close to an earlier one of the same view asks for the next larger mask."""


@dataclass(frozen=True)
class CacheSelection:
    """What the clicks select from the cache: the union of `add` without the union of `subtract`."""

    add: tuple[int, ...] = ()
    subtract: tuple[int, ...] = ()
    candidates: tuple[int, ...] = ()
    """Cached objects under the first positive click, ascending area."""
    missed: tuple[Click, ...] = ()
    """Positive clicks on nothing cached, and negative clicks that no cached mask can take away."""
    missed_boxes: tuple[Box, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.missed and not self.missed_boxes


def plan(
    masks: MaskCache, given: ClickList, config: WildSeg3DConfig, *, solvable: bool
) -> tuple[CacheSelection, ClickList | None]:
    """What to look up; and, where that does not answer all clicks, what to ask the click solver instead.

    With local corrections only the first positive click and boxes are looked up. While further clicks agree with
    that mask they change nothing; else the solver starts from it (its granularity names the same candidate).
    """
    if config.corrections == "lookup" or not solvable:
        choice = choose(masks, given, config)
        return choice, None if choice.complete or not solvable else given
    first = next((click for click in given.clicks if click.positive), None)
    start = tuple(c for c in given.clicks if first is not None and c.positive and _same_place(c, first))
    choice = choose(masks, ClickList(start, given.boxes), config)
    if not choice.complete:
        return choice, given
    rest = tuple(click for click in given.clicks if click not in start)
    if all(any(_contains(masks, i, c) for i in choice.add) == c.positive for c in rest):
        return choice, None
    if first is None:
        return choice, given
    same = replace(first, granularity=middle_of_step(choice.candidates, choice.add[0]))
    clicks = tuple(
        same if click is first else click for click in given.clicks if click is first or click in rest
    )
    return choice, replace(given, clicks=clicks)


def choose(masks: MaskCache, given: ClickList, config: WildSeg3DConfig) -> CacheSelection:
    """Pick cached objects for clicks and boxes.

    Each positive click adds one object that contains it. An object that contains a negative click, in that
    click's view, is no candidate; where every candidate is hit, the smallest stays and the smallest object
    that holds the negative click and no positive one is taken out of it. Source: docs/methods/wildseg3d.md section 5.
    """
    picks: list[tuple[Click, int, int]] = []  # click, its object, how many times the place was clicked
    missed: list[Click] = []
    candidates: tuple[int, ...] = ()
    for click in given.positives:
        containing = masks.at(click.view, click.x, click.y).tolist()
        candidates = candidates or tuple(containing)
        if not containing:
            missed.append(click)
            continue
        allowed = [i for i in containing if not any(_contains(masks, i, no) for no in given.negatives)]
        again = next((k for k, (other, *_) in enumerate(picks) if _same_place(click, other)), None)
        repeats = 0 if again is None else picks[again][2] + 1
        object_id = _pick(masks, allowed, click, repeats, config) if allowed else containing[0]
        if again is None:
            picks.append((click, object_id, 0))
        else:
            picks[again] = (click, object_id, repeats)
    boxed, missed_boxes = _pick_boxes(masks, given, config)
    add = tuple(dict.fromkeys([*(object_id for _, object_id, _ in picks), *boxed]))
    subtract: list[int] = []
    for click in given.negatives:
        if not any(_contains(masks, object_id, click) for object_id in add):
            continue
        holders = masks.at(click.view, click.x, click.y).tolist()
        free = [i for i in holders if not any(_contains(masks, i, yes) for yes in given.positives)]
        if free:
            subtract.append(free[0])
        else:
            missed.append(click)
    return CacheSelection(add, tuple(dict.fromkeys(subtract)), candidates, tuple(missed), missed_boxes)


def union_mask(masks: MaskCache, choice: CacheSelection, view: int) -> Bool[Array, "H W"]:
    """M of eq. (10) in one view, with the subtracted objects taken out."""
    out = np.zeros(masks.sizes[view], bool)
    for object_id in choice.add:
        out |= masks.mask(view, object_id)
    for object_id in choice.subtract:
        out &= ~masks.mask(view, object_id)
    return out


def middle_of_step(candidates: Sequence[int], object_id: int) -> float:
    """The granularity that names one of the objects under a click, which ascend by area."""
    return (candidates.index(object_id) + 0.5) / len(candidates)


def _pick(
    masks: MaskCache, allowed: Sequence[int], click: Click, repeats: int, config: WildSeg3DConfig
) -> int:
    """One of the candidates (ascending area), by granularity or by rule; each repeat goes one larger."""
    if click.granularity is not None:
        start = int(np.clip(click.granularity, 0, 1) * len(allowed))
    elif config.first_candidate == "smallest":
        start = 0
    else:
        preferred = masks.preferred(allowed, click=(click.view, click.x, click.y))
        assert preferred is not None, "there is a candidate here"
        start = list(allowed).index(preferred)
    return allowed[min(start + repeats, len(allowed) - 1)]


def _pick_boxes(
    masks: MaskCache, given: ClickList, config: WildSeg3DConfig
) -> tuple[list[int], tuple[Box, ...]]:
    """For each box the object whose bounding box overlaps it most, and the boxes that nothing cached fits."""
    picked: list[int] = []
    missed: list[Box] = []
    for box in given.boxes:
        ids = [
            i
            for i in masks.object_ids.tolist()
            if masks.area(box.view, i) and not any(_contains(masks, i, no) for no in given.negatives)
        ]
        overlaps = [_box_iou(box, masks.box(box.view, i)) for i in ids]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= config.box_iou:
            picked.append(ids[best])
        else:
            missed.append(box)
    return picked, tuple(missed)


def _box_iou(box: Box, place: tuple[slice, slice]) -> float:
    rows, columns = place
    width = min(box.x1, columns.stop) - max(box.x0, columns.start)
    height = min(box.y1, rows.stop) - max(box.y0, rows.start)
    shared = max(width, 0.0) * max(height, 0.0)
    whole = (box.x1 - box.x0) * (box.y1 - box.y0)
    other = (columns.stop - columns.start) * (rows.stop - rows.start)
    return shared / (whole + other - shared)


def _contains(masks: MaskCache, object_id: int, click: Click) -> bool:
    return object_id in masks.at(click.view, click.x, click.y).tolist()


def _same_place(a: Click, b: Click) -> bool:
    return a.view == b.view and abs(a.x - b.x) <= SAME_PLACE_PX and abs(a.y - b.y) <= SAME_PLACE_PX


def message_of(given: ClickList, choice: CacheSelection, selected: Bool[Array, "N"]) -> str:
    """One sentence for what the person should know, or nothing."""
    if given.hidden:
        return "A point you clicked in 3D is not seen by any photo: click on a photographed surface."
    if selected.any() or choice.complete:
        return ""
    if choice.missed_boxes:
        return "Nothing was found in this box: click on the object instead."
    return "Nothing was found where you clicked: click on another spot of the object."
