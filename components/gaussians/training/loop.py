"""Train Gaussians on photos: L1 and SSIM on colour, the pointmap's depth as a guide, densification, a time
budget."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from liftlab.components.bounds import Amount, Rate, Seed, Share, within
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.components.gaussians.training.density import (
    DensityConfig,
    GradientRecord,
    adapt,
    clear_of_cameras,
    surface_distances,
)
from liftlab.components.gaussians.training.frames import TrainingImage, camera_extent, make_frames
from liftlab.components.gaussians.training.parameters import FIELDS, Parameters, parameters_from_gaussians
from liftlab.components.gaussians.training.similarity import psnr, ssim
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.rasterize import rasterize, tensors_from_gaussians, warm_up
from liftlab.components.types import Gaussians, Pointmap, View

CHECKPOINT_SECS = 10.0
"""A running training is saved at the first report after so long, so that a kill costs little."""


@dataclass(frozen=True)
class TrainConfig:
    """Choices of one training."""

    iterations: Annotated[int, within(0, 1_000_000)] = 3000
    """Steps; each renders one photo."""
    budget_secs: Amount | None = None
    """Wall time after which training ends early; None for no limit. Schedules follow whichever ends first."""
    max_side: Annotated[int, within(16, 4096)] = 320
    """Longer side of the training images, pixels."""
    coarse_share: Share = 0.25
    """Share of the training done at half that size, first."""
    sh_degree: Annotated[int, within(0, 3)] = 1
    """Harmonic degree of the colour; few photos do not support more."""
    ssim_weight: Share = 0.2
    """Weight of 1 - SSIM; L1 has the rest."""
    depth_weight: Amount = 0.1
    """Weight of the relative depth error at pixels the pointmap confirms; 0 trains on colour alone."""
    cover_weight: Amount = 0.02
    """Weight of the light that passes where the pointmap confirms a surface."""
    densify_from: Share = 0.1
    """Share of the training before the first densification."""
    densify_until: Share = 0.6
    """Share of the training after the last one."""
    densify_every: Annotated[int, within(1, 1_000_000)] = 100
    """Steps between densifications."""
    density: DensityConfig = field(default_factory=DensityConfig)
    rate_means: Rate = 1.6e-4
    """Learning rate of positions at the start, per scene scale; falls a hundredfold."""
    rate_scales: Rate = 5e-3
    rate_quats: Rate = 1e-3
    rate_opacities: Rate = 5e-2
    rate_colour: Rate = 2.5e-3
    """Of the degree-0 colour; other harmonics learn 20 times slower."""
    report_every: Annotated[int, within(1, 1_000_000)] = 100
    """Steps between points of the curve."""
    seed: Seed = 0


@dataclass(frozen=True)
class CurvePoint:
    """One report of a training."""

    iteration: int
    seconds: float
    psnr: float
    """Of held-out views if there are any, else the mean over the training steps since the last report, dB."""
    count: int
    """Gaussians."""


@dataclass(frozen=True)
class TrainResult:
    """What training gives, also when it was stopped early."""

    gaussians: Gaussians
    """The best at a report when there are held-out views or it was stopped, else the last."""
    curve: tuple[CurvePoint, ...]
    iterations: int
    seconds: float
    stopped: Literal["iterations", "budget", "cancelled"]


@dataclass(frozen=True)
class Scores:
    """Mean over views of an image comparison."""

    psnr: float
    ssim: float


def learning_rates(config: TrainConfig, scale: float, done: float) -> dict[str, float]:
    """Of every field of `Parameters`, in a scene of this scale when a share `done` of the training is behind."""
    return {
        "means": config.rate_means * scale * 0.01 ** min(done, 1.0),
        "quats": config.rate_quats,
        "log_scales": config.rate_scales,
        "logits": config.rate_opacities,
        "sh_first": config.rate_colour,
        "sh_rest": config.rate_colour / 20,
    }


def evaluate(gaussians: Gaussians, frames: Sequence[TrainingImage]) -> Scores:
    """Render `frames` and compare. Raises ValueError without frames."""
    if not frames:
        raise ValueError("frames must hold at least one view; got none.")
    tensors = tensors_from_gaussians(gaussians, device=frames[0].image.device)
    values = []
    for frame in frames:
        with torch.no_grad():
            image = rasterize(tensors, [frame.camera]).colour
        assert image is not None
        image = image[0].clamp(0, 1)
        target = frame.target(image)
        seen = (image, target)
        if frame.used is not None:
            seen = (image[frame.used][None], target[frame.used][None])
        values.append((psnr(*seen), float(ssim(image, target))))
    return Scores(*(float(value) for value in np.mean(values, axis=0)))


def train(
    views: Sequence[View],
    start: Gaussians,
    config: TrainConfig | None = None,
    *,
    pointmap: Pointmap | None = None,
    held_out: Sequence[View] = (),
    device: torch.device | str = "cpu",
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    preview: Callable[[Gaussians, int], None] | None = None,
    checkpoint: Path | None = None,
) -> TrainResult:
    """Fit `start` to the photos of `views`.

    Deterministic on a CPU for a given seed and number of iterations (a time budget ends where the clock
    says).

    Args:
        views: Photos and cameras to fit.
        start: See `initialise`.
        config: See `TrainConfig`.
        pointmap: Of `views`, same order; guides depth and cover.
        held_out: Views only looked at, for the curve.
        device: "cuda" renders with gsplat.
        progress: Share done and a line with PSNR and the number of Gaussians.
        cancel: Stops within a step and returns the best so far; nothing is raised.
        preview: Called at every report with a copy of the Gaussians and the iteration.
        checkpoint: File written now and then, at the end and when stopped; where it exists, training goes on
            from it.

    Raises:
        InputError: `checkpoint` is damaged or belongs to another kind of training.
        ValueError: there are no views.
    """
    config, cancel = config or TrainConfig(), cancel or CancelToken()
    if not views:
        raise ValueError("views must hold at least one photo; got none.")
    if torch.device(device).type == "cpu":
        warm_up(part_of(progress, 0.0, 0.0))
    trainer = _Trainer(views, start, config, pointmap, held_out, torch.device(device))
    if checkpoint is not None and checkpoint.exists():
        trainer.load(checkpoint)
    result = trainer.run(progress, cancel, preview, checkpoint)
    if checkpoint is not None:
        trainer.save(checkpoint)
    return result


class _Trainer:
    """State of one training; `run` may be left and entered again at any iteration."""

    def __init__(
        self,
        views: Sequence[View],
        start: Gaussians,
        config: TrainConfig,
        pointmap: Pointmap | None,
        held_out: Sequence[View],
        device: torch.device,
    ) -> None:
        self.config = config
        self.fine = make_frames(views, max_side=config.max_side, pointmap=pointmap, device=device)
        half = max(config.max_side // 2, 1)
        self.coarse = make_frames(views, max_side=half, pointmap=pointmap, device=device)
        self.held_out = make_frames(held_out, max_side=config.max_side, device=device)
        self.cameras = [view.camera for view in views]
        self.clear = config.density.clear_share * surface_distances(self.cameras, start.means)
        self.scale = camera_extent(self.cameras)
        self.parameters: Parameters = parameters_from_gaussians(
            start, sh_degree=config.sh_degree, device=device
        )
        self.record = GradientRecord(len(self.parameters), device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.iteration = 0
        self.earlier_secs = 0.0
        self.order: list[int] = []
        self.curve: list[CurvePoint] = []
        self.best: tuple[float, Gaussians] | None = None
        self.errors: list[float] = []

    def run(
        self,
        progress: Progress,
        cancel: CancelToken,
        preview: Callable[[Gaussians, int], None] | None,
        checkpoint: Path | None = None,
    ) -> TrainResult:
        config, began = self.config, time.perf_counter()
        before, saved = self.earlier_secs, began
        stopped: Literal["iterations", "budget", "cancelled"] = "iterations"
        while self.iteration < config.iterations:
            seconds = before + time.perf_counter() - began
            done = self.iteration / config.iterations
            if config.budget_secs is not None:
                done = max(done, seconds / config.budget_secs)
            if cancel.cancelled or done >= 1:
                stopped = "cancelled" if cancel.cancelled else "budget"
                break
            self._step(done)
            self.iteration += 1
            if self.iteration % config.report_every == 0 or self.iteration == config.iterations:
                self._report(done, seconds, progress, preview)
                if checkpoint is not None and time.perf_counter() - saved > CHECKPOINT_SECS:
                    self.earlier_secs = before + time.perf_counter() - began
                    self.save(checkpoint)
                    saved = time.perf_counter()
        if stopped != "cancelled":  # one that goes on must find what it left
            self._drop_fog()
        self.earlier_secs = before + time.perf_counter() - began
        last = self.parameters.snapshot()
        use_best = self.best is not None and (stopped == "cancelled" or bool(self.held_out))
        return TrainResult(
            gaussians=self.best[1] if use_best and self.best is not None else last,
            curve=tuple(self.curve),
            iterations=self.iteration,
            seconds=self.earlier_secs,
            stopped=stopped,
        )

    def _step(self, done: float) -> None:
        """Render one photo, step the optimiser, adapt the number of Gaussians when it is time."""
        config = self.config
        if not self.order:
            self.order = torch.randperm(len(self.fine), generator=self.generator).tolist()
        frames = self.coarse if done < config.coarse_share else self.fine
        frame = frames[self.order.pop()]
        gaussians = self.parameters.activated()
        result = rasterize(gaussians, [frame.camera])
        assert result.colour is not None
        image = result.colour[0]
        target = frame.target(image)
        loss = (1 - config.ssim_weight) * (image - target).abs().mean()
        loss = loss + config.ssim_weight * (1 - ssim(image, target))
        if frame.depth is not None:
            loss = loss + self._geometry_loss(result.depth[0], result.alpha[0], frame.depth)
        loss.backward()
        self.errors.append(psnr(image.detach().clamp(0, 1), target))
        if config.densify_from <= done < config.densify_until:
            with torch.no_grad():
                self.record.add(result, frame.camera.width, frame.camera.height)
        self.parameters.step(learning_rates(config, self.scale, done))
        due = (self.iteration + 1) % config.densify_every == 0
        if due:
            self._drop_fog()
        if due and config.densify_from <= done < config.densify_until:
            adapt(self.parameters, self.record, self.scale, config.density, self.generator)
            self.record = GradientRecord(len(self.parameters), self.record.total.device)

    def _drop_fog(self) -> None:
        clear = clear_of_cameras(self.parameters.values["means"].detach(), self.cameras, self.clear)
        if clear.any() and not clear.all():
            self.parameters.keep(clear)
            self.record.keep(clear)

    def _geometry_loss(self, depth: Tensor, alpha: Tensor, target: Tensor) -> Tensor:
        """Relative depth error, and light passed, where the pointmap confirms a surface."""
        known = target > 0
        share = known / known.sum().clamp_min(1)
        error = ((depth - target).abs() / target.clamp_min(1e-9)).clamp_max(
            0.2
        )  # outliers pull with no force
        return (
            self.config.depth_weight * error * share + self.config.cover_weight * (1 - alpha) * share
        ).sum()

    def _report(
        self,
        done: float,
        seconds: float,
        progress: Progress,
        preview: Callable[[Gaussians, int], None] | None,
    ) -> None:
        snapshot = self.parameters.snapshot()
        quality = evaluate(snapshot, self.held_out).psnr if self.held_out else float(np.mean(self.errors))
        self.errors = []
        self.curve.append(CurvePoint(self.iteration, seconds, quality, len(self.parameters)))
        if self.best is None or quality >= self.best[0]:
            self.best = (quality, snapshot)
        progress(min(done, 1.0), f"Training splats: {quality:.1f} dB, {len(self.parameters):,} splats")
        if preview is not None:
            preview(snapshot, self.iteration)

    def save(self, path: Path) -> None:
        """Write everything `run` needs to go on, as safetensors."""
        tensors = {
            "generator": self.generator.get_state(),
            "order": torch.tensor(self.order, dtype=torch.int64),
        }
        tensors["counters"] = torch.tensor(
            [self.iteration, self.parameters.steps, self.earlier_secs], dtype=torch.float64
        )
        for name in FIELDS:
            tensors[f"value.{name}"] = self.parameters.values[name].detach()
            tensors[f"first.{name}"] = self.parameters.first_moment[name]
            tensors[f"second.{name}"] = self.parameters.second_moment[name]
        tensors |= {"record.total": self.record.total, "record.seen": self.record.seen}
        tensors["curve"] = torch.tensor(
            [dataclasses.astuple(point) for point in self.curve], dtype=torch.float64
        ).reshape(-1, 4)
        with atomic_write(path) as file:
            file.write(save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))

    def load(self, path: Path) -> None:
        """Take over a saved state. Raises InputError when the file does not fit."""
        try:
            tensors = load_file(path)
            iteration, steps, seconds = tensors["counters"].tolist()
            fields = {
                name: (tensors[f"value.{name}"], tensors[f"first.{name}"], tensors[f"second.{name}"])
                for name in FIELDS
            }
            record = tensors["record.total"], tensors["record.seen"]
            self.generator.set_state(tensors["generator"])
            order = tensors["order"].tolist()
            curve = [
                CurvePoint(int(row[0]), row[1], row[2], int(row[3])) for row in tensors["curve"].tolist()
            ]
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
            raise InputError(
                f"The saved training cannot be read; delete it to start anew. ({path.name})"
            ) from error
        if fields["sh_rest"][0].shape[1:] != self.parameters.values["sh_rest"].shape[1:]:
            raise InputError(
                f"The saved training has another harmonic degree; delete it to start anew. ({path.name})"
            )
        device = self.record.total.device
        for name, (value, first, second) in fields.items():
            self.parameters.values[name] = value.to(device).requires_grad_(True)
            self.parameters.first_moment[name] = first.to(device)
            self.parameters.second_moment[name] = second.to(device)
        self.parameters.steps = int(steps)
        self.record = GradientRecord(len(self.parameters), device)
        self.record.total, self.record.seen = record[0].to(device), record[1].to(device)
        self.iteration, self.earlier_secs, self.order = int(iteration), float(seconds), order
        self.curve = curve
