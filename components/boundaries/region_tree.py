"""The tree of regions of a photo: neighbours join in the order of the boundary between them."""

import heapq
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int32

from liftlab.components.types import Array


@dataclass(frozen=True)
class RegionTree:
    """A merge tree over S regions of a photo."""

    children: Int32[Array, "M 2"]
    """Of node S + m: two earlier nodes."""
    height: Float[Array, "M"]
    """Mean boundary between the two when node S + m came to be, never falling."""
    num_regions: int

    def cut(self, height: float) -> Int32[Array, "S"]:
        """Which region each of the S belongs to once all joins up to a height are made; numbered 0.."""
        root = np.arange(self.num_regions + len(self.children))
        for join in reversed(range(int(np.searchsorted(self.height, height, side="right")))):
            root[self.children[join]] = root[self.num_regions + join]
        return np.unique(root[: self.num_regions], return_inverse=True)[1].astype(np.int32)


def region_tree(labels: Int32[Array, "H W"], boundary: Float32[Array, "H W"]) -> RegionTree:
    """Join neighbouring regions, least boundary between them first, by average linkage.

    Args:
        labels: Regions 0..S-1.
        boundary: Chance of a boundary at each pixel; the largest within a pixel of the border counts.

    Source: the ultrametric contour map of Arbelaez et al., PAMI 2011, on a boundary of our own.
    """
    count = int(labels.max()) + 1
    borders = _borders(labels, boundary, count)
    heap = [
        (total / length, a, b) for a in range(count) for b, (length, total) in borders[a].items() if a < b
    ]
    heapq.heapify(heap)
    joined = [False] * count
    children: list[tuple[int, int]] = []
    heights: list[float] = []
    while heap:
        height, a, b = heapq.heappop(heap)
        if joined[a] or joined[b]:
            continue
        node = len(joined)
        children.append((a, b))
        heights.append(max(height, heights[-1] if heights else 0.0))
        joined[a] = joined[b] = True
        joined.append(False)
        around: dict[int, tuple[float, float]] = {}
        for old in (a, b):
            for other, (length, total) in borders[old].items():
                if other not in (a, b):
                    before = around.get(other, (0.0, 0.0))
                    around[other] = (before[0] + length, before[1] + total)
                    del borders[other][old]
        borders.append(around)
        for other, (length, total) in around.items():
            borders[other][node] = (length, total)
            heapq.heappush(heap, (total / length, other, node))
    return RegionTree(np.array(children, np.int32).reshape(-1, 2), np.array(heights), count)


def _borders(
    labels: Int32[Array, "H W"], boundary: Float32[Array, "H W"], count: int
) -> list[dict[int, tuple[float, float]]]:
    """Per region its neighbours: length of the border in pixels, and the boundary summed along it."""
    thick = cv2.dilate(boundary, np.ones((3, 3), np.uint8))
    keys, values = [], []
    for mine, theirs, here, there in (
        (labels[:-1], labels[1:], thick[:-1], thick[1:]),
        (labels[:, :-1], labels[:, 1:], thick[:, :-1], thick[:, 1:]),
    ):
        apart = mine != theirs
        low, high = np.minimum(mine[apart], theirs[apart]), np.maximum(mine[apart], theirs[apart])
        keys.append(low.astype(np.int64) * count + high)
        values.append((here[apart] + there[apart]) / 2)
    pairs, inverse, length = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    total = np.bincount(inverse, np.concatenate(values), len(pairs))
    borders: list[dict[int, tuple[float, float]]] = [{} for _ in range(count)]
    for pair, pixels, summed in zip(pairs.tolist(), length.tolist(), total.tolist(), strict=True):
        a, b = divmod(pair, count)
        borders[a][b] = borders[b][a] = (float(pixels), summed)
    return borders
