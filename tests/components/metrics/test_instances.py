"""Instance AP: the worked example of docs/methods/metrics.md, laws, and agreement with pycocotools."""

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftlab.components.metrics import average_precision
from liftlab.components.metrics.instances import (
    InstanceScene,
    frequency_groups,
    instances_from_labels,
    mean_of_group,
    precision_recall,
)


def masks_with(overlaps: list[tuple[int, float]], truth: np.ndarray) -> np.ndarray:
    """Masks inside a truth instance with about the wanted IoU: the first points of it."""
    out = []
    for label, share in overlaps:
        points = np.flatnonzero(truth == label)
        mask = np.zeros(truth.shape, bool)
        mask[points[: round(share * len(points))]] = True
        out.append(mask)
    return np.stack(out)


def worked_example() -> InstanceScene:
    """3 truths of 200 points; IoU .92 and .60 with the first, .72 with the second, .40 with the third."""
    truth = np.repeat([1, 2, 3], 200)
    masks = masks_with([(1, 0.92), (1, 0.60), (2, 0.72), (3, 0.40)], truth)
    return InstanceScene(
        masks, np.ones(4, np.int64), np.array([0.9, 0.8, 0.7, 0.6]), truth, {1: 1, 2: 1, 3: 1}
    )


@pytest.mark.parametrize(
    "variant, ap25, ap50, ap75, mean",
    [("scannet", 0.763889, 0.527778, 0.333333, 0.441358), ("coco", 0.833333, 0.555556, 0.333333, 0.411111)],
)
def test_worked_example(variant, ap25, ap50, ap75, mean) -> None:
    score = average_precision([worked_example()], variant=variant)
    at = score.classes[1].at
    assert score.ap25 == pytest.approx(ap25, abs=1e-6)
    for threshold in (0.5, 0.55, 0.6, 0.65, 0.7):
        assert at[threshold] == pytest.approx(ap50, abs=1e-6)
    for threshold in (0.75, 0.8, 0.85, 0.9):
        assert at[threshold] == pytest.approx(ap75, abs=1e-6)
    assert (0.95 in at) == (variant == "coco") and at.get(0.95, 0) == 0
    assert score.mean == pytest.approx(mean, abs=1e-6) and score.num_truth == 3


labels = st.lists(st.integers(0, 4), min_size=12, max_size=40).map(np.array)


@settings(max_examples=40, deadline=None)
@given(labels, st.integers(0, 2**31), st.sampled_from(["scannet", "coco"]))
def test_bounds_identity_and_names_of_instances(truth, seed, variant) -> None:
    rng = np.random.default_rng(seed)
    prediction = np.where(rng.random(len(truth)) < 0.7, truth, rng.integers(0, 5, len(truth)))
    scores = dict(enumerate(rng.random(6)))
    score = average_precision(
        [instances_from_labels(prediction, truth, scores=scores)], variant=variant, min_points=1
    )
    if not (truth > 0).any():
        assert math.isnan(score.mean)
        return
    assert 0 <= score.mean <= score.ap50 + 1e-12  # a mean of equal values may round up
    assert score.ap50 <= score.ap25 <= 1
    renamed = average_precision(
        [instances_from_labels(prediction, truth * 3, scores=scores)], variant=variant, min_points=1
    )
    assert renamed.mean == pytest.approx(score.mean)
    perfect = average_precision([instances_from_labels(truth, truth)], variant=variant, min_points=1)
    assert perfect.mean == 1


def test_scenes_are_scored_jointly_and_missing_predictions_count() -> None:
    scene = worked_example()
    empty = InstanceScene(np.zeros((0, 600), bool), np.zeros(0, np.int64), np.zeros(0), scene.truth, {1: 1})
    alone = average_precision([scene], variant="coco").mean
    joint = average_precision([scene, empty], variant="coco")
    assert joint.num_truth == 4 and joint.num_ignored == 2  # instances without a class
    assert joint.mean < alone
    assert average_precision([empty]).mean == 0


def test_small_truth_and_unlabelled_points_excuse_a_prediction() -> None:
    truth = np.array([1] * 100 + [2] * 10 + [0] * 100)
    masks = np.stack([truth == 1, truth == 2, truth == 0])
    scores = np.array([0.5, 0.9, 0.8])
    scene = InstanceScene(masks, np.ones(3, np.int64), scores, truth, {1: 1, 2: 1})
    assert average_precision([scene]).mean == 1
    strict = average_precision([scene], min_points=1)
    assert strict.num_truth == 2 and strict.mean == 1  # the unlabelled one is still excused
    wrong = InstanceScene(masks, np.array([1, 1, 2]), scores, truth, {1: 1, 2: 1})
    assert math.isnan(average_precision([wrong]).classes[2].mean)


def test_iou_of_exactly_the_threshold_is_no_match() -> None:
    truth = np.repeat([1], 200)
    scene = InstanceScene(masks_with([(1, 0.5)], truth), np.ones(1, np.int64), np.ones(1), truth, {1: 1})
    score = average_precision([scene])
    assert score.ap50 == 0 and score.ap25 == 1


@pytest.mark.parametrize("seed", range(4))
def test_pycocotools_agrees(seed: int) -> None:
    """COCO samples the same envelope at 101 recalls; for one label per pixel the matches above 0.5 are unique."""
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(1, 9, (4, 5)), np.ones((6, 6), int))
    prediction = np.where(rng.random(truth.shape) < 0.15 * (1 + seed), np.roll(truth, 3, axis=1), truth)
    scores = {i: float(s) for i, s in enumerate(rng.permutation(10) / 10)}

    def rle(mask: np.ndarray) -> Any:
        return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))

    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()  # its stubs know data of files only
        coco.dataset = {
            "images": [{"id": 1, "height": truth.shape[0], "width": truth.shape[1]}],
            "categories": [{"id": 1}],
            "annotations": [
                {"id": int(i), "image_id": 1, "category_id": 1, "iscrowd": 0, "area": int((truth == i).sum()),
                 "segmentation": rle(truth == i), "bbox": [0, 0, 1, 1]}
                for i in np.unique(truth)
            ],
        }  # fmt: skip
        coco.createIndex()
        found = coco.loadRes(
            [
                {
                    "image_id": 1,
                    "category_id": 1,
                    "segmentation": rle(prediction == i),
                    "score": scores[int(i)],
                }
                for i in np.unique(prediction)
            ]
        )
        theirs = COCOeval(coco, found, "segm")
        theirs.evaluate()
        theirs.accumulate()
    scene = instances_from_labels(prediction.reshape(-1), truth.reshape(-1), scores=scores)
    for index, threshold in enumerate((0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)):
        ours = _sampled(scene, threshold)
        assert ours == pytest.approx(theirs.eval["precision"][index, :, 0, 0, 2].mean(), abs=1e-9)


def _sampled(scene: InstanceScene, threshold: float) -> float:
    """Our curve's envelope at COCO's 101 recalls."""
    from liftlab.components.metrics.instances import _matches, _Overlaps

    table = _Overlaps.of(scene, 1)
    found = _matches(table, 1, threshold)
    correct = np.array([c for _, c in found])
    precision, recall = precision_recall(
        np.array([s for s, _ in found]), correct, len(table.ids) - int(correct.sum())
    )
    grid = np.linspace(0, 1, 101)
    return float(
        np.mean([max((p for p, r in zip(precision, recall, strict=True) if r >= g), default=0) for g in grid])
    )


def test_groups_are_thirds_by_frequency() -> None:
    counts = {label: 100 - label for label in range(8)}
    groups = frequency_groups(counts)
    assert [list(groups.values()).count(name) for name in ("head", "common", "tail")] == [2, 4, 2]
    assert groups[0] == "head" and groups[7] == "tail"
    score = average_precision([worked_example()])
    assert mean_of_group(score, [1, 9]) == score.mean and math.isnan(mean_of_group(score, [9]))
