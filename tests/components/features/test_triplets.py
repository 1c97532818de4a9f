"""Triplets: where their pixels come from, and the loss by hand and by gradcheck."""

import numpy as np
import pytest
import torch

from liftlab.components.features.label_maps import boundary_band
from liftlab.components.features.losses.triplets import (
    near_identity,
    sample_triplets,
    triplet_loss,
    triplet_pixels,
)

LABELS = np.zeros((24, 30), np.int32)
LABELS[2:22, 2:12] = 1
LABELS[2:22, 12:22] = 2
LABELS[8:12, 24:29] = 3  # 20 pixels
LABELS[0, 29] = 4  # too small


def vectors(*rows: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("negative", "expected"), [((0.2, 0.8), 0.06), ((0.6, 0.1), 0.95)])
def test_worked_example(negative: tuple[float, float], expected: float) -> None:
    loss = triplet_loss(vectors((0.9, 0.1)), vectors((0.7, 0.1)), vectors(negative))
    assert float(loss) == pytest.approx(expected)


def test_agrees_with_the_literal_form() -> None:
    generator = torch.Generator().manual_seed(1)
    a, p, n = torch.rand((3, 40, 4), generator=generator, dtype=torch.float64)
    terms = [
        max(0.0, float(((a[t] - p[t]) ** 2).sum() - ((a[t] - n[t]) ** 2).sum() + 0.3)) for t in range(40)
    ]
    assert 0 < sum(t == 0 for t in terms) < 40  # the margin is met by some and not by all
    assert float(triplet_loss(a, p, n, margin=0.3)) == pytest.approx(np.mean(terms))


def test_gradient_through_the_linear_layer_is_right() -> None:
    generator = torch.Generator().manual_seed(2)
    rows = [
        torch.rand((6, 3), generator=generator, dtype=torch.float64).requires_grad_(True) for _ in range(3)
    ]
    Wm = near_identity(3, generator).double().requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda Wm, a, p, n: triplet_loss(a @ Wm.T, p @ Wm.T, n @ Wm.T), (Wm, *rows)
    )


def test_the_band_is_two_pixels_on_both_sides_of_a_border() -> None:
    labels = np.ones((4, 10), np.int32)
    labels[:, 5:] = 2
    expected = np.zeros((4, 10), bool)
    expected[:, 3:7] = True
    assert np.array_equal(boundary_band(labels), expected)
    assert not boundary_band(np.ones((4, 10), np.int32)).any()  # the rim of the image is no border


def test_unlabelled_pixels_make_a_border_but_are_not_in_it() -> None:
    labels = np.zeros((5, 8), np.int32)
    labels[:, 4:] = 1
    band = boundary_band(labels, width_px=1)
    assert band[:, 4].all() and band.sum() == 5


def test_triplets_keep_to_their_segments() -> None:
    pixels = triplet_pixels(LABELS)
    assert pixels.count == 3  # the fourth is too small
    drawn = sample_triplets(pixels, 3000, torch.Generator().manual_seed(0)).numpy()
    assert drawn.shape == (3000, 3)
    anchor, positive, negative = LABELS.ravel()[drawn].T
    assert np.array_equal(anchor, positive) and (anchor != negative).all() and (negative > 0).all()
    assert np.array_equal(np.bincount(anchor, minlength=4)[1:4], [1000, 1000, 1000])
    band = boundary_band(LABELS).ravel()
    assert band[drawn[:, 1:]].all()
    inside = drawn[:, 0]
    assert (~band[inside]).mean() > 0.05  # anchors also lie away from borders


def test_every_border_pixel_of_another_segment_can_be_the_negative() -> None:
    pixels = triplet_pixels(LABELS)
    drawn = sample_triplets(pixels, 30000, torch.Generator().manual_seed(0)).numpy()
    of_first = drawn[LABELS.ravel()[drawn[:, 0]] == 1][:, 2]
    wanted = np.flatnonzero(boundary_band(LABELS).ravel() & np.isin(LABELS.ravel(), [2, 3]))
    assert np.array_equal(np.unique(of_first), wanted)


def test_same_seed_same_triplets_and_never_more_than_asked() -> None:
    pixels = triplet_pixels(LABELS)
    first, second = (sample_triplets(pixels, 100, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second) and len(first) == 99
    assert len(sample_triplets(pixels, 2, torch.Generator().manual_seed(7))) == 2


def test_one_segment_gives_no_triplets_and_no_loss() -> None:
    pixels = triplet_pixels(np.ones((10, 10), np.int32))
    drawn = sample_triplets(pixels, 30, torch.Generator().manual_seed(0))
    assert len(drawn) == 0
    empty = torch.zeros((0, 2))
    assert float(triplet_loss(empty, empty, empty)) == 0.0
