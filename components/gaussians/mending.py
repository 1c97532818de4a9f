"""Mend the place where an object stood: the hole under it and its shadow become the surface it stood on.

What an object leaves behind when it is taken out is never seen in the photos: a hole in the table, splats that were
trained behind its outline, and the shadow around where it touched. All of that is replaced by copies of splats from
another part of the same surface, whose colours are brought to those around the place (a healing brush, in 3D).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from liftlab.components.gaussians.patches import (
    between,
    closed,
    darker_around,
    sources,
    surface_colours,
    widened,
)
from liftlab.components.gaussians.selection import joined, subset
from liftlab.components.geometry.planes import find_planes
from liftlab.components.types import DEGREE_0, Array, Gaussians, Plane

GRID = 40
"""Cells along the object's length: about as fine as the splats of a table."""
AROUND = 2.0
"""Of the object's length: how far around it the surface is looked at."""
REACH = 1.2
"""Of the object's length: a shadow ends this far from it."""
TOUCH = 0.2
"""Of the object's length: an object whose lowest part is farther than this from a plane does not stand on it."""
BENEATH = 0.02
"""Share of an object's splats that may lie below the surface it stands on."""
SLAB = 0.06
"""Of the object's length: what lies this near to the plane belongs to the surface."""
REMAINS = 2.0
"""What was left of an object lies this near to its own splats: in cells, or in their usual distance to the fourth next
one where that is more."""
LARGE = 0.2
"""Share of what is around an object that a plane must hold to be what it stands on."""
FLATNESS = 0.02
"""Of the distance to the object: how far what is around it may lie from a plane, and the cells it is thinned to."""
SOLID = 0.05
"""Opacity of splats that count as seen."""
LEAST = 20
"""Fewer splats than this say nothing about where an object stands."""
PATCH_WIDTH, PATCH_HEIGHT, PATCH_OPACITY = 0.7, 0.1, 0.95
"""Of splats made where nothing can be copied: standard deviation along and across the surface, in cells."""


@dataclass(frozen=True)
class Mend:
    """What has to change in a scene from which objects were taken."""

    hidden: Bool[Array, "N"]
    """Gaussians of the rest that go: shadow, remains of the object, what lies below the hole."""
    added: Gaussians
    """What stands there now, world frame."""

    def applied(self, rest: Gaussians) -> Gaussians:
        """The rest, mended."""
        return joined(subset(rest, ~self.hidden), self.added)


def mend(rest: Gaussians, things: Sequence[Gaussians], planes: Sequence[Plane]) -> Mend:
    """Mend the places of some objects, one after the other.

    Args:
        rest: The scene without the objects, world frame.
        things: The objects where they were reconstructed. One that stands on nothing flat leaves its place as it is.
        planes: Of the scene; their normals look towards the cameras. Where an object stands on none of them, those of
            what is around it are looked for.
    """
    count = len(rest.means)
    origin, whole = np.arange(count), rest  # rows of `rest`, then -1 for what was added
    for thing in things:
        plane = standing_on(thing, planes) or standing_on(thing, _planes_around(whole, thing))
        if plane is None:
            continue
        gone, added = _Place(whole, thing, plane).mended()
        origin = np.concatenate([origin[~gone], np.full(len(added.means), -1)])
        whole = joined(subset(whole, ~gone), added)
    hidden = np.ones(count, bool)
    hidden[origin[origin >= 0]] = False
    return Mend(hidden, subset(whole, origin < 0))


def standing_on(thing: Gaussians, planes: Sequence[Plane]) -> Plane | None:
    """The plane an object stands on or hangs at, of several the largest; None when it touches none, or is too small to
    tell.
    """
    if len(thing.means) < LEAST:
        return None
    most = TOUCH * _length(thing.means)
    touched = [p for p in planes if abs(float(np.quantile(_heights(thing.means, p), BENEATH))) < most]
    return max(touched, key=lambda plane: plane.support, default=None)


def _planes_around(whole: Gaussians, thing: Gaussians) -> Sequence[Plane]:
    """Planes near an object that are too small to be the scene's; their normals look towards the object."""
    if len(thing.means) < LEAST:
        return ()
    low, high = np.quantile(thing.means, [0.02, 0.98], axis=0)
    length = _length(thing.means)
    near = ((whole.means > low - length) & (whole.means < high + length)).all(axis=1)
    seen = near & (whole.opacities > SOLID)
    return find_planes(
        whole.means[seen],
        np.median(thing.means, axis=0)[None],
        tolerance=FLATNESS,
        voxel=FLATNESS,
        min_support=LARGE,
    )


class _Place:
    """Where one object stood, as a grid over the surface."""

    def __init__(self, whole: Gaussians, thing: Gaussians, plane: Plane) -> None:
        self.whole, self.thing, self.plane = whole, thing, plane
        length = _length(thing.means)
        self.cell, self.slab = length / GRID, SLAB * length
        self.axes = _axes(plane.normal)
        flat = thing.means @ self.axes.T
        self.low = np.quantile(flat, 0.02, axis=0) - AROUND * length
        size = np.quantile(flat, 0.98, axis=0) + AROUND * length - self.low
        rows, columns = np.ceil(size / self.cell).astype(int)
        self.shape = (int(rows), int(columns))
        self.cells = self.cells_of(whole.means)
        self.near = self.inside(self.cells)
        self.heights = _heights(whole.means, plane)

    def cells_of(self, points: Float[Array, "N 3"]) -> Int[Array, "N 2"]:
        return np.floor((points @ self.axes.T - self.low) / self.cell).astype(int)

    def inside(self, cells: Int[Array, "N 2"]) -> Bool[Array, "N"]:
        return np.asarray(((cells >= 0) & (cells < self.shape)).all(axis=1))

    def marked(self, cells: Int[Array, "N 2"]) -> Bool[Array, "H W"]:
        out = np.zeros(self.shape, bool)
        out[tuple(cells[self.inside(cells)].T)] = True
        return out

    def under(self, grid: Bool[Array, "H W"]) -> Bool[Array, "N"]:
        """Which of the scene's Gaussians have their centre over marked cells."""
        return self.near & grid[tuple(np.where(self.near[:, None], self.cells, 0).T)]

    def mended(self) -> tuple[Bool[Array, "N"], Gaussians]:
        """Which of the scene's Gaussians go, and what comes there."""
        whole, cells = self.whole, self.cells
        seen = self.near & (whole.opacities > SOLID)
        flat = seen & (np.abs(self.heights) < self.slab)
        surface = subset(whole, flat)
        colours, known = surface_colours(cells[flat], _colours(surface), _faces(surface), self.shape)
        foot = closed(self.marked(self.cells_of(self.thing.means)))
        tall = closed(self.marked(cells[seen & (self.heights > 2 * self.slab)]), 1) & ~foot
        own = widened(foot, 2)
        shadow = darker_around(colours, known & ~tall & ~own, own, reach=round(REACH * GRID))
        region = widened(own | shadow, 1) & ~tall
        gone = self.under(region) & (self.heights < self.slab)
        gone |= self._remains(foot)
        bare = known & ~region & ~widened(tall, 2)
        return gone, self._copies(np.flatnonzero(flat & self.under(bare)), region, bare, colours)

    def _remains(self, foot: Bool[Array, "H W"]) -> Bool[Array, "N"]:
        """What the masks have left of the object itself."""
        rows = np.flatnonzero(self.under(widened(foot, 1)))
        out = np.zeros(len(self.cells), bool)
        if len(rows):
            tree = KDTree(self.thing.means)
            spacing = float(np.median(np.asarray(tree.query(self.thing.means, k=5)[0])[:, -1]))
            away, _ = tree.query(self.whole.means[rows])
            out[rows[away < REMAINS * max(self.cell, spacing)]] = True
        return out

    def _copies(
        self,
        rows: Int[Array, "K"],
        region: Bool[Array, "H W"],
        bare: Bool[Array, "H W"],
        colours: Float[Array, "H W 3"],
    ) -> Gaussians:
        """Splats for a region of the surface.

        Args:
            rows: Gaussians over bare surface, which may be copied.
        """
        shifts = sources(region, bare, colours)
        rim = widened(region, 3) & ~region & bare
        copied = region & shifts.any(axis=-1)
        change = np.zeros_like(colours, dtype=np.float64)
        nearest = _nearest(copied)
        source = np.argwhere(rim) + shifts[tuple(nearest)][rim] if copied.any() else np.zeros((0, 2), int)
        fits = self.inside(source)
        known = np.zeros_like(rim)
        known[tuple(np.argwhere(rim)[fits].T)] = bare[tuple(source[fits].T)]
        fits &= bare[tuple(np.where(fits[:, None], source, 0).T)]
        cells = np.argwhere(rim)[fits]
        change[tuple(cells.T)] = colours[tuple(cells.T)] - colours[tuple(source[fits].T)]
        change = between(change, known, region)
        pieces = [self._made(region & ~copied, between(colours, rim, region))]
        for shift in np.unique(shifts[copied], axis=0):
            taken = copied & (shifts == shift).all(axis=-1)
            to = self.cells[rows] - shift
            held = self.inside(to)
            held[held] = taken[tuple(to[held].T)]
            pieces.append(self._moved(rows[held], -shift, change[tuple(to[held].T)]))
        out = pieces[0]
        for piece in pieces[1:]:
            out = joined(out, piece)
        return out

    def _moved(self, rows: Int[Array, "K"], by: Int[Array, "2"], change: Float[Array, "K 3"]) -> Gaussians:
        copy = subset(self.whole, rows)
        sh = copy.sh.copy()
        sh[:, 0] += change / DEGREE_0
        means = copy.means + (by * self.cell) @ self.axes
        return replace(copy, means=means.astype(np.float32), sh=sh)

    def _made(self, cells: Bool[Array, "H W"], colours: Float[Array, "H W 3"]) -> Gaussians:
        """Flat splats where nothing can be copied."""
        at = np.argwhere(cells)
        middle = (at + 0.5) * self.cell + self.low
        means = middle @ self.axes + self.plane.offset * self.plane.normal
        turn = Rotation.from_matrix(np.stack([*self.axes, self.plane.normal], axis=1)).as_quat()[[3, 0, 1, 2]]
        count, bases = len(at), self.whole.sh.shape[1]
        sh = np.zeros((count, bases, 3), np.float32)
        sh[:, 0] = (colours[cells] - 0.5) / DEGREE_0
        wide = self.cell * np.array([PATCH_WIDTH, PATCH_WIDTH, PATCH_HEIGHT])
        return Gaussians(
            means=means.astype(np.float32),
            quats=np.tile(turn, (count, 1)).astype(np.float32),
            scales=np.tile(wide, (count, 1)).astype(np.float32),
            opacities=np.full(count, PATCH_OPACITY, np.float32),
            sh=sh,
        )


def _nearest(cells: Bool[Array, "H W"]) -> Int[Array, "2 H W"]:
    """Row and column of the marked cell that is nearest to each cell."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(~cells, return_distances=False, return_indices=True))


def _axes(normal: Float[Array, "3"]) -> Float[Array, "2 3"]:
    """Two unit vectors in a plane; with its normal they are right-handed."""
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    first = first / np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)])


def _length(points: Float[Array, "N 3"]) -> float:
    """Longest side of the box around the middle 96 % of the points."""
    low, high = np.quantile(points, [0.02, 0.98], axis=0)
    return max(float((high - low).max()), 1e-9)


def _heights(points: Float[Array, "N 3"], plane: Plane) -> Float[Array, "N"]:
    return points @ plane.normal - plane.offset


def _colours(gaussians: Gaussians) -> Float[Array, "N 3"]:
    """As seen from all sides, 0 to 1."""
    return np.clip(gaussians.sh[:, 0] * DEGREE_0 + 0.5, 0, 1)


def _faces(gaussians: Gaussians) -> Float[Array, "N"]:
    """Opacity times the area of the larger face."""
    ordered = np.sort(gaussians.scales, axis=1)
    return gaussians.opacities * ordered[:, 1] * ordered[:, 2]
