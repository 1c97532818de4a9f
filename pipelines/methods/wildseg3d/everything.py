"""Segment everything: which cached objects are things of their own, and in which order they are painted."""

from collections.abc import Collection

import numpy as np
import scipy
from jaxtyping import Int

from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array

STRIDE = 4
"""Every so manieth pixel of a photo, both ways, stands for its surroundings."""
LEAST_PX = 150
"""Places that lie in the same objects and are smaller are not asked: the judge was trained on no smaller things."""
MATCH = 0.5
"""Intersection over union from which two objects are one: that of a match in panoptic quality (Kirillov et al., CVPR
2019). A thing is expected to reach it."""


def things_of(masks: MaskCache) -> list[int]:
    """Objects that clicks on them mean, each thing once, ascending.

    The judge is asked at places of every photo which of the objects there is meant. An object is expected to be a thing
    as much as it overlaps what is meant inside it; of objects that are nearly one, the most expected is taken. Planes
    and regions that only colour tells apart are none. What a person added, and every whole object of a cache that was
    not measured, is one as it stands.
    """
    if masks.measured is None:
        return [i for i in masks.object_ids.tolist() if masks.kinds[i - 1] == "object"]
    built = masks.measured.in_views.shape[1]
    places = [place for view in range(masks.num_views) for place in _places(masks, view, built)]
    added = [i for i in masks.object_ids.tolist() if i > built and masks.kinds[i - 1] == "object"]
    if not places:
        return added
    held, weight, _ = zip(*places, strict=True)
    rows = np.repeat(np.arange(len(held)), [len(ids) for ids in held])
    member = scipy.sparse.csr_array(
        (np.ones(len(rows)), (rows, np.concatenate(held))), shape=(len(held), built + 1)
    )
    common = (member.T @ scipy.sparse.diags_array(np.array(weight, float)) @ member).toarray()
    size = common.diagonal()
    iou = common / np.maximum(size[:, None] + size[None, :] - common, 1)
    expected = np.zeros(built + 1)
    for ids, pixels, chosen in places:
        expected[ids] += pixels * iou[ids, chosen]
    expected /= np.maximum(size, 1)
    found: list[int] = []
    for one in np.argsort(-expected, kind="stable").tolist():
        if expected[one] < MATCH:
            break
        if masks.kinds[one - 1] != "plane" and not masks.is_agreed(one) and (iou[one, found] < MATCH).all():
            found.append(one)
    return sorted(found) + added


def _places(masks: MaskCache, view: int, built: int) -> list[tuple[Int[Array, "K"], int, int]]:
    """Per set of objects that lie over each other somewhere in a photo: the objects, how many pixels, and which of
    them a click there means."""
    height, width = masks.sizes[view]
    names = np.random.default_rng(0).integers(1, 2**63, built + 1, dtype=np.int64)
    over = np.zeros((-(-height // STRIDE), -(-width // STRIDE)), np.int64)
    for one in range(1, built + 1):
        if masks.area(view, one):
            over ^= np.where(masks.mask(view, one)[::STRIDE, ::STRIDE], names[one], 0)
    sets, inverse, count = np.unique(over, return_inverse=True, return_counts=True)
    order, stop = np.argsort(inverse.ravel(), kind="stable"), np.cumsum(count)
    found = []
    for index in np.flatnonzero((sets != 0) & (count * STRIDE**2 >= LEAST_PX)).tolist():
        row, column = divmod(int(order[stop[index] - count[index] // 2 - 1]), over.shape[1])
        x, y = column * STRIDE, row * STRIDE
        ids = masks.at(view, x, y)
        ids = ids[ids <= built]
        chosen = masks.preferred(ids, click=(view, x + 0.5, y + 0.5))
        if chosen is not None:
            found.append((ids, int(count[index]), chosen))
    return found


def painting_order(
    masks: MaskCache, things: Collection[int], view: int, granularity: float | None
) -> list[int]:
    """Objects that segment everything shows at this granularity, the one on top last.

    Args:
        things: By `things_of`.
        granularity: Below 1/3 parts lie on top of the things; above 2/3 groups cover what they hold.
    """
    on_top = None
    if granularity is not None and granularity < 1 / 3:
        on_top = "part"
    elif granularity is not None and granularity > 2 / 3:
        on_top = "group"
    ascending = (masks.order[view] + 1).tolist()
    shown = [i for i in reversed(ascending) if masks.area(view, i)]
    under = [i for i in shown if i in things and masks.kinds[i - 1] != on_top]
    return under + [i for i in shown if masks.kinds[i - 1] == on_top]
