"""Segment everything shows what clicks mean, each thing once."""

from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.judging.inputs import Measured
from liftlab.pipelines.methods.wildseg3d.everything import painting_order, things_of

TABLE, PILE, LEFT, ALMOST_LEFT, RIGHT, PRINT = 1, 2, 3, 4, 5, 6
KINDS = ("plane", "object", "part", "part", "part", "part")


def cache_of(measured: bool = True) -> MaskCache:
    """Two photos of a table with a pile of two boxes; the left one is there twice, the right one has a print on it."""
    mask = np.zeros((6, 80, 160), bool)
    mask[TABLE - 1] = True
    mask[PILE - 1, 20:60, 20:140] = True
    mask[LEFT - 1, 20:60, 20:80] = True
    mask[ALMOST_LEFT - 1, 20:60, 20:72] = True
    mask[RIGHT - 1, 20:60, 80:140] = True
    mask[PRINT - 1, 30:50, 100:120] = True
    cache = MaskCache.build(
        "k", [[one, one] for one in mask], sizes=[(80, 160)] * 2, kinds=KINDS, foreground=[False] * 6,
        scores=[1.0] * 6,
    )  # fmt: skip
    agreement = np.array([0, 0, 0, 0, 0, 0.8], np.float32)
    nothing = Measured(
        np.zeros((2, 6, 26), np.float16), np.ones((2, 6), np.float16), agreement, np.zeros((6, 7), np.float32)
    )
    return replace(cache, measured=nothing) if measured else cache


def meaning(monkeypatch: pytest.MonkeyPatch, order: list[int]) -> None:
    """Clicks mean the first of these that lies under them."""
    monkeypatch.setattr(
        MaskCache,
        "preferred",
        lambda self, ids, click=None: next((one for one in order if one in ids), None),
    )


def test_what_clicks_mean_is_a_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    meaning(monkeypatch, [LEFT, RIGHT, PILE, TABLE])
    assert things_of(cache_of()) == [LEFT, RIGHT]
    meaning(monkeypatch, [PILE, TABLE])
    assert things_of(cache_of()) == [PILE]


def test_a_thing_whose_clicks_are_divided_between_two_of_it_is_there_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meaning(monkeypatch, [ALMOST_LEFT, LEFT, RIGHT, PILE, TABLE])
    found = things_of(cache_of())
    assert RIGHT in found and len({LEFT, ALMOST_LEFT} & set(found)) == 1 and len(found) == 2


def test_neither_a_surface_nor_a_print_is_a_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    meaning(monkeypatch, [PRINT, TABLE])
    assert things_of(cache_of()) == []


def test_what_a_person_added_stays_and_an_unmeasured_cache_shows_its_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = np.zeros((80, 160), bool)
    own[5:15, 5:15] = True
    meaning(monkeypatch, [LEFT, RIGHT, PILE, TABLE])
    assert things_of(cache_of().with_object([own, own])) == [LEFT, RIGHT, 7]
    assert things_of(cache_of(measured=False)) == [PILE]


def test_parts_lie_on_top_and_groups_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    meaning(monkeypatch, [PILE, TABLE])
    cache = cache_of()
    things = things_of(cache)
    assert painting_order(cache, things, 0, None) == [PILE]
    fine = painting_order(cache, things, 0, 0.0)
    assert fine[0] == PILE and set(fine) == {PILE, LEFT, ALMOST_LEFT, RIGHT, PRINT} and fine[-1] == PRINT
    grouped = replace(cache, kinds=("plane", "group", "object", "part", "part", "part"))
    assert painting_order(grouped, [LEFT], 0, 1.0) == [LEFT, PILE]
