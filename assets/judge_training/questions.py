"""Questions for the judge, with answers: clicks on things whose truth is known, and how well each candidate fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common.images import read_ids
from benchmarks.common.truth_scenes import STRUCTURE_ID
from liftlab.components.geometry.projection import photo_from_view
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array, Scene, View
from liftlab.pipelines.benchmarking.simulated_user import farthest_inside

MIN_PX = 150
"""Pixels of a thing in a photo from which it is clicked there."""
MORE_CLICKS = 2
"""Clicks off the middle, beside the one in it."""
NEAR_MIDDLE = 0.35
"""Least distance of those from the outline, as a share of the largest: people click into what they mean."""
UNSURE = 255
"""Id of pixels that nobody scores."""


@dataclass(frozen=True)
class Questions:
    """Q questions of one capture with C candidates in all."""

    inputs: Array
    """[C, D] `CLICK_INPUTS`."""
    question: Array
    """[C] to which question a candidate belongs, ascending."""
    answer: Array
    """[C] intersection over union with what was meant, pooled over the photos with truth."""
    middle: Array
    """[C] whether the click was in the middle."""
    structure: Array
    """[C] whether a table, a wall or a floor was meant."""
    today: Array
    """[C] the smallest whole object: what is chosen without a judge."""


def questions_of(cache: MaskCache, labels: Mapping[int, Array], seed: int = 0) -> Questions:
    """Click on everything in every photo with truth.

    Args:
        cache: With measures.
        labels: By view index, ids in view pixels, -1 unsure; from `STRUCTURE_ID` on structure.
    """
    rng = np.random.default_rng(seed)
    iou = pooled_ious(cache, labels)
    rows: list[tuple[Array, int, Array, bool, bool, Array]] = []
    for view, label in labels.items():
        for meant in (int(i) for i in np.unique(label) if i > 0):
            region = label == meant
            if np.count_nonzero(region) < MIN_PX:
                continue
            for number, (x, y) in enumerate(_places(region, rng)):
                ids = cache.at(view, x, y)
                if len(ids) == 0:
                    continue
                today = ids == cache.preferred(ids)
                inputs = cache.click_inputs(ids.tolist(), (view, x + 0.5, y + 0.5))
                rows.append((inputs, meant, iou[ids - 1, meant], number == 0, meant >= STRUCTURE_ID, today))
    counts = [len(row[0]) for row in rows]
    return Questions(
        inputs=np.concatenate([row[0] for row in rows]).astype(np.float16),
        question=np.repeat(np.arange(len(rows)), counts),
        answer=np.concatenate([row[2] for row in rows]).astype(np.float32),
        middle=np.repeat([row[3] for row in rows], counts),
        structure=np.repeat([row[4] for row in rows], counts),
        today=np.concatenate([row[5] for row in rows]),
    )


def pooled_ious(cache: MaskCache, labels: Mapping[int, Array]) -> Array:
    """[O, T] intersection over union of every candidate with every id, over all photos with truth."""
    count = 1 + max(int(label.max()) for label in labels.values())
    shared, area, true = np.zeros((len(cache.kinds), count)), np.zeros(len(cache.kinds)), np.zeros(count)
    for view, label in labels.items():
        sure = label >= 0
        true += np.bincount(label[sure], minlength=count)
        for index in np.flatnonzero(cache.placement[view, :, 6]).tolist():
            rows, columns = cache.box(view, index + 1)
            held = label[rows, columns][cache.mask(view, index + 1)[rows, columns]]
            shared[index] += np.bincount(held[held >= 0], minlength=count)
            area[index] += np.count_nonzero(held >= 0)
    return shared / np.maximum(area[:, None] + true[None, :] - shared, 1)


def labels_in_views(scene: Scene, capture: Path) -> dict[int, Array]:
    """Truth of the labelled photos in view pixels: by view index int32 [H, W], -1 where unsure."""
    found = {}
    for index, view in enumerate(scene.views):
        path = capture / "truth/instance" / f"{view.stem}.png"
        if path.exists():
            found[index] = _in_view(view, read_ids(path).astype(np.int32))
    return found


def _in_view(view: View, ids: Array) -> Array:
    height, width = view.image.shape[:2]
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    place = photo_from_view(view, np.stack([columns, rows], axis=-1).reshape(-1, 2)).reshape(height, width, 2)
    column = np.clip(place[..., 0].astype(int), 0, ids.shape[1] - 1)
    row = np.clip(place[..., 1].astype(int), 0, ids.shape[0] - 1)
    out = ids[row, column]
    return np.where(out == UNSURE, -1, out)


def _places(region: Array, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Where a region is clicked: the middle, then places around it."""
    distance = cv2.distanceTransform(np.pad(region.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[
        1:-1, 1:-1
    ]
    rows, columns = np.nonzero(distance >= max(1.5, NEAR_MIDDLE * float(distance.max())))
    chosen = rng.choice(len(rows), min(MORE_CLICKS, len(rows)), replace=False)
    return [farthest_inside(region), *((int(columns[i]), int(rows[i])) for i in chosen)]
