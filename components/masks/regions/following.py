"""Objects with one id over all views from the scene's own pieces: what of their merge tree is kept, drawn."""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Int, Int8

from liftlab.components.masks.clicks.candidates import CandidateConfig, find_candidates
from liftlab.components.masks.graph.scene_graph import SceneGraph
from liftlab.components.masks.packing import PackedMasks
from liftlab.components.masks.protocols import TrackedMasks, TrackingInput, is_foreground, largest_area
from liftlab.components.masks.regions.agreeing import (
    AgreedRegion,
    agreed_regions,
    voxel_rows,
)
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.masks.regions.outline import (
    NUM_BINS,
    OutlineConfig,
    ViewColors,
    fill_votes,
    outline,
    smoothed_counts,
    view_colors,
)
from liftlab.components.masks.regions.tracking import Track
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array


class GeometryTracker:
    """`Tracker` by association through the pointmaps, with sharp outlines: nodes of the merge tree, and regions of
    single photos that other photos confirm."""

    def __init__(
        self, candidates: CandidateConfig, outlines: OutlineConfig, agreement: AgreementConfig
    ) -> None:
        self.candidates, self.outlines, self.agreement = candidates, outlines, agreement

    def track(self, given: TrackingInput, *, progress: Progress, cancel: CancelToken) -> list[TrackedMasks]:
        """Parts, objects, groups and planes of the scene, as `find_candidates` orders them, then agreed regions.

        Raises:
            Cancelled: `cancel` was set.
        """
        state = given.state
        tracks = find_candidates(state.graph, state.tree, self.candidates)
        cancel.check()
        colors = [view_colors(view.image) for view in given.scene.views]
        regions = self._regions(given, tracks)
        count = len(tracks) + len(regions)
        found: list[TrackedMasks] = []
        for number, track in enumerate(tracks):
            progress(number / count, f"Drawing outlines, {number + 1} of {count}")
            cancel.check()
            votes = leaf_votes(state.leaf_of_pixel, track.leaves, state.graph)
            masks = draw_masks(colors, votes, self.outlines, sharpen=track.kind != "plane")
            if largest_area(masks) >= given.min_pixels:
                thing = track.foreground and is_foreground(masks)
                found.append(TrackedMasks(PackedMasks(masks), track.kind, thing, track.score, track.leaves))
        for number, region in enumerate(regions, start=len(tracks)):
            progress(number / count, f"Drawing outlines, {number + 1} of {count}")
            cancel.check()
            masks = draw_masks(colors, voxel_votes(state.graph, region.voxels), self.outlines, sharpen=True)
            if largest_area(masks) >= given.min_pixels:
                leaves = leaves_within(state.graph, region.voxels)
                found.append(TrackedMasks(PackedMasks(masks), "part", False, 0.0, leaves, region.support))
        return found

    def _regions(self, given: TrackingInput, tracks: Sequence[Track]) -> list[AgreedRegion]:
        """Agreed regions that are not nearly one of the tracks."""
        graph = given.state.graph
        regions = agreed_regions(given.held, given.visible, self.agreement)
        if not regions or not tracks:
            return regions
        leaf = np.asarray(graph.leaf)
        member = scipy.sparse.lil_array((len(tracks), graph.num_leaves + 1), dtype=np.float32)
        for index, track in enumerate(tracks):
            member[index, track.leaves] = 1
        by_track = member.tocsr()[:, leaf]  # leaf -1 is the last column, which no track has
        by_region = voxel_rows([region.voxels for region in regions], len(graph.points))
        common = (by_region @ by_track.T).toarray()
        either = by_region.sum(axis=1)[:, None] + by_track.sum(axis=1)[None, :] - common
        fresh = (common <= self.candidates.duplicate * either).all(axis=1)
        return [region for region, new in zip(regions, fresh, strict=True) if new]


def leaves_within(graph: SceneGraph, voxels: Int[Array, "K"]) -> Int[Array, "_"]:
    """Leaves with more than half of their voxels among these, ascending."""
    leaf = np.asarray(graph.leaf)
    total = np.bincount(leaf[leaf >= 0], minlength=graph.num_leaves)
    held = leaf[voxels]
    inside = np.bincount(held[held >= 0], minlength=graph.num_leaves)
    return np.flatnonzero(2 * inside > total)


def voxel_votes(graph: SceneGraph, voxels: Int[Array, "K"]) -> list[Int8[Array, "H W"]]:
    """Per view: 1 where a pixel sees one of these voxels, 0 where it sees another, -1 where it sees none."""
    table = np.zeros(len(graph.points) + 1, np.int8)
    table[voxels] = 1
    table[-1] = -1
    return [table.take(image) for image in graph.voxel_of_pixel]


def leaf_votes(leaf_of_pixel: Array, leaves: Array, graph: SceneGraph) -> list[Int8[Array, "H W"]]:
    """Per view: 1 where a pixel sees one of `leaves`, 0 where it sees another, -1 where it sees none."""
    table = np.zeros(graph.num_leaves + 1, np.int8)
    table[leaves] = 1
    table[-1] = -1
    return [table.take(image) for image in leaf_of_pixel]


def draw_masks(
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
    counts = np.zeros(NUM_BINS, np.int64)
    for view, vote in zip(colors, cropped, strict=True):
        counts += np.bincount(view.bins[vote == 1], minlength=NUM_BINS)
    inside = smoothed_counts(counts)
    return [outline(c, vote, config, inside_colors=inside) for c, vote in zip(colors, cropped, strict=True)]
