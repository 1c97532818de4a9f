"""Objects with one id over all views by SAM 2.1: its tracks, and what of the scene each of them is."""

import numpy as np
from jaxtyping import Int

from liftlab.components.masks.clicks.state import SolverState
from liftlab.components.masks.graph.scene_graph import surface_of_leaves
from liftlab.components.masks.protocols import TrackedMasks, TrackingInput, is_foreground, largest_area
from liftlab.components.masks.sam2.network import Sam2Network
from liftlab.components.masks.sam2.tracker import Sam2TrackerConfig, Sam2VideoTracker, TrackedObject
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array

PLANE_SHARE = 0.6
"""Share of an object's voxels on dominant planes from which on it is a surface."""
PART_INSIDE, PART_AREA = 0.85, 0.6
"""A part lies inside its object by at least the first share of its pixels, and has at most the second of its area."""
LEAF_INSIDE = 0.5
"""A leaf belongs to an object that covers this share of its pixels."""


class Sam2Tracker:
    """`Tracker` by the video memory of SAM 2.1; geometry only tells what each object is, and its leaves."""

    def __init__(self, network: Sam2Network, config: Sam2TrackerConfig | None = None) -> None:
        self._video = Sam2VideoTracker(network, config)

    def track(self, given: TrackingInput, *, progress: Progress, cancel: CancelToken) -> list[TrackedMasks]:
        """Objects, largest first.

        Raises:
            Cancelled: `cancel` was set; objects that were followed to the end are kept for the next run.
        """
        images = [view.image for view in given.scene.views]
        tracked = self._video.follow(images, given.proposals, progress=progress, cancel=cancel)
        tracked = [one for one in tracked if largest_area(one.masks) >= given.min_pixels]
        tracked.sort(key=lambda one: -sum(int(mask.sum()) for mask in one.masks))
        foreground = [is_foreground(one.masks) for one in tracked]
        kinds = kinds_of(tracked, foreground, given.state)
        return [
            TrackedMasks(
                one.masks, kind, thing and kind != "plane", float(np.clip(one.score, 0, 1)),
                leaves_of(one, given.state.leaf_of_pixel, given.state.graph.num_leaves), certainty=one.certainty,
            )
            for one, kind, thing in zip(tracked, kinds, foreground, strict=True)
        ]  # fmt: skip


def kinds_of(tracked: list[TrackedObject], foreground: list[bool], state: SolverState) -> list[str]:
    """What each tracked object is: a surface of the scene, a part of a larger object, or an object.

    Args:
        tracked: Largest first.
        foreground: Whether each is a thing by its place in the photos.
        state: Tells which voxels lie on dominant planes.
    """
    on_plane = np.append(surface_of_leaves(state.graph) >= 0, False)
    kinds: list[str] = []
    for index, one in enumerate(tracked):
        leaves = np.concatenate(
            [
                image[: mask.shape[0], : mask.shape[1]][mask]
                for image, mask in zip(state.leaf_of_pixel, one.masks, strict=True)
            ]
        )
        known = leaves[leaves >= 0]
        if not foreground[index] and len(known) and on_plane[known].mean() >= PLANE_SHARE:
            kinds.append("plane")
            continue
        wholes = [tracked[i] for i in range(index) if kinds[i] == "object" and foreground[i]]
        kinds.append("part" if any(_is_part(one, whole) for whole in wholes) else "object")
    return kinds


def _is_part(one: TrackedObject, whole: TrackedObject) -> bool:
    area = sum(int(mask.sum()) for mask in one.masks)
    shared = sum(int((a & b).sum()) for a, b in zip(one.masks, whole.masks, strict=True))
    return shared >= PART_INSIDE * area and area <= PART_AREA * sum(int(mask.sum()) for mask in whole.masks)


def leaves_of(one: TrackedObject, leaf_of_pixel: Int[Array, "V H W"], num_leaves: int) -> Int[Array, "K"]:
    """Leaves of the scene graph that an object covers by more than `LEAF_INSIDE` of their pixels."""
    inside, seen = np.zeros(num_leaves, np.int64), np.zeros(num_leaves, np.int64)
    for image, mask in zip(leaf_of_pixel, one.masks, strict=True):
        leaves = image[: mask.shape[0], : mask.shape[1]]
        inside += np.bincount(leaves[mask & (leaves >= 0)], minlength=num_leaves)
        seen += np.bincount(leaves[leaves >= 0], minlength=num_leaves)
    return np.flatnonzero(inside > LEAF_INSIDE * seen)
