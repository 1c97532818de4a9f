"""The smallest regions of a photo, and which of them are one region at several heights of the tree between them."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int, Int32

from liftlab.components.boundaries.region_tree import region_tree
from liftlab.components.types import Array

SPACING = 14
"""Pixels between the seeds of the smallest regions; that of the network's card (docs/boundaries.md)."""


@dataclass(frozen=True)
class Regions:
    """Smallest regions 0..S-1 and how they join."""

    smallest: Int32[Array, "H W"]
    levels: tuple[Int32[Array, "S"], ...]
    """Per height the region that each of the smallest belongs to."""

    @property
    def count(self) -> int:
        return len(self.levels[0])

    def nested(self) -> Iterator[Int[Array, "_"]]:
        """Every region of every level once, as the smallest regions it consists of."""
        seen: set[bytes] = set()
        for parent in self.levels:
            order = np.argsort(parent, kind="stable")
            for members in np.split(order, np.cumsum(np.bincount(parent))[:-1]):
                if (key := members.tobytes()) not in seen:
                    seen.add(key)
                    yield members


def regions_of(boundary: Float32[Array, "H W"], heights: tuple[float, ...]) -> Regions:
    """Regions of a photo.

    Args:
        boundary: Chance that a boundary of a thing passes within each pixel.
        heights: Mean boundary up to which neighbours are one region.
    """
    smallest = _basins(boundary)
    tree = region_tree(smallest, boundary)
    return Regions(smallest, tuple(tree.cut(height) for height in heights))


def _basins(boundary: Float32[Array, "H W"]) -> Int32[Array, "H W"]:
    """Basins 0.. of the boundary that grow from its lowest point in each square of a grid.

    Source: Meyer, Topographic distance and watershed lines, 1994, as OpenCV has it.
    """
    height, width = boundary.shape
    smooth = cv2.GaussianBlur(boundary, (0, 0), 2)
    seeds = np.zeros((height, width), np.int32)
    for number, (top, left) in enumerate(np.ndindex(-(-height // SPACING), -(-width // SPACING))):
        square = smooth[top * SPACING : (top + 1) * SPACING, left * SPACING : (left + 1) * SPACING]
        row, column = divmod(int(np.argmin(square)), square.shape[1])
        seeds[top * SPACING + row, left * SPACING + column] = number + 1
    hills = np.repeat((np.clip(smooth, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
    labels = cv2.watershed(hills, seeds)
    # what OpenCV leaves as lines between basins goes to the nearest basin
    lines = (labels <= 0).astype(np.uint8)
    nearest = cv2.distanceTransformWithLabels(lines, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)[
        1
    ].astype(np.int64)
    inside = labels > 0
    lookup = np.zeros(int(nearest.max()) + 1, np.int32)
    lookup[nearest[inside]] = labels[inside]
    return np.unique(lookup[nearest], return_inverse=True)[1].reshape(height, width).astype(np.int32)
