"""Cosine classifiers: softmax by hand, cross-entropy against a literal version, and the neighbour term."""

import math

import pytest
import torch

from liftlab.components.features.view_classifiers import (
    classifier_loss,
    neighbour_divergence,
    probabilities,
)


@pytest.mark.parametrize(
    ("f", "expected"), [((0.8, 0.6), (0.8808, 0.1192)), ((1.0, 0.0), (0.99995, 0.00005))]
)
def test_worked_example(f: tuple[float, float], expected: tuple[float, float]) -> None:
    found = probabilities(torch.eye(2, dtype=torch.float64), torch.tensor(f, dtype=torch.float64))
    assert found.tolist() == pytest.approx(expected, abs=5e-6 if f[1] == 0 else 5e-5)


def test_lengths_do_not_matter() -> None:
    w = torch.rand((4, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f = torch.rand((5, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scaled = probabilities(w * torch.tensor([1.0, 7.0, 0.1]), f * 40)
    assert torch.allclose(probabilities(w, f), scaled, atol=1e-6)


def test_highest_probability_against_orthogonal_classes() -> None:
    """docs/methods/proto_saga.md section 7: with tau = 10 and 256 classes 0.989, so the loss never reaches 0."""
    w = torch.eye(256, dtype=torch.float64)
    best = float(probabilities(w, w[0]).max())
    assert best == pytest.approx(22026.4658 / (22026.4658 + 255), abs=1e-6) == pytest.approx(0.989, abs=6e-4)


def test_an_empty_pixel_is_undecided() -> None:
    found = probabilities(torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    assert found.tolist() == [0.5, 0.5]


def test_loss_agrees_with_the_literal_form_and_ignores_unlabelled_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    w = torch.randn((3, 4), generator=generator, dtype=torch.float64)
    F = torch.randn((10, 3), generator=generator, dtype=torch.float64)
    labels = torch.tensor([1, 4, 0, 2, 2, 3, 0, 1, -1, 4])
    terms = []
    for f, t in zip(F.tolist(), labels.tolist(), strict=True):
        if t <= 0:
            continue
        norm = math.hypot(*f)
        cosines = [
            sum(f[d] * float(w[d, c]) for d in range(3)) / norm / float(w[:, c].norm()) for c in range(4)
        ]
        chances = [math.exp(10 * c) for c in cosines]
        terms.append(-math.log(chances[t - 1] / sum(chances)))
    assert float(classifier_loss(w, F, labels)) == pytest.approx(sum(terms) / len(terms), rel=1e-6)
    assert float(classifier_loss(w, F, torch.zeros(10, dtype=torch.int64))) == 0.0


def test_gradients_are_right() -> None:
    generator = torch.Generator().manual_seed(0)
    w = torch.randn((3, 4), generator=generator, dtype=torch.float64).requires_grad_(True)
    F = torch.randn((6, 3), generator=generator, dtype=torch.float64).requires_grad_(True)
    labels = torch.tensor([1, 4, 0, 2, 2, 3])
    assert torch.autograd.gradcheck(lambda w, F: classifier_loss(w, F, labels), (w, F))
    p = torch.softmax(torch.randn((2, 4), generator=generator, dtype=torch.float64), dim=-1)
    q = torch.softmax(torch.randn((2, 3, 4), generator=generator, dtype=torch.float64), dim=-1)
    assert torch.autograd.gradcheck(neighbour_divergence, (p.requires_grad_(True), q.requires_grad_(True)))


def test_divergence_of_neighbours_by_hand() -> None:
    p = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    same, other = p[:, None], torch.tensor([[[0.9, 0.1]]], dtype=torch.float64)
    assert float(neighbour_divergence(p, same)) == 0.0
    expected = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert float(neighbour_divergence(p, other)) == pytest.approx(2 * expected / 2)
    both = torch.cat([same, other], dim=1)
    assert float(neighbour_divergence(p, both)) == pytest.approx(expected / 2)
    certain = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert float(neighbour_divergence(certain, certain[:, None])) == 0.0
