"""SAGA: every Gaussian learns an affinity feature, a gate chooses the channels for a size, a click compares.

Source: "Segment Any 3D Gaussians", AAAI 2025 (arXiv:2312.00860); equation numbers are those of docs/methods/saga.md. We
differ where the docstrings below say so.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, UInt16
from torch import Tensor
from torch.nn.functional import normalize

from liftlab.components.errors import InputError
from liftlab.components.features.clusters import assigned, cluster_means, density_clusters
from liftlab.components.features.connected import connected_to
from liftlab.components.features.losses.affinity import ScaleQuantiles
from liftlab.components.features.smoothing import nearest_neighbours, neighbour_mean
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.text.encoder import TextImageEncoder
from liftlab.components.types import Array, Camera, Prompt, Scene, Segmentation
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.saga.clicks import (
    GRANULARITIES,
    Affinity,
    click_score,
    fitting_size,
    mask_query,
)
from liftlab.pipelines.methods.saga.config import SagaConfig
from liftlab.pipelines.methods.saga.text import VotedMasks, vote, voter_of
from liftlab.pipelines.methods.saga.training import affinity_loss, measured_masks
from liftlab.pipelines.methods.shared.feature_trainer import (
    Learned,
    train_features,
)
from liftlab.pipelines.methods.shared.gaussian_answers import (
    GaussianViews,
    SeenClick,
    answer,
    check_inputs,
    curve_json,
    foreground_shares,
    gaussian_views,
    load_state,
    nothing_selected,
    save_state,
    seen_clicks,
)
from liftlab.pipelines.methods.shared.opening import opened
from liftlab.pipelines.offers import Voter
from liftlab.pipelines.presets import PRESETS

SETUP_SHARE = 0.1
"""Share of the preparation that looks at the masks."""
DISTINCT_IOU = 0.9
"""Selections that overlap more than this are one offer."""


@dataclass(frozen=True)
class SagaPrepared:
    """Read-only state of SAGA for one scene."""

    scene_key: str
    views: GaussianViews = field(repr=False)
    masks: MaskCache = field(repr=False)
    features: Float[Tensor, "N D"] = field(repr=False)
    """Unit length, smoothed over neighbours: the query needs none of them."""
    squares: Float[Tensor, "N D"] = field(repr=False)
    """Of the features; half of every query."""
    gate_weight: Float[Tensor, "D"]
    gate_bias: Float[Tensor, "D"]
    quantiles: ScaleQuantiles
    mask_scales: Float[Array, "V O"]
    """Size in 3D of every mask in every view, scene units; NaN where it has none."""
    foreground: Float32[Array, "N"]
    """Share of each Gaussian's visible weight that lies under masks of things rather than surroundings."""
    labels: Int[Array, "N"]
    """Cluster of every Gaussian at the size of a typical object, 0 = none."""
    about: dict[str, Any]
    """Training curve, seconds, iterations; seconds of clustering apart."""
    asked: dict[tuple[int, int, float, float, str], tuple[float, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Size and query of masks that were clicked before, by view, mask, own size, threshold and rule."""
    divided: dict[tuple[str, float], Int[Array, "N"]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """`labels` by `click_scale` and `sample_share`, where these are others than it was prepared with."""


@register(
    "saga",
    summary="Splats learn features from masks of all sizes; a click selects what is similar at the size you choose.",
    paper="Segment Any 3D Gaussians, AAAI 2025 (arXiv:2312.00860)",
    licence="Apache-2.0 (our implementation; the authors' code is for research only and was not used)",
    config=SagaConfig,
    presets=PRESETS["saga"],
)
class Saga:
    """Scale-gated affinity features."""

    STEP_VERSION = 4
    geometry: Literal["points", "gaussians"] = "gaussians"

    def __init__(self, config: SagaConfig, *, device: torch.device) -> None:
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
    ) -> SagaPrepared:
        """Measure the masks in 3D, then train features and gate on random pixels of one view per step (section 5).

        Raises:
            InputError: The masks belong to another scene, it has no Gaussians, or no mask can be measured.
            Cancelled: `cancel` was set.
        """
        config = self.config
        opening = opened(
            scene, masks, max_side=config.train.max_side, device=self.device, cancel=cancel, generator=generator,
            label_rest=None,
        )  # fmt: skip
        views, frames = opening.views, opening.frames
        teaching = np.array([config.groups or kind != "group" for kind in masks.kinds], bool)
        given, table = measured_masks(frames, masks, teaching, part_of(progress, 0.0, SETUP_SHARE), cancel)
        sizes = table[np.isfinite(table) & teaching]
        if len(sizes) == 0:
            raise InputError("No mask covers enough of the splats to be measured: build the masks again.")
        quantiles = ScaleQuantiles.of(sizes)
        neighbours = nearest_neighbours(views.scene.gaussians.means, config.neighbours).to(self.device)  # type: ignore[union-attr]
        loss = affinity_loss(config, given, quantiles, neighbours, np.sort(sizes)[::-1])
        count, D = len(neighbours), config.channels
        trained = train_features(
            scene,
            0.01 * torch.randn(count, D, generator=generator),
            loss,
            config.train,
            extra={
                "gate_weight": Learned(2 * torch.rand(D, generator=generator) - 1, config.gate_rate),
                "gate_bias": Learned(2 * torch.rand(D, generator=generator) - 1, config.gate_rate),
            },
            frames=frames,
            device=self.device,
            progress=part_of(progress, SETUP_SHARE, 0.95),
            cancel=cancel,
            generator=generator,
        )
        features = normalize(neighbour_mean(normalize(trained.features, dim=1), neighbours), dim=1)
        bare = SagaPrepared(
            scene_key=scene.key,
            views=views,
            masks=masks,
            features=features,
            squares=features.square(),
            gate_weight=trained.extra["gate_weight"],
            gate_bias=trained.extra["gate_bias"],
            quantiles=quantiles,
            mask_scales=table,
            foreground=foreground_shares(views, masks),
            labels=np.zeros(count, np.int64),
            about={},
        )
        progress(0.95, "Clustering the features")
        began = time.perf_counter()
        labels = self.labels(bare, self._typical_scale(bare))
        clustering_secs = time.perf_counter() - began
        about = {
            "curve": curve_json(trained.curve),
            "iterations": trained.iterations,
            "seconds": round(trained.seconds + clustering_secs, 3),
            "training_seconds": round(trained.seconds, 3),
            "clustering_seconds": round(clustering_secs, 3),
            "labels_at": [config.click_scale, config.sample_share],
        }
        progress(1.0, f"{int(labels.max(initial=0))} clusters")
        return replace(bare, labels=labels, about=about)

    def segment(self, prepared: SagaPrepared, prompts: Sequence[Prompt]) -> Segmentation:
        """Select Gaussians similar to a positive click, and more so than to every negative one (eq. 12 and 13).

        Raises:
            InputError: A click or box lies outside its photo, or names a view that the scene does not have.
        """
        started = time.perf_counter()
        given = seen_clicks(prepared.views, prompts)
        about = {"method": "saga", "config": self.config, "started": started, "clicks": given}
        if not given.positives:
            return nothing_selected(prepared.views, **about)
        scale, meant = given.granularity, prepared.features[:0]
        if scale is None:
            scale, meant = self._asked_for(prepared, given.positives[0])
        score = click_score(
            self._affinity(prepared), given.positives, given.negatives, scale,
            meant=meant, threshold=self.config.threshold, margin=self.config.margin,
        ).cpu().numpy()  # fmt: skip
        if self.config.cleaning:
            score = _cleaned(prepared, score, given.positives, self.config.threshold)
        return answer(prepared.views, score, self.config.threshold, **about)

    def several(self, prepared: SagaPrepared, prompts: Sequence[Prompt]) -> tuple[Segmentation, ...]:
        """Answers at several sizes, from small to large, without those that select nearly the same."""
        kept: list[Segmentation] = []
        for granularity in GRANULARITIES:
            at_size = [Prompt(**{**vars(prompt), "granularity": granularity}) for prompt in prompts]
            found = self.segment(prepared, at_size)
            if all(_overlap(found.selected, other.selected) < DISTINCT_IOU for other in kept):
                kept.append(found)
        return tuple(kept)

    def decompose(
        self, prepared: SagaPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """Cluster the features at a size and label every view with the clusters (section 8); surroundings get none."""
        labels = self._usual_labels(prepared) if granularity is None else self.labels(prepared, granularity)
        views = prepared.views
        return tuple(views.label_map(labels, views.view(view)) for view in range(len(views.scene.views)))

    def label_view(self, prepared: SagaPrepared, camera: Camera) -> UInt16[Array, "_H _W"]:
        """`decompose` for any camera, also of a photo that was never trained on."""
        labels = self._usual_labels(prepared)
        return prepared.views.label_map(labels, FrozenView(prepared.views.gaussians, camera))

    def _usual_labels(self, prepared: SagaPrepared) -> Int[Array, "N"]:
        """The clusters at the size of a typical object: prepared, or made when first asked for with other settings."""
        defaults = SagaConfig()
        made = prepared.about.get("labels_at", [defaults.click_scale, defaults.sample_share])
        asked = (self.config.click_scale, self.config.sample_share)
        if tuple(made) == asked:
            return prepared.labels
        if asked not in prepared.divided:
            prepared.divided[asked] = self.labels(prepared, self._typical_scale(prepared))
        return prepared.divided[asked]

    def labels(self, prepared: SagaPrepared, scale: float) -> Int[Array, "N"]:
        """The cluster of every Gaussian at a normalised size, 0 = none.

        HDBSCAN runs on a random sample, every Gaussian goes to the most similar cluster mean, and those less similar
        than 0.5 to all of them to none. Ours: only Gaussians that lie mostly under masks of things are clustered and
        labelled, for surroundings would join what stands before them, and WildSeg3D's answer does not show them
        either, so methods can be compared.
        """
        things = np.flatnonzero(prepared.foreground >= 0.5)
        if len(things) == 0:
            return np.zeros(len(prepared.features), np.int64)
        values = normalize(prepared.features * self._affinity(prepared).gates(scale), dim=1).cpu()
        count = int(np.clip(self.config.sample_share * len(values), 2000, 20_000))
        order = torch.randperm(len(things), generator=torch.Generator().manual_seed(0))[:count]
        chosen = torch.from_numpy(things)[order]
        found = density_clusters(values[chosen].numpy(), smallest=10, epsilon=0.01)
        means = normalize(cluster_means(values[chosen], found), dim=1)
        return np.where(prepared.foreground >= 0.5, assigned(values, means, least=0.5), 0)

    def votes(self, prepared: SagaPrepared, *, cancel: CancelToken | None = None) -> VotedMasks:
        """Which masks of all photos stand for the same Gaussians; what words are looked up in."""
        scales = np.full(prepared.mask_scales.shape, np.nan)
        known = np.isfinite(prepared.mask_scales)
        scales[known] = prepared.quantiles(prepared.mask_scales[known])
        return vote(
            self._affinity(prepared), prepared.views, prepared.masks, scales,
            cancel=cancel or CancelToken(), generator=torch.Generator().manual_seed(0),
        )  # fmt: skip

    def voter(
        self, prepared: SagaPrepared, encoder: TextImageEncoder, *, cancel: CancelToken | None = None
    ) -> Voter:
        """The paper's open-vocabulary segmentation: what words name, best first (eq. 14 and 15).

        Raises:
            Cancelled: `cancel` was set.
        """
        cancel = cancel or CancelToken()
        voted = self.votes(prepared, cancel=cancel)
        affinity = self._affinity(prepared)
        return voter_of(affinity, prepared.views, prepared.masks, voted, encoder, cancel=cancel)

    def save(self, prepared: SagaPrepared, folder: Path) -> None:
        """Write features, gate and scales; scene, Gaussians and masks are stored by themselves."""
        tensors = {
            "features": prepared.features,
            "gate_weight": prepared.gate_weight,
            "gate_bias": prepared.gate_bias,
            "quantiles": torch.from_numpy(prepared.quantiles.knots),
            "mask_scales": torch.from_numpy(prepared.mask_scales),
            "foreground": torch.from_numpy(prepared.foreground),
            "labels": torch.from_numpy(prepared.labels),
        }
        save_state(folder, "saga", prepared.views.scene, tensors, prepared.about)

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> SagaPrepared:
        """Read what `save` wrote.

        Raises:
            InputError: It belongs to another scene, other Gaussians or masks, or another version of the format.
        """
        check_inputs(scene, masks)
        tensors, about = load_state(folder, "saga", scene, device=self.device)
        features = tensors["features"]
        return SagaPrepared(
            scene_key=scene.key,
            views=gaussian_views(scene, self.device),
            masks=masks,
            features=features,
            squares=features.square(),
            gate_weight=tensors["gate_weight"],
            gate_bias=tensors["gate_bias"],
            quantiles=ScaleQuantiles(tensors["quantiles"].cpu().numpy()),
            mask_scales=tensors["mask_scales"].cpu().numpy(),
            foreground=tensors["foreground"].cpu().numpy(),
            labels=tensors["labels"].cpu().numpy(),
            about=about,
        )

    def _affinity(self, prepared: SagaPrepared) -> Affinity:
        return Affinity(
            prepared.features, prepared.squares, prepared.gate_weight, prepared.gate_bias, self.config.gated,
            prepared.foreground,
        )  # fmt: skip

    def _asked_for(self, prepared: SagaPrepared, seen: SeenClick) -> tuple[float, Float[Tensor, "_ D"]]:
        """What a first click asks for when the person gives no size: the size, and queries that stand for the mask
        they most likely mean in that photo.
        """
        click, masks = seen.click, prepared.masks
        held = masks.at(click.view, click.x, click.y)
        meant = masks.preferred(held, click=(click.view, click.x, click.y))
        if meant is None or meant > prepared.mask_scales.shape[1]:
            return self._typical_scale(prepared), prepared.features[:0]
        size = prepared.mask_scales[click.view, meant - 1]
        scale = self._typical_scale(prepared)
        if self.config.click_scale == "mask" and np.isfinite(size):
            scale = float(prepared.quantiles(np.array(size)))
        if self.config.click_query == "pixel":
            return scale, prepared.features[:0]
        key = (click.view, meant, scale, self.config.threshold, self.config.click_scale)
        if key not in prepared.asked:
            view, mask = prepared.views.view(click.view), masks.mask(click.view, meant)
            query = mask_query(prepared.features, view, mask)
            if self.config.click_scale == "mask" and len(query):
                sizes = (scale, *GRANULARITIES)
                affinity = self._affinity(prepared)
                scale = fitting_size(affinity, view, mask, query, sizes, self.config.threshold)
            prepared.asked[key] = (scale, query)
        return prepared.asked[key]

    def _typical_scale(self, prepared: SagaPrepared) -> float:
        """Normalised size of the median whole object; 0.5 when asked for, or when no object is cached."""
        whole = np.array([kind == "object" for kind in prepared.masks.kinds])
        sizes = prepared.mask_scales[:, whole[: prepared.mask_scales.shape[1]]]
        sizes = sizes[np.isfinite(sizes)]
        if self.config.click_scale == "middle" or len(sizes) == 0:
            return 0.5
        return float(prepared.quantiles(np.array(np.median(sizes))))


def _cleaned(
    prepared: SagaPrepared, score: Float32[Array, "N"], clicks: Sequence[SeenClick], threshold: float
) -> Float32[Array, "N"]:
    """Scores cut to the threshold for parts of the selection that do not hang together with a clicked spot."""
    means = prepared.views.gaussians.means.cpu().numpy()
    spots = np.stack(
        [click.blend(prepared.views.gaussians.means).cpu().numpy() / click.alpha for click in clicks]
    )
    kept = connected_to(means, score > threshold, spots)
    return np.where(kept, score, np.minimum(score, np.float32(threshold)))


def _overlap(a: Bool[Array, "N"], b: Bool[Array, "N"]) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
