"""Surfaces that the unknown pixels of a photo may lie on, and what speaks for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from liftlab.components.pointmaps.completion.comparing import colour_costs
from liftlab.components.pointmaps.completion.photos import Photos
from liftlab.components.pointmaps.completion.regions import Regions
from liftlab.components.pointmaps.completion.surfaces import TOLERANCE, Surface, surfaces_through
from liftlab.components.pointmaps.completion.sweeping import LargePlane, large_planes
from liftlab.components.types import Array, Plane

EVIDENCE = (
    "measured", "share", "cover", "colour", "own_on", "own_known", "cost", "region_cost", "away", "curved",
    "large", "large_cost", "large_rise", "swept", "swept_cost", "swept_rise",
)  # fmt: skip
"""What is told of a surface and a smallest region; `Hypothesis.evidence` says what each is."""
RANGE = 1.25
"""Depths of a photo lie between its nearest and farthest measured ones, and this factor beyond."""
MIN_UNKNOWN = 0.1
"""Share of a smallest region that is unknown, for it to be asked about."""
SWEPT_BELOW, SWEPT_PX = 0.5, 800
"""Regions of so many pixels are swept where less than this share is measured."""
SAMPLE_PX = 150
"""Pixels of a region that a sweep compares."""
RIM_PX = (2, 8)
"""Half of them lie this far inside the outline, where a bare region shows where it is."""
LOOKS = 24
"""Pixels of a smallest region that are compared with other photos."""
SUPPORT_PX = 4
"""Pixels on a surface from which a smallest region counts as one of its supporters."""
LARGEST_RISE = 0.3
"""That is told of how well photos can tell the distance of a plane."""
FAR = 2.0
"""Largest distance that is told, of colours and of places."""


def depth_limits(depth: Float32[Array, "H W"]) -> tuple[float, float]:
    """Between which depths of a photo may lie, by its measured ones (> 0)."""
    seen = depth[depth > 0]
    return float(seen.min()) / RANGE, float(seen.max()) * RANGE


@dataclass(frozen=True)
class Proposals:
    """K pairs of a smallest region and a surface for its unknown pixels."""

    region: Int[Array, "K"]
    surfaces: Sequence[Surface]
    evidence: Float[Array, "K E"]


def proposals_of(
    photos: Photos, view: int, regions: Regions, planes: Sequence[Plane], seed: int
) -> Proposals:
    """All surfaces of all regions of a photo.

    Args:
        photos: All.
        view: The photo.
        regions: Of the photo.
        planes: Large ones of the scene.
        seed: Of all random choices.
    """
    photo = _PhotoRegions(photos, view, regions)
    rng = np.random.default_rng(seed)
    looks = np.stack([members[rng.integers(0, len(members), LOOKS)] for members in photo.members])
    found = [
        (hypothesis, todo)
        for members in regions.nested()
        if len(todo := members[photo.unknown[members]])
        for hypothesis in _hypotheses(photo, members, planes, rng)
    ]
    if not found:
        return Proposals(np.zeros(0, np.int64), (), np.zeros((0, len(EVIDENCE))))
    costs = _costs(photo, found, looks)
    evidence = [
        hypothesis.evidence(photo, todo, cost, rng)
        for (hypothesis, todo), cost in zip(found, costs, strict=True)
    ]
    return Proposals(
        np.concatenate([todo for _, todo in found]),
        tuple(hypothesis.surface for hypothesis, todo in found for _ in todo),
        np.concatenate(evidence),
    )


class _PhotoRegions:
    """The pixels of a photo by smallest region."""

    def __init__(self, photos: Photos, view: int, regions: Regions) -> None:
        self.photos, self.view, self.regions = photos, view, regions
        self.height, self.width = regions.smallest.shape
        self.depth = photos.depths[view, : self.height, : self.width]
        flat = regions.smallest.ravel()
        self.size = np.bincount(flat, minlength=regions.count)
        self.members = np.split(np.argsort(flat, kind="stable"), np.cumsum(self.size)[:-1])
        """Flat pixel indices."""
        self.known = np.bincount(flat, self.depth.ravel() > 0, regions.count)
        self.unknown = self.size - self.known > MIN_UNKNOWN * self.size
        self.limits = depth_limits(self.depth)

    @cached_property
    def colour(self) -> Float[Array, "S 3"]:
        """Mean of each."""
        colours = self.photos.colours[self.view, : self.height, : self.width].reshape(-1, 3)
        flat = self.regions.smallest.ravel()
        sums = [np.bincount(flat, channel, self.regions.count) for channel in colours.T]
        return np.stack(sums, axis=1) / self.size[:, None]

    @cached_property
    def middle(self) -> Float[Array, "S 2"]:
        """Mean (x, y) of each."""
        flat = self.regions.smallest.ravel()
        rows, columns = np.divmod(np.arange(flat.size), self.width)
        sums = [np.bincount(flat, places, self.regions.count) for places in (columns, rows)]
        return np.stack(sums, axis=1) / self.size[:, None] + 0.5

    def xy(self, flat: Int[Array, "*N"]) -> Float[Array, "*N 2"]:
        rows, columns = np.divmod(flat, self.width)
        return np.stack([columns, rows], axis=-1) + 0.5

    def depths(self, surface: Surface, flat: Int[Array, "N"]) -> Float32[Array, "N"]:
        """Of a surface at pixels, 0 where it is out of range."""
        depth = surface.depth(self.xy(flat))
        return np.where((depth > self.limits[0]) & (depth < self.limits[1]), depth, 0).astype(np.float32)


@dataclass(frozen=True)
class _Hypothesis:
    """A surface of a region."""

    surface: Surface
    pixels: int
    """Of the region."""
    measured: Int[Array, "M"]
    """Flat indices of its measured pixels."""
    on: Bool[Array, "M"]
    """Which of them lie on the surface."""
    large: LargePlane | None = None
    """None where it was found through measured pixels."""

    def evidence(
        self, photo: _PhotoRegions, todo: Int[Array, "T"], cost: Float[Array, "T"], rng: np.random.Generator
    ) -> Float[Array, "T E"]:
        """For each smallest region of `todo` whose mean colour cost on the surface is `cost`.

        Of surfaces through measured pixels: 1; share of the region's measured pixels on it; how much of the region
        those are (logarithm, 0 to 1); colour distance to the nearest supporter, in limits, more for weak ones; share of
        the own measured pixels on it (.5 where there are none); own share measured; own cost; mean cost of those of
        like colour; distance from the nearest pixel on it over the size of all that is on it; whether it is curved. Of
        planes of the scene, and of swept ones, 1, the mean cost of the region, and the rise, beside the own three.
        """
        flat = self.measured[self.on]
        on = np.bincount(photo.regions.smallest.ravel()[flat], minlength=photo.regions.count)
        own_on = np.where(photo.known[todo] >= SUPPORT_PX, on[todo] / np.maximum(photo.known[todo], 1), 0.5)
        out = np.zeros((len(todo), len(EVIDENCE)))
        out[:, 4:7] = np.stack([own_on, photo.known[todo] / photo.size[todo], cost], axis=1)
        if self.large is not None:
            first = EVIDENCE.index("swept" if self.large.swept else "large")
            out[:, first : first + 3] = 1, cost.mean(), np.clip(self.large.rise, 0, LARGEST_RISE)
            return out
        colour = _colour_distance(photo, todo, on)
        alike = colour < 1
        out[:, 0], out[:, 1], out[:, 3] = 1, self.on.mean(), colour
        out[:, 2] = 1 + np.log10(max(len(flat) / self.pixels, 1e-3)) / 3
        out[:, 7] = cost[alike].mean() if alike.any() else 1
        few = photo.xy(flat[rng.integers(0, len(flat), 300)])
        nearest = np.sqrt(((photo.middle[todo][:, None] - few) ** 2).sum(axis=2).min(axis=1))
        out[:, 8] = np.minimum(nearest / (2 * np.sqrt(len(flat))), FAR)
        out[:, 9] = self.surface.curved
        return out


def _hypotheses(
    photo: _PhotoRegions,
    members: Int[Array, "R"],
    planes: Sequence[Plane],
    rng: np.random.Generator,
) -> list[_Hypothesis]:
    """Surfaces of one region."""
    flat = np.concatenate([photo.members[member] for member in members])
    depth = photo.depth.ravel()[flat].astype(np.float64)
    measured, known = flat[depth > 0], depth[depth > 0]
    xy = photo.xy(measured)
    found = [
        _Hypothesis(one, len(flat), measured, one.holds(xy, known))
        for one in surfaces_through(xy, known, rng)
    ]
    if planes and len(flat) >= SWEPT_PX and len(measured) < SWEPT_BELOW * len(flat):
        sample = _sample(photo, members, flat, rng)
        pixels = np.stack(np.divmod(sample, photo.width), axis=1)
        for large in large_planes(photo.photos, photo.view, pixels, planes, photo.limits):
            if not any(_same(large.surface, one.surface, photo.xy(sample)) for one in found):
                on = large.surface.holds(xy, known)
                found.append(_Hypothesis(large.surface, len(flat), measured, on, large))
    return found


def _same(one: Surface, other: Surface, xy: Float[Array, "N 2"]) -> bool:
    ratio = one.depth(xy) / np.maximum(other.depth(xy), 1e-12)
    return bool(np.median(np.abs(ratio - 1)) < TOLERANCE)


def _sample(
    photo: _PhotoRegions, members: Int[Array, "R"], flat: Int[Array, "N"], rng: np.random.Generator
) -> Int[Array, "P"]:
    """Pixels of a region, half of them from just inside its outline."""
    mask = np.zeros(photo.height * photo.width, np.uint8)
    mask[flat] = 1
    mask = np.pad(mask.reshape(photo.height, photo.width), 1)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)[1:-1, 1:-1].ravel()[flat]
    rim, core = (flat[(inside >= low) & (inside < high)] for low, high in (RIM_PX, (RIM_PX[1], np.inf)))
    parts = [part for part in (rim, core) if len(part)] or [flat]
    return np.concatenate([part[rng.integers(0, len(part), SAMPLE_PX // len(parts))] for part in parts])


def _colour_distance(photo: _PhotoRegions, todo: Int[Array, "T"], on: Int[Array, "S"]) -> Float[Array, "T"]:
    """To the nearest supporter, which is worth the less the fewer of its pixels lie on the surface (depth of a near
    thing spills over its outline onto what is behind)."""
    supporters = np.flatnonzero(on >= SUPPORT_PX)
    if not len(supporters):
        return np.full(len(todo), FAR)
    weak = 1 - np.minimum(2 * on[supporters] / photo.size[supporters], 1)
    apart = np.abs(photo.colour[todo][:, None] - photo.colour[supporters]).sum(axis=2) / photo.photos.limit
    return np.minimum((apart + weak).min(axis=1), FAR)


def _costs(
    photo: _PhotoRegions,
    found: Sequence[tuple[_Hypothesis, Int[Array, "_"]]],
    looks: Int[Array, "S L"],
) -> list[Float[Array, "_"]]:
    """Mean colour cost of each smallest region on each surface."""
    flat = np.concatenate([looks[todo].ravel() for _, todo in found])
    depths = np.concatenate(
        [photo.depths(hypothesis.surface, looks[todo].ravel()) for hypothesis, todo in found]
    )
    rows, columns = np.divmod(flat, photo.width)
    costs = colour_costs(photo.photos, photo.view, np.stack([rows, columns], axis=1), depths[None])[0]
    ends = np.cumsum([len(todo) for _, todo in found])[:-1]
    return np.split(costs.reshape(-1, LOOKS).mean(axis=1).astype(np.float64), ends)
