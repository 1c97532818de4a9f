"""Cameras of a nerfstudio `transforms.json` (OpenGL cameras, camera_to_world; pixel centres at +0.5).

Source: nerfstudio, docs/quickstart/data_conventions.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.captures.known_cameras import (
    KnownCamera,
    KnownCameras,
    checked_lens,
    checked_pose,
    frames_of,
    is_number,
    read_json,
)
from liftlab.components.errors import InputError, shown
from liftlab.components.geometry.projection import opencv_from_opengl_camera
from liftlab.components.processes.untrusted import reading

_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE")
_UNSUPPORTED_COEFFICIENTS = ("k3", "k4", "k5", "k6")


def read_transforms_json(path: Path) -> KnownCameras:
    """Cameras by `file_path`, in the file's own world frame.

    Raises:
        InputError: A frame lacks something, or the lens has more than k1 k2 p1 p2.
    """
    with reading(path.name):
        record = read_json(path)
        shared = (
            {key: value for key, value in record.items() if key != "frames"}
            if isinstance(record, dict)
            else {}
        )
        cameras: dict[str, KnownCamera] = {}
        for index, frame in enumerate(frames_of(record, path.name)):
            if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
                raise InputError(f"Frame {index} of {path.name} must name its photo in 'file_path'.")
            name = frame["file_path"].replace("\\", "/").removeprefix("./")
            if name in cameras:
                raise InputError(f"{path.name} lists '{shown(name)}' twice; keep one entry per photo.")
            cameras[name] = _camera_of(frame, shared, f"'{shown(name)}' in {path.name}")
        return KnownCameras(cameras)


def _camera_of(frame: dict[str, Any], shared: dict[str, Any], what: str) -> KnownCamera:
    """A frame's own intrinsics go before the shared ones."""
    values = {**shared, **frame}
    model = values.get("camera_model", "OPENCV")
    if model not in _MODELS or any(values.get(key) for key in _UNSUPPORTED_COEFFICIENTS):
        raise InputError(
            f"The lens of {what} ({shown(model)}) is not supported; undistort the photos, or use OPENCV."
        )
    width, height = values.get("w"), values.get("h")
    if width is None or height is None:
        raise InputError(f"The size of {what} is missing ('w' and 'h'); export it again.")
    fx = values.get("fl_x", _focal_of_angle(values.get("camera_angle_x"), width))
    if fx is None:
        raise InputError(f"The focal length of {what} is missing ('fl_x'); export it again.")
    fy = values.get("fl_y", fx)
    cx = values["cx"] if "cx" in values else _half(width)
    cy = values["cy"] if "cy" in values else _half(height)
    distortion = [values.get(key, 0.0) for key in ("k1", "k2", "p1", "p2")]
    lens = checked_lens(width, height, [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], distortion, what)
    camera_to_world = checked_pose(frame.get("transform_matrix"), f"transform_matrix of {what}")
    world_to_camera = np.linalg.inv(opencv_from_opengl_camera(camera_to_world))
    return KnownCamera(lens, checked_pose(world_to_camera, f"transform_matrix of {what}"))


def _focal_of_angle(angle_rad: Any, width: Any) -> float | None:
    """Focal length in pixels of a horizontal field of view (as Blender writes); None without a usable one."""
    if not (is_number(angle_rad) and is_number(width) and 0 < angle_rad < math.pi):
        return None
    return 0.5 * width / math.tan(0.5 * angle_rad)


def _half(side: Any) -> Any:
    return side / 2 if is_number(side) else side
