"""The mask cache of a scene: proposals per view, one id over all views, sharp outlines, and what later clicks
need."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Int8

from liftlab.components.bounds import within
from liftlab.components.config_keys import LATER
from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.candidates import CandidateConfig, find_candidates
from liftlab.components.masks.clicks.state import SolverState
from liftlab.components.masks.graph.borders import leaf_borders
from liftlab.components.masks.graph.hole_filling import fill_surfaces
from liftlab.components.masks.graph.scene_graph import (
    SceneGraph,
    SceneGraphConfig,
    build_scene_graph,
    view_depths,
)
from liftlab.components.masks.regions.outline import (
    OutlineConfig,
    ViewColors,
    color_histogram,
    fill_votes,
    outline,
    view_colors,
)
from liftlab.components.masks.regions.proposals import RegionConfig, RegionProposer, masks_of_levels
from liftlab.components.masks.regions.tracking import GeometryTracker, GeometryTrackerConfig, Track
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, MaskSet, Scene, focal_of
from liftlab.pipelines.models import Sam2Config, default_device

STEP_VERSION = 7


@dataclass(frozen=True)
class MasksConfig:
    """Choices of the weight-free mask cache."""

    graph: SceneGraphConfig = field(default_factory=SceneGraphConfig)
    """Voxels, surfaces and small pieces."""
    regions: RegionConfig = field(default_factory=RegionConfig)
    """Proposals of each photo."""
    tracker: GeometryTrackerConfig = field(default_factory=GeometryTrackerConfig)
    """How pieces become objects."""
    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    """What is kept as part, object, group and plane."""
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    """How outlines are sharpened."""
    min_pixels: Annotated[int, within(0, 10_000_000)] = 100
    """An object must cover this many pixels in one view at least."""
    proposer: Literal["regions", "sam2"] = field(default="regions", metadata=LATER)
    """Who proposes masks in each photo: regions of even colour and geometry, without weights, or SAM 2.1."""
    following: Literal["geometry", "sam2"] = field(default="geometry", metadata=LATER)
    """Who gives objects one id over all photos: association through the pointmaps, or SAM 2.1 following its own
    proposals from photo to photo (`proposer` must be sam2)."""
    sam2: Sam2Config = field(default_factory=Sam2Config, metadata=LATER)
    """Which SAM 2.1, and how."""


def build_masks(
    scene: Scene,
    config: MasksConfig,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> MaskCache:
    """Find every part, object, group and plane of a reconstructed scene, in every view.

    The same scene and config give the same masks.

    Raises:
        InputError: Hardly any pixel of the scene has a reliable depth, or SAM 2.1 is asked for and not here.
        Cancelled: The token was set.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    by_sam2 = _sam2_proposals(scene, config, part_of(progress, 0.0, 0.5), cancel)
    progress = part_of(progress, 0.0 if by_sam2 is None else 0.5, 1.0)
    progress(0.0, "Sorting points into surfaces and things")
    graph = build_scene_graph(scene, config.graph)
    cancel.check()
    proposer = RegionProposer(config.regions)
    depths = view_depths(scene)
    proposals: list[MaskSet] = []
    regions = np.zeros(graph.voxel_of_pixel.shape, np.uint16)
    for index, view in enumerate(scene.views):
        progress(0.25 + 0.3 * index / len(scene.views), f"Proposing objects in {view.name}")
        cancel.check()
        height, width = view.camera.height, view.camera.width
        normals = graph.normals_in_view(index)[:height, :width]
        levels = proposer.levels(view.image, depths[index, :height, :width], normals)
        proposals.append(masks_of_levels(levels, config.regions.max_masks))
        regions[index, :height, :width] = np.minimum(levels[0], 65535)
    proposals = proposals if by_sam2 is None else by_sam2
    graph = fill_surfaces(graph, regions)
    progress(0.55, "Giving objects one name over all photos")
    leaf_of_pixel = np.where(graph.voxel_of_pixel >= 0, graph.leaf[graph.voxel_of_pixel], -1).astype(np.int32)
    cameras = [view.camera for view in scene.views]
    borders = leaf_borders(
        [leaf[: c.height, : c.width] for leaf, c in zip(leaf_of_pixel, cameras, strict=True)],
        depths, [focal_of(camera) for camera in cameras],
    )  # fmt: skip
    tree = GeometryTracker(config.tracker).track(graph, proposals, borders)
    if config.following == "sam2":
        from liftlab.pipelines.steps.sam2_masks import sam2_tracks

        return sam2_tracks(
            scene, proposals, SolverState(graph, tree, (), leaf_of_pixel, regions), config.sam2, default_device(),
            min_pixels=config.min_pixels, progress=part_of(progress, 0.6, 1.0), cancel=cancel,
        )  # fmt: skip
    tracks = find_candidates(graph, tree, config.candidates)
    cancel.check()
    colors = [view_colors(view.image) for view in scene.views]
    kept: list[Track] = []
    masks: list[list[Bool[Array, "_ _"]]] = []
    for number, track in enumerate(tracks):
        progress(0.6 + 0.4 * number / len(tracks), f"Drawing outlines, {number + 1} of {len(tracks)}")
        cancel.check()
        votes = leaf_votes(leaf_of_pixel, track.leaves, graph)
        per_view = draw(colors, votes, config.outline, sharpen=track.kind != "plane")
        if max(mask.sum() for mask in per_view) >= config.min_pixels:
            kept.append(track)
            masks.append(per_view)
    cache = MaskCache.build(
        scene.key,
        masks,
        sizes=[(view.camera.height, view.camera.width) for view in scene.views],
        kinds=[track.kind for track in kept],
        foreground=[track.foreground and is_foreground(m) for track, m in zip(kept, masks, strict=True)],
        scores=[track.score for track in kept],
    )
    progress(1.0, f"{len(kept)} masks in {len(scene.views)} photos")
    leaves = tuple(track.leaves for track in kept)
    return replace(cache, solver_state=SolverState(graph, tree, leaves, leaf_of_pixel, regions))


def _sam2_proposals(
    scene: Scene, config: MasksConfig, progress: Progress, cancel: CancelToken
) -> list[MaskSet] | None:
    """SAM 2.1's masks of every view; None where it is not asked for."""
    if config.proposer == "regions":
        if config.following == "sam2":
            raise InputError("SAM 2.1 follows its own proposals only: set proposer=sam2 as well.")
        return None
    from liftlab.pipelines.steps.sam2_masks import sam2_proposals

    return sam2_proposals(scene, config.sam2, default_device(), progress=progress, cancel=cancel)


def leaf_votes(leaf_of_pixel: Array, leaves: Array, graph: SceneGraph) -> list[Int8[Array, "H W"]]:
    """Per view: 1 where a pixel sees one of `leaves`, 0 where it sees another, -1 where it sees none."""
    table = np.zeros(graph.num_leaves + 1, np.int8)
    table[leaves] = 1
    table[-1] = -1
    return [table[image] for image in leaf_of_pixel]


def draw(
    colors: Sequence[ViewColors],
    votes: Sequence[Int8[Array, "_ _"]],
    config: OutlineConfig,
    *,
    sharpen: bool,
) -> list[Bool[Array, "_ _"]]:
    """Masks of one object in all views from its votes; surfaces are filled, things get sharp outlines."""
    cropped = [vote[: c.bins.shape[0], : c.bins.shape[1]] for vote, c in zip(votes, colors, strict=True)]
    if not sharpen:
        return [fill_votes(vote) for vote in cropped]
    inside = sum(
        (color_histogram(c.bins[vote == 1]) for c, vote in zip(colors, cropped, strict=True)),
        np.zeros(1568),
    )
    return [outline(c, vote, config, inside_colors=inside) for c, vote in zip(colors, cropped, strict=True)]


def is_foreground(masks: Sequence[Bool[Array, "_ _"]]) -> bool:
    """Whether a thing is foreground: at most two image borders touched and under 40 % covered in its largest
    view.

    Source: docs/methods/wildseg3d.md section 8 (soft mask before any click).
    """
    mask = max(masks, key=lambda m: int(m.sum()))
    borders = sum(bool(rim.any()) for rim in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return bool(borders < 3 and mask.mean() < 0.4)
