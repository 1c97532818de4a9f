"""UniC-Lift: splatted vectors are driven to corners of the unit cube; the corner is the object. No clustering.

Source: Dhiman et al., "UniC-Lift: Unified 3D Instance Segmentation via Contrastive Learning", 2025; equation numbers
are those of docs/methods/unic_lift.md. We differ where the docstrings below say so: the Gaussians are trained
beforehand and stay as they are, and training is shorter.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, Int64, UInt16
from scipy.spatial import KDTree
from torch import Tensor

from liftlab.components.features.code_objects import CodeObjects, merged, read_objects
from liftlab.components.features.codes import CodeBook, components_by_code
from liftlab.components.features.label_maps import LabelMap
from liftlab.components.features.losses.cluster_loss import bounded, cluster_loss
from liftlab.components.features.losses.triplets import (
    TripletSample,
    near_identity,
    triplet_loss,
    triplet_samples,
)
from liftlab.components.features.neighbours import neighbour_loss, neighbour_pairs, sample_pairs, unit_length
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Prompt, Scene, Segmentation
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.shared.feature_trainer import (
    Learned,
    TrainStep,
    train_features,
)
from liftlab.pipelines.methods.shared.gaussian_answers import (
    MIN_ALPHA,
    GaussianViews,
    SeenClick,
    answer,
    check_inputs,
    curve_json,
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
    code_agreement,
    frame_labels,
    meant_objects,
    nearer_part,
    packed,
    position_of,
    select,
    unpacked,
    without_structure,
)
from liftlab.pipelines.methods.shared.opening import opened
from liftlab.pipelines.methods.shared.photo_masks import PhotoMasks, clicked_objects
from liftlab.pipelines.methods.unic_lift.config import UniCLiftConfig
from liftlab.pipelines.presets import PRESETS

NAME = "unic_lift"
OPAQUE = 0.5
"""Gaussians of at least this opacity count when codes are."""


@dataclass(frozen=True)
class UniCLiftPrepared:
    """Read-only state of UniC-Lift for one scene."""

    scene_key: str
    views: GaussianViews = field(repr=False)
    features: Float32[Tensor, "N D"] = field(repr=False)
    """Vectors v of the Gaussians."""
    objects: CodeObjects = field(repr=False)
    labelling: Labelling = field(repr=False)
    photo_masks: PhotoMasks = field(repr=False)
    """What clicks are read by."""
    about: dict[str, Any]
    """Training curve, seconds, collisions: for people and benchmarks."""

    @cached_property
    def channels(self) -> Float32[Tensor, "N C"]:
        """What is rendered to read objects off pixels."""
        return torch.from_numpy(self.objects.channels(self.features.cpu().numpy())).to(self.features.device)


@register(
    NAME,
    summary="Learns a binary code per object from masks whose ids differ between photos; no clustering.",
    paper="UniC-Lift: Unified 3D Instance Segmentation via Contrastive Learning (Dhiman et al., 2025)",
    licence="Apache-2.0 (our implementation; the authors published no code)",
    config=UniCLiftConfig,
    presets=PRESETS[NAME],
)
class UniCLift:
    """Bounded contrastive vectors and their codes."""

    STEP_VERSION = 1
    geometry: Literal["points", "gaussians"] = "gaussians"

    def __init__(self, config: UniCLiftConfig, *, device: torch.device) -> None:
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
    ) -> UniCLiftPrepared:
        """Train the vectors, then read off objects.

        Raises:
            InputError: The masks belong to another scene, there are no Gaussians, or no mask to learn from.
            Cancelled: `cancel` was set.
        """
        opening = opened(
            scene, masks, max_side=self.config.train.max_side, device=self.device, cancel=cancel,
            generator=generator, label_rest=self.config.label_rest,
        )  # fmt: skip
        views, truth, frames = opening.views, opening.truth, opening.frames
        samples = []
        for done, (frame, label_map) in enumerate(zip(frames, truth, strict=True)):
            cancel.check()
            progress(0.1 * done / len(frames), "Drawing pixels inside objects and at their borders")
            labels = frame_labels(frame, label_map)
            samples.append(
                triplet_samples(
                    frame.view, labels, samples=self.config.samples, triplets=self.config.triplets,
                    pixels=self.config.pixels, generator=generator,
                )
            )  # fmt: skip
        unit = unit_length([view.camera for view in scene.views], views.gaussians.means.cpu().numpy())
        pairs = neighbour_pairs(
            views.gaussians.means.cpu().numpy(),
            radius=self.config.radius * unit,
            at_most=self.config.neighbours,
        )
        D = self.config.dimensions
        start = torch.randn((len(views.gaussians), D), generator=generator)
        rate = self.config.train.rate
        result = train_features(
            scene, start, partial(self._loss, samples, pairs.to(self.device)), self.config.train,
            extra={"Wm": Learned(near_identity(D, generator), rate)} if self.config.linear_layer else None,
            frames=frames, device=self.device, progress=part_of(progress, 0.1, 0.9), cancel=cancel,
            generator=generator,
        )  # fmt: skip
        prepared = self._read_off(scene, views, result.features, truth, PhotoMasks(masks), unit, cancel)
        progress(1.0, f"{int(prepared.labelling.thing.sum())} objects")
        about = {
            "seconds": opening.seconds,
            "training_seconds": round(result.seconds, 3),
            "iterations": result.iterations,
            "curve": curve_json(result.curve),
            **code_agreement(prepared.labelling.maps, truth, prepared.objects.codes),
        }
        return replace(prepared, about=about)

    def _loss(
        self, samples: Sequence[Sequence[TripletSample]], pairs: Int64[Tensor, "E 2"], step: TrainStep
    ) -> Tensor | None:
        """Eq. 7 without the photo's term, which frozen Gaussians do not need; `None` for a view with no segment."""
        config, own = self.config, samples[step.frame.index]
        if not own:
            return None
        sample = own[int(torch.randint(len(own), (1,), generator=step.generator))]
        Y = bounded(sample.pixels.blend(step.features[sample.pixels.gaussian_ids]))
        loss = config.cluster_weight * cluster_loss(
            Y, sample.labels, reduction=config.reduction, min_pixels=1, generator=step.generator
        )
        if config.triplet_weight > 0 and step.done >= config.triplets_from and len(sample.others.pixels):
            others = bounded(sample.others.blend(step.features[sample.others.gaussian_ids]))
            positive, negative = others.chunk(2)
            z = [Y[: len(positive)], positive, negative]
            if config.linear_layer:
                Wm = step.extra["Wm"]
                z = [rows @ Wm.T for rows in z]
                loss = loss + config.layer_decay * (Wm - torch.eye(len(Wm), device=Wm.device)).square().sum()
            loss = loss + config.triplet_weight * triplet_loss(*z, margin=config.margin)
        if config.neighbour_weight > 0 and step.done >= config.neighbours_from and len(pairs):
            some = sample_pairs(pairs, config.neighbour_pairs, step.generator)
            loss = loss + config.neighbour_weight * neighbour_loss(step.features, some)
        return loss

    def _read_off(
        self,
        scene: Scene,
        views: GaussianViews,
        features: Float32[Tensor, "N D"],
        truth: Sequence[LabelMap],
        photo_masks: PhotoMasks,
        unit: float,
        cancel: CancelToken,
    ) -> UniCLiftPrepared:
        """Objects from codes, and the label maps of all views."""
        opaque = views.gaussians.opacities >= OPAQUE
        objects = read_objects(
            features.cpu().numpy(),
            views.gaussians.means.cpu().numpy(),
            opaque.cpu().numpy(),
            snap=self.config.snap_codes,
            radius=self.config.radius * unit if self.config.split_components else None,
        )
        blank = Labelling(objects.labels, (), np.zeros(objects.count + 1, bool))
        prepared = UniCLiftPrepared(scene.key, views, features, objects, blank, photo_masks, {})
        maps = []
        for index in range(len(scene.views)):
            cancel.check()
            maps.append(self._decode(prepared, views.view(index)))
        thing = are_things(maps, truth, objects.count)
        return replace(prepared, labelling=Labelling(objects.labels, tuple(maps), thing))

    def _decode(self, prepared: UniCLiftPrepared, view: FrozenView) -> UInt16[Array, "_H _W"]:
        """Objects of every pixel of a view, 0 where Gaussians cover less than half."""
        with torch.no_grad():
            rendered = view.render(prepared.channels)
        return decode(prepared.objects, rendered.cpu().numpy(), view.alpha.cpu().numpy())

    def label_view(self, prepared: UniCLiftPrepared, camera: Camera) -> UInt16[Array, "_H _W"]:
        """`decompose` for any camera, also of a photo that was never trained on."""
        labels = self._decode(prepared, FrozenView(prepared.views.gaussians, camera))
        return np.where(prepared.labelling.thing[labels], labels, 0).astype(np.uint16)

    def segment(self, prepared: UniCLiftPrepared, prompts: Sequence[Prompt]) -> Segmentation:
        """Select the Gaussians with the code under the click; several positive clicks give the union.

        Granularity widens it to codes that differ in a few bits. A negative click takes away its object; one on the
        same object as a positive click splits it: the parts in space that hold a positive click stay, and within
        such a part what lies nearer to a positive than to a negative click (the last rule is ours).

        Raises:
            InputError: A click lies outside its photo, or names a view that the scene does not have.

        Source: docs/methods/unic_lift.md section 5 (the paper has no clicks).
        """
        started = time.perf_counter()
        clicks = seen_clicks(prepared.views, prompts)
        if not clicks.positives:
            return nothing_selected(
                prepared.views, method=NAME, config=self.config, started=started, clicks=clicks
            )
        yes, no = clicked_objects(
            clicks.positives, clicks.negatives, partial(self._object_at, prepared), prepared.labelling.maps,
            prepared.photo_masks, self.config.click_label,
        )  # fmt: skip
        yes = meant_objects(yes, clicks.positives, prepared.labelling)
        tolerance = float(round((clicks.granularity or 0.0) * self.config.max_tolerance))
        chosen = chosen_objects(yes, no, prepared.objects.bits_from, tolerance)
        score = select(
            prepared.labelling.gaussians, chosen, clicks, yes, no, partial(self._keep_part, prepared)
        )
        return answer(
            prepared.views, score, SCORE_THRESHOLD, method=NAME, config=self.config, started=started,
            clicks=clicks,
        )  # fmt: skip

    def _object_at(self, prepared: UniCLiftPrepared, click: SeenClick) -> int:
        """The object whose code is rendered at a click."""
        return int(prepared.objects.objects_of(click.blend(prepared.channels).cpu().numpy()[None])[0])

    def _keep_part(
        self,
        prepared: UniCLiftPrepared,
        own: Int[Array, "_"],
        positives: Sequence[SeenClick],
        negatives: Sequence[SeenClick],
    ) -> Bool[Array, "_"]:
        """Parts in space with a positive click, and in them what is nearer to it than to a negative one."""
        means = prepared.views.gaussians.means
        points = means.cpu().numpy()[own].astype(np.float64)
        unit = unit_length([view.camera for view in prepared.views.scene.views], points)
        part = components_by_code(points, np.zeros(len(own), np.int64), radius=self.config.radius * unit)
        tree = KDTree(points)
        yes = np.stack([position_of(click, means) for click in positives])
        clicked = np.isin(part, part[tree.query(yes)[1]])
        return clicked & nearer_part(prepared.labelling, means, own, positives, negatives)

    def decompose(
        self, prepared: UniCLiftPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """The code maps of all views as objects; surroundings are 0.

        Args:
            prepared: State from `prepare`.
            granularity: Above 0, objects whose codes differ in few bits are one, as for a click.
        """
        tolerance = round((granularity or 0.0) * self.config.max_tolerance)
        maps = without_structure(prepared.labelling)
        if tolerance == 0:
            return maps
        owner = merged(prepared.objects, prepared.labelling.thing, tolerance)
        return tuple(owner[image] for image in maps)

    def save(self, prepared: UniCLiftPrepared, folder: Path) -> None:
        """Write vectors, codes, objects and label maps."""
        objects = prepared.objects
        tensors = {
            "features": prepared.features,
            "book": torch.from_numpy(objects.book.codes),
            "centers": torch.from_numpy(objects.book.centers),
            "place": torch.from_numpy(objects.place),
            "objects": torch.from_numpy(objects.objects),
            **packed(prepared.labelling),
        }
        save_state(folder, NAME, prepared.views.scene, tensors, prepared.about)

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> UniCLiftPrepared:
        """Read what `save` wrote. Raises InputError when it belongs to another scene or to other splats."""
        check_inputs(scene, masks)
        tensors, about = load_state(folder, NAME, scene, device=self.device)
        labelling = unpacked(tensors)
        book, centers, place, table = (
            tensors[name].cpu().numpy() for name in ("book", "centers", "place", "objects")
        )
        objects = CodeObjects(CodeBook(book, centers), labelling.gaussians, place, table)
        views = gaussian_views(scene, self.device)
        return UniCLiftPrepared(
            scene.key, views, tensors["features"], objects, labelling, PhotoMasks(masks), about
        )


def decode(
    objects: CodeObjects, rendered: Float32[Array, "H W C"], alpha: Float32[Array, "H W"]
) -> UInt16[Array, "H W"]:
    """Objects of a rendered view (`CodeObjects.channels`), 0 where alpha is below a half."""
    labels = objects.objects_of(rendered.reshape(-1, rendered.shape[-1])).reshape(alpha.shape)
    return np.where(alpha >= MIN_ALPHA, labels, 0).astype(np.uint16)
