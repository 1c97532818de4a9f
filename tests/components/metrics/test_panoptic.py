"""Scene-level panoptic quality: laws, then the worked examples of docs/methods/metrics.md."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liftlab.components.metrics import (
    class_agnostic_panoptic_quality,
    classed_panoptic_quality,
    one_class_each,
    panoptic_quality,
)
from tests.components.metrics.test_label_maps import example

maps = arrays(np.int32, (2, 4, 6), elements=st.integers(0, 4))
STUFF, THING = 0, 1


def test_worked_example_1() -> None:
    truth, prediction = example()
    score = panoptic_quality(
        [np.where(t == 3, STUFF, THING) for t in truth], truth,
        [np.where(p == 7, STUFF, THING) for p in prediction], prediction,
        stuff={STUFF},
    )  # fmt: skip
    assert score.classes[THING].pq == pytest.approx(0.873077, abs=1e-6)
    assert score.classes[STUFF].pq == pytest.approx(0.666667, abs=1e-6)
    assert score.pq == pytest.approx(0.769872, abs=1e-6)


def test_worked_example_2() -> None:
    truth = np.array([[1, 1, 1, 1, 2, 2, 2, 0, 0, 0]])
    prediction = np.array([[1, 1, 1, 2, 2, 2, 3, 3, 3, 3]])
    classes = np.where(truth == 0, -1, THING)
    score = panoptic_quality([classes], [truth], [np.full_like(truth, THING)], [prediction], stuff=set())
    quality = score.classes[THING]
    assert (quality.pq, quality.sq, quality.rq) == (0.375, 0.75, 0.5)
    assert (quality.true_positives, quality.false_positives, quality.false_negatives) == (1, 1, 1)


@settings(max_examples=60, deadline=None)
@given(maps, maps, st.permutations(range(1, 5)), st.permutations(range(1, 5)))
def test_names_of_instances_do_not_matter(truth, prediction, first, second) -> None:
    score = class_agnostic_panoptic_quality(list(truth), list(prediction))
    renamed = class_agnostic_panoptic_quality(
        list(np.array([0, *first], np.int32)[truth]), list(np.array([0, *second], np.int32)[prediction] * 7)
    )
    assert score.pq == pytest.approx(renamed.pq)


@settings(max_examples=60, deadline=None)
@given(maps, maps)
def test_bounds_symmetry_and_identity(truth, prediction) -> None:
    score = class_agnostic_panoptic_quality(list(truth), list(prediction))
    mirrored = class_agnostic_panoptic_quality(list(prediction), list(truth))
    assert score.pq == pytest.approx(mirrored.pq)  # without void, FP and FN change places
    assert 0 <= score.pq <= 1
    for quality in score.classes.values():
        assert quality.pq == pytest.approx(quality.sq * quality.rq)
    assert class_agnostic_panoptic_quality(list(truth), list(truth)).pq == 1


def test_an_id_must_hold_over_the_views() -> None:
    truth = [np.array([[1, 1, 1, 0]], np.int32)] * 2
    same = class_agnostic_panoptic_quality(truth, truth).pq
    changed = class_agnostic_panoptic_quality(truth, [truth[0], np.array([[2, 2, 2, 0]], np.int32)])
    assert same == 1 and changed.classes[1].true_positives == 0


def test_rare_classes_become_void_and_a_class_can_be_removed() -> None:
    classes = np.array([[0] * 10 + [1] * 189 + [2]])
    ids = np.zeros_like(classes)
    other = classes.copy()
    other[0, -1] = 1
    rare = panoptic_quality([classes], [ids], [other], [ids], stuff={0, 1, 2}, robust_fraction=0.006)
    assert rare.dropped == (2,) and rare.pq == 1
    kept = panoptic_quality([classes], [ids], [other], [ids], stuff={0, 1, 2})
    assert kept.classes[2].pq == 0 and kept.pq < 0.7
    removed = panoptic_quality([classes], [ids], [other], [ids], stuff={0, 1, 2}, remove_class=0)
    assert set(removed.classes) == {1, 2}


def test_with_classes_the_worked_example() -> None:
    """400 pixels of things beside 200 of surroundings: objects 1 and 2 are of class 1, 3 of class 2, 4 of class 3.

    Class 3 has 1 pixel of 400 and is void. Of object 1, 50 pixels are called object 3's class; object 2 is found whole;
    object 3 is given 79 pixels and the 50 wrong ones: 79 / 129. Object 5 lies on surroundings, which are removed.
    """
    truth = np.array([[0] * 200 + [1] * 200 + [2] * 120 + [3] * 79 + [4]], np.int32)
    label = np.array([[5] * 20 + [0] * 180 + [7] * 150 + [9] * 50 + [8] * 120 + [9] * 79 + [7]], np.int32)
    classes = np.array([[1] * 20 + [0] * 180 + [1] * 150 + [2] * 50 + [1] * 120 + [2] * 79 + [3]], np.int32)
    score = classed_panoptic_quality([truth], {1: 1, 2: 1, 3: 2, 4: 3}, [label], [classes])
    assert score.dropped == (3,) and set(score.classes) == {1, 2}
    assert score.classes[1].pq == pytest.approx((150 / 200 + 1) / 2)
    assert score.classes[2].pq == pytest.approx(79 / 129)
    assert score.pq == pytest.approx(((150 / 200 + 1) / 2 + 79 / 129) / 2)
    wrong = classed_panoptic_quality([truth], {1: 1, 2: 2, 3: 2, 4: 3}, [label], [classes])
    assert wrong.classes[1].pq == pytest.approx(150 / 200 / 1.5), "what is of another class is no match"
    both = classed_panoptic_quality([truth] * 2, {1: 1, 2: 1, 3: 2, 4: 3}, [label, label + 10], [classes] * 2)
    assert both.pq < 0.6, "ids must hold over the views"


def test_what_is_called_surroundings_is_void_with_classes() -> None:
    """A consequence of the rule: class 0 has no pixel of the truth left, so its predictions become void."""
    truth = np.array([[0] * 100 + [1] * 100 + [2] * 100], np.int32)
    classes = np.where(truth == 2, 0, truth)
    score = classed_panoptic_quality([truth], {1: 1, 2: 1}, [truth], [classes])
    assert score.classes[1].pq == 1 and score.classes[1].false_negatives == 0
    unknown = classed_panoptic_quality([truth], {1: 1}, [truth], [np.minimum(truth, 1)])
    assert unknown.pq == 1, "objects without a class are void in the truth"


def test_nothing_left_is_nan_and_bad_ids_are_refused() -> None:
    void = [np.full((2, 2), -1)]
    assert math.isnan(panoptic_quality(void, void, void, void, stuff=set()).pq)
    ones = [np.ones((2, 2), np.int64)]
    with pytest.raises(ValueError, match="instance ids"):
        panoptic_quality(ones, void, ones, ones, stuff=set())


def test_an_instance_has_the_class_that_most_of_its_pixels_have_over_all_views() -> None:
    labels = [np.array([[0, 5, 5, 7]]), np.array([[5, 5, 7, 0]])]
    classes = [np.array([[2, 1, 1, 0]]), np.array([[2, 2, 3, 0]])]
    first, second = one_class_each(labels, classes)
    assert first.tolist() == [[2, 1, 1, 0]], "5 is of class 1 and 2 alike often: the lower; 7 of 0 and 3"
    assert second.tolist() == [[1, 1, 0, 0]]
    most = one_class_each(labels, [classes[0], np.array([[2, 1, 3, 0]])])
    assert most[1].tolist() == [[1, 1, 0, 0]]
