"""How UniC-Lift's vectors are learnt: on frozen splats, or together with them as in the paper.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Int64
from torch import Tensor

from liftlab.components.features.label_maps import LabelMap
from liftlab.components.features.losses.class_loss import class_loss
from liftlab.components.features.losses.cluster_loss import bounded, cluster_loss
from liftlab.components.features.losses.triplets import (
    TripletPixels,
    TripletSample,
    near_identity,
    sample_triplets,
    triplet_loss,
    triplet_pixels,
    triplet_samples,
)
from liftlab.components.features.neighbours import neighbour_loss, neighbour_pairs, sample_pairs, unit_length
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.types import Array, Scene
from liftlab.pipelines.methods.shared.feature_trainer import Learned, LossPoint, TrainStep, train_features
from liftlab.pipelines.methods.shared.gaussian_answers import GaussianViews
from liftlab.pipelines.methods.shared.joint_trainer import JointStep, starting_splats, train_jointly
from liftlab.pipelines.methods.shared.label_answers import frame_labels
from liftlab.pipelines.methods.shared.opening import Opening
from liftlab.pipelines.methods.shared.own_splats import own_views
from liftlab.pipelines.methods.unic_lift.config import UniCLiftConfig


@dataclass(frozen=True)
class Learnt:
    """What training gives."""

    views: GaussianViews
    """Of the scene's splats or, trained jointly, of their successors."""
    features: Float32[Tensor, "N D"]
    """Vectors v."""
    semantics: Float32[Tensor, "N C"] | None
    """Second vectors, before the softmax over classes; None where masks carry no classes."""
    curve: tuple[LossPoint, ...]
    iterations: int
    seconds: float
    psnr: float | None
    """Of the photos, where splats were trained, dB."""


def taught(truth: Sequence[LabelMap], config: UniCLiftConfig) -> tuple[LabelMap, ...]:
    """The label maps that teach: of a share of the photos, evenly chosen, and coarser where that is asked for.

    Photos that do not teach keep a map without labels; their colours count all the same.

    Source: UniC-Lift's ablations of the share and of the resolution of masks (docs/methods/unic_lift.md section 7).
    """
    count = max(1, round(config.mask_share * len(truth)))
    teaching = set(np.linspace(0, len(truth) - 1, count).round().astype(int).tolist())
    return tuple(
        replace(
            label_map,
            labels=_coarser(label_map.labels, config.mask_scale)
            if view in teaching
            else np.zeros_like(label_map.labels),
        )
        for view, label_map in enumerate(truth)
    )


def _coarser(labels: Int32[Array, "H W"], scale: float) -> Int32[Array, "H W"]:
    """A label map as if it had been made at a share of its size: the nearest pixel there, and back."""
    if scale >= 1:
        return labels
    found = []
    for side in labels.shape:
        small = max(1, round(scale * side))
        kept = ((np.arange(small) + 0.5) * side / small).astype(np.intp)
        found.append(kept[((np.arange(side) + 0.5) * small / side).astype(np.intp)])
    return labels[found[0][:, None], found[1]]


def learn(
    scene: Scene,
    opening: Opening,
    config: UniCLiftConfig,
    *,
    progress: Progress,
    cancel: CancelToken,
    generator: torch.Generator,
) -> Learnt:
    """Train vectors, and second ones for classes where masks carry them.

    Raises:
        InputError: No photo has a mask to learn from.
        Cancelled: `cancel` was set.
    """
    truth = taught(opening.truth, config)
    classes = [None if m.classes is None else torch.from_numpy(m.classes.astype(np.int64)) for m in truth]
    C = 1 + max((int(own.max()) for own in classes if own is not None), default=-1)
    if config.semantic_weight == 0:
        C = 0
    losses = _Losses(config, [None if own is None else own.to(opening.device) for own in classes])
    way = _jointly if config.training == "joint" else _frozen
    return way(scene, opening, truth, losses, C, progress, cancel, generator)


@dataclass(frozen=True)
class _Losses:
    """Terms of eq. 7 but the photo's."""

    config: UniCLiftConfig
    classes: Sequence[Int64[Tensor, "_"] | None]
    """Per view, of its labels."""

    def of_pixels(
        self, Y: Float[Tensor, "P D"], labels: Int64[Tensor, "P"], min_pixels: int, generator: torch.Generator
    ) -> Tensor:
        """Eq. 3."""
        config = self.config
        return config.cluster_weight * cluster_loss(
            Y, labels, reduction=config.reduction, min_pixels=min_pixels, generator=generator
        )

    def of_triplets(
        self,
        anchor: Float[Tensor, "T D"],
        positive: Float[Tensor, "T D"],
        negative: Float[Tensor, "T D"],
        Wm: Tensor | None,
    ) -> Tensor:
        """Eqs. 4 and 5, and what holds the linear layer near the identity."""
        config, z, pull = self.config, (anchor, positive, negative), 0.0
        if Wm is not None:
            z = tuple(Y @ Wm.T for Y in z)
            pull = config.layer_decay * (Wm - torch.eye(len(Wm), device=Wm.device)).square().sum()
        return pull + config.triplet_weight * triplet_loss(*z, margin=config.margin)

    def of_neighbours(
        self, v: Float[Tensor, "N D"], pairs: Int64[Tensor, "E 2"], generator: torch.Generator
    ) -> Tensor:
        """Eq. 6."""
        some = sample_pairs(pairs, self.config.neighbour_pairs, generator).to(v.device)
        return self.config.neighbour_weight * neighbour_loss(v, some)

    def of_classes(self, P: Float[Tensor, "P C"], labels: Int64[Tensor, "P"], view: int) -> Tensor | None:
        """Cross-entropy of the second vectors; None where the view's masks carry no class."""
        own = self.classes[view]
        if own is None or P.shape[1] == 0:
            return None
        return self.config.semantic_weight * class_loss(P, own[labels])

    @property
    def with_triplets(self) -> bool:
        return self.config.triplet_weight > 0

    @property
    def with_neighbours(self) -> bool:
        return self.config.neighbour_weight > 0


def _start(
    config: UniCLiftConfig, count: int, C: int, generator: torch.Generator
) -> Float[Tensor, "N D_plus_C"]:
    """Vectors from a normal distribution, then second ones that find all classes equally likely."""
    v = torch.randn((count, config.dimensions), generator=generator)
    return torch.cat([v, torch.zeros((count, C))], dim=1)


def _layer(config: UniCLiftConfig, rate: float, generator: torch.Generator) -> dict[str, Learned]:
    if not config.linear_layer:
        return {}
    return {"Wm": Learned(near_identity(config.dimensions, generator), rate)}


def shown_of(features: Float[Tensor, "N D_plus_C"], D: int) -> Float[Tensor, "N D_plus_C"]:
    """What is blended: the vectors as they are, the second ones as probabilities of each splat."""
    return torch.cat([features[:, :D], torch.softmax(features[:, D:], dim=1)], dim=1)


def _parted(features: Tensor, D: int) -> tuple[Float32[Tensor, "N D"], Float32[Tensor, "N C"] | None]:
    """Vectors, and second ones if there are any."""
    return features[:, :D].contiguous(), features[:, D:].contiguous() if features.shape[1] > D else None


def _pairs(config: UniCLiftConfig, means: Float32[Array, "N 3"], scene: Scene) -> Int64[Tensor, "E 2"]:
    """Neighbours of eq. 6."""
    unit = unit_length([view.camera for view in scene.views], means)
    return neighbour_pairs(means, radius=config.radius * unit, at_most=config.neighbours)


def _frozen(
    scene: Scene,
    opening: Opening,
    truth: Sequence[LabelMap],
    losses: _Losses,
    C: int,
    progress: Progress,
    cancel: CancelToken,
    generator: torch.Generator,
) -> Learnt:
    """On the scene's splats, which stay as they are."""
    config, D = losses.config, losses.config.dimensions
    views, frames = opening.views, opening.frames
    samples: list[list[TripletSample]] = []
    for done, (frame, label_map) in enumerate(zip(frames, truth, strict=True)):
        cancel.check()
        progress(0.1 * done / len(frames), "Drawing pixels inside objects and at their borders")
        labels = frame_labels(frame, label_map)
        samples.append(
            triplet_samples(
                frame.view, labels, samples=config.samples, triplets=config.triplets, pixels=config.pixels,
                at_borders=config.triplet_choice == "borders", generator=generator,
            )
        )  # fmt: skip
    pairs = _pairs(config, views.gaussians.means.cpu().numpy(), scene).to(opening.device)
    start = _start(config, len(views.gaussians), C, generator)
    result = train_features(
        scene, start, partial(_frozen_loss, losses, samples, pairs, D), config.train,
        extra=_layer(config, config.train.rate, generator), frames=frames, device=opening.device,
        progress=part_of(progress, 0.1, 1.0), cancel=cancel, generator=generator,
    )  # fmt: skip
    v, semantics = _parted(result.features, D)
    return Learnt(views, v, semantics, result.curve, result.iterations, result.seconds, None)


def _frozen_loss(
    losses: _Losses,
    samples: Sequence[Sequence[TripletSample]],
    pairs: Int64[Tensor, "E 2"],
    D: int,
    step: TrainStep,
) -> Tensor | None:
    """Eq. 7 without the photo's term, which frozen splats do not need; `None` for a view with no segment."""
    config, own = losses.config, samples[step.frame.index]
    if not own:
        return None
    sample = own[int(torch.randint(len(own), (1,), generator=step.generator))]
    given = step.features[sample.pixels.gaussian_ids]
    Y = bounded(sample.pixels.blend(given[:, :D].contiguous()))
    loss = losses.of_pixels(Y, sample.labels, 1, step.generator)
    if losses.with_triplets and step.done >= config.triplets_from and len(sample.others.pixels):
        others = step.features[sample.others.gaussian_ids][:, :D].contiguous()
        positive, negative = bounded(sample.others.blend(others)).chunk(2)
        loss = loss + losses.of_triplets(Y[: len(positive)], positive, negative, step.extra.get("Wm"))
    if losses.with_neighbours and step.done >= config.neighbours_from and len(pairs):
        loss = loss + losses.of_neighbours(step.features[:, :D], pairs, step.generator)
    if given.shape[1] > D:
        P = sample.pixels.blend(torch.softmax(given[:, D:], dim=1))
        of_classes = losses.of_classes(P, sample.labels, step.frame.index)
        loss = loss if of_classes is None else loss + of_classes
    return loss


def _jointly(
    scene: Scene,
    opening: Opening,
    truth: Sequence[LabelMap],
    losses: _Losses,
    C: int,
    progress: Progress,
    cancel: CancelToken,
    generator: torch.Generator,
) -> Learnt:
    """Together with the splats, all labelled pixels of a photo at each step; the single stage of the paper."""
    config, joint, D = losses.config, losses.config.joint, losses.config.dimensions
    splats = starting_splats(scene, joint)
    loss = _JointLoss(losses, [torch.from_numpy(m.labels.astype(np.int64)) for m in truth], scene)
    result = train_jointly(
        scene, splats, _start(config, len(splats.means), C, generator), loss, joint,
        shown=partial(shown_of, D=D), extra=_layer(config, joint.embedding_rate, generator),
        device=opening.device, progress=progress, cancel=cancel, generator=generator,
    )  # fmt: skip
    views = own_views(scene, result.gaussians, opening.device, same_order=joint.start == "trained")
    v, semantics = _parted(result.features, D)
    iterations = result.curve[-1].iteration if result.curve else 0
    return Learnt(views, v, semantics, result.curve, iterations, result.seconds, round(result.psnr, 3))


class _JointLoss:
    """Eq. 7 without the photo's term, on whole photos. It remembers which pixels and which splats are neighbours."""

    def __init__(self, losses: _Losses, labels: Sequence[Int64[Tensor, "_ _"]], scene: Scene) -> None:
        self.losses, self.labels, self.scene = losses, labels, scene
        self.sorted: dict[int, tuple[TripletPixels, Int64[Tensor, "_"]]] = {}
        self.pairs: tuple[int, Int64[Tensor, "_ 2"]] | None = None

    def __call__(self, step: JointStep) -> Tensor | None:
        config, losses = self.losses.config, self.losses
        D, device = config.dimensions, step.seen.device
        pixels, labels = self._of_view(step)
        loss = None
        if pixels.count:
            inside = pixels.inside.to(device)
            seen = step.seen.flatten(0, 1)
            Y, own = bounded(seen[:, :D]), labels[pixels.inside].to(device)
            loss = losses.of_pixels(Y[inside], own, 1, step.generator)
            if losses.with_triplets and step.done >= config.triplets_from and pixels.count > 1:
                drawn = sample_triplets(pixels, config.triplets, step.generator).to(device)
                anchor, positive, negative = (Y[drawn[:, i]] for i in range(3))
                loss = loss + losses.of_triplets(anchor, positive, negative, step.extra.get("Wm"))
            of_classes = losses.of_classes(seen[inside][:, D:], own, step.index)
            loss = loss if of_classes is None else loss + of_classes
        if losses.with_neighbours and step.done >= config.neighbours_from:
            pairs = self._neighbours(step)
            if len(pairs):
                near = losses.of_neighbours(step.features[:, :D], pairs, step.generator)
                loss = near if loss is None else loss + near
        return loss

    def _of_view(self, step: JointStep) -> tuple[TripletPixels, Int64[Tensor, "_"]]:
        """Labels of the photo at this size, and its pixels sorted by them."""
        if step.index not in self.sorted:
            labels = step.shrunk(self.labels[step.index])
            borders = self.losses.config.triplet_choice == "borders"
            pixels = triplet_pixels(labels.numpy().astype(np.int32), at_borders=borders)
            self.sorted[step.index] = pixels, labels.flatten()
        return self.sorted[step.index]

    def _neighbours(self, step: JointStep) -> Int64[Tensor, "E 2"]:
        """Found anew when splats were added or dropped; that they move a little is let be."""
        count = len(step.means)
        if self.pairs is None or self.pairs[0] != count:
            self.pairs = count, _pairs(self.losses.config, step.means.cpu().numpy(), self.scene)
        return self.pairs[1]
