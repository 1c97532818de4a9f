"""Depth where stereo has none: on bare walls and tables, white plates and dark boxes.

A photo is cut into regions at the boundaries of things. What is measured on a region says which surfaces it may lie on;
the photos say which of them its unknown pixels lie on, and how much that is to be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from liftlab.components.boundaries.network import boundaries, boundary_network
from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.pointmaps.completion.comparing import Votes, votes_on
from liftlab.components.pointmaps.completion.photos import Photos, photos_side_by_side
from liftlab.components.pointmaps.completion.proposals import EVIDENCE, Proposals, depth_limits, proposals_of
from liftlab.components.pointmaps.completion.regions import regions_of
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array, Camera, Plane, Pointmap

HEIGHTS = (0.15, 0.25)
"""Mean boundaries up to which neighbours are one region (docs/notes.md 7: .4 joins a table and the wall behind it)."""
KEPT_FROM = 0.9
"""Chance of being right within 1 % from which a depth is kept: that of measured ones (docs/notes.md 7)."""
ASKED_FROM = -2.0
"""Log odds of a surface from which other photos are asked about it."""
SURFACE_ODDS = {
    "measured": -0.41, "share": 2.64, "cover": 1.54, "colour": -1.72, "own_on": 0.61, "own_known": -0.46, "cost": -0.75,
    "region_cost": -1.23, "away": -0.9, "curved": -0.79, "large": -2.2, "large_cost": 0.33, "large_rise": 18.84,
    "swept": -1.16, "swept_cost": -2.69, "swept_rise": 9.36,
}  # fmt: skip
"""Log odds of a surface being right within 1 %, per unit of its evidence. Made, as the next, by
`python -m benchmarks.geometry.completion_calibration`; benchmarks/results/completion_calibration.md says on what."""
VOTE_ODDS = (-0.23, 0.78, 0.18, 0.51, -0.73)
"""The same of a depth, per unit of `vote_evidence`."""


@dataclass(frozen=True)
class Guess:
    """Proposed depth of all views where none is measured, 0 elsewhere."""

    depths: Float32[Array, "V H W"]
    log_odds: Float32[Array, "V H W"]
    """Of being right within 1 %, by the surface alone."""


def completed(
    pointmap: Pointmap,
    images: Sequence[UInt8[Array, "_ _ 3"]],
    cameras: Sequence[Camera],
    planes: Sequence[Plane],
    *,
    allowed: Bool[Array, "V H W"] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Pointmap:
    """The pointmap with depth on bare surfaces, marked as `filled`, each with its confidence.

    Args:
        pointmap: As measured.
        images: RGB of the cameras' sizes.
        cameras: In the frame of the pointmap.
        planes: Large ones of the scene.
        allowed: Pixels that may get depth. None: all.
        progress: Per view.
        cancel: Checked between views.
    """
    cancel = cancel or CancelToken()
    photos = photos_side_by_side(images, cameras, pointmap)
    if photos is None:
        return pointmap
    proposed = []
    for view, image in enumerate(images):
        cancel.check()
        progress(view / len(images), f"Completing bare surfaces, view {view + 1} of {len(images)}")
        proposed.append(view_proposals(photos, view, image, planes))
    guess = best_guess(photos, proposed)
    pts3d, conf, filled = pointmap.pts3d.copy(), pointmap.conf.copy(), np.zeros_like(pointmap.valid)
    both = np.where(photos.depths > 0, photos.depths, guess.depths)
    for view, camera in enumerate(cameras):
        cancel.check()
        asked = guess.depths[view] > 0 if allowed is None else (guess.depths[view] > 0) & allowed[view]
        log_odds = vote_evidence(votes_on(photos, view, both), guess.log_odds[view], asked) @ VOTE_ODDS
        kept = log_odds >= np.log(KEPT_FROM / (1 - KEPT_FROM))
        filled[view][asked] = kept
        inside = np.s_[view, : camera.height, : camera.width]
        points = points_from_depth(camera, guess.depths[inside])
        pts3d[inside][filled[inside]] = points[filled[inside]]
        conf[view][filled[view]] = confidence(log_odds[kept])
    return Pointmap(pts3d, conf, pointmap.valid | filled, filled)


def confidence(log_odds: Float[Array, "N"]) -> Float[Array, "N"]:
    """1 + odds / 2, as of measured depth: even odds give 1.5, at most 51."""
    return 1 + 0.5 * np.exp(np.minimum(log_odds, np.log(100)))


def view_proposals(
    photos: Photos, view: int, image: UInt8[Array, "_ _ 3"], planes: Sequence[Plane]
) -> tuple[Array, Proposals]:
    """Smallest regions of a photo (int32 [H, W]) and what is proposed for them."""
    depth = np.ascontiguousarray(photos.depths[view, : image.shape[0], : image.shape[1]])
    regions = regions_of(boundaries(boundary_network(), image, depth), HEIGHTS)
    if not (depth > 0).any():
        return regions.smallest, Proposals(np.zeros(0, np.int64), (), np.zeros((0, len(EVIDENCE))))
    return regions.smallest, proposals_of(photos, view, regions, planes, seed=view)


def best_guess(photos: Photos, proposed: Sequence[tuple[Array, Proposals]]) -> Guess:
    """Of each smallest region the surface with the best odds."""
    guess = Guess(np.zeros_like(photos.depths), np.full(photos.depths.shape, -np.inf, np.float32))
    weights = np.array(list(SURFACE_ODDS.values()))
    for view, (smallest, proposals) in enumerate(proposed):
        if not len(proposals.region):
            continue
        log_odds = proposals.evidence @ weights
        order = np.lexsort((-log_odds, proposals.region))
        first = np.unique(proposals.region[order], return_index=True)[1]
        chosen = order[first]
        flat = smallest.ravel()
        members = np.split(np.argsort(flat, kind="stable"), np.cumsum(np.bincount(flat))[:-1])
        near, far = depth_limits(photos.depths[view])
        width = smallest.shape[1]
        for row in chosen[log_odds[chosen] >= ASKED_FROM]:
            rows, columns = np.divmod(members[proposals.region[row]], width)
            empty = photos.depths[view, rows, columns] == 0
            rows, columns = rows[empty], columns[empty]
            found = proposals.surfaces[row].depth(np.stack([columns + 0.5, rows + 0.5], axis=1))
            guess.depths[view, rows, columns] = np.where((found > near) & (found < far), found, 0)
            guess.log_odds[view, rows, columns] = log_odds[row]
    return guess


def vote_evidence(
    votes: Votes, log_odds: Float32[Array, "H W"], pixels: Bool[Array, "H W"]
) -> Float[Array, "N F"]:
    """What is told of every proposed depth: 1, its surface's log odds, photos that agree and show the same colour (up
    to 4), their share of those that agree, and photos that see through it (up to 2)."""
    agree, alike, against = (
        one[pixels].astype(np.float64) for one in (votes.agree, votes.alike, votes.against)
    )
    return np.stack(
        [
            np.ones(len(agree)),
            log_odds[pixels],
            np.minimum(alike, 4),
            alike / np.maximum(agree, 1),
            np.minimum(against, 2),
        ],
        axis=1,
    )
