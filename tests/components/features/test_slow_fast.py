"""Contrastive-Lift's losses against the worked example and a literal implementation."""

import math

import pytest
import torch

from liftlab.components.features.losses.slow_fast import concentration_loss, contrastive_loss
from tests.not_none import not_none

F = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
IDS = torch.tensor([1, 2])


def literal(fast, fast_ids, slow, slow_ids) -> tuple[float, float]:
    shared = sorted(set(fast_ids.tolist()) & set(slow_ids.tolist()))
    concentration = []
    for label in shared:
        centre = slow[slow_ids == label].mean(dim=0)
        near = [math.exp(-float((f - centre).square().sum())) for f in fast[fast_ids == label]]
        concentration.append(sum(near) / len(near))
    logs = []
    for f, own in zip(fast, fast_ids, strict=True):
        alike = [math.exp(math.exp(-float((f - s).norm()))) for s in slow]
        same = [a for a, other in zip(alike, slow_ids, strict=True) if other == own]
        if same:
            logs.append(math.log(sum(same) / sum(alike)))
    return -sum(concentration) / len(shared), -sum(logs) / len(logs)


def test_the_worked_example() -> None:
    assert float(contrastive_loss(F, IDS, F, IDS)) == pytest.approx(0.426224, abs=1e-6)
    assert math.exp(-float(contrastive_loss(F, IDS, F, IDS))) == pytest.approx(0.652970, abs=1e-6)
    assert float(concentration_loss(F, IDS, F, IDS)) == pytest.approx(-1)


@pytest.mark.parametrize("seed", range(3))
def test_the_losses_are_the_literal_ones(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    fast, slow = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (9, 11))
    ids = [torch.randint(1, 6, (n,), generator=generator) for n in (9, 11)]
    concentration, contrast = literal(fast, ids[0], slow, ids[1])
    assert float(concentration_loss(fast, ids[0], slow, ids[1])) == pytest.approx(concentration, rel=1e-9)
    assert float(contrastive_loss(fast, ids[0], slow, ids[1])) == pytest.approx(contrast, rel=1e-9)
    fast.requires_grad_(True)
    for loss in (concentration_loss, contrastive_loss):
        assert torch.autograd.gradcheck(lambda f, loss=loss: loss(f, ids[0], slow, ids[1]), fast)


def test_halves_that_share_no_id_teach_nothing() -> None:
    for loss in (concentration_loss, contrastive_loss):
        assert float(loss(F, IDS, F, IDS + 5)) == 0


def test_equal_vectors_have_a_finite_gradient() -> None:
    same = torch.zeros(4, 3, requires_grad=True)
    ids = torch.tensor([1, 1, 2, 2])
    contrastive_loss(same, ids, torch.zeros(4, 3), ids).backward()
    assert torch.isfinite(not_none(same.grad)).all()
