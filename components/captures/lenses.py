"""Cameras as files give them, with any of COLMAP's lenses, and what becomes of them: cameras of ours, for one photo.

Our own lens has the distortion k1 k2 p1 p2. Photos of other lenses are undistorted once, when they are taken in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from liftlab.components.captures.known_cameras import (
    MAX_NUMBER,
    KnownCamera,
    checked_lens,
    checked_pose,
    is_number,
)
from liftlab.components.errors import InputError, shown
from liftlab.components.geometry.projection import pixel_centers, scaled_intrinsics
from liftlab.components.types import Array, Lens

MODELS = {
    "SIMPLE_PINHOLE": (0, 3), "PINHOLE": (1, 4), "SIMPLE_RADIAL": (2, 4), "RADIAL": (3, 5), "OPENCV": (4, 8),
    "OPENCV_FISHEYE": (5, 8), "FULL_OPENCV": (6, 12), "FOV": (7, 5), "SIMPLE_RADIAL_FISHEYE": (8, 4),
    "RADIAL_FISHEYE": (9, 5), "THIN_PRISM_FISHEYE": (10, 12), "RAD_TAN_THIN_PRISM_FISHEYE": (11, 16),
    "SIMPLE_DIVISION": (12, 4), "DIVISION": (13, 5), "SIMPLE_FISHEYE": (14, 3), "FISHEYE": (15, 4), "EUCM": (16, 6),
}  # fmt: skip
"""COLMAP's lenses: number and count of parameters. All begin with f or fx fy, then cx cy."""
_ONE_FOCAL = {
    "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "SIMPLE_DIVISION",
    "SIMPLE_FISHEYE",
}  # fmt: skip
_OURS = {"SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"}
"""What k1 k2 p1 p2 describe."""
_MAX_GROWTH = 2.0
"""An undistorted photo is at most so much wider than the photo."""


@dataclass(frozen=True)
class BroughtCamera:
    """Lens and pose of one photo, as a file gives them."""

    model: str
    """One of `MODELS`."""
    params: tuple[float, ...]
    width: int
    height: int
    world_to_camera: Float[Array, "4 4"]

    @property
    def lens(self) -> Lens | None:
        """The lens as ours; None when k1 k2 p1 p2 do not describe it."""
        K, rest = _split(self.model, self.params)
        simple = self.model == "FULL_OPENCV" and not any(rest[4:])
        if not simple and self.model not in _OURS:
            return None
        return Lens(self.width, self.height, K, np.array([*rest, 0.0, 0.0, 0.0, 0.0][:4]))


def brought_camera(
    model: str,
    params: Sequence[Any],
    size: tuple[object, object],
    world_to_camera: object,
    what: str,
) -> BroughtCamera:
    """A camera from numbers of a file; `what` names it in the sentence when they cannot be right."""
    if model not in MODELS:
        raise InputError(f"The lens of {what} ({shown(model)}) is not supported; undistort the photos.")
    if len(params) != MODELS[model][1] or not all(is_number(value) for value in params):
        raise InputError(f"The lens of {what} needs {MODELS[model][1]} numbers within {MAX_NUMBER:g}.")
    params = tuple(map(float, params))
    K, rest = _split(model, params)
    lens = checked_lens(size[0], size[1], K, [0.0] * 4, what)
    if not np.isfinite(rest).all():
        raise InputError(f"Distortion of {what} holds a value that is not a finite number.")
    pose = checked_pose(world_to_camera, f"The pose of {what}")
    return BroughtCamera(model, params, lens.width, lens.height, pose)


def _split(model: str, params: tuple[float, ...]) -> tuple[Float[Array, "3 3"], list[float]]:
    """K and what is left of the parameters."""
    focals = 1 if model in _ONE_FOCAL else 2
    fx, fy = params[0], params[focals - 1]
    cx, cy, *rest = params[focals:]
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], np.float64), rest


def camera_of_photo(
    camera: BroughtCamera, pixels: UInt8[Array, "h w 3"], orientation: int, name: str
) -> tuple[KnownCamera, UInt8[Array, "H W 3"]]:
    """Our camera for an upright photo, and the photo: undistorted if its lens is none of ours, else as it was.

    Args:
        camera: For the photo as it is stored, or for a resized copy of that.
        pixels: Upright.
        orientation: How the stored photo was turned to be upright (EXIF's number); 1 for a camera of the upright one.
        name: Of the photo, for the sentences.

    Raises:
        InputError: The camera is for a picture of another shape, or cannot be turned with the photo.
    """
    if orientation not in _QUARTERS:
        raise InputError(f"'{name}' is mirrored by its EXIF data, which no camera fits; save it again.")
    quarters = _QUARTERS[orientation]
    lens = camera.lens
    if lens is None:
        stored = np.ascontiguousarray(np.rot90(pixels, quarters))
        size = fitting_size((camera.width, camera.height), (stored.shape[1], stored.shape[0]), name)
        flat, lens = _undistorted(camera, stored, size, name)
        pixels = np.ascontiguousarray(np.rot90(flat, -quarters))
    sides = (pixels.shape[1], pixels.shape[0])
    known = fitted_to_photo(
        KnownCamera(lens, camera.world_to_camera), name, *(sides if quarters % 2 == 0 else sides[::-1])
    )
    for _ in range(quarters):
        known = _turned(known)
    return known, pixels


_QUARTERS = {1: 0, 6: 1, 3: 2, 8: 3}
"""EXIF's orientations without mirrors: quarter turns to the right that make the photo upright."""


def fitting_size(camera: tuple[int, int], photo: tuple[int, int], name: str) -> tuple[int, int]:
    """The size of the photo; InputError when it is no resized copy of the picture that the camera was made for."""
    scale_x, scale_y = photo[0] / camera[0], photo[1] / camera[1]
    # Rounding to whole pixels when a photo is shrunk moves each side by at most one pixel.
    wide, high = abs(camera[0] * scale_y - photo[0]), abs(camera[1] * scale_x - photo[1])
    if wide > 1 + scale_y and high > 1 + scale_x:
        if camera == photo[::-1]:
            raise InputError(
                f"The camera of '{name}' is {camera[0]}x{camera[1]} but the photo {photo[0]}x{photo[1]}: it was made "
                "for the photo before it was turned; bring the photos that the cameras were made for."
            )
        raise InputError(
            f"The camera of '{name}' is for {camera[0]}x{camera[1]} pixels but the photo has "
            f"{photo[0]}x{photo[1]}; use the photos that the cameras were made for."
        )
    return photo


def fitted_to_photo(camera: KnownCamera, name: str, width: int, height: int) -> KnownCamera:
    """The camera for a photo of `width` x `height` pixels, rescaled when the photo is a resized copy.

    Raises:
        InputError: The shapes differ, so the camera belongs to another (or a cropped) picture.
    """
    lens = camera.lens
    if (lens.width, lens.height) == (width, height):
        return camera
    fitting_size((lens.width, lens.height), (width, height), name)
    K = scaled_intrinsics(lens.K, width / lens.width, height / lens.height)
    return replace(camera, lens=replace(lens, width=width, height=height, K=K))


def _turned(camera: KnownCamera) -> KnownCamera:
    """The camera of the photo turned by a quarter to the right: its x is what -y was, its y what x was."""
    lens = camera.lens
    (fx, _, cx), (_, fy, cy), _ = lens.K
    k1, k2, p1, p2 = lens.distortion
    K = np.array([[fy, 0.0, lens.height - cy], [0.0, fx, cx], [0.0, 0.0, 1.0]])
    turned = Lens(lens.height, lens.width, K, np.array([k1, k2, p2, -p1]))
    return KnownCamera(turned, _QUARTER_TURN @ camera.world_to_camera)


_QUARTER_TURN = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def _undistorted(
    camera: BroughtCamera, stored: UInt8[Array, "h w 3"], size: tuple[int, int], name: str
) -> tuple[UInt8[Array, "H W 3"], Lens]:
    """The photo as a camera without distortion would have taken it, all of it covered by what the photo shows."""
    from liftlab.components.sfm.colmap_library import pycolmap

    wide = pycolmap.Camera(
        model=camera.model, width=camera.width, height=camera.height, params=list(camera.params), camera_id=1
    )
    wide.rescale(*size)
    options = pycolmap.UndistortCameraOptions(blank_pixels=0.0, max_scale=_MAX_GROWTH)
    flat = pycolmap.undistort_camera(options, wide)
    fx, fy, cx, cy = flat.params
    if not (np.isfinite(flat.params).all() and min(flat.width, flat.height) >= 2):
        raise InputError(f"The lens of '{name}' cannot be undistorted; undistort the photos before.")
    lens = checked_lens(
        flat.width, flat.height, [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], None, f"'{name}'"
    )
    rays = (pixel_centers(lens.width, lens.height) - [cx, cy]) / [fx, fy]
    rays = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1).reshape(-1, 3)
    xy = np.asarray(wide.img_from_cam(rays)).reshape(lens.height, lens.width, 2)
    at = (np.nan_to_num(xy, nan=-1.0) - 0.5).astype(np.float32)  # OpenCV counts centres from 0
    return cv2.remap(stored, at[..., 0], at[..., 1], cv2.INTER_LINEAR), lens
