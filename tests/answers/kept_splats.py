"""The splats that methods are asked on: kept beside the record, in place of those that a training gives here.

A training sums hundreds of thousands of numbers in each step, and which instructions a processor does that with
decides their last bits; after a hundred steps splats stand elsewhere, one more or less among them. So a training is
judged by what its splats show (`Answers.shown`), and methods start from the same splats everywhere.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from liftlab.components.gaussians.training.frames import make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import evaluate
from liftlab.components.types import Gaussians, Scene
from liftlab.pipelines.steps import gaussians as step
from liftlab.pipelines.steps.gaussians import GaussiansConfig

FIT_DB = 3.0
"""Kept splats that show the photos so much worse than those trained now belong to other cameras."""
EXACT = "means"
"""Positions stay in 32 bits; the rest in 16, which is finer than what a training leaves to chance."""


def save_splats(path: Path, gaussians: Gaussians) -> None:
    fields = vars(gaussians)
    arrays = {name: value if name == EXACT else value.astype(np.float16) for name, value in fields.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_splats(path: Path) -> Gaussians:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name].astype(np.float32) for name in file.files}
    arrays["quats"] /= np.sqrt((arrays["quats"] ** 2).sum(axis=1, keepdims=True))
    return Gaussians(**arrays)


@contextlib.contextmanager
def trained_but_kept(path: Path | None, shown: dict[str, float], *, renew: bool) -> Iterator[None]:
    """Training gives the splats of the file `path`, or without one those that it starts from.

    Args:
        shown: Is given what splats show of the photos: those trained here, and those kept.
        renew: Write the file with the splats trained here where it is missing or its splats do not fit the scene.
    """
    build = step.build_gaussians

    def trained(scene: Scene, config: GaussiansConfig, **options: Any) -> tuple[Gaussians, Any]:
        gaussians, report = build(scene, config, **options)
        frames = make_frames(scene.views, max_side=config.train.max_side)
        if path is None:
            kept = gaussians_from_pointmap(scene.pointmap, scene.views, count=config.start_count)
        else:
            if renew and (
                not path.exists() or evaluate(load_splats(path), frames).psnr < report.psnr - FIT_DB
            ):
                save_splats(path, gaussians)
            kept = load_splats(path)
        shown.update(
            {
                "psnr, trained": report.psnr,
                "ssim, trained": report.ssim,
                "psnr, kept": evaluate(kept, frames).psnr,
            }
        )
        return kept, report

    with mock.patch.object(step, "build_gaussians", trained):
        yield
