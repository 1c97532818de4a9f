"""Relevancy, localisation and open-vocabulary IoU."""

import math

import numpy as np
import pytest

from liftlab.components.metrics import localisation_accuracy, open_vocabulary_iou, relevancy
from liftlab.components.metrics.text import localisation_hit, relevancy_of_similarities


def test_worked_example() -> None:
    query, canonical = np.array([0.28]), np.array([[0.20, 0.25, 0.22, 0.26]])
    singles = [float(relevancy_of_similarities(query, canonical[:, [c]])[0]) for c in range(4)]
    assert singles == pytest.approx([0.689974, 0.574443, 0.645656, 0.549834], abs=1e-6)
    assert float(relevancy_of_similarities(query, canonical)[0]) == pytest.approx(0.549834, abs=1e-6)


def test_relevancy_of_embeddings() -> None:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(8, 5))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    image, query, canonical = unit[:3], unit[3], unit[4:]
    scores = relevancy(image, query, canonical)
    assert scores.shape == (3,) and ((scores > 0) & (scores < 1)).all()
    assert relevancy(canonical[1:2], canonical[1], canonical)[0] == pytest.approx(
        0.5
    )  # as close as the closest
    assert (relevancy(image, query, canonical[:2]) >= scores - 1e-12).all()  # fewer rivals never hurt


def test_localisation() -> None:
    heat = np.zeros((10, 12))
    heat[3, 7] = heat[5, 2] = 1.0  # the first in row order counts
    inside, outside = np.array([7.5, 3.5, 9, 9]), np.array([2.0, 5.0, 3.0, 6.0])
    assert localisation_hit(heat, [inside]) and not localisation_hit(heat, [outside])
    assert localisation_hit(heat, [outside, inside])
    assert not localisation_hit(None, [inside])
    assert localisation_accuracy([heat, None], [[inside], [inside]]) == 0.5
    assert math.isnan(localisation_accuracy([], []))


def test_the_mean_filter_prefers_a_region_to_a_speck() -> None:
    heat = np.zeros((60, 988))
    heat[5, 5] = 1.0
    heat[30:60, 500:540] = 0.5
    region = np.array([500.0, 30.0, 540.0, 60.0])
    assert not localisation_hit(heat, [region])
    assert localisation_hit(heat, [region], smooth=True)


def test_open_vocabulary_iou() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2] = True
    assert open_vocabulary_iou({"cup": [mask, mask]}, {"cup": [mask, ~mask]}) == pytest.approx(8 / 24)
    assert open_vocabulary_iou({"cup": [mask], "pen": [mask]}, {"cup": [mask]}) == 0.5
    assert math.isnan(open_vocabulary_iou({}, {}))
