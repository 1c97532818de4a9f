"""Which depths do other views agree with? Confirmation, contradiction and fusion of depth maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, UInt8
from numba import njit

from liftlab.components.geometry.projection import opencv_from_centered_intrinsics
from liftlab.components.pointmaps.threads import in_blocks
from liftlab.components.types import Array, Camera


@dataclass(frozen=True)
class Agreement:
    """What the other views say about the depths of one view."""

    confirmed: UInt8[Array, "H W"]
    """Number of views whose depth leads back to this pixel and this depth."""
    contradicted: UInt8[Array, "H W"]
    """Number of views that see through the point: it would hide what they see behind it."""
    fused: Float[Array, "H W"]
    """Mean of the pixel's depth and the confirming views' depths, seen from here; float32, 0 where depth is
    0."""
    spread: Float[Array, "H W"]
    """Root mean square relative difference of the confirming depths; 0 where nothing confirms."""


def agreement_of(
    index: int,
    depths: Float[Array, "V H W"],
    cameras: Sequence[Camera],
    *,
    others: Sequence[int],
    max_shift_px: float = 1.5,
    max_relative: float = 0.01,
    see_through: float = 0.02,
) -> Agreement:
    """Compare the depth map of view `index` with those of `others`.

    A view confirms a pixel when the pixel's point, projected there and lifted with the depth found there,
    comes back within `max_shift_px` of the pixel and within `max_relative` of its depth.

    Args:
        index: The view in question.
        depths: Padded at the right and bottom with 0, which means no depth.
        cameras: Of the views.
        others: Views to ask.
        max_shift_px: Largest distance of the round trip.
        max_relative: Largest relative difference of depth.
        see_through: A view contradicts when its own depth is farther than the point by this share.

    Source: Schönberger et al., ECCV 2016 (geometric consistency); the see-through test is the occlusion
        cleaning of
        DUSt3R (CVPR 2024) with a tolerance fit for stereo.
    """
    height, width = depths.shape[1:]
    confirmed, contradicted = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    fused, spread = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    views = np.array([other for other in others if other != index], np.int64)
    K = np.stack([opencv_from_centered_intrinsics(camera.K) for camera in cameras])
    to_other = np.stack([camera.world_to_camera @ cameras[index].camera_to_world for camera in cameras])
    to_self = np.linalg.inv(to_other)
    sizes = np.array([[camera.width, camera.height] for camera in cameras], np.int64)

    def work(start: int, stop: int) -> None:
        _agreement(
            depths, index, views, K, to_other, to_self, sizes, max_shift_px, max_relative, see_through,
            confirmed, contradicted, fused, spread, start, stop,
        )  # fmt: skip

    in_blocks(work, cameras[index].height, 32)
    return Agreement(confirmed, contradicted, fused, spread)


@njit(cache=True, nogil=True)
@no_type_check
def _agreement(
    depths, index, views, K, to_other, to_self, sizes, max_shift_px, max_relative, see_through,
    confirmed, contradicted, fused, spread, start, stop,
):  # fmt: skip
    """Rows start..stop of `agreement_of`. Cameras count pixel centres from 0 here."""
    fx, fy, cx, cy = K[index, 0, 0], K[index, 1, 1], K[index, 0, 2], K[index, 1, 2]
    for y in range(start, stop):
        for x in range(sizes[index, 0]):
            z = float(depths[index, y, x])
            if z <= 0:
                continue
            px, py = (x - cx) / fx * z, (y - cy) / fy * z
            votes, against, total, squares = 0, 0, z, 0.0
            for j in views:
                T, B = to_other[j], to_self[j]
                qz = T[2, 0] * px + T[2, 1] * py + T[2, 2] * z + T[2, 3]
                if qz <= 0:
                    continue
                qx = T[0, 0] * px + T[0, 1] * py + T[0, 2] * z + T[0, 3]
                qy = T[1, 0] * px + T[1, 1] * py + T[1, 2] * z + T[1, 3]
                u = int(np.floor(qx / qz * K[j, 0, 0] + K[j, 0, 2] + 0.5))
                v = int(np.floor(qy / qz * K[j, 1, 1] + K[j, 1, 2] + 0.5))
                if u < 0 or v < 0 or u >= sizes[j, 0] or v >= sizes[j, 1]:
                    continue
                other = float(depths[j, v, u])
                if other <= 0:
                    continue
                if other > qz * (1 + see_through):
                    against += 1
                    continue
                bx, by = (u - K[j, 0, 2]) / K[j, 0, 0] * other, (v - K[j, 1, 2]) / K[j, 1, 1] * other
                back = B[2, 0] * bx + B[2, 1] * by + B[2, 2] * other + B[2, 3]
                if back <= 0 or abs(back - z) > max_relative * z:
                    continue
                rx = (B[0, 0] * bx + B[0, 1] * by + B[0, 2] * other + B[0, 3]) / back * fx + cx
                ry = (B[1, 0] * bx + B[1, 1] * by + B[1, 2] * other + B[1, 3]) / back * fy + cy
                if (rx - x) ** 2 + (ry - y) ** 2 > max_shift_px**2:
                    continue
                # Along the same ray: the difference of depth as view j measures it, free of its pixel's rounding.
                estimate = z * other / qz
                votes += 1
                total += estimate
                squares += ((estimate - z) / z) ** 2
            confirmed[y, x] = votes
            contradicted[y, x] = against
            fused[y, x] = total / (votes + 1)
            if votes > 0:
                spread[y, x] = np.sqrt(squares / votes)
