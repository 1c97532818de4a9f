"""The cases of the table of methods: what is prepared, what is clicked, and what of it is kept for the next time.

A prepared method stays in the workspace under a key of everything that made it, so that after a change of its answers
to clicks only the clicks are done again.
"""

import ast
import dataclasses
import hashlib
import json
import os
import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from benchmarks.common.truth_scenes import read_truth
from benchmarks.masks.segmentation import masks_in_photos, prompts_of
from benchmarks.methods.novel_views import TestPhotos, TestRenderer, psnr_of, test_photos
from benchmarks.methods.oracle_masks import oracle_masks
from liftlab.bench.provenance import commit
from liftlab.components.config_keys import key_record
from liftlab.components.files import content_key
from liftlab.components.masks.cache import MaskCache
from liftlab.components.metrics import (
    accuracy,
    class_agnostic_panoptic_quality,
    classed_panoptic_quality,
    match_scene_labels,
    one_class_each,
    pooled_iou,
)
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.types import Scene, Segmentation
from liftlab.engine.lab import Lab
from liftlab.pipelines.base import Segmenter, get_method, seeded
from liftlab.pipelines.benchmarking.simulated_user import SimulatedClick, scorable_objects, simulate
from liftlab.pipelines.methods.shared.feature_trainer import FeatureTrainConfig
from liftlab.pipelines.methods.shared.feature_views import HoldsFeatures
from liftlab.pipelines.methods.shared.gaussian_answers import gaussian_views
from liftlab.pipelines.methods.shared.joint_trainer import SplatsAndFeatures

ROUNDS = (1, 3, 5)
CLICKED_PHOTOS = 4
"""Training photos, evenly chosen, in which the simulated person looks for errors."""
KEPT = "benchmark_methods"
"""Folder of a workspace with the prepared methods."""
OWN_CODE = ("liftlab.pipelines", "liftlab.components.features", "liftlab.components.association")
"""Packages whose code is a method's own; what all steps share says by its step versions when results change."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "wildseg3d": ("wildseg3d", {}),
    "saga": ("saga", {}),
    "unic_lift": ("unic_lift", {}),
    "contrastive_lift": ("contrastive_lift", {}),
    "contrastive_lift, slow-fast": ("contrastive_lift", {"loss": "slow_fast", "dimensions": 3}),
    "gaga": ("gaga", {}),
    "proto_saga": ("proto_saga", {}),
}
"""Row of the table: method, and what differs from its defaults (dots lead into nested settings)."""
ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "saga, no smoothing": ("saga", {"neighbours": 1}),
    "saga, no norm term": ("saga", {"norm_weight": 0.0}),
    "saga, no gate": ("saga", {"gated": False}),
    "saga, no resampling": ("saga", {"resampling": False}),
    "saga, no re-weighting": ("saga", {"reweighting": False}),
    "unic_lift, no triplets": ("unic_lift", {"triplet_weight": 0.0}),
    "unic_lift, no linear layer": ("unic_lift", {"linear_layer": False}),
    "unic_lift, no 3D term": ("unic_lift", {"neighbour_weight": 0.0}),
    "unic_lift, cluster loss only": ("unic_lift", {"triplet_weight": 0.0, "neighbour_weight": 0.0}),
    "unic_lift, random triplets": ("unic_lift", {"triplet_choice": "random"}),
    "unic_lift, codes as read": ("unic_lift", {"snap_codes": False, "split_components": False}),
    "unic_lift, triplets from the start": ("unic_lift", {"triplets_from": 0.0}),
    "unic_lift, triplets from half": ("unic_lift", {"triplets_from": 0.5}),
    "unic_lift, 3D term from 7 of 30": ("unic_lift", {"neighbours_from": 7 / 30}),
    "unic_lift, 3D term from 12 of 30": ("unic_lift", {"neighbours_from": 12 / 30}),
    "unic_lift, 3D term from 20 of 30": ("unic_lift", {"neighbours_from": 20 / 30}),
    "unic_lift, 5 % of masks": ("unic_lift", {"mask_share": 0.05}),
    "unic_lift, 10 % of masks": ("unic_lift", {"mask_share": 0.1}),
    "unic_lift, 20 % of masks": ("unic_lift", {"mask_share": 0.2}),
    "unic_lift, masks at a quarter": ("unic_lift", {"mask_scale": 0.25}),
    "unic_lift, masks at a half": ("unic_lift", {"mask_scale": 0.5}),
    "unic_lift, joint": ("unic_lift", {"training": "joint"}),
    "unic_lift, joint from points": ("unic_lift", {"training": "joint", "joint.start": "points"}),
    "proto_saga, depth": ("proto_saga", {"association.choose": "depth"}),
    "proto_saga, probability": ("proto_saga", {"association.choose": "probability"}),
    "proto_saga, classifier": ("proto_saga", {"inference": "classifier"}),
    "proto_saga, k-means": ("proto_saga", {"inference": "kmeans"}),
    "proto_saga, joint": ("proto_saga", {"training": "joint"}),
    "proto_saga, joint from points": ("proto_saga", {"training": "joint", "joint.start": "points"}),
}
"""The key claims of the papers, taken away one by one, and what their own ablations vary."""
ROWS = {**VARIANTS, **ABLATIONS}

Masks = Literal["oracle", "proposals"]


@dataclass(frozen=True)
class Case:
    """One row before averaging over seeds."""

    capture: Path
    workspace: Path
    variant: str
    masks: Masks
    seed: int
    budget_secs: float
    """Of the training; 0 for the method's own length."""

    @property
    def key(self) -> str:
        return "|".join(
            [self.capture.name, self.variant, self.masks, str(self.seed), f"{self.budget_secs:g}"]
        )

    @property
    def blank(self) -> dict[str, Any]:
        """What a row of this case says before anything is measured."""
        return {
            "key": self.key,
            "capture": self.capture.name,
            "variant": self.variant,
            "masks": self.masks,
            "seed": self.seed,
            "budget_secs": self.budget_secs,
            "state": state_of(self),
            "commit": commit(),
        }


def config_of(variant: str, budget_secs: float) -> Any:
    """The configuration of a row, with the budget on every training in it."""
    name, changes = ROWS[variant]
    config = get_method(name).config_class()
    for path, value in changes.items():
        config = _changed(config, path.split("."), value)
    return _with_budget(config, budget_secs) if budget_secs else config


def _changed(config: Any, path: Sequence[str], value: Any) -> Any:
    inner = value if len(path) == 1 else _changed(getattr(config, path[0]), path[1:], value)
    return replace(config, **{path[0]: inner})


def _with_budget(config: Any, budget_secs: float) -> Any:
    if isinstance(config, FeatureTrainConfig | SplatsAndFeatures):
        return replace(config, budget_secs=budget_secs)
    nested = {
        entry.name: _with_budget(getattr(config, entry.name), budget_secs)
        for entry in dataclasses.fields(config)
        if dataclasses.is_dataclass(getattr(config, entry.name))
    }
    return replace(config, **nested)


def state_of(case: Case) -> str:
    """Key of what a row stands on: settings, the method's own code, versions of the steps before it.

    A row with another key is out of date; a change of one method leaves the rows of the others as they are.
    """
    from liftlab.pipelines.steps import gaussians, masks, reconstruct

    name, _ = ROWS[case.variant]
    method = get_method(name).make
    steps = [reconstruct.STEP_VERSION, gaussians.STEP_VERSION]
    steps += [masks.STEP_VERSION] if case.masks == "proposals" else []
    config = key_record(config_of(case.variant, case.budget_secs))
    return content_key(config, code_key(method.__module__), getattr(method, "STEP_VERSION", 0), steps)


@cache
def code_key(module: str) -> str:
    """Key of a method's code and what it uses of `OWN_CODE`; comments, docstrings and layout do not enter it."""
    root = Path(__file__).parents[2]
    waiting, seen = [module], dict[str, str]()
    while waiting:
        name = waiting.pop()
        file = root.joinpath(*name.removeprefix("liftlab.").split("."))
        file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
        if name in seen or name == "liftlab.pipelines" or not file.exists():
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(OWN_CODE):
                waiting.append(node.module)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                node.body = [part for part in node.body if not _is_text(part)]
        seen[name] = ast.dump(tree)
    return content_key(sorted(seen.items()))


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@dataclass(frozen=True)
class Ready:
    """A case that can be clicked on."""

    scene: Scene
    method: Segmenter
    device: torch.device
    prepared: Any
    seconds: float
    """That preparing took, when it was done."""
    peak_mib: float
    """Of the process that prepared it, then."""


def ready(case: Case) -> Ready:
    """The scene and the prepared method of a case, from the workspace or made now."""
    scene, masks = _scene_and_masks(case)
    name, _ = ROWS[case.variant]
    config = config_of(case.variant, case.budget_secs)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    method = get_method(name).make(config, device=device)
    key = content_key(
        name, method.STEP_VERSION, key_record(config), scene.key, scene.gaussians_key, _masks_key(masks),
        case.seed, device.type,
    )  # fmt: skip
    folder = case.workspace / KEPT / key
    record = folder / "benchmark.json"
    if record.exists():
        known = json.loads(record.read_text(encoding="utf-8"))
        prepared = method.load(folder, scene, masks)
        return Ready(scene, method, device, prepared, known["seconds"], known["peak_mib"])
    began = time.perf_counter()
    prepared = method.prepare(
        scene, masks, progress=no_progress, cancel=CancelToken(), generator=seeded(case.seed)
    )
    made = Ready(scene, method, device, prepared, time.perf_counter() - began, _peak_mib())
    partial = folder.with_name(f"{key}-{os.getpid()}")
    partial.mkdir(parents=True)
    method.save(prepared, partial)
    about = {"key": case.key, "seconds": made.seconds, "peak_mib": made.peak_mib}
    (partial / "benchmark.json").write_text(json.dumps(about), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that ended between the two files
    partial.rename(folder)
    return made


def _scene_and_masks(case: Case) -> tuple[Scene, MaskCache]:
    lab = Lab(case.workspace)
    try:
        name = case.capture.name
        if name not in lab.captures():
            lab.import_capture(case.capture / "images", name)
        lab.reconstruct(name)
        lab.gaussians(name)
        scene = lab.scene(name)
        if case.masks == "oracle":
            return scene, oracle_masks(scene, case.capture / "truth", seed=case.seed)
        return scene, lab.masks(name)
    finally:
        lab.close()


def _masks_key(masks: MaskCache) -> str:
    digest = hashlib.sha256(masks.placement.tobytes() + masks.foreground.tobytes() + masks.scores.tobytes())
    for bits in masks.blocks:
        digest.update(bits.tobytes())
    return content_key(digest.hexdigest(), masks.kinds)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_case(case: Case) -> dict[str, Any]:
    """Prepare one method and click on every object; scores of the test photos."""
    made = ready(case)
    scene, method, prepared = made.scene, made.method, made.prepared
    assert scene.gaussians is not None
    photos = test_photos(case.capture, scene)
    views = gaussian_views(scene, made.device) if method.geometry == "gaussians" else None
    renderer = TestRenderer(photos, scene, views)
    clicks = _click(case, made, photos, renderer)
    predicted = renderer.labels(method, prepared)
    panoptic = class_agnostic_panoptic_quality(photos.labels, predicted)
    matched = match_scene_labels(photos.labels, predicted)
    classes = renderer.classes(method, prepared) if photos.class_of else None
    classed = (
        None
        if classes is None
        else classed_panoptic_quality(
            photos.labels, photos.class_of, predicted, one_class_each(predicted, classes)
        ).pq
    )
    psnr = psnr_of(photos, prepared.views.gaussians) if isinstance(prepared, HoldsFeatures) else None
    about = getattr(prepared, "about", {})
    return {
        **case.blank,
        "objects": len(clicks.ious),
        "gaussians": len(scene.gaussians.means),
        "iou": np.mean(list(clicks.ious.values()), axis=0).round(4).tolist(),
        "accuracy": np.mean(clicks.accuracies, axis=0).round(4).tolist(),
        "iou_of_objects": {str(i): np.round(found, 3).tolist() for i, found in clicks.ious.items()},
        "pq": round(panoptic.pq, 4),
        "pq_classes": None if classed is None else round(classed, 4),
        "miou": round(matched.mean_iou, 4),
        "psnr": None if psnr is None else round(psnr, 3),
        "precision": round(matched.precision, 4),
        "recall": round(matched.recall, 4),
        "prepare_secs": round(made.seconds, 2),
        "clustering_secs": about.get("clustering_seconds"),
        "iterations": about.get("iterations"),
        "click_ms": round(1e3 * float(np.median(clicks.seconds)), 2),
        "peak_mib": round(max(made.peak_mib, _peak_mib())),
    }


@dataclass(frozen=True)
class _Clicks:
    ious: dict[int, list[float]]
    """Per object, after each of `ROUNDS`."""
    accuracies: list[list[float]]
    seconds: list[float]
    """Of every answer."""


def _click(case: Case, made: Ready, photos: TestPhotos, renderer: TestRenderer) -> _Clicks:
    """Simulated clicks on every object that the test photos show, in training photos."""
    scene, method = made.scene, made.method
    truth = read_truth(case.capture)
    stems = [view.stem for view in scene.views if view.stem in truth.labels]
    clicked = [stems[i] for i in np.linspace(0, len(stems) - 1, CLICKED_PHOTOS).astype(int)]
    labels = [truth.labels[stem] for stem in clicked]
    names = [view.name for stem in clicked for view in scene.views if view.stem == stem]
    tested = {int(i) for image in photos.labels for i in np.unique(image)}
    found = _Clicks({}, [], [])
    for object_id in [i for i in scorable_objects(labels) if i in tested]:
        truths = [image == object_id for image in photos.labels]
        per_click: list[tuple[float, float]] = []

        def ask(given: Sequence[SimulatedClick]) -> list[np.ndarray]:
            answer: Segmentation = method.segment(made.prepared, prompts_of(scene, names, given))
            found.seconds.append(answer.provenance.seconds)
            drawn = renderer.masks(answer)
            right = [accuracy(t, m) for t, m in zip(truths, drawn, strict=True)]  # noqa: B023
            per_click.append((pooled_iou(truths, drawn), float(np.mean(right))))  # noqa: B023
            return masks_in_photos(scene, names, [image.shape for image in labels], answer.mask_of_view)

        simulate(labels, object_id, ask, clicks=max(ROUNDS))
        after = [per_click[min(k, len(per_click)) - 1] for k in ROUNDS]
        found.ious[object_id] = [iou for iou, _ in after]
        found.accuracies.append([right for _, right in after])
    return found
