"""Depth and normals as pictures: what a person looks at to judge geometry."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from liftlab.components.types import Array, Camera

NOTHING = (128, 128, 128)
"""Colour where nothing is known."""


def normals_of(points: Float[Array, "H W 3"], camera: Camera) -> Float[Array, "H W 3"]:
    """Unit normals of a picture of world points, turned to the camera; zero where neighbours are missing (NaN).

    From the cross product of central differences along rows and columns.
    """
    across, down = np.full_like(points, np.nan), np.full_like(points, np.nan)
    across[:, 1:-1] = points[:, 2:] - points[:, :-2]
    down[1:-1] = points[2:] - points[:-2]
    normals = np.cross(across, down)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals = np.where(length > 0, normals / length, 0.0)
    away = (normals * (points - camera.center)).sum(axis=-1, keepdims=True) > 0
    return np.nan_to_num(np.where(away, -normals, normals)).astype(np.float32)


def normal_colours(normals: Float[Array, "*N 3"]) -> UInt8[Array, "*N 3"]:
    """The usual picture of normals: each axis from -1 to 1 as one of red, green, blue; grey for zero normals."""
    return np.clip(np.round((normals + 1) * 127.5), 0, 255).astype(np.uint8)


def depth_colours(depth: Float[Array, "*N"], known: Bool[Array, "*N"]) -> UInt8[Array, "*N 3"]:
    """Near warm, far cool (Google's Turbo scale over the middle 98 % of the known depths); grey where unknown."""
    out = np.empty((*depth.shape, 3), np.uint8)
    out[...] = NOTHING
    if not known.any():
        return out
    near, far = np.quantile(depth[known], [0.01, 0.99])
    share = 1 - np.clip((depth[known] - near) / max(float(far - near), 1e-12), 0, 1)
    level = (share * 255).astype(np.uint8).reshape(-1, 1)
    out[known] = cv2.applyColorMap(level, cv2.COLORMAP_TURBO)[:, 0, ::-1]
    return out
