"""Splats and features trained together: what moves, what is added, and the sum of losses in float64.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.features.view_classifiers import classifier_loss
from liftlab.components.gaussians.training.density import DensityConfig, GradientRecord, adapt
from liftlab.components.gaussians.training.frames import make_frames
from liftlab.components.gaussians.training.parameters import Parameters, parameters_from_gaussians
from liftlab.components.gaussians.training.similarity import plain_ssim
from liftlab.components.progress import CancelToken
from liftlab.components.rasterize import rasterize
from liftlab.pipelines.base import seeded
from liftlab.pipelines.methods.shared.feature_trainer import Learned
from liftlab.pipelines.methods.shared.joint_trainer import (
    JointConfig,
    JointStep,
    starting_splats,
    train_jointly,
)
from tests.not_none import not_none
from tests.toy import FLOOR, gaussian_toy

CPU = torch.device("cpu")
JOINT = JointConfig(iterations=60, max_side=48, embedding_rate=3e-2, report_every=10)
FROM_POINTS = {"start": "points", "start_count": 700, "iterations": 120, "densify_every": 20}
DENSE = DensityConfig(gradient_min=5e-5, count_max=1500)


def joint(**changes):
    toy = gaussian_toy()
    config = replace(JOINT, **changes)
    generator = seeded(0)
    splats = starting_splats(toy.scene, config)
    start = 0.1 * torch.randn((len(splats.means), 4), generator=generator)
    heads = {
        f"view{v}": Learned(torch.randn((4, 4), generator=generator), 1e-2)
        for v in range(len(toy.scene.views))
    }
    labels = [torch.from_numpy(np.where(image == FLOOR, 4, image)) for image in toy.instance]

    def loss(step: JointStep) -> torch.Tensor:
        head, target = step.extra[f"view{step.index}"], step.shrunk(labels[step.index]).flatten()
        return config.classifier_weight * classifier_loss(head, step.seen.flatten(0, 1), target, tau=10.0)

    return train_jointly(
        toy.scene, splats, start, loss, config, extra=heads, device=CPU, cancel=CancelToken(),
        generator=generator,
    )  # fmt: skip


def test_detached_geometry_is_moved_by_the_photos_alone() -> None:
    without, detached = joint(classifier_weight=0.0), joint(detach_geometry=True)
    attached = joint()
    assert np.array_equal(without.gaussians.means, detached.gaussians.means)
    assert not np.array_equal(without.gaussians.means, attached.gaussians.means)
    assert detached.curve[-1].loss < 0.7 * detached.curve[0].loss
    assert attached.curve[-1].loss < 0.7 * attached.curve[0].loss


def test_joint_training_is_the_same_for_a_seed() -> None:
    first, second = joint(iterations=10), joint(iterations=10)
    assert torch.equal(first.features, second.features)
    assert np.array_equal(first.gaussians.sh, second.gaussians.sh)


def test_from_points_splats_are_added_where_photos_ask_and_carry_their_embedding() -> None:
    grown = joint(**FROM_POINTS, density=DENSE)
    held = joint(**FROM_POINTS, density=replace(DENSE, gradient_min=1.0))
    assert len(held.gaussians.means) <= 700 * 1.15 < len(grown.gaussians.means) <= 1500
    assert len(grown.features) == len(grown.gaussians.means)
    assert grown.psnr > held.psnr > 15
    assert grown.curve[-1].loss < 0.7 * grown.curve[0].loss


def test_masks_do_not_say_where_splats_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients that densification counts are those of the photo alone, while those of the masks move splats."""
    counted: list[torch.Tensor] = []
    monkeypatch.setattr(
        "liftlab.pipelines.methods.shared.joint_trainer.GradientRecord.add",
        lambda self, result, width, height: counted.append(result.means2d_gradients().clone()),
    )
    step = {**FROM_POINTS, "iterations": 1, "densify_from": 0.0, "density": DENSE}
    heavy, alone = joint(**step, classifier_weight=50.0), joint(**step, classifier_weight=0.0)
    assert len(counted) == 2 and torch.equal(*counted) and bool(counted[0].any())
    assert not np.array_equal(heavy.gaussians.means, alone.gaussians.means)


def test_what_is_carried_is_split_and_dropped_with_its_splat() -> None:
    toy = gaussian_toy()
    parameters = parameters_from_gaussians(toy.gaussians, sh_degree=0, device=CPU)
    N = len(parameters)
    parameters.carry("number", torch.arange(N, dtype=torch.float32)[:, None])
    record = GradientRecord(N, CPU)
    record.total[::3], record.seen[:] = 1.0, 1
    adapt(parameters, record, 0.1, DensityConfig(count_max=10**6), seeded(0))
    number = parameters.values["number"].detach()[:, 0].long()
    assert len(number) == len(parameters) == N + len(range(0, N, 3))
    at_start = torch.from_numpy(toy.gaussians.means)[number]
    reach = 6 * torch.from_numpy(toy.gaussians.scales).amax(dim=1)[number]
    moved = (parameters.values["means"].detach() - at_start).norm(dim=1)
    assert bool((moved < reach).all()) and bool((torch.bincount(number)[::3] == 2).all())
    parameters.keep(number < 5)
    assert sorted(set(parameters.values["number"].detach()[:, 0].tolist())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("start", ["trained", "points"])
def test_the_sum_of_losses_is_the_printed_one(start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eqs. 3 and 6 by the gradients of one step, also where photo and masks go back one after the other: L1 and SSIM
    in float64, and the cross-entropy at its weight."""
    toy = gaussian_toy()
    gradients: list[dict[str, torch.Tensor]] = []
    values: list[dict[str, torch.Tensor]] = []

    def step(self: Parameters, rates: dict[str, float]) -> None:
        gradients.append({name: not_none(value.grad).clone() for name, value in self.values.items()})
        values.append({name: value.detach().clone() for name, value in self.values.items()})

    monkeypatch.setattr(Parameters, "step", step)
    seen: list[int] = []
    config = replace(JOINT, iterations=1, start=start, start_count=700, densify_from=0.0, ssim_weight=0.3)

    def loss(given: JointStep) -> torch.Tensor:
        seen.append(given.index)
        return 0.7 * given.seen.square().mean()

    round_ones = starting_splats(toy.scene, config)  # whose turning would change nothing
    splats = replace(round_ones, scales=round_ones.scales * np.array([1.0, 0.6, 1.5], np.float32))
    features = torch.randn((len(splats.means), 3), generator=seeded(1))
    train_jointly(
        toy.scene, splats, features, loss, config, device=CPU, cancel=CancelToken(), generator=seeded(0)
    )
    frame = make_frames(toy.scene.views, max_side=config.max_side)[seen[0]]
    leaves = {name: value.requires_grad_(True) for name, value in values[0].items()}
    parameters = Parameters({k: v for k, v in leaves.items() if k != "features"}, {}, {})
    drawn = rasterize(parameters.activated(), [frame.camera], features=leaves["features"])
    image, photo = not_none(drawn.colour)[0].double(), frame.image.double()
    recorded = 0.7 * (image - photo).abs().mean() + 0.3 * (1 - plain_ssim(image, photo))
    (recorded + 0.7 * not_none(drawn.features).double().square().mean()).backward()
    for name, leaf in leaves.items():
        expected = not_none(leaf.grad)
        difference = (gradients[0][name] - expected).norm() / expected.norm().clamp_min(1e-12)
        assert float(difference) < 1e-3, name
