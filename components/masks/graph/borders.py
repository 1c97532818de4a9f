"""How two neighbouring pieces of a photo meet: as one surface, with a step in depth, or in an inner corner."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32, Integer

from liftlab.components.types import Array

NEAR_PX, FAR_PX = 2, 7
"""Depth is compared this far from a border between two pieces on both sides."""
STEP_SLOPE = 1.5
"""Depth over width across a border, from which it separates two surfaces: a surface seen at more than 56 degrees."""
CORNER_SLOPE = 0.11
"""The border of an inner corner lies deeper than the line between its sides by this share of their distance."""
REACH_PX = 6
"""Pixels without a piece take the nearest one within this distance: depth is not heard right at an outline."""


@dataclass(frozen=True)
class BorderPixels:
    """The B pairs of neighbouring pixels of one label map, one above the other, that differ."""

    above: Integer[Array, "B"]
    """Label of the upper pixel."""
    below: Integer[Array, "B"]
    """Label of the lower pixel."""
    beyond_above: Integer[Array, "B"]
    """Label `FAR_PX` above the border; the upper pixel's own where the image ends before."""
    beyond_below: Integer[Array, "B"]
    """Label `FAR_PX` below the border."""
    complete: Bool[Array, "B"]
    """Whether the image goes on for `FAR_PX` on both sides."""
    level: Bool[Array, "B"]
    """Depth is known on both sides and makes no step."""
    corner: Bool[Array, "B"]
    """Depth is known up to `FAR_PX` on both sides and makes an inner corner."""


def border_pixels(label: Integer[Array, "H W"], depth: Float32[Array, "H W"], focal: float) -> BorderPixels:
    """Borders between rows; transpose label and depth for those between columns.

    Args:
        label: Pieces.
        depth: Along +Z, 0 where unknown.
        focal: Pixels: it tells how wide a pixel is at a depth.
    """
    rows, columns = np.nonzero(label[:-1] != label[1:])
    complete = (rows >= FAR_PX) & (rows + 1 + FAR_PX < len(label))
    places = [
        np.clip(rows + offset, 0, len(label) - 1) for offset in (-FAR_PX, -NEAR_PX, 1 + NEAR_PX, 1 + FAR_PX)
    ]
    far_a, near_a, near_b, far_b = (depth[place, columns] for place in places)
    middle = (near_a + near_b) / 2
    known = (near_a > 0) & (near_b > 0)
    step = np.abs(near_a - near_b) >= STEP_SLOPE * (1 + 2 * NEAR_PX) / focal * middle
    sag = middle - (far_a + far_b) / 2
    corner = (far_a > 0) & (far_b > 0) & (sag > CORNER_SLOPE * (1 + 2 * FAR_PX) / focal * middle)
    return BorderPixels(
        above=label[rows, columns],
        below=label[rows + 1, columns],
        beyond_above=label[places[0], columns],
        beyond_below=label[places[3], columns],
        complete=complete,
        level=complete & known & ~step,
        corner=complete & known & corner,
    )


@dataclass(frozen=True)
class LeafBorders:
    """Along how many pixels, over all views, P pairs of leaves meet."""

    pairs: Int[Array, "P 2"]
    """The smaller leaf first; each pair once, ascending."""
    meeting: Float[Array, "P"]
    """Pixels."""
    joined: Float[Array, "P"]
    """Those of them where both sides are one surface."""

    def of(self, pairs: Int[Array, "Q 2"]) -> tuple[Float[Array, "Q"], Float[Array, "Q"]]:
        """`meeting` and `joined` of other pairs, in any order of leaves; 0 for those that meet in no view."""
        if len(self.pairs) == 0:
            return np.zeros(len(pairs)), np.zeros(len(pairs))
        count = int(max(self.pairs.max(), pairs.max(initial=0))) + 1
        known = self.pairs[:, 0] * count + self.pairs[:, 1]
        asked = pairs.min(axis=1) * count + pairs.max(axis=1)
        place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        found = known[place] == asked
        return np.where(found, self.meeting[place], 0), np.where(found, self.joined[place], 0)


def leaf_borders(
    leaves: Sequence[Int32[Array, "_ _"]], depths: Float32[Array, "V H W"], focals: Sequence[float]
) -> LeafBorders:
    """How the leaves of a scene meet in its photos.

    Args:
        leaves: Per view the leaf of each pixel, -1 where none is known.
        depths: Along +Z, 0 where unknown; padded at the right and bottom.
        focals: Of the views, pixels.
    """
    found: list[Array] = [np.zeros((0, 3), np.int64)]
    for leaf, padded, focal in zip(leaves, depths, focals, strict=True):
        if not (leaf >= 0).any():
            continue
        filled, depth = _filled(leaf), padded[: leaf.shape[0], : leaf.shape[1]]
        for across in (border_pixels(filled, depth, focal), border_pixels(filled.T, depth.T, focal)):
            inside = across.complete & (across.above >= 0) & (across.below >= 0)
            # A far pixel on the other side of the border, or on nothing, says nothing about the angle between the two.
            apart = (across.beyond_above != across.below) & (across.beyond_below != across.above)
            apart &= (across.beyond_above >= 0) & (across.beyond_below >= 0)
            joined = across.level & ~(across.corner & apart)
            low, high = np.minimum(across.above, across.below), np.maximum(across.above, across.below)
            found.append(np.stack([low, high, joined], axis=1)[inside].astype(np.int64))
    every = np.concatenate(found)
    pairs, inverse = np.unique(every[:, :2], axis=0, return_inverse=True)
    inverse = inverse.ravel()
    return LeafBorders(
        pairs=pairs,
        meeting=np.bincount(inverse, minlength=len(pairs)).astype(float),
        joined=np.bincount(inverse, every[:, 2], minlength=len(pairs)).astype(float),
    )


def _filled(leaf: Int32[Array, "H W"]) -> Int32[Array, "H W"]:
    """Every pixel with the nearest leaf within `REACH_PX`, else -1; some leaf is known."""
    known = leaf >= 0
    distance, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(nearest, np.int32)
    table = np.full(int(nearest.max()) + 1, -1, np.int32)
    table[nearest[known]] = leaf[known]
    return np.where(distance <= REACH_PX, table[nearest], np.int32(-1))
