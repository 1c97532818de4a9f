"""Pictures of a surface, as mending needs them: smooth colours, where it is darker, from where to copy, and what lies
between colours that are known. Grids are [H, W]; cells are (row, column).
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from liftlab.components.types import Array

BLUR = 1.5
"""Cells: standard deviation over which colours are averaged."""
KNOWN_MIN = 0.3
"""Of the surface's usual weight: cells with less of it have no colour."""
DARKER, PATTERN = 0.06, 2.0
"""A cell is in the shadow when it is darker than the surface is farther away by this share of its brightness, and by
this many times what its pattern makes differ there."""
SHIFTS_MAX = 6
"""Different places to copy one patch from: each further one may show a seam."""
EQUAL = 0.05
"""Shares of a patch that differ by less count as equal: then the colours decide."""
LEAST_SHARE = 0.02
"""Shifts that lead less than this of a patch to bare surface are no use."""
BESIDE, FARTHER = 1e3, 1e-4
"""What a shift costs that leads the colours around a patch beside the surface, and one that is as long as the grid."""
GREY = np.array([0.299, 0.587, 0.114])


def widened(cells: Bool[Array, "H W"], by: int) -> Bool[Array, "H W"]:
    """With all cells up to `by` away."""
    side = 2 * by + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate(cells.astype(np.uint8), kernel) > 0


def closed(cells: Bool[Array, "H W"], by: int = 3) -> Bool[Array, "H W"]:
    """Without gaps up to twice `by` and without holes."""
    side = 2 * by + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    whole = cv2.morphologyEx(cells.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
    return np.asarray(ndimage.binary_fill_holes(whole), bool)


def surface_colours(
    cells: Int[Array, "N 2"], colours: Float[Array, "N 3"], weights: Float[Array, "N"], shape: tuple[int, int]
) -> tuple[Float[Array, "H W 3"], Bool[Array, "H W"]]:
    """Colour of each cell, averaged over its surroundings, and which cells have one.

    Args:
        cells: Of each splat of the surface, all in the grid.
        weights: How much of the surface each splat covers.
    """
    sums = np.zeros((*shape, 4), np.float32)
    np.add.at(sums, tuple(cells.T), np.concatenate([colours * weights[:, None], weights[:, None]], axis=1))
    sums = cv2.GaussianBlur(sums, (0, 0), BLUR, borderType=cv2.BORDER_CONSTANT)
    total = sums[..., 3]
    usual = float(np.median(total[total > 0])) if (total > 0).any() else 1.0
    known = total > KNOWN_MIN * usual
    return sums[..., :3] / np.maximum(total, 1e-12)[..., None], known


def darker_around(
    colours: Float[Array, "H W 3"], surface: Bool[Array, "H W"], foot: Bool[Array, "H W"], reach: int
) -> Bool[Array, "H W"]:
    """The shadow that touches an object's foot: cells of the surface that are darker than it is farther away.

    Args:
        surface: Cells whose colour is that of the bare surface.
        reach: A shadow ends so many cells from the foot.
    """
    if not foot.any():
        return foot
    away = np.asarray(ndimage.distance_transform_edt(~foot))
    grey = ndimage.gaussian_filter(colours @ GREY, 1.0)
    far = surface & (away > reach / 2) & (away < 2 * reach)
    if far.sum() < 3:
        return np.zeros_like(foot)
    usual = _gradient(grey, far)
    pattern = PATTERN * 1.48 * float(np.median(np.abs(grey - usual)[far]))
    dark = surface & (away <= reach) & (grey < usual - np.maximum(DARKER * usual, pattern))
    _, pieces = cv2.connectedComponents((dark | widened(foot, 2)).astype(np.uint8), connectivity=4)
    touching = np.unique(pieces[foot])
    return closed(np.isin(pieces, touching[touching > 0]), 1) & ~foot


def _gradient(grey: Float[Array, "H W"], where: Bool[Array, "H W"]) -> Float[Array, "H W"]:
    """Brightness that changes evenly over the grid, fitted to some cells; the darker half of them is other shadows and
    pattern as likely as not, so it counts less and less.
    """
    rows, columns = np.indices(grey.shape)
    terms = np.stack([np.ones(grey.shape), rows / grey.shape[0], columns / grey.shape[1]], axis=-1)
    a, b = terms[where], grey[where]
    weight = np.ones(len(b))
    x = np.zeros(3)
    for _ in range(10):
        root = np.sqrt(weight)[:, None]
        x = np.linalg.lstsq(a * root, b * root[:, 0], rcond=None)[0]
        rest = b - a @ x
        weight = 1 / np.maximum(np.abs(rest), 1e-3)
    return terms @ x


def sources(
    region: Bool[Array, "H W"], bare: Bool[Array, "H W"], colours: Float[Array, "H W 3"]
) -> Int[Array, "H W 2"]:
    """From where to copy each cell of a region: the shift to its source; (0, 0) where nothing can be copied.

    Of all shifts that lead the region to bare surface, the one is taken whose source has the colours that lie around
    the region; where no shift leads all of it there, further ones fill what is left.
    """
    shifts = np.zeros((*region.shape, 2), int)
    left = region.copy()
    differ = _differences(widened(region, 3) & ~region & bare, bare, colours)
    for _ in range(SHIFTS_MAX):
        if not left.any():
            break
        share = _over_shifts(left.astype(float), bare.astype(float)) / left.sum()
        if share.max() < LEAST_SHARE:
            break
        place = np.where(share >= share.max() - EQUAL, differ, np.inf)
        found = np.array(np.unravel_index(int(np.argmin(place)), place.shape))
        shift = found - (np.array(region.shape) - 1)
        fits = left & _moved(bare, shift)
        shifts[fits] = shift
        left &= ~fits
        if not fits.any():
            break
    return shifts


def _differences(
    rim: Bool[Array, "H W"], bare: Bool[Array, "H W"], colours: Float[Array, "H W 3"]
) -> Float[Array, "H2 W2"]:
    """For every shift the mean squared difference of the colours of a rim to those it leads to, and a little for its
    length; more where it leads beside the bare surface.
    """
    rim_share, ground = rim.astype(float), bare.astype(float)
    both = _over_shifts(rim_share, ground)
    total = np.zeros_like(both)
    for channel in np.moveaxis(np.where((rim | bare)[..., None], colours, 0), -1, 0):
        total += _over_shifts(rim_share * channel**2, ground) + _over_shifts(rim_share, ground * channel**2)
        total -= 2 * _over_shifts(rim_share * channel, ground * channel)
    rows, columns = np.indices(both.shape)
    far = np.hypot(rows - (rim.shape[0] - 1), columns - (rim.shape[1] - 1)) / max(rim.shape)
    share = both / max(float(rim_share.sum()), 1.0)
    return (
        np.where(share > LEAST_SHARE, total / np.maximum(both, 1) / np.maximum(share, LEAST_SHARE) ** 2, 1e3)
        + 1e-4 * far
    )


def _over_shifts(first: Float[Array, "H W"], second: Float[Array, "H W"]) -> Float[Array, "H2 W2"]:
    """Sum over all cells x of first(x) second(x + shift), for every shift from 1 - [H, W] to [H, W] - 1."""
    return fftconvolve(second, first[::-1, ::-1])


def _moved(grid: Bool[Array, "H W"], shift: Int[Array, "2"]) -> Bool[Array, "H W"]:
    """Every cell with the value that lies `shift` from it; False outside."""
    cells = np.indices(grid.shape) + shift[:, None, None]
    inside = (cells >= 0).all(axis=0) & (cells[0] < grid.shape[0]) & (cells[1] < grid.shape[1])
    return inside & grid[tuple(np.where(inside, cells, 0))]


def between(
    values: Float[Array, "H W C"], known: Bool[Array, "H W"], wanted: Bool[Array, "H W"]
) -> Float[Array, "H W C"]:
    """`values` with what is wanted filled smoothly from the known cells that it touches: the mean of its neighbours
    everywhere (Laplace's equation). Where nothing known touches a piece it is the mean of all that is known.
    """
    out = np.array(values, np.float64)
    cells = np.argwhere(wanted)
    if not len(cells) or not known.any():
        return out
    out[wanted] = out[known & ~wanted].mean(axis=0) if (known & ~wanted).any() else 0.0
    number = np.full(wanted.shape, -1)
    number[wanted] = np.arange(len(cells))
    rows, columns, sides = [], [], np.zeros((len(cells), out.shape[2]))
    degree = np.full(len(cells), 1e-6)
    sides += 1e-6 * out[wanted]
    for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        beside = cells + step
        inside = np.asarray(((beside >= 0) & (beside < wanted.shape)).all(axis=1))
        at = tuple(np.where(inside[:, None], beside, 0).T)
        free, fixed = inside & wanted[at], inside & known[at] & ~wanted[at]
        rows.append(np.flatnonzero(free))
        columns.append(number[at][free])
        degree += free | fixed
        sides[fixed] += out[at][fixed]
    row, column = np.concatenate(rows), np.concatenate(columns)
    every = np.arange(len(cells))
    matrix = coo_matrix(
        (
            np.concatenate([degree, -np.ones(len(row))]),
            (np.concatenate([every, row]), np.concatenate([every, column])),
        ),
        shape=(len(cells), len(cells)),
    ).tocsc()
    out[wanted] = np.asarray(spsolve(matrix, sides)).reshape(len(cells), -1)
    return out
