"""The loop that fits features to a method's loss, on frozen Gaussians."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken
from liftlab.components.rasterize import tensors_from_gaussians
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.pipelines.base import seeded
from liftlab.pipelines.methods.shared.feature_trainer import (
    FeatureTrainConfig,
    FeatureTrainResult,
    Learned,
    TrainStep,
    train_features,
    training_frames,
)
from tests.toy import Toy, box_of_gaussians, gaussian_toy

QUICK = FeatureTrainConfig(iterations=60, max_side=48, rate=0.05, report_every=20)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return gaussian_toy()


def target_loss(toy: Toy):
    """Rendered features at random pixels shall be one-hot codes of what the pixel shows, through a learned scale."""

    def loss(step: TrainStep) -> Tensor:
        step.buffers["calls"].add_(1)
        labels = step.frame.shrunk(
            np.where(toy.instance[step.frame.index] < 4, toy.instance[step.frame.index], 0)
        )
        pixels = torch.randint(labels.size, (200,), generator=step.generator)
        target = torch.eye(4)[torch.from_numpy(labels.ravel())[pixels]]
        return (step.render(pixels) * step.extra["scale"] - target).square().mean()

    return loss


def fit(toy: Toy, config: FeatureTrainConfig = QUICK, *, seed: int = 0, **options) -> FeatureTrainResult:
    count = len(toy.gaussians.means)
    return train_features(
        toy.scene, torch.zeros(count, 4), target_loss(toy), config, generator=seeded(seed),
        extra={"scale": Learned(torch.ones(()), 1e-2)}, buffers={"calls": torch.zeros(())}, **options,
    )  # fmt: skip


def test_features_learn_what_the_pixels_show(toy: Toy) -> None:
    result = fit(toy, replace(QUICK, iterations=150))
    owner, learned = box_of_gaussians(toy), result.features.argmax(dim=1).numpy()
    seen = result.features.norm(dim=1).numpy() > 0.1
    assert seen.mean() > 0.5
    assert (owner == learned)[seen].mean() > 0.9
    assert result.curve[-1].loss < 0.3 * result.curve[0].loss
    assert result.extra["scale"] != 1 and result.buffers["calls"] == 150
    assert result.stopped == "iterations" and result.iterations == 150


def test_gaussians_that_no_view_sees_keep_their_features(toy: Toy) -> None:
    means = toy.gaussians.means.copy()
    means[:50] += 100
    hidden = replace(toy.scene, gaussians=replace(toy.gaussians, means=means))
    result = fit(replace(toy, scene=hidden))
    assert not result.features[:50].any() and result.features[50:].any()


def test_the_same_seed_gives_the_same_bits(toy: Toy) -> None:
    first, second, other = fit(toy), fit(toy), fit(toy, seed=1)
    assert torch.equal(first.features, second.features)
    assert torch.equal(first.extra["scale"], second.extra["scale"])
    assert not torch.equal(first.features, other.features)


def test_a_cancelled_training_goes_on_where_it_was(toy: Toy, tmp_path: Path) -> None:
    whole = fit(toy)
    cancel, seen = CancelToken(), []

    def stop_in_the_middle(fraction: float, message: str = "") -> None:
        seen.append(fraction)
        if fraction >= 0.3:
            cancel.cancel()

    path = tmp_path / "training.safetensors"
    with pytest.raises(Cancelled):
        fit(toy, progress=stop_in_the_middle, cancel=cancel, checkpoint=path)
    assert 0 < max(seen) < 1
    resumed = fit(toy, seed=9, checkpoint=path)  # the saved generator takes over
    assert torch.equal(whole.features, resumed.features)
    assert torch.equal(whole.buffers["calls"], resumed.buffers["calls"])
    assert [p.loss for p in whole.curve] == [p.loss for p in resumed.curve]


@pytest.mark.parametrize("content", [b"", b"not a training", None])
def test_a_checkpoint_that_does_not_fit_is_refused(toy: Toy, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "training.safetensors"
    if content is None:
        small = replace(toy.scene, gaussians=replace(toy.gaussians, **{
            name: getattr(toy.gaussians, name)[:100] for name in ("means", "quats", "scales", "opacities", "sh")
        }))  # fmt: skip
        fit(replace(toy, scene=small), replace(QUICK, iterations=2), checkpoint=path)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="delete it to start anew"):
        fit(toy, checkpoint=path)


def test_a_budget_ends_the_training_early(toy: Toy) -> None:
    result = fit(toy, replace(QUICK, iterations=10**6, budget_secs=0.3))
    assert result.stopped == "budget" and 0 < result.iterations < 10**6


def test_progress_reports_the_loss(toy: Toy) -> None:
    seen: list[tuple[float, str]] = []
    fit(toy, progress=lambda fraction, message="": seen.append((fraction, message)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert "step 20 of 60, loss 0." in seen[0][1]


def test_views_with_nothing_to_learn_from_are_skipped_and_none_is_refused(toy: Toy) -> None:
    loss = target_loss(toy)

    def only_the_first(step: TrainStep) -> Tensor | None:
        return loss(step) if step.frame.index == 0 else None

    options = {"extra": {"scale": Learned(torch.ones(()), 0.0)}, "buffers": {"calls": torch.zeros(())}}
    start = torch.zeros(len(toy.gaussians.means), 4)
    result = train_features(toy.scene, start, only_the_first, QUICK, generator=seeded(0), **options)
    assert result.buffers["calls"] == QUICK.iterations / len(toy.scene.views)
    with pytest.raises(InputError, match="No photo has a mask"):
        train_features(toy.scene, start, lambda step: None, QUICK, generator=seeded(0))


def test_one_row_per_gaussian_is_asked_for(toy: Toy) -> None:
    with pytest.raises(ValueError, match="one row per Gaussian"):
        train_features(toy.scene, torch.zeros(3, 4), lambda step: None, QUICK, generator=seeded(0))
    with pytest.raises(ValueError, match="must have Gaussians"):
        training_frames(replace(toy.scene, gaussians=None), max_side=32)


def test_frames_keep_the_proportions_and_take_the_nearest_pixel(toy: Toy) -> None:
    frame = training_frames(toy.scene, max_side=48)[1]
    assert frame.size == (36, 48)
    assert np.array_equal(frame.shrunk(toy.instance[1]), toy.instance[1][1::2, 1::2])
    assert frame.shrunk(np.zeros((72, 96, 3))).shape == (36, 48, 3)


def test_pixels_blend_as_whole_views_do(toy: Toy) -> None:
    """The walk along tile lists agrees with the rasteriser, values and gradients, for every pixel."""
    generator = seeded(3)
    gaussians = tensors_from_gaussians(toy.gaussians)
    view = FrozenView(gaussians, toy.scene.views[2].camera)
    values = torch.randn(len(gaussians), 5, generator=generator).requires_grad_(True)
    pull = torch.randn(72 * 96, 5, generator=generator)
    pixels = torch.randperm(72 * 96, generator=generator)
    whole = view.render(values).flatten(0, 1)
    rows = view.rows(pixels)
    some = rows.blend(values[rows.gaussian_ids])
    torch.testing.assert_close(some, whole[pixels], rtol=1e-5, atol=1e-5)
    (v_whole,) = torch.autograd.grad(whole, values, pull)
    (v_some,) = torch.autograd.grad(some, values, pull[pixels])
    torch.testing.assert_close(v_some, v_whole, rtol=1e-4, atol=1e-4)
    ones = rows.blend(torch.ones(len(rows.gaussian_ids), 1))[:, 0]
    torch.testing.assert_close(ones, view.alpha.flatten()[pixels], rtol=1e-5, atol=1e-5)


def test_a_pixel_asked_twice_and_one_that_sees_nothing(toy: Toy) -> None:
    gaussians = tensors_from_gaussians(toy.gaussians)
    camera = toy.scene.views[0].camera
    rows = FrozenView(gaussians, camera).rows(torch.tensor([3000, 3000]))
    twice = rows.blend(torch.ones(len(rows.gaussian_ids), 2))
    assert torch.equal(twice[0], twice[1]) and twice[0, 0] > 0.5
    behind = replace(gaussians, means=gaussians.means + 100)
    empty = FrozenView(behind, camera).rows(torch.tensor([0, 1]))
    assert len(empty.gaussian_ids) == 0
    assert torch.equal(empty.blend(torch.zeros(0, 3)), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="one row per Gaussian"):
        rows.blend(torch.zeros(1, 3))


def test_other_back_ends_render_whole_views_and_pick(toy: Toy) -> None:
    gaussians = tensors_from_gaussians(toy.gaussians, dtype=torch.float64)
    camera = toy.scene.views[0].camera
    small = replace(camera, K=camera.K / np.array([[4], [4], [1]]), width=24, height=18)
    view = FrozenView(gaussians, small, backend="reference")
    pixels = torch.tensor([200, 100])
    values = torch.randn(len(gaussians), 2, dtype=torch.float64, generator=seeded(0))
    rows = view.rows(pixels)
    assert torch.equal(rows.gaussian_ids, torch.arange(len(gaussians)))
    assert torch.equal(rows.blend(values), view.render(values).flatten(0, 1)[pixels])
