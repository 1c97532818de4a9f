"""Label maps painted from overlapping masks."""

from dataclasses import replace

import numpy as np
import torch

from liftlab.components.features.label_maps import paint, with_rest
from liftlab.components.masks.cache import MaskCache
from tests.toy import FLOOR, make_toy

SIZE = (10, 12)


def box(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def cache(*masks: np.ndarray, kinds: list[str] | None = None, scores: list[float] | None = None) -> MaskCache:
    count = len(masks)
    return MaskCache.build(
        "key",
        [[mask] for mask in masks],
        sizes=[SIZE],
        kinds=kinds or ["object"] * count,
        foreground=[True] * count,
        scores=scores or [0.5] * count,
    )


def test_better_masks_lie_on_top() -> None:
    masks = cache(box(0, 6, 0, 6), box(3, 9, 3, 9), scores=[0.9, 0.5])
    assert (paint(masks, 0).labels[3:6, 3:6] == 1).all()
    masks = cache(box(0, 6, 0, 6), box(3, 9, 3, 9), scores=[0.5, 0.9])
    assert (paint(masks, 0).labels[3:6, 3:6] == 2).all()


def test_with_equal_scores_the_smaller_lies_on_top() -> None:
    labels = paint(cache(box(4, 6, 4, 6), box(0, 9, 0, 9)), 0).labels
    assert (labels[4:6, 4:6] == 1).all() and labels[0, 0] == 2


def test_a_mask_hardly_visible_is_dropped_and_the_rest_renumbered() -> None:
    masks = cache(box(0, 5, 0, 8), box(0, 5, 0, 7), box(0, 5, 8, 10), scores=[0.2, 0.9, 0.5])
    kept = paint(masks, 0)  # 5 of 40 pixels of the first stay: more than 10 %
    assert kept.count == 3
    masks = cache(box(0, 10, 0, 10), box(0, 10, 0, 9), box(0, 5, 10, 12), scores=[0.2, 0.9, 0.5])
    dropped = paint(masks, 0)  # exactly 10 % stays visible
    assert dropped.count == 2
    assert dropped.labels[0, 0] == 1 and dropped.labels[0, 11] == 2 and dropped.labels[0, 9] == 0


def test_structure_lies_below_things_and_is_not_foreground() -> None:
    toy = make_toy()
    label_map = paint(toy.masks, 0)
    assert label_map.count == 4 and label_map.foreground.tolist() == [False, True, True, True, False]
    for number in (1, 2, 3, FLOOR):
        own = label_map.labels[toy.instance[0] == number]
        assert len(np.unique(own)) == 1
    assert label_map.foreground[label_map.labels].sum() == (toy.instance[0] < FLOOR).sum()


def test_numbers_are_shuffled_differently_in_every_view_and_the_same_for_a_seed() -> None:
    toy = make_toy()
    plain = paint(toy.masks, 0).labels
    generator = torch.Generator().manual_seed(3)
    first, second = paint(toy.masks, 0, generator=generator), paint(toy.masks, 0, generator=generator)
    assert not np.array_equal(first.labels, second.labels)
    for shuffled in (first, second):
        pairs = np.unique(np.stack([plain.ravel(), shuffled.labels.ravel()]), axis=1)
        assert pairs.shape[1] == shuffled.count  # one to one
    again = paint(toy.masks, 0, generator=torch.Generator().manual_seed(3))
    assert np.array_equal(again.labels, first.labels)


def test_the_rest_becomes_a_label_of_surroundings() -> None:
    label_map = with_rest(paint(cache(box(0, 5, 0, 5)), 0))
    assert label_map.count == 2 and label_map.labels[9, 9] == 2
    assert label_map.foreground.tolist() == [False, True, False]
    full = paint(cache(box(0, 10, 0, 12)), 0)
    assert with_rest(full) is full


def test_no_masks_give_an_empty_map() -> None:
    empty = paint(MaskCache.build("key", [], sizes=[SIZE], kinds=[], foreground=[], scores=[]), 0)
    assert empty.count == 0 and not empty.labels.any()


def test_classes_follow_their_masks() -> None:
    masks = cache(box(0, 5, 0, 5), box(5, 10, 5, 10), box(0, 5, 6, 9))
    assert paint(masks, 0).classes is None and with_rest(paint(masks, 0)).classes is None
    masks = replace(masks, classes=np.array([[4, -1, 2]], np.int16))
    for seed in range(4):
        drawn = with_rest(paint(masks, 0, generator=torch.Generator().manual_seed(seed)))
        classes = drawn.classes
        assert classes is not None and classes[0] == -1 and len(classes) == drawn.count + 1
        assert classes[drawn.labels[[0, 5, 0, 9], [0, 5, 6, 0]]].tolist() == [4, -1, 2, 0]
