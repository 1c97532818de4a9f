"""UniC-Lift's cluster loss against numbers by hand, a slow literal version, and its bounds."""

import functools
import itertools
import math
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liftlab.components.features.losses.cluster_loss import SATURATION, bounded, cluster_loss

Reduction = Literal["mean", "sum", "sum_ordered"]

Y = torch.tensor([[0.9, 0.1], [0.7, 0.1], [0.2, 0.8], [0.2, 0.6], [0.2, 1.0]], dtype=torch.float64)
LABELS = torch.tensor([1, 1, 2, 2, 2])


def literal(Y: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """docs/methods/unic_lift.md eq. 3, pixel by pixel and pair by pair."""
    segments = [[u for u in range(len(Y)) if labels[u] == j] for j in sorted(set(labels.tolist())) if j > 0]
    means = [torch.stack([Y[u] for u in own]).mean(dim=0) for own in segments]
    K = len(segments)
    pull = Y.new_zeros(())
    for own, m in zip(segments, means, strict=True):
        pull = pull + torch.stack([((Y[u] - m) ** 2).sum() for u in own]).mean()
    push = Y.new_zeros(())
    for i, j in itertools.combinations(range(K), 2):
        push = push + ((means[i] - means[j]) ** 2).sum()
    return pull / K - (2 / (K * (K - 1)) * push if K > 1 else 0)


@pytest.mark.parametrize(
    ("reduction", "expected"), [("mean", -0.8316667), ("sum", -0.75), ("sum_ordered", -1.6)]
)
def test_worked_example(reduction: Reduction, expected: float) -> None:
    value = float(cluster_loss(Y, LABELS, reduction=reduction, min_pixels=1))
    assert value == pytest.approx(expected, abs=1e-6)


@given(seed=st.integers(0, 1000), segments=st.integers(1, 6), D=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_agrees_with_the_literal_form_and_stays_in_its_bounds(seed: int, segments: int, D: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    Y = torch.rand((60, D), generator=generator, dtype=torch.float64)
    labels = torch.randint(0, segments + 1, (60,), generator=generator)
    labels[0] = 1
    value = float(cluster_loss(Y, labels, min_pixels=1))
    assert value == pytest.approx(float(literal(Y, labels)), abs=1e-12)
    assert -D <= value <= D / 4 + 1e-12


def test_gradient_is_right() -> None:
    labels = torch.tensor([1, 1, 2, 2, 3, 0])
    start = torch.rand((6, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    Y = start.requires_grad_(True)
    reductions: tuple[Reduction, ...] = ("mean", "sum")
    for reduction in reductions:
        loss = functools.partial(cluster_loss, labels=labels, min_pixels=1, reduction=reduction)
        assert torch.autograd.gradcheck(loss, (Y,))


def test_order_of_pixels_and_names_of_segments_do_not_matter() -> None:
    shuffled = torch.tensor([3, 0, 4, 2, 1])
    renamed = torch.tensor([9, 9, 4, 4, 4])
    expected = float(cluster_loss(Y, LABELS, min_pixels=1))
    assert float(cluster_loss(Y[shuffled], renamed[shuffled], min_pixels=1)) == pytest.approx(expected)


def test_a_single_segment_only_pulls_and_none_gives_zero() -> None:
    assert float(cluster_loss(Y[:2], LABELS[:2], min_pixels=1)) == pytest.approx(0.01)
    assert float(cluster_loss(Y, torch.zeros(5, dtype=torch.int64), min_pixels=1)) == 0.0


def test_small_segments_are_left_out() -> None:
    alone = float(cluster_loss(Y[2:], LABELS[2:], min_pixels=1))
    assert float(cluster_loss(Y, LABELS, min_pixels=3)) == pytest.approx(alone)


def test_at_most_so_many_segments_are_drawn() -> None:
    Y = torch.eye(4, dtype=torch.float64).repeat_interleave(2, dim=0)  # all corners are sqrt 2 apart
    labels = torch.arange(1, 5).repeat_interleave(2)
    generator = torch.Generator().manual_seed(0)
    two = cluster_loss(Y, labels, min_pixels=1, max_segments=2, reduction="sum", generator=generator)
    assert float(two) == pytest.approx(-2.0)  # one pair of four segments' six
    assert float(cluster_loss(Y, labels, min_pixels=1, reduction="sum")) == pytest.approx(-12.0)


def test_repulsion_alone_does_not_ask_for_distinct_codes() -> None:
    """docs/methods/unic_lift.md section 8, item 2: 4 segments in 2 bits; only the triplets tell these apart."""
    labels = torch.arange(1, 5)
    distinct = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
    colliding = torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]], dtype=torch.float64)
    values = [float(cluster_loss(Y, labels, min_pixels=1, reduction="sum")) for Y in (distinct, colliding)]
    assert values == [-8.0, -8.0]


def test_bounded_keeps_a_gradient_far_out() -> None:
    V = torch.tensor([-40.0, -1.0, 0.0, 1.0, 40.0], dtype=torch.float64, requires_grad=True)
    out = bounded(V).detach()
    limit = 1 / (1 + math.exp(-SATURATION))
    assert out[2] == 0.5 and 1 - limit <= float(out.min()) and float(out.max()) <= limit
    assert bool((torch.diff(out) > 0).all())
    far = torch.tensor([10.0], dtype=torch.float64, requires_grad=True)
    bounded(far).sum().backward()
    assert far.grad is not None and float(far.grad) > 0
    assert torch.autograd.gradcheck(bounded, (V[1:4].detach().clone().requires_grad_(True),))
