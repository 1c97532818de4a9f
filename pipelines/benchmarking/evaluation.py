"""Scores of masks and label maps from anywhere against the truth of a scene."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32

from liftlab.components.captures.benchmark_layouts import BenchmarkObject, BenchmarkScene
from liftlab.components.metrics import (
    accuracy,
    average_precision,
    boundary_iou,
    class_agnostic_panoptic_quality,
    classed_panoptic_quality,
    instances_from_labels,
    iou,
    match_scene_labels,
    pooled_iou,
)
from liftlab.components.types import Array


@dataclass(frozen=True)
class MaskScores:
    """Masks of one object over the scored views; fractions in [0, 1]."""

    iou: float
    """Pooled over all scored views."""
    view_iou: float
    """Mean over the scored views."""
    accuracy: float
    """Mean over the scored views, foreground and background together."""
    boundary_iou: float
    """Mean over the scored views."""


@dataclass(frozen=True)
class LabelScores:
    """Label maps of a whole scene over the scored views; fractions in [0, 1], NaN where nothing can be scored."""

    pq: float
    """Panoptic quality over all views together, background one stuff class (the rule of Messy-Rooms)."""
    sq: float
    rq: float
    mean_iou: float
    """Over truth labels, background included, one predicted label each (the rule of Gaga)."""
    precision: float
    recall: float
    ap: float
    """Class-agnostic instance AP over pixels, ScanNet's thresholds and step rule; all labels equally sure."""
    ap50: float
    ap25: float
    best_iou: float
    """Mean over objects of the pooled IoU of the label that fits it best."""
    found: float
    """Share of objects for which that is above one half."""
    labels: int
    """Labels above 0 in the prediction."""
    pq_classes: float = math.nan
    """Panoptic quality with classes (the rule of ScanNet and Replica: class 0 removed, classes below 0.5 % of the
    pixels void); NaN where truth or prediction has no classes."""


def score_masks(
    scene: BenchmarkScene, entry: BenchmarkObject, masks: Sequence[Bool[Array, "_ _"]]
) -> MaskScores:
    """Score one object.

    Args:
        scene: Gives the truth.
        entry: Which object.
        masks: One per scored photo, in `scene.scored`'s order, of the truth's size.
    """
    truths, kept = [], []
    views: list[tuple[float, float, float]] = []
    for photo, mask in zip(scene.scored, masks, strict=True):
        truth_map = scene.truth_of(entry.id, photo)
        truth, void = truth_map == 1, truth_map < 0
        if void.all():  # this object is not annotated in this photo
            continue
        truths.append(truth)
        kept.append(mask & ~void)
        views.append(
            (iou(truth, mask, void=void), accuracy(truth, mask, void=void), boundary_iou(truth, mask & ~void))
        )
    mean = np.mean(views, axis=0) if views else (math.nan,) * 3
    return MaskScores(pooled_iou(truths, kept), *(float(value) for value in mean))


def score_labels(
    scene: BenchmarkScene,
    labels: Sequence[Int32[Array, "_ _"]],
    classes: Sequence[Int32[Array, "_ _"]] | None = None,
) -> LabelScores:
    """Score label maps of a scene that has whole instance maps.

    Args:
        scene: With `labels_of`.
        labels: One per scored photo, in `scene.scored`'s order, of the truth's size; ids hold over all photos.
        classes: Alike, the class of every pixel as the scene numbers them; None where none are predicted.
    """
    assert scene.labels_of is not None
    truths = [scene.labels_of(photo) for photo in scene.scored]
    panoptic = class_agnostic_panoptic_quality(truths, labels)
    matched = match_scene_labels(truths, labels)
    flat_truth = np.concatenate([t.reshape(-1) for t in truths])
    flat_labels = np.concatenate([p.reshape(-1) for p in labels])
    known = flat_truth >= 0
    ap = average_precision([instances_from_labels(flat_labels[known], flat_truth[known])])
    best = list(best_label_ious(scene, labels).values())
    pq_classes = math.nan
    if classes is not None and scene.class_of is not None:
        pq_classes = classed_panoptic_quality(truths, scene.class_of, labels, classes).pq
    return LabelScores(
        pq=panoptic.pq, sq=panoptic.sq, rq=panoptic.rq,
        mean_iou=matched.mean_iou, precision=matched.precision, recall=matched.recall,
        ap=ap.mean, ap50=ap.ap50, ap25=ap.ap25,
        best_iou=float(np.mean(best)) if best else math.nan,
        found=float(np.mean([value > 0.5 for value in best])) if best else math.nan,
        labels=len(np.unique(flat_labels[flat_labels > 0])),
        pq_classes=pq_classes,
    )  # fmt: skip


def best_label_ious(scene: BenchmarkScene, labels: Sequence[Int32[Array, "_ _"]]) -> Mapping[str, float]:
    """Per object the pooled IoU of the predicted label (above 0) that fits it best."""
    out = {}
    for entry in scene.objects:
        maps = [scene.truth_of(entry.id, photo) for photo in scene.scored]
        inside = sum(int((m == 1).sum()) for m in maps)
        overlaps: dict[int, int] = {}
        sizes: dict[int, int] = {}
        for truth, label_map in zip(maps, labels, strict=True):
            _count(label_map[truth >= 0], sizes)
            _count(label_map[truth == 1], overlaps)
        scores = [both / (inside + sizes[label] - both) for label, both in overlaps.items()]
        out[entry.name] = max(scores, default=0.0)
    return out


def _count(labels: Int32[Array, "_"], into: dict[int, int]) -> None:
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    for label, count in zip(ids.tolist(), counts.tolist(), strict=True):
        into[label] = into.get(label, 0) + count
