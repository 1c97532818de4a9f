"""Average precision of 3D instances, by the rules of the ScanNet script and of COCO.

Equation numbers are those of docs/methods/metrics.md section 6.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from liftlab.components.types import Array

ApVariant = Literal["scannet", "coco"]
SCANNET_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(9))
"""0.50 to 0.90: the ScanNet script's range leaves 0.95 out."""
COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MIN_POINTS = 100
"""Truth instances with fewer points are ignored (lab scenes: 30)."""


@dataclass(frozen=True)
class InstanceScene:
    """Predicted and true instances over the N points (or pixels) of one scene."""

    masks: Bool[Array, "M N"]
    """Predicted instances; they may overlap."""
    classes: Int[Array, "M"]
    scores: Float[Array, "M"]
    truth: Integer[Array, "N"]
    """Instance id per point; 0 and below = unlabelled."""
    truth_classes: Mapping[int, int]
    """Class of every instance id in `truth`; an instance without a class is ignored like a small one."""


@dataclass(frozen=True)
class ClassAp:
    """Average precision of one class; NaN where it has no truth."""

    mean: float
    """Over the variant's thresholds."""
    at: dict[float, float]
    """Per IoU threshold, 0.25 included."""


@dataclass(frozen=True)
class InstanceAp:
    """Average precision over all classes with truth; NaN when there is none."""

    variant: ApVariant
    mean: float
    ap50: float
    ap25: float
    classes: dict[int, ClassAp]
    num_truth: int
    """Truth instances that were scored."""
    num_ignored: int
    """Truth instances that were too small or had no class."""


def average_precision(
    scenes: Sequence[InstanceScene], *, variant: ApVariant = "scannet", min_points: int = MIN_POINTS
) -> InstanceAp:
    """Instance AP over all scenes jointly.

    Args:
        scenes: At least the truth of each; without predictions its instances count as missed.
        variant: "scannet": nine thresholds and the step rule; "coco": ten thresholds and the monotone envelope.
        min_points: Truth instances with fewer points are ignored.

    Source: Dai et al., ScanNet benchmark (step rule); Lin et al., COCO, ECCV 2014 (envelope, here over all points of
    the curve and not 101 of them); docs/methods/metrics.md eq. 15 to 17.
    """
    thresholds = SCANNET_THRESHOLDS if variant == "scannet" else COCO_THRESHOLDS
    tables = [_Overlaps.of(scene, min_points) for scene in scenes]
    labels = {c for scene in scenes for c in scene.truth_classes.values()}
    labels |= {int(c) for scene in scenes for c in scene.classes}
    classes = {}
    for label in sorted(labels):
        at = {t: _class_ap(tables, label, t, variant) for t in (0.25, *thresholds)}
        classes[label] = ClassAp(float(np.mean([at[t] for t in thresholds])), at)
    scored = [c for c in classes.values() if not math.isnan(c.mean)]

    def over_classes(values: list[float]) -> float:
        return float(np.mean(values)) if values else math.nan

    return InstanceAp(
        variant=variant,
        mean=over_classes([c.mean for c in scored]),
        ap50=over_classes([c.at[0.5] for c in scored]),
        ap25=over_classes([c.at[0.25] for c in scored]),
        classes=classes,
        num_truth=sum(len(table.ids) for table in tables),
        num_ignored=sum(table.num_ignored for table in tables),
    )


def instances_from_labels(
    prediction: Integer[Array, "N"], truth: Integer[Array, "N"], *, scores: Mapping[int, float] | None = None
) -> InstanceScene:
    """Class-agnostic scene of two label vectors; ids above 0 are instances.

    Args:
        prediction: Predicted id per point.
        truth: True id per point.
        scores: Confidence per predicted id; all 1 when not given, so that the curve is a single point.
    """
    ids = np.unique(prediction[prediction > 0])
    return InstanceScene(
        masks=prediction[None, :] == ids[:, None],
        classes=np.ones(len(ids), np.int64),
        scores=np.array([1.0 if scores is None else scores[int(i)] for i in ids], np.float64),
        truth=truth,
        truth_classes={int(i): 1 for i in np.unique(truth[truth > 0])},
    )


@dataclass(frozen=True)
class _Overlaps:
    """What all thresholds need of one scene."""

    scene: InstanceScene
    ids: Int[Array, "G"]
    """Truth instances that are scored."""
    classes: Int[Array, "G"]
    ious: Float[Array, "M G"]
    ignored_share: Float[Array, "M"]
    """Share of each prediction in unlabelled points and ignored instances."""
    num_ignored: int

    @staticmethod
    def of(scene: InstanceScene, min_points: int) -> "_Overlaps":
        ids, sizes = np.unique(scene.truth[scene.truth > 0], return_counts=True)
        known = np.array([int(i) in scene.truth_classes for i in ids], bool)
        scored = known & (sizes >= min_points)
        kept, kept_sizes = ids[scored].astype(np.int64), sizes[scored]
        inside = np.array([[np.count_nonzero(m & (scene.truth == i)) for i in kept] for m in scene.masks])
        inside = inside.reshape(len(scene.masks), len(kept))
        areas = scene.masks.sum(axis=1)
        union = areas[:, None] + kept_sizes[None, :] - inside
        return _Overlaps(
            scene=scene,
            ids=kept,
            classes=np.array([scene.truth_classes[int(i)] for i in kept], np.int64),
            ious=inside / np.maximum(union, 1),
            ignored_share=(areas - inside.sum(axis=1)) / np.maximum(areas, 1),
            num_ignored=int((~scored).sum()),
        )


def _class_ap(tables: Sequence[_Overlaps], label: int, threshold: float, variant: ApVariant) -> float:
    scores: list[float] = []
    correct: list[bool] = []
    truths = missed = 0
    for table in tables:
        found = _matches(table, label, threshold)
        scores += [score for score, _ in found]
        correct += [is_true for _, is_true in found]
        of_class = int((table.classes == label).sum())
        truths += of_class
        missed += of_class - sum(is_true for _, is_true in found)
    if truths == 0:
        return math.nan
    if not scores:
        return 0.0
    precision, recall = precision_recall(np.array(scores), np.array(correct), missed)
    if variant == "scannet":
        return step_rule(precision, recall)
    if variant == "coco":
        return envelope_rule(precision, recall)
    assert_never(variant)


def _matches(table: _Overlaps, label: int, threshold: float) -> list[tuple[float, bool]]:
    """Score and correctness of every prediction of a class that counts (eq. 15, 16)."""
    of_class = table.scene.classes == label
    used = np.zeros(len(of_class), bool)
    out: list[tuple[float, bool]] = []
    over = (table.ious > threshold) & of_class[:, None] & (table.classes == label)[None, :]
    for column in range(over.shape[1]):
        candidates = np.flatnonzero(over[:, column] & ~used)
        used[candidates] = True
        ranked = sorted((float(table.scene.scores[m]) for m in candidates), reverse=True)
        out += [(score, rank == 0) for rank, score in enumerate(ranked)]
    for m in np.flatnonzero(of_class & ~over.any(axis=1)):
        if table.ignored_share[m] <= threshold:
            out.append((float(table.scene.scores[m]), False))
    return out


def precision_recall(
    scores: Float[Array, "K"], correct: Bool[Array, "K"], missed: int
) -> tuple[Float[Array, "T"], Float[Array, "T"]]:
    """Precision and recall when everything from a score up is kept, for each distinct score, lowest first.

    Args:
        scores: Of the predictions that count.
        correct: Which of them are true positives.
        missed: Truth instances that no prediction reached.
    """
    order = np.argsort(scores, kind="stable")
    _, first = np.unique(scores[order], return_index=True)
    true_below = np.concatenate([[0], np.cumsum(correct[order])])[first]
    tp = correct.sum() - true_below
    kept = len(scores) - first
    return tp / kept, tp / max(int(correct.sum()) + missed, 1)


def step_rule(precision: Float[Array, "T"], recall: Float[Array, "T"]) -> float:
    """Area under the curve as the ScanNet script sums it: each point weighs half the recall between its neighbours.

    The curve ends in the point (recall 0, precision 1).
    """
    points = np.concatenate([precision, [1.0]])
    r = np.concatenate([recall[:1], recall, [0.0, 0.0]])
    return float((points * (r[:-2] - r[2:]) / 2).sum())


def envelope_rule(precision: Float[Array, "T"], recall: Float[Array, "T"]) -> float:
    """Area under the precision made non-increasing in recall, over all points of the curve."""
    precision, recall = precision[::-1], recall[::-1]  # highest score first
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * np.diff(recall, prepend=0.0)).sum())


def frequency_groups(counts: Mapping[int, int]) -> dict[int, Literal["head", "common", "tail"]]:
    """Classes by number of training instances, cut into thirds; the remainder goes to the middle.

    Ties: smaller class first.
    """
    order = sorted(counts, key=lambda label: (-counts[label], label))
    third = len(order) // 3
    names: dict[int, Literal["head", "common", "tail"]] = {}
    for rank, label in enumerate(order):
        names[label] = "head" if rank < third else "tail" if rank >= len(order) - third else "common"
    return names


def mean_of_group(score: InstanceAp, labels: Sequence[int]) -> float:
    """mAP over those classes of a group (head, common, tail, base, novel) that have truth; NaN without any."""
    values = [score.classes[label].mean for label in labels if label in score.classes]
    values = [value for value in values if not math.isnan(value)]
    return float(np.mean(values)) if values else math.nan
