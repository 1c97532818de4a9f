"""SAGA's supervision against its worked examples and a slow, literal implementation in float64.

Equation numbers are those of docs/methods/saga.md; the examples are in its section 12.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liftlab.components.features.losses.affinity import (
    HARD_NEGATIVE,
    HARD_POSITIVE,
    KeptPairs,
    ScaleQuantiles,
    all_pairs,
    ascending_scales,
    correspondence_loss,
    correspondences,
    correspondences_at,
    draw_scales,
    gate,
    gated_cosines,
    identity_vectors,
    mask_scale,
    mean_areas,
    norm_loss,
    pair_weights,
    printed_correspondence_loss,
    printed_norm_loss,
    resample,
)

# Masks A (scale 3) = {p1, p2, p3}, B (scale 2) = {p1}, C (scale 1) = {p2}; columns ascending: C, B, A.
MEMBER = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1]], bool)
SCALES = np.array([1.0, 2.0, 3.0])


def literal_identities(member: np.ndarray, scales: np.ndarray, s: float) -> np.ndarray:
    """Eq. 6 read word by word; masks in ascending order, so of equal ones the earlier column is the smaller."""
    out = np.zeros_like(member)
    for p, i in itertools.product(*map(range, member.shape)):
        if not member[p, i]:
            continue
        between = [j for j in range(i) if member[p, j] and scales[j] >= s]
        out[p, i] = scales[i] < s or not between
    return out


def literal_loss(F, gates, same, kept, weights) -> float:
    """Eq. 11 in the recommended reading, pair by pair, scale by scale."""
    pull, push = [], []
    for p, q in itertools.combinations(range(len(F)), 2):
        for s in range(len(gates)):
            a, b = gates[s] * F[p], gates[s] * F[q]
            cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
            if kept.attract[p, q]:
                pull.append(-weights[p, q] * cosine if same[s, p, q] else 0.0)
            if kept.repel[p, q]:
                push.append(0.0 if same[s, p, q] else weights[p, q] * max(cosine, 0.0))
    return float((np.mean(pull) if pull else 0.0) + (np.mean(push) if push else 0.0))


@pytest.mark.parametrize(
    ("s", "rows", "pairs"),
    [
        (3.5, ["110", "101", "100"], {(0, 1), (0, 2), (1, 2)}),
        (2.5, ["110", "101", "100"], {(0, 1), (0, 2), (1, 2)}),
        (1.5, ["010", "101", "100"], {(1, 2)}),
        (0.5, ["010", "001", "100"], set()),
    ],
)
def test_the_worked_example_of_identities(s: float, rows: list[str], pairs: set) -> None:
    found = identity_vectors(MEMBER, SCALES, np.array([s]))
    assert ["".join(str(int(v)) for v in row[::-1]) for row in found[0]] == rows  # A, B, C
    same = correspondences(torch.from_numpy(found))[0]
    assert {(p, q) for p, q in itertools.combinations(range(3), 2) if same[p, q]} == pairs


def test_all_pairs_of_the_worked_example_change_with_the_scale() -> None:
    same = correspondences(torch.from_numpy(identity_vectors(MEMBER, SCALES, np.array([2.5, 1.5, 0.5]))))
    kept = resample(same, torch.zeros(3, 3, 3), torch.Generator().manual_seed(0))
    assert int(kept.attract.sum()) == int(kept.repel.sum()) == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 6))
def test_identities_are_those_of_the_definition(seed: int, P: int, M: int) -> None:
    rng = np.random.default_rng(seed)
    member = rng.random((P, M)) < 0.5
    scales = np.sort(rng.integers(1, 5, M)).astype(float)  # with ties
    at = np.array([0.5, *rng.uniform(0, 6, 3), 2.0])
    found = identity_vectors(member, scales, at)
    for s, image in zip(at, found, strict=True):
        assert np.array_equal(image, literal_identities(member, scales, s))
        assert np.array_equal(image.any(axis=1), member.any(axis=1))  # every covered pixel is identified
    same = correspondences_at(member, scales, at, torch.device("cpu"))
    for s, pairs in zip(at, same.numpy(), strict=True):
        V = literal_identities(member, scales, s).astype(int)
        assert np.array_equal(pairs, V @ V.T > 0)


def test_of_equal_scales_the_earlier_mask_is_the_larger() -> None:
    assert ascending_scales(np.array([2.0, 1.0, 2.0])).tolist() == [1, 2, 0]


def test_the_worked_example_of_the_gate() -> None:
    F = torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, -1], [0.6, 0.8, 0, 0]])
    cosines = gated_cosines(F, torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 0]]))
    expected = [[0.0, 0.4243, 0.4243], [1.0, 0.6, 0.6]]
    for found, values in zip(cosines, expected, strict=True):
        assert found[0, 1] == pytest.approx(values[0], abs=1e-4)
        assert found[0, 2] == pytest.approx(values[1], abs=1e-4)
        assert found[1, 2] == pytest.approx(values[2], abs=1e-4)


def test_gates_lie_between_closed_and_open() -> None:
    gates = gate(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 100.0]), torch.tensor([0.0, -50.0]))
    assert gates[:, 0].tolist() == [0.5, 0.5]
    assert gates[0, 1] < 1e-6 and gates[1, 1] > 1 - 1e-6


def test_the_worked_example_of_weights() -> None:
    weights = pair_weights(torch.tensor([100.0, 25.0, 4.0], dtype=torch.float64))
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    expected = [1, 1.043269, 1.346154, 1.216346, 2.427885, 10]
    assert [float(weights[p]) for p in pairs] == pytest.approx(expected, abs=1e-6)
    assert torch.equal(pair_weights(torch.full((3,), 7.0)), torch.ones(3, 3))


def test_mean_areas_are_over_the_masks_that_hold_a_pixel() -> None:
    assert mean_areas(MEMBER, np.array([10, 20, 90])).tolist() == [55, 50, 90]


def test_the_worked_example_of_the_norm() -> None:
    F = 0.5 * torch.tensor([[1.0, 0.0]]) + 0.25 * torch.tensor([[0.8, 0.6]])
    assert float(F.norm()) == pytest.approx(0.715891, abs=1e-6)
    assert float(norm_loss(F, torch.tensor([True]))) == pytest.approx((1 - 0.715891) ** 2, abs=1e-6)
    assert float(norm_loss(F, torch.tensor([False]))) == 0


def test_the_worked_example_of_a_scale() -> None:
    corners = np.array([[0.0, 0, 5], [2, 0, 5], [0, 2, 5], [2, 2, 5]])
    assert mask_scale(corners) == pytest.approx(2.828427, abs=1e-6)
    assert mask_scale(corners[:1]) == 0


def test_a_scale_does_not_depend_on_the_frame() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert mask_scale(points @ turn.T + 100) == pytest.approx(mask_scale(points))
    assert mask_scale(3 * points) == pytest.approx(3 * mask_scale(points))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.integers(0, 1000))
def test_quantiles_rise_from_0_to_1(scales: list[float], seed: int) -> None:
    quantiles = ScaleQuantiles.of(np.array(scales))
    asked = np.sort(np.random.default_rng(seed).uniform(0, 120, 20))
    values = quantiles(asked)
    assert np.all(np.diff(values) >= -1e-12) and values.min() >= 0 and values.max() <= 1
    assert quantiles(np.array(min(scales) / 2)) == 0 and quantiles(np.array(2 * max(scales))) == 1


def test_quantiles_of_ties_and_of_even_scales() -> None:
    assert ScaleQuantiles.of(np.array([3.0, 3.0]))(np.array([2.0, 3.0, 4.0])).tolist() == [0, 0.5, 1]
    assert ScaleQuantiles.of(np.arange(5.0))(np.arange(5.0)) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    with pytest.raises(ValueError, match="at least one"):
        ScaleQuantiles.of(np.zeros(0))


def test_drawn_scales_lie_where_the_specification_says() -> None:
    scales, generator = np.array([1.0, 2.0, 5.0]), torch.Generator().manual_seed(0)
    for _ in range(50):
        drawn = draw_scales(scales, (9.0, 7.0), count=8, generator=generator)
        assert len(drawn) == 3 + 2  # no more masks than there are
        assert 0 <= drawn[-2] <= 1 and 7 <= drawn[-1] <= 9
        near = np.sort(drawn[:3])
        assert 0 <= near[0] <= 1 <= near[1] <= 2 <= near[2] <= 5
    assert len(draw_scales(scales, (9.0, 7.0), count=2, generator=generator)) == 4


def random_case(seed: int, P: int = 8, S: int = 3, D: int = 4):
    rng = np.random.default_rng(seed)
    F = torch.from_numpy(rng.normal(size=(P, D)))
    gates = torch.from_numpy(rng.uniform(0.1, 1, (S, D)))
    same = torch.from_numpy(rng.random((S, P, P)) < 0.4)
    same = same | same.transpose(1, 2)
    upper = torch.ones(P, P, dtype=torch.bool).triu(1)
    kept = KeptPairs(*(torch.from_numpy(rng.random((P, P)) < 0.6) & upper for _ in range(2)))
    weights = pair_weights(torch.from_numpy(rng.uniform(1, 50, P)))
    return F, gates, same, kept, weights


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_the_literal_one(seed: int) -> None:
    F, gates, same, kept, weights = random_case(seed)
    found = correspondence_loss(gated_cosines(F, gates), same, kept, weights)
    expected = literal_loss(F.numpy(), gates.numpy(), same.numpy(), kept, weights.numpy())
    assert float(found) == pytest.approx(expected, rel=1e-10)
    nothing = KeptPairs(torch.zeros_like(kept.attract), torch.zeros_like(kept.repel))
    assert float(correspondence_loss(gated_cosines(F, gates), same, nothing, weights)) == 0


def literal_printed_loss(F, gates, same, kept, weights) -> float:
    """Eq. 9 and 11 word by word: both signs in both means, every cosine cut at 0."""
    means = []
    for chosen in (kept.attract, kept.repel):
        values = []
        for p, q in itertools.combinations(range(len(F)), 2):
            for s in range(len(gates)):
                if chosen[p, q]:
                    a, b = gates[s] * F[p], gates[s] * F[q]
                    cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
                    values.append(weights[p, q] * (1 - 2 * bool(same[s, p, q])) * max(cosine, 0.0))
        means.append(np.mean(values) if values else 0.0)
    return float(sum(means))


@pytest.mark.parametrize("seed", range(4))
def test_the_printed_loss_is_the_literal_one_and_another_than_the_code_s(seed: int) -> None:
    F, gates, same, kept, weights = random_case(seed)
    cosines = gated_cosines(F, gates)
    found = float(printed_correspondence_loss(cosines, same, kept, weights))
    assert found == pytest.approx(
        literal_printed_loss(F.numpy(), gates.numpy(), same.numpy(), kept, weights.numpy()), rel=1e-10
    )
    assert found != pytest.approx(float(correspondence_loss(cosines, same, kept, weights)), rel=0.05)
    nothing = KeptPairs(torch.zeros_like(kept.attract), torch.zeros_like(kept.repel))
    assert float(printed_correspondence_loss(cosines, same, nothing, weights)) == 0


def test_the_printed_loss_pulls_no_opposite_pair() -> None:
    F = torch.tensor([[1.0, 0.0], [-1.0, 0.1]], dtype=torch.float64, requires_grad=True)
    pair = torch.ones(2, 2, dtype=torch.bool).triu(1)
    given = torch.ones(1, 2, 2, dtype=torch.bool), KeptPairs(pair, pair), torch.ones(2, 2, dtype=F.dtype)
    for loss, pulls in ((printed_correspondence_loss, False), (correspondence_loss, True)):
        (slope,) = torch.autograd.grad(loss(gated_cosines(F, torch.ones(1, 2, dtype=F.dtype)), *given), F)
        assert bool(slope.any()) == pulls


def test_the_printed_norm_is_the_mean_over_all_pixels() -> None:
    F = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])
    assert float(printed_norm_loss(F)) == pytest.approx((0 + 0.5 + 1) / 3)


def test_gradients_of_every_part() -> None:
    F, _, same, kept, weights = random_case(1, P=5)
    w, b = torch.randn(4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    at = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    for tensor in (F, w, b):
        tensor.requires_grad_(True)

    def whole(F, w, b):
        return correspondence_loss(gated_cosines(F, gate(at, w, b)), same, kept, weights) + norm_loss(
            F, torch.tensor([True, True, False, True, True])
        )

    assert torch.autograd.gradcheck(whole, (F, w, b))


def test_opposite_pairs_that_belong_together_are_pulled() -> None:
    F = torch.tensor([[1.0, 0.1], [-1.0, 0.0]], requires_grad=True)
    same = torch.ones(1, 2, 2, dtype=torch.bool)
    loss = correspondence_loss(gated_cosines(F, torch.ones(1, 2)), same, all_pairs(same), torch.ones(2, 2))
    (gradient,) = torch.autograd.grad(loss, F)
    assert gradient.abs().max() > 0.01


def test_resampling_keeps_changing_and_hard_pairs_and_half_as_many_others() -> None:
    P = 60
    rng = np.random.default_rng(0)
    always = np.triu(rng.random((P, P)) < 0.3, 1)
    changing = np.triu(rng.random((P, P)) < 0.2, 1) & ~always
    same = torch.from_numpy(np.stack([always | changing, always]))
    cosines = torch.full((2, P, P), 0.6)  # neither a hard positive nor a hard negative by accident:
    cosines[:, torch.from_numpy(always)] = 0.9
    cosines[:, torch.from_numpy(np.triu(~always & ~changing, 1))] = 0.1
    kept = resample(same, cosines, torch.Generator().manual_seed(0))
    half = changing.sum() / 2
    assert bool((kept.attract & kept.repel)[torch.from_numpy(changing)].all())
    for pairs in (kept.attract, kept.repel):
        assert abs(int(pairs.sum()) - changing.sum() - half) < 5 * math.sqrt(half)
        assert not bool(pairs.tril().any())
    cosines[0, torch.from_numpy(always)] = HARD_POSITIVE - 0.01
    cosines[1, torch.from_numpy(np.triu(~always & ~changing, 1))] = HARD_NEGATIVE + 0.01
    hard = resample(same, cosines, torch.Generator().manual_seed(0))
    assert int((hard.attract | hard.repel).sum()) == P * (P - 1) // 2
    soft = resample(same, cosines, torch.Generator().manual_seed(0), hard=False)
    assert int(soft.attract.sum()) < int(hard.attract.sum())


def test_without_changing_pairs_a_few_of_each_kind_are_kept() -> None:
    same = torch.eye(2, dtype=torch.bool).repeat_interleave(60, 0).repeat_interleave(60, 1)[None]
    kept = resample(same, torch.full((1, 120, 120), 0.4).where(~same, 0.8), torch.Generator().manual_seed(0))
    for pairs in (kept.attract, kept.repel):
        assert 800 < int(pairs.sum()) < 1200
