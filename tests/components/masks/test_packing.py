"""Masks that are kept packed come back as they were."""

import numpy as np
import pytest

from liftlab.components.masks.packing import PackedMasks


def test_packed_masks_are_the_masks() -> None:
    rng = np.random.default_rng(0)
    masks = [rng.random((30, 41)) < 0.3, np.zeros((17, 9), bool), np.ones((5, 6), bool)]
    lone = np.zeros((30, 41), bool)
    lone[29, 40] = True
    packed = PackedMasks([*masks, lone])
    assert len(packed) == 4
    for one, mask in zip(packed, [*masks, lone], strict=True):
        assert one.dtype == bool and np.array_equal(one, mask)
    assert [one.sum() for one in packed[1:3]] == [0, 30]
    with pytest.raises(IndexError):
        packed[4]


def test_what_is_drawn_is_the_callers_own() -> None:
    packed = PackedMasks([np.eye(4, dtype=bool)])
    packed[0][:] = False
    assert packed[0].sum() == 4
