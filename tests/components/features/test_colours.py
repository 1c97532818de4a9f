"""Colours of features: what is alike looks alike, deterministically."""

import numpy as np
import pytest

from liftlab.components.features.colours import (
    NO_CLUSTER,
    cluster_colours,
    likeness,
    likeness_colours,
    pca_colours,
)


def groups(D: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, D)) * 5
    label = np.repeat(np.arange(4), 200)
    return centers[label] + rng.normal(size=(800, D)) * 0.05, label


def test_groups_have_a_colour_each() -> None:
    features, label = groups()
    colours = pca_colours(features).astype(int)
    means = np.stack([colours[label == k].mean(axis=0) for k in range(4)])
    within = max(np.abs(colours[label == k] - means[k]).max() for k in range(4))
    between = min(np.abs(means[i] - means[j]).max() for i in range(4) for j in range(i))
    assert within < 20 and between > 40


def test_scale_and_shift_of_features_do_not_matter() -> None:
    features, _ = groups()
    assert np.abs(pca_colours(features).astype(int) - pca_colours(features * 7 + 3).astype(int)).max() <= 1


def test_only_counted_gaussians_set_the_range() -> None:
    features, label = groups()
    spoilt = features.copy()
    spoilt[label == 3] *= 1000
    colours = pca_colours(spoilt, counted=label < 3)
    assert np.ptp(colours[label < 3].astype(int), axis=0).max() > 200
    assert np.ptp(pca_colours(spoilt)[label < 3].astype(int), axis=0).max() < 20


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (50, 2), (50, 1)])
def test_few_gaussians_or_channels(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).normal(size=shape)
    colours = pca_colours(features)
    assert colours.shape == (shape[0], 3) and colours.dtype == np.uint8
    if 0 < shape[1] < 3 and shape[0] > 1:
        assert (colours[:, shape[1] :] == 128).all()


def test_likeness_is_the_cosine() -> None:
    features = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [0.0, 0.0]])
    assert likeness(features, np.array([5.0, 0.0])).tolist() == [1.0, 0.0, -1.0, 0.0]


def test_likeness_colours_grow_lighter() -> None:
    colours = likeness_colours(np.linspace(-1, 1, 41))
    lightness = colours.astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(lightness[20:]) > 0).all() and np.ptp(lightness[:21]) == 0
    raised = likeness_colours(np.array([0.5, 1.0]), low=0.5)
    assert raised.tolist() == [colours[0].tolist(), colours[-1].tolist()]


def test_clusters_have_colours_of_their_own() -> None:
    colours = cluster_colours(np.arange(25))
    assert np.array_equal(colours[0], NO_CLUSTER)
    apart = np.abs(colours[:, None].astype(int) - colours[None]).max(axis=2)
    np.fill_diagonal(apart, 255)
    assert apart.min() > 10
    assert np.array_equal(cluster_colours(np.array([7, 3])), colours[[7, 3]])
