"""Metrics 1 and 2: laws, edge cases, and the worked examples of docs/methods/metrics.md."""

import math

import numpy as np
import pytest

from liftlab.components.metrics import (
    accuracy,
    boundary,
    boundary_iou,
    iou,
    mean_over_prompts,
    mean_view_iou,
    pooled_iou,
)


@pytest.fixture
def square() -> np.ndarray:
    """10 x 10, rows 2-7, columns 2-7."""
    mask = np.zeros((10, 10), bool)
    mask[2:8, 2:8] = True
    return mask


@pytest.fixture
def shifted(square: np.ndarray) -> np.ndarray:
    return np.roll(square, 1, axis=1)


def test_worked_example_of_section_1(square: np.ndarray, shifted: np.ndarray) -> None:
    assert iou(square, shifted) == pytest.approx(30 / 42)
    assert accuracy(square, shifted) == pytest.approx(0.88)


def test_worked_example_of_section_2(square: np.ndarray, shifted: np.ndarray) -> None:
    assert boundary(square).sum() == 20 and boundary(shifted).sum() == 20
    assert boundary_iou(square, shifted) == pytest.approx(10 / 30)


def test_iou_is_symmetric_and_one_only_for_equal_masks() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.random((2, 12, 9)) < 0.4
        assert iou(a, b) == iou(b, a)
        assert 0 <= iou(a, b) < 1
        assert iou(a, a) == 1


def test_empty_masks(square: np.ndarray) -> None:
    nothing = np.zeros_like(square)
    assert iou(nothing, nothing) == 1 and boundary_iou(nothing, nothing) == 1
    assert iou(square, nothing) == 0 and iou(nothing, square) == 0


def test_void_pixels_do_not_count(square: np.ndarray, shifted: np.ndarray) -> None:
    differ = square ^ shifted
    assert iou(square, shifted, void=differ) == 1
    assert accuracy(square, shifted, void=differ) == 1
    assert accuracy(square, shifted, void=np.ones_like(square)) == 1


def test_pooled_iou_weighs_views_by_their_pixels(square: np.ndarray) -> None:
    nothing = np.zeros_like(square)
    one = nothing.copy()
    one[0, 0] = True
    assert pooled_iou([square, one], [square, nothing]) == pytest.approx(36 / 37)
    assert mean_view_iou([square, one], [square, nothing]) == pytest.approx(0.5)
    assert math.isnan(mean_view_iou([], []))


def test_a_mask_at_the_image_border_has_rim_there() -> None:
    full = np.ones((10, 10), bool)
    assert boundary(full).sum() == 36


def test_the_rim_widens_with_the_image() -> None:
    mask = np.zeros((300, 400), bool)
    mask[50:250, 50:350] = True
    assert boundary(mask).sum() == 200 * 300 - 180 * 280  # d = round(0.02 * 500) = 10


def test_prompts_without_prediction_count_zero_and_are_reported() -> None:
    assert mean_over_prompts({"cup": [1.0, 0.5], "pen": None, "box": []}) == (pytest.approx(0.25), 2)
    assert math.isnan(mean_over_prompts({})[0])


def test_sizes_that_do_not_fit_are_refused(square: np.ndarray) -> None:
    with pytest.raises(ValueError, match="truth's size"):
        pooled_iou([square], [np.zeros((9, 10), bool)])
    with pytest.raises(ValueError, match="one mask per truth"):
        pooled_iou([square, square], [square])
