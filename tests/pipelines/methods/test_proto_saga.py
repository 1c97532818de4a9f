"""Proto-SaGa on the toy: classifiers per photo, prototypes and their alternatives, frozen and joint training.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from liftlab.components.association import AssociationConfig
from liftlab.components.association.bank import BankVariant
from liftlab.components.gaussians.training.density import DensityConfig
from liftlab.components.metrics import class_agnostic_panoptic_quality, iou
from liftlab.components.progress import CancelToken
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.proto_saga import ProtoSaGa
from liftlab.pipelines.methods.shared.feature_views import feature_colours
from liftlab.pipelines.methods.shared.identities import IdentityPrepared
from liftlab.pipelines.methods.shared.joint_trainer import JointConfig
from tests.toy import FLOOR, box_of_gaussians, gaussian_toy

CPU = torch.device("cpu")
JOINT = JointConfig(iterations=60, max_side=48, embedding_rate=3e-2, report_every=10)
DENSE = DensityConfig(gradient_min=5e-5, count_max=3000)


def method(**changes) -> ProtoSaGa:
    return ProtoSaGa(replace(get_method("proto_saga").quick, **changes), device=CPU)


def prepare(proto: ProtoSaGa) -> IdentityPrepared:
    toy = gaussian_toy()
    return proto.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))


def quality(proto: ProtoSaGa, prepared: IdentityPrepared) -> float:
    truth = [np.where(image == FLOOR, 0, image) for image in gaussian_toy().instance]
    return class_agnostic_panoptic_quality(truth, [m.astype(int) for m in proto.decompose(prepared)]).pq


@pytest.mark.parametrize("inference", ["prototypes", "classifier", "kmeans"])
def test_shuffled_masks_become_the_boxes(inference: str) -> None:
    proto = method(inference=inference)
    prepared = prepare(proto)
    assert prepared.about["objects"] == 4
    assert quality(proto, prepared) > 0.9
    assert prepared.head.kind == ("linear" if inference == "classifier" else "prototypes")


@pytest.mark.parametrize(
    ("variant", "choose"), [("paper", "depth"), ("gaga", "both"), ("gaga", "depth"), ("paper", "probability")]
)
def test_associations_find_the_objects(
    variant: BankVariant, choose: Literal["depth", "probability", "both"]
) -> None:
    prepared = prepare(method(association=AssociationConfig(variant, choose)))
    assert prepared.about["objects"] == 4


def test_prototypes_are_means_over_views_of_rendered_features() -> None:
    """Eqs. 13 and 14, pixel by pixel, on the trained embeddings."""
    proto = method()
    prepared = prepare(proto)
    toy = gaussian_toy()
    means = []
    for index in range(len(toy.scene.views)):
        with torch.no_grad():
            F = prepared.views.view(index).render(prepared.features).numpy()
        covered = prepared.views.view(index).alpha.numpy() >= 0.5
        means.append(F[covered & (toy.instance[index] == 2)].astype(np.float64).mean(axis=0))
    expected = np.mean(means, axis=0)
    label = int(np.bincount(np.stack(prepared.labelling.maps)[toy.instance == 2]).argmax())
    assert np.allclose(prepared.head.weight[label].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_kmeans_finds_the_prototypes_and_their_numbers_when_objects_are_clear() -> None:
    plain, clustered = prepare(method()), prepare(method(inference="kmeans"))
    cosine = torch.nn.functional.cosine_similarity(plain.head.weight[1:], clustered.head.weight[1:])
    assert bool((cosine > 0.99).all())


def test_objects_in_too_few_views_are_not_answered() -> None:
    proto = method(min_views=99)
    assert not any(image.any() for image in proto.decompose(prepare(proto)))


def test_unknown_features_can_be_rejected() -> None:
    prepared = prepare(method(reject_unknown=True))
    against = -prepared.head.weight[1:].sum(dim=0, keepdim=True) - prepared.head.weight[:1]
    assert prepared.head.min_cosine == 0.5
    assert int(prepared.head.objects_of(against)) == 0
    assert int(prepared.head.objects_of(prepared.head.weight[2:3])) == 2


def test_joint_training_moves_the_splats_and_keeps_their_number(tmp_path: Path) -> None:
    toy = gaussian_toy()
    proto = method(training="joint", joint=JOINT)
    prepared = prepare(proto)
    moved = prepared.views.gaussians.means.numpy()
    assert moved.shape == toy.gaussians.means.shape
    assert 0 < np.abs(moved - toy.gaussians.means).max() < 0.1
    assert quality(proto, prepared) > 0.85
    proto.save(prepared, tmp_path)
    loaded = proto.load(tmp_path, toy.scene, toy.masks)
    assert torch.equal(loaded.views.gaussians.means, prepared.views.gaussians.means)
    ask = [Prompt(0, np.array([[30.5, 40.5]]), np.array([True]))]
    before, after = proto.segment(prepared, ask), proto.segment(loaded, ask)
    assert np.array_equal(before.selected, after.selected)
    assert np.array_equal(before.mask_of_view(0), after.mask_of_view(0))


def test_from_points_answers_are_about_the_scene_s_splats(tmp_path: Path) -> None:
    toy = gaussian_toy()
    config = replace(
        JOINT, start="points", start_count=2000, iterations=120, max_side=72, densify_every=20, density=DENSE
    )
    proto = method(training="joint", joint=config)
    prepared = prepare(proto)
    assert len(prepared.views.gaussians) != len(toy.gaussians.means)
    assert quality(proto, prepared) > 0.8
    proto.save(prepared, tmp_path)
    loaded = proto.load(tmp_path, toy.scene, toy.masks)
    owner = box_of_gaussians(toy)
    for box in (1, 2, 3):
        rows, columns = np.nonzero(toy.instance[1] == box)
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        ask = [Prompt(1, np.array([[columns[middle] + 0.5, rows[middle] + 0.5]]), np.array([True]))]
        answer, again = proto.segment(prepared, ask), proto.segment(loaded, ask)
        assert answer.selected.shape == answer.score.shape == owner.shape
        both, either = (owner == box) & answer.selected, (owner == box) | answer.selected
        assert both.sum() / either.sum() > 0.6
        assert iou(toy.instance[1] == box, answer.mask_of_view(1)) > 0.7
        assert np.array_equal(answer.selected, again.selected)
        assert np.array_equal(answer.mask_of_view(1), again.mask_of_view(1))
    assert feature_colours(prepared, "clusters").shape == (len(owner), 3)
    assert proto.segment(prepared, []).selected.shape == owner.shape
