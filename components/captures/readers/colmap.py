"""Cameras of a COLMAP model, text or binary. COLMAP's axes and pixel centres (+0.5) are ours.

Read here and not by pycolmap, which ends the process or runs for minutes on some damaged files.

Source: COLMAP documentation, "Output Format" (cameras and images, .txt and .bin).
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float

from liftlab.components.captures.known_cameras import KnownCamera, KnownCameras, checked_lens, checked_pose
from liftlab.components.errors import InputError, shown
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array, Lens

_MODELS = {0: "SIMPLE_PINHOLE", 1: "PINHOLE", 2: "SIMPLE_RADIAL", 3: "RADIAL", 4: "OPENCV"}
"""Models that k1 k2 p1 p2 describe, by COLMAP's number."""
_NUM_PARAMS = {"SIMPLE_PINHOLE": 3, "PINHOLE": 4, "SIMPLE_RADIAL": 4, "RADIAL": 5, "OPENCV": 8}
_MAX_ENTRIES = 100_000
_MAX_NAME_BYTES = 4096
_POINT2D_BYTES = 24
_DAMAGED = "The COLMAP model is damaged or incomplete; export cameras and images again."


def find_colmap_model(folder: Path) -> Path | None:
    """The model in `folder` or in `sparse/` below it; None when there is none."""
    for place in (folder / "sparse" / "0", folder / "sparse", folder / "colmap" / "sparse" / "0", folder):
        if _suffix_of(place) is not None:
            return place
    return None


def read_colmap_model(model: Path) -> KnownCameras:
    """Cameras by COLMAP's image names (paths below its image folder); binary goes before text.

    Raises:
        InputError: The model cannot be read, is empty, or uses a lens with more than k1 k2 p1 p2.
    """
    with reading("The COLMAP model", _DAMAGED):
        if _suffix_of(model) == ".bin":
            lenses, frames = _read_binary(model)
        else:
            lenses, frames = _read_text(model)
        cameras = {name: KnownCamera(lenses[camera_id], pose) for name, camera_id, pose in frames}
    if not cameras:
        raise InputError(
            "The COLMAP model has no registered images; reconstruct it again or bring photos alone."
        )
    return KnownCameras(cameras)


def _suffix_of(model: Path) -> str | None:
    for suffix in (".bin", ".txt"):
        if (model / f"cameras{suffix}").is_file() and (model / f"images{suffix}").is_file():
            return suffix
    return None


Frames = list[tuple[str, int, Float[Array, "4 4"]]]
"""Name, camera id, world_to_camera."""


def _read_binary(model: Path) -> tuple[dict[int, Lens], Frames]:
    lenses: dict[int, Lens] = {}
    with (model / "cameras.bin").open("rb") as file:
        for _ in range(_count(file)):
            camera_id, number, width, height = _unpacked(file, "<iiQQ")
            name = _supported(_MODELS.get(number, f"number {number}"))
            params = _unpacked(file, f"<{_NUM_PARAMS[name]}d")
            lenses[camera_id] = _lens(name, width, height, params)
    frames: Frames = []
    with (model / "images.bin").open("rb") as file:
        for _ in range(_count(file)):
            _, *pose, camera_id = _unpacked(file, "<i7di")
            name = _terminated_name(file)
            (num_points,) = _unpacked(file, "<Q")
            if num_points > 10 * _MAX_ENTRIES:
                raise InputError(_DAMAGED)
            file.seek(num_points * _POINT2D_BYTES, 1)
            frames.append((name, camera_id, _pose(pose, name)))
    return lenses, frames


def _read_text(model: Path) -> tuple[dict[int, Lens], Frames]:
    lenses: dict[int, Lens] = {}
    for line in _lines(model / "cameras.txt"):
        if line.strip():
            camera_id, name, width, height, *params = line.split()
            lens = _lens(_supported(name), int(width), int(height), [float(p) for p in params])
            lenses[int(camera_id)] = lens
    frames: Frames = []
    # Two lines per image; the second lists its points and may be empty.
    for line in _lines(model / "images.txt")[::2]:
        if line.strip():
            _, *pose, camera_id, name = line.split(maxsplit=9)
            frames.append((name.strip(), int(camera_id), _pose([float(p) for p in pose], name)))
    return lenses, frames


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def _count(file: BinaryIO) -> int:
    (count,) = _unpacked(file, "<Q")
    if count > _MAX_ENTRIES:
        raise InputError(_DAMAGED)
    return count


def _unpacked(file: BinaryIO, form: str) -> tuple:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _terminated_name(file: BinaryIO) -> str:
    name = bytearray()
    while (byte := file.read(1)) != b"\0":
        if not byte or len(name) > _MAX_NAME_BYTES:
            raise InputError(_DAMAGED)
        name += byte
    return name.decode("utf-8")


def _supported(model: str) -> str:
    if model not in _NUM_PARAMS:
        raise InputError(
            f"The COLMAP lens model {shown(model)} is not supported; undistort the photos with COLMAP."
        )
    return model


def _lens(model: str, width: int, height: int, params: Sequence[float]) -> Lens:
    if len(params) != _NUM_PARAMS[model]:
        raise InputError(_DAMAGED)
    two_focals = model in ("PINHOLE", "OPENCV")
    fx, fy = (params[0], params[1]) if two_focals else (params[0], params[0])
    cx, cy, *coefficients = params[2 if two_focals else 1 :]
    distortion = [*coefficients, 0.0, 0.0, 0.0, 0.0][:4]
    K = [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]
    return checked_lens(width, height, K, distortion, "a camera of the COLMAP model")


def _pose(values: Sequence[float], name: str) -> Float[Array, "4 4"]:
    """world_to_camera of a quaternion wxyz and a translation."""
    if len(values) != 7:
        raise InputError(_DAMAGED)
    quaternion = np.asarray(values[:4])
    length = np.linalg.norm(quaternion)
    if not 0.5 < length < 2:
        raise InputError(_DAMAGED)
    w, x, y, z = quaternion / length
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = values[4:]
    return checked_pose(pose, f"The pose of '{shown(name)}' in the COLMAP model")
