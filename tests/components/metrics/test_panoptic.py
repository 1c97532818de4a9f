"""Scene-level panoptic quality: laws, then the worked examples of docs/methods/metrics.md."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liftlab.components.metrics import class_agnostic_panoptic_quality, panoptic_quality
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


def test_nothing_left_is_nan_and_bad_ids_are_refused() -> None:
    void = [np.full((2, 2), -1)]
    assert math.isnan(panoptic_quality(void, void, void, void, stuff=set()).pq)
    ones = [np.ones((2, 2), np.int64)]
    with pytest.raises(ValueError, match="instance ids"):
        panoptic_quality(ones, void, ones, ones, stuff=set())
