"""What Gaga and Proto-SaGa share: identity features, a head that reads objects off them, and answers to clicks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32, Int64, UInt16
from scipy.spatial import KDTree
from torch import Tensor

from liftlab.components.association import Association
from liftlab.components.bounds import Amount, Rate, within
from liftlab.components.errors import InputError
from liftlab.components.features.heads import ObjectHead, cosine_rows, means_by_label
from liftlab.components.features.label_maps import LabelMap
from liftlab.components.features.prototypes import merge_alike
from liftlab.components.features.view_classifiers import neighbour_divergence
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Prompt, Scene, Segmentation
from liftlab.pipelines.methods.shared.feature_trainer import (
    FeatureTrainConfig,
    FeatureTrainResult,
    Learned,
    TrainingFrame,
    TrainStep,
    train_features,
)
from liftlab.pipelines.methods.shared.gaussian_answers import (
    MIN_ALPHA,
    GaussianViews,
    answer,
    check_inputs,
    gaussian_views,
    load_state,
    nothing_selected,
    save_state,
    seen_clicks,
)
from liftlab.pipelines.methods.shared.label_answers import (
    SCORE_THRESHOLD,
    Labelling,
    are_things,
    chosen_objects,
    labels_by_votes,
    meant_objects,
    nearer_part,
    packed,
    select,
    unpacked,
    without_structure,
)
from liftlab.pipelines.methods.shared.photo_masks import PhotoMasks, clicked_objects

MERGE_RANGE = 0.5
"""At granularity 1, objects whose features have a cosine above 1 minus this are one."""


@dataclass(frozen=True)
class LiftingConfig:
    """Training of identity features and one classifier for all views, from masks associated before."""

    train: FeatureTrainConfig = field(
        default_factory=lambda: FeatureTrainConfig(iterations=1500, max_side=320, rate=1e-2)
    )
    """Length, size and rate of the training."""
    classifier_rate: Rate = 5e-3
    """Learning rate of the classifier."""
    pixels: Annotated[int, within(1, 1_000_000)] = 2000
    """Pixels per step."""
    neighbour_every: Annotated[int, within(1, 1_000_000)] = 5
    """Steps between looks at neighbours in space; 0 for none."""
    neighbour_sample: Annotated[int, within(1, 1_000_000)] = 1000
    """Gaussians compared with their neighbours at once."""
    neighbours: Annotated[int, within(1, 256)] = 5
    """Nearest Gaussians compared with, the Gaussian itself included."""
    neighbour_weight: Amount = 2.0
    """Of their likeness."""


@dataclass(frozen=True)
class IdentityPrepared:
    """Read-only state of a method with identity features, for one scene."""

    scene_key: str
    views: GaussianViews = field(repr=False)
    features: Float32[Tensor, "N D"] = field(repr=False)
    head: ObjectHead = field(repr=False)
    centers: Float32[Tensor, "O_plus_1 D"] = field(repr=False)
    """Mean feature of every object's Gaussians."""
    labelling: Labelling = field(repr=False)
    photo_masks: PhotoMasks = field(repr=False)
    """What clicks are read by."""
    about: dict[str, Any]
    """Training curve, seconds, objects, sizes of the memory bank: for people and benchmarks."""


class IdentityMethod:
    """Clicks, pictures and files of a method whose state is an `IdentityPrepared`."""

    name: str
    config: Any
    device: torch.device
    geometry: Literal["points", "gaussians"] = "gaussians"

    def segment(self, prepared: IdentityPrepared, prompts: Sequence[Prompt]) -> Segmentation:
        """Select the Gaussians of the object under each positive click.

        Granularity joins objects of like features. A negative click takes away its object; one on the same object as
        a positive click splits it (`nearer_part`).

        Raises:
            InputError: A click lies outside its photo, or names a view that the scene does not have.

        Source: docs/methods/proto_saga.md section 5 (neither paper has clicks).
        """
        started = time.perf_counter()
        clicks = seen_clicks(prepared.views, prompts)
        if not clicks.positives:
            return nothing_selected(
                prepared.views, method=self.name, config=self.config, started=started, clicks=clicks
            )
        yes, no = clicked_objects(
            clicks.positives, clicks.negatives,
            lambda click: int(prepared.head.objects_of(click.blend(prepared.features))),
            prepared.labelling.maps, prepared.photo_masks, self.config.click_label,
        )  # fmt: skip
        yes = meant_objects(yes, clicks.positives, prepared.labelling)
        tolerance = (clicks.granularity or 0.0) * MERGE_RANGE
        chosen = chosen_objects(
            yes, no, lambda rows: 1 - cosine_rows(prepared.centers, rows).cpu().numpy(), tolerance
        )
        keep = partial(nearer_part, prepared.labelling, prepared.views.gaussians.means)
        score = select(prepared.labelling.gaussians, chosen, clicks, yes, no, keep)
        return answer(
            prepared.views, score, SCORE_THRESHOLD, method=self.name, config=self.config, started=started,
            clicks=clicks,
        )  # fmt: skip

    def decompose(
        self, prepared: IdentityPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """The objects of all views; surroundings are 0. Above granularity 0, objects of like features are one."""
        maps = without_structure(prepared.labelling)
        if not granularity:
            return maps
        owner = merge_alike(
            prepared.centers[1:].cpu().numpy(), prepared.labelling.thing[1:],
            threshold=1 - granularity * MERGE_RANGE,
        )  # fmt: skip
        return tuple(owner.astype(np.uint16)[image] for image in maps)

    def label_view(self, prepared: IdentityPrepared, camera: Camera) -> UInt16[Array, "_H _W"]:
        """`decompose` for any camera, also of a photo that was never trained on."""
        view = FrozenView(prepared.views.gaussians, camera)
        labels = label_pixels(prepared.head, prepared.features, view)
        return np.where(prepared.labelling.thing[labels], labels, 0).astype(np.uint16)

    def save(self, prepared: IdentityPrepared, folder: Path) -> None:
        """Write features, head, objects and label maps."""
        head = prepared.head
        tensors = {
            "features": prepared.features,
            "head_weight": head.weight,
            "head_bias": head.bias,
            "head_exists": head.exists,
            "centers": prepared.centers,
            **packed(prepared.labelling),
            **self._geometry_tensors(prepared),
        }
        about = {**prepared.about, "head": head.kind, "min_cosine": head.min_cosine}
        save_state(folder, self.name, prepared.views.scene, tensors, about)

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> IdentityPrepared:
        """Read what `save` wrote. Raises InputError when it belongs to another scene or to other splats."""
        check_inputs(scene, masks)
        tensors, about = load_state(folder, self.name, scene, device=self.device)
        head = ObjectHead(
            about.pop("head"), tensors["head_weight"], tensors["head_bias"], tensors["head_exists"],
            about.pop("min_cosine"),
        )  # fmt: skip
        return IdentityPrepared(
            scene.key, self._views(scene, tensors), tensors["features"], head, tensors["centers"],
            unpacked(tensors), PhotoMasks(masks), about,
        )  # fmt: skip

    def _geometry_tensors(self, prepared: IdentityPrepared) -> dict[str, Tensor]:
        """What `save` writes of Gaussians that are not the scene's; nothing where the geometry was frozen."""
        return {}

    def _views(self, scene: Scene, tensors: dict[str, Tensor]) -> GaussianViews:
        """The views that clicks are answered in."""
        return gaussian_views(scene, self.device)


def read_identities(
    scene: Scene,
    views: GaussianViews,
    features: Float32[Tensor, "N D"],
    head: ObjectHead,
    truth: Sequence[LabelMap],
    masks: MaskCache,
    about: dict[str, Any],
    cancel: CancelToken,
    *,
    joined: Sequence[Int32[Array, "_ _"]] = (),
) -> IdentityPrepared:
    """The state from features and head: objects of all pixels and of Gaussians, and which of them are things.

    Args:
        joined: Per view, of `joined_maps`: objects that these do not support are left out. Empty keeps all.
    """
    maps = _label_maps(head, features, views, cancel)
    dropped = unsupported_objects(maps, joined, head.count) & head.exists.cpu().numpy()
    if dropped.any():
        head = replace(head, exists=head.exists & ~torch.from_numpy(dropped).to(head.exists.device))
        maps = _label_maps(head, features, views, cancel)
    about["unsupported"] = int(dropped.sum())
    cameras = [view.camera for view in scene.views]
    labels = labels_by_votes(views.gaussians, cameras, maps, head.objects_of(features), head.count)
    labelling = Labelling(labels, tuple(maps), are_things(maps, truth, head.count))
    centers = means_by_label(features, torch.from_numpy(labels).to(features.device, torch.int64), head.count)
    return IdentityPrepared(scene.key, views, features, head, centers, labelling, PhotoMasks(masks), about)


def joined_maps(found: Association, truth: Sequence[LabelMap]) -> list[Int32[Array, "_ _"]]:
    """M'_k in view pixels: the object of every pixel's mask, 0 where there is none."""
    return [found.label_map(view, label_map.labels) for view, label_map in enumerate(truth)]


def unsupported_objects(
    maps: Sequence[UInt16[Array, "_ _"]], joined: Sequence[Int32[Array, "_ _"]], count: int
) -> Bool[Array, "O_plus_1"]:
    """Objects that win more pixels inside other objects' masks than inside their own; pixels without a mask do not
    count, and "no object" is always supported.

    A mask of one photo with a handful of Gaussians founds an entry of the memory bank, and with a prototype that lies
    anywhere between those of large objects it may win most of one of them.

    Args:
        maps: Objects 0..count as features are read, per view.
        joined: Objects of the masks they learned from, per view.
    """
    own, other = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for image, masks in zip(maps, joined, strict=False):
        same = image == masks
        own += np.bincount(image[same & (masks > 0)], minlength=count + 1)
        other += np.bincount(image[~same & (masks > 0)], minlength=count + 1)
    out = other > own
    out[0] = False
    return out


def _label_maps(
    head: ObjectHead, features: Float32[Tensor, "N D"], views: GaussianViews, cancel: CancelToken
) -> list[UInt16[Array, "_ _"]]:
    maps = []
    for index in range(len(views.scene.views)):
        cancel.check()
        maps.append(label_pixels(head, features, views.view(index)))
    return maps


def label_pixels(
    head: ObjectHead, features: Float32[Tensor, "N D"], view: FrozenView
) -> UInt16[Array, "_H _W"]:
    """The object of every pixel of a view; 0 where Gaussians cover less than half."""
    with torch.no_grad():
        labels = head.objects_of(view.render(features))
        return torch.where(view.alpha >= MIN_ALPHA, labels, 0).cpu().numpy().astype(np.uint16)


def associated_maps(
    frames: Sequence[TrainingFrame], truth: Sequence[LabelMap], found: Association, device: torch.device
) -> list[Int64[Tensor, "P"]]:
    """M'_k at the size of training, flat: objects 1..T, 0 for no object, -1 where Gaussians cover too little.

    Raises:
        InputError: No mask has a Gaussian behind it.
    """
    if found.count == 0:
        raise InputError("No mask has a splat behind it: train the splats of this scene again.")
    out = []
    for frame, label_map in zip(frames, truth, strict=True):
        objects = found.label_map(frame.index, frame.shrunk(label_map.labels)).ravel()
        covered = frame.view.alpha.cpu().numpy().ravel() >= MIN_ALPHA
        out.append(torch.from_numpy(np.where(covered, objects, -1).astype(np.int64)).to(device))
    return out


def lift_identities(
    scene: Scene,
    frames: tuple[TrainingFrame, ...],
    objects: Sequence[Int64[Tensor, "P"]],
    count: int,
    start: Float[Tensor, "N D"],
    config: LiftingConfig,
    *,
    label_rest: bool,
    device: torch.device,
    progress: Progress,
    cancel: CancelToken,
    generator: torch.Generator,
) -> tuple[FeatureTrainResult, ObjectHead]:
    """Train features and a linear classifier with bias on associated masks.

    The loss is the cross-entropy over ln(T + 1), and now and then the divergence of the classes of neighbours.

    Args:
        objects: Per frame, of `associated_maps`.
        count: T.
        label_rest: Pixels of no object are the class 0; without, they teach nothing.

    Source: Gaga's public code after Gaussian Grouping (docs/methods/proto_saga.md section 6 A).
    """
    means = frames[0].view.gaussians.means.cpu().numpy()
    near = KDTree(means).query(means, k=min(config.neighbours, len(means)), workers=-1)[1]
    near = torch.from_numpy(np.asarray(near).reshape(len(means), -1)).long().to(device)
    lowest = 0 if label_rest else 1
    pixels = [torch.nonzero(labels >= lowest).flatten() for labels in objects]

    def loss(step: TrainStep) -> Tensor | None:
        own = pixels[step.frame.index]
        if len(own) == 0:
            return None
        drawn = own[torch.randint(len(own), (config.pixels,), generator=step.generator).to(own.device)]
        weight, bias = step.extra["weight"], step.extra["bias"]
        logits = step.render(drawn) @ weight.T + bias
        entropy = torch.nn.functional.cross_entropy(logits, objects[step.frame.index][drawn])
        value = entropy / np.log(count + 1)
        if config.neighbour_every and step.iteration % config.neighbour_every == 0:
            some = torch.randint(len(means), (config.neighbour_sample,), generator=step.generator)
            some = some.to(near.device)
            chance = torch.softmax(step.features[some] @ weight.T + bias, dim=-1)
            others = torch.softmax(step.features[near[some]] @ weight.T + bias, dim=-1)
            value = value + neighbour_divergence(chance, others, weight=config.neighbour_weight)
        return value

    D = start.shape[1]
    weight = torch.randn((count + 1, D), generator=generator) / np.sqrt(D)
    rate = config.classifier_rate
    result = train_features(
        scene, start, loss, config.train,
        extra={"weight": Learned(weight, rate), "bias": Learned(torch.zeros(count + 1), rate)},
        frames=frames, device=device, progress=progress, cancel=cancel, generator=generator,
    )  # fmt: skip
    seen = torch.zeros(count + 1, dtype=torch.bool, device=device)
    for labels in objects:
        seen[labels[labels >= lowest]] = True
    return result, ObjectHead("linear", result.extra["weight"], result.extra["bias"], seen)
