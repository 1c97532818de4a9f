"""What parts candidates: the seam between one and what the next larger one has beside it."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32

from liftlab.components.masks.judging.measures import (
    COLOR_BINS,
    SIDES,
    MeasuredPhoto,
    outline_edges,
    sides,
)
from liftlab.components.masks.judging.relations import INSIDE
from liftlab.components.types import Array

APART = 0.85
"""Largest share of the next larger candidate that one may fill: above, both are the same, drawn twice."""
SEAM = (*SIDES, "share", "outline", "color_distance", "dent", "rest_pieces")
"""Columns of `seam`, in order."""


def next_to(shared: Float32[Array, "O O"]) -> tuple[Int32[Array, "O"], Int32[Array, "O"]]:
    """The largest candidate inside of each and the smallest one around it; -1 where there is none.

    Args:
        shared: Voxels that two candidates have in common, their own in the diagonal.
    """
    size = shared.diagonal()
    inside = (shared >= INSIDE * np.maximum(size[:, None], 1)) & (size[:, None] <= APART * size[None, :])
    inner = np.where(inside.any(axis=0), np.where(inside, size[:, None], -1).argmax(axis=0), -1)
    outer = np.where(inside.any(axis=1), np.where(inside, size[None, :], np.inf).argmin(axis=1), -1)
    return inner.astype(np.int32), outer.astype(np.int32)


def rest_known(shared: Float32[Array, "O O"], pairs: Int32[Array, "P 2"]) -> Float32[Array, "P"]:
    """How well another candidate fits what the larger of a pair has beside the smaller: intersection over union."""
    size = shared.diagonal()
    small, large = pairs[:, 0], pairs[:, 1]
    rest = size[large] - shared[small, large]
    common = np.maximum(
        shared[:, large] - shared[:, small], 0
    )  # [O, P]: those of the rest, as small lies in large
    iou = common / np.maximum(size[:, None] + rest[None, :] - common, 1)
    iou[small, np.arange(len(pairs))] = 0
    iou[large, np.arange(len(pairs))] = 0
    return iou.max(axis=0, initial=0).astype(np.float32)


def seam(photo: MeasuredPhoto, small: Bool[Array, "H W"], large: Bool[Array, "H W"]) -> Float32[Array, "_"]:
    """`SEAM` between a mask and what a larger one has beside it; NaN where nothing can be said."""
    box = _box(small | large)
    inside, rest = small[box], (large & ~small)[box]
    if not inside.any() or not rest.any():
        return np.full(len(SEAM), np.nan, np.float32)
    edges = outline_edges(inside)
    beyond = edges[:, :2] + edges[:, 2:]
    at = np.clip(beyond, 0, np.array(inside.shape) - 1)
    across = rest[at[:, 0], at[:, 1]] & (beyond == at).all(axis=1)
    count = COLOR_BINS**3
    bins = photo.bins[box]
    ours = np.bincount(bins[inside], minlength=count) / inside.sum()
    theirs = np.bincount(bins[rest], minlength=count) / rest.sum()
    whole = inside | rest
    area_in, area_rest, area = inside.sum(), rest.sum(), whole.sum()
    hull_in, hull_rest, hull = _hull_area(inside), _hull_area(rest), _hull_area(whole)
    stats = cv2.connectedComponentsWithStats(rest.astype(np.uint8), connectivity=8)[2]
    return np.array(
        [
            *sides(photo, edges[across], box),
            area_in / area,
            across.mean(),
            1 - np.minimum(ours, theirs).sum(),
            (area_in * area_in / hull_in + area_rest * area_rest / hull_rest) / area - area / hull,
            stats[1:, cv2.CC_STAT_AREA].max() / area_rest,
        ],
        np.float32,
    )


def _box(mask: Bool[Array, "H W"]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _hull_area(inside: Bool[Array, "h w"]) -> int:
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(inside.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(np.concatenate(contours)), 1)
    return max(1, int(filled.sum()))
