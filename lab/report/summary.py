"""Numbers of a benchmark: of one case, and means over seeds and scenes.

A case's quality is the mean over its objects; a method's is the mean over seeds, then over scenes, so that a scene
with many objects does not outweigh the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from liftlab.pipelines.benchmarking.simulated_user import clicks_needed

Row = Mapping[str, Any]
TARGETS = (0.80, 0.85, 0.90)


@dataclass(frozen=True)
class Metric:
    """A column of the tables."""

    name: str
    title: str
    kind: Literal["percent", "number", "seconds", "milliseconds", "mebibytes"]
    better: Literal["high", "low"]
    meaning: str


METRICS = (
    Metric("iou_first", "IoU, 1 click", "percent", "high", "Object IoU after the first prompt, over all scored views"),
    Metric("iou_last", "IoU, all clicks", "percent", "high", "Object IoU after the last prompt"),
    Metric("view_iou", "mIoU, 2D masks", "percent", "high",
           "Mean over photos of the IoU of the masks the method gives them, after the last prompt"),
    Metric("projected", "mIoU, projected 3D", "percent", "high",
           "Mean over photos without prompts of the IoU of the 3D answer projected into them, without what their own "
           "masks gave it (NVOS, SPIn-NeRF)"),
    Metric("projected_accuracy", "mAcc, projected 3D", "percent", "high", "Share of pixels of those that are right"),
    Metric("new_views", "IoU, new views", "percent", "high", "Object IoU in photos that no step but scoring sees"),
    Metric("accuracy", "Acc", "percent", "high", "Share of pixels, background included, that are right"),
    Metric("boundary", "BIoU", "percent", "high", "IoU of the outlines (rims of 2 % of the diagonal)"),
    *(
        Metric(
            f"noc{round(100 * target)}", f"NoC@{round(100 * target)}", "number", "low",
            f"Clicks until the IoU reaches {round(100 * target)} %; the limit where it never does",
        )
        for target in TARGETS
    ),
    Metric("failures", "Missed @90", "percent", "low", "Share of objects that never reach 90 %"),
    Metric("pq", "PQ scene", "percent", "high", "Panoptic quality of segment everything, ids over all views"),
    Metric("pq_classes", "PQ scene, classes", "percent", "high",
           "The same with classes, surroundings removed (ScanNet, Replica)"),
    Metric("gaga_iou", "mIoU", "percent", "high", "Segment everything: mean IoU, one label per object (Gaga)"),
    Metric("precision", "P", "percent", "high", "Segment everything: right labels of all labels (Gaga)"),
    Metric("recall", "R", "percent", "high", "Segment everything: objects found (Gaga)"),
    Metric("ap50", "AP50", "percent", "high", "Segment everything: class-agnostic instance AP at IoU 0.5"),
    Metric("prepare", "Prepare", "seconds", "low", "Seconds of the method's own preparation"),
    Metric("click", "Answer", "milliseconds", "low", "Median time of an answer: points and the masks of all views"),
    Metric("peak", "Memory", "mebibytes", "low", "Largest resident memory of the case"),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}


def case_numbers(row: Row) -> dict[str, float]:
    """Every metric that a row has, by name; empty for a failed case."""
    if row["status"] != "ok":
        return {}
    objects, everything, timing = row["objects"], row["everything"] or {}, row["timing"]
    limit = row["effort"]["clicks"]
    found: dict[str, float | None] = {
        "iou_first": _mean(entry["ious"][0] for entry in objects),
        "iou_last": _mean(entry["ious"][-1] for entry in objects),
        "view_iou": _mean(entry["last"]["view_iou"] for entry in objects),
        "projected": _mean_of_known(_projected(entry, "view_iou") for entry in objects),
        "projected_accuracy": _mean_of_known(_projected(entry, "accuracy") for entry in objects),
        "new_views": _mean_of_known(entry.get("new_views_iou") for entry in objects),
        "accuracy": _mean(entry["last"]["accuracy"] for entry in objects),
        "boundary": _mean(entry["last"]["boundary_iou"] for entry in objects),
        "pq": everything.get("pq"), "pq_classes": everything.get("pq_classes"), "gaga_iou": everything.get("mean_iou"),
        "precision": everything.get("precision"), "recall": everything.get("recall"),
        "ap50": everything.get("ap50"),
        "prepare": timing.get("prepare"), "click": timing.get("click"), "peak": timing.get("peak_mib"),
    }  # fmt: skip
    if row["protocol"] == "clicks":
        for target in TARGETS:
            counts = [clicks_needed(entry["ious"], target, limit=limit) for entry in objects]
            found[f"noc{round(100 * target)}"] = _mean(limit if count is None else count for count in counts)
            if target == TARGETS[-1]:
                found["failures"] = _mean(count is None for count in counts)
    return {name: value for name, value in found.items() if value is not None}


def _projected(entry: Mapping[str, Any], name: str) -> float | None:
    """A score of an object's projected answer; None where no photo could be scored."""
    return (entry.get("projected") or {}).get(name)


def curve(row: Row) -> list[float]:
    """Mean object IoU after 1, 2, ... clicks; an object that was right earlier keeps its IoU. Empty when it failed."""
    if row["status"] != "ok" or row["protocol"] != "clicks":
        return []
    limit = row["effort"]["clicks"]
    ious = [entry["ious"] + [entry["ious"][-1]] * (limit - len(entry["ious"])) for entry in row["objects"]]
    return [float(np.mean(values)) for values in zip(*ious, strict=True)]


@dataclass(frozen=True)
class Entry:
    """One method with its settings and masks: a line of a table."""

    label: str
    numbers: dict[str, float]
    scenes: tuple[str, ...]
    """Scenes that it was measured on."""
    failed: int
    """Cases without a result."""
    complete: bool
    """It was measured on every scene, with every seed: only then it is ranked."""


def labels_of(rows: Sequence[Row]) -> list[str]:
    """Methods with their settings and masks, in the rows' order."""
    return list(dict.fromkeys(row["label"] for row in rows))


def scenes_of(rows: Sequence[Row]) -> list[str]:
    """Scenes, in the rows' order."""
    return list(dict.fromkeys(row["scene"] for row in rows))


def entries(rows: Sequence[Row]) -> list[Entry]:
    """One line per label: means over seeds, then over scenes."""
    out = []
    for label in labels_of(rows):
        own = [row for row in rows if row["label"] == label]
        by_scene = {
            scene: mean_numbers(
                [case_numbers(row) for row in own if row["scene"] == scene and row["status"] == "ok"]
            )
            for scene in scenes_of(own)
        }
        measured = {scene: numbers for scene, numbers in by_scene.items() if numbers}
        failed = sum(row["status"] != "ok" for row in own)
        complete = failed == 0 and set(measured) == set(scenes_of(rows))
        out.append(Entry(label, mean_numbers(list(measured.values())), tuple(measured), failed, complete))
    return out


def mean_curve(rows: Sequence[Row], label: str) -> list[float]:
    """Curve of a label: mean over seeds, then over scenes; empty when nothing of it was clicked."""
    by_scene = []
    for scene in scenes_of(rows):
        curves = [curve(row) for row in rows if row["label"] == label and row["scene"] == scene]
        curves = [values for values in curves if values]
        if curves:
            by_scene.append(np.mean(curves, axis=0))
    return [float(value) for value in np.mean(by_scene, axis=0)] if by_scene else []


def mean_numbers(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over those that have it."""
    names = [metric.name for metric in METRICS if any(metric.name in entry for entry in numbers)]
    return {name: float(np.mean([e[name] for e in numbers if name in e])) for name in names}


def ranks(values: Sequence[float | None], better: Literal["high", "low"]) -> list[int | None]:
    """1 for the best and 2 for the second best distinct value; None for the others, and where all are the same."""
    known = sorted({v for v in values if v is not None}, reverse=better == "high")
    if len(known) < 2:
        return [None] * len(values)
    places = [None if v is None else known.index(v) + 1 for v in values]
    return [place if place is not None and place <= 2 else None for place in places]


def _mean_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _mean(known) if known else None


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
