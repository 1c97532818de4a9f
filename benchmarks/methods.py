"""Every method on the same splats and masks, scored on photos that no step ever saw.

    python -m benchmarks.methods assets/captures/desk --workspace DIR

Each case runs in a process of its own and is kept in DIR/methods.jsonl: a second call does what is missing, then
writes the table of all. The default is one seed and at most a minute of training per case; `--full` takes three seeds,
each method's own length of training, and the papers' ablations.
"""

import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from benchmarks.novel_views import TestRenderer, test_photos
from benchmarks.oracle_masks import oracle_masks
from benchmarks.segmentation import masks_in_photos, prompts_of
from benchmarks.tables import commit, markdown, write_result
from benchmarks.truth_scenes import read_truth
from components.errors import InputError
from components.metrics import accuracy, class_agnostic_panoptic_quality, match_scene_labels, pooled_iou
from components.progress import CancelToken, no_progress
from components.types import Segmentation
from lab.engine import Lab
from pipelines.base import get_method, seeded
from pipelines.feature_trainer import FeatureTrainConfig
from pipelines.gaussian_answers import gaussian_views
from pipelines.simulated_user import SimulatedClick, scorable_objects, simulate

ROUNDS = (1, 3, 5)
CLICKED_PHOTOS = 4
"""Training photos, evenly chosen, in which the simulated person looks for errors."""
SHORT_SECS = 60.0

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
    "proto_saga, depth": ("proto_saga", {"association.choose": "depth"}),
    "proto_saga, probability": ("proto_saga", {"association.choose": "probability"}),
    "proto_saga, classifier": ("proto_saga", {"inference": "classifier"}),
    "proto_saga, k-means": ("proto_saga", {"inference": "kmeans"}),
}
"""The key claims of the papers, taken away one by one."""

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


def config_of(variant: str, budget_secs: float) -> Any:
    """The configuration of a row, with the budget on every training in it."""
    name, changes = {**VARIANTS, **ABLATIONS}[variant]
    config = get_method(name).config_class()
    for path, value in changes.items():
        config = _changed(config, path.split("."), value)
    return _with_budget(config, budget_secs) if budget_secs else config


def _changed(config: Any, path: Sequence[str], value: Any) -> Any:
    inner = value if len(path) == 1 else _changed(getattr(config, path[0]), path[1:], value)
    return replace(config, **{path[0]: inner})


def _with_budget(config: Any, budget_secs: float) -> Any:
    if isinstance(config, FeatureTrainConfig):
        return replace(config, budget_secs=budget_secs)
    nested = {
        entry.name: _with_budget(getattr(config, entry.name), budget_secs)
        for entry in dataclasses.fields(config)
        if dataclasses.is_dataclass(getattr(config, entry.name))
    }
    return replace(config, **nested)


def run_case(case: Case) -> dict[str, Any]:
    """Prepare one method and click on every object; scores of the test photos."""
    lab = Lab(case.workspace)
    try:
        name = case.capture.name
        if name not in lab.captures():
            lab.import_capture(case.capture / "images", name)
        lab.reconstruct(name)
        lab.gaussians(name)
        scene = lab.scene(name)
        oracle = case.masks == "oracle"
        cache = oracle_masks(scene, case.capture / "truth", seed=case.seed) if oracle else lab.masks(name)
    finally:
        lab.close()
    assert scene.gaussians is not None
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, _ = {**VARIANTS, **ABLATIONS}[case.variant]
    method = get_method(name).make(config_of(case.variant, case.budget_secs), device=device)
    began = time.perf_counter()
    prepared = method.prepare(
        scene, cache, progress=no_progress, cancel=CancelToken(), generator=seeded(case.seed)
    )
    prepare_secs = time.perf_counter() - began
    about = getattr(prepared, "about", {})
    photos = test_photos(case.capture, scene)
    views = gaussian_views(scene, device) if method.geometry == "gaussians" else None
    renderer = TestRenderer(photos, scene, views)
    truth = read_truth(case.capture)
    stems = [view.stem for view in scene.views if view.stem in truth.labels]
    clicked = [stems[i] for i in np.linspace(0, len(stems) - 1, CLICKED_PHOTOS).astype(int)]
    labels = [truth.labels[stem] for stem in clicked]
    names = [view.name for stem in clicked for view in scene.views if view.stem == stem]
    ious: list[list[float]] = []
    accuracies: list[list[float]] = []
    seconds: list[float] = []
    tested = {int(i) for image in photos.labels for i in np.unique(image)}
    for object_id in [i for i in scorable_objects(labels) if i in tested]:
        truths = [image == object_id for image in photos.labels]
        per_click: list[tuple[float, float]] = []

        def ask(given: Sequence[SimulatedClick]) -> list[np.ndarray]:
            answer: Segmentation = method.segment(prepared, prompts_of(scene, names, given))
            seconds.append(answer.provenance.seconds)
            drawn = renderer.masks(answer)
            per_click.append(  # noqa: B023
                (
                    pooled_iou(truths, drawn),  # noqa: B023
                    float(np.mean([accuracy(t, m) for t, m in zip(truths, drawn, strict=True)])),  # noqa: B023
                )
            )
            return masks_in_photos(scene, names, [image.shape for image in labels], answer.mask_of_view)

        simulate(labels, object_id, ask, clicks=max(ROUNDS))
        ious.append([per_click[min(k, len(per_click)) - 1][0] for k in ROUNDS])
        accuracies.append([per_click[min(k, len(per_click)) - 1][1] for k in ROUNDS])
    predicted = renderer.labels(method, prepared)
    panoptic = class_agnostic_panoptic_quality(photos.labels, predicted)
    matched = match_scene_labels(photos.labels, predicted)
    return {
        "key": case.key,
        "capture": case.capture.name,
        "variant": case.variant,
        "masks": case.masks,
        "seed": case.seed,
        "budget_secs": case.budget_secs,
        "commit": commit(),
        "objects": len(ious),
        "gaussians": len(scene.gaussians.means),
        "iou": np.mean(ious, axis=0).round(4).tolist(),
        "accuracy": np.mean(accuracies, axis=0).round(4).tolist(),
        "pq": round(panoptic.pq, 4),
        "miou": round(matched.mean_iou, 4),
        "precision": round(matched.precision, 4),
        "recall": round(matched.recall, 4),
        "prepare_secs": round(prepare_secs, 2),
        "clustering_secs": about.get("clustering_seconds"),
        "iterations": about.get("iterations"),
        "click_ms": round(1e3 * float(np.median(seconds)), 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


QUERY_GAUSSIANS, QUERY_CHANNELS, QUERIES, WARM_UPS = 300_000, 32, 30, 3


def query_times() -> list[list[str]]:
    """SAGA's comparison of one click with 300,000 random features, beside the formula written down plainly."""
    import torch
    from torch.nn.functional import normalize

    from pipelines.saga import similarities

    generator = torch.Generator().manual_seed(0)
    features = normalize(torch.randn(QUERY_GAUSSIANS, QUERY_CHANNELS, generator=generator), dim=1)
    squares = features.square()
    gates = torch.rand(QUERY_CHANNELS, generator=generator)
    click = torch.randn(1, QUERY_CHANNELS, generator=generator)

    def plain() -> np.ndarray:
        return (normalize(gates * features, dim=1) @ normalize(gates * click, dim=1).T)[:, 0].numpy()

    def ours() -> np.ndarray:
        return similarities(features, squares, gates, click)[:, 0].numpy()

    assert np.allclose(plain(), ours(), atol=1e-5)
    rows = []
    for name, ask in (("plain formula", plain), ("as built", ours)):
        wall, cpu = [], []
        for _ in range(WARM_UPS + QUERIES):
            start, busy = time.perf_counter(), time.process_time()
            ask()
            wall.append(1e3 * (time.perf_counter() - start))
            cpu.append(1e3 * (time.process_time() - busy))
        kept = np.array(wall[WARM_UPS:])
        rows.append(
            [
                name,
                f"{np.median(kept):.1f}",
                f"{np.percentile(kept, 95):.1f}",
                f"{kept.min():.1f}",
                f"{np.median(cpu[WARM_UPS:]):.1f}",
            ]
        )
    return rows


def known_results(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of the file by key; the last of a key counts."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return {row["key"]: row for row in rows}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """One line per capture, masks and variant, averaged over seeds."""
    groups: dict[tuple[str, str, str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["capture"], row["masks"], row["variant"], row["budget_secs"]), []).append(row)
    lines = []
    for (capture, masks, variant, budget), found in sorted(groups.items()):
        iou, acc = (np.mean([row[name] for row in found], axis=0) for name in ("iou", "accuracy"))
        mean = {
            name: float(np.mean([row[name] for row in found]))
            for name in ("pq", "miou", "precision", "recall", "prepare_secs", "click_ms", "peak_mib")
        }
        lines.append(
            [
                capture,
                "ORACLE" if masks == "oracle" else masks,
                variant,
                f"{budget:g} s" if budget else "own",
                "/".join(str(row["iterations"]) for row in found if row["iterations"]) or "-",
                len(found),
                *(f"{value:.3f}" for value in iou),
                *(f"{value:.3f}" for value in acc),
                *(f"{mean[name]:.3f}" for name in ("pq", "miou", "precision", "recall")),
                f"{mean['prepare_secs']:.0f}",
                f"{mean['click_ms']:.1f}",
                f"{mean['peak_mib']:.0f}",
            ]
        )
    head = ["capture", "masks", "method", "training", "steps", "seeds", *(f"IoU {k}" for k in ROUNDS)]
    head += [*(f"acc {k}" for k in ROUNDS), "PQ_scene", "mIoU", "precision", "recall"]
    return markdown([*head, "prepare s", "ms/click", "peak MiB"], lines)


def run(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    variants: tuple[str, ...] = (),
    masks: tuple[Masks, ...] = ("oracle", "proposals"),
    full: bool = False,
    case_secs: float = 3600.0,
    note: str = "",
) -> None:
    """Do the cases that are missing, then write the table of all.

    Args:
        captures: Capture folders with truth and test photos.
        workspace: Where reconstructions, splats, masks and the results so far are kept.
        variants: Rows to do; all of them when empty.
        masks: Where masks come from: the truth of the training photos, spoilt, or the default proposals.
        full: Three seeds, own lengths of training, ablations.
        case_secs: A case that takes longer is given up and named.
        note: A sentence for the table, such as how busy the machine was.
    """
    wanted = variants or tuple({**VARIANTS, **(ABLATIONS if full else {})})
    unknown = set(wanted) - {*VARIANTS, *ABLATIONS}
    if unknown:
        raise InputError(
            f"There is no row '{sorted(unknown)[0]}'; there are {', '.join({**VARIANTS, **ABLATIONS})}."
        )
    path = workspace / "methods.jsonl"
    failed: list[str] = []
    for capture in captures:
        for source in masks:
            for variant in wanted:
                for seed in range(3 if full else 1):
                    case = Case(capture, workspace, variant, source, seed, 0.0 if full else SHORT_SECS)
                    needs_tracking = variant == "wildseg3d" and source == "oracle"
                    if case.key not in known_results(path) and not needs_tracking:
                        _run_apart(case, path, case_secs, failed)
    sections = [
        "Splats and masks are the same for all. IoU pooled over the test photos, mean over objects, after 1, 3 and 5 "
        "simulated clicks in training photos; accuracy alike. PQ_scene, mIoU, precision and recall of segment "
        "everything on the test photos. ORACLE: truth masks of the training photos, ids shuffled per view, 10 % "
        "dropped, boundaries moved by up to 2 px (WildSeg3D looks objects up by their ids, so it has no such row). "
        "Training: seconds at most, or the method's own length.",
        table(list(known_results(path).values())),
    ]
    sections += [
        f"SAGA's query over {QUERY_GAUSSIANS:,} splats with {QUERY_CHANNELS} channels, without drawing masks:",
        markdown(["way", "median ms", "p95 ms", "best ms", "CPU ms"], query_times()),
    ]
    if note:
        sections.insert(1, note)
    if failed:
        sections.append("Failed: " + "; ".join(failed) + ".")
    write_result("methods", "Methods on the same splats and masks, scored on unseen photos", sections)


def _run_apart(case: Case, path: Path, limit_secs: float, failed: list[str]) -> None:
    """One case in a process of its own, so that its peak memory is its own; its row is appended to `path`."""
    print(case.key, flush=True)
    arguments = [f"--{f.name.replace('_', '-')}={getattr(case, f.name)}" for f in dataclasses.fields(case)]
    command = [sys.executable, "-m", "benchmarks.methods", "case", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit_secs)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        output = error.stderr or ""
        last = (output if isinstance(output, str) else output.decode()).strip().splitlines()[-1:] or [
            str(error)
        ]
        failed.append(f"{case.key} ({last[0]})")
        print(f"  failed: {last[0]}", flush=True)
        return
    row = done.stdout.strip().splitlines()[-1]
    print(f"  {row}", flush=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(row + "\n")


def case(case: Annotated[Case, tyro.conf.arg(name="")]) -> None:
    """One case; its row as JSON on the last line."""
    print(json.dumps(run_case(case)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["case"]:
        tyro.cli(case, args=sys.argv[2:])
    else:
        tyro.cli(run)
