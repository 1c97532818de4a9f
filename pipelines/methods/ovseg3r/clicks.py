"""OVSeg3R: what clicks and boxes select of the objects (docs/methods/ovseg3r.md section 6).

We differ: clicks are taken one after the other, so that a positive one only adds and a negative one only takes away;
the original picks the one mask that suits all of them best. And a click is answered by the queries under it, at
several thresholds, not by the objects that are left after non-maximum suppression (`components.openvocab.answers`);
these are the steps of granularity.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.openvocab.answers import answer_at
from liftlab.components.openvocab.inference import Objects, mask_ious
from liftlab.components.types import Array
from liftlab.pipelines.methods.ovseg3r.state import OvSeg3RPrepared, boxes_of_superpoints

BOX_IOU = 0.5
"""A box takes the object whose own box overlaps it most, if by at least this IoU."""
SAME_IOU = 0.5
"""What a click finds is called by the object that overlaps it most, if by at least this IoU."""


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
    """No object of the scene was where a click is."""

    @property
    def contested(self) -> list[int]:
        """Superpoints that are clicked positively and negatively: their points are divided."""
        return [
            s
            for s, own in self.clicks.items()
            if len({click.positive for click in own}) == 2 and self.chosen[s]
        ]


def select(prepared: OvSeg3RPrepared, given: ClickList) -> Selection:
    """Read clicks and boxes, in view pixels, in order."""
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
            _add(prepared, out, superpoint, click)
        else:
            _take_away(prepared, out, superpoint)
        out.clicks.setdefault(superpoint, []).append(click)
    return out


def _add(prepared: OvSeg3RPrepared, out: Selection, superpoint: int, click: Click) -> None:
    objects = prepared.objects
    steps = steps_at(objects, superpoint)
    first = not any(c.positive for own in out.clicks.values() for c in own)
    if first:
        out.candidates = tuple(int(m) + 1 for m in steps)
    if out.chosen[superpoint]:
        return
    clicked_away = [s for s, own in out.clicks.items() if any(not c.positive for c in own)]
    steps = steps[~objects.masks[steps][:, clicked_away].any(axis=1)] if len(steps) else steps
    out.asked_again |= len(steps) == 0
    if len(steps) and click.granularity is not None:
        taken = int(steps[min(int(np.clip(click.granularity, 0, 1) * len(steps)), len(steps) - 1)])
        out.objects.append(taken + 1)
        mask = objects.masks[taken]
    else:
        mask = _answer(prepared, superpoint, clicked_away)
        same = object_like(prepared, mask)
        if same is not None:
            out.objects.append(same + 1)
    out.chosen |= mask & ~out.removed
    out.chosen[superpoint] = True
    out.removed[superpoint] = False


def _answer(prepared: OvSeg3RPrepared, superpoint: int, without: Sequence[int]) -> Bool[Array, "S"]:
    """What a click means, without some superpoints."""
    answers, near = prepared.answers, _beside(prepared, superpoint)
    row = answer_at(answers, superpoint, prepared.sizes, near, without)
    if row is None:  # every answer holds what must not be in it
        row = answer_at(answers, superpoint, prepared.sizes, near)
    mask = np.zeros(len(prepared.sizes), bool) if row is None else answers.masks[row].copy()
    mask[list(without)] = False
    mask[superpoint] = True
    return mask


def _beside(prepared: OvSeg3RPrepared, superpoint: int) -> Int[Array, "_"]:
    """Superpoints that touch one."""
    first, second = prepared.pairs.T
    return np.concatenate([second[first == superpoint], first[second == superpoint]])


def object_like(prepared: OvSeg3RPrepared, mask: Bool[Array, "S"]) -> int | None:
    """The object that a mask is, by `SAME_IOU`; None when it is none of them."""
    if len(prepared.objects.scores) == 0:
        return None
    ious = mask_ious(mask[None], prepared.objects.masks, prepared.sizes)[0]
    best = int(ious.argmax())
    return best if ious[best] >= SAME_IOU else None


def _take_away(prepared: OvSeg3RPrepared, out: Selection, superpoint: int) -> None:
    positive = [s for s, own in out.clicks.items() if any(c.positive for c in own)]
    if superpoint in positive:
        return  # its points are divided between the clicks
    gone = np.zeros_like(out.chosen)
    if out.chosen[superpoint]:  # else nothing that was right may go
        row = answer_at(prepared.answers, superpoint, prepared.sizes, _beside(prepared, superpoint), positive)
        if row is not None:
            gone = prepared.answers.masks[row].copy()
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
