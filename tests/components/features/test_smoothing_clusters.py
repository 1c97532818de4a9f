"""Means over neighbours, clusters by density, and parts that hang together."""

import numpy as np
import pytest
import torch

from liftlab.components.features.clusters import (
    DensityClusters,
    assigned,
    cluster_means,
    density_clusters,
    nearest_mean,
)
from liftlab.components.features.connected import connected_to
from liftlab.components.features.smoothing import nearest_neighbours, neighbour_mean


def test_neighbours_are_the_nearest_itself_first() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [3.5, 0, 0]])
    assert nearest_neighbours(points, 2).tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert nearest_neighbours(points, 16).shape == (4, 4)  # no more than there are


def test_means_over_neighbours_are_those_of_plain_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(30, 5, generator=generator).requires_grad_(True)
    near = torch.randint(30, (12, 4), generator=generator, dtype=torch.int32)
    pull = torch.randn(12, 5, generator=generator)
    fast, plain = neighbour_mean(values, near), values[near.long()].mean(dim=1)
    torch.testing.assert_close(fast, plain)
    (a,), (b,) = torch.autograd.grad(fast, values, pull), torch.autograd.grad(plain, values, pull)
    torch.testing.assert_close(a, b)
    doubled = values.detach().double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda v: neighbour_mean(v, near), doubled)


def blobs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    middles = np.array([[0.0, 0], [5, 0], [0, 5]])
    owner = np.repeat(np.arange(3), 40)
    return middles[owner] + 0.1 * rng.normal(size=(120, 2)), owner


def test_blobs_are_clusters_and_their_means_are_the_middles() -> None:
    samples, owner = blobs()
    found = density_clusters(samples, smallest=10)
    assert found.count == 3
    assert all(len(np.unique(found.labels[owner == k])) == 1 for k in range(3))
    tensor = torch.from_numpy(samples)
    for weighted in (False, True):
        means = cluster_means(tensor, found, weighted=weighted)
        nearest = nearest_mean(tensor, means)
        assert np.array_equal(nearest - 1, found.labels) and nearest.min() == 1


def test_noise_counts_for_no_mean_and_weights_count() -> None:
    found = DensityClusters(np.array([0, 0, -1]), np.array([1.0, 0.5, 0.0]))
    samples = torch.tensor([[0.0], [3.0], [100.0]])
    assert cluster_means(samples, found).tolist() == [[1.5]]
    assert cluster_means(samples, found, weighted=True).tolist() == [[1.0]]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_samples_are_noise(count: int) -> None:
    found = density_clusters(np.zeros((count, 2)), smallest=10)
    assert found.labels.tolist() == [-1] * count and found.count == 0
    assert nearest_mean(torch.zeros(2, 2), cluster_means(torch.zeros(count, 2), found)).tolist() == [0, 0]


def test_rows_go_to_the_most_similar_mean_or_to_none() -> None:
    values = torch.tensor([[1.0, 0], [0, 1], [-0.6, -0.8], [0.6, 0.8]])
    assert assigned(values, torch.tensor([[1.0, 0], [0, 1]]), least=0.5).tolist() == [1, 2, 0, 2]
    assert assigned(values, torch.zeros(0, 2), least=0.5).tolist() == [0, 0, 0, 0]


def test_only_the_part_that_holds_the_spot_is_kept() -> None:
    line = np.stack([np.arange(10.0), np.zeros(10), np.zeros(10)], axis=1)
    points = np.concatenate([line, line + np.array([100, 0, 0])])
    selected = np.ones(20, bool)
    selected[3] = False  # a gap of two steps is still in reach
    kept = connected_to(points, selected, np.array([[0.2, 0.0, 0.0]]))
    assert np.array_equal(np.flatnonzero(kept), [0, 1, 2, 4, 5, 6, 7, 8, 9])
    assert not connected_to(points, selected, np.array([[50.0, 0, 0]])).any()
    assert not connected_to(points, np.zeros(20, bool), np.array([[0.0, 0, 0]])).any()
