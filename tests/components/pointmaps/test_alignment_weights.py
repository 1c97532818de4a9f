"""Weights of DGA: the worked example, the closed forms against eq. (3) to (5), and their limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.weights import (
    ablated_weights,
    dynamic_weights,
    soft_masks,
    transformed_confidence,
    weight_histogram,
)
from tests.toy import make_toy

WORKED = [
    (0.0, 0.223144, -1.239691),
    (0.5, 0.672919, -0.666810),
    (1.0, 1.126166, -0.116935),
    (2.0, 2.057893, 0.936621),
    (5.0, 5.003341, 3.968651),
]


def weight(x: float, matched: bool, **options) -> float:
    return float(dynamic_weights(np.array([x]), np.array([matched]), **options)[0])


@pytest.mark.parametrize(("x", "matched", "unmatched"), WORKED)
def test_worked_example(x: float, matched: float, unmatched: float) -> None:
    assert weight(x, True, clamp=False) == pytest.approx(matched, abs=1e-6)
    assert weight(x, False, clamp=False) == pytest.approx(unmatched, abs=1e-6)


def printed_form(x: float, matched: bool, alpha_p: float, alpha_n: float, epsilon: float = 0.0) -> float:
    """Eq. (3) to (5) as printed, in float64."""
    F = 1 / (1 + np.exp(-x))
    q = F * (1 - F)
    alpha = alpha_p if matched else -alpha_n
    A = (F + alpha * q) / (1 + abs(alpha) * q + epsilon)
    return float(np.log(A / (1 - A)))


ALPHA = st.floats(-0.99, 0.99)


@given(st.floats(0, 12), st.booleans(), ALPHA, ALPHA, st.sampled_from([0.0, 1e-6, 1e-3]))
def test_closed_forms_equal_the_printed_ones(
    x: float, matched: bool, alpha_p: float, alpha_n: float, epsilon: float
) -> None:
    closed = weight(x, matched, alpha_p=alpha_p, alpha_n=alpha_n, epsilon=epsilon, clamp=False)
    assert closed == pytest.approx(printed_form(x, matched, alpha_p, alpha_n, epsilon), abs=1e-7)


@given(st.floats(0, 1e5), ALPHA, st.sampled_from([0.0, 1e-6]))
def test_every_alpha_gives_a_number_and_unmatched_pixels_mirror_matched_ones(
    x: float, alpha: float, epsilon: float
) -> None:
    """Negative alphas too, as the supplement's sweeps need them; -alpha_n is the alpha of an unmatched pixel."""
    matched = weight(x, True, alpha_p=alpha, epsilon=epsilon, clamp=False)
    assert np.isfinite(matched)
    assert weight(x, False, alpha_n=-alpha, epsilon=epsilon, clamp=False) == matched


@given(st.floats(0, 50), ALPHA, ALPHA)
def test_a_larger_alpha_gives_a_larger_weight(x: float, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert weight(x, True, alpha_p=low, clamp=False) <= weight(x, True, alpha_p=high, clamp=False) + 1e-12


def test_epsilon_bounds_the_weights() -> None:
    assert weight(1e4, True, epsilon=1e-6) == pytest.approx(np.log(1e6), abs=1e-5)
    assert weight(1e4, True) == pytest.approx(1e4)


@pytest.mark.parametrize("options", [{"alpha_p": 1.0}, {"alpha_n": -1.0}, {"epsilon": -1e-6}])
def test_alphas_outside_their_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        weight(1.0, True, **options)


@given(st.floats(0, 1e4), st.booleans())
def test_without_alphas_the_weight_is_x(x: float, matched: bool) -> None:
    assert weight(x, matched, alpha_p=0.0, alpha_n=0.0) == pytest.approx(x)


def test_weights_never_overflow_and_never_go_below_zero() -> None:
    x = np.array([0, 1, 17, 80, 700, 1e5], np.float32)
    for matched in (True, False):
        W = dynamic_weights(x, np.full(6, matched))
        assert np.isfinite(W).all() and (W >= 0).all() and (np.diff(W) >= 0).all()


def test_unmatched_weights_turn_positive_where_the_method_file_says() -> None:
    """With alpha_n = 0.9 at x = 1.1086, with 0.5 at ln 2; the loss tends to ln(1 + 2 alpha_n)."""
    assert weight(1.1086, False, clamp=False) == pytest.approx(0, abs=1e-4)
    assert weight(np.log(2), False, alpha_n=0.5, clamp=False) == pytest.approx(0, abs=1e-12)
    assert 100 - weight(100.0, False) == pytest.approx(1.0296, abs=1e-4)


def ablation(kind: str, F: float, steepness: float) -> float:
    if kind == "arctan":
        A = np.arctan(steepness * (F - 0.5)) / np.pi + 0.5
    elif kind == "logistic":
        A = 1 / (1 + np.exp(-steepness * (F - 0.5)))
    else:
        A = np.log(1 + steepness * F) / np.log(1 + steepness)
    return float(np.log(A / (1 - A)))


@pytest.mark.parametrize("kind", ["arctan", "logistic", "log"])
@pytest.mark.parametrize("x", [0.0, 0.3, 1.0, 4.0, 9.0])
def test_other_adjustments_equal_the_logit_of_their_curve(kind, x: float) -> None:
    W = ablated_weights(np.array([x]), kind, steepness=6.0, clamp=False)
    assert W[0] == pytest.approx(ablation(kind, 1 / (1 + np.exp(-x)), 6.0), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", ["arctan", "logistic", "log"])
def test_other_adjustments_stay_finite_and_rise(kind) -> None:
    W = ablated_weights(np.array([0.0, 1, 10, 100, 1000]), kind, steepness=10.0)
    assert np.isfinite(W).all() and (np.diff(W) >= 0).all()


def test_confidence_transforms() -> None:
    conf = np.array([1.0, np.e, 5.0])
    assert np.allclose(transformed_confidence(conf, "raw"), conf)
    assert np.allclose(transformed_confidence(conf, "minus_one"), conf - 1)
    assert np.allclose(transformed_confidence(conf, "log"), [0, 1, np.log(5)])


def test_histogram_counts_every_pixel_once() -> None:
    rng = np.random.default_rng(0)
    W, matched = rng.uniform(-1, 20, 5000), rng.random(5000) < 0.5
    histogram = weight_histogram(W, matched)
    assert histogram.matched.sum() == matched.sum() and histogram.unmatched.sum() == (~matched).sum()
    assert histogram.clamped == (W < 0).sum()
    assert histogram.matched[-1] >= (W[matched] > 10).sum() > 0


def one_object(mask: np.ndarray) -> MaskCache:
    """A cache of one photo with one object."""
    height, width = mask.shape
    return MaskCache.build(
        "k", [[mask]], sizes=[(height, width)], kinds=["object"], foreground=[True], scores=[1.0]
    )


def test_soft_masks_by_distance_are_a_half_on_the_outline_and_keep_thin_things() -> None:
    """Two half planes and a line of three pixels: the value is the logistic curve of the distance in pixels."""
    inside = np.zeros((60, 80), bool)
    inside[:, 30:] = True
    thin = np.zeros((60, 80), bool)
    thin[10:50, 20:23] = True
    wide, line = (soft_masks(one_object(mask), [(60, 80)], "all_objects")[0] for mask in (inside, thin))
    spread = np.sqrt(3) * 5 / np.pi
    for column in (22, 29, 30, 37):
        assert wide[30, column] == pytest.approx(1 / (1 + np.exp(-(column + 0.5 - 30) / spread)), abs=1e-6)
    assert wide[0, 0] == 0 and wide[0, 45] == wide[30, 45]  # faint is none; the photo's border is no outline
    assert (line[12:48, 20:23] > 0.5).all()
    blurred = soft_masks(one_object(thin), [(60, 80)], "all_objects", softening="blur")[0]
    assert blurred[30, 21] < 0.3


def test_an_empty_and_a_full_mask_have_no_outline() -> None:
    for value in (False, True):
        cache = one_object(np.full((20, 20), value))
        assert (soft_masks(cache, [(20, 20)], "all_objects")[0] == value).all()


def test_soft_masks_cover_things_and_not_structure() -> None:
    toy = make_toy()
    sizes = [(72, 96)] * 4
    soft = soft_masks(toy.masks, sizes, "all_objects")
    for view in range(4):
        inside = np.isin(toy.instance[view], (1, 2, 3))
        assert soft[view][inside].mean() > 0.6 > soft[view][~inside].mean()
        assert ((soft[view] == 0) | (soft[view] >= 0.05)).all() and soft[view].max() <= 1
        assert soft[view][-1, -1] == 0  # far from every object
    assert all((mask == 1).all() for mask in soft_masks(toy.masks, sizes, "none"))
    one = soft_masks(toy.masks, [(36, 48)] * 4, "target", target=1)
    assert (
        one[0].shape == (36, 48)
        and 0 < one[0].sum() < soft_masks(toy.masks, [(36, 48)] * 4, "all_objects")[0].sum()
    )
    with pytest.raises(ValueError, match="target"):
        soft_masks(toy.masks, sizes, "target")
