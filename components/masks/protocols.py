"""What finds objects in photos promises: proposers, one photo at a time, and trackers, over all photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32, UInt8

from liftlab.components.masks.clicks.state import SolverState
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array, MaskSet, Scene


@dataclass(frozen=True)
class ProposalInput:
    """One photo, and what is known of it before objects are proposed; view pixels."""

    image: UInt8[Array, "H W 3"]
    depth: Float32[Array, "H W"]
    """Along +Z, scene units; 0 where unknown."""
    normals: Float32[Array, "H W 3"]
    """Unit, world frame; zero where unknown."""
    levels: Int32[Array, "G H W"]
    """Regions of even colour and geometry, one label map per size, finest first."""


@runtime_checkable
class Proposer(Protocol):
    """One photo in, masks at several granularities out."""

    def propose(self, photo: ProposalInput, *, cancel: CancelToken) -> MaskSet:
        """Masks of one photo; they may overlap. Raises `Cancelled` when the token is set."""
        ...


@dataclass(frozen=True)
class TrackingInput:
    """All photos with their proposals, and the pieces that the scene is made of."""

    scene: Scene
    proposals: Sequence[MaskSet]
    """One per view."""
    state: SolverState
    """Scene graph, merge tree of its leaves by the proposals, regions and leaf of every pixel; no objects yet."""
    held: Sequence[Any]
    """Voxels of the scene graph that the proposals of each view hold: `scipy.sparse.csr_array` [M, N] each."""
    visible: Bool[Array, "V N"]
    """Voxels that each view sees."""
    min_pixels: int
    """An object must cover this many pixels in one view at least; a tracker may leave out smaller ones at once."""


@dataclass(frozen=True)
class TrackedMasks:
    """One object in all views."""

    masks: Sequence[Bool[Array, "_ _"]]
    """One per view, view pixels; empty where it is not seen. Packed where there are many objects (`PackedMasks`)."""
    kind: str
    """"part", "object", "group" or "plane"."""
    foreground: bool
    """A thing rather than surroundings."""
    score: float
    """Quality in [0, 1]."""
    leaves: Int[Array, "K"]
    """Leaves of the scene graph that make it up, ascending; of a thing smaller than a leaf, none."""
    agreement: float = 0.0
    """How well regions of single photos agree on it, in [0, 1]; 0 for what comes from geometry."""
    certainty: tuple[UInt8[Array, "_ _"] | None, ...] = ()
    """Per view the sigmoid of a network's logits, times 255 and of any size; None in views, and empty in all, where
    there are none."""


@runtime_checkable
class Tracker(Protocol):
    """Proposals of every photo in, objects with one id over all photos out."""

    def track(self, given: TrackingInput, *, progress: Progress, cancel: CancelToken) -> list[TrackedMasks]:
        """Objects in the order of their ids; the same input gives the same objects.

        Raises:
            Cancelled: The token was set.
        """
        ...


def is_foreground(masks: Sequence[Bool[Array, "_ _"]]) -> bool:
    """Whether a thing is foreground: at most two image borders touched and under 40 % covered in its largest
    view.

    Source: docs/methods/wildseg3d.md section 8 (soft mask before any click).
    """
    mask = max(masks, key=lambda m: int(m.sum()))
    borders = sum(bool(rim.any()) for rim in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return bool(borders < 3 and mask.mean() < 0.4)


def largest_area(masks: Sequence[Bool[Array, "_ _"]]) -> int:
    """Pixels in the view that shows most of an object."""
    return max(int(np.count_nonzero(mask)) for mask in masks)
