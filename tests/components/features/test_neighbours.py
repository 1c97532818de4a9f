"""Neighbours in space and the loss between them."""

import numpy as np
import pytest
import torch

from liftlab.components.features.neighbours import (
    neighbour_loss,
    neighbour_pairs,
    sample_pairs,
    unit_length,
)
from tests.toy import toy_cameras


def test_pairs_agree_with_all_distances() -> None:
    points = np.random.default_rng(0).random((120, 3))
    pairs = neighbour_pairs(points, radius=0.2, at_most=8).numpy()
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    for i in range(len(points)):
        nearest = np.argsort(apart[i])[:8]
        assert pairs[pairs[:, 0] == i, 1].tolist() == nearest[apart[i][nearest] <= 0.2].tolist()


def test_points_in_one_place_are_each_others_neighbours() -> None:
    pairs = neighbour_pairs(np.zeros((5, 3)), radius=0.1, at_most=2).numpy()
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert np.bincount(pairs[:, 0], minlength=5).tolist() == [2] * 5


def test_lonely_points_have_no_neighbours_and_no_loss() -> None:
    assert len(neighbour_pairs(np.array([[0.0, 0, 0]]), radius=1.0)) == 0
    pairs = neighbour_pairs(np.array([[0.0, 0, 0], [5.0, 0, 0]]), radius=1.0)
    assert len(pairs) == 0 and float(neighbour_loss(torch.ones(2, 3), pairs)) == 0.0


def test_loss_agrees_with_the_literal_form() -> None:
    v = torch.rand((6, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pairs = torch.tensor([[0, 1], [1, 0], [2, 5]])
    expected = np.mean([float(((v[i] - v[j]) ** 2).sum()) for i, j in pairs.tolist()])
    assert float(neighbour_loss(v, pairs)) == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda v: neighbour_loss(v, pairs), (v.requires_grad_(True),))


def test_sampling_keeps_to_the_pairs() -> None:
    pairs = torch.stack([torch.arange(100), torch.arange(100) + 1], dim=1)
    drawn = sample_pairs(pairs, 30, torch.Generator().manual_seed(0))
    assert len(drawn) == 30 and bool((drawn[:, 1] == drawn[:, 0] + 1).all())
    assert torch.equal(sample_pairs(pairs, 100, torch.Generator()), pairs)


def test_the_unit_makes_the_cameras_span_two() -> None:
    cameras = toy_cameras(5)
    unit = unit_length(cameras, np.zeros((4, 3)))
    centers = np.stack([c.center for c in cameras]) / unit
    assert np.linalg.norm(centers[:, None] - centers[None], axis=2).max() == pytest.approx(2.0)
    spread = np.random.default_rng(0).random((1000, 3)) * 4
    assert 2.5 < unit_length(cameras[:1], spread) < 3.5  # half the diagonal of 90 % of a cube of edge 4
    assert unit_length(cameras[:1], np.zeros((0, 3))) == 1.0
