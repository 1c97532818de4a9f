"""Which photos of a model contradict each other? Two parts of a scene may each be right and wrongly put together.

A photo among its own part is confirmed by its neighbours; only photos of the other part, which should see the same
things, tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.geometry.projection import epipolar_errors, project, unproject
from liftlab.components.pointmaps.stereo.consistency import agreement_of
from liftlab.components.sfm.confirmation import (
    CONFIRMED,
    MAX_CONFLICT,
    MIN_PAIR,
    DepthView,
    compared_pixels,
    size_of,
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
USUAL_ANGLES = (0.0, 5.0, 10.0, 15.0, 25.0, 35.0, 50.0, 75.0)
USUAL_LIKENESS = (0.92, 0.89, 0.83, 0.78, 0.72, 0.68, 0.62, 0.52)
"""Share of the compared pixels that look alike in two right photos, by the degrees between them: medians over 630 pairs
of 23 made captures with their true cameras and depths (docs/notes.md 7)."""
WIDEST_TELLING = 60.0
"""Degrees from which two photos say too little about how they were put together: right and wrong pairs look alike."""
WEAKEST_LINK = 0.6
"""Likeness of the photos of two parts, as a share of what their angles and the scene let expect, below which the parts
are not believed to be put together rightly: right parts have .77 at least, parts turned so that equal things lie on
each other .46 at most (docs/notes.md 7)."""
LEVEL_ROUNDS = 3


STEP = 4
"""Every so many pixels the angle between two views is measured."""


@dataclass(frozen=True)
class Relations:
    """What the photos of a model say about each other."""

    agree: Float[Array, "V V"]
    """Share of pixels that were compared in pairs that show the same thing; symmetric, 0 elsewhere."""
    conflict: Float[Array, "V V"]
    """The same of pairs that do not, though they should, by how sure that is."""
    alike: Float[Array, "V V"]
    """Share of pixels that look alike in pairs whose angle is not too wide to tell; symmetric, 0 elsewhere."""
    usual: Float[Array, "V V"]
    """What that share usually is in right pairs, by what was compared and the angle; 0 elsewhere."""

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

    def main_part(self, candidates: Bool[Array, "V"]) -> Bool[Array, "V"]:
        """The candidates without the parts whose links to the largest part are weaker than their places let expect.

        A part turned so that some equal things lie on each other is confirmed by its own photos, and its pairs with the
        rest look half alike: no photo of it contradicts the rest enough, all together do. A part that nothing compares
        with the rest stays.
        """
        kept = np.zeros_like(candidates)
        parts, link = self._parts(np.flatnonzero(candidates))
        for part in parts:
            doubted = np.any(link[part][:, kept]) or np.any(self.conflict[part][:, kept])
            kept[part] = not doubted
        return kept

    def _parts(self, views: Int[Array, "_"]) -> tuple[list[list[int]], Float[Array, "V V"]]:
        """Parts of the views, the largest first, and the links: what looks alike less the least that is believed.

        How alike photos of this scene look is the median over its pairs, then what it is within the parts: noise, gloss
        and poor texture make all pairs of a scene less alike.
        """
        among = np.ix_(views, views)
        told = self.usual[among] > 0
        level = float(np.median(self.alike[among][told] / self.usual[among][told])) if told.any() else 1.0
        for _ in range(LEVEL_ROUNDS):
            link = self.alike - WEAKEST_LINK * level * self.usual
            parts = joined_by_links(link, views)
            part_of = np.full(len(link), -1)
            for number, part in enumerate(parts):
                part_of[part] = number
            inside = (part_of[:, None] == part_of) & (part_of >= 0)
            if self.usual[inside].any():
                level = float(self.alike[inside].sum() / self.usual[inside].sum())
        return parts, link


def joined_by_links(link: Float[Array, "V V"], views: Int[Array, "_"]) -> list[list[int]]:
    """Parts of the views, the largest first: again and again the two whose links add up to most become one, while that
    is more than nothing.

    Source: greedy additive edge contraction, Keuper et al., ICCV 2015 (multicuts).
    """
    parts = [[int(view)] for view in views]
    weights = link[np.ix_(views, views)].copy()
    np.fill_diagonal(weights, 0)
    while len(parts) > 1:
        first, second = sorted(np.unravel_index(int(weights.argmax()), weights.shape))
        if weights[first, second] <= 0:
            break
        parts[first] += parts.pop(second)
        weights[first] += weights[second]
        weights[:, first] = weights[first]
        weights[first, first] = 0
        weights = np.delete(np.delete(weights, second, 0), second, 1)
    return sorted((sorted(part) for part in parts), key=lambda part: (-len(part), part[0]))


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
    look_alike, usual = np.zeros((count, count)), np.zeros((count, count))
    pairs = sorted({(max(i, j), min(i, j)) for i, others in enumerate(partners) for j in others})
    seen_through = _seen_through(views, pairs)
    for i, j in pairs:
        alike, compared = 0.0, 0.0
        for here, there in ((i, j), (j, i)):
            a, c = compared_pixels(views[here].grey, views[here].camera, views[there])
            size = size_of(views[here].grey)
            alike, compared = alike + a / size, compared + c / size
        if compared < MIN_PAIR:
            continue
        share = alike / compared
        angle = angle_between(views[i], views[j])
        if angle <= WIDEST_TELLING:
            look_alike[i, j] = look_alike[j, i] = alike
            usual[i, j] = usual[j, i] = compared * np.interp(angle, USUAL_ANGLES, USUAL_LIKENESS)
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
    return Relations(agree, conflict, look_alike, usual)


def angle_between(first: DepthView, second: DepthView) -> float:
    """Degrees between the directions from which two views see what both have in their picture: median over the depths
    of each that lie in the other's picture, mean of both; 180 where they see nothing in common.
    """
    found = [_angle(*pair) for pair in ((first, second), (second, first))]
    known = [angle for angle in found if angle is not None]
    return float(np.mean(known)) if known else 180.0


def _angle(view: DepthView, other: DepthView) -> float | None:
    rows, columns = (STEP * at for at in np.nonzero(view.depth[::STEP, ::STEP]))
    xy = np.stack([columns, rows], axis=1) + 0.5
    points = unproject(view.camera, xy, view.depth[rows, columns].astype(np.float64))
    seen, depth = project(other.camera, points)
    height, width = other.depth.shape
    inside = (depth > 0) & (seen >= 0).all(axis=1) & (seen < [width, height]).all(axis=1)
    if not inside.any():
        return None
    rays = [points[inside] - each.camera.center for each in (view, other)]
    lengths = [np.linalg.norm(each, axis=1) for each in rays]
    cosine = (rays[0] * rays[1]).sum(axis=1) / np.maximum(lengths[0] * lengths[1], 1e-12)
    return float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))


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
