"""Building the mask cache of a scene: proposals per view, one id over all views, and what later clicks need."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float16, Float32, UInt16

from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.pieces import inradius
from liftlab.components.masks.clicks.state import SolverState
from liftlab.components.masks.graph.borders import leaf_borders
from liftlab.components.masks.graph.hole_filling import fill_surfaces
from liftlab.components.masks.graph.scene_graph import SceneGraph, build_scene_graph, lab_image, view_depths
from liftlab.components.masks.judging.inputs import Measured
from liftlab.components.masks.judging.measures import (
    MEASURES,
    MIN_MEASURED_PX,
    measure,
    measured_photo,
    region_borders,
)
from liftlab.components.masks.judging.relations import relations, voxels_of_masks
from liftlab.components.masks.packing import PackedMasks
from liftlab.components.masks.protocols import (
    ProposalInput,
    Proposer,
    TrackedMasks,
    Tracker,
    TrackingInput,
    largest_area,
)
from liftlab.components.masks.regions.agreeing import voxels_of_proposals
from liftlab.components.masks.regions.proposals import RegionProposer
from liftlab.components.masks.regions.tracking import MergeTreeBuilder
from liftlab.components.masks.softening import soft_views
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, MaskSet, Scene, focal_of
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.record import settings_for
from liftlab.pipelines.choices.trackers import TRACKERS
from liftlab.pipelines.steps.masks.config import MasksConfig

WORTH_SAYING_SECS = 5.0
"""From so much waiting on it is said how long proposals will still take."""


def build_masks(
    scene: Scene,
    config: MasksConfig,
    *,
    device: str = "cpu",
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> MaskCache:
    """Find every part, object, group and plane of a reconstructed scene, in every view.

    The same scene and config give the same masks. Views that a network has looked at are read back, also those of a
    stopped run.

    Args:
        device: Where networks compute, for torch.

    Raises:
        InputError: Hardly any pixel of the scene has a reliable depth, the tracker cannot follow this proposer, or a
            model is asked for and not here.
        Cancelled: The token was set.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    proposer, tracker = _made(config, torch.device(device))
    progress(0.0, "Sorting points into surfaces and things")
    graph = build_scene_graph(scene, config.graph)
    cancel.check()
    depths = view_depths(scene)
    start = 0.25 if PROPOSERS.get(config.proposer).needs is None else 0.1
    proposals, regions, borders = _proposed(
        scene, graph, depths, proposer, RegionProposer(config.regions), part_of(progress, start, 0.55), cancel
    )
    progress(0.55, "Giving objects one name over all photos")
    state = _state(scene, fill_surfaces(graph, regions), depths, proposals, regions, config)
    voxel_of_pixel, count = np.asarray(state.graph.voxel_of_pixel), len(state.graph.points)
    found = [voxels_of_proposals(*each, count) for each in zip(voxel_of_pixel, proposals, strict=True)]
    held, visible = [masks for masks, _ in found], np.stack([seen for _, seen in found])
    given = TrackingInput(scene, proposals, state, held, visible, config.min_pixels)
    tracked = tracker.track(given, progress=part_of(progress, 0.6, 0.9), cancel=cancel)
    tracked = [_cut(one, scene) for one in tracked]
    tracked = [one for one in tracked if largest_area(one.masks) >= config.min_pixels]
    related = relations(voxels_of_masks(voxel_of_pixel, count, tracked), held, visible)
    measured = _measured(
        scene, state.graph, depths, borders, tracked, related, part_of(progress, 0.9, 1.0), cancel
    )
    progress(1.0, f"{len(tracked)} masks in {len(scene.views)} photos")
    return _cache(scene, tracked, state, measured)


def _made(config: MasksConfig, device: torch.device) -> tuple[Proposer, Tracker]:
    """Who does the work; asked for before anything is computed, so that a missing model is said at once."""
    config.check_pair()
    proposer, tracker = PROPOSERS.get(config.proposer), TRACKERS.get(config.following)
    return (
        proposer.make(settings_for(proposer, config), device=device),
        tracker.make(settings_for(tracker, config), device=device),
    )


def _proposed(
    scene: Scene,
    graph: SceneGraph,
    depths: Float32[Array, "V H W"],
    proposer: Proposer,
    by_regions: RegionProposer,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[list[MaskSet], UInt16[Array, "V H W"], list[Float16[Array, "_ _"]]]:
    """Proposals of every view, its finest regions, and the borders of regions of all sizes."""
    proposals: list[MaskSet] = []
    borders: list[Float16[Array, "_ _"]] = []
    regions = np.zeros(graph.voxel_of_pixel.shape, np.uint16)
    started = time.monotonic()
    for index, view in enumerate(scene.views):
        progress(index / len(scene.views), f"Proposing objects in {view.name}{_wait(started, index, scene)}")
        cancel.check()
        height, width = view.camera.height, view.camera.width
        normals = graph.normals_in_view(index)[:height, :width]
        depth = depths[index, :height, :width]
        levels = by_regions.levels(view.image, depth, normals)
        found = proposer.propose(ProposalInput(view.image, depth, normals, levels), cancel=cancel)
        proposals.append(_within(found, view.used))
        regions[index, :height, :width] = np.minimum(levels[0], 65535)
        borders.append(region_borders(levels))
    return proposals, regions, borders


def _within(found: MaskSet, used: Bool[Array, "H W"] | None) -> MaskSet:
    """Proposals without what the photo's mask leaves out; those of which nothing is left are none."""
    if used is None:
        return found
    masks = found.masks & used
    kept = np.asarray(masks.any(axis=(1, 2)))
    return replace(
        found,
        masks=masks[kept],
        scores=found.scores[kept],
        logits=None if found.logits is None else found.logits[kept],
        kinds=tuple(kind for kind, keep in zip(found.kinds, kept.tolist(), strict=False) if keep),
    )


def _cut(tracked: TrackedMasks, scene: Scene) -> TrackedMasks:
    """An object without what the photos' masks leave out: what is known of it from other photos would cover that."""
    if all(view.used is None for view in scene.views):
        return tracked
    masks = [
        mask if view.used is None or mask.shape != view.used.shape else mask & view.used
        for mask, view in zip(tracked.masks, scene.views, strict=True)
    ]
    return replace(tracked, masks=PackedMasks(masks))


def _measured(
    scene: Scene,
    graph: SceneGraph,
    depths: Float32[Array, "V H W"],
    borders: Sequence[Float16[Array, "_ _"]],
    tracked: Sequence[TrackedMasks],
    related: Float32[Array, "O R"],
    progress: Progress,
    cancel: CancelToken,
) -> Measured:
    """What the judge is told of every object in every view."""
    in_views = np.full((len(scene.views), len(tracked), len(MEASURES)), np.nan, np.float16)
    radius = np.zeros((len(scene.views), len(tracked)), np.float16)
    for index, view in enumerate(scene.views):
        progress(index / len(scene.views), f"Measuring objects in {view.name}")
        cancel.check()
        height, width = view.camera.height, view.camera.width
        photo = measured_photo(
            lab_image(view.image),
            depths[index, :height, :width],
            scene.pointmap.pts3d[index, :height, :width],
            graph.normals_in_view(index)[:height, :width],
            borders[index],
            graph.labels_in_view(index, np.asarray(graph.surface), -1)[:height, :width] >= 0,
        )
        for number, one in enumerate(tracked):
            mask = one.masks[index]
            if np.count_nonzero(mask) >= MIN_MEASURED_PX:
                in_views[index, number] = measure(photo, mask)
                radius[index, number] = inradius(mask)
    return Measured(in_views, radius, np.array([one.agreement for one in tracked], np.float32), related)


def _wait(started: float, done: int, scene: Scene) -> str:
    """How long the views that are left will take, once that is known and worth saying."""
    left = (time.monotonic() - started) / done * (len(scene.views) - done) if done else 0.0
    return f", about {left:.0f} s left" if left >= WORTH_SAYING_SECS else ""


def _state(
    scene: Scene,
    graph: SceneGraph,
    depths: Float32[Array, "V H W"],
    proposals: Sequence[MaskSet],
    regions: UInt16[Array, "V H W"],
    config: MasksConfig,
) -> SolverState:
    """The scene's pieces, and the tree in which the proposals join them."""
    leaf_of_pixel = np.where(graph.voxel_of_pixel >= 0, graph.leaf[graph.voxel_of_pixel], -1).astype(np.int32)
    cameras = [view.camera for view in scene.views]
    borders = leaf_borders(
        [leaf[: c.height, : c.width] for leaf, c in zip(leaf_of_pixel, cameras, strict=True)],
        depths, [focal_of(camera) for camera in cameras],
    )  # fmt: skip
    tree = MergeTreeBuilder(config.tracker).build(graph, proposals, borders)
    return SolverState(graph, tree, (), leaf_of_pixel, regions)


def _cache(
    scene: Scene, tracked: Sequence[TrackedMasks], state: SolverState, measured: Measured
) -> MaskCache:
    sizes = [(view.camera.height, view.camera.width) for view in scene.views]
    cache = MaskCache.build(
        scene.key,
        [one.masks for one in tracked],
        sizes=sizes,
        kinds=[one.kind for one in tracked],
        foreground=[one.foreground for one in tracked],
        scores=[one.score for one in tracked],
    )
    state = replace(state, leaves=tuple(one.leaves for one in tracked))
    soft = tuple(
        one if view.used is None else np.where(view.used, one, np.float16(0))
        for one, view in zip(soft_views(tracked, sizes), scene.views, strict=True)
    )
    return replace(cache, solver_state=state, measured=measured, soft=soft)
