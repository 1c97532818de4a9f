"""Do the photos confirm a camera? Depths that the other views agree on say what the photo must look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from liftlab.components.types import Array, Camera

WINDOW = 7
"""Side in pixels of the square in which two pictures are compared."""
NOISE = 0.01
"""Standard deviation of grey values (0 to 1) in a window below which there is nothing to compare."""
ALIKE = 0.5
"""Correlation of two windows from which they count as the same thing."""
BEST_VIEWS = 4
"""So many other views are asked, those that confirm most: the rest may see the thing from its other side."""
MIN_COMPARED = 0.02
"""Share of the photo's pixels that must have been compared with another view for that to say anything."""


@dataclass(frozen=True)
class DepthView:
    """A view whose depth is known where other views confirm it."""

    grey: Float32[Array, "H W"]
    """0 to 1, undistorted."""
    camera: Camera
    depth: Float32[Array, "H W"]
    """Along +Z; 0 where it is not confirmed."""


def confirmed_share(
    grey: Float32[Array, "h w"], camera: Camera, views: Sequence[DepthView]
) -> tuple[float, float]:
    """How much of what the views know is where the camera says, in the photo.

    Every view's pixels with depth are looked up in the photo; where the window round a pixel has texture, it is
    compared with what the photo shows there, by correlation (so exposure does not matter).

    Returns:
        Share of the compared pixels that look alike over the `BEST_VIEWS` views with most alike, 0 when too little was
        compared; and the number of alike pixels there as a share of the photo's pixels. A wrong camera gives .1 to
        .25, a right one .55 to 1 (docs/notes.md 7).
    """
    counts = sorted((_compared(grey, camera, view) for view in views), reverse=True)[:BEST_VIEWS]
    alike, compared = (sum(count[k] for count in counts) for k in (0, 1))
    if compared < MIN_COMPARED * grey.size:
        return 0.0, 0.0
    return alike / compared, alike / grey.size


def _compared(grey: Float32[Array, "h w"], camera: Camera, view: DepthView) -> tuple[int, int]:
    """Numbers of pixels of a view that look alike in the photo, and that could be compared."""
    looked_up, inside = _seen_from(grey, camera, view)
    if not inside.any():
        return 0, 0
    mask = inside.astype(np.float32)
    count = _sums(mask)
    weight = np.maximum(count, 1)
    here, there = view.grey * mask, looked_up * mask
    mean_here, mean_there = _sums(here) / weight, _sums(there) / weight
    var_here = np.maximum(_sums(here * here) / weight - mean_here**2, 0)
    var_there = np.maximum(_sums(there * there) / weight - mean_there**2, 0)
    covariance = _sums(here * there) / weight - mean_here * mean_there
    textured = inside & (count >= 0.6 * WINDOW**2) & (var_here > NOISE**2)
    alike = textured & (covariance > ALIKE * np.sqrt(var_here * var_there)) & (var_there > 0.25 * NOISE**2)
    return int(alike.sum()), int(textured.sum())


def _seen_from(
    grey: Float32[Array, "h w"], camera: Camera, view: DepthView
) -> tuple[Float32[Array, "H W"], np.ndarray]:
    """The photo's grey values where the view's pixels lie in it, and for which pixels they do."""
    height, width = view.depth.shape
    K, depth = view.camera.K, view.depth
    other_from_view = (camera.world_to_camera @ view.camera.camera_to_world).astype(np.float32)
    x = ((np.arange(width) + 0.5 - K[0, 2]) / K[0, 0]).astype(np.float32)[None] * depth
    y = ((np.arange(height) + 0.5 - K[1, 2]) / K[1, 1]).astype(np.float32)[:, None] * depth
    points = [row[0] * x + row[1] * y + row[2] * depth + row[3] for row in other_from_view[:3]]
    inside = (depth > 0) & (points[2] > 1e-6)
    z = np.where(inside, points[2], 1)
    u = (points[0] / z * camera.K[0, 0] + camera.K[0, 2] - 0.5).astype(np.float32)
    v = (points[1] / z * camera.K[1, 1] + camera.K[1, 2] - 0.5).astype(np.float32)
    inside &= (u >= 0) & (v >= 0) & (u <= grey.shape[1] - 1) & (v <= grey.shape[0] - 1)
    return cv2.remap(grey, u, v, cv2.INTER_LINEAR), inside


def _sums(values: Float32[Array, "H W"]) -> Float32[Array, "H W"]:
    return cv2.boxFilter(values, -1, (WINDOW, WINDOW), normalize=False)
