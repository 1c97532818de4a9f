"""Regions that photos agree on: found over photos, told from chance, each once."""

import numpy as np
import pytest

from liftlab.components.masks.regions.agreeing import (
    agreed_regions,
    voxels_of_proposals,
)
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.types import MaskSet

SIDE = 40
VOXELS = SIDE * SIDE
CONFIG = AgreementConfig(min_voxels=10)


def square(top: int, left: int, size: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + size, left : left + size] = True
    return mask


def found(views: list[list[np.ndarray]], config: AgreementConfig = CONFIG):
    """Every view sees the same voxels, one a pixel."""
    ids = np.arange(VOXELS, dtype=np.int32).reshape(SIDE, SIDE)
    held = [
        voxels_of_proposals(ids, MaskSet(np.stack(masks), np.ones(len(masks), np.float32)), VOXELS)
        for masks in views
    ]
    return agreed_regions([masks for masks, _ in held], np.stack([seen for _, seen in held]), config)


def test_a_region_of_several_photos_is_found_once_and_chance_is_not() -> None:
    paper = [square(5, 5, 10), square(5, 6, 10), square(6, 5, 10)]
    chance = [square(20, 20, 9), square(30, 2, 9), square(2, 30, 9)]
    regions = found([[one, other] for one, other in zip(paper, chance, strict=True)])
    assert len(regions) == 1
    assert regions[0].members == {0: 0, 1: 0, 2: 0}
    inside = np.zeros(VOXELS, bool)
    inside[regions[0].voxels] = True
    votes = np.sum(paper, axis=0)
    assert np.array_equal(inside.reshape(SIDE, SIDE), 2 * votes >= 3)


def test_support_is_the_mean_agreement_of_the_other_photos() -> None:
    regions = found([[square(5, 5, 10)], [square(5, 5, 10)], [square(5, 10, 10)], [square(5, 5, 10)]])
    assert regions[0].support == pytest.approx((1 + 1 + 1 / 3) / 3, abs=1e-6)


def test_two_photos_count_less_than_three() -> None:
    regions = found([[square(5, 5, 10)], [square(5, 5, 10)]])
    assert regions[0].support == pytest.approx(1 / 3, abs=1e-6)
    assert not found(
        [[square(5, 5, 10)], [square(5, 5, 10)]], AgreementConfig(min_voxels=10, min_support=0.5)
    )


def test_nested_regions_stay_apart_and_a_photo_that_does_not_see_has_no_say() -> None:
    views = [[square(5, 5, 20), square(8, 8, 8)] for _ in range(3)]
    regions = found(views)
    assert sorted(len(region.voxels) for region in regions) == [64, 400]


def test_many_drawings_of_one_region_do_not_push_another_out() -> None:
    """A patterned wall gives hundreds of proposals that agree better than those of a paper on the table."""
    drawings = [square(2, 2, size) for size in range(18, 22)] * 3
    paper = [square(28, 28, 6), square(28, 29, 6), square(29, 28, 6)]
    regions = found(
        [[*drawings, one] for one in paper], AgreementConfig(min_voxels=10, max_regions=2, duplicate=0.6)
    )
    assert [len(region.voxels) > 100 for region in regions] == [True, False]


def test_without_proposals_there_is_nothing() -> None:
    empty = MaskSet(np.zeros((0, SIDE, SIDE), bool), np.zeros(0, np.float32))
    ids = np.arange(VOXELS, dtype=np.int32).reshape(SIDE, SIDE)
    held, seen = voxels_of_proposals(ids, empty, VOXELS)
    assert agreed_regions([held, held], np.stack([seen, seen]), CONFIG) == []
