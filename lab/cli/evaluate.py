"""`liftlab evaluate`: masks or label maps from anywhere against the truth of a capture."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32

from liftlab.cli.commands import Evaluate
from liftlab.cli.support import say
from liftlab.components.captures.benchmark_layouts import BenchmarkObject, BenchmarkScene, open_benchmark
from liftlab.components.captures.benchmark_layouts.scene import read_labels, read_mask
from liftlab.components.errors import InputError, closest
from liftlab.components.types import Array
from liftlab.pipelines.benchmarking.evaluation import LabelScores, MaskScores, score_labels, score_masks

MASK_COLUMNS = {"iou": "IoU", "view_iou": "IoU/view", "accuracy": "Acc", "boundary_iou": "BIoU"}
LABEL_NAMES = {
    "pq": "PQ (scene)", "pq_classes": "PQ (scene), with classes",
    "sq": "SQ", "rq": "RQ", "mean_iou": "mIoU (one label per object)",
    "precision": "Precision", "recall": "Recall", "ap": "AP", "ap50": "AP50", "ap25": "AP25",
    "best_iou": "IoU of the best label per object", "found": "Objects found (IoU above 50 %)",
}  # fmt: skip


def run_evaluate(command: Evaluate) -> dict[str, Any]:
    """Score a folder of predictions and print its table."""
    prediction = command.pred.expanduser()
    scenes = open_benchmark(command.capture.expanduser(), command.layout)
    if len(scenes) > 1:
        names = ", ".join(scene.name for scene in scenes)
        raise InputError(f"--capture must be one scene, but this folder holds {len(scenes)}: {names}.")
    result = evaluate(scenes[0], prediction)
    if not command.json:
        print(table(result))
    for sentence in result["warnings"]:
        say(sentence)
    return result


def evaluate(scene: BenchmarkScene, prediction: Path) -> dict[str, Any]:
    """Scores of `prediction`/masks/OBJECT/STEM.png and `prediction`/labels/STEM.png, whichever are there; with classes
    where `prediction`/classes/STEM.png has one for every pixel.

    Returns:
        "scene", "views", "objects" (one row per object, with "name"), "mean" over objects, "labels", "warnings".

    Raises:
        InputError: There is neither folder, a picture has another size than the truth, or no object has that name.
    """
    masks, labels = prediction / "masks", prediction / "labels"
    if not masks.is_dir() and not labels.is_dir():
        raise InputError(
            "There is nothing to evaluate: expected masks/OBJECT/STEM.png or labels/STEM.png "
            f"(docs/formats.md) in: {prediction}"
        )
    warnings: list[str] = []
    rows = _mask_rows(scene, masks, warnings) if masks.is_dir() else []
    label_scores = _label_scores(scene, labels, warnings) if labels.is_dir() else None
    fields = [field.name for field in dataclasses.fields(MaskScores)]
    mean = {field: float(np.mean([row[field] for row in rows])) for field in fields} if rows else {}
    found = _without_nan(dataclasses.asdict(label_scores)) if label_scores else {}
    if found.get("pq_classes") is None:  # of predictions without classes there is nothing to say
        found.pop("pq_classes", None)
    return {
        "scene": scene.name, "layout": scene.layout, "views": list(scene.scored), "objects": rows, "mean": mean,
        "labels": found, "warnings": warnings,
    }  # fmt: skip


def _mask_rows(scene: BenchmarkScene, folder: Path, warnings: list[str]) -> list[dict[str, Any]]:
    """One row per object of the truth; those without a folder count as empty masks."""
    given: dict[int, Path] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        entry = scene.object_called(path.name)
        if entry is None:
            names = [o.name for o in scene.objects]
            raise InputError(
                f"The truth has no object '{path.name}' that is scored. {closest(path.name, names)}"
            )
        given[entry.id] = path
    without = [entry.name for entry in scene.objects if entry.id not in given]
    if without:
        warnings.append(f"No masks for {_listed(without)}: counted as empty.")
    return [_mask_row(scene, entry, given.get(entry.id), warnings) for entry in scene.objects]


def _mask_row(
    scene: BenchmarkScene, entry: BenchmarkObject, folder: Path | None, warnings: list[str]
) -> dict[str, Any]:
    masks, missing = [], []
    for photo in scene.scored:
        shape = scene.truth_of(entry.id, photo).shape
        path = folder / f"{Path(photo).stem}.png" if folder is not None else None
        if path is None or not path.is_file():
            missing.append(photo)
            masks.append(np.zeros(shape, bool))
        else:
            masks.append(_of_size(read_mask(path), shape, path))
    if folder is not None and missing:
        warnings.append(f"No mask of {entry.name} for {_listed(missing)}: counted as empty.")
    scores = dataclasses.asdict(score_masks(scene, entry, masks))
    return {"name": entry.name, "id": entry.id, **scores, "missing": len(missing)}


def _label_scores(scene: BenchmarkScene, folder: Path, warnings: list[str]) -> LabelScores:
    if scene.labels_of is None:
        raise InputError(
            f"{scene.name} has truth for single objects only; give masks/OBJECT/STEM.png instead of: {folder}"
        )
    maps, missing = _maps(scene, folder)
    if len(missing) == len(maps):
        raise InputError(f"No label map has the name of a photo (for example {scene.scored[0]}) in: {folder}")
    if missing:
        warnings.append(f"No label map for {_listed(missing)}: counted as background.")
    classes = folder.with_name("classes")
    return score_labels(scene, maps, _maps(scene, classes)[0] if classes.is_dir() else None)


def _maps(scene: BenchmarkScene, folder: Path) -> tuple[list[Int32[Array, "_ _"]], list[str]]:
    """Maps of the scored photos, 0 where there is none, and the photos without."""
    assert scene.labels_of is not None
    maps, missing = [], []
    for photo in scene.scored:
        shape = scene.labels_of(photo).shape
        path = folder / f"{Path(photo).stem}.png"
        if path.is_file():
            maps.append(_of_size(read_labels(path), shape, path))
        else:
            missing.append(photo)
            maps.append(np.zeros(shape, np.int32))
    return maps, missing


def _of_size(image: np.ndarray, shape: tuple[int, ...], path: Path) -> np.ndarray:
    if image.shape != shape:
        raise InputError(
            f"This picture is {image.shape[1]} x {image.shape[0]} pixels but the truth is {shape[1]} x {shape[0]}; "
            f"save it in the photo's size: {path}"
        )
    return image


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what could not be scored is null."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def table(result: Mapping[str, Any]) -> str:
    """The scores in percent, for people."""
    lines = [f"{result['scene']}: {len(result['views'])} views with truth; percent"]
    if result["objects"]:
        width = max(len("mean"), *(len(row["name"]) for row in result["objects"]))
        lines.append("object".ljust(width) + "".join(f"{name:>10}" for name in MASK_COLUMNS.values()))
        for row in [*result["objects"], {"name": "mean", **result["mean"]}]:
            cells = "".join(f"{100 * row[column]:10.1f}" for column in MASK_COLUMNS)
            lines.append(row["name"].ljust(width) + cells)
    for field, name in LABEL_NAMES.items():
        value = result["labels"].get(field)
        if value is not None:
            lines.append(f"{name:36}{100 * value:8.1f}")
    if result["labels"]:
        lines.append(f"{'Labels':36}{result['labels']['labels']:6d}")
    return "\n".join(lines)
