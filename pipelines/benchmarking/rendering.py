"""How a selection in 3D becomes a mask of a camera: docs/methods/metrics.md section 1."""

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from liftlab.components.geometry.projection import project
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera

SPLAT_PX = 1
"""A point covers the square of this radius around its pixel."""


def gaussians_mask(view: FrozenView, selected: Bool[Array, "N"], device: torch.device) -> Bool[Array, "H W"]:
    """Pixels into which the selected Gaussians, in front of and behind the others, blend to more than one half."""
    chosen = torch.from_numpy(selected).to(device, torch.float32)
    with torch.no_grad():
        return (view.render(chosen[:, None])[..., 0] > 0.5).cpu().numpy()


def points_mask(nearest: Int64[Array, "H W"], selected: Bool[Array, "N"]) -> Bool[Array, "H W"]:
    """Pixels whose nearest point is selected, after a 3 x 3 closing.

    Args:
        nearest: Of `nearest_points`; -1 where there is no point.
        selected: Over the points that it numbers.
    """
    mask = np.zeros(nearest.shape, bool)
    seen = nearest >= 0
    mask[seen] = selected[nearest[seen]]
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return closed > 0


def nearest_points(points: Float[Array, "N 3"], camera: Camera) -> Int64[Array, "H W"]:
    """Index of the point that each pixel sees, each point drawn as a square of 3 pixels; -1 where there is none.

    Args:
        points: World frame.
        camera: Its size is that of the answer.
    """
    xy, depth = project(camera, points)
    with np.errstate(invalid="ignore"):
        inside = (depth > 0) & (xy >= 0).all(axis=1) & (xy[:, 0] < camera.width) & (xy[:, 1] < camera.height)
    ids = np.flatnonzero(inside)
    ids = ids[np.argsort(-depth[ids], kind="stable")]  # far first: what is written last is nearest
    column, row = xy[ids].astype(np.int64).T
    owner = np.full((camera.height, camera.width), -1, np.int64)
    owner[row, column] = ids
    distance = np.where(owner >= 0, depth[owner] if len(depth) else np.inf, np.inf)
    best, nearest = distance, owner
    for dy in range(-SPLAT_PX, SPLAT_PX + 1):
        for dx in range(-SPLAT_PX, SPLAT_PX + 1):
            shifted = _shifted(distance, dy, dx, np.inf)
            closer = shifted < best
            best = np.where(closer, shifted, best)
            nearest = np.where(closer, _shifted(owner, dy, dx, -1), nearest)
    return nearest


def _shifted(image: np.ndarray, dy: int, dx: int, fill: float | int) -> np.ndarray:
    """The image moved by (dy, dx); what comes in is `fill`."""
    padded = np.pad(image, SPLAT_PX, constant_values=fill)
    top, left = SPLAT_PX - dy, SPLAT_PX - dx
    return padded[top : top + image.shape[0], left : left + image.shape[1]]
