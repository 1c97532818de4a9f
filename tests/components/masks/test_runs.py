"""Masks as run lengths and back."""

import numpy as np
import pytest

from liftlab.components.masks.runs import mask_of_runs, runs_of


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (48, 64)])
def test_a_mask_comes_back(size: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(0).random(size) < share
    assert (mask_of_runs(runs_of(mask), *size) == mask).all()


def test_runs_by_hand() -> None:
    mask = np.array([[False, True], [True, True]])  # by columns: one out, three in
    assert runs_of(mask) == "13"


@pytest.mark.parametrize("damage", [lambda runs: runs[:-9], lambda runs: "", lambda runs: runs + "00"])
def test_runs_of_another_size_are_refused(damage) -> None:
    mask = np.random.default_rng(0).random((48, 64)) < 0.3
    with pytest.raises(ValueError, match="64 x 48"):
        mask_of_runs(damage(runs_of(mask)), 48, 64)
    with pytest.raises(ValueError, match="64 x 50"):
        mask_of_runs(runs_of(mask), 50, 64)
