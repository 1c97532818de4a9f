"""Quality of splats trained on a CPU, on photos that training never saw, with and without the pointmap's guidance.

    python -m benchmarks.gaussians assets/captures/desk [--budget 180] [--side 320] [--pictures FOLDER]

The capture needs `truth/cameras.json` and `test/` (photos with true cameras). Cameras of the training photos are the
true ones, so that the test cameras share their frame; depth is our own multi-view stereo. With `--pictures` the photo,
the render and its depth are written side by side, to be looked at.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: see components/__init__.py

import cv2
import numpy as np
import torch

from benchmarks.tables import markdown, write_result
from benchmarks.truth_scenes import read_truth
from components.captures.capture import open_capture
from components.captures.importing import import_capture
from components.gaussians.frames import Frame, make_frames
from components.gaussians.initialise import gaussians_from_pointmap
from components.gaussians.training import TrainConfig, TrainResult, evaluate, train
from components.rasterize import rasterize, tensors_from_gaussians, warm_up
from components.types import Gaussians, Lens, Scene, View
from pipelines.reconstruct import ReconstructConfig, reconstruct

START_COUNT = 15_000


def scene_with_true_cameras(folder: Path, max_side: int) -> tuple[Scene, float]:
    """Our reconstruction of a capture given its true cameras, and how many seconds it took."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / folder.name
        import_capture(folder / "images", target, cameras=folder / "truth" / "cameras.json")
        config = ReconstructConfig(max_side=max_side)
        scene, _ = reconstruct(open_capture(target), config, key=folder.name)
    return scene, time.perf_counter() - start


def unseen_views(folder: Path) -> list[View]:
    """The photos of `test/` with their true cameras."""
    truth = read_truth(folder / "test")
    views = []
    for path in sorted((folder / "test" / "images").iterdir()):
        camera = truth.cameras[path.stem]
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        views.append(View(path.name, camera, image, Lens(camera.width, camera.height, camera.K)))
    return views


def picture(gaussians: Gaussians, frames: tuple[Frame, ...], path: Path) -> None:
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Train splats on a CPU and score unseen photos.")
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--budget", type=float, default=180.0, help="seconds of each training")
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    warm_up()
    guided = TrainConfig(iterations=100_000, budget_secs=arguments.budget, max_side=arguments.side)
    variants = {
        "with the pointmap": guided,
        "on colour alone": dataclasses.replace(guided, depth_weight=0.0, cover_weight=0.0),
    }
    rows: list[list[object]] = []
    for folder in arguments.captures:
        scene, seconds = scene_with_true_cameras(folder, arguments.side)
        start = gaussians_from_pointmap(scene.pointmap, scene.views, count=START_COUNT)
        test = make_frames(unseen_views(folder), max_side=arguments.side)
        before = evaluate(start, test)
        rows.append([folder.name, "start", seconds, 0, len(start.means), "", before.psnr, before.ssim])
        for name, config in variants.items():
            result: TrainResult = train(scene.views, start, config, pointmap=scene.pointmap)
            after = evaluate(result.gaussians, test)
            count, fitted = len(result.gaussians.means), result.curve[-1].psnr if result.curve else ""
            row = [
                folder.name,
                name,
                result.seconds,
                result.iterations,
                count,
                fitted,
                after.psnr,
                after.ssim,
            ]
            rows.append(row)
            if arguments.pictures:
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                stem = f"{folder.name}_{'guided' if config.depth_weight else 'alone'}"
                picture(result.gaussians, test, arguments.pictures / f"{stem}.png")
    headers = [
        "capture",
        "training",
        "seconds",
        "steps",
        "splats",
        "PSNR fitted",
        "PSNR unseen",
        "SSIM unseen",
    ]
    write_result(
        "gaussians",
        "Splats trained on a CPU",
        [
            f"Longer side {arguments.side} px. True cameras, our own depth. The first row's seconds are the "
            "reconstruction; the others' are training alone, on a machine that other work may share.",
            markdown(headers, rows),
        ],
    )


if __name__ == "__main__":
    main()
