"""Go on training a scene's Gaussians together with embeddings and one classifier per photo.

Equation numbers are those of docs/methods/proto_saga.md.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from liftlab.components.bounds import Amount, Rate, Share, within
from liftlab.components.features.view_classifiers import classifier_loss
from liftlab.components.gaussians.training.frames import TrainingImage, camera_extent, make_frames
from liftlab.components.gaussians.training.parameters import Parameters, parameters_from_gaussians
from liftlab.components.gaussians.training.similarity import ssim
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.rasterize import rasterize, warm_up
from liftlab.components.types import Gaussians, Scene
from liftlab.pipelines.methods.shared.feature_trainer import Learned, LossPoint


@dataclass(frozen=True)
class JointConfig:
    """Choices of the joint training."""

    iterations: Annotated[int, within(0, 1_000_000)] = 600
    """Steps; each renders one photo whole. The paper takes 30,000 from the start of the splats."""
    max_side: Annotated[int, within(16, 4096)] = 320
    """Longer side of the training images, pixels."""
    ssim_weight: Share = 0.2
    """Weight of 1 - SSIM; L1 has the rest."""
    classifier_weight: Amount = 0.05
    """Weight of the classifiers' loss beside the photo's."""
    embedding_rate: Rate = 1e-2
    """Learning rate of the embeddings; the paper's 2.5e-3 is for 30,000 steps."""
    detach_geometry: bool = False
    """The classifiers' loss teaches embeddings and classifiers alone; the paper lets it move the splats too."""
    rate_means: Rate = 1.6e-5
    """Learning rate of positions, per scene scale: a tenth of the first training's, since splats are in place."""
    rate_others: Rate = 1e-3
    """Learning rate of scales, rotations, opacities and colours."""
    report_every: Annotated[int, within(1, 1_000_000)] = 25
    """Steps between points of the curve."""


@dataclass(frozen=True)
class JointResult:
    """What joint training gives."""

    gaussians: Gaussians
    """As many as at the start, in the same order: nothing is added or taken away."""
    features: Float32[Tensor, "N D"]
    classifiers: Mapping[str, Tensor]
    curve: tuple[LossPoint, ...]
    seconds: float


def train_jointly(
    scene: Scene,
    start: Float[Tensor, "N D"],
    classifiers: Mapping[str, Learned],
    labels: Sequence[Int64[Tensor, "_ _"]],
    config: JointConfig,
    *,
    tau: float,
    device: torch.device,
    progress: Progress = no_progress,
    cancel: CancelToken,
    generator: torch.Generator,
) -> JointResult:
    """Fit photos and masks at once.

    Args:
        scene: With Gaussians, where training starts.
        start: Embeddings at the start.
        classifiers: "viewK" [D, L_K] of every photo.
        labels: Per photo, view pixels: column of its classifier plus 1, 0 = nothing to learn.

    Raises:
        Cancelled: `cancel` was set.

    Source: Proto-SaGa, eqs. 1 to 6. We differ: it starts from trained splats and does not densify.
    """
    assert scene.gaussians is not None, "checked by the method"
    if device.type == "cpu":
        warm_up()
    began = time.perf_counter()
    frames = make_frames(scene.views, max_side=config.max_side, device=device)
    sizes = [(frame.camera.height, frame.camera.width) for frame in frames]
    targets = [_shrunk(image, size) for image, size in zip(labels, sizes, strict=True)]
    degree = round(scene.gaussians.sh.shape[1] ** 0.5) - 1
    parameters = parameters_from_gaussians(scene.gaussians, sh_degree=degree, device=device)
    rates = dict.fromkeys(parameters.values, config.rate_others)
    rates["means"] = config.rate_means * camera_extent([view.camera for view in scene.views])
    features = start.detach().to(device, torch.float32, copy=True).requires_grad_(True)
    heads = {
        name: w.value.detach().to(device, copy=True).requires_grad_(True) for name, w in classifiers.items()
    }
    groups = [{"params": [features], "lr": config.embedding_rate, "eps": 1e-15}]
    groups += [{"params": [heads[name]], "lr": learned.rate} for name, learned in classifiers.items()]
    optimiser = torch.optim.Adam(groups)
    order: list[int] = []
    losses: list[float] = []
    curve: list[LossPoint] = []
    for iteration in range(config.iterations):
        cancel.check()
        order = order or torch.randperm(len(frames), generator=generator).tolist()
        index = order.pop()
        frame, target = frames[index], targets[index].flatten()
        rendered = rasterize(parameters.activated(), [frame.camera], features=features)
        assert rendered.colour is not None and rendered.features is not None
        loss, F = _photo_loss(rendered.colour[0], frame.image, config.ssim_weight), rendered.features[0]
        if config.detach_geometry:
            loss.backward()
            F, loss = _rendered_alone(parameters, features, frame), torch.zeros((), device=device)
        entropy = classifier_loss(heads[f"view{index}"], F.flatten(0, 1), target, tau=tau)
        (loss + config.classifier_weight * entropy).backward()
        parameters.step(rates)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(float(entropy.detach()))
        if (iteration + 1) % config.report_every == 0 or iteration + 1 == config.iterations:
            curve.append(LossPoint(iteration + 1, time.perf_counter() - began, float(np.mean(losses))))
            losses = []
            progress((iteration + 1) / config.iterations, f"Training splats and embeddings: {iteration + 1}")
    return JointResult(
        parameters.snapshot(),
        features.detach(),
        {name: w.detach() for name, w in heads.items()},
        tuple(curve),
        time.perf_counter() - began,
    )


def _photo_loss(
    image: Float[Tensor, "H W 3"], photo: Float[Tensor, "H W 3"], ssim_weight: float
) -> Float[Tensor, ""]:
    """L1 and 1 - SSIM together."""
    loss = (1 - ssim_weight) * (image - photo).abs().mean()
    return loss + ssim_weight * (1 - ssim(image, photo))


def _rendered_alone(
    parameters: Parameters, features: Float[Tensor, "N D"], frame: TrainingImage
) -> Float[Tensor, "H W D"]:
    """The embeddings seen in a photo, their gradient reaching them alone and not the splats."""
    g = parameters.activated()
    frozen = type(g)(g.means.detach(), g.quats.detach(), g.scales.detach(), g.opacities.detach(), None)
    rendered = rasterize(frozen, [frame.camera], features=features).features
    assert rendered is not None
    return rendered[0]


def _shrunk(image: Int64[Tensor, "H W"], size: tuple[int, int]) -> Int64[Tensor, "h w"]:
    """The nearest pixel's label."""
    (height, width), (H, W) = size, image.shape
    rows = ((torch.arange(height) + 0.5) * H / height).long().to(image.device)
    columns = ((torch.arange(width) + 0.5) * W / width).long().to(image.device)
    return image[rows[:, None], columns]
