"""OVSeg3R: what clicks and boxes select of the objects (docs/methods/ovseg3r.md section 6).

We differ: clicks are taken one after the other, so that a positive one only adds and a negative one only takes away;
the original picks the one mask that suits all of them best.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.openvocab.inference import Objects
from liftlab.components.types import Array
from liftlab.pipelines.methods.ovseg3r.state import OvSeg3RPrepared, boxes_of_superpoints

BOX_IOU = 0.5
"""A box takes the object whose own box overlaps it most, if by at least this IoU."""


@dataclass
class Selection:
    """What clicks select, while they are read."""

    chosen: Bool[Array, "S"]
    removed: Bool[Array, "S"]
    """Superpoints that a negative click took away."""
    objects: list[int] = field(default_factory=list)
    """Objects that were added."""
    candidates: tuple[int, ...] = ()
    """Objects under the first positive click, smallest first."""
    clicks: dict[int, list[Click]] = field(default_factory=dict)
    """Clicks by superpoint, in order."""
    missed: bool = False
    """A box fits nothing."""
    asked_again: bool = False
    """A query was decoded because no object was there."""

    @property
    def contested(self) -> list[int]:
        """Superpoints that are clicked positively and negatively: their points are divided."""
        return [
            s
            for s, own in self.clicks.items()
            if len({click.positive for click in own}) == 2 and self.chosen[s]
        ]


def select(
    prepared: OvSeg3RPrepared, given: ClickList, decode: Callable[[int], Bool[Array, "S"]]
) -> Selection:
    """Read clicks and boxes in order.

    Args:
        prepared: Of the scene.
        given: Clicks and boxes in view pixels.
        decode: Superpoint to the mask of one extra query that starts there.
    """
    count = len(prepared.sizes)
    out = Selection(np.zeros(count, bool), np.zeros(count, bool))
    for box in given.boxes:
        found = object_in_box(prepared, box)
        out.missed |= found is None
        if found is not None:
            out.objects.append(found + 1)
            out.chosen |= prepared.objects.masks[found]
    for click in given.clicks:
        superpoint = prepared.superpoint_at(click.view, click.x, click.y)
        if superpoint < 0:
            continue
        if click.positive:
            _add(prepared.objects, out, superpoint, click, decode)
        else:
            _take_away(prepared.objects, out, superpoint)
        out.clicks.setdefault(superpoint, []).append(click)
    return out


def _add(
    objects: Objects,
    out: Selection,
    superpoint: int,
    click: Click,
    decode: Callable[[int], Bool[Array, "S"]],
) -> None:
    steps = steps_at(objects, superpoint)
    first = not any(c.positive for own in out.clicks.values() for c in own)
    if first:
        out.candidates = tuple(int(m) + 1 for m in steps)
    if out.chosen[superpoint]:
        return
    clicked_away = [s for s, own in out.clicks.items() if any(not c.positive for c in own)]
    steps = steps[~objects.masks[steps][:, clicked_away].any(axis=1)] if len(steps) else steps
    if len(steps):
        if click.granularity is not None:
            taken = int(steps[min(int(np.clip(click.granularity, 0, 1) * len(steps)), len(steps) - 1)])
        else:
            taken = int(steps[objects.scores[steps].argmax()])
        out.objects.append(taken + 1)
        mask = objects.masks[taken]
    else:
        out.asked_again = True
        mask = decode(superpoint)
    out.chosen |= mask & ~out.removed
    out.chosen[superpoint] = True
    out.removed[superpoint] = False


def _take_away(objects: Objects, out: Selection, superpoint: int) -> None:
    positive = [s for s, own in out.clicks.items() if any(c.positive for c in own)]
    if superpoint in positive:
        return  # its points are divided between the clicks
    gone = np.zeros_like(out.chosen)
    free = [m for m in steps_at(objects, superpoint) if not objects.masks[m][positive].any()]
    if free and out.chosen[superpoint]:  # else nothing that was right may go
        gone = objects.masks[max(free, key=lambda m: (objects.scores[m], -m))].copy()
    gone[superpoint] = True
    out.chosen &= ~gone
    out.removed |= gone


def steps_at(objects: Objects, superpoint: int) -> Int[Array, "_"]:
    """Objects that hold a superpoint, smallest first: the steps of granularity."""
    holding = np.flatnonzero(objects.masks[:, superpoint])
    return holding[np.argsort(objects.masks[holding].sum(axis=1), kind="stable")]


def object_in_box(prepared: OvSeg3RPrepared, box: Box) -> int | None:
    """The object whose own box in the view overlaps a box most; None when none does by `BOX_IOU`."""
    boxes = boxes_of_superpoints(prepared, box.view)
    best, best_iou = None, BOX_IOU
    for number, mask in enumerate(prepared.objects.masks):
        seen = boxes[mask & np.isfinite(boxes[:, 0])]
        if len(seen) == 0:
            continue
        own = (*seen[:, :2].min(axis=0), *seen[:, 2:].max(axis=0))
        iou = box_iou(own, (box.x0, box.y0, box.x1, box.y1))
        if iou >= best_iou:
            best, best_iou = number, iou
    return best


def box_iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Of two boxes xyxy."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


def divided(
    places: Float[Array, "M 3"], positives: Float[Array, "P 3"], negatives: Float[Array, "Q 3"]
) -> Bool[Array, "M"]:
    """Points of a contested superpoint that stay: those nearer to a positive click than to every negative one."""
    to_yes = np.linalg.norm(places[:, None] - positives, axis=2).min(axis=1)
    to_no = np.linalg.norm(places[:, None] - negatives, axis=2).min(axis=1)
    return to_yes < to_no
