"""MaskCache: what goes in comes out, lookups agree with the masks, nothing is shared that must not be."""

import threading

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache

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


def test_a_click_in_the_middle_of_a_large_part_and_off_the_whole_means_the_part() -> None:
    whole, part = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    whole[10:30, 5:35] = True  # a box ...
    part[13:27, 38:51] = True  # ... and a smaller one that was taken for a piece of it
    whole |= part
    whole[18:22, 35:38] = True
    cache = MaskCache.build(
        "key",
        [[part], [whole]],
        sizes=[(40, 60)],
        kinds=["part", "object"],
        foreground=[True, True],
        scores=[1.0, 1.0],
    )
    assert cache.preferred(cache.at(0, 44, 20), click=(0, 44.0, 20.0)) == 1
    assert cache.preferred(cache.at(0, 39, 15), click=(0, 39.0, 15.0)) == 2  # at the part's rim
    assert cache.preferred(cache.at(0, 20, 20), click=(0, 20.0, 20.0)) == 2
    assert cache.preferred(cache.at(0, 44, 20)) == 2  # without the click


def test_of_one_thing_taken_for_two_a_click_between_them_means_both() -> None:
    left, both = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    left[10:30, 5:27] = True
    both[10:30, 5:49] = True
    cache = MaskCache.build(
        "key",
        [[left], [both]],
        sizes=[(40, 60)],
        kinds=["object", "group"],
        foreground=[True, True],
        scores=[1.0, 0.8],
    )
    assert cache.preferred(cache.at(0, 25, 20), click=(0, 25.0, 20.0)) == 2
    assert cache.preferred(cache.at(0, 15, 20), click=(0, 15.0, 20.0)) == 1
    assert cache.preferred(cache.at(0, 25, 11), click=(0, 25.0, 11.0)) == 1  # at the rim of both
    assert cache.preferred(cache.at(0, 25, 20)) == 1  # without the click


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
