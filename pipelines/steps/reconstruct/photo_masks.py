"""Masks of photos before cameras and depth are known: what pairs tell of each photo, proposals, one id over all.

Source: docs/methods/wildseg3d.md section 3.1 (the mask cache), here without weights as well; WildSeg3D, ICCV 2025
(arXiv:2503.08407).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float32, Int32

from liftlab.components.errors import InputError
from liftlab.components.geometry.planes import find_planes, viewing_distance
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.graph.segmentation import compact_labels, grid_edges, segment_graph
from liftlab.components.masks.protocols import ProposalInput, TrackedMasks, is_foreground, largest_area
from liftlab.components.masks.regions.matching import objects_of_matches
from liftlab.components.masks.regions.proposals import RegionConfig, RegionProposer, masks_of_levels
from liftlab.components.masks.softening import soft_views
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array, MaskSet, View
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.record import settings_for
from liftlab.pipelines.steps.reconstruct.config import PhotoMasksConfig

PLANE_SLACK = 3 * 0.005
"""Distance from a plane, as a share of the viewing distance, that counts as noise: that of `find_planes`."""
STEP = 0.1
"""Relative step in depth from which on a larger one separates no more, as between regions of even colour."""
PLANE_SHARE = 0.6
"""Share of an object's pixels on surroundings from which on it is a surface, as for what SAM 2 follows."""


@dataclass(frozen=True)
class Glimpse:
    """What the surest pair of a photo tells of it, in its own camera and the pair's own scale."""

    depth: Float32[Array, "H W"]
    """Along +Z; 0 where unsure."""
    levels: Int32[Array, "G H W"]
    """Regions of even colour and depth, one label map per size, finest first."""
    surroundings: Bool[Array, "H W"]
    """Regions that lie on a plane which is no thing: a table, a floor, a wall."""


def masks_of_photos(
    views: Sequence[View],
    pairs: Mapping[Edge, PairResult],
    config: PhotoMasksConfig,
    *,
    key: str,
    threshold: float,
    device: str,
    progress: Progress,
    cancel: CancelToken,
) -> MaskCache:
    """Find objects in every photo and give them one id over all.

    Args:
        views: Of the size of the pairs' pointmaps; of their cameras nothing is used.
        pairs: By the views' numbers.
        key: Of the scene to be.
        threshold: Confidence from which a pair is sure of a pixel.
        device: Where networks compute, for torch.

    Raises:
        InputError: A model is not here, or no two photos show the same object.
        Cancelled: `cancel` was set.
    """
    proposer = PROPOSERS.get(config.proposer)
    made = proposer.make(settings_for(proposer, config), device=torch.device(device))
    regions = RegionProposer(config.regions)
    glimpses, proposals = [], []
    for index, view in enumerate(views):
        cancel.check()
        progress(0.6 * index / len(views), f"Proposing objects in {view.name}")
        glimpse = glimpse_of(index, view, pairs, regions, threshold)
        if isinstance(made, RegionProposer):
            found = regions_and_things(regions, glimpse)
        else:
            nothing = np.zeros((*glimpse.depth.shape, 3), np.float32)
            given = ProposalInput(view.image, glimpse.depth, nothing, glimpse.levels)
            found = made.propose(given, cancel=cancel)
        glimpses.append(glimpse)
        proposals.append(_within(found, view.used))
    progress(0.6, "Giving objects one name over all photos")
    if config.following == "sam2":
        tracked = _followed(views, proposals, config, device, progress, cancel)
    else:
        tracked = _matched(proposals, pairs, config)
    tracked = [_sorted_out(one, glimpses) for one in tracked if largest_area(one.masks) >= config.min_pixels]
    if not tracked:
        raise InputError(
            "No two of these photos show the same object by their masks: bring photos that overlap more, or "
            "reconstruct them without masks first."
        )
    sizes = [(view.camera.height, view.camera.width) for view in views]
    cache = MaskCache.build(
        key, [one.masks for one in tracked], sizes=sizes, kinds=[one.kind for one in tracked],
        foreground=[one.foreground for one in tracked], scores=[one.score for one in tracked],
    )  # fmt: skip
    return replace(cache, soft=soft_views(tracked, sizes))


def glimpse_of(
    index: int,
    view: View,
    pairs: Mapping[Edge, PairResult],
    regions: RegionProposer,
    threshold: float,
) -> Glimpse:
    """Depth, regions and surroundings of a photo by the pair that is sure of most of it; without one, colour alone."""
    own = [pair for (first, _), pair in pairs.items() if first == index]
    shape = (view.camera.height, view.camera.width)
    depth, points, sure = np.zeros(shape, np.float32), np.zeros((0, 3)), np.zeros(shape, bool)
    if own:
        best = max(own, key=lambda pair: float((pair.conf_1 > threshold).mean()))
        sure = (best.conf_1 > threshold) & (best.pts3d_1[..., 2] > 0)
        points = best.pts3d_1[sure].astype(np.float64)
        depth = np.where(sure, best.pts3d_1[..., 2], 0).astype(np.float32)
    levels = regions.levels(view.image, depth, np.zeros((*shape, 3), np.float32))
    surroundings, eye, known = np.zeros(shape, bool), np.zeros((1, 3)), levels[0][sure]
    total = np.bincount(known, minlength=int(levels[0].max()) + 1)
    for plane in find_planes(points, eye):
        near = np.abs(points @ plane.normal - plane.offset) < PLANE_SLACK * viewing_distance(points, eye)
        # whole regions: no pair is sure of the rim of a photo, by which surroundings are told
        on_plane = (2 * np.bincount(known[near], minlength=len(total)) > total)[levels[0]]
        if not is_foreground([on_plane]):
            surroundings |= on_plane
    return Glimpse(depth, levels, surroundings)


def regions_and_things(regions: RegionProposer, glimpse: Glimpse) -> MaskSet:
    """Regions of even colour as parts, and as objects what stands out from the surroundings, cut where depth steps.

    What no pair is sure of has the depth of its nearest sure pixel.
    """
    parts = masks_of_levels(glimpse.levels, regions.config.max_masks)
    if not glimpse.depth.any():
        return replace(parts, kinds=("part",) * len(parts.masks))
    stands = ~glimpse.surroundings
    things = masks_of_levels(
        _cut_at_steps(regions.config, _filled(glimpse.depth), stands), regions.config.max_masks
    )
    kept = np.flatnonzero([bool(stands[mask].all()) for mask in things.masks])
    return MaskSet(
        masks=np.concatenate([things.masks[kept], parts.masks]),
        scores=np.concatenate([things.scores[kept], parts.scores]),
        kinds=("object",) * len(kept) + ("part",) * len(parts.masks),
    )


def _filled(depth: Float32[Array, "H W"]) -> Float32[Array, "H W"]:
    """The depth of the nearest pixel that has one."""
    nearest = scipy.ndimage.distance_transform_edt(depth <= 0, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return depth[rows, columns]


def _cut_at_steps(
    config: RegionConfig, depth: Float32[Array, "H W"], stands: Bool[Array, "H W"]
) -> Int32[Array, "G H W"]:
    """Regions of what stands out, told apart by depth alone, one label map per scale; the rest is one region."""
    height, width = depth.shape
    edges = grid_edges(height, width)
    edges = edges[stands.ravel()[edges].all(axis=1)]
    flat = np.log(depth).ravel()
    weights = config.depth_weight * np.minimum(np.abs(flat[edges[:, 0]] - flat[edges[:, 1]]), STEP)
    order = np.argsort(weights, kind="stable")
    edges, weights = edges[order], weights[order].astype(np.float32)
    least = max(20, round(config.min_share * height * width))
    levels = []
    for scale in config.scales:
        found = segment_graph(edges, weights, height * width, scale=scale, min_size=least)
        levels.append(compact_labels(np.where(stands.ravel(), found + 1, 0)).reshape(height, width))
    return np.stack(levels)


def _within(found: MaskSet, used: Bool[Array, "H W"] | None) -> MaskSet:
    """Proposals without what the photo's mask leaves out."""
    return found if used is None else replace(found, masks=found.masks & used)


def _matched(
    proposals: Sequence[MaskSet], pairs: Mapping[Edge, PairResult], config: PhotoMasksConfig
) -> list[TrackedMasks]:
    out = []
    for one in objects_of_matches(proposals, pairs, config.agreement):
        names = [proposals[v].kinds[i] if proposals[v].kinds else "object" for v, i in one.members.items()]
        kind = max(sorted(set(names)), key=names.count)
        out.append(TrackedMasks(one.masks, kind, True, min(one.support, 1.0), np.zeros(0, np.int64)))
    return out


def _followed(
    views: Sequence[View],
    proposals: Sequence[MaskSet],
    config: PhotoMasksConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
) -> list[TrackedMasks]:
    """Objects as SAM 2.1 follows them through the photos, largest first."""
    from liftlab.components.masks.sam2.tracker import Sam2VideoTracker
    from liftlab.pipelines.models import sam2_network

    tracker = Sam2VideoTracker(sam2_network(config.sam2, torch.device(device)), config.sam2.tracking)
    images = [view.image for view in views]
    found = tracker.follow(images, proposals, cancel=cancel)
    found.sort(key=lambda one: -sum(int(mask.sum()) for mask in one.masks))
    return [
        TrackedMasks(
            one.masks, "object", True, float(np.clip(one.score, 0, 1)), np.zeros(0, np.int64),
            certainty=one.certainty,
        )
        for one in found
    ]  # fmt: skip


def _sorted_out(one: TrackedMasks, glimpses: Sequence[Glimpse]) -> TrackedMasks:
    """The object, called a surface where most of it is surroundings, and foreground where it is a thing."""
    area = sum(int(mask.sum()) for mask in one.masks)
    plane = sum(int((mask & g.surroundings).sum()) for mask, g in zip(one.masks, glimpses, strict=True))
    if plane >= PLANE_SHARE * area:
        return replace(one, kind="plane", foreground=False)
    return replace(one, foreground=is_foreground(one.masks))
