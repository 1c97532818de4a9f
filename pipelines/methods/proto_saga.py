"""Proto-SaGa: one classifier per photo, masks joined by depth and by what the classifiers say, prototypes at the end.

Source: "Proto-SaGa: Prototype-based 3D Scene Segmentation with Semantic-aware Gaussian Grouping" (no code);
equation numbers are those of docs/methods/proto_saga.md. We differ where the docstrings below say so: as a rule the
Gaussians are trained beforehand and stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from liftlab.components.association import Association, AssociationConfig, associate_masks
from liftlab.components.bounds import Amount, Rate, within
from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY
from liftlab.components.features.heads import ObjectHead
from liftlab.components.features.label_maps import LabelMap
from liftlab.components.features.prototypes import ensemble, kmeans_centers, view_means
from liftlab.components.features.view_classifiers import classifier_loss, probabilities
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Gaussians, Scene
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.shared.feature_trainer import (
    FeatureTrainConfig,
    Learned,
    LossPoint,
    TrainingFrame,
    TrainStep,
    train_features,
    training_frames,
)
from liftlab.pipelines.methods.shared.gaussian_answers import (
    GaussianViews,
    curve_json,
)
from liftlab.pipelines.methods.shared.identities import (
    IdentityMethod,
    IdentityPrepared,
    LiftingConfig,
    associated_maps,
    joined_maps,
    lift_identities,
    read_identities,
)
from liftlab.pipelines.methods.shared.joint_trainer import (
    JointConfig,
    JointStep,
    starting_splats,
    train_jointly,
)
from liftlab.pipelines.methods.shared.opening import Opening, opened
from liftlab.pipelines.methods.shared.own_splats import own_views, splat_tensors, views_of_tensors
from liftlab.pipelines.methods.shared.photo_masks import ClickLabel
from liftlab.pipelines.presets import PRESETS

NAME = "proto_saga"


@dataclass(frozen=True)
class ProtoSaGaConfig:
    """Choices of Proto-SaGa."""

    dimensions: Annotated[int, within(1, 256)] = 16
    """Channels of the embeddings."""
    tau: Amount = 10.0
    """Sharpness of the cosine classifiers."""
    start_spread: Amount = 0.1
    """Standard deviation of the embeddings at the start; only their direction counts, so small ones turn faster."""
    classifier_rate: Rate = 5e-3
    """Learning rate of the photos' classifiers; the paper's 5e-4 is for 30,000 steps."""
    pixels: Annotated[int, within(1, 1_000_000)] = 2000
    """Labelled pixels per step."""
    label_rest: bool = True
    """Pixels under no mask are one class more in every photo, and "no object" in the end; the paper ignores them, with
    masks that leave hardly any."""
    association: AssociationConfig = field(default_factory=AssociationConfig)
    """How masks are joined over the photos."""
    inference: Literal["prototypes", "classifier", "kmeans"] = "prototypes"
    """What reads objects off embeddings: the mean over photos, a classifier trained on the joined masks (Cls), or
    K-Means over the photos' means."""
    min_views: Annotated[int, within(0, 100_000)] = 1
    """Objects found in fewer photos are not answered."""
    min_pixels: Annotated[int, within(0, 100_000_000)] = 1
    """A photo with fewer pixels of an object does not count for its prototype."""
    drop_unsupported: bool = True
    """Leave out objects that win more pixels of other objects' masks than of their own in the photos. Ours: see
    `unsupported_objects`."""
    reject_unknown: bool = False
    """Embeddings with a cosine below 0.5 to every prototype are no object."""
    training: Literal["frozen", "joint"] = "frozen"
    """Frozen trains embeddings on the scene's splats; joint, as the paper, trains splats with them: those of the scene
    go on, or new ones from points (`joint.start`)."""
    train: FeatureTrainConfig = field(
        default_factory=lambda: FeatureTrainConfig(iterations=2000, max_side=320, rate=1e-2)
    )
    """Length, size and rate of the frozen training."""
    joint: JointConfig = field(default_factory=JointConfig)
    """Of the joint training."""
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    """Of the classifier, where `inference` asks for it."""
    click_label: ClickLabel = field(default="mask", metadata=AT_QUERY | OMIT_DEFAULT_FROM_KEY)
    """What says which object a click means: most pixels of the photo's own mask under it, or its pixel alone, as the
    paper reads labels. Ours: see `clicked_objects`."""


@dataclass(frozen=True)
class _Embedded:
    """What training gives."""

    views: GaussianViews
    features: Float32[Tensor, "N D"]
    classifiers: list[Tensor]
    """One per photo."""
    curve: tuple[LossPoint, ...]
    seconds: float
    psnr: float | None
    """Of the photos, where splats were trained, dB."""


@register(
    NAME,
    summary="One classifier per photo, masks joined by depth and likelihood, objects by prototypes.",
    paper="Proto-SaGa: Prototype-based 3D Scene Segmentation with Semantic-aware Gaussian Grouping",
    licence="Apache-2.0 (our implementation; there is no public code)",
    config=ProtoSaGaConfig,
    presets=PRESETS[NAME],
)
class ProtoSaGa(IdentityMethod):
    """View-specific classifiers, semantic-aware association, prototype ensemble."""

    STEP_VERSION = 3
    name = NAME
    geometry: Literal["points", "gaussians"] = "gaussians"

    def __init__(self, config: ProtoSaGaConfig, *, device: torch.device) -> None:
        self.config = config
        self.device = device

    def prepare(
        self,
        scene: Scene,
        masks: MaskCache,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> IdentityPrepared:
        """Train embeddings with a classifier per photo, associate the masks, form prototypes.

        Raises:
            InputError: The masks belong to another scene, there are no Gaussians, or no mask to learn from.
            Cancelled: `cancel` was set.
        """
        opening = opened(
            scene, masks, max_side=self.config.train.max_side, device=self.device, cancel=cancel,
            generator=generator, label_rest=False,
        )  # fmt: skip
        truth = opening.truth
        embedded = self._embed(scene, opening, part_of(progress, 0.0, 0.7), cancel, generator)
        views, features, classifiers = embedded.views, embedded.features, embedded.classifiers
        means = views.gaussians.means.cpu().numpy()
        chances = None
        if self.config.association.choose != "depth":
            chances = [self._chances(w, features) for w in classifiers]
        found = associate_masks(
            [view.camera for view in scene.views], [m.labels for m in truth], [m.count for m in truth], means,
            self.config.association, probabilities=chances, generator=generator,
            progress=part_of(progress, 0.7, 0.8), cancel=cancel,
        )  # fmt: skip
        frames = opening.frames
        if views is not opening.views:  # trained jointly, the Gaussians are others now
            frames = training_frames(views.scene, max_side=self.config.train.max_side, device=self.device)
        objects = associated_maps(frames, truth, found, self.device)
        features, head = self._head(
            views.scene, frames, objects, found, features, part_of(progress, 0.8, 0.95), cancel, generator
        )
        about = {
            "training_seconds": round(embedded.seconds, 3),
            "iterations": embedded.curve[-1].iteration if embedded.curve else 0,
            "curve": curve_json(embedded.curve),
            "psnr": embedded.psnr,
            "objects": found.count,
            "bank_sizes": list(found.sizes),
            "shared_masks": [round(share, 4) for share in found.shared],
        }
        joined = joined_maps(found, truth) if self.config.drop_unsupported else ()
        prepared = read_identities(scene, views, features, head, truth, masks, about, cancel, joined=joined)
        about["seconds"] = opening.seconds
        progress(1.0, f"{int(prepared.labelling.thing.sum())} objects")
        return prepared

    def _embed(
        self,
        scene: Scene,
        opening: Opening,
        progress: Progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> _Embedded:
        """Embeddings and one classifier per photo; the Gaussians are the scene's or, trained jointly, its successors.

        Source: Proto-SaGa, eqs. 4 and 5.
        """
        config, D, truth = self.config, self.config.dimensions, opening.truth
        assert scene.gaussians is not None, "checked by `prepare`"
        splats = scene.gaussians if config.training == "frozen" else starting_splats(scene, config.joint)
        start = config.start_spread * torch.randn((len(splats.means), D), generator=generator)
        columns = [label_map.count + int(config.label_rest) for label_map in truth]
        classifiers = {
            f"view{index}": Learned(torch.randn((D, L), generator=generator), config.classifier_rate)
            for index, L in enumerate(columns)
        }
        if config.training == "joint":
            return self._embed_jointly(scene, splats, start, classifiers, truth, progress, cancel, generator)
        frames = opening.frames
        labels = [
            torch.from_numpy(
                np.where(
                    frame.view.alpha.cpu().numpy() >= 0.5, self._column_of(frame.shrunk(m.labels)), 0
                ).ravel()
            ).to(self.device)
            for frame, m in zip(frames, truth, strict=True)
        ]
        pixels = [torch.nonzero(own > 0).flatten() for own in labels]

        def loss(step: TrainStep) -> Tensor | None:
            index = step.frame.index
            if len(pixels[index]) == 0:
                return None
            drawn = torch.randint(len(pixels[index]), (config.pixels,), generator=step.generator)
            chosen = pixels[index][drawn.to(self.device)]
            return classifier_loss(
                step.extra[f"view{index}"], step.render(chosen), labels[index][chosen], tau=config.tau
            )

        result = train_features(
            scene, start, loss, config.train, extra=classifiers, frames=frames, device=self.device,
            progress=progress, cancel=cancel, generator=generator,
        )  # fmt: skip
        found = [result.extra[f"view{index}"] for index in range(len(columns))]
        return _Embedded(opening.views, result.features, found, result.curve, result.seconds, None)

    def _embed_jointly(
        self,
        scene: Scene,
        splats: Gaussians,
        start: Float32[Tensor, "N D"],
        classifiers: Mapping[str, Learned],
        truth: Sequence[LabelMap],
        progress: Progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> _Embedded:
        """The same while the splats are trained.

        Source: Proto-SaGa, eqs. 4 to 6.
        """
        config = self.config.joint
        targets = [torch.from_numpy(self._column_of(m.labels)).to(self.device) for m in truth]

        def loss(step: JointStep) -> Tensor:
            target = step.shrunk(targets[step.index]).flatten()
            entropy = classifier_loss(
                step.extra[f"view{step.index}"], step.seen.flatten(0, 1), target, tau=self.config.tau
            )
            return config.classifier_weight * entropy

        result = train_jointly(
            scene, splats, start, loss, config, extra=classifiers, device=self.device, progress=progress,
            cancel=cancel, generator=generator,
        )  # fmt: skip
        views = own_views(scene, result.gaussians, self.device, same_order=config.start == "trained")
        found = [result.extra[f"view{index}"] for index in range(len(truth))]
        return _Embedded(views, result.features, found, result.curve, result.seconds, round(result.psnr, 3))

    def _column_of(self, labels: np.ndarray) -> np.ndarray:
        """Class of each pixel for `classifier_loss`: the mask's number, behind "no mask" where that is a class."""
        return (labels + int(self.config.label_rest)).astype(np.int64)

    def _chances(self, w: Tensor, features: Float32[Tensor, "N D"]) -> np.ndarray:
        """Probability of every mask of one photo for every Gaussian. Source: Proto-SaGa, eq. 9."""
        chance = probabilities(w, features, tau=self.config.tau)
        return chance[:, int(self.config.label_rest) :].cpu().numpy()

    def _head(
        self,
        scene: Scene,
        frames: tuple[TrainingFrame, ...],
        objects: Sequence[Int64[Tensor, "P"]],
        found: Association,
        features: Float32[Tensor, "N D"],
        progress: Progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> tuple[Float32[Tensor, "N D"], ObjectHead]:
        """What reads objects off embeddings; the classifier trains the embeddings on."""
        config = self.config
        if config.inference == "classifier":
            result, head = lift_identities(
                scene, frames, objects, found.count, features, config.lifting,
                label_rest=config.label_rest, device=self.device, progress=progress, cancel=cancel,
                generator=generator,
            )  # fmt: skip
            return result.features, head
        means, pixels = [], []
        for frame, labels in zip(frames, objects, strict=True):
            cancel.check()
            with torch.no_grad():
                rendered = frame.view.render(features).flatten(0, 1)
            mean, count = view_means(rendered, labels + 1, found.count + 1)
            means.append(mean)
            pixels.append(count)
        stacked, counts = torch.stack(means), torch.stack(pixels)
        if not config.label_rest:
            counts[:, 0] = 0
        prototypes, exists = ensemble(
            stacked, counts, min_views=config.min_views, min_pixels=config.min_pixels
        )
        if config.inference == "kmeans":
            prototypes = _centroids(stacked, counts, prototypes, exists, generator)
        elif config.inference != "prototypes":
            assert_never(config.inference)
        cosine = 0.5 if config.reject_unknown else -1.0
        bias = torch.zeros(len(prototypes), device=prototypes.device)
        return features, ObjectHead("prototypes", prototypes, bias, exists, cosine)

    def _geometry_tensors(self, prepared: IdentityPrepared) -> dict[str, Tensor]:
        return {} if self.config.training == "frozen" else splat_tensors(prepared.views)

    def _views(self, scene: Scene, tensors: dict[str, Tensor]) -> GaussianViews:
        return views_of_tensors(scene, tensors, self.device, same_order=self.config.joint.start == "trained")


def _centroids(
    means: Float32[Tensor, "V O D"],
    pixels: Int64[Tensor, "V O"],
    prototypes: Float32[Tensor, "O D"],
    exists: Tensor,
    generator: torch.Generator,
) -> Float32[Tensor, "O D"]:
    """K-Means over the photos' means of all objects, with as many clusters as there are objects.

    Source: the ablation of Proto-SaGa (docs/methods/proto_saga.md section 6 C).
    """
    out = prototypes.clone()
    if int(exists.sum()) > 1:
        _, number = torch.nonzero((pixels > 0) & exists, as_tuple=True)
        owner = (exists.cumsum(0) - 1)[number].cpu().numpy()
        samples = means[(pixels > 0) & exists].cpu().numpy()
        seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
        out[exists] = torch.from_numpy(kmeans_centers(samples, owner, seed=seed)).to(out)
    return out
