"""What can be measured of one mask in one photo: its shape, and what colour, depth and slope do along its outline."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Int, Int32, UInt8

from liftlab.components.types import Array

APART_PX = 2
"""Each side of an outline is read this far from it: matching windows and lenses smear what lies right at it."""
STEPS = (0.005, 0.02)
"""Relative steps in depth: below the first a surface goes on, above the second another begins."""
RING_PX = 7
"""Width of the surroundings whose colours are compared with those inside."""
COLOR_BINS = 6
"""Bins a channel of the colours that are compared."""

MIN_MEASURED_PX = 30
"""Pixels of the smallest mask that is measured."""

MEASURES = (
    "log_area", "compactness", "solidity", "extent", "elongation", "frame_share", "holes", "largest_piece",
    "contrast", "weak_contrast", "contrast_share",
    "depth_known", "in_front", "behind", "continues", "turn", "convex", "concave",
    "region_borders", "weak_region_borders", "color_distance", "regions_inside", "texture", "inner_gradient",
    "depth_inside", "on_surface",
)  # fmt: skip
"""Columns of `measure`, in order."""


@dataclass(frozen=True)
class MeasuredPhoto:
    """One photo as masks in it are measured; view pixels."""

    lab: Float32[Array, "H W 3"]
    """CIE Lab, L in 0..100."""
    bins: UInt8[Array, "H W"]
    """Coarse colour of each pixel."""
    log_depth: Float32[Array, "H W"]
    """Natural logarithm of the depth along +Z; NaN where unknown."""
    points: Float32[Array, "H W 3"]
    """World frame; means nothing where depth is unknown."""
    normals: Float32[Array, "H W 3"]
    """Unit, world frame; zero where unknown."""
    borders: Float32[Array, "H W"]
    """Share of the scales of regions at which a border passes between a pixel and its right or lower neighbour."""
    gradient: Float32[Array, "H W"]
    """Length of the gradient of L."""
    surface: Bool[Array, "H W"]
    """Whether a pixel lies on a dominant plane."""


def measured_photo(
    lab: Float32[Array, "H W 3"],
    depth: Float32[Array, "H W"],
    points: Float32[Array, "H W 3"],
    normals: Float32[Array, "H W 3"],
    borders: Float[Array, "H W"],
    surface: Bool[Array, "H W"],
) -> MeasuredPhoto:
    """Prepare a photo for measuring any number of masks.

    Args:
        lab: Of the photo.
        depth: Along +Z, 0 where unknown.
        points: World frame.
        normals: Unit, zero where unknown.
        borders: Of its regions, by `region_borders`.
        surface: Where a dominant plane is seen.
    """
    scaled = (lab + np.array([0, 60, 60], np.float32)) / np.array([100, 120, 120], np.float32)
    cells = np.clip(scaled * COLOR_BINS, 0, COLOR_BINS - 1).astype(np.uint8)
    bins = (cells[..., 0] * COLOR_BINS + cells[..., 1]) * COLOR_BINS + cells[..., 2]
    with np.errstate(divide="ignore"):
        log_depth = np.where(depth > 0, np.log(np.maximum(depth, 1e-12)), np.nan).astype(np.float32)
    light = cv2.GaussianBlur(lab[..., 0], (0, 0), 1.0)
    gradient = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)) / 8
    return MeasuredPhoto(lab, bins, log_depth, points, normals, borders.astype(np.float32), gradient, surface)


def region_borders(levels: Int32[Array, "G H W"]) -> Float16[Array, "H W"]:
    """Share of several label maps in which a pixel differs from its right or its lower neighbour."""
    borders = np.zeros(levels.shape[1:], np.float16)
    for labels in levels:
        differ = np.zeros(labels.shape, bool)
        differ[:-1] |= labels[:-1] != labels[1:]
        differ[:, :-1] |= labels[:, :-1] != labels[:, 1:]
        borders += differ / np.float16(len(levels))
    return borders


def measure(photo: MeasuredPhoto, mask: Bool[Array, "H W"]) -> Float32[Array, "_"]:
    """`MEASURES` of a mask that is not empty; NaN where nothing can be said."""
    box = _box(mask, RING_PX + 1)
    inside = np.ascontiguousarray(mask[box])
    area = int(np.count_nonzero(inside))
    shape, edges = _shape(inside, area, box, mask.shape)
    return np.array(
        [np.log(area / mask.size), *shape, *_sides(photo, edges, box), *_interior(photo, inside, box)],
        np.float32,
    )


def _box(mask: Bool[Array, "H W"], pad: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - pad), int(rows[-1]) + 1 + pad),
        slice(max(0, int(columns[0]) - pad), int(columns[-1]) + 1 + pad),
    )


def _shape(
    inside: Bool[Array, "h w"], area: int, box: tuple[slice, slice], size: tuple[int, ...]
) -> tuple[list[float], Array]:
    """Measures of shape, and the edges of the outline: rows (row, column, down, right) of an inner pixel and the way
    out, in the box."""
    padded = np.pad(inside, 1)
    found = []
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beyond = padded[1 + down : 1 + down + inside.shape[0], 1 + right : 1 + right + inside.shape[1]]
        rows, columns = np.nonzero(inside & ~beyond)
        found.append(np.stack([rows, columns, np.full_like(rows, down), np.full_like(rows, right)], axis=1))
    edges = np.concatenate(found)
    out = edges[:, :2] + edges[:, 2:] + [box[0].start, box[1].start]
    framed = ((out < 0) | (out >= size[:2])).any(axis=1)
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(contours))
    filled = np.zeros(inside.shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    whole = np.zeros(inside.shape, np.uint8)
    cv2.drawContours(whole, contours, -1, 1, cv2.FILLED)
    stats = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)[2]
    (_, (long, short), _) = cv2.minAreaRect(hull)
    perimeter = len(edges) * np.pi / 4  # of a disc, edges count 4 / pi times its outline
    shape = [
        4 * np.pi * area / perimeter**2,
        area / max(1, int(filled.sum())),
        area / ((long + 1) * (short + 1)),
        (min(long, short) + 1) / (max(long, short) + 1),
        float(framed.mean()),
        1 - area / max(1, int(whole.sum())),
        float(stats[1:, cv2.CC_STAT_AREA].max()) / area,
    ]
    return shape, edges[~framed]


def _sides(photo: MeasuredPhoto, edges: Array, box: tuple[slice, slice]) -> list[float]:
    """What lies on both sides of the outline: colour, depth, slope, borders of regions."""
    height, width = photo.log_depth.shape
    start = edges[:, :2] + [box[0].start, box[1].start]
    limit = [height - 1, width - 1]
    near = np.clip(start - APART_PX * edges[:, 2:], 0, limit)
    far = np.clip(start + (APART_PX + 1) * edges[:, 2:], 0, limit)
    if len(edges) == 0:  # the mask fills the photo
        return [np.nan] * 12
    a, b = (near[:, 0], near[:, 1]), (far[:, 0], far[:, 1])
    contrast = np.linalg.norm(photo.lab[a] - photo.lab[b], axis=1)
    step = photo.log_depth[b] - photo.log_depth[a]
    known = np.isfinite(step)
    step = step[known]
    level = np.abs(step) < STEPS[1]
    ways = (photo.points[b] - photo.points[a])[known][level]
    turns = (photo.normals[b] - photo.normals[a])[known][level]
    faced = (photo.normals[b] != 0).any(axis=1)[known][level] & (photo.normals[a] != 0).any(axis=1)[known][
        level
    ]
    bend = np.einsum("ei,ei->e", ways, turns) / np.maximum(np.linalg.norm(ways, axis=1), 1e-12)
    bend = bend[faced]
    turned = 0.5 * (turns[faced] ** 2).sum(axis=1)  # 1 - cosine
    first = np.minimum(start, start + edges[:, 2:])  # borders are kept at the upper or left pixel of the two
    region = _thickest(photo.borders, first)
    return [
        float(contrast.mean()),
        float(np.quantile(contrast, 0.2)),
        float((contrast > 8).mean()),
        float(known.mean()),
        _mean(step > STEPS[1]),
        _mean(step < -STEPS[1]),
        _mean(np.abs(step) < STEPS[0]),
        _mean(turned),
        _mean(bend > 0.2),
        _mean(bend < -0.2),
        float(region.mean()),
        float(np.quantile(region, 0.2)),
    ]


def _thickest(image: Float32[Array, "H W"], places: Array) -> Float32[Array, "E"]:
    """Largest value within a pixel of each place."""
    height, width = image.shape
    best = np.zeros(len(places), np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            rows = np.clip(places[:, 0] + down, 0, height - 1)
            columns = np.clip(places[:, 1] + right, 0, width - 1)
            best = np.maximum(best, image[rows, columns])
    return best


def _interior(photo: MeasuredPhoto, inside: Bool[Array, "h w"], box: tuple[slice, slice]) -> list[float]:
    small = inside.astype(np.uint8)
    ring = cv2.dilate(small, np.ones((2 * RING_PX + 1,) * 2, np.uint8)).view(bool) & ~inside
    core = cv2.erode(small, np.ones((3, 3), np.uint8), borderValue=1).view(bool)
    core = core if core.any() else inside
    bins = photo.bins[box]
    count = COLOR_BINS**3
    ours = np.bincount(bins[inside], minlength=count) / max(1, int(inside.sum()))
    around = np.bincount(bins[ring], minlength=count) / max(1, int(ring.sum()))
    known = np.isfinite(photo.log_depth[box][inside])
    return [
        1 - float(np.minimum(ours, around).sum()) if ring.any() else np.nan,
        float(photo.borders[box][core].mean()),
        float(photo.lab[box][inside].std(axis=0).sum()),
        float(photo.gradient[box][core].mean()),
        float(known.mean()),
        float(photo.surface[box][inside].mean()),
    ]


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan


def mean_measures(values: Float[Array, "V O F"], weights: Int[Array, "V O"]) -> Float32[Array, "O F"]:
    """Weighted means of measures over photos, without what is NaN; NaN where no photo knows."""
    known = np.isfinite(values)
    weight = weights[..., None] * known
    total = weight.sum(axis=0)
    summed = (np.where(known, values, 0).astype(np.float64) * weight).sum(axis=0)
    return np.where(total > 0, summed / np.maximum(total, 1), np.nan).astype(np.float32)
