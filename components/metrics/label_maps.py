"""Scores of label maps whose ids hold over all views and of class maps (docs/methods/metrics.md sections 3 and 5).

Label maps are integer [H, W], one per view, -1 = void. A pixel that is void in the truth is removed before anything
else. A pixel that is void in the prediction belongs to no predicted label, so its truth label counts as missed there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer
from scipy.optimize import linear_sum_assignment

from liftlab.components.types import Array

VOID = -1


@dataclass(frozen=True)
class SceneMatch:
    """One predicted label per truth label, over all views of a scene."""

    mean_iou: float
    """Mean over all truth labels of the IoU with the matched label; NaN without truth labels."""
    precision: float
    """Matched pairs above one half per predicted label; 0 without predicted labels."""
    recall: float
    """Matched pairs above one half per truth label; NaN without truth labels."""
    matches: dict[int, int]
    """Truth label to its predicted label, for truth labels that got one."""
    ious: dict[int, float]
    """Truth label to J(a, match(a)); 0 for one without a match."""
    num_predicted: int
    """Predicted labels, 0 included when it occurs."""


def match_scene_labels(
    truth: Sequence[Integer[Array, "_ _"]],
    prediction: Sequence[Integer[Array, "_ _"]],
    *,
    ignore_zero: bool = False,
) -> SceneMatch:
    """Mean IoU, precision and recall of scene-wide labels, as Gaga and Proto-SaGa score them.

    Label 0 is a label like any other on both sides, as in the public evaluation code.

    Args:
        truth: One map per view, -1 = void.
        prediction: One map per view, of the truth's size.
        ignore_zero: Drop label 0 from the truth labels; its pixels still widen the union of a prediction.

    Raises:
        ValueError: The lists differ in length, or a prediction has another size than its truth.

    Source: Lyu et al., "Gaga: Group Any Gaussians via 3D-aware Memory Bank", 2024; docs/methods/metrics.md eq. 5 to 8.
    """
    pairs = _flat_pairs(truth, prediction)
    rows = _labels([t for t, _ in pairs])
    if ignore_zero:
        rows = rows[rows != 0]
    columns = _labels([p for _, p in pairs])
    columns = columns[columns != VOID]
    scores = mean_iou_table(pairs, rows, columns)
    row_of, column_of = linear_sum_assignment(scores, maximize=True)
    matched = {int(rows[r]): int(columns[c]) for r, c in zip(row_of, column_of, strict=True)}
    found = {int(rows[r]): float(scores[r, c]) for r, c in zip(row_of, column_of, strict=True)}
    ious = {int(label): found.get(int(label), 0.0) for label in rows}
    hits = sum(value > 0.5 for value in ious.values())
    return SceneMatch(
        mean_iou=float(np.mean(list(ious.values()))) if ious else math.nan,
        precision=hits / len(columns) if len(columns) else 0.0,
        recall=hits / len(rows) if len(rows) else math.nan,
        matches=matched,
        ious=ious,
        num_predicted=len(columns),
    )


def mean_iou_table(
    pairs: Sequence[tuple[Integer[Array, "_"], Integer[Array, "_"]]],
    rows: Integer[Array, "G"],
    columns: Integer[Array, "P"],
) -> Float[Array, "G P"]:
    """J(a, b): mean over the views that contain truth label a of IoU(truth = a, prediction = b).

    Args:
        pairs: Per view the truth and the predicted label of every pixel that counts.
        rows: Truth labels, ascending.
        columns: Predicted labels, ascending.
    """
    total = np.zeros((len(rows), len(columns)))
    views = np.zeros(len(rows))
    for truth, prediction in pairs:
        both = contingency(truth, prediction, rows, columns)
        of_truth = _counts(truth, rows)
        of_prediction = _counts(prediction, columns)
        union = of_truth[:, None] + of_prediction[None, :] - both
        total += both / np.maximum(union, 1)
        views += of_truth > 0
    return total / np.maximum(views, 1)[:, None]


def contingency(
    truth: Integer[Array, "N"],
    prediction: Integer[Array, "N"],
    rows: Integer[Array, "G"],
    columns: Integer[Array, "P"],
) -> Int[Array, "G P"]:
    """How many pixels have truth label `rows[i]` and predicted label `columns[j]`; other labels are left out.

    Args:
        truth: Labels.
        prediction: Labels.
        rows: Ascending, unique.
        columns: Ascending, unique.
    """
    if not len(rows) or not len(columns):
        return np.zeros((len(rows), len(columns)), np.int64)
    row, column = np.searchsorted(rows, truth), np.searchsorted(columns, prediction)
    row, column = np.minimum(row, len(rows) - 1), np.minimum(column, len(columns) - 1)
    known = (rows[row] == truth) & (columns[column] == prediction)
    cells = row[known] * len(columns) + column[known]
    return np.bincount(cells, minlength=len(rows) * len(columns)).reshape(len(rows), len(columns))


@dataclass(frozen=True)
class ClassIou:
    """Semantic IoU per class."""

    mean_iou: float
    """Mean over classes present in truth or prediction; NaN without any."""
    ious: dict[int, float]


def class_iou(
    truth: Sequence[Integer[Array, "_ _"]], prediction: Sequence[Integer[Array, "_ _"]]
) -> ClassIou:
    """Semantic mIoU from the confusion matrix over all pixels of all views (docs/methods/metrics.md eq. 14).

    Pixels void (-1) in the truth are removed; void in the prediction counts as a miss of the truth's class.

    Raises:
        ValueError: The lists differ in length, or a prediction has another size than its truth.
    """
    pairs = _flat_pairs(truth, prediction)
    flat_truth = np.concatenate([t for t, _ in pairs]) if pairs else np.zeros(0, np.int64)
    flat_prediction = np.concatenate([p for _, p in pairs]) if pairs else np.zeros(0, np.int64)
    classes = np.union1d(flat_truth, flat_prediction)
    classes = classes[classes != VOID]
    agree = np.diag(contingency(flat_truth, flat_prediction, classes, classes))
    union = _counts(flat_truth, classes) + _counts(flat_prediction, classes) - agree
    ious = {int(c): float(n / u) for c, n, u in zip(classes, agree, union, strict=True)}
    return ClassIou(float(np.mean(list(ious.values()))) if ious else math.nan, ious)


def flat_labels(
    truth: Sequence[Integer[Array, "_ _"]], prediction: Sequence[Integer[Array, "_ _"]]
) -> tuple[Int[Array, "N"], Int[Array, "N"]]:
    """All pixels of all views in one list, truth and prediction, in int64; voids stay.

    Raises:
        ValueError: The lists differ in length, or a prediction has another size than its truth.
    """
    check_sizes(truth, prediction)
    empty = [np.zeros(0, np.int64)]
    return (
        np.concatenate([*(t.reshape(-1).astype(np.int64) for t in truth), *empty]),
        np.concatenate([*(p.reshape(-1).astype(np.int64) for p in prediction), *empty]),
    )


def check_sizes(truth: Sequence[Integer[Array, "_ _"]], prediction: Sequence[Integer[Array, "_ _"]]) -> None:
    """Raises ValueError unless there is one prediction of the truth's size per truth map."""
    if len(truth) != len(prediction):
        raise ValueError(
            f"prediction must have one map per truth map; got {len(prediction)} for {len(truth)}."
        )
    for index, (true_map, map_) in enumerate(zip(truth, prediction, strict=True)):
        if true_map.shape != map_.shape:
            raise ValueError(
                f"prediction[{index}] must have the truth's size {true_map.shape}; got {map_.shape}. "
                "Resize it with nearest neighbour."
            )


def _flat_pairs(
    truth: Sequence[Integer[Array, "_ _"]], prediction: Sequence[Integer[Array, "_ _"]]
) -> list[tuple[Int[Array, "_"], Int[Array, "_"]]]:
    """Per view the labels of the pixels that are not void in the truth."""
    check_sizes(truth, prediction)
    return [
        (t[t != VOID].astype(np.int64), p[t != VOID].astype(np.int64))
        for t, p in zip(truth, prediction, strict=True)
    ]


def _labels(maps: Sequence[Int[Array, "_"]]) -> Int[Array, "_"]:
    return np.unique(np.concatenate([*(np.unique(m) for m in maps), np.zeros(0, np.int64)])).astype(np.int64)


def _counts(labels: Integer[Array, "N"], wanted: Integer[Array, "K"]) -> Int[Array, "K"]:
    """How often each of the ascending labels `wanted` occurs."""
    present, sizes = np.unique(labels, return_counts=True)
    out = np.zeros(len(wanted), np.int64)
    place = np.searchsorted(wanted, present)
    for index, label, size in zip(place, present, sizes, strict=True):
        if index < len(wanted) and wanted[index] == label:
            out[index] = size
    return out
