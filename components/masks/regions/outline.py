"""Outlines: votes of the geometry become a sharp mask of one view by a graph cut over local colour."""

from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int8, Int16, Shaped, UInt8

from liftlab.components.bounds import Amount, within
from liftlab.components.masks.graph.grid_cut import NEIGHBOURS, grid_cut
from liftlab.components.types import Array

CERTAIN = 1e3
"""Seeds above this many nats put their pixels inside."""
_BINS = (8, 14, 14)
NUM_BINS = 8 * 14 * 14
"""Colour bins."""
_DIAGONAL = 0.7071
"""Weight of diagonal neighbours: inverse distance."""


@dataclass(frozen=True)
class OutlineConfig:
    """Terms of the energy, in nats."""

    uncertain_px: Annotated[int, within(0, 200)] = 4
    """Votes this near to votes for the other side are not heard: matching windows smear depth there. Of what is thinner
    than that, the inner half is heard."""
    blur_px: Annotated[float, within(0, 50)] = 1.5
    """How far a vote reaches."""
    vote: Amount = 1.0
    """Weight of the blurred votes."""
    color: Amount = 1.5
    """Weight of the log ratio between the colours inside and around."""
    outside_hull: Amount = 2.0
    """Doubt about unknown pixels outside the convex hull of the votes: colour alone leaks into look-alikes
    there.
    """
    smooth: Amount = 4.0
    """Price of an outline through even colour."""
    smooth_floor: Amount = 0.2
    """Price of an outline along a strong edge."""
    edge: Amount = 8.0
    """Lab distance that counts as an edge."""
    max_pixels: Annotated[int, within(1, 10_000_000)] = 40000
    """Larger windows are cut at a coarser grid."""


@dataclass(frozen=True)
class ViewColors:
    """What the cut needs to know of one view's colours."""

    lab: UInt8[Array, "H W 3"]
    """CIE Lab; L in 0..255, a and b centred at 128."""
    bins: Int16[Array, "H W"]
    """Colour bin of each pixel."""
    known_prices: dict[tuple[float, float, float], Float32[Array, "4 H W"]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Prices of outlines at full size, by what they depend on: drawing every object of a photo asks for them."""

    def prices(self, config: OutlineConfig) -> Float32[Array, "4 H W"]:
        """`_contrast` of the whole photo, computed once."""
        key = (config.smooth, config.smooth_floor, config.edge)
        if key not in self.known_prices:  # two threads may both compute it: same value
            self.known_prices[key] = _contrast(self.lab.astype(np.float32), config).astype(np.float32)
        return self.known_prices[key]


def view_colors(image: UInt8[Array, "H W 3"]) -> ViewColors:
    """Prepare a view for cuts."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    low, span = np.array([0, 68, 68], np.float32), np.array([256, 120, 120], np.float32)
    cell = np.clip((lab - low) / span, 0, 0.999) * np.array(_BINS, np.float32)
    index = cell.astype(np.int16)
    return ViewColors(lab, (index[..., 0] * _BINS[1] + index[..., 1]) * _BINS[2] + index[..., 2])


def color_histogram(
    bins: Int16[Array, "*P"], weights: Float[Array, "*P"] | None = None
) -> Float[Array, "1568"]:
    """Smoothed counts per colour bin."""
    flat = None if weights is None else weights.ravel()
    return smoothed_counts(np.bincount(bins.ravel(), flat, minlength=NUM_BINS))


def smoothed_counts(counts: Shaped[Array, "1568"]) -> Float[Array, "1568"]:
    """Counts per colour bin, each spread over its neighbours. Linear: sums of counts may be smoothed at once."""
    counts = counts.astype(np.float32)
    cube = counts.reshape(_BINS[0], _BINS[1] * _BINS[2])
    cube = cv2.GaussianBlur(cube, (1, 5), 0, sigmaY=0.7, borderType=cv2.BORDER_REPLICATE)
    planes = [
        cv2.GaussianBlur(plane.reshape(_BINS[1], _BINS[2]), (5, 5), 0.7, borderType=cv2.BORDER_REPLICATE)
        for plane in cube
    ]
    return np.stack(planes).ravel().astype(np.float64)


def outline(
    colors: ViewColors,
    votes: Int8[Array, "H W"],
    config: OutlineConfig,
    *,
    inside_colors: Float[Array, "1568"] | None = None,
    seeds: Float32[Array, "H W"] | None = None,
) -> Bool[Array, "H W"]:
    """Sharpen votes into a mask.

    Args:
        colors: Of the view.
        votes: 1 in, 0 out, -1 unknown.
        inside_colors: Histogram of the object from all views; mixed with the view's own.
        seeds: Nats added to the log odds of being inside: what a person's clicks say about pixels.

    Returns:
        The mask; empty when nothing votes or is seeded in. Pieces without a vote of their own are dropped.

    Source: Boykov and Jolly, ICCV 2001; Rother et al. (GrabCut), SIGGRAPH 2004. We differ: the unary term
        starts from
    geometry, and one pass is enough.
    """
    out = np.zeros(votes.shape, bool)
    wanted = (votes == 1) if seeds is None else ((votes == 1) | (seeds > CERTAIN))
    window = _window(wanted)
    if window is None:
        return out
    step = int(np.ceil(np.sqrt(_area(window) / config.max_pixels)))
    coarse = (slice(window[0].start, window[0].stop, step), slice(window[1].start, window[1].stop, step))
    part = votes[coarse]
    unary = _unary(colors.bins[coarse], part, config, inside_colors, config.blur_px / step**0.5)
    if seeds is not None:
        unary += seeds[coarse]
    prices = (
        colors.prices(config)[:, window[0], window[1]]
        if step == 1
        else _contrast(colors.lab[coarse].astype(np.float32), config)
    )
    cut = grid_cut(unary, prices)
    cut = _voted_pieces(cut, wanted[coarse])
    if step > 1:
        height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
        grown = cv2.resize(cut.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        cut = grown > 0.5
    out[window] = cut
    return out


def fill_votes(votes: Int8[Array, "H W"], *, reach_px: int = 6) -> Bool[Array, "H W"]:
    """Mask of a surface: its votes, and unknown pixels whose nearest vote within `reach_px` is in."""
    known = votes >= 0
    if not (votes == 1).any():
        return np.zeros(votes.shape, bool)
    distance, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(nearest, np.int32)
    value = np.zeros(int(nearest.max()) + 1, bool)
    value[nearest[known]] = votes[known] == 1
    return np.where(known, votes == 1, value[nearest] & (distance <= reach_px))


def _window(wanted: Bool[Array, "H W"]) -> tuple[slice, slice] | None:
    """Rows and columns around the wanted pixels, with room for the outline to move and to learn the
    surroundings."""
    rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if len(rows) == 0:
        return None
    pad = max(10, int(0.12 * max(rows[-1] - rows[0], columns[-1] - columns[0])))
    height, width = wanted.shape
    return (
        slice(max(0, int(rows[0]) - pad), min(height, int(rows[-1]) + 1 + pad)),
        slice(max(0, int(columns[0]) - pad), min(width, int(columns[-1]) + 1 + pad)),
    )


def _area(window: tuple[slice, slice]) -> int:
    return (window[0].stop - window[0].start) * (window[1].stop - window[1].start)


def _unary(
    bins: Int16[Array, "h w"],
    votes: Int8[Array, "h w"],
    config: OutlineConfig,
    inside_colors: Float[Array, "1568"] | None,
    blur_px: float,
) -> Float[Array, "h w"]:
    """Log odds of being inside from votes and colour."""
    known = (votes >= 0) & ~_unheard(votes, config.uncertain_px)
    inside = (votes == 1) & known
    reach = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), blur_px)
    total = cv2.GaussianBlur(known.astype(np.float32), (0, 0), blur_px)
    share = (reach + 0.02) / (total + 0.04)
    unary = config.vote * np.clip(np.log((share + 1e-3) / (1 - share + 1e-3)), -3, 3)
    hull = _hull(inside)
    beyond = (votes < 0) & ~hull
    unary -= np.where(beyond, config.outside_hull, 0)
    # A bare wall has no votes, and a thing of its colour would flow over all of it were only votes heard. Near the hull
    # what has none may be the thing's own.
    near = cv2.dilate(hull.view(np.uint8), np.ones((4 * config.uncertain_px + 1,) * 2, np.uint8)).view(bool)
    sure_in, sure_out = share > 0.9, (share < 0.1) | (beyond & ~near)
    if sure_in.sum() > 10 and sure_out.sum() > 10:
        ours = color_histogram(bins[sure_in])
        ours /= ours.sum()
        if inside_colors is not None and inside_colors.sum() > 0:
            ours = 0.5 * ours + 0.5 * inside_colors / inside_colors.sum()
        around = color_histogram(bins[sure_out])
        around /= around.sum()
        unary += config.color * np.clip(np.log((ours + 2e-4) / (around + 2e-4)), -2, 2)[bins]
    return unary.astype(np.float64)


def _unheard(votes: Int8[Array, "h w"], reach_px: int) -> Bool[Array, "h w"]:
    """Votes too near to those for the other side, without the inner half of what is thin."""
    inside, outside = (votes == 1).view(np.uint8), (votes == 0).view(np.uint8)
    around = np.ones((2 * reach_px + 1,) * 2, np.uint8)
    near = (cv2.dilate(inside, around) > 0) & (cv2.dilate(outside, around) > 0)
    deep = cv2.distanceTransform(1 - outside, cv2.DIST_L2, cv2.DIST_MASK_5) * inside
    deepest = cv2.dilate(deep, np.ones((4 * reach_px + 1,) * 2, np.uint8))
    return near & ~((deep > 0) & (deep > deepest / 2))


def _hull(mask: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    """Convex hull of a mask's pixels."""
    filled = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.view(bool)


def _contrast(lab: Float32[Array, "h w 3"], config: OutlineConfig) -> Float[Array, "4 h w"]:
    """Price of an outline between each pixel and its `NEIGHBOURS`; 0 where they are outside the image."""
    lab = lab * np.array([100 / 255, 1, 1], np.float32)
    height, width = lab.shape[:2]
    prices = np.zeros((len(NEIGHBOURS), height, width))
    for price, (dy, dx) in zip(prices, NEIGHBOURS, strict=True):
        rows, left, right = height - dy, max(0, -dx), width - max(0, dx)
        step = lab[:rows, left:right] - lab[dy:, left + dx : right + dx]
        weights = config.smooth * np.exp(-(step**2).sum(axis=2) / (2 * config.edge**2)) + config.smooth_floor
        inverse = _DIAGONAL if dy and dx else 1.0
        price[:rows, left:right] = 0.59 * inverse * weights  # 8 neighbours cost together what 4 would
    return prices


def _voted_pieces(mask: Bool[Array, "h w"], wanted: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    """Connected pieces of `mask` that hold a wanted pixel."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    labels = np.asarray(labels, np.int32)
    keep = np.zeros(count, bool)
    keep[np.unique(labels[wanted & mask])] = True
    keep[0] = False
    return keep[labels]
