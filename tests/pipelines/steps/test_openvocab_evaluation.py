"""Scores of networks on records: what merging without learning reaches, ceilings, calibration."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from liftlab.components.metrics.instances import average_precision
from liftlab.components.openvocab.augmentation import STUFF
from liftlab.components.openvocab.network import NetworkConfig, OpenVocabNetwork
from liftlab.components.openvocab.records import SceneRecord, save_record
from liftlab.components.openvocab.weights import SuperpointConfig, Trained
from liftlab.pipelines.steps.openvocab_data import DataConfig, record_of
from liftlab.pipelines.steps.openvocab_evaluation import (
    calibrated,
    calibration_curve,
    evaluate,
    labels_scene,
    lifted_only,
    majority,
    superpoint_ceiling,
    superpoints_alone,
)
from tests.toy import make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")
NAMES = {1: "mug", 2: "bowl", 3: "vase"}


class Axes:
    """A text encoder that gives every name an axis of its own."""

    identity = "axes"

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[[sorted(NAMES.values()).index(text) for text in texts]]


@pytest.fixture(scope="module")
def record() -> SceneRecord:
    toy = make_toy()
    maps = [np.where(ids > 3, STUFF, ids).astype(np.uint8) for ids in toy.instance]
    return record_of(
        toy.scene, maps, [NAMES] * 4, DataConfig(num_points=1500), name="toy", reconstructor="truth",
        truth=(maps, NAMES),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained() -> Trained:
    torch.manual_seed(0)
    network = OpenVocabNetwork(NetworkConfig(dim=16, point_dim=8, layers=1, heads=2, features=4, text_dim=3))
    names = tuple(sorted(NAMES.values()))
    return Trained(network.eval(), SuperpointConfig(1500), "axes", names, ("bowl",), 1.0, {})


def test_true_masks_merged_without_learning_find_the_boxes(record: SceneRecord) -> None:
    score = average_precision([lifted_only(record)], min_points=30)
    assert score.ap50 > 0.99 and score.num_truth == 3


def test_ids_that_differ_from_view_to_view_are_merged_all_the_same(record: SceneRecord) -> None:
    maps, names = record.maps.copy(), list(record.names)
    swapped = maps[1].copy()
    swapped[maps[1] == 1], swapped[maps[1] == 2] = 2, 1
    maps[1] = swapped
    score = average_precision([lifted_only(replace(record, maps=maps, names=tuple(names)))], min_points=30)
    assert score.ap50 > 0.99


def test_superpoints_bound_what_is_possible(record: SceneRecord, trained: Trained) -> None:
    best = average_precision([superpoint_ceiling(trained, record)], min_points=30)
    alone = average_precision([superpoints_alone(trained, record)], min_points=30)
    assert best.ap50 > 0.9 and alone.mean < best.mean


def test_the_majority_of_a_superpoint() -> None:
    assert majority(np.array([0, 0, 0, 1]), np.array([7, 7, 2, 0])).tolist() == [7, 7, 7, 0]


def test_labels_as_objects(record: SceneRecord) -> None:
    assert average_precision([labels_scene(record, record.truth)], min_points=30).mean == pytest.approx(1)


def test_an_untrained_network_is_scored_and_calibrated(
    record: SceneRecord, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / "toy.npz"
    save_record(record, file)
    scores = evaluate(trained, [file], Axes(), counts={"mug": 3, "bowl": 2, "vase": 1})
    assert scores.scenes == 1 and scores.things == 3 and 0 <= scores.ap50 <= scores.ap25 <= 1
    assert {"all", "base", "novel", "head", "tail", "novel50"} <= set(scores.by_class)
    assert calibrated(trained, [file], Axes()).calibration > 0


def test_a_calibration_curve_counts_by_bins() -> None:
    curve = calibration_curve([0.1, 0.15, 0.9, 1.0], np.array([False, True, True, True]))
    assert [(round(mean, 3), right, number) for mean, right, number in curve] == [
        (0.125, 0.5, 2),
        (0.95, 1.0, 2),
    ]
