"""Photos to pointmaps: seconds per stage, and the error of the pointmaps against truth.

    python -m benchmarks.geometry.reconstruction assets/captures/desk $LIFTLAB_DATA/SceauxCastle $LIFTLAB_DATA/sparse5

Captures with `truth/` are measured twice: from photos alone (scale aligned by the median) and with the true cameras.
"""

import argparse
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import CaptureTruth, read_truth
from liftlab.components.captures.capture import open_capture
from liftlab.components.captures.importing import import_capture
from liftlab.components.masks.graph.scene_graph import view_depths
from liftlab.components.types import Scene
from liftlab.pipelines.steps.reconstruct import ReconstructConfig, ReconstructReport, reconstruct

BORDER_PX = 4
"""Pixels this near to an outline of the truth count as border."""


@dataclass(frozen=True)
class Run:
    """One reconstruction and what it cost."""

    name: str
    scene: Scene
    report: ReconstructReport
    wall_secs: float
    cpu_secs: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--max-side", type=int, default=640)
    options = parser.parse_args()
    timing, errors = [], []
    for folder in options.captures:
        truth = read_truth(folder) if (folder / "truth").is_dir() else None
        for known in (False, True) if truth is not None else (False,):
            run = reconstruct_copy(folder, known=known, max_side=options.max_side)
            timing.append(timing_row(run))
            if truth is not None:
                errors.append(error_row(run, truth))
            print(timing[-1], errors[-1] if truth is not None else "", flush=True)
    stages = ["load photos", "cameras", "working images", "depth", "planes"]
    write_result(
        "reconstruction",
        "Photos to pointmaps",
        [
            "Seconds by stage. CPU counts this process and the camera estimation it starts; where wall exceeds half of "
            "it, other work shared the two cores.",
            markdown(
                ["capture", "photos", *stages, "wall", "CPU", "confirmed share", "reprojection px", "angle °"], timing
            ),
            f"Relative depth error at valid pixels, {BORDER_PX} px around outlines apart; in percent. Objects are "
            "the pixels of labelled things, without table, floor and walls.",
            markdown(
                ["capture", "median %", "p90 %", "within 1 %", "valid of all", "valid of objects", "median % objects",
                 "median % borders", "valid of borders"],
                errors,
            ),
        ],
    )  # fmt: skip


def reconstruct_copy(folder: Path, *, known: bool, max_side: int, complete: bool = True) -> Run:
    """Import the photos into a temporary folder, with the true cameras when `known`, and reconstruct them."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        shutil.copytree(folder / "images", source / "images")
        if known:
            shutil.copy(folder / "truth" / "cameras.json", source / "cameras.json")
        import_capture(source, Path(scratch) / "capture")
        capture = open_capture(Path(scratch) / "capture")
        wall, cpu = time.perf_counter(), _cpu_secs()
        scene, report = reconstruct(
            capture, ReconstructConfig(max_side=max_side, complete=complete), key="benchmark"
        )
        name = f"{folder.name}, {'true cameras' if known else 'photos alone'}"
        return Run(name, scene, report, time.perf_counter() - wall, _cpu_secs() - cpu)


def timing_row(run: Run) -> list[object]:
    report = run.report
    return [
        run.name,
        f"{len(report.registered)} of {len(report.registered) + len(report.missing)}",
        *(round(stage.seconds, 1) for stage in report.stages),
        round(run.wall_secs, 1),
        round(run.cpu_secs, 1),
        report.confirmed_share,
        report.reprojection_error_px,
        report.median_angle_deg,
    ]


def error_row(run: Run, truth: CaptureTruth) -> list[object]:
    """Depth against truth at the working size; photos alone are scaled by the median ratio over all views."""
    measured, expected, inside, border = [], [], [], []
    for index, view in enumerate(run.scene.views):
        height, width = view.camera.height, view.camera.width
        depth = view_depths(run.scene, filled=True)[index, :height, :width]
        measured.append(depth.ravel())
        size = (width, height)
        expected.append(cv2.resize(truth.depth[view.stem], size, interpolation=cv2.INTER_NEAREST).ravel())
        labels = truth.labels.get(view.stem)
        if labels is None:
            inside.append(np.zeros(height * width, bool))
            border.append(np.zeros(height * width, bool))
            continue
        labels = cv2.resize(labels.astype(np.uint16), size, interpolation=cv2.INTER_NEAREST)
        kernel = np.ones((2 * BORDER_PX + 1,) * 2, np.uint8)
        inside.append((labels > 0).ravel())
        border.append((cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)).ravel())
    depth, true = np.concatenate(measured), np.concatenate(expected)
    is_inside, is_border = np.concatenate(inside), np.concatenate(border)
    known = true > 0
    valid = known & (depth > 0)
    scale = 1.0 if run.report.cameras_known else float(np.median(true[valid] / depth[valid]))
    error = np.abs(depth * scale - true) / np.where(known, true, 1)
    calm = valid & ~is_border
    return [
        run.name,
        100 * float(np.median(error[calm])),
        100 * float(np.percentile(error[calm], 90)),
        100 * float((error[calm] < 0.01).mean()),
        100 * float(valid[known].mean()),
        100 * float(valid[known & is_inside].mean()),
        100 * float(np.median(error[calm & is_inside])),
        100 * float(np.median(error[valid & is_border])),
        100 * float(valid[known & is_border].mean()),
    ]


def _cpu_secs() -> float:
    """Processor seconds of this process and of its ended children."""
    times = psutil.Process().cpu_times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
