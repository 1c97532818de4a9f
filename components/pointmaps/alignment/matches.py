"""Matches of pairs thinned to a grid, with the starting depth under them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.types import Array, Camera

STEP = 1.1
"""Neighbouring pixels whose depths differ by more than this factor belong to different things."""


@dataclass(frozen=True)
class Matches:
    """Thinned matches of all pairs; column 0 is the first view of a match, column 1 the second."""

    views: Int64[Tensor, "M 2"]
    xy: Float[Tensor, "M 2 2"]
    """Pixels."""
    depth: Float[Tensor, "M 2"]
    """Of the view's starting depth map there."""
    weight: Float[Tensor, "M"]
    """Geometric mean of both pixels' confidences."""
    corners: Int64[Tensor, "M 2 4"]
    """Numbers of the grid points around each pixel, over all views."""
    shares: Float[Tensor, "M 2 4"]
    """Bilinear weights of those."""


class Grids:
    """Grid points of all views in one numbering: the centres of square cells."""

    def __init__(self, cameras: Sequence[Camera], grid_px: int) -> None:
        self.grid_px = grid_px
        self.shapes = [(-(-camera.height // grid_px), -(-camera.width // grid_px)) for camera in cameras]
        self.starts = np.concatenate([[0], np.cumsum([rows * columns for rows, columns in self.shapes])])

    def around(self, view: int, xy: Float[Array, "M 2"]) -> tuple[Int64[Array, "M 4"], Float[Array, "M 4"]]:
        """The four grid points around each pixel, and their bilinear weights."""
        rows, columns = self.shapes[view]
        place = np.clip(xy / self.grid_px - 0.5, 0, [columns - 1, rows - 1])
        low = np.minimum(place.astype(np.int64), np.maximum([columns - 2, rows - 2], 0))
        high = np.minimum(low + 1, [columns - 1, rows - 1])
        fx, fy = (place - low).T
        corners = [
            self.starts[view] + y * columns + x
            for y in (low[:, 1], high[:, 1])
            for x in (low[:, 0], high[:, 0])
        ]
        shares = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy]
        return np.stack(corners, axis=1), np.stack(shares, axis=1)


def thinned_matches(
    pairs: Mapping[Edge, PairResult], depths: Sequence[Float[Array, "_ _"]], grids: Grids
) -> Matches:
    """Per pair and cell of the first photo the match nearest to the cell's centre, where both depths are known."""
    parts: dict[str, list[Array]] = {
        name: [] for name in ("views", "xy", "depth", "weight", "corners", "shares")
    }
    for (n, m), pair in pairs.items():
        xy = pair.matches.astype(np.float64).reshape(-1, 2, 2)
        cell = np.floor(xy[:, 0] / grids.grid_px).astype(np.int64)
        off = np.linalg.norm(xy[:, 0] / grids.grid_px - cell - 0.5, axis=1)
        order = np.lexsort((np.arange(len(xy)), off))
        _, first = np.unique((cell[:, 1] * (1 << 20) + cell[:, 0])[order], return_index=True)
        xy = xy[np.sort(order[first])]
        depth = np.stack([_smooth_depth(depths[n], xy[:, 0]), _smooth_depth(depths[m], xy[:, 1])], axis=1)
        weight = np.sqrt(_at(pair.conf_1, xy[:, 0]) * _at(pair.conf_2, xy[:, 1]))
        good = (depth > 0).all(axis=1)
        around = [grids.around(view, xy[good, side]) for side, view in enumerate((n, m))]
        parts["views"].append(np.tile([n, m], (int(good.sum()), 1)))
        parts["xy"].append(xy[good])
        parts["depth"].append(depth[good])
        parts["weight"].append(weight[good])
        parts["corners"].append(np.stack([corners for corners, _ in around], axis=1))
        parts["shares"].append(np.stack([shares for _, shares in around], axis=1))
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    tensors = {
        name: torch.from_numpy(value if value.dtype == np.int64 else value.astype(np.float32))
        for name, value in whole.items()
    }
    return Matches(**tensors)


def surest_match(pair: PairResult) -> float:
    """Largest confidence of a match; 0 without any."""
    if len(pair.matches) == 0:
        return 0.0
    return float(np.sqrt(_at(pair.conf_1, pair.matches[:, :2]) * _at(pair.conf_2, pair.matches[:, 2:])).max())


def _at(values: Float[Array, "H W"], xy: Float[Array, "M 2"]) -> Float[Array, "M"]:
    """Value of the pixel that holds each position."""
    column, row = np.floor(xy).astype(np.int64).T
    return values[np.clip(row, 0, values.shape[0] - 1), np.clip(column, 0, values.shape[1] - 1)]


def _smooth_depth(depth: Float[Array, "H W"], xy: Float[Array, "M 2"]) -> Float[Array, "M"]:
    """Depth between the four pixels around each position; 0 at the rim of the photo, of what is known and of things.

    On a plane inverse depth is linear over the photo.
    """
    height, width = depth.shape
    column, row = np.floor(xy - 0.5).astype(np.int64).T
    inside = (column >= 0) & (row >= 0) & (column < width - 1) & (row < height - 1)
    column, row = np.where(inside, column, 0), np.where(inside, row, 0)
    around = np.stack([depth[row + y, column + x] for y in (0, 1) for x in (0, 1)])
    good = inside & (around.min(axis=0) > 0) & (around.max(axis=0) < STEP * around.min(axis=0))
    fx, fy = (xy - 0.5 - np.stack([column, row], axis=1)).T
    shares = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
    return np.where(good, 1 / np.maximum((shares / np.where(good, around, 1)).sum(axis=0), 1e-12), 0)
