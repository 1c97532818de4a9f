"""What the lab measures of itself."""

import math

import numpy as np
import pytest

from liftlab.components.metrics.diagnostics import (
    collision_rate,
    fragmentation,
    gaussian_iou,
    labels_of_gaussians,
    latency,
    view_consistency,
)
from tests.toy import make_toy


def test_gaussians_take_the_label_of_the_nearest_surface_point() -> None:
    surface = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    labels = np.array([1, 2, 3])
    means = np.array([[0.05, 0, 0], [10, 0.1, 0], [5, 5, 0]])
    assert labels_of_gaussians(means, surface, labels).tolist() == [1, 2, -1]
    with pytest.raises(ValueError, match="at least one point"):
        labels_of_gaussians(means, surface[:0], labels[:0])


def test_gaussian_iou_leaves_void_out_and_weighs() -> None:
    truth = np.array([1, 1, 2, -1])
    selected = np.array([True, False, True, True])
    assert gaussian_iou(truth, selected, 1) == pytest.approx(1 / 3)
    assert gaussian_iou(truth, selected, 1, weights=np.array([0.5, 0.25, 0.25, 9.0])) == pytest.approx(0.5)
    assert gaussian_iou(truth, np.zeros(4, bool), 7) == 1


def test_collisions_and_fragments() -> None:
    truth = np.repeat([0, 1, 2, 3], 100)
    codes = truth.copy()
    assert collision_rate(truth, codes) == 0 and fragmentation(truth, codes) == 1
    codes[truth == 3] = 2
    assert collision_rate(truth, codes) == pytest.approx(1 / 3)
    codes[100:106] = 9  # 6 % of object 1
    codes[200:203] = 9  # 3 % of object 2
    assert fragmentation(truth, codes) == pytest.approx(4 / 3)
    assert math.isnan(collision_rate(truth[:200], codes[:200]))
    assert math.isnan(fragmentation(truth[:100], codes[:100]))


def test_labels_of_a_surface_agree_over_views() -> None:
    toy = make_toy()
    cameras = [view.camera for view in toy.scene.views]
    depth = np.where(np.isfinite(toy.depth), toy.depth, 0)

    def score(labels: np.ndarray) -> float:
        generator = np.random.default_rng(0)
        return view_consistency(cameras, list(depth), list(labels), pairs=12, generator=generator)

    exact = score(toy.instance)
    assert exact > 0.98  # pixels on an outline may fall to the other side
    mixed = toy.instance.copy()
    mixed[1] = np.where(mixed[1] == 1, 2, np.where(mixed[1] == 2, 1, mixed[1]))
    assert score(mixed) < exact - 0.02
    assert score(np.ones_like(toy.instance)) == 1
    blind = view_consistency(
        cameras, list(0 * depth), list(toy.instance), pairs=3, generator=np.random.default_rng(0)
    )
    assert math.isnan(blind)


def test_latency_leaves_the_warm_ups_out() -> None:
    spent = latency([9.0, 9.0, 9.0, *np.arange(1.0, 31.0)])
    assert spent.count == 30 and spent.median == 15.5 and spent.p95 == pytest.approx(28.55)
    assert math.isnan(latency([1.0]).median)
