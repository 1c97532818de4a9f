"""Association of the toy's masks: through its Gaussians, by depth and by probability."""

from typing import Literal

import numpy as np
import pytest
import torch

from liftlab.components.association import AssociationConfig, associate_masks, gaussians_of_masks
from liftlab.components.features.label_maps import LabelMap, paint
from tests.toy import FLOOR, Toy, box_of_gaussians, gaussian_toy

GAGA = AssociationConfig(variant="gaga", choose="depth")
PAPER = AssociationConfig(variant="paper", choose="depth")


@pytest.fixture(scope="module")
def toy() -> Toy:
    return gaussian_toy()


def shuffled(toy: Toy, seed: int) -> list[LabelMap]:
    generator = torch.Generator().manual_seed(seed)
    return [paint(toy.masks, view, generator=generator) for view in range(len(toy.scene.views))]


def run(toy: Toy, config: AssociationConfig, maps: list[LabelMap], **options):
    return associate_masks(
        [view.camera for view in toy.scene.views], [m.labels for m in maps], [m.count for m in maps],
        toy.gaussians.means, config, generator=torch.Generator().manual_seed(0), **options,
    )  # fmt: skip


@pytest.mark.parametrize("config", [GAGA, PAPER], ids=["gaga", "paper"])
@pytest.mark.parametrize("order", ["listed", "densest", "random"])
def test_shuffled_masks_find_their_objects(
    toy: Toy, config: AssociationConfig, order: Literal["listed", "densest", "random"]
) -> None:
    maps = shuffled(toy, 5)
    found = run(toy, AssociationConfig(config.variant, "depth", order=order), maps)
    assert found.count == 4
    objects = np.stack([found.label_map(v, m.labels) for v, m in enumerate(maps)])
    for number in (1, 2, 3, FLOOR):
        assert len(np.unique(objects[toy.instance == number])) == 1


def test_the_nearest_of_a_mask_lie_on_its_object_and_not_behind_it(toy: Toy) -> None:
    (first, *_), camera = shuffled(toy, 1), toy.scene.views[0].camera
    sets = gaussians_of_masks(camera, first.labels, toy.gaussians.means, first.count, PAPER)
    owner = box_of_gaussians(toy)
    for number, chosen in enumerate(sets, start=1):
        truth = np.bincount(toy.instance[0][first.labels == number]).argmax()
        if truth != FLOOR:
            assert len(chosen) and (owner[chosen] == truth).mean() > 0.9


def test_both_is_the_union_of_depth_and_probability(toy: Toy) -> None:
    (first, *_), camera = shuffled(toy, 1), toy.scene.views[0].camera
    means = toy.gaussians.means
    chance = np.random.default_rng(0).random((len(means), first.count)).astype(np.float32)
    found = {
        choose: gaussians_of_masks(
            camera, first.labels, means, first.count, AssociationConfig(choose=choose), probability=chance
        )
        for choose in ("depth", "probability", "both")
    }
    for depth, probability, both in zip(found["depth"], found["probability"], found["both"], strict=True):
        assert np.array_equal(both, np.union1d(depth, probability))
        assert len(both) > len(depth)


def test_probabilities_must_be_there(toy: Toy) -> None:
    with pytest.raises(ValueError, match="probability must be given"):
        run(toy, AssociationConfig(), shuffled(toy, 1))


def test_masks_with_nothing_behind_them_have_no_object(toy: Toy) -> None:
    maps = shuffled(toy, 1)
    far = toy.gaussians.means + np.array([0, 0, 100.0])
    sets = gaussians_of_masks(toy.scene.views[0].camera, maps[0].labels, far, maps[0].count, PAPER)
    assert [len(chosen) for chosen in sets] == [0] * maps[0].count
