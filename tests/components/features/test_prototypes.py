"""Prototypes: means by hand, and who wins."""

import numpy as np
import pytest
import torch

from liftlab.components.features.prototypes import (
    cosine_labels,
    ensemble,
    kmeans_centers,
    merge_alike,
    view_means,
)

FIRST = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6]], dtype=torch.float64)
SECOND = torch.tensor([[0.6, 0.8]], dtype=torch.float64)


def stacked() -> tuple[torch.Tensor, torch.Tensor]:
    views = [view_means(F, torch.ones(len(F), dtype=torch.int64), 1) for F in (FIRST, SECOND)]
    return torch.stack([m for m, _ in views]), torch.stack([n for _, n in views])


def test_worked_example() -> None:
    means, pixels = stacked()
    assert means[0, 0].tolist() == pytest.approx([0.933333, 0.2], abs=1e-6)
    assert pixels.tolist() == [[3], [1]]
    prototypes, exists = ensemble(means, pixels)
    assert exists.tolist() == [True]
    assert prototypes[0].tolist() == pytest.approx([0.766667, 0.5], abs=1e-6)
    pooled = torch.cat([FIRST, SECOND]).mean(dim=0)
    assert pooled.tolist() == pytest.approx([0.85, 0.35])  # what it is not


def test_pixels_without_an_object_and_objects_without_pixels() -> None:
    means, pixels = view_means(FIRST, torch.tensor([0, 2, 0]), 3)
    assert pixels.tolist() == [0, 1, 0]
    assert means.tolist() == [[0, 0], [1, 0], [0, 0]]


def test_views_without_the_object_do_not_pull_its_prototype() -> None:
    means = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])
    prototypes, _ = ensemble(means, torch.tensor([[5], [0]]))
    assert prototypes.tolist() == [[1.0, 0.0]]


def test_tiny_and_single_views_can_be_left_out() -> None:
    means, pixels = stacked()
    prototypes, exists = ensemble(means, pixels, min_pixels=2)
    assert prototypes[0].tolist() == pytest.approx([0.933333, 0.2], abs=1e-6) and bool(exists[0])
    prototypes, exists = ensemble(means, pixels, min_pixels=2, min_views=2)
    assert not bool(exists[0]) and prototypes[0].tolist() == [0, 0]


def test_labels_follow_the_cosine_and_not_the_length() -> None:
    prototypes = torch.tensor([[10.0, 0.0], [0.0, 0.1], [9.0, 9.0]])
    exists = torch.tensor([True, True, False])
    F = torch.tensor([[[0.1, 0.3], [5.0, 4.0]]])
    labels, best = cosine_labels(prototypes, exists, F)
    assert labels.tolist() == [[2, 1]]
    assert best[0].tolist() == pytest.approx([0.3 / np.hypot(0.1, 0.3), 5 / np.hypot(5, 4)], abs=1e-6)
    labels, best = cosine_labels(prototypes, torch.zeros(3, dtype=torch.bool), F)
    assert not labels.any() and not best.any()


def test_merging_chains_of_like_prototypes() -> None:
    angles = np.deg2rad([0, 20, 40, 120])
    prototypes = np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1], [3], [1], [1]]
    everything = np.ones(4, bool)
    assert merge_alike(prototypes, everything, threshold=0.9).tolist() == [0, 1, 1, 1, 4]
    assert merge_alike(prototypes, everything, threshold=1.0).tolist() == [0, 1, 2, 3, 4]
    alone = np.array([True, False, True, True])
    assert merge_alike(prototypes, alone, threshold=0.9).tolist() == [0, 1, 2, 3, 4]
    assert merge_alike(prototypes, everything, threshold=-2.0).tolist() == [0, 1, 1, 1, 1]


def test_kmeans_is_free_of_the_prototypes() -> None:
    """Object 0 joins two things wrongly, objects 1 and 2 share one: started at their means nothing would move."""
    rng = np.random.default_rng(0)
    things = np.repeat([[0.0, 0.0], [10.0, 0.0], [0.0, 30.0]], 8, axis=0)
    samples = things + 0.1 * rng.normal(size=things.shape)
    owner = np.repeat([0, 0, 1, 2], [8, 8, 5, 3])
    centers = kmeans_centers(samples, owner, seed=0)
    nearest = np.linalg.norm(centers[:, None] - things[None], axis=2).min(axis=0)
    assert nearest.max() < 0.2
    assert np.allclose(centers[1], [0, 30], atol=0.2)  # most of its samples are object 1's
    assert np.array_equal(centers, kmeans_centers(samples, owner, seed=0))


def test_kmeans_keeps_the_numbers_of_clear_objects() -> None:
    owner = np.repeat([0, 1, 2, 3], 5)
    samples = 10.0 * np.eye(4)[owner] + 0.01 * np.random.default_rng(1).normal(size=(20, 4))
    assert (kmeans_centers(samples, owner, seed=3).argmax(axis=1) == np.arange(4)).all()
