"""Train features on frozen Gaussians: the one loop behind every method that splats features.

A method gives a loss; the loop gives it one view at a time, the features, and rendering that costs only what the
pixels it asks for cost:

    def loss(step: TrainStep) -> Tensor | None:
        pixels = ...                                    # drawn with step.generator, row-major in step.frame
        rendered = step.render(pixels)                  # [P, D], differentiable in step.features
        return some_function(rendered, step.extra["gate"])

    result = train_features(
        scene, start, loss, FeatureTrainConfig(iterations=500), extra={"gate": Learned(gate, 2.5e-3)},
        progress=progress, cancel=cancel, generator=generator,
    )
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from liftlab.components.bounds import Amount, Rate, Share, within
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.components.geometry.projection import scaled_intrinsics
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.rasterize import tensors_from_gaussians, warm_up
from liftlab.components.rasterize.frozen import FrozenView, PixelRows
from liftlab.components.types import Array, Camera, Scene, View


@dataclass(frozen=True)
class FeatureTrainConfig:
    """Choices of one training."""

    iterations: Annotated[int, within(0, 1_000_000)] = 1000
    """Steps; each looks at one photo."""
    budget_secs: Amount | None = None
    """Wall time after which training ends early; None for no limit. `TrainStep.done` follows whichever ends first."""
    max_side: Annotated[int, within(16, 4096)] = 320
    """Longer side of the training views, pixels."""
    rate: Rate = 2.5e-3
    """Learning rate of the features at the start."""
    final_rate: Rate = 1.0
    """Share of every learning rate that is left at the end; it falls exponentially."""
    eps: Share = 1e-15
    """Of Adam, for the features: small, so that one that is rarely seen learns as fast as the others."""
    report_every: Annotated[int, within(1, 1_000_000)] = 25
    """Steps between points of the curve."""


@dataclass(frozen=True)
class Learned:
    """A parameter of the method beside the features."""

    value: Tensor
    """Where it starts."""
    rate: float
    """Adam's learning rate."""


@dataclass(frozen=True)
class TrainingFrame:
    """One view at the training's size."""

    index: int
    """Into `Scene.views`."""
    view: FrozenView
    """The Gaussians seen by its camera: `alpha`, `depth`, `rows`, `render`."""

    @property
    def camera(self) -> Camera:
        return self.view.camera

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels of the training."""
        return self.camera.height, self.camera.width

    def shrunk(self, image: Shaped[Array, "H W *C"]) -> Shaped[Array, "h w *C"]:
        """A mask or label map in view pixels at this frame's size: the nearest pixel, no mixing."""
        (height, width), (H, W) = self.size, image.shape[:2]
        rows = ((np.arange(height) + 0.5) * H / height).astype(np.intp)
        columns = ((np.arange(width) + 0.5) * W / width).astype(np.intp)
        return image[rows[:, None], columns]


@dataclass(frozen=True)
class TrainStep:
    """What a loss is given."""

    iteration: int
    done: float
    """Share of the training behind, in [0, 1)."""
    frame: TrainingFrame
    features: Float[Tensor, "N D"]
    """Of every Gaussian; a leaf that collects gradients."""
    extra: Mapping[str, Tensor]
    """The method's own parameters by name; leaves as well."""
    buffers: Mapping[str, Tensor]
    """The method's own state by name: the loss may change it in place, outside autograd; it is saved and resumed."""
    generator: torch.Generator
    """On the CPU, whatever the device of the features."""

    def rows(self, pixels: Int[Tensor, "P"]) -> PixelRows:
        """These pixels (row-major in the frame) ready to blend whatever values the method gives their Gaussians."""
        return self.frame.view.rows(pixels)

    def render(self, pixels: Int[Tensor, "P"] | None = None) -> Float[Tensor, "_ D"]:
        """Blended features at some pixels, or at all of the frame in row order; not divided by alpha."""
        if pixels is None:
            return self.frame.view.render(self.features).flatten(0, 1)
        rows = self.rows(pixels)
        return rows.blend(self.features.index_select(0, rows.gaussian_ids))


Loss = Callable[[TrainStep], Tensor | None]
"""A scalar; None where this view has nothing to learn from (the step then changes nothing)."""


@dataclass(frozen=True)
class LossPoint:
    """One report of a training."""

    iteration: int
    seconds: float
    loss: float
    """Mean over the steps since the last report."""


@dataclass(frozen=True)
class FeatureTrainResult:
    """What training gives; no tensor carries a gradient."""

    features: Float[Tensor, "N D"]
    extra: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    curve: tuple[LossPoint, ...]
    iterations: int
    seconds: float
    stopped: Literal["iterations", "budget"]


def training_frames(
    scene: Scene,
    *,
    max_side: int,
    device: torch.device | str = "cpu",
    backend: Literal["auto", "cpu", "gsplat", "reference"] = "auto",
) -> tuple[TrainingFrame, ...]:
    """All views with the longer side at most `max_side`. Raises ValueError when the scene has no Gaussians."""
    if scene.gaussians is None:
        raise ValueError("scene must have Gaussians; got none. Train or import them first.")
    gaussians = tensors_from_gaussians(scene.gaussians, device=device)
    return tuple(
        TrainingFrame(index, FrozenView(gaussians, _shrunk_camera(view, max_side), backend=backend))
        for index, view in enumerate(scene.views)
    )


def train_features(
    scene: Scene,
    start: Float[Tensor, "N D"],
    loss: Loss,
    config: FeatureTrainConfig | None = None,
    *,
    extra: Mapping[str, Learned] | None = None,
    buffers: Mapping[str, Tensor] | None = None,
    frames: tuple[TrainingFrame, ...] | None = None,
    device: torch.device | str = "cpu",
    backend: Literal["auto", "cpu", "gsplat", "reference"] = "auto",
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    generator: torch.Generator,
    checkpoint: Path | None = None,
) -> FeatureTrainResult:
    """Fit features of the scene's Gaussians, which stay as they are, to a method's loss with Adam.

    On a CPU the result is the same to the bit for a given generator and number of iterations, in one run or resumed
    (a time budget ends where the clock says).

    Args:
        scene: With Gaussians.
        start: Features at the start, any number of channels.
        loss: Called once per step with one view; every view once before any comes again, in random order.
        config: See `FeatureTrainConfig`.
        extra: The method's own parameters, trained beside the features.
        buffers: The method's own state; see `TrainStep.buffers`.
        frames: What `training_frames` gave, when the method needed them before.
        device: "cuda" renders with gsplat.
        backend: See `rasterize`.
        progress: Share done and a line with the loss.
        cancel: Stops within a step; what was trained is in `checkpoint`, if one is given.
        generator: All randomness of the training and of the loss.
        checkpoint: File written at the end and when cancelled; where it exists, training goes on from it.

    Raises:
        InputError: No view has anything to learn from, or `checkpoint` is damaged or of another training.
        Cancelled: `cancel` was set.
        ValueError: `start` has not one row per Gaussian, or the scene has no Gaussians.
    """
    config, cancel = config or FeatureTrainConfig(), cancel or CancelToken()
    cancel.check()
    if torch.device(device).type == "cpu":
        warm_up()
    frames = frames or training_frames(scene, max_side=config.max_side, device=device, backend=backend)
    if len(start) != len(frames[0].view.gaussians):
        raise ValueError(
            f"start must have one row per Gaussian ({len(frames[0].view.gaussians)}); got {list(start.shape)}."
        )
    trainer = _Trainer(start, config, extra or {}, buffers or {}, frames, torch.device(device), generator)
    if checkpoint is not None and checkpoint.exists():
        trainer.load(checkpoint)
    try:
        return trainer.run(loss, progress, cancel)
    finally:
        if checkpoint is not None:
            trainer.save(checkpoint)


class _Trainer:
    """State of one training; `run` may be left and entered again at any iteration."""

    def __init__(
        self,
        start: Tensor,
        config: FeatureTrainConfig,
        extra: Mapping[str, Learned],
        buffers: Mapping[str, Tensor],
        frames: tuple[TrainingFrame, ...],
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self.config, self.frames, self.generator = config, frames, generator
        self.features = start.detach().to(device, torch.float32, copy=True).requires_grad_(True)
        self.extra = {
            name: learned.value.detach().to(device, copy=True).requires_grad_(True)
            for name, learned in extra.items()
        }
        self.buffers = {name: value.detach().to(device, copy=True) for name, value in buffers.items()}
        groups = [{"params": [self.features], "lr": config.rate, "eps": config.eps}]
        groups += [{"params": [self.extra[name]], "lr": learned.rate} for name, learned in extra.items()]
        self.optimiser = torch.optim.Adam(groups, fused=True)
        self.rates = [group["lr"] for group in groups]
        self.iteration = 0
        self.earlier_secs = 0.0
        self.order: list[int] = []
        self.empty = 0
        self.losses: list[float] = []
        self.curve: list[LossPoint] = []

    def run(self, loss: Loss, progress: Progress, cancel: CancelToken) -> FeatureTrainResult:
        config, began = self.config, time.perf_counter()
        earlier = self.earlier_secs
        stopped: Literal["iterations", "budget"] = "iterations"
        while self.iteration < config.iterations:
            cancel.check()
            done = self.iteration / config.iterations
            if config.budget_secs is not None:
                done = max(done, self.earlier_secs / config.budget_secs)
            if done >= 1:
                stopped = "budget"
                break
            self._step(loss, done)
            self.iteration += 1
            self.earlier_secs = earlier + time.perf_counter() - began
            if self.iteration % config.report_every == 0 or self.iteration == config.iterations:
                self._report(done, progress)
        progress(1.0, "Features trained")
        return FeatureTrainResult(
            features=self.features.detach(),
            extra={name: value.detach() for name, value in self.extra.items()},
            buffers=self.buffers,
            curve=tuple(self.curve),
            iterations=self.iteration,
            seconds=self.earlier_secs,
            stopped=stopped,
        )

    def _step(self, loss: Loss, done: float) -> None:
        if not self.order:
            self.order = torch.randperm(len(self.frames), generator=self.generator).tolist()
        frame = self.frames[self.order.pop()]
        step = TrainStep(self.iteration, done, frame, self.features, self.extra, self.buffers, self.generator)
        value = loss(step)
        if value is None:
            self.empty += 1
            if self.empty >= 2 * len(self.frames):  # surely a whole pass over the views
                raise InputError("No photo has a mask to learn from: build the masks of this scene again.")
            return
        self.empty = 0
        value.backward()
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.config.final_rate ** min(done, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.losses.append(float(value.detach()))

    def _report(self, done: float, progress: Progress) -> None:
        mean = float(np.mean(self.losses)) if self.losses else float("nan")
        self.losses = []
        self.curve.append(LossPoint(self.iteration, self.earlier_secs, mean))
        progress(
            min(done, 1.0),
            f"Training features: step {self.iteration} of {self.config.iterations}, loss {mean:.3f}",
        )

    def save(self, path: Path) -> None:
        """Write everything `run` needs to go on, as safetensors."""
        curve = [[p.iteration, p.seconds, p.loss] for p in self.curve]
        tensors = {
            "features": self.features.detach(),
            "generator": self.generator.get_state(),
            "order": torch.tensor(self.order, dtype=torch.int64),
            "counters": torch.tensor([self.iteration, self.empty, self.earlier_secs], dtype=torch.float64),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "curve": torch.tensor(curve, dtype=torch.float64).reshape(-1, 3),
        }
        tensors |= {f"extra.{name}": value.detach() for name, value in self.extra.items()}
        tensors |= {f"buffer.{name}": value for name, value in self.buffers.items()}
        for index, parameter in enumerate(self._parameters()):
            for name, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"adam.{index}.{name}"] = value
        with atomic_write(path) as file:
            file.write(save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))

    def load(self, path: Path) -> None:
        """Take over a saved state. Raises InputError when the file does not fit."""
        try:
            tensors = load_file(path)
            iteration, empty, seconds = tensors["counters"].tolist()
            values = [tensors["features"], *(tensors[f"extra.{name}"] for name in self.extra)]
            buffers = {name: tensors[f"buffer.{name}"] for name in self.buffers}
            self.generator.set_state(tensors["generator"])
            order, losses, curve = (tensors[name].tolist() for name in ("order", "losses", "curve"))
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
            raise InputError(
                f"The saved training cannot be read; delete it to start anew. ({path.name})"
            ) from error
        if any(a.shape != b.shape for a, b in zip(values, self._parameters(), strict=True)):
            raise InputError(
                f"The saved training is of other Gaussians or settings; delete it to start anew. ({path.name})"
            )
        with torch.no_grad():
            for parameter, value in zip(self._parameters(), values, strict=True):
                parameter.copy_(value)
            for name, value in buffers.items():
                self.buffers[name].copy_(value)
        for index, parameter in enumerate(self._parameters()):
            prefix = f"adam.{index}."
            state = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            if state:
                self.optimiser.state[parameter] = {n: t.to(parameter.device) for n, t in state.items()}
        self.iteration, self.empty, self.earlier_secs = int(iteration), int(empty), float(seconds)
        self.order, self.losses = order, losses
        self.curve = [LossPoint(int(i), s, mean) for i, s, mean in curve]

    def _parameters(self) -> list[Tensor]:
        return [self.features, *self.extra.values()]


def _shrunk_camera(view: View, max_side: int) -> Camera:
    camera = view.camera
    scale = min(1.0, max_side / max(camera.width, camera.height))
    width, height = max(1, round(camera.width * scale)), max(1, round(camera.height * scale))
    K = scaled_intrinsics(camera.K, width / camera.width, height / camera.height)
    return Camera(K, camera.world_to_camera, width, height)
