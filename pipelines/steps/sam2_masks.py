"""Mask caches with SAM 2.1: its proposals for association through the pointmaps, or its own tracks."""

import time
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int

from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.state import SolverState
from liftlab.components.masks.graph.scene_graph import surface_of_leaves
from liftlab.components.masks.sam2.network import Sam2Network
from liftlab.components.masks.sam2.proposer import Sam2Proposer
from liftlab.components.masks.sam2.tracker import Sam2VideoTracker, TrackedObject
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array, MaskSet, Scene
from liftlab.pipelines.models import Sam2Config, sam2_network
from liftlab.pipelines.steps.masks import is_foreground

PLANE_SHARE = 0.6
"""Share of an object's voxels on dominant planes from which on it is a surface."""
PART_INSIDE, PART_AREA = 0.85, 0.6
"""A part lies inside its object by at least the first share of its pixels, and has at most the second of its area."""
LEAF_INSIDE = 0.5
"""A leaf belongs to an object that covers this share of its pixels."""


def sam2_proposals(
    scene: Scene, config: Sam2Config, device: torch.device, *, progress: Progress, cancel: CancelToken
) -> list[MaskSet]:
    """SAM 2.1's masks of every view; views done before, by a stopped run too, are read back.

    Raises:
        InputError: The model is not here; the sentence has the command.
        Cancelled: The token was set; finished views are kept.
    """
    proposer = Sam2Proposer(sam2_network(config, device), config.proposals)
    proposals: list[MaskSet] = []
    started = time.monotonic()
    for index, view in enumerate(scene.views):
        cancel.check()
        left = (time.monotonic() - started) / index * (len(scene.views) - index) if index else None
        wait = f", about {left:.0f} s left" if left is not None else ""
        progress(index / len(scene.views), f"SAM 2 looks at {view.name}{wait}")
        proposals.append(proposer.propose(view.image, cancel=cancel))
    return proposals


def embed_photos(scene: Scene, network: Sam2Network, *, progress: Progress, cancel: CancelToken) -> None:
    """Run SAM 2.1's encoder over every photo, so that no click has to wait for it; photos done before are read back."""
    for index, view in enumerate(scene.views):
        cancel.check()
        progress(index / len(scene.views), f"SAM 2 looks at {view.name}")
        network.embed(view.image)
    progress(1.0, "SAM 2 has seen every photo")


def sam2_tracks(
    scene: Scene,
    proposals: list[MaskSet],
    state: SolverState,
    config: Sam2Config,
    device: torch.device,
    *,
    min_pixels: int,
    progress: Progress,
    cancel: CancelToken,
) -> MaskCache:
    """A mask cache of the objects that SAM 2.1 follows through the photos.

    Args:
        scene: The scene.
        proposals: SAM 2.1's masks of every view.
        state: Scene graph, merge tree and regions, which clicks need; its leaves are replaced by those of the tracks.
        config: Choices of the tracker.
        device: Where the network runs.
        min_pixels: An object must cover this many pixels in one view at least.
        progress: Share of the tracking.
        cancel: Ends it; finished objects are kept for the next run.
    """
    tracker = Sam2VideoTracker(sam2_network(config, device), config.tracking)
    images = [view.image for view in scene.views]
    tracked = tracker.track(images, proposals, progress=progress, cancel=cancel)
    tracked = [t for t in tracked if max(int(mask.sum()) for mask in t.masks) >= min_pixels]
    tracked.sort(key=lambda t: -sum(int(mask.sum()) for mask in t.masks))
    foreground = [is_foreground(t.masks) for t in tracked]
    kinds = kinds_of(tracked, foreground, state)
    cache = MaskCache.build(
        scene.key,
        [t.masks for t in tracked],
        sizes=[(image.shape[0], image.shape[1]) for image in images],
        kinds=kinds,
        foreground=[fg and kind != "plane" for fg, kind in zip(foreground, kinds, strict=True)],
        scores=[float(np.clip(t.score, 0, 1)) for t in tracked],
    )
    leaves = tuple(leaves_of(t, state.leaf_of_pixel, state.graph.num_leaves) for t in tracked)
    return replace(cache, solver_state=replace(state, leaves=leaves))


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
