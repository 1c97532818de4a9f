"""The judge of candidates: what is measured, what it is told, what it answers."""

import cv2
import numpy as np
import pytest
import torch

from assets.judge_training.fitting import FitConfig, SetNetwork, fit, joined, padded, save_judge
from liftlab.components.masks.judging.inputs import (
    CLICK_INPUTS,
    OBJECT_INPUTS,
    click_inputs,
    distance_to_outside,
)
from liftlab.components.masks.judging.measures import (
    MEASURES,
    mean_measures,
    measure,
    measured_photo,
    region_borders,
)
from liftlab.components.masks.judging.network import NEAR_TIE, WEIGHTS, Judge, judge, read_judge

HEIGHT, WIDTH = 80, 120


def disc() -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(rows - 40, columns - 50) < 20


def photo(mask: np.ndarray, *, lift: float = 0.0, contrast: float = 40.0):
    """A plain sheet at depth 2 with the mask lighter by `contrast` and nearer by `lift`."""
    lab = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    lab[..., 0] = 30 + contrast * mask
    depth = np.where(mask, 2 - lift, 2).astype(np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    points = np.stack([columns * 0.01, rows * 0.01, depth], axis=-1).astype(np.float32)
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    normals[..., 2] = -1
    borders = region_borders(np.stack([mask, mask, np.zeros_like(mask)]).astype(np.int32))
    return measured_photo(lab, depth, points, normals, borders, ~mask)


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(MEASURES, values.tolist(), strict=True))


def test_a_raised_disc_is_measured_as_what_it_is() -> None:
    mask = disc()
    found = named(measure(photo(mask, lift=0.2), mask))
    assert found["log_area"] == pytest.approx(np.log(mask.mean()), abs=1e-5)
    assert found["compactness"] == pytest.approx(1, abs=0.05) and found["solidity"] > 0.97
    assert found["frame_share"] == 0 and found["holes"] == 0 and found["largest_piece"] == 1
    assert found["contrast"] == pytest.approx(40, abs=1) and found["contrast_share"] == 1
    assert found["in_front"] == 1 and found["behind"] == 0 and found["continues"] == 0
    assert found["region_borders"] == pytest.approx(2 / 3, abs=0.01)
    assert found["on_surface"] == 0 and found["color_distance"] == 1 and found["depth_inside"] == 1


def test_a_print_on_a_sheet_has_colour_at_its_outline_but_no_step() -> None:
    mask = disc()
    found = named(measure(photo(mask), mask))
    assert found["contrast"] > 30 and found["continues"] == 1 and found["in_front"] == 0


def test_half_a_disc_has_an_outline_without_contrast() -> None:
    mask = disc()
    half = mask & (np.arange(WIDTH) < 50)
    found = named(measure(photo(mask, lift=0.2), half))
    assert found["weak_contrast"] == 0 and found["in_front"] < 0.8 and found["compactness"] < 0.95


def test_a_mask_of_the_whole_photo_has_no_sides() -> None:
    mask = np.ones((HEIGHT, WIDTH), bool)
    found = named(measure(photo(disc()), mask))
    assert found["frame_share"] == 1 and np.isnan(found["contrast"]) and np.isnan(found["color_distance"])


def test_means_leave_out_what_is_unknown() -> None:
    values = np.array([[[1.0, np.nan]], [[4.0, 2.0]], [[np.nan, np.nan]]])
    np.testing.assert_allclose(mean_measures(values, np.array([[1], [2], [9]])), [[3.0, 2.0]])
    assert np.isnan(mean_measures(values[2:], np.array([[9]]))).all()


def test_the_distance_of_a_click_is_that_of_the_distance_transform() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        mask = cv2.GaussianBlur(rng.normal(size=(60, 90)), (0, 0), 6) > -0.03
        padded_mask = np.pad(mask.astype(np.uint8), 1)
        whole = cv2.distanceTransform(padded_mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        rows, columns = np.nonzero(mask)
        pick = int(rng.integers(len(rows)))
        place = int(rows[pick]), int(columns[pick])
        assert distance_to_outside(mask, *place) == pytest.approx(float(whole[place]), abs=1e-4)


def random_judge(seed: int = 0, width: int = 7) -> Judge:
    rng = np.random.default_rng(seed)
    shapes = {"encode": (2, width, 5), "mix": (2, 15, 5), "out": (2, 5, 1)}
    layers = {}
    for name, shape in shapes.items():
        layers[name] = rng.normal(size=shape).astype(np.float32)
        layers[f"{name}_bias"] = rng.normal(size=(2, shape[2])).astype(np.float32)
    spread = rng.uniform(1, 2, width).astype(np.float32)
    return Judge(center=rng.normal(size=width).astype(np.float32), spread=spread, **layers)


def test_the_order_of_the_candidates_does_not_matter() -> None:
    decide, inputs = random_judge(), np.random.default_rng(1).normal(size=(6, 7)).astype(np.float32)
    order = np.array([3, 0, 5, 1, 4, 2])
    np.testing.assert_allclose(decide(inputs)[order], decide(inputs[order]), rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_of_candidates_as_good_as_the_best_the_smallest_is_meant(seed: int) -> None:
    decide = random_judge(seed)
    one = np.random.default_rng(seed).normal(size=(1, 7))
    inputs = one + np.random.default_rng(seed + 1).normal(scale=0.1 * (seed % 3), size=(6, 7))
    expected, chosen = decide(inputs), decide.choice(inputs)
    assert expected[chosen] >= expected.max() - NEAR_TIE
    assert (expected[:chosen] < expected.max() - NEAR_TIE).all()


def test_what_is_unknown_counts_as_the_mean() -> None:
    decide, inputs = random_judge(), np.random.default_rng(1).normal(size=(4, 7)).astype(np.float32)
    known = inputs.copy()
    known[:, 2], inputs[:, 2] = decide.center[2], np.nan
    np.testing.assert_allclose(decide(inputs), decide(known), rtol=1e-6)


def test_the_judge_computes_what_was_trained() -> None:
    config = FitConfig(hidden=5, members=1, dropout=0)
    torch.manual_seed(0)
    network = SetNetwork(7, config).eval()
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    layers = {
        key.replace(".weight", "").replace(".bias", "_bias"): (value.T if value.ndim == 2 else value)[None]
        for key, value in state.items()
    }
    decide = Judge(center=np.zeros(7, np.float32), spread=np.ones(7, np.float32), **layers)
    inputs = np.random.default_rng(0).uniform(-2, 2, (4, 7)).astype(np.float32)
    padded_inputs = torch.from_numpy(np.pad(inputs, ((0, 3), (0, 0))))[None]
    there = torch.tensor([[1.0, 1, 1, 1, 0, 0, 0]])
    with torch.no_grad():
        expected = torch.sigmoid(network(padded_inputs, there))[0, :4].numpy()
    np.testing.assert_allclose(decide(inputs), expected, rtol=1e-5)


def test_fitting_learns_which_candidate_is_meant() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(600, 4)).astype(np.float32)
    question = np.repeat(np.arange(150), 4)
    answers = (1 / (1 + np.exp(-3 * inputs[:, 1]))).astype(np.float32)
    sets = padded(inputs, question, answers, np.ones(600), 6)
    decide = fit([sets], FitConfig(hidden=16, members=1, steps=150, batch=32))
    fresh = rng.normal(size=(100, 4, 4)).astype(np.float32)
    right = sum(int(decide(one).argmax() == one[:, 1].argmax()) for one in fresh)
    assert right > 85


def test_a_judge_is_saved_and_read(tmp_path) -> None:
    """Trained layers lie transposed in memory; what is read must answer as what was trained."""
    rng = np.random.default_rng(0)
    sets = padded(
        rng.normal(size=(40, 4)).astype(np.float32),
        np.repeat(np.arange(10), 4),
        rng.uniform(size=40),
        np.ones(40),
        4,
    )
    decide = fit([sets], FitConfig(hidden=6, members=2, steps=3, batch=4))
    save_judge(decide, tmp_path / "judge.safetensors")
    inputs = rng.normal(size=(5, 4))
    np.testing.assert_allclose(read_judge(tmp_path / "judge.safetensors")(inputs), decide(inputs), atol=2e-3)


def test_judges_that_are_joined_count_alike() -> None:
    first, second = random_judge(0), random_judge(1)
    inputs = first.center + np.random.default_rng(2).uniform(-1, 1, (5, 7)).astype(np.float32)
    both = joined([first, second])
    np.testing.assert_allclose(both(inputs), (first(inputs) + second(inputs)) / 2, rtol=1e-4)


def test_the_judge_that_ships_fits_what_it_is_told() -> None:
    assert WEIGHTS.stat().st_size < 4 * 2**20
    assert judge().center.shape == (len(CLICK_INPUTS),)
    answers = judge()(np.random.default_rng(0).normal(size=(5, len(CLICK_INPUTS))))
    assert answers.shape == (5,) and (answers > 0).all() and (answers < 1).all()


def test_a_click_tells_sizes_and_ranks() -> None:
    told = click_inputs(
        np.zeros((3, len(OBJECT_INPUTS)), np.float32), np.zeros((3, len(MEASURES)), np.float32),
        np.array([10, 20, 80]), np.array([1.0, 0.5, 0.2]), np.array([2.0, 2.0, 2.0]),
    )  # fmt: skip
    assert told.shape == (3, len(CLICK_INPUTS))
    column = {name: told[:, index] for index, name in enumerate(CLICK_INPUTS)}
    np.testing.assert_allclose(column["smaller"][1:], np.log([2, 4]), rtol=1e-6)
    np.testing.assert_allclose(column["larger"][:2], np.log([2, 4]), rtol=1e-6)
    assert np.isnan(column["smaller"][0]) and np.isnan(column["larger"][2])
    np.testing.assert_allclose(column["rank"], [1 / 6, 0.5, 5 / 6], rtol=1e-6)
