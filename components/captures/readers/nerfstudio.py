"""Cameras of a nerfstudio `transforms.json` (OpenGL cameras, camera_to_world; pixel centres at +0.5).

Source: nerfstudio, docs/quickstart/data_conventions.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.captures.known_cameras import (
    checked_pose,
    frames_of,
    is_number,
    name_in_frame,
    read_json,
)
from liftlab.components.captures.lenses import BroughtCamera, brought_camera
from liftlab.components.captures.readers.camera_files import CameraFile, Frame, Size
from liftlab.components.errors import InputError, shown
from liftlab.components.geometry.projection import opencv_from_opengl_camera
from liftlab.components.processes.untrusted import reading

_PERSPECTIVE = (
    "OPENCV",
    "PINHOLE",
    "SIMPLE_PINHOLE",
    "PERSPECTIVE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "FULL_OPENCV",
)
_FISHEYE = ("OPENCV_FISHEYE", "FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
_THIN_PRISM = ("THIN_PRISM_FISHEYE",)
_COEFFICIENTS = {
    "OPENCV": ("k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "OPENCV_FISHEYE": ("k1", "k2", "k3", "k4"),
    "THIN_PRISM_FISHEYE": ("k1", "k2", "p1", "p2", "k3", "k4", "sx1", "sy1"),
}
"""Of COLMAP's lenses that we need, in COLMAP's order."""


def read_transforms_json(path: Path) -> CameraFile:
    """Cameras by `file_path`, in the file's own world frame, also as Blender and instant-ngp write them.

    Raises:
        InputError: Not JSON, or without frames.
    """
    with reading(path.name):
        record = read_json(path)
        entries = frames_of(record, path.name)
        shared = {key: value for key, value in record.items() if key != "frames"}
        frames, losses = [], []
        for index, frame in enumerate(entries):
            try:
                name = name_in_frame(frame, index, path.name, key="file_path")
            except InputError as error:
                losses.append(str(error))
                continue
            # A frame's own intrinsics go before the shared ones.
            what = f"'{shown(name)}' in {path.name}"
            mask = frame.get("mask_path")
            camera = partial(_camera_of, {**shared, **frame}, what)
            frames.append(Frame(name, camera, mask if isinstance(mask, str) else ""))
        return CameraFile(path.name, tuple(frames), tuple(losses))


def _camera_of(values: dict[str, Any], what: str, photo: Size) -> BroughtCamera:
    model = _model_of(values, what)
    width, height = (photo[i] if values.get(key) is None else values[key] for i, key in enumerate("wh"))
    fx = _given(values, "fl_x", _focal_of_angle(values.get("camera_angle_x"), width))
    fy = _given(values, "fl_y", _focal_of_angle(values.get("camera_angle_y"), height))
    if fx is None and fy is None:
        raise InputError(f"The focal length of {what} is missing ('fl_x'); export it again.")
    cx, cy = _given(values, "cx", _half(width)), _given(values, "cy", _half(height))
    rest = [_given(values, key, 0.0) for key in _COEFFICIENTS[model]]
    params = (fy if fx is None else fx, fx if fy is None else fy, cx, cy, *rest)
    camera_to_world = checked_pose(values.get("transform_matrix"), f"transform_matrix of {what}")
    world_to_camera = np.linalg.inv(opencv_from_opengl_camera(camera_to_world))
    return brought_camera(model, params, (width, height), world_to_camera, what)


def _model_of(values: dict[str, Any], what: str) -> str:
    """COLMAP's name of the lens."""
    given = values.get("camera_model") or "OPENCV"
    model = given.upper() if isinstance(given, str) else ""
    if values.get("is_fisheye") is True or model in _FISHEYE:
        return "OPENCV_FISHEYE"
    if model in _THIN_PRISM:
        return model
    rational = (
        "k5" in values or "k6" in values
    )  # else k4 would be nerfstudio's r ** 8, which is no lens of COLMAP's
    if model in _PERSPECTIVE and (rational or not values.get("k4")):
        higher = any(values.get(key) for key in ("k3", "k4", "k5", "k6"))
        return "FULL_OPENCV" if higher else "OPENCV"
    raise InputError(
        f"The lens of {what} ({shown(given)}) is not supported; undistort the photos, or use OPENCV."
    )


def _given(values: dict[str, Any], key: str, otherwise: Any) -> Any:
    return otherwise if values.get(key) is None else values[key]


def _focal_of_angle(angle_rad: Any, width: Any) -> float | None:
    """Focal length in pixels of a field of view along `width` (as Blender writes); None without a usable one."""
    if not (is_number(angle_rad) and is_number(width) and 0 < angle_rad < math.pi):
        return None
    return 0.5 * width / math.tan(0.5 * angle_rad)


def _half(side: Any) -> Any:
    return side / 2 if is_number(side) else side
