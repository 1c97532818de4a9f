"""The laws of a click: answers that keep them break nothing, each kind of wrong answer is counted."""

import numpy as np

from liftlab.components.clicks import Click
from liftlab.pipelines.benchmarking.click_laws import surfaces_taken, taken_back, unheard


def at(x: float, y: float, *, positive: bool) -> Click:
    return Click(0, x, y, positive)


def test_an_answer_that_follows_its_clicks_breaks_nothing() -> None:
    mask = np.zeros((20, 30), bool)
    mask[:, :15] = True
    assert unheard(mask, [at(5.5, 5.5, positive=True), at(20.5, 5.5, positive=False)]) == 0
    assert unheard(mask, []) == 0


def test_pixels_near_a_click_that_do_not_follow_it_are_counted() -> None:
    mask = np.zeros((20, 30), bool)
    assert unheard(mask, [at(5.5, 5.5, positive=True)]) == 13  # centres within 2 px of a pixel's centre
    assert unheard(~mask, [at(5.5, 5.5, positive=False)]) == 13
    mask[5, 5] = True
    assert unheard(mask, [at(5.5, 5.5, positive=True)]) == 12


def test_where_discs_overlap_the_nearer_click_counts() -> None:
    clicks = [at(5.5, 5.5, positive=True), at(7.5, 5.5, positive=False)]
    mask = np.zeros((12, 12), bool)
    mask[:, :6] = True  # the middle column is as near to both
    assert unheard(mask, clicks) == 0
    mask[:, 6] = True
    assert unheard(mask, clicks) == 0
    mask[:, 7] = True
    assert unheard(mask, clicks) > 0


def test_what_a_click_may_not_change_is_counted() -> None:
    before = np.zeros((2, 4, 4), bool)
    before[0, 0, 0] = True
    after = before.copy()
    after[1, 2, 2] = True
    assert taken_back(before, after, positive=True) == 0
    assert taken_back(before, after, positive=False) == 1
    assert taken_back(after, before, positive=True) == 1
    assert taken_back(after, before, positive=False) == 0


def test_a_surface_counts_when_it_was_not_clicked_and_not_held_before() -> None:
    table = np.zeros((10, 10), bool)
    table[5:] = True
    thing = np.zeros((10, 10), bool)
    thing[:3] = True
    beside, on_it = at(2.5, 1.5, positive=True), at(2.5, 7.5, positive=True)
    assert surfaces_taken(thing, thing | table, [table], beside) == 1
    assert surfaces_taken(thing, thing | table, [table], on_it) == 0
    assert surfaces_taken(thing | table, thing | table, [table], beside) == 0
    few = thing.copy()
    few[5:7] = True
    assert surfaces_taken(thing, few, [table], beside) == 0
    assert surfaces_taken(thing, thing, [np.zeros((10, 10), bool)], beside) == 0
