"""Contrastive-Lift on Gaussians: the baseline that learns vectors from masks and then has to cluster them.

Sources: (a) UniC-Lift's "CL + 3DGS", the same bounded cluster loss without codes (Dhiman et al., 2025);
(b) "Contrastive Lift", NeurIPS 2023 (arXiv:2306.04633), slow-fast loss on a table of vectors where the original has a
radiance field. Equation numbers are those of docs/methods/unic_lift.md. We differ where the docstrings below say so.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64, UInt16
from torch import Tensor

from liftlab.components.bounds import Amount, Share, within
from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY
from liftlab.components.features.clusters import (
    DensityClusters,
    cluster_means,
    density_clusters,
    nearest_mean,
)
from liftlab.components.features.losses.cluster_loss import bounded, cluster_loss
from liftlab.components.features.losses.slow_fast import concentration_loss, contrastive_loss
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Prompt, Scene, Segmentation
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.shared.feature_trainer import (
    FeatureTrainConfig,
    TrainingFrame,
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
    frame_labels,
    meant_objects,
    nearer_part,
    packed,
    select,
    unpacked,
    without_structure,
)
from liftlab.pipelines.methods.shared.opening import opened
from liftlab.pipelines.methods.shared.photo_masks import ClickLabel, PhotoMasks, clicked_objects
from liftlab.pipelines.presets import PRESETS

NAME = "contrastive_lift"
OUTLIER = 3.0
"""Samples this many standard deviations from the mean in any channel are not clustered."""


@dataclass(frozen=True)
class ContrastiveLiftConfig:
    """Choices of Contrastive-Lift."""

    loss: Literal["cluster", "slow_fast"] = "cluster"
    """The bounded cluster loss, which is the fair baseline of UniC-Lift; or the original's slow-fast loss."""
    dimensions: Annotated[int, within(1, 256)] = 12
    """Channels of the vectors; the original's slow-fast loss has 3."""
    weight: Amount = 0.1
    """Of the loss."""
    slow_decay: Share = 0.9
    """Share that slow vectors keep of themselves at every step."""
    pixels: Annotated[int, within(1, 1_000_000)] = 1024
    """Drawn per step; the slow-fast loss splits them into halves."""
    label_rest: bool = True
    """Pixels under no mask are one more segment of every view."""
    samples: Annotated[int, within(1, 10_000_000)] = 10_000
    """Pixels clustered: 50,000 in the original, which takes tens of minutes on a processor."""
    smallest_share: Share = 0.002
    """Of those pixels that a cluster has at least. The original's 1 % leaves out what is smaller in the photos: on a
    shelf of 25 things, masks of the truth, IoU after one click was 0.14 with it and is 0.87."""
    train: FeatureTrainConfig = field(
        default_factory=lambda: FeatureTrainConfig(iterations=2000, max_side=320, rate=1e-2)
    )
    """Length, size and rate of the training."""
    click_label: ClickLabel = field(default="mask", metadata=AT_QUERY | OMIT_DEFAULT_FROM_KEY)
    """What says which object a click means: most pixels of the photo's own mask under it, or its pixel alone. Ours: see
    `clicked_objects`."""


@dataclass(frozen=True)
class ContrastiveLiftPrepared:
    """Read-only state of Contrastive-Lift for one scene."""

    scene_key: str
    views: GaussianViews = field(repr=False)
    features: Float32[Tensor, "N D"] = field(repr=False)
    """What is blended and compared: bounded vectors, or the vectors themselves for the slow-fast loss."""
    low: Float32[Tensor, "D"]
    """Smallest value of every channel among the samples, which becomes 0."""
    span: Float32[Tensor, "D"]
    """What becomes 1, above it."""
    centroids: Float32[Tensor, "C D"]
    """Of the clusters, in these units; object o has row o - 1."""
    labelling: Labelling = field(repr=False)
    photo_masks: PhotoMasks = field(repr=False)
    """What clicks are read by."""
    about: dict[str, Any]
    """Training curve; seconds of training and of clustering apart."""

    def objects_of(self, rendered: Float32[Tensor, "P D"]) -> Int[Array, "P"]:
        """The nearest centroid of blended or plain features, from 1; 0 when nothing was clustered."""
        return nearest_mean((rendered - self.low) / self.span, self.centroids)


@register(
    NAME,
    summary="Learns vectors from masks, then clusters them: the baseline that UniC-Lift's codes replace.",
    paper="Contrastive Lift: 3D Object Instance Segmentation by Slow-Fast Contrastive Fusion, NeurIPS 2023 "
    "(arXiv:2306.04633)",
    licence="Apache-2.0 (our implementation)",
    config=ContrastiveLiftConfig,
    presets=PRESETS[NAME],
)
class ContrastiveLift:
    """Contrastive vectors and HDBSCAN."""

    STEP_VERSION = 2
    geometry: Literal["points", "gaussians"] = "gaussians"

    def __init__(self, config: ContrastiveLiftConfig, *, device: torch.device) -> None:
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
    ) -> ContrastiveLiftPrepared:
        """Train the vectors, then cluster what they look like in the photos.

        Raises:
            InputError: The masks belong to another scene, there are no Gaussians, or no mask to learn from.
            Cancelled: `cancel` was set.
        """
        config = self.config
        opening = opened(
            scene, masks, max_side=config.train.max_side, device=self.device, cancel=cancel, generator=generator,
            label_rest=config.label_rest,
        )  # fmt: skip
        views, truth, frames = opening.views, opening.truth, opening.frames
        labels = []
        for frame, label_map in zip(frames, truth, strict=True):
            cancel.check()
            labels.append(torch.from_numpy(frame_labels(frame, label_map).ravel()).long())
        start = torch.randn((len(views.gaussians), config.dimensions), generator=generator)
        result = train_features(
            scene, start, partial(self._loss, labels), config.train,
            buffers={"slow": start.clone()} if config.loss == "slow_fast" else None,
            frames=frames, device=self.device, progress=part_of(progress, 0.0, 0.8), cancel=cancel,
            generator=generator,
        )  # fmt: skip
        began = time.perf_counter()
        progress(0.8, "Clustering the vectors")
        features = bounded(result.features) if config.loss == "cluster" else result.features
        low, span, centroids = self._cluster(frames, features, generator)
        clustering_secs = time.perf_counter() - began
        blank = Labelling(np.zeros(len(features), np.int32), (), np.zeros(len(centroids) + 1, bool))
        bare = ContrastiveLiftPrepared(
            scene.key, views, features, low, span, centroids, blank, PhotoMasks(masks), {}
        )
        labelling = self._read_off(bare, truth, cancel)
        progress(1.0, f"{int(labelling.thing.sum())} objects")
        about = {
            "curve": curve_json(result.curve),
            "iterations": result.iterations,
            "seconds": round(result.seconds + clustering_secs, 3),
            "training_seconds": round(result.seconds, 3),
            "clustering_seconds": round(clustering_secs, 3),
            "clusters": len(centroids),
        }
        return replace(bare, labelling=labelling, about=about)

    def _loss(self, labels: Sequence[Int64[Tensor, "_"]], step: TrainStep) -> Tensor | None:
        """0.1 times eq. 3, or eq. 10 plus eq. 12, on random labelled pixels of one view."""
        config, own = self.config, labels[step.frame.index]
        labelled = torch.nonzero(own).flatten()
        if len(labelled) == 0:
            return None
        drawn = labelled[torch.randint(len(labelled), (config.pixels,), generator=step.generator)]
        ids = own[drawn].to(step.features.device)
        rows = step.rows(drawn.to(step.features.device))
        rendered = rows.blend(step.features.index_select(0, rows.gaussian_ids))
        if config.loss == "cluster":
            return config.weight * cluster_loss(
                bounded(rendered), ids, min_pixels=1, generator=step.generator
            )
        if config.loss == "slow_fast":
            with torch.no_grad():
                slow = step.buffers["slow"].lerp_(step.features, 1 - config.slow_decay)
                slow_rendered = rows.blend(slow.index_select(0, rows.gaussian_ids))
            half = config.pixels // 2  # pixels are drawn in random order
            parts = rendered[:half], ids[:half], slow_rendered[half:], ids[half:]
            return config.weight * (concentration_loss(*parts) + contrastive_loss(*parts))
        assert_never(config.loss)

    def _cluster(
        self, frames: Sequence[TrainingFrame], features: Float32[Tensor, "N D"], generator: torch.Generator
    ) -> tuple[Float32[Tensor, "D"], Float32[Tensor, "D"], Float32[Tensor, "C D"]]:
        """Channel minima and spans, and centroids, from random opaque pixels of all training views.

        We differ: pixels of the training views instead of the test views, 10,000 at most instead of 50,000 by default,
        and clusters of at least `smallest_share` of them where the reference needs 500 (docs/methods/unic_lift.md
        section 6).
        """
        each = -(-self.config.samples // len(frames))
        pieces = []
        for frame in frames:
            opaque = torch.nonzero(frame.view.alpha.flatten().cpu() >= MIN_ALPHA).flatten()
            if len(opaque):
                some = opaque[torch.randperm(len(opaque), generator=generator)[:each]].to(features.device)
                rows = frame.view.rows(some)
                pieces.append(rows.blend(features.index_select(0, rows.gaussian_ids)))
        samples = torch.cat(pieces) if pieces else features[:0]
        spread = samples.std(dim=0, correction=0) if len(samples) else samples.new_zeros(samples.shape[1])
        usual = ((samples - samples.mean(dim=0)).abs() <= OUTLIER * spread + 1e-9).all(dim=1)
        samples = samples[usual]
        if len(samples) == 0:
            return torch.zeros_like(features[0]), torch.ones_like(features[0]), features[:0]
        low = samples.amin(dim=0)
        span = (samples.amax(dim=0) - low).clamp_min(1e-9)
        samples = (samples - low) / span
        smallest = max(5, int(self.config.smallest_share * len(samples)))
        found: DensityClusters = density_clusters(
            samples.cpu().numpy(), smallest=smallest, min_samples=1, allow_single=True
        )
        return low, span, cluster_means(samples, found, weighted=True)

    def _read_off(self, prepared: ContrastiveLiftPrepared, truth: Sequence, cancel: CancelToken) -> Labelling:
        """The object of every Gaussian and pixel, and which objects are things."""
        maps = []
        for index in range(len(prepared.views.scene.views)):
            cancel.check()
            maps.append(self._decode(prepared, prepared.views.view(index)))
        gaussians = prepared.objects_of(prepared.features).astype(np.int32)
        return Labelling(gaussians, tuple(maps), are_things(maps, truth, len(prepared.centroids)))

    def _decode(self, prepared: ContrastiveLiftPrepared, view: FrozenView) -> UInt16[Array, "_H _W"]:
        """The nearest centroid of every pixel's features, 0 where Gaussians cover less than half."""
        with torch.no_grad():
            rendered = view.render(prepared.features)
        objects = prepared.objects_of(rendered.flatten(0, 1)).reshape(rendered.shape[:2])
        return np.where(view.alpha.cpu().numpy() >= MIN_ALPHA, objects, 0).astype(np.uint16)

    def label_view(self, prepared: ContrastiveLiftPrepared, camera: Camera) -> UInt16[Array, "_H _W"]:
        """`decompose` for any camera, also of a photo that was never trained on."""
        labels = self._decode(prepared, FrozenView(prepared.views.gaussians, camera))
        return np.where(prepared.labelling.thing[labels], labels, 0).astype(np.uint16)

    def segment(self, prepared: ContrastiveLiftPrepared, prompts: Sequence[Prompt]) -> Segmentation:
        """Select the Gaussians of the cluster under the click; several positive clicks give the union.

        Granularity adds clusters whose centroids are near: at 1 those within half the largest distance. A negative
        click takes its cluster away; where it hits a clicked one, that is split by distance in space (rules ours: the
        papers have no clicks).

        Raises:
            InputError: A click lies outside its photo, or names a view that the scene does not have.
        """
        started = time.perf_counter()
        clicks = seen_clicks(prepared.views, prompts)
        about = {"method": NAME, "config": self.config, "started": started, "clicks": clicks}
        if not clicks.positives:
            return nothing_selected(prepared.views, **about)
        yes, no = clicked_objects(
            clicks.positives, clicks.negatives, partial(self._object_at, prepared), prepared.labelling.maps,
            prepared.photo_masks, self.config.click_label,
        )  # fmt: skip
        yes = meant_objects(yes, clicks.positives, prepared.labelling)
        distances = _distances(prepared.centroids)
        tolerance = (clicks.granularity or 0.0) * 0.5 * float(distances[1:, 1:].max(initial=0.0))
        chosen = chosen_objects(yes, no, distances.__getitem__, tolerance)
        labels = prepared.labelling.gaussians
        keep = partial(nearer_part, prepared.labelling, prepared.views.gaussians.means)
        score = select(labels, chosen, clicks, yes, no, keep)
        return answer(prepared.views, score, SCORE_THRESHOLD, **about)

    def _object_at(self, prepared: ContrastiveLiftPrepared, click: SeenClick) -> int:
        return int(prepared.objects_of(click.blend(prepared.features)[None])[0])

    def decompose(
        self, prepared: ContrastiveLiftPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """The clusters of all views' pixels, surroundings 0; the same at every granularity."""
        return without_structure(prepared.labelling)

    def save(self, prepared: ContrastiveLiftPrepared, folder: Path) -> None:
        """Write vectors, centroids and label maps."""
        tensors = {
            "features": prepared.features,
            "low": prepared.low,
            "span": prepared.span,
            "centroids": prepared.centroids,
            **packed(prepared.labelling),
        }
        save_state(folder, NAME, prepared.views.scene, tensors, prepared.about)

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> ContrastiveLiftPrepared:
        """Read what `save` wrote. Raises InputError when it belongs to another scene or to other splats."""
        check_inputs(scene, masks)
        tensors, about = load_state(folder, NAME, scene, device=self.device)
        features, low, span, centroids = (tensors[n] for n in ("features", "low", "span", "centroids"))
        views = gaussian_views(scene, self.device)
        return ContrastiveLiftPrepared(
            scene.key, views, features, low, span, centroids, unpacked(tensors), PhotoMasks(masks), about
        )


def _distances(centroids: Float32[Tensor, "C D"]) -> Float[Array, "O_plus_1 O_plus_1"]:
    """Between objects; entry 0, no object, is infinitely far from all others."""
    out = np.full((len(centroids) + 1,) * 2, np.inf)
    out[1:, 1:] = torch.cdist(centroids, centroids).cpu().numpy()
    np.fill_diagonal(out, 0)
    return out
