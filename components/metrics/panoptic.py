"""Scene-level panoptic quality (docs/methods/metrics.md section 4): an instance must keep its id over all views."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Integer

from liftlab.components.metrics.label_maps import VOID, check_sizes, contingency, flat_labels
from liftlab.components.types import Array

BACKGROUND, OBJECT = 0, 1
"""Classes of the class-agnostic protocol."""
ROBUST_FRACTION = 0.005
"""Of the public code."""
_ID_RANGE = 1 << 32
"""A segment is class * _ID_RANGE + instance id."""


@dataclass(frozen=True)
class ClassQuality:
    """Panoptic quality of one class."""

    pq: float
    """Sum of matched IoU over TP + FP/2 + FN/2; 0 without a match."""
    sq: float
    """Mean IoU of the matched segments; 0 without a match."""
    rq: float
    """TP over TP + FP/2 + FN/2."""
    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True)
class PanopticScore:
    """Panoptic quality of a scene."""

    pq: float
    """Mean of the classes' pq, things and stuff together; NaN when no class is left."""
    sq: float
    rq: float
    classes: dict[int, ClassQuality]
    dropped: tuple[int, ...]
    """Classes left out because they cover less than `robust_fraction` of the pixels."""


def panoptic_quality(
    truth_classes: Sequence[Integer[Array, "_ _"]],
    truth_instances: Sequence[Integer[Array, "_ _"]],
    predicted_classes: Sequence[Integer[Array, "_ _"]],
    predicted_instances: Sequence[Integer[Array, "_ _"]],
    *,
    stuff: Collection[int],
    remove_class: int | None = None,
    robust_fraction: float = 0.0,
) -> PanopticScore:
    """PQ_scene over the pixels of all views together.

    Args:
        truth_classes: One map per view, -1 = void.
        truth_instances: Ids from 0, below 2^32, valid over all views; ignored for stuff.
        predicted_classes: As the truth's; -1 = no prediction (void).
        predicted_instances: As the truth's; any ids.
        stuff: Classes without instances.
        remove_class: Pixels whose truth class this is are removed first (0 for ScanNet and Replica).
        robust_fraction: Classes that cover less than this share of the pixels in truth or in prediction
            become void; the public code uses 0.005.

    Raises:
        ValueError: Lists or maps that do not fit, or negative instance ids.

    Source: Siddiqui et al., "Panoptic Lifting", CVPR 2023, section 4; docs/methods/metrics.md eq. 9 to 13.
    """
    check_sizes(truth_classes, truth_instances)
    check_sizes(predicted_classes, predicted_instances)
    truth_class, predicted_class = flat_labels(truth_classes, predicted_classes)
    truth_id, predicted_id = flat_labels(truth_instances, predicted_instances)
    if remove_class is not None:
        kept = truth_class != remove_class
        truth_class, predicted_class = truth_class[kept], predicted_class[kept]
        truth_id, predicted_id = truth_id[kept], predicted_id[kept]
    dropped = _rare_classes(truth_class, predicted_class, robust_fraction)
    truth_class = np.where(np.isin(truth_class, dropped), VOID, truth_class)
    predicted_class = np.where(np.isin(predicted_class, dropped), VOID, predicted_class)
    truth_segment = _segments(truth_class, truth_id, stuff)
    predicted_segment = _segments(predicted_class, predicted_id, stuff)
    classes = _class_qualities(truth_segment, predicted_segment)
    means = [
        float(np.mean([getattr(quality, name) for quality in classes.values()])) if classes else math.nan
        for name in ("pq", "sq", "rq")
    ]
    return PanopticScore(*means, classes=classes, dropped=tuple(int(c) for c in dropped))


def class_agnostic_panoptic_quality(
    truth: Sequence[Integer[Array, "_ _"]], prediction: Sequence[Integer[Array, "_ _"]]
) -> PanopticScore:
    """PQ_scene of plain label maps, by the rule of Messy-Rooms: 0 is one stuff class, every other id a thing.

    Args:
        truth: One map per view, -1 = void.
        prediction: One map per view; -1 = no prediction (void).
    """
    return panoptic_quality(
        [_class_map(t) for t in truth],
        [np.maximum(t.astype(np.int64), 0) for t in truth],
        [_class_map(p) for p in prediction],
        [np.maximum(p.astype(np.int64), 0) for p in prediction],
        stuff={BACKGROUND},
    )


def classed_panoptic_quality(
    truth: Sequence[Integer[Array, "_ _"]],
    class_of: Mapping[int, int],
    prediction: Sequence[Integer[Array, "_ _"]],
    predicted_classes: Sequence[Integer[Array, "_ _"]],
) -> PanopticScore:
    """PQ_scene with classes, by the rule of ScanNet and Replica: class 0 is removed, classes below 0.5 % become void.

    Args:
        truth: Instance ids, one map per view, 0 = background, -1 = void.
        class_of: Class of every instance id, from 1; ids that it lacks are void.
        prediction: Instance ids, one map per view, 0 = none.
        predicted_classes: One map per view, 0 = background, -1 = no prediction (void).

    Source: docs/methods/metrics.md section 4.
    """
    table = {0: BACKGROUND, **class_of}
    return panoptic_quality(
        [_looked_up(t, table) for t in truth],
        [np.maximum(t.astype(np.int64), 0) for t in truth],
        [c.astype(np.int64) for c in predicted_classes],
        [np.maximum(p.astype(np.int64), 0) for p in prediction],
        stuff={BACKGROUND}, remove_class=BACKGROUND, robust_fraction=ROBUST_FRACTION,
    )  # fmt: skip


def one_class_each(
    labels: Sequence[Integer[Array, "_ _"]], classes: Sequence[Integer[Array, "_ _"]]
) -> list[Int[Array, "_ _"]]:
    """Class maps in which every instance has the class that most of its pixels have, over all views.

    A thing is of one class: where a method says classes pixel by pixel, a rim of another would count as a thing more
    that is not there [ours].

    Args:
        labels: Instance ids, one map per view, 0 = none, which stays as it is.
        classes: Of the same pixels.
    """
    ids = np.concatenate([one.reshape(-1) for one in labels])
    said = np.concatenate([one.reshape(-1) for one in classes]).astype(np.int64)
    known, place = np.unique(ids, return_inverse=True)
    kinds, kind = np.unique(said, return_inverse=True)
    times = np.zeros((len(known), len(kinds)), np.int64)
    np.add.at(times, (place, kind), 1)
    table = dict(zip(known.tolist(), kinds[times.argmax(axis=1)].tolist(), strict=True))
    return [
        np.where(one == 0, own, _looked_up(one, table)).astype(np.int64)
        for one, own in zip(labels, classes, strict=True)
    ]


def _looked_up(labels: Integer[Array, "H W"], table: Mapping[int, int]) -> Int[Array, "H W"]:
    ids, place = np.unique(labels, return_inverse=True)
    return np.array([table.get(int(i), VOID) for i in ids], np.int64)[place].reshape(labels.shape)


def _class_map(labels: Integer[Array, "H W"]) -> Int[Array, "H W"]:
    return np.where(labels < 0, VOID, np.where(labels == 0, BACKGROUND, OBJECT)).astype(np.int64)


def _rare_classes(truth: Int[Array, "N"], prediction: Int[Array, "N"], fraction: float) -> Int[Array, "_"]:
    classes = np.union1d(truth, prediction)
    classes = classes[classes != VOID]
    rare = [c for c in classes if min((truth == c).mean(), (prediction == c).mean()) < fraction]
    return np.array(rare, np.int64)


def _segments(classes: Int[Array, "N"], ids: Int[Array, "N"], stuff: Collection[int]) -> Int[Array, "N"]:
    """One number per (class, instance); VOID where the class is void."""
    thing = (classes != VOID) & ~np.isin(classes, list(stuff))
    if (ids[thing] < 0).any() or (ids[thing] >= _ID_RANGE).any():
        raise ValueError("instance ids must be from 0 to 2^32 - 1 where the class is a thing.")
    return np.where(classes == VOID, VOID, classes * _ID_RANGE + np.where(thing, ids, 0))


def _class_qualities(truth: Int[Array, "N"], prediction: Int[Array, "N"]) -> dict[int, ClassQuality]:
    """Match segments and score each class that occurs."""
    rows, columns = np.unique(truth), np.unique(prediction)
    both = contingency(truth, prediction, rows, columns)
    row_void, column_void = rows == VOID, columns == VOID
    size_truth, size_prediction = both.sum(axis=1), both.sum(axis=0)
    truth_in_void = both[:, column_void].sum(axis=1)
    prediction_in_void = both[row_void].sum(axis=0)
    union = (size_truth - truth_in_void)[:, None] + (size_prediction - prediction_in_void)[None, :] - both
    overlap = both / np.maximum(union, 1)
    row_class, column_class = rows // _ID_RANGE, columns // _ID_RANGE
    comparable = (row_class[:, None] == column_class[None, :]) & ~row_void[:, None] & ~column_void[None, :]
    matched = comparable & (overlap > 0.5)
    missed = ~row_void & ~matched.any(axis=1) & ~(truth_in_void > size_truth / 2)
    invented = ~column_void & ~matched.any(axis=0) & ~(prediction_in_void > size_prediction / 2)
    out = {}
    for label in np.union1d(row_class[~row_void], column_class[~column_void]):
        pairs = matched & (row_class == label)[:, None]
        tp = int(pairs.sum())
        fp = int((invented & (column_class == label)).sum())
        fn = int((missed & (row_class == label)).sum())
        weight = tp + fp / 2 + fn / 2
        if weight == 0:  # all its segments are excused by void: the class says nothing
            continue
        total = float(overlap[pairs].sum())
        out[int(label)] = ClassQuality(total / weight, total / tp if tp else 0.0, tp / weight, tp, fp, fn)
    return out
