"""Train splats and features on them together: of the scene's splats on, or from points and with densification.

A method gives a loss on the features as one photo sees them, and the loop adds the photo's own:

    def loss(step: JointStep) -> Tensor | None:
        return some_function(step.seen.flatten(0, 1), step.extra["gate"])

    splats = starting_splats(scene, config)
    result = train_jointly(scene, splats, torch.randn(len(splats.means), 16), loss, config, device=device, ...)

Equation numbers are those of docs/methods/proto_saga.md.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from liftlab.components.bounds import Amount, Rate, Share, within
from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY
from liftlab.components.gaussians.training.density import (
    DensityConfig,
    GradientRecord,
    adapt,
    clear_of_cameras,
    surface_distances,
)
from liftlab.components.gaussians.training.frames import TrainingImage, camera_extent, make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import TrainConfig, evaluate, learning_rates
from liftlab.components.gaussians.training.parameters import Parameters, parameters_from_gaussians
from liftlab.components.gaussians.training.similarity import ssim
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.rasterize import RenderResult, rasterize, warm_up
from liftlab.components.types import Gaussians, Scene
from liftlab.pipelines.methods.shared.feature_trainer import Learned, LossPoint

FEATURES = "features"
"""Name of the features among the trained parameters."""


@dataclass(frozen=True)
class SplatsAndFeatures:
    """Choices of a training of splats and features together."""

    iterations: Annotated[int, within(0, 1_000_000)] = 600
    """Steps; each renders one photo whole. The papers take 30,000 from the start of the splats."""
    budget_secs: Amount | None = field(default=None, metadata=OMIT_DEFAULT_FROM_KEY)
    """Wall time after which training ends early; None for no limit. Schedules follow whichever ends first."""
    max_side: Annotated[int, within(16, 4096)] = 320
    """Longer side of the training images, pixels."""
    ssim_weight: Share = 0.2
    """Weight of 1 - SSIM; L1 has the rest."""
    embedding_rate: Rate = 1e-2
    """Learning rate of the features; the papers' is for 30,000 steps."""
    detach_geometry: bool = False
    """The features' loss teaches features alone; off, as in the papers, it moves the splats too."""
    start: Literal["trained", "points"] = field(default="trained", metadata=OMIT_DEFAULT_FROM_KEY)
    """Trained: goes on with the scene's splats, whose number stays. Points: as the papers, new splats begin at the
    points of the photos and are added and dropped on the way."""
    start_count: Annotated[int, within(1, 20_000_000)] = field(default=20_000, metadata=OMIT_DEFAULT_FROM_KEY)
    """Splats at the start from points."""
    densify_from: Share = field(default=0.1, metadata=OMIT_DEFAULT_FROM_KEY)
    """From points: share of the training before the first densification."""
    densify_until: Share = field(default=0.5, metadata=OMIT_DEFAULT_FROM_KEY)
    """From points: share of the training after the last one."""
    densify_every: Annotated[int, within(1, 1_000_000)] = field(default=100, metadata=OMIT_DEFAULT_FROM_KEY)
    """From points: steps between densifications."""
    density: DensityConfig = field(default_factory=DensityConfig, metadata=OMIT_DEFAULT_FROM_KEY)
    """From points: which splats are added and dropped."""
    rate_means: Rate = 1.6e-5
    """From trained splats, learning rate of positions, per scene scale: a tenth of the first training's, since splats
    are in place. From points rates are those of the splats' own training."""
    rate_others: Rate = 1e-3
    """From trained splats, learning rate of scales, rotations, opacities and colours."""
    report_every: Annotated[int, within(1, 1_000_000)] = 25
    """Steps between points of the curve."""


@dataclass(frozen=True)
class JointConfig(SplatsAndFeatures):
    """Choices of Proto-SaGa's joint training."""

    classifier_weight: Amount = 0.05
    """Weight of the classifiers' loss beside the photo's."""


@dataclass(frozen=True)
class JointStep:
    """What a loss is given: one photo, rendered whole."""

    index: int
    """Into `Scene.views`."""
    iteration: int
    done: float
    """Share of the training behind, in [0, 1)."""
    seen: Float[Tensor, "H W C"]
    """What is shown of the features as this photo sees it, not divided by alpha."""
    alpha: Float[Tensor, "H W"]
    """Without a gradient."""
    features: Float[Tensor, "N D"]
    """Of every splat; a leaf that collects gradients."""
    means: Float[Tensor, "N 3"]
    """Centres of the splats, without a gradient. Their number changes from step to step."""
    extra: Mapping[str, Tensor]
    """The method's own parameters by name; leaves as well."""
    generator: torch.Generator

    def shrunk(self, image: Int64[Tensor, "_ _"]) -> Int64[Tensor, "h w"]:
        """A label map in view pixels at this step's size: the nearest pixel's label."""
        (height, width), (H, W) = self.alpha.shape, image.shape
        rows = ((torch.arange(height) + 0.5) * H / height).long().to(image.device)
        columns = ((torch.arange(width) + 0.5) * W / width).long().to(image.device)
        return image[rows[:, None], columns]


JointLoss = Callable[[JointStep], Tensor | None]
"""A scalar; None where this photo has nothing to learn from but its colours."""
Shown = Callable[[Tensor], Tensor]
"""Features [N, D] to what is rendered of them [N, C], differentiable."""


@dataclass(frozen=True)
class JointResult:
    """What joint training gives; no tensor carries a gradient."""

    gaussians: Gaussians
    """From trained splats: as many as at the start, in the same order."""
    features: Float32[Tensor, "N D"]
    extra: Mapping[str, Tensor]
    curve: tuple[LossPoint, ...]
    """Of the features' loss."""
    seconds: float
    psnr: float
    """Of the photos trained on, dB."""


def starting_splats(scene: Scene, config: SplatsAndFeatures) -> Gaussians:
    """The splats that joint training begins with."""
    assert scene.gaussians is not None, "checked by the method"
    if config.start == "trained":
        return scene.gaussians
    return gaussians_from_pointmap(scene.pointmap, scene.views, count=config.start_count)


def train_jointly(
    scene: Scene,
    splats: Gaussians,
    start: Float[Tensor, "N D"],
    loss: JointLoss,
    config: SplatsAndFeatures,
    *,
    shown: Shown | None = None,
    extra: Mapping[str, Learned] | None = None,
    device: torch.device,
    progress: Progress = no_progress,
    cancel: CancelToken,
    generator: torch.Generator,
) -> JointResult:
    """Fit photos and masks at once.

    On a CPU the result is the same to the bit for a given generator and number of iterations.

    Args:
        scene: Its photos are fitted.
        splats: Of `starting_splats`.
        start: Features at the start, one row per splat.
        loss: Called once per step; every photo once before any comes again, in random order. Where splats are added
            its gradients do not count: those of the photo's own loss say where.
        shown: What of the features is rendered; they themselves when not given.
        extra: The method's own parameters, trained beside the features.

    Raises:
        Cancelled: `cancel` was set.

    Source: Proto-SaGa, eqs. 1 to 3 and 6; UniC-Lift trains in the same way. From trained splats neither is followed.
    """
    if device.type == "cpu":
        warm_up()
    trainer = _Trainer(scene, splats, start, config, shown, extra or {}, device, generator)
    return trainer.run(loss, progress, cancel)


class _Trainer:
    """State of one training."""

    def __init__(
        self,
        scene: Scene,
        splats: Gaussians,
        start: Tensor,
        config: SplatsAndFeatures,
        shown: Shown | None,
        extra: Mapping[str, Learned],
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        assert scene.gaussians is not None, "checked by the method"
        self.config, self.shown, self.generator = config, shown, generator
        self.frames = make_frames(scene.views, max_side=config.max_side, device=device)
        self.cameras = [view.camera for view in scene.views]
        self.scale = camera_extent(self.cameras)
        degree = round(scene.gaussians.sh.shape[1] ** 0.5) - 1
        self.parameters: Parameters = parameters_from_gaussians(splats, sh_degree=degree, device=device)
        self.parameters.carry(FEATURES, start.detach().to(device, torch.float32))
        self.record = GradientRecord(len(self.parameters), device)
        self.clear = np.zeros(len(self.cameras))
        if config.start == "points":
            self.clear = config.density.clear_share * surface_distances(self.cameras, splats.means)
        self.extra = {
            name: learned.value.detach().to(device, copy=True).requires_grad_(True)
            for name, learned in extra.items()
        }
        groups = [{"params": [self.extra[name]], "lr": learned.rate} for name, learned in extra.items()]
        self.optimiser = torch.optim.Adam(groups) if groups else None
        self.losses: list[float] = []

    def run(self, loss: JointLoss, progress: Progress, cancel: CancelToken) -> JointResult:
        config, began = self.config, time.perf_counter()
        order: list[int] = []
        curve: list[LossPoint] = []
        iteration = 0
        while iteration < config.iterations:
            cancel.check()
            seconds = time.perf_counter() - began
            done = iteration / config.iterations
            if config.budget_secs is not None:
                done = max(done, seconds / config.budget_secs)
            if done >= 1:
                break
            order = order or torch.randperm(len(self.frames), generator=self.generator).tolist()
            self._step(loss, order.pop(), iteration, done)
            iteration += 1
            if iteration % config.report_every == 0 or iteration == config.iterations:
                mean = float(np.mean(self.losses)) if self.losses else float("nan")
                curve.append(LossPoint(iteration, time.perf_counter() - began, mean))
                self.losses = []
                progress(
                    min(done, 1.0), f"Training {len(self.parameters):,} splats and features: {iteration}"
                )
        if config.start == "points":
            self._drop_fog()
        gaussians = self.parameters.snapshot()
        return JointResult(
            gaussians,
            self.parameters.values[FEATURES].detach(),
            {name: value.detach() for name, value in self.extra.items()},
            tuple(curve),
            time.perf_counter() - began,
            evaluate(gaussians, self.frames).psnr,
        )

    def _step(self, loss: JointLoss, index: int, iteration: int, done: float) -> None:
        """Render one photo, step all optimisers, add and drop splats when it is time."""
        config, frame = self.config, self.frames[index]
        features = self.parameters.values[FEATURES]
        shown = features if self.shown is None else self.shown(features)
        rendered = rasterize(self.parameters.activated(), [frame.camera], features=shown)
        assert rendered.colour is not None and rendered.features is not None
        photo, seen = _photo_loss(rendered.colour[0], frame, config.ssim_weight), rendered.features[0]
        densifying = config.start == "points" and config.densify_from <= done < config.densify_until
        if config.detach_geometry or densifying:
            photo.backward(retain_graph=not config.detach_geometry)
            photo = torch.zeros((), device=features.device)
            if densifying:  # before the features' loss adds its own gradients
                self.record.add(rendered, frame.camera.width, frame.camera.height)
        if config.detach_geometry:
            seen = _rendered_alone(self.parameters, shown, frame)
        step = JointStep(
            index, iteration, done, seen, rendered.alpha[0].detach(), features,
            self.parameters.values["means"].detach(), self.extra, self.generator,
        )  # fmt: skip
        own = loss(step)
        if own is not None:
            self.losses.append(float(own.detach()))
        total = photo if own is None else photo + own
        if total.requires_grad:
            total.backward()
        self.parameters.step(self._rates(done))
        if self.optimiser is not None:
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
        if config.start == "points" and (iteration + 1) % config.densify_every == 0:
            self._drop_fog()
            if densifying:
                adapt(self.parameters, self.record, self.scale, config.density, self.generator)
                self.record = GradientRecord(len(self.parameters), features.device)

    def _rates(self, done: float) -> dict[str, float]:
        config = self.config
        if config.start == "points":
            return {**learning_rates(TrainConfig(), self.scale, done), FEATURES: config.embedding_rate}
        rates = dict.fromkeys(self.parameters.values, config.rate_others)
        return rates | {"means": config.rate_means * self.scale, FEATURES: config.embedding_rate}

    def _drop_fog(self) -> None:
        clear = clear_of_cameras(self.parameters.values["means"].detach(), self.cameras, self.clear)
        if clear.any() and not clear.all():
            self.parameters.keep(clear)
            self.record.keep(clear)


def _photo_loss(image: Float[Tensor, "H W 3"], frame: TrainingImage, ssim_weight: float) -> Float[Tensor, ""]:
    """L1 and 1 - SSIM together. Source: Proto-SaGa, eq. 3."""
    target = frame.target(image)
    loss = (1 - ssim_weight) * (image - target).abs().mean()
    return loss + ssim_weight * (1 - ssim(image, target))


def _rendered_alone(
    parameters: Parameters, features: Float[Tensor, "N D"], frame: TrainingImage
) -> Float[Tensor, "H W D"]:
    """The features seen in a photo, their gradient reaching them alone and not the splats."""
    g = parameters.activated()
    frozen = type(g)(g.means.detach(), g.quats.detach(), g.scales.detach(), g.opacities.detach(), None)
    rendered: RenderResult = rasterize(frozen, [frame.camera], features=features)
    assert rendered.features is not None
    return rendered.features[0]
