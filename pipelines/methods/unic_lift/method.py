"""UniC-Lift: splatted vectors are driven to corners of the unit cube; the corner is the object. No clustering.

Source: Dhiman et al., "UniC-Lift: Unified 3D Instance Segmentation via Contrastive Learning", 2025; equation numbers
are those of docs/methods/unic_lift.md. We differ where the docstrings below say so: as a rule the Gaussians are trained
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
from jaxtyping import Bool, Float32, Int, Int32, UInt16
from scipy.spatial import KDTree
from torch import Tensor

from liftlab.components.features.code_objects import CodeObjects, merged, read_objects
from liftlab.components.features.codes import CodeBook, components_by_code
from liftlab.components.features.label_maps import LabelMap
from liftlab.components.features.neighbours import unit_length
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Prompt, Scene, Segmentation
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.shared.gaussian_answers import (
    MIN_ALPHA,
    GaussianViews,
    SeenClick,
    answer,
    check_inputs,
    curve_json,
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
    meant_objects,
    nearer_part,
    packed,
    position_of,
    select,
    unpacked,
    without_structure,
)
from liftlab.pipelines.methods.shared.opening import opened
from liftlab.pipelines.methods.shared.own_splats import splat_tensors, views_of_tensors
from liftlab.pipelines.methods.shared.photo_masks import PhotoMasks, clicked_objects
from liftlab.pipelines.methods.unic_lift.config import UniCLiftConfig
from liftlab.pipelines.methods.unic_lift.learning import learn
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
    semantics: Float32[Tensor, "N C"] | None = field(default=None, repr=False)
    """Second vectors of the Gaussians, before the softmax over classes; None where masks carried no classes."""

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
        learnt = learn(
            scene, opening, self.config, progress=part_of(progress, 0.0, 0.9), cancel=cancel,
            generator=generator,
        )  # fmt: skip
        truth, unit = opening.truth, self._unit(learnt.views)
        prepared = self._read_off(
            scene, learnt.views, learnt.features, truth, PhotoMasks(masks), unit, cancel
        )
        progress(1.0, f"{int(prepared.labelling.thing.sum())} objects")
        about = {
            "seconds": opening.seconds,
            "training_seconds": round(learnt.seconds, 3),
            "iterations": learnt.iterations,
            "curve": curve_json(learnt.curve),
            "psnr": learnt.psnr,
            **code_agreement(prepared.labelling.maps, truth, prepared.objects.codes),
        }
        return replace(prepared, about=about, semantics=learnt.semantics)

    def _unit(self, views: GaussianViews) -> float:
        """What counts as 1 in the scene."""
        means = views.gaussians.means.cpu().numpy()
        return unit_length([view.camera for view in views.scene.views], means)

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

    def class_view(self, prepared: UniCLiftPrepared, camera: Camera) -> Int32[Array, "_H _W"] | None:
        """The likeliest class of every pixel by any camera, -1 where Gaussians cover less than half; None where masks
        carried no classes."""
        if prepared.semantics is None:
            return None
        view = FrozenView(prepared.views.gaussians, camera)
        with torch.no_grad():
            likeliest = view.render(torch.softmax(prepared.semantics, dim=1)).argmax(dim=-1)
        return torch.where(view.alpha >= MIN_ALPHA, likeliest, -1).cpu().numpy().astype(np.int32)

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
        if self.config.training == "joint":
            tensors |= splat_tensors(prepared.views)
        if prepared.semantics is not None:
            tensors["semantics"] = prepared.semantics
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
        views = views_of_tensors(scene, tensors, self.device, same_order=self.config.joint.start == "trained")
        return UniCLiftPrepared(
            scene.key, views, tensors["features"], objects, labelling, PhotoMasks(masks), about,
            tensors.get("semantics"),
        )  # fmt: skip


def decode(
    objects: CodeObjects, rendered: Float32[Array, "H W C"], alpha: Float32[Array, "H W"]
) -> UInt16[Array, "H W"]:
    """Objects of a rendered view (`CodeObjects.channels`), 0 where alpha is below a half."""
    labels = objects.objects_of(rendered.reshape(-1, rendered.shape[-1])).reshape(alpha.shape)
    return np.where(alpha >= MIN_ALPHA, labels, 0).astype(np.uint16)
