"""Depth of one view from several others by a plane sweep with semi-global smoothing.

Pure functions over images and cameras: no global state, any thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt32

from liftlab.components.geometry.projection import opencv_from_centered_intrinsics
from liftlab.components.pointmaps.stereo.sweep_kernels import (
    best_plane,
    matching_cost,
    smooth_columns,
    smooth_rows,
)
from liftlab.components.pointmaps.threads import in_blocks
from liftlab.components.types import Array, Camera

_ROWS = 8
"""Rows per block: the block's part of the cost volume stays in the cache."""


@dataclass(frozen=True)
class SweepOptions:
    """Matching window and smoothing."""

    num_planes: int = 128
    """Planes, evenly spaced in inverse depth."""
    radius: int = 2
    """Of the square matching window, pixels."""
    noise: float = 0.008
    """Standard deviation of grey values (0 to 1) below which texture is taken for noise."""
    small_step: float = 0.04
    """Penalty for neighbours one plane apart, in units of 1 - ZNCC."""
    large_step: float = 0.5
    """Penalty for neighbours further apart, where the picture is even."""
    contrast: float = 20.0
    """How fast that penalty falls with the difference of grey values."""


@dataclass(frozen=True)
class DepthMap:
    """Depth of every pixel of one view and how well it matched."""

    depth: Float[Array, "H W"]
    """Along +Z, scene units, float32; 0 where there is none."""
    similarity: Float[Array, "H W"]
    """Mean ZNCC of the best sources, in [0, 1]; 0 where there is no depth."""


def packed_quads(grey: UInt8[Array, "H W"]) -> UInt32[Array, "H W"]:
    """Every pixel with its right, lower and lower right neighbour in one word: one load per bilinear sample.

    The last row and column repeat themselves.
    """
    padded = cv2.copyMakeBorder(grey, 0, 1, 0, 1, cv2.BORDER_REPLICATE).astype(np.uint32)
    return padded[:-1, :-1] | padded[:-1, 1:] << 8 | padded[1:, :-1] << 16 | padded[1:, 1:] << 24


def grey_image(image: UInt8[Array, "H W 3"]) -> Float[Array, "H W"]:
    """Grey values in [0, 1], float32."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)


def sweep_depth(
    grey: Float[Array, "H W"],
    camera: Camera,
    source_greys: Sequence[Float[Array, "_ _"]],
    source_cameras: Sequence[Camera],
    depth_range: tuple[float, float],
    options: SweepOptions | None = None,
) -> DepthMap:
    """Depth of the view `grey` within `depth_range` (near, far) from one or more source views.

    A pixel's cost on a plane is 1 - ZNCC over the window, averaged over the two best sources when there are
    three or more (the others may be occluded), over the best one otherwise. Semi-global smoothing along
    rows and columns, then a parabola between planes.

    Raises:
        ValueError: No source, sources of unequal number, or an empty depth range.

    Source: Collins, CVPR 1996 (plane sweep); Hirschmüller, PAMI 2008 (semi-global matching), four paths.
    """
    options = options or SweepOptions()
    near, far = depth_range
    if not source_greys or len(source_greys) != len(source_cameras):
        raise ValueError(
            f"source_greys must be as many as source_cameras and at least one; got {len(source_greys)} and "
            f"{len(source_cameras)}."
        )
    if not 0 < near < far:
        raise ValueError(f"depth_range must satisfy 0 < near < far; got {depth_range}.")
    inverse = np.linspace(1 / far, 1 / near, options.num_planes)
    cost = _cost_volume(grey, camera, source_greys, source_cameras, inverse, options)
    total = _smoothed(cost, grey, options)
    height, width = grey.shape
    position, similarity = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    in_blocks(lambda a, b: best_plane(cost, total, position, similarity, a, b), height, 64)
    step = inverse[1] - inverse[0]
    depth = np.where(position >= 0, 1 / (inverse[0] + step * position), 0).astype(np.float32)
    return DepthMap(depth, similarity)


def plane_homographies(
    camera: Camera, source_cameras: Sequence[Camera], inverse_depths: Float[Array, "D"]
) -> Float[Array, "D S 3 3"]:
    """Homographies from pixels of `camera` to those of each source (both counted from 0) over
    fronto-parallel planes."""
    K_inverse = np.linalg.inv(opencv_from_centered_intrinsics(camera.K))
    out = np.empty((len(inverse_depths), len(source_cameras), 3, 3))
    for index, source in enumerate(source_cameras):
        source_from_reference = source.world_to_camera @ camera.camera_to_world
        K = opencv_from_centered_intrinsics(source.K)
        far = K @ source_from_reference[:3, :3] @ K_inverse
        near = K @ np.outer(source_from_reference[:3, 3], [0, 0, 1]) @ K_inverse
        out[:, index] = far + near * np.asarray(inverse_depths)[:, None, None]
    return out


def _cost_volume(
    grey: Float[Array, "H W"],
    camera: Camera,
    source_greys: Sequence[Float[Array, "_ _"]],
    source_cameras: Sequence[Camera],
    inverse: Float[Array, "D"],
    options: SweepOptions,
) -> UInt8[Array, "H W D"]:
    height, width = grey.shape
    radius = options.radius
    centre = np.float32(grey.mean())  # small numbers keep float32 variances exact
    reference = (grey - centre).astype(np.float32)
    padded = cv2.copyMakeBorder(reference, radius, radius, radius, radius, cv2.BORDER_REFLECT_101)
    box = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(reference, box)
    variance = cv2.blur(reference * reference, box) - mean * mean
    sources = stacked([source - centre for source in source_greys])
    homographies = plane_homographies(camera, source_cameras, inverse).astype(np.float32)
    cost = np.empty((height, width, len(inverse)), np.uint8)
    top_k = 2 if len(source_greys) > 2 else 1
    floor = np.float32(options.noise**2)

    def work(start: int, stop: int) -> None:
        matching_cost(padded, mean, variance, sources, homographies, radius, floor, top_k, cost, start, stop)

    in_blocks(work, height, _ROWS)
    return cost


def stacked(images: Sequence[Float[Array, "_ _"]]) -> Float[Array, "S H W"]:
    """Images of any sizes in one array, edges repeated. A plane just beyond a smaller image sees its edge."""
    height, width = max(image.shape[0] for image in images), max(image.shape[1] for image in images)
    return np.stack(
        [
            cv2.copyMakeBorder(
                image, 0, height - image.shape[0], 0, width - image.shape[1], cv2.BORDER_REPLICATE
            )
            for image in images
        ]
    ).astype(np.float32)


def _smoothed(cost: UInt8[Array, "H W D"], grey: Float[Array, "H W"], options: SweepOptions) -> "np.ndarray":
    height, width, _ = cost.shape
    total = np.zeros(cost.shape, np.uint16)
    small, large = np.float32(options.small_step * 254), np.float32(options.large_step * 254)
    contrast, image = np.float32(options.contrast), grey.astype(np.float32)
    in_blocks(lambda a, b: smooth_rows(cost, image, small, large, contrast, total, a, b), height, 16)
    in_blocks(lambda a, b: smooth_columns(cost, image, small, large, contrast, total, a, b), width, 16)
    return total
