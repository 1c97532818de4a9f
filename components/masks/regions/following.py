"""Objects with one id over all views from the scene's own pieces: what of their merge tree is kept, drawn."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int8

from liftlab.components.masks.clicks.candidates import CandidateConfig, find_candidates
from liftlab.components.masks.graph.scene_graph import SceneGraph
from liftlab.components.masks.protocols import TrackedMasks, TrackingInput, is_foreground, largest_area
from liftlab.components.masks.regions.outline import (
    OutlineConfig,
    ViewColors,
    color_histogram,
    fill_votes,
    outline,
    view_colors,
)
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array


class GeometryTracker:
    """`Tracker` by association through the pointmaps: nodes of the merge tree, with sharp outlines."""

    def __init__(self, candidates: CandidateConfig, outlines: OutlineConfig) -> None:
        self.candidates, self.outlines = candidates, outlines

    def track(self, given: TrackingInput, *, progress: Progress, cancel: CancelToken) -> list[TrackedMasks]:
        """Parts, objects, groups and planes of the scene, as `find_candidates` orders them.

        Raises:
            Cancelled: `cancel` was set.
        """
        state = given.state
        tracks = find_candidates(state.graph, state.tree, self.candidates)
        cancel.check()
        colors = [view_colors(view.image) for view in given.scene.views]
        found: list[TrackedMasks] = []
        for number, track in enumerate(tracks):
            progress(number / len(tracks), f"Drawing outlines, {number + 1} of {len(tracks)}")
            cancel.check()
            votes = leaf_votes(state.leaf_of_pixel, track.leaves, state.graph)
            masks = draw_masks(colors, votes, self.outlines, sharpen=track.kind != "plane")
            if largest_area(masks) >= given.min_pixels:
                thing = track.foreground and is_foreground(masks)
                found.append(TrackedMasks(tuple(masks), track.kind, thing, track.score, track.leaves))
        return found


def leaf_votes(leaf_of_pixel: Array, leaves: Array, graph: SceneGraph) -> list[Int8[Array, "H W"]]:
    """Per view: 1 where a pixel sees one of `leaves`, 0 where it sees another, -1 where it sees none."""
    table = np.zeros(graph.num_leaves + 1, np.int8)
    table[leaves] = 1
    table[-1] = -1
    return [table[image] for image in leaf_of_pixel]


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
    inside = sum(
        (color_histogram(c.bins[vote == 1]) for c, vote in zip(colors, cropped, strict=True)),
        np.zeros(1568),
    )
    return [outline(c, vote, config, inside_colors=inside) for c, vote in zip(colors, cropped, strict=True)]
