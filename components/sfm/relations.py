"""Which photos of a model contradict each other? Two parts of a scene may each be right and wrongly put together.

A photo among its own part is confirmed by its neighbours; only photos of the other part, which should see the same
things, tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.geometry.projection import epipolar_errors
from liftlab.components.pointmaps.stereo.consistency import agreement_of
from liftlab.components.sfm.confirmation import (
    CONFIRMED,
    MAX_CONFLICT,
    MIN_PAIR,
    DepthView,
    compared_pixels,
    strangeness,
)
from liftlab.components.sfm.model import Matches
from liftlab.components.sfm.placing import rays_of
from liftlab.components.types import Array, Lens

SEEN_THROUGH = 0.3
"""Share of the compared depths at which one photo looks through what the other sees; right pairs have .11 at most."""
MIN_MATCHES = 30
"""Verified matches of a pair from which its motion should fit the model."""
FITTING = 0.3
"""Share of those that must fit, within `MAX_EPIPOLAR`."""
MAX_EPIPOLAR = 0.004
"""Distance from the epipolar line as a share of the focal length."""
MATCH_WEIGHT = 0.25
"""Of a pair whose matches do not fit, in photos. Less than what the pictures say: look-alike things give right photos
such matches, too."""


@dataclass(frozen=True)
class Relations:
    """What the photos of a model say about each other."""

    agree: Float[Array, "V V"]
    """Share of pixels that were compared in pairs that show the same thing; symmetric, 0 elsewhere."""
    conflict: Float[Array, "V V"]
    """The same of pairs that do not, though they should, by how sure that is."""

    def consistent(self, candidates: Bool[Array, "V"]) -> Bool[Array, "V"]:
        """Those of the candidates that do not contradict the others much; the worst leave first, one by one."""
        kept = candidates.copy()
        while kept.any():
            agree, conflict = self.agree[:, kept].sum(axis=1), self.conflict[:, kept].sum(axis=1)
            ratio = np.where(kept, conflict / np.maximum(agree, 1e-6), 0)
            worst = int(ratio.argmax())
            if ratio[worst] <= MAX_CONFLICT:
                break
            kept[worst] = False
        return kept


def relations_of(
    views: Sequence[DepthView],
    partners: Sequence[Sequence[int]],
    photos: Sequence[int],
    lenses: Sequence[Lens],
    matches: Matches,
    verified: dict[tuple[int, int], int],
) -> Relations:
    """Compare every pair of views by colour, by depth, and by the matches that were found between them.

    Args:
        views: Of the placed photos.
        partners: Per view, the others that it is compared with.
        photos: Their indices among all photos.
        lenses: Per view, in the pixels of `matches`.
        matches: All matches, unchecked ones too.
        verified: By pair of photos (lower index first), how many matches agreed with one motion.
    """
    count = len(views)
    agree, conflict = np.zeros((count, count)), np.zeros((count, count))
    pairs = sorted({(max(i, j), min(i, j)) for i, others in enumerate(partners) for j in others})
    seen_through = _seen_through(views, pairs)
    for i, j in pairs:
        alike, compared = 0.0, 0.0
        for here, there in ((i, j), (j, i)):
            a, c = compared_pixels(views[here].grey, views[here].camera, views[there])
            alike, compared = alike + a / views[here].grey.size, compared + c / views[here].grey.size
        if compared < MIN_PAIR:
            continue
        share = alike / compared
        strange = 1.0 if seen_through[i, j] > SEEN_THROUGH else strangeness(share)
        if strange > 0:
            conflict[i, j] = conflict[j, i] = compared * strange
        elif share >= CONFIRMED:
            agree[i, j] = agree[j, i] = compared
    view_of = {photo: view for view, photo in enumerate(photos)}
    for (first, second), start, stop in zip(
        matches.pairs, matches.offsets, matches.offsets[1:], strict=False
    ):
        pair = int(first), int(second)
        if verified.get(pair, 0) < MIN_MATCHES or not set(pair) <= set(view_of):
            continue
        i, j = view_of[pair[0]], view_of[pair[1]]
        xy = matches.xy[start:stop]
        fitting = _fitting(xy, views[i], views[j], lenses[i], lenses[j])
        if fitting < FITTING * verified[pair]:
            conflict[i, j] = conflict[j, i] = conflict[i, j] + MATCH_WEIGHT
    return Relations(agree, conflict)


def _seen_through(views: Sequence[DepthView], pairs: Sequence[tuple[int, int]]) -> Float[Array, "V V"]:
    """Of the depths that two views share, the share at which one looks through what the other sees."""
    shape = (len(views), *np.max([view.depth.shape for view in views], axis=0))
    depths = np.zeros(shape, np.float32)
    for index, view in enumerate(views):
        depths[index, : view.depth.shape[0], : view.depth.shape[1]] = view.depth
    cameras = [view.camera for view in views]
    same, through = np.zeros((2, len(views), len(views)))
    for pair in pairs:
        for i, j in (pair, pair[::-1]):
            found = agreement_of(
                i, depths, cameras, others=[j], max_shift_px=3.0, max_relative=0.03, see_through=0.05
            )
            same[i, j], through[i, j] = found.confirmed.sum(), found.contradicted.sum()
    same, through = same + same.T, through + through.T
    enough = same + through >= 0.02 * depths[0].size
    return np.where(enough, through / np.maximum(same + through, 1), 0)


def _fitting(
    xy: Float[Array, "m 4"],
    first: DepthView,
    second: DepthView,
    lens_1: Lens,
    lens_2: Lens,
) -> int:
    """How many matches lie on their epipolar lines."""
    motion = second.camera.world_to_camera @ first.camera.camera_to_world
    errors = epipolar_errors(rays_of(xy[:, :2], lens_1), rays_of(xy[:, 2:], lens_2), motion)
    return int((errors < MAX_EPIPOLAR).sum())
