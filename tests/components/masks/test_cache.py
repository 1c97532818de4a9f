"""MaskCache: what goes in comes out, lookups agree with the masks, nothing is shared that must not be."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.judging.inputs import RELATIONS, Measured
from liftlab.components.masks.judging.measures import MEASURES

SIZES = ((40, 60), (31, 45), (40, 60))
KINDS = ("part", "object", "group", "plane", "object")


def random_masks(seed: int = 0) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    masks = []
    for index in range(len(KINDS)):
        per_view = []
        for view, (height, width) in enumerate(SIZES):
            mask = np.zeros((height, width), bool)
            if (index + view) % 4:  # some objects are missing in some views
                y, x = rng.integers(0, height - 12), rng.integers(0, width - 15)
                mask[y : y + 12, x : x + 15] = rng.random((12, 15)) < 0.7
            per_view.append(mask)
        masks.append(per_view)
    return masks


def build(masks: list[list[np.ndarray]]) -> MaskCache:
    count = len(masks)
    return MaskCache.build(
        "key", masks, sizes=SIZES, kinds=KINDS[:count], foreground=[True] * count, scores=[0.5] * count
    )


def test_masks_come_back_bit_for_bit() -> None:
    masks = random_masks()
    cache = build(masks)
    for view in range(len(SIZES)):
        for index, per_view in enumerate(masks):
            assert np.array_equal(cache.mask(view, index + 1), per_view[view])
            assert cache.area(view, index + 1) == per_view[view].sum()


def test_lookup_is_the_masks_read_pixel_by_pixel_in_order_of_area() -> None:
    masks = random_masks(3)
    cache = build(masks)
    for view, (height, width) in enumerate(SIZES):
        stack = np.stack([per_view[view] for per_view in masks])
        areas = stack.sum(axis=(1, 2))
        for y in range(height):
            for x in range(width):
                inside = np.flatnonzero(stack[:, y, x])
                expected = sorted(inside + 1, key=lambda i: (areas[i - 1], i))
                assert cache.at(view, x + 0.99, y + 0.01).tolist() == expected


@pytest.mark.parametrize("xy", [(-0.1, 5), (60, 5), (5, 40), (5, -1), (float("nan"), 5)])
def test_lookup_outside_the_image_is_empty(xy: tuple[float, float]) -> None:
    assert len(build(random_masks()).at(0, *xy)) == 0


def test_an_added_object_is_seen_in_the_new_cache_only() -> None:
    cache = build(random_masks())
    added = [np.zeros(size, bool) for size in SIZES]
    added[1][5:9, 6:10] = True
    more = cache.with_object(added, kind="part")
    assert more.object_ids.tolist() == [1, 2, 3, 4, 5, 6] and len(cache.object_ids) == 5
    assert 6 in more.at(1, 7, 7) and 6 not in cache.at(1, 7, 7)
    assert more.blocks[0] is cache.blocks[0]
    assert np.array_equal(more.mask(1, 6), added[1]) and not more.mask(0, 6).any()


def test_save_and_load_keep_everything_and_map_the_bits(tmp_path) -> None:
    cache = build(random_masks())
    added = [np.ones(size, bool) for size in SIZES]
    more = cache.with_object(added)
    more.save(tmp_path)
    back = MaskCache.load(tmp_path, scene_key="key")
    assert isinstance(back.blocks[0], np.memmap)
    assert back.kinds == more.kinds and back.sizes == more.sizes
    for view in range(len(SIZES)):
        for object_id in more.object_ids.tolist():
            assert np.array_equal(back.mask(view, object_id), more.mask(view, object_id))
    assert back.at(2, 30, 20).tolist() == more.at(2, 30, 20).tolist()


def test_classes_of_masks_are_kept_and_what_is_added_has_none(tmp_path) -> None:
    cache = build(random_masks())
    assert (
        cache.classes is None and cache.with_object([np.ones(size, bool) for size in SIZES]).classes is None
    )
    given = np.arange(len(SIZES) * len(cache.kinds), dtype=np.int16).reshape(len(SIZES), -1)
    more = replace(cache, classes=given).with_object([np.ones(size, bool) for size in SIZES])
    more.save(tmp_path)
    found = MaskCache.load(tmp_path, scene_key="key").classes
    assert found is not None and np.array_equal(found[:, :-1], given) and (found[:, -1] == -1).all()


def test_masks_of_another_scene_are_refused(tmp_path) -> None:
    build(random_masks()).save(tmp_path)
    with pytest.raises(InputError, match="another reconstruction"):
        MaskCache.load(tmp_path, scene_key="other")


def test_an_empty_cache_works(tmp_path) -> None:
    cache = MaskCache.build("key", [], sizes=SIZES, kinds=[], foreground=[], scores=[])
    assert len(cache.at(0, 3, 3)) == 0 and cache.preferred([]) is None
    cache.save(tmp_path)
    assert len(MaskCache.load(tmp_path).object_ids) == 0


def test_the_preferred_candidate_is_the_smallest_whole_object() -> None:
    cache = build(random_masks())
    assert cache.preferred([1, 2, 5]) == 2
    assert cache.preferred([3, 4]) == 4
    assert cache.preferred([1]) == 1


def nested() -> MaskCache:
    """Three squares in each other, in every view."""
    masks = [[np.zeros(size, bool) for size in SIZES] for _ in range(3)]
    for index, per_view in enumerate(masks):
        for mask in per_view:
            mask[15 - 5 * index : 26 + index, 25 - 5 * index : 36 + index] = True
    return build(masks)


def measured(cache: MaskCache) -> MaskCache:
    """The cache with measures that say nothing."""
    views, objects = cache.num_views, len(cache.kinds)
    in_views = np.full((views, objects, len(MEASURES)), np.nan, np.float16)
    zeros = np.zeros(objects, np.float32)
    related = np.zeros((objects, len(RELATIONS)), np.float32)
    return replace(cache, measured=Measured(in_views, np.ones((views, objects), np.float16), zeros, related))


def test_the_judge_decides_what_a_click_means(monkeypatch) -> None:
    cache = measured(nested())
    ids = cache.at(0, 30, 20).tolist()
    assert len(ids) == 3
    for index, object_id in enumerate(ids):
        chooses = SimpleNamespace(choice=lambda inputs, index=index: index)
        monkeypatch.setattr("liftlab.components.masks.cache.judge", lambda c=chooses: c)
        assert cache.preferred(ids, click=(0, 30.0, 20.0)) == object_id


def test_a_click_on_what_a_person_added_means_it_unless_it_means_a_thing_on_it(monkeypatch) -> None:
    cache = measured(nested())
    smallest = SimpleNamespace(choice=lambda inputs: 0)
    monkeypatch.setattr("liftlab.components.masks.cache.judge", lambda: smallest)
    thing = [cache.mask(view, 1) for view in range(len(SIZES))]  # what the judge chooses
    for extra, wanted in ((1, "added"), (12, "thing")):  # the thing drawn a little larger; the table it is on
        larger = [cv2.dilate(mask.astype(np.uint8), np.ones((2 * extra + 1,) * 2)) > 0 for mask in thing]
        more = cache.with_object(larger)
        chosen = more.preferred(more.at(0, 30, 20), click=(0, 30.0, 20.0))
        assert chosen == (len(more.kinds) if wanted == "added" else 1)


def test_only_added_objects_under_a_click_need_no_judge() -> None:
    cache = measured(nested())
    corner = [np.zeros(size, bool) for size in SIZES]
    corner[0][:4, :4] = True
    more = cache.with_object(corner)
    assert more.preferred(more.at(0, 1, 1), click=(0, 1.0, 1.0)) == len(more.kinds)


def test_measures_are_saved_and_read(tmp_path) -> None:
    cache = measured(nested())
    cache.save(tmp_path)
    back = MaskCache.load(tmp_path)
    assert back.measured is not None and cache.measured is not None
    for name, value in vars(cache.measured).items():
        np.testing.assert_array_equal(getattr(back.measured, name), value)
    ids = cache.at(0, 30, 20).tolist()
    told = cache.click_inputs(ids, (0, 30.0, 20.0))
    np.testing.assert_array_equal(back.click_inputs(ids, (0, 30.0, 20.0)), told)


def test_wrong_sizes_kinds_and_ids_are_refused() -> None:
    masks = random_masks()
    cache = build(masks)
    with pytest.raises(ValueError, match="view's size"):
        cache.with_object([mask.T for mask in masks[0]])
    with pytest.raises(ValueError, match="kind must be one of"):
        cache.with_object(masks[0], kind="thing")
    with pytest.raises(KeyError):
        cache.mask(0, 0)


def test_threads_read_the_same(tmp_path) -> None:
    cache = build(random_masks())
    cache.save(tmp_path)
    shared = MaskCache.load(tmp_path)
    expected = [cache.at(0, x, 20).tolist() for x in range(60)]
    wrong: list[int] = []

    def read() -> None:
        for _ in range(5):
            for x in range(60):
                if shared.at(0, x, 20).tolist() != expected[x]:
                    wrong.append(x)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
