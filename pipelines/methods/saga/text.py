"""Words by SAGA's votes: masks of all photos that stand for the same Gaussians elect what a text names.

Source: "Segment Any 3D Gaussians", AAAI 2025 (arXiv:2312.00860); equation numbers are those of docs/methods/saga.md. We
differ: a cluster needs masks in half of the photos rather than 30, for scenes of few photos; 30 is the most asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor
from torch.nn.functional import normalize

from liftlab.components.features.clusters import clusters_of_distances
from liftlab.components.features.mask_votes import categories_of, elect, mask_distances
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken
from liftlab.components.text.encoder import CropConfig, TextImageEncoder, crop, relevancy_of_text
from liftlab.components.types import Array, Scene
from liftlab.pipelines.methods.saga.clicks import Affinity
from liftlab.pipelines.methods.shared.feature_trainer import training_frames
from liftlab.pipelines.methods.shared.gaussian_answers import MIN_ALPHA, GaussianViews
from liftlab.pipelines.offers import VotedObject, Voter

ANCHOR_SHARE, LEAST_ANCHORS = 0.01, 1000
"""Gaussians, chosen at random, that masks are compared by."""
ANCHOR_LIKENESS = 0.5
"""Similarity to a mask's feature above which it stands for an anchor."""
SELECTED = 0.85
"""Similarity to the elected mask's feature above which a Gaussian is selected."""
SHRINK = 4
"""Features are rendered at this fraction of the photos' size."""
LARGEST_CLUSTER_MIN = 30
EPSILON = 0.25
MOST_MASKS = 5000
"""Masks compared with each other; more are thinned out evenly."""
PICTURES_AT_ONCE = 64
PAPER_CROPS = CropConfig(background="black")
"""The paper blanks what is outside a mask; the published code makes it black."""


@dataclass(frozen=True)
class VotedMasks:
    """The masks of all views with what they stand for."""

    places: Int[Array, "M 2"]
    """View and object id in the mask cache."""
    scales: Float[Array, "M"]
    """Normalised sizes."""
    features: Float[Tensor, "M D"]
    """f_M, unit length, at the mask's own size (eq. 14)."""
    clusters: Int[Array, "M"]
    """-1 = noise."""


@dataclass(frozen=True)
class TextHit:
    """Gaussians that a text names."""

    score: float
    """Mean relevancy of the cluster that elected them (eq. 15)."""
    selected: Bool[Array, "N"]
    place: tuple[int, int]
    """View and object id of the mask that asks for them."""


def vote(
    affinity: Affinity,
    views: GaussianViews,
    masks: MaskCache,
    scales: Float[Array, "V O"],
    *,
    cancel: CancelToken,
    generator: torch.Generator,
) -> VotedMasks:
    """Features of all masks, and clusters of those that stand for the same Gaussians (steps 1 to 4).

    Args:
        scales: Normalised size of every mask in every view; NaN where it has none, which leaves it out.
        generator: Chooses the anchors.

    Raises:
        Cancelled: `cancel` was set.
    """
    scene, device = views.scene, affinity.features.device
    count = len(affinity.features)
    some = torch.randperm(count, generator=generator)[: max(int(ANCHOR_SHARE * count), LEAST_ANCHORS)]
    anchors = affinity.features[some.to(device)]
    seen = np.argwhere(np.isfinite(scales))
    seen = seen[np.unique(np.linspace(0, len(seen) - 1, min(len(seen), MOST_MASKS)).astype(int))]
    side = max(max(size) for size in masks.sizes) // SHRINK
    places: list[tuple[int, int]] = []
    features: list[Tensor] = []
    for frame in training_frames(scene, max_side=side, device=device):
        cancel.check()
        with torch.no_grad():
            rendered = frame.view.render(affinity.features).flatten(0, 1)
        opaque = frame.view.alpha.flatten() >= MIN_ALPHA
        for index in seen[seen[:, 0] == frame.index, 1].tolist():
            mask = frame.shrunk(masks.mask(frame.index, index + 1)).ravel()
            inside = rendered[torch.from_numpy(mask).to(device) & opaque]
            if len(inside):
                gates = affinity.gates(float(scales[frame.index, index]))
                features.append(normalize(normalize(inside * gates, dim=1).mean(dim=0), dim=0))
                places.append((frame.index, index + 1))
    sizes = np.array([scales[view, object_id - 1] for view, object_id in places])
    held = np.zeros((len(places), len(anchors)), bool)
    for row, (feature, size) in enumerate(zip(features, sizes.tolist(), strict=True)):
        likeness = normalize(anchors * affinity.gates(size), dim=1) @ feature
        held[row] = (likeness > ANCHOR_LIKENESS).cpu().numpy()
    smallest = min(len(scene.views) // 2, LARGEST_CLUSTER_MIN)
    clusters = clusters_of_distances(mask_distances(held), smallest=smallest, epsilon=EPSILON)
    stacked = torch.stack(features) if features else affinity.features[:0]
    return VotedMasks(np.array(places, np.int64).reshape(-1, 2), sizes.reshape(-1), stacked, clusters)


def like_mask(affinity: Affinity, voted: VotedMasks, member: int) -> Bool[Array, "N"]:
    """Gaussians more similar than `SELECTED` to a mask's feature, at the mask's size."""
    gated = normalize(affinity.features * affinity.gates(float(voted.scales[member])), dim=1)
    return (gated @ voted.features[member] > SELECTED).cpu().numpy()


def embed_masks(
    scene: Scene,
    masks: MaskCache,
    voted: VotedMasks,
    encoder: TextImageEncoder,
    config: CropConfig,
    *,
    cancel: CancelToken,
) -> Float32[Array, "M E"]:
    """One unit embedding per mask, of its own photo (step 5). Raises Cancelled when `cancel` was set."""
    out = [np.zeros((0, 1), np.float32)]
    for start in range(0, len(voted.places), PICTURES_AT_ONCE):
        cancel.check()
        some = voted.places[start : start + PICTURES_AT_ONCE].tolist()
        out.append(encoder.encode_images([crop(scene, masks, view, one, config) for view, one in some]))
    return np.concatenate(out[1:] or out).astype(np.float32)


def voter_of(
    affinity: Affinity,
    views: GaussianViews,
    masks: MaskCache,
    voted: VotedMasks,
    encoder: TextImageEncoder,
    *,
    cancel: CancelToken,
) -> Voter:
    """Steps 5 and 6 for any words: masks are looked at once, on black as published. Raises Cancelled."""
    embeddings = embed_masks(views.scene, masks, voted, encoder, PAPER_CROPS, cancel=cancel)

    def named(text: str, among: Sequence[str] = ()) -> tuple[VotedObject, ...]:
        hits = find_by_votes(affinity, voted, embeddings, encoder, text, among)
        places = range(len(views.scene.views))
        return tuple(
            VotedObject(one.score, one.selected, tuple(views.mask(one.selected, view) for view in places))
            for one in hits
        )

    return named


def find_by_votes(
    affinity: Affinity,
    voted: VotedMasks,
    embeddings: Float32[Array, "M E"],
    encoder: TextImageEncoder,
    text: str,
    among: Sequence[str] = (),
) -> tuple[TextHit, ...]:
    """What a text names, best first (step 6); empty when no masks agree on anything.

    Args:
        among: Categories of which each cluster belongs to one, the text among them; then its hits are its clusters.
    """
    relevancies = relevancy_of_text(embeddings, text, encoder).astype(np.float64)
    elected = elect(relevancies, voted.clusters)
    if among:
        each = np.stack([relevancy_of_text(embeddings, one, encoder).astype(np.float64) for one in among])
        own = categories_of(each, voted.clusters) == list(among).index(text)
        elected = tuple(one for one in elect(relevancies, voted.clusters, least=-1.0) if own[one.cluster])
    hits = []
    for one in elected:
        view, object_id = voted.places[one.member].tolist()
        hits.append(TextHit(one.score, like_mask(affinity, voted, one.member), (view, object_id)))
    return tuple(hits)
