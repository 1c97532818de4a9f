"""The Gaussians of a reconstructed scene: started from its pointmap, trained on its photos, with a report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch

from liftlab.components.bounds import within
from liftlab.components.errors import InputError
from liftlab.components.gaussians.files import read_gaussians
from liftlab.components.gaussians.training.frames import make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import CurvePoint, TrainConfig, evaluate, train
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.rasterize import resolve_backend, tensors_from_gaussians
from liftlab.components.types import Gaussians, Scene

STEP_VERSION = 2
"""Raised when the computation changes; part of the key of a scene's Gaussians."""


@dataclass(frozen=True)
class GaussiansConfig:
    """Choices of the splats of one scene."""

    start_count: Annotated[int, within(1, 5_000_000)] = 15_000
    """Splats to start with, spread over the surfaces that the photos confirm."""
    held_out_every: Annotated[int, within(0, 100_000)] = 0
    """Every so many-th photo is left out of the training and only used to judge it; 0 trains on all."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How they are fitted."""


@dataclass(frozen=True)
class GaussiansReport:
    """How a training went, for people and for benchmarks."""

    stopped: Literal["iterations", "budget", "cancelled", "imported"]
    """Why it ended; "cancelled" can be continued, "imported" splats were not trained here."""
    iterations: int
    seconds: float
    """Wall time, over all sittings."""
    count: int
    """Splats."""
    psnr: float
    """Of the photos trained on, dB."""
    ssim: float
    psnr_held_out: float | None
    """Of the photos left out, dB; null without any."""
    ssim_held_out: float | None
    backend: str
    """What rendered: "cpu" or "gsplat"."""
    width: int
    """Of the first training image, pixels."""
    height: int
    curve: tuple[CurvePoint, ...]


def default_config(device: str) -> GaussiansConfig:
    """What is worth waiting for on `device`: about a minute of two processor cores, or full size on a graphics card.

    Counted in steps, not in seconds: the same steps give the same splats on a processor, however fast it is.
    """
    if torch.device(device).type == "cuda":
        return GaussiansConfig(
            start_count=100_000, train=TrainConfig(iterations=7000, max_side=1600, sh_degree=2)
        )
    return GaussiansConfig(train=TrainConfig(iterations=800, max_side=320))


def in_steps(config: GaussiansConfig, iterations: int) -> GaussiansConfig:
    """The same training, ended after so many steps and not by the clock."""
    return replace(config, train=replace(config.train, iterations=iterations, budget_secs=None))


def build_gaussians(
    scene: Scene,
    config: GaussiansConfig,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    preview: Callable[[Gaussians, int], None] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[Gaussians, GaussiansReport]:
    """Train the Gaussians of `scene`.

    Args:
        scene: Reconstructed; its photos are fitted and its pointmap guides depth.
        config: See `GaussiansConfig`.
        device: "cuda" renders with gsplat.
        checkpoint: Where training keeps its state while it runs; where the file exists, training goes on from it.
            One that is damaged is removed, and training starts anew.
        preview: Called now and then with the Gaussians so far and the iteration.
        cancel: Ends training within a step; the best so far is returned, nothing is raised.
    """
    left_out = _held_out(len(scene.views), config.held_out_every)
    fitted = [v for v in range(len(scene.views)) if v not in left_out]
    pointmap = scene.pointmap.of_views(fitted)
    views, unseen = ([scene.views[v] for v in chosen] for chosen in (fitted, sorted(left_out)))
    start = gaussians_from_pointmap(pointmap, views, count=config.start_count)
    fit = partial(
        train, views, start, config.train, pointmap=pointmap, held_out=unseen, device=device, progress=progress,
        cancel=cancel, preview=preview, checkpoint=checkpoint,
    )  # fmt: skip
    try:
        result = fit()
    except InputError:  # raised before the first step, and only for a saved state that cannot be read
        assert checkpoint is not None
        progress(0.0, "The saved training is damaged; starting anew")
        checkpoint.unlink()
        result = fit()
    frames = make_frames(views, max_side=config.train.max_side, device=device)
    own = evaluate(result.gaussians, frames)
    others = None
    if unseen:
        others = evaluate(
            result.gaussians, make_frames(unseen, max_side=config.train.max_side, device=device)
        )
    report = GaussiansReport(
        stopped=result.stopped,
        iterations=result.iterations,
        seconds=round(result.seconds, 3),
        count=len(result.gaussians.means),
        psnr=own.psnr,
        ssim=own.ssim,
        psnr_held_out=others.psnr if others else None,
        ssim_held_out=others.ssim if others else None,
        backend=resolve_backend("auto", tensors_from_gaussians(result.gaussians, device=device)),
        width=frames[0].camera.width,
        height=frames[0].camera.height,
        curve=result.curve,
    )
    return result.gaussians, report


def own_gaussians(scene: Scene, path: Path, *, device: str = "cpu") -> tuple[Gaussians, GaussiansReport]:
    """The splats that a scene was made of, untrained; judged on the views chosen of them.

    Raises:
        InputError: The file is damaged.
    """
    started = time.perf_counter()
    gaussians = read_gaussians(path)
    frames = make_frames(scene.views, max_side=TrainConfig().max_side, device=device)
    scores = evaluate(gaussians, frames)
    report = GaussiansReport(
        stopped="imported",
        iterations=0,
        seconds=round(time.perf_counter() - started, 3),
        count=len(gaussians.means),
        psnr=scores.psnr,
        ssim=scores.ssim,
        psnr_held_out=None,
        ssim_held_out=None,
        backend=resolve_backend("auto", tensors_from_gaussians(gaussians, device=device)),
        width=frames[0].camera.width,
        height=frames[0].camera.height,
        curve=(),
    )
    return gaussians, report


def _held_out(count: int, every: int) -> set[int]:
    """Indices of the views left out: every `every`-th, counted from the middle of the first group."""
    return set(range(every // 2, count, every)) if every > 1 else set()
