"""The ideal camera in which a photo is worked on."""

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.geometry.projection import (
    distort,
    pixel_centers,
    scaled_intrinsics,
    view_from_photo,
)
from liftlab.components.types import Array, Camera, Lens, View

MAX_GROWTH = 1.3
"""Strong distortion may widen the working image by this much; what lies beyond is cut off."""


def working_camera(lens: Lens, world_to_camera: Float[Array, "4 4"], max_side: int) -> Camera:
    """Camera without distortion, longer side at most `max_side`, that shows the whole photo.

    The undistorted outline of the photo is enclosed, so that every photo pixel has its place in the view.
    """
    scale = min(1.0, max_side / max(lens.width, lens.height))
    width, height = max(1, round(lens.width * scale)), max(1, round(lens.height * scale))
    K = scaled_intrinsics(lens.K, width / lens.width, height / lens.height)
    camera = Camera(K, np.asarray(world_to_camera, dtype=np.float64), width, height)
    if not lens.has_distortion:
        return camera
    placeholder = np.zeros((height, width, 3), np.uint8)
    outline = view_from_photo(View("outline", camera, placeholder, lens), _outline(lens))
    margin = (MAX_GROWTH - 1) / 2 * np.array([width, height])
    low = np.maximum(outline.min(axis=0), -margin)
    high = np.minimum(outline.max(axis=0), np.array([width, height]) + margin)
    shrink = max_side / max(high - low) if max(high - low) > max_side else 1.0
    size = np.maximum(np.floor((high - low) * shrink + 0.5), 1)
    exact = size / (high - low)
    shifted = K.copy()
    shifted[:2, 2] -= low
    return Camera(scaled_intrinsics(shifted, *exact), camera.world_to_camera, int(size[0]), int(size[1]))


def covered_by_photo(lens: Lens, camera: Camera) -> Bool[Array, "H W"]:
    """True for view pixels whose centre lies inside the photo."""
    if not lens.has_distortion:
        return np.ones((camera.height, camera.width), bool)
    focal = np.array([camera.K[0, 0], camera.K[1, 1]])
    rays = (pixel_centers(camera.width, camera.height) - camera.K[:2, 2]) / focal
    xy = distort(lens, rays)
    return (xy >= 0).all(axis=-1) & (xy[..., 0] < lens.width) & (xy[..., 1] < lens.height)


def _outline(lens: Lens, steps: int = 33) -> Float[Array, "N 2"]:
    along = np.linspace(0, 1, steps)
    zeros, ones = np.zeros(steps), np.ones(steps)
    unit = np.concatenate(
        [np.stack(side, axis=1) for side in ((along, zeros), (along, ones), (zeros, along), (ones, along))]
    )
    return unit * np.array([lens.width, lens.height])
