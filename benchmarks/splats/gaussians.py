"""Quality of splats trained on a CPU, on photos that training never saw, with and without the pointmap's guidance.

    python -m benchmarks.splats.gaussians CAPTURE... --work FOLDER [--budget 180] [--side 320] [--only VARIANT]

A capture with `truth/cameras.json` and `test/` (photos with true cameras) is scored on `test/`: the cameras of its
training photos are the true ones, so that the test cameras share their frame, and depth is our own multi-view stereo.
Any other folder of photos is reconstructed from all of them, and every 8th is left out of the training and scored.

FOLDER keeps scenes, scores and pictures (photo, render and its depth side by side, to be looked at): what is there is
not computed again, so a long run can be done in pieces. The table is written when every piece is there.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: see components/__init__.py

import cv2
import numpy as np
import torch

from benchmarks.common.images import read_rgb
from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import read_truth
from liftlab.components.captures.capture import open_capture
from liftlab.components.captures.importing import import_capture
from liftlab.components.files import is_sealed, sealed_folder, write_json
from liftlab.components.gaussians.training.frames import TrainingImage, make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import TrainConfig, evaluate, train
from liftlab.components.rasterize import rasterize, tensors_from_gaussians, warm_up
from liftlab.components.scenes import load_scene, save_scene
from liftlab.components.types import Gaussians, Lens, Pointmap, Scene, View
from liftlab.pipelines.steps.reconstruct import ReconstructConfig, reconstruct

START_COUNT = 15_000
EVERY = 8
"""Photos of a capture without test photos: one of so many is left out, counted from the first."""
GUIDED, ALONE = "with the pointmap", "colour alone"
VARIANTS = ("start", GUIDED, ALONE)


def scene_of(folder: Path, work: Path, max_side: int) -> tuple[Scene, float]:
    """Our reconstruction of a capture, given its true cameras where it has them, and how many seconds it took."""
    kept = work / f"{folder.name}_{max_side}"
    if not is_sealed(kept):
        start = time.perf_counter()
        truth = folder / "truth" / "cameras.json"
        images = folder / "images" if (folder / "images").is_dir() else folder
        with tempfile.TemporaryDirectory() as scratch, sealed_folder(kept) as target:
            capture = Path(scratch) / folder.name
            import_capture(images, capture, cameras=truth if truth.is_file() else None)
            config = ReconstructConfig(max_side=max_side)
            save_scene(reconstruct(open_capture(capture), config, key=folder.name)[0], target)
            write_json(target / "seconds.json", time.perf_counter() - start)
    return load_scene(kept), json.loads((kept / "seconds.json").read_text())


def split(folder: Path, scene: Scene) -> tuple[list[View], Pointmap, list[View]]:
    """Views to train on with their pointmap, and unseen views."""
    if (folder / "test").is_dir():
        return list(scene.views), scene.pointmap, unseen_views(folder)
    rows = [v for v in range(len(scene.views)) if v % EVERY]
    return [scene.views[v] for v in rows], scene.pointmap.of_views(rows), list(scene.views[::EVERY])


def unseen_views(folder: Path) -> list[View]:
    """The photos of `test/` with their true cameras."""
    truth = read_truth(folder / "test")
    views = []
    for path in sorted((folder / "test" / "images").iterdir()):
        camera = truth.cameras[path.stem]
        image = read_rgb(path)
        views.append(View(path.name, camera, image, Lens(camera.width, camera.height, camera.K)))
    return views


def picture(gaussians: Gaussians, frames: tuple[TrainingImage, ...], path: Path) -> None:
    """Photo, render and depth of each frame, one below the other."""
    tensors, rows = tensors_from_gaussians(gaussians), []
    for frame in frames:
        with torch.no_grad():
            out = rasterize(tensors, [frame.camera])
        assert out.colour is not None
        depth = (out.depth[0] / out.depth[0].max()).numpy()
        rows.append(
            np.hstack([frame.image.numpy(), out.colour[0].clamp(0, 1).numpy(), np.dstack([depth] * 3)])
        )
    cv2.imwrite(str(path), np.round(np.vstack(rows)[..., ::-1] * 255).astype(np.uint8))


def measure(
    folder: Path, variant: str, work: Path, budget: float, side: int, steps_before: int
) -> list[object]:
    """One row of the table: a training, or the start. The ablation takes as many steps as the training with the
    pointmap took, whatever else the machine does meanwhile."""
    scene, seconds = scene_of(folder, work, side)
    views, pointmap, unseen = split(folder, scene)
    start = gaussians_from_pointmap(pointmap, views, count=START_COUNT)
    test = make_frames(unseen, max_side=side)
    gaussians, steps, fitted = start, 0, evaluate(start, make_frames(views, max_side=side)).psnr
    if variant != "start":
        config = TrainConfig(iterations=100_000, budget_secs=budget, max_side=side)
        if variant == ALONE:
            config = TrainConfig(
                iterations=steps_before, budget_secs=None, max_side=side, depth_weight=0.0, cover_weight=0.0
            )
        result = train(views, start, config, pointmap=pointmap)
        gaussians, steps, seconds = result.gaussians, result.iterations, result.seconds
        fitted = evaluate(gaussians, make_frames(views, max_side=side)).psnr
    after = evaluate(gaussians, test)
    worst = min(evaluate(gaussians, (frame,)).psnr for frame in test)
    picture(gaussians, test, work / f"{folder.name}_{variant.replace(' ', '_')}.png")
    count = len(gaussians.means)
    return [folder.name, variant, len(unseen), seconds, steps, count, fitted, after.psnr, worst, after.ssim]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train splats on a CPU and score unseen photos.")
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is kept between runs")
    parser.add_argument("--budget", type=float, default=180.0, help="seconds of each training")
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument(
        "--note", default="", help="a sentence for the table, such as what is odd about a capture"
    )
    parser.add_argument("--only", choices=VARIANTS, help="compute no other variant now")
    arguments = parser.parse_args()
    warm_up()
    arguments.work.mkdir(parents=True, exist_ok=True)
    rows: list[list[Any]] = []
    missing = False
    for folder in arguments.captures:
        for variant in VARIANTS:
            name = f"{folder.name}_{variant}_{arguments.budget:g}_{arguments.side}".replace(" ", "_")
            kept = arguments.work / f"{name}.json"
            guided = [row[4] for row in rows if row[:2] == [folder.name, GUIDED]]
            possible = variant != ALONE or guided
            if not kept.is_file() and possible and arguments.only in (None, variant):
                steps = guided[0] if guided else 0
                row = measure(folder, variant, arguments.work, arguments.budget, arguments.side, steps)
                write_json(kept, row)
            if not kept.is_file():
                print(f"{folder.name}, {variant}: not computed yet")
                missing = True
                continue
            rows.append(json.loads(kept.read_text()))
    if missing:
        return
    headers = [
        "capture", "training", "unseen photos", "seconds", "steps", "splats", "PSNR fitted", "PSNR unseen",
        "worst of them", "SSIM unseen",
    ]  # fmt: skip
    write_result(
        "gaussians",
        "Splats trained on a CPU",
        [
            f"Longer side {arguments.side} px, {arguments.budget:g} s of training. Captures with a truth: true "
            "cameras, our own depth. Others: cameras and depth from all photos, every 8th left out of the training. "
            "The seconds of the start are those of the reconstruction. How many steps fit into the time depends on the "
            "machine; colour alone takes as many as the training with the pointmap.",
            markdown(headers, rows),
            *([arguments.note] if arguments.note else []),
        ],
    )


if __name__ == "__main__":
    main()
