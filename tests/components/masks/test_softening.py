"""Soft masks of the cache: a network's logits where there are some, else distance; kept, read back and grown."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.masks.cache import SOFT_FILE, MaskCache
from liftlab.components.masks.protocols import TrackedMasks
from liftlab.components.masks.softening import soft_by_distance, soft_views
from liftlab.components.pointmaps.alignment.weights import soft_masks

SIZES = ((40, 60), (30, 44))


def box(size: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[rows, columns] = True
    return mask


def thing(**changes) -> TrackedMasks:
    masks = tuple(box(size, slice(5, 15), slice(5, 20)) for size in SIZES)
    return replace(TrackedMasks(masks, "object", True, 1.0, np.zeros(0, np.int64)), **changes)


def cache_of(tracked: list[TrackedMasks]) -> MaskCache:
    cache = MaskCache.build(
        "key", [one.masks for one in tracked], sizes=SIZES, kinds=["object"] * len(tracked),
        foreground=[one.foreground for one in tracked], scores=[1.0] * len(tracked),
    )  # fmt: skip
    return replace(cache, soft=soft_views(tracked, SIZES))


def test_a_map_holds_the_surest_thing_by_logits_or_by_distance_and_no_surroundings() -> None:
    sure = np.zeros((8, 8), np.uint8)
    sure[:, 4:] = 204
    by_network = thing(masks=tuple(np.zeros(size, bool) for size in SIZES), certainty=(sure, None))
    background = thing(foreground=False, masks=tuple(np.ones(size, bool) for size in SIZES))
    soft = soft_views([thing(), by_network, background], SIZES)
    distance = soft_by_distance(thing().masks[0])
    assert soft[0][20, 58] == pytest.approx(0.8, abs=1e-3)  # 204 / 255, far from the other thing
    assert soft[0][10, 10] == pytest.approx(distance[10, 10], abs=1e-3) and distance[10, 10] > 0.5
    assert soft[0][39, 0] == 0 and soft[1][29, 43] == 0
    assert soft[1].max() == pytest.approx(soft_by_distance(thing().masks[1]).max(), abs=1e-3)


def test_the_alignment_takes_the_kept_maps_at_its_own_size_and_without_any_softens_itself() -> None:
    cache = cache_of([thing(certainty=(np.full((8, 8), 204, np.uint8), None))])
    kept = soft_masks(cache, SIZES, "all_objects")
    assert kept[0] == pytest.approx(np.full(SIZES[0], 0.8), abs=1e-3)
    assert soft_masks(cache, [(20, 30), (15, 22)], "all_objects")[1].shape == (15, 22)
    for other in (replace(cache, soft=None), cache):
        plain = soft_masks(other, SIZES, "all_objects", softening="distance")
        assert plain[0][10, 10] == pytest.approx(soft_by_distance(thing().masks[0])[10, 10], abs=1e-6)
        assert plain[0][39, 59] == 0


def test_maps_come_back_from_disk_and_caches_of_before_have_none(tmp_path: Path) -> None:
    cache = cache_of([thing()])
    cache.save(tmp_path)
    read = MaskCache.load(tmp_path).soft
    assert read is not None and cache.soft is not None
    assert all(np.array_equal(one, other) for one, other in zip(read, cache.soft, strict=True))
    (tmp_path / SOFT_FILE).unlink()
    old = MaskCache.load(tmp_path)
    assert old.soft is None
    assert soft_masks(old, SIZES, "all_objects")[0] == pytest.approx(cache.soft[0].astype(float), abs=1e-3)


def test_a_thing_that_a_person_adds_is_in_the_maps_and_surroundings_are_not() -> None:
    cache = cache_of([thing()])
    added = [box(size, slice(20, 28), slice(25, 40)) for size in SIZES]
    grown, same = cache.with_object(added).soft, cache.with_object(added, foreground=False).soft
    assert cache.soft is not None and grown is not None
    assert cache.soft[0][24, 32] == 0 and grown[0][24, 32] > 0.5 and same is cache.soft
    assert grown[0][10, 10] == cache.soft[0][10, 10]
