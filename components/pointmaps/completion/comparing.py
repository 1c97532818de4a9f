"""What other photos say about depths of a photo where nothing was measured: by colour, and by their own depths."""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int, UInt8
from numba import njit

from liftlab.components.pointmaps.completion.photos import Photos
from liftlab.components.pointmaps.threads import in_blocks
from liftlab.components.types import Array

APART = 0.02
"""Relative difference of depth from which one thing hides another."""
AGREE = 0.015
"""Largest relative difference of two depths that agree."""


def colour_costs(
    photos: Photos, view: int, pixels: Int[Array, "P 2"], depths: Float32[Array, "D P"]
) -> Float32[Array, "D P"]:
    """How much the colours of a photo's pixels differ from what the others show there, 0 to 1, for D depths of each.

    Differences are cut off at the limit of what may be the same point, and are shares of it. The better half of the
    photos that should see a pixel count (others may hide it behind what nobody measured); a photo that sees through it
    counts in full. 1 where fewer than two photos should see it, or its depth is 0.

    Args:
        photos: All.
        view: The photo.
        pixels: (row, column).
        depths: Along +Z.
    """
    others = photos.others(view)
    out = np.ones(depths.shape, np.float32)
    if len(others) < 2:
        return out
    move, depths = photos.from_view(view, others), np.ascontiguousarray(depths, np.float32)

    def work(start: int, stop: int) -> None:
        _colour_costs(
            photos.colours, photos.depths, photos.K, move, photos.sizes, view, others, pixels, depths, photos.limit,
            APART, out, start, stop,
        )  # fmt: skip

    in_blocks(work, len(pixels), 4096)
    return out


@njit(cache=True, nogil=True)
@no_type_check
def _seen(move, K, x, y, z):
    """Depth and image place of a point (x, y, z) of one camera's frame in another; nowhere behind that camera."""
    depth = move[2, 0] * x + move[2, 1] * y + move[2, 2] * z + move[2, 3]
    if depth <= 0:
        return depth, 0.0, 0.0
    u = (move[0, 0] * x + move[0, 1] * y + move[0, 2] * z + move[0, 3]) / depth * K[0, 0] + K[0, 2]
    v = (move[1, 0] * x + move[1, 1] * y + move[1, 2] * z + move[1, 3]) / depth * K[1, 1] + K[1, 2]
    return depth, u, v


@njit(cache=True, nogil=True)
@no_type_check
def _colour_costs(
    colours, measured, K, move, sizes, view, others, pixels, depths, limit, apart, out, start, stop
):  # fmt: skip
    fx, fy, cx, cy = K[view, 0, 0], K[view, 1, 1], K[view, 0, 2], K[view, 1, 2]
    costs = np.zeros(len(others))
    for p in range(start, stop):
        row, column = pixels[p, 0], pixels[p, 1]
        for d in range(depths.shape[0]):
            z = depths[d, p]
            if z <= 0:
                continue
            px, py = (column - cx) / fx * z, (row - cy) / fy * z
            count = 0
            for s in range(len(others)):
                j = others[s]
                qz, u, v = _seen(move[s], K[j], px, py, z)
                if qz <= 0:
                    continue
                if u < 0 or v < 0 or u > sizes[j, 0] - 1.001 or v > sizes[j, 1] - 1.001:
                    continue
                there = measured[j, int(v + 0.5), int(u + 0.5)]
                if 0 < there < qz * (1 - apart):  # hidden
                    continue
                cost = 1.0
                if there <= qz * (1 + apart):
                    c, r = int(u), int(v)
                    a, b = u - c, v - r
                    difference = 0.0
                    for k in range(3):
                        upper = (1 - a) * colours[j, r, c, k] + a * colours[j, r, c + 1, k]
                        lower = (1 - a) * colours[j, r + 1, c, k] + a * colours[j, r + 1, c + 1, k]
                        difference += abs((1 - b) * upper + b * lower - colours[view, row, column, k])
                    cost = min(difference / limit, 1.0)
                at = count  # kept in order
                while at > 0 and costs[at - 1] > cost:
                    costs[at] = costs[at - 1]
                    at -= 1
                costs[at] = cost
                count += 1
            if count >= 2:
                half, total = (count + 1) // 2, 0.0
                for at in range(half):
                    total += costs[at]
                out[d, p] = total / half


@dataclass(frozen=True)
class Votes:
    """What all other photos say about the depths of a photo, as numbers of photos per pixel."""

    agree: UInt8[Array, "H W"]
    """They have the same depth there."""
    alike: UInt8[Array, "H W"]
    """They have the same depth there, and show it in the same colour."""
    against: UInt8[Array, "H W"]
    """They see through it."""


def votes_on(photos: Photos, view: int, depths: Float32[Array, "V H W"]) -> Votes:
    """Ask the other photos about every pixel of `view` whose depth was not measured.

    Args:
        photos: All.
        view: The photo in question.
        depths: Of all photos, measured ones and proposed ones; 0 where there is none.
    """
    shape = depths.shape[1:]
    agree, alike, against = (np.zeros(shape, np.uint8) for _ in range(3))
    others = np.array([other for other in range(len(depths)) if other != view], np.int64)
    move = photos.from_view(view, others)

    def work(start: int, stop: int) -> None:
        _votes(
            photos.colours, photos.depths, depths, photos.K, move, photos.sizes, view, others, photos.limit, APART,
            AGREE, agree, alike, against, start, stop,
        )  # fmt: skip

    in_blocks(work, int(photos.sizes[view, 1]), 32)
    return Votes(agree, alike, against)


@njit(cache=True, nogil=True)
@no_type_check
def _votes(
    colours, measured, depths, K, move, sizes, view, others, limit, apart, close, agree, alike, against, start, stop
):  # fmt: skip
    fx, fy, cx, cy = K[view, 0, 0], K[view, 1, 1], K[view, 0, 2], K[view, 1, 2]
    for y in range(start, stop):
        for x in range(sizes[view, 0]):
            z = depths[view, y, x]
            if z <= 0 or measured[view, y, x] > 0:
                continue
            px, py = (x - cx) / fx * z, (y - cy) / fy * z
            for s in range(len(others)):
                j = others[s]
                qz, u, v = _seen(move[s], K[j], px, py, z)
                if qz <= 0:
                    continue
                c, r = int(np.floor(u + 0.5)), int(np.floor(v + 0.5))
                if c < 0 or r < 0 or c >= sizes[j, 0] or r >= sizes[j, 1]:
                    continue
                there = depths[j, r, c]
                if there <= 0:
                    continue
                if there > qz * (1 + apart):
                    against[y, x] += 1
                elif abs(there - qz) < close * qz:
                    agree[y, x] += 1
                    difference = 0.0
                    for k in range(3):
                        difference += abs(colours[j, r, c, k] - colours[view, y, x, k])
                    if difference < limit:
                        alike[y, x] += 1
