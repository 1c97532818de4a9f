"""Agreement of several answers: laws, and one case worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from liftlab.components.agreement import (
    EVERYBODY,
    NOBODY,
    OTHERS,
    SELF,
    agreement,
    disagreement,
    pairwise_iou,
    who_selects,
)

stacks = st.integers(1, 4).flatmap(lambda count: arrays.arrays(bool, (count, 2, 4, 5)))


@given(stacks)
@settings(max_examples=50, deadline=None)
def test_pairwise_iou_is_a_symmetric_table_of_fractions(answers: np.ndarray) -> None:
    table = pairwise_iou([list(masks) for masks in answers])
    assert np.array_equal(table, table.T)
    assert (np.diag(table) == 1).all()
    assert ((table >= 0) & (table <= 1)).all()


@given(stacks, st.randoms())
@settings(max_examples=50, deadline=None)
def test_disagreement_ignores_the_order_and_which_side_is_which(answers: np.ndarray, random: object) -> None:
    masks = list(answers[:, 0])
    split = disagreement(masks)
    shuffled = masks[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert np.allclose(split, disagreement(shuffled))
    assert np.allclose(split, disagreement([~mask for mask in masks]), atol=1e-6)
    assert ((split >= 0) & (split <= 1)).all()
    same = np.all([mask == masks[0] for mask in masks], axis=0)
    assert np.array_equal(split == 0, same)


def test_three_answers_by_hand() -> None:
    masks = [
        np.array([[True, True, False]]),
        np.array([[True, False, False]]),
        np.array([[True, False, False]]),
    ]
    assert disagreement(masks) == pytest.approx(np.array([[0, 2 / 3, 0]]), abs=1e-6)
    assert pairwise_iou([[mask] for mask in masks])[0, 1] == 0.5
    assert agreement([[mask] for mask in masks]) == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert agreement([[masks[0]]]) == 1.0


def test_two_answers_split_wholly_or_not_at_all() -> None:
    assert disagreement([np.array([[True, True]]), np.array([[True, False]])]).tolist() == [[0, 1]]


selections = st.integers(1, 4).flatmap(lambda count: arrays.arrays(bool, (count, 12)))


@given(selections, st.data())
@settings(max_examples=50, deadline=None)
def test_a_standing_says_who_selects(answers: np.ndarray, data: st.DataObject) -> None:
    own = data.draw(st.integers(0, len(answers) - 1))
    found = who_selects(list(answers), own)
    assert np.array_equal(found == EVERYBODY, answers.all(axis=0))
    assert np.array_equal(found == NOBODY, ~answers.any(axis=0))
    assert np.array_equal(np.isin(found, (SELF, EVERYBODY)), answers[own])
    others = data.draw(st.permutations([k for k in range(len(answers)) if k != own]))
    assert np.array_equal(found, who_selects([answers[own], *answers[others]], 0))


def test_standings_of_three_by_hand() -> None:
    answers = [
        np.array([True, True, False, False]),
        np.array([True, False, True, False]),
        np.array([True] + [False] * 3),
    ]
    assert who_selects(answers, 0).tolist() == [EVERYBODY, SELF, OTHERS, NOBODY]
    assert who_selects(answers, 2).tolist() == [EVERYBODY, OTHERS, OTHERS, NOBODY]


def test_selections_of_two_geometries_are_refused() -> None:
    with pytest.raises(ValueError, match="Carry them to one geometry"):
        who_selects([np.zeros(3, bool), np.zeros(4, bool)], 0)
    with pytest.raises(ValueError, match="at least one"):
        who_selects([], 0)


def test_masks_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="all of one size"):
        disagreement([np.zeros((2, 2), bool), np.zeros((3, 2), bool)])
