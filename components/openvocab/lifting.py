"""Masks of photos carried to superpoints along the links between pixels and points, view by view.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, UInt8, UInt16

from liftlab.components.geometry.projection import project
from liftlab.components.types import Array, Camera

SAME_DEPTH = 0.02
"""Relative difference of depth up to which a view sees a point (section 3 [ours])."""
VISIBLE_SHARE, VISIBLE_POINTS = 0.3, 20
"""Eq. 13 [ours]: share of a superpoint, or number of its points, that a view must see."""


@dataclass(frozen=True)
class Links:
    """Which pixels show which points; ordered by point."""

    point: Int32[Array, "L"]
    view: UInt16[Array, "L"]
    x: UInt16[Array, "L"]
    """Column of the pixel."""
    y: UInt16[Array, "L"]
    """Row of the pixel."""

    def visible(self, num_views: int, count: int) -> Bool[Array, "V N"]:
        """vis[v, i]."""
        out = np.zeros((num_views, count), bool)
        out[self.view, self.point] = True
        return out

    def ids(self, maps: Int[Array, "V H W"] | UInt8[Array, "V H W"], count: int) -> Int32[Array, "V N"]:
        """o[v, i]: the instance at each linked pixel, 0 elsewhere."""
        out = np.zeros((len(maps), count), np.int32)
        out[self.view, self.point] = maps[self.view, self.y, self.x]
        return out


def links_by_projection(
    points: Float[Array, "N 3"], cameras: list[Camera], depths: Float[Array, "V H W"]
) -> Links:
    """Pixels that show each point: where it projects inside and the view's depth agrees with its own.

    Args:
        points: World frame.
        cameras: Of the views, in their pixels.
        depths: Along +Z, 0 where nothing is known.
    """
    found: list[tuple[Array, ...]] = []
    for view, (camera, depth) in enumerate(zip(cameras, depths, strict=True)):
        xy, z = project(camera, points)
        inside = (z > 0) & np.isfinite(xy).all(axis=1)
        inside[inside] &= ((xy[inside] >= 0) & (xy[inside] < [camera.width, camera.height])).all(axis=1)
        point = np.flatnonzero(inside)
        x, y = xy[point, 0].astype(int), xy[point, 1].astype(int)
        there = depth[y, x]
        seen = (there > 0) & (np.abs(there - z[point]) <= SAME_DEPTH * z[point])
        found.append((point[seen], np.full(int(seen.sum()), view), x[seen], y[seen]))
    point, view, x, y = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((view, point))
    return Links(
        point[order].astype(np.int32),
        view[order].astype(np.uint16),
        x[order].astype(np.uint16),
        y[order].astype(np.uint16),
    )


@dataclass(frozen=True)
class ViewLabels:
    """Instances of one view on superpoints."""

    ids: Int32[Array, "G"]
    """Of the view's id map."""
    covers: Bool[Array, "G S"]
    """y_v of eq. 4."""
    dropped: int
    """Instances that cover no superpoint."""


def view_labels(
    superpoint: Int[Array, "N"], visible: Bool[Array, "N"], ids: Int[Array, "N"], count: int
) -> ViewLabels:
    """Which superpoints each instance of a view covers: those of whose visible points it holds more than half (eq. 4).

    Args:
        superpoint: Of each point, 0..count-1.
        visible: Whether this view sees a point.
        ids: Instance of each point in this view, 0 = none.
        count: Number of superpoints S.
    """
    own, named = superpoint[visible], ids[visible]
    total = np.bincount(own, minlength=count)
    present, place = np.unique(named, return_inverse=True)
    shared = np.bincount(place * count + own, minlength=len(present) * count).reshape(len(present), count)
    covers = (2 * shared > total) & (shared > 0)
    labelled = present > 0
    kept = labelled & covers.any(axis=1)
    return ViewLabels(present[kept].astype(np.int32), covers[kept], int((labelled & ~kept).sum()))


def unlabelled_share(
    superpoint: Int[Array, "N"], visible: Bool[Array, "N"], ids: Int[Array, "N"], count: int
) -> Float[Array, "S"]:
    """Share of each superpoint's visible points that have no instance in this view; 1 where none is visible."""
    total = np.bincount(superpoint[visible], minlength=count)
    none = np.bincount(superpoint[visible & (ids == 0)], minlength=count)
    return np.where(total > 0, none / np.maximum(total, 1), 1.0)


def superpoint_visibility(
    superpoint: Int[Array, "N"], visible: Bool[Array, "V N"], count: int
) -> Bool[Array, "V S"]:
    """Vsp of eq. 13."""
    size = np.maximum(np.bincount(superpoint, minlength=count), 1)
    seen = np.stack([np.bincount(superpoint[row], minlength=count) for row in visible])
    return (seen >= VISIBLE_SHARE * size) & (seen > 0) | (seen >= VISIBLE_POINTS)
