"""Scene-wide matching and semantic IoU: laws, then the worked examples of docs/methods/metrics.md."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liftlab.components.metrics import class_iou, match_scene_labels

maps = arrays(np.int32, (2, 5, 6), elements=st.integers(0, 3))


def example() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The two views of docs/methods/metrics.md section 3."""

    def view(text: str) -> np.ndarray:
        return np.array([[int(c) for c in row] for row in text.split("/")], np.int32)

    return [view("111222/111222"), view("111122/333122")], [view("555566/555666"), view("555566/775566")]


def test_worked_example() -> None:
    truth, prediction = example()
    score = match_scene_labels(truth, prediction)
    assert score.mean_iou == pytest.approx(0.809524, abs=1e-6)
    assert (score.precision, score.recall) == (1, 1)
    assert score.matches == {1: 5, 2: 6, 3: 7}
    assert score.ious == pytest.approx({1: 0.845238, 2: 0.916667, 3: 0.666667}, abs=1e-6)


def test_worked_example_with_one_stray_pixel() -> None:
    truth, prediction = example()
    prediction[1][0, 5] = 8
    score = match_scene_labels(truth, prediction)
    assert score.num_predicted == 4
    assert score.ious[2] == pytest.approx(0.791667, abs=1e-6)
    assert score.mean_iou == pytest.approx(0.767857, abs=1e-6)
    assert (score.precision, score.recall) == (0.75, 1)


@settings(max_examples=40, deadline=None)
@given(maps, maps, st.permutations(range(4)), st.permutations(range(4)))
def test_names_of_labels_do_not_matter(truth, prediction, new_truth, new_prediction) -> None:
    score = match_scene_labels(list(truth), list(prediction))
    renamed = match_scene_labels(
        list(np.array(new_truth, np.int32)[truth] + 5),
        list(np.array(new_prediction, np.int32)[prediction] + 9),
    )
    # Several assignments may be best; their total is the same, the pairs above one half may differ.
    assert renamed.mean_iou == pytest.approx(score.mean_iou)
    assert 0 <= score.mean_iou <= 1 and 0 <= score.precision <= 1 and 0 <= score.recall <= 1
    assert match_scene_labels(list(truth), list(truth)).mean_iou == 1


@settings(max_examples=40, deadline=None)
@given(maps, maps)
def test_order_of_views_does_not_matter_and_class_iou_is_symmetric(truth, prediction) -> None:
    forward = match_scene_labels(list(truth), list(prediction))
    backward = match_scene_labels(list(truth[::-1]), list(prediction[::-1]))
    assert forward.mean_iou == pytest.approx(backward.mean_iou)
    assert class_iou(list(truth), list(prediction)).mean_iou == pytest.approx(
        class_iou(list(prediction), list(truth)).mean_iou
    )


def test_views_without_the_truth_label_are_ignored() -> None:
    truth = [np.array([[1, 1]], np.int32), np.array([[2, 2]], np.int32)]
    prediction = [np.array([[7, 7]], np.int32), np.array([[7, 7]], np.int32)]
    score = match_scene_labels(truth, prediction)
    assert sorted(score.ious.values()) == [0, 1] and score.recall == 0.5 and score.precision == 1


def test_one_half_exactly_is_no_hit() -> None:
    score = match_scene_labels([np.array([[1, 1]], np.int32)], [np.array([[5, 6]], np.int32)])
    assert score.mean_iou == 0.5 and score.precision == 0 and score.recall == 0


def test_zero_is_a_label_unless_ignored_and_void_is_none() -> None:
    truth = [np.array([[0, 0, 1, -1]], np.int32)]
    prediction = [np.array([[0, 0, 4, 9]], np.int32)]
    assert match_scene_labels(truth, prediction).ious == {0: 1, 1: 1}
    dropped = match_scene_labels(truth, prediction, ignore_zero=True)
    assert dropped.ious == {1: 1} and dropped.num_predicted == 2 and dropped.precision == 0.5


def test_no_prediction_gives_no_precision_and_no_truth_gives_nan() -> None:
    nothing = match_scene_labels([np.array([[1]], np.int32)], [np.array([[-1]], np.int32)])
    assert (nothing.precision, nothing.recall, nothing.mean_iou) == (0, 0, 0)
    assert math.isnan(match_scene_labels([], []).mean_iou)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="nearest neighbour"):
        match_scene_labels([np.zeros((2, 3), np.int32)], [np.zeros((3, 2), np.int32)])
    with pytest.raises(ValueError, match="one map per truth"):
        class_iou([np.zeros((2, 3), np.int32)], [])


def test_class_iou_by_hand() -> None:
    score = class_iou([np.array([[0, 0, 1, -1, 2]], np.int32)], [np.array([[0, 1, 1, 1, -1]], np.int32)])
    assert score.ious == {0: 0.5, 1: 0.5, 2: 0} and score.mean_iou == pytest.approx(1 / 3)
