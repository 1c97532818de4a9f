"""Contrastive-Lift on the toy, with both losses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.progress import CancelToken
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.contrastive_lift import ContrastiveLift, ContrastiveLiftPrepared
from tests.toy import Toy, gaussian_toy

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def toy() -> Toy:
    return gaussian_toy()


@pytest.fixture(scope="module", params=["cluster", "slow_fast"])
def case(request: pytest.FixtureRequest, toy: Toy) -> tuple[ContrastiveLift, ContrastiveLiftPrepared]:
    quick = get_method("contrastive_lift").quick
    config = replace(quick, loss=request.param)
    if request.param == "slow_fast":
        config = replace(config, dimensions=3, pixels=1024, train=replace(quick.train, iterations=300))
    method = ContrastiveLift(config, device=CPU)
    return method, method.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))


def test_each_box_is_one_cluster_in_all_views(case, toy: Toy) -> None:
    method, prepared = case
    labels = np.stack(method.decompose(prepared))
    found = []
    for box in (1, 2, 3):
        truth = toy.instance == box
        label = np.bincount(labels[truth]).argmax()
        assert label > 0
        assert ((labels == label) & truth).sum() / ((labels == label) | truth).sum() > 0.6
        found.append(label)
    assert len(set(found)) == 3


def test_surroundings_are_no_object(case, toy: Toy) -> None:
    method, prepared = case
    labels = np.stack(method.decompose(prepared))
    assert (labels[toy.instance > 3] > 0).mean() < 0.1


def test_the_time_of_clustering_is_told_apart(case) -> None:
    _, prepared = case
    about = prepared.about
    assert 0 < about["clustering_seconds"] < about["seconds"]
    assert about["seconds"] == pytest.approx(
        about["training_seconds"] + about["clustering_seconds"], abs=2e-3
    )
    assert about["clusters"] == len(prepared.centroids)


def test_views_are_labelled_as_they_were_when_prepared(case, toy: Toy) -> None:
    method, prepared = case
    again = method.label_view(prepared, toy.scene.views[2].camera)
    assert np.array_equal(again, method.decompose(prepared)[2])


def test_a_negative_click_in_the_clicked_cluster_divides_it_in_space(case, toy: Toy) -> None:
    method, prepared = case
    rows, columns = np.nonzero(toy.instance[1] == 1)
    left, right = columns.argmin(), columns.argmax()
    yes, no = (
        Prompt(
            1, np.array([[columns[i] + (2.5 if i == left else -1.5), rows[i] + 0.5]]), np.array([i == left])
        )
        for i in (left, right)
    )
    whole, half = method.segment(prepared, [yes]), method.segment(prepared, [yes, no])
    assert 0.2 * whole.selected.sum() < half.selected.sum() < 0.8 * whole.selected.sum()
    assert not (half.selected & ~whole.selected).any()
