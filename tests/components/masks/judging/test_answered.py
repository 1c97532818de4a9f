"""What the click network answers beside the candidates."""

from dataclasses import replace

import numpy as np
import torch

from assets.judge_training.fitting import OF_ANSWERS, FitConfig, fit, padded
from liftlab.components.masks.judging.answered import ANSWER, ANSWERED, answer_at, answered, ious, sampled
from liftlab.components.masks.judging.inputs import CLICK_INPUTS


def test_masks_are_read_where_columns_and_rows_meet() -> None:
    mask = np.arange(12).reshape(3, 4) % 5 == 0
    read = sampled([mask, ~mask], np.array([0, 2]), np.array([0, 1, 2]))
    np.testing.assert_array_equal(read, [mask[:, [0, 2]].ravel(), ~mask[:, [0, 2]].ravel()])
    assert sampled([], np.array([0, 2]), np.array([0])).shape == (0, 2)


def test_every_answer_is_compared_with_every_candidate() -> None:
    rng = np.random.default_rng(0)
    answers, candidates = rng.random((5, 40)) < 0.4, rng.random((3, 40)) < 0.6
    answers[0], candidates[0] = False, False
    literal = [[(a & c).sum() / max((a | c).sum(), 1) for c in candidates] for a in answers]
    np.testing.assert_allclose(ious(answers, candidates), literal, atol=1e-3)


def test_a_candidate_is_told_of_the_clicks_inside_it() -> None:
    found = np.array([[0.2, 0.9], [0.6, 0.1], [0.4, 0.3]], np.float16)
    inside = np.array([[True, False], [True, False], [False, False]])
    told = answered(found, inside)
    assert told.shape == (2, len(ANSWERED))
    np.testing.assert_allclose(told[0], [0.4, 0.6], atol=1e-3)
    assert np.isnan(told[1]).all()


def test_a_click_is_told_of_the_answers_near_it() -> None:
    clicks = np.array(
        [[5, 5, 0.9], [25, 5, 0.8], [5, 25, 0.7], [25, 25, 0.6], [95, 95, 0.5], [np.nan] * 3], np.float32
    )
    found = np.array([[0.1], [0.2], [0.7], [0.3], [1.0], [0.0]], np.float16)
    told = answer_at(clicks, found, 6.0, 9.0)
    np.testing.assert_allclose(told, [[0.1, 0.7, 0.9]], atol=1e-3)
    assert np.isnan(answer_at(clicks[5:], found[5:], 6.0, 9.0)).all()
    assert answer_at(clicks[:0], found[:0], 6.0, 9.0).shape == (1, len(ANSWER))


def test_a_judge_goes_on_from_one_that_was_told_nothing_of_the_network() -> None:
    """Without a step it answers as that one did, whatever it is told now."""
    rng = np.random.default_rng(0)
    config = FitConfig(hidden=6, members=2, steps=3, batch=4, dropout=0.0, noise=0.0)
    width = len(CLICK_INPUTS)
    inputs = rng.normal(size=(40, width)).astype(np.float32)
    sets = padded(inputs, np.repeat(np.arange(10), 4), rng.uniform(size=40), np.ones(40), 4)
    known = [index for index in range(width) if index not in OF_ANSWERS]
    before = fit([sets], config)
    deaf = replace(
        before, center=before.center[known], spread=before.spread[known], encode=before.encode[:, known]
    )
    after = fit([sets], replace(config, steps=1, rate=1e-12), start=deaf)
    asked = rng.normal(size=(5, width)).astype(np.float32)
    np.testing.assert_allclose(after(asked), deaf(asked[:, known]), atol=1e-4)


def test_inputs_that_the_network_gives_are_those_named_for_it() -> None:
    named = [CLICK_INPUTS[index] for index in OF_ANSWERS]
    assert named == ["mean_answered", "mean_answered_best", *ANSWERED, *ANSWER]
    assert torch.tensor(OF_ANSWERS).unique().numel() == len(OF_ANSWERS)
