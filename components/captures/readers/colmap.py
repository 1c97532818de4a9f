"""Cameras of a COLMAP model, text or binary. COLMAP's axes and pixel centres (+0.5) are ours.

Read here and not by pycolmap, which ends the process or runs for minutes on some damaged files.

Source: COLMAP documentation, "Output Format" (cameras and images, .txt and .bin).
"""

import codecs
import struct
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Float

from liftlab.components.captures.lenses import MODELS, BroughtCamera, brought_camera
from liftlab.components.captures.readers.camera_files import CameraFile, Frame, Size
from liftlab.components.errors import InputError, shown
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array

_NUMBERS = {number: name for name, (number, _) in MODELS.items()}
_NUM_PARAMS = {number: count for number, count in MODELS.values()} | {17: 2}
"""Also of the panorama, which is read over."""
_MAX_ENTRIES = 100_000
_MAX_NAME_BYTES = 4096
_POINT2D_BYTES = 24
_NUM_POSE_WORDS = 9
_DAMAGED = "The COLMAP model is damaged or incomplete; export cameras and images again."


class _Lens(NamedTuple):
    model: str
    width: int
    height: int
    params: tuple[float, ...]


class _Image(NamedTuple):
    name: str
    camera_id: int
    pose: tuple[float, ...]
    """Quaternion wxyz and translation."""


def model_files(names: Sequence[str]) -> tuple[str, str] | None:
    """Of the names of the files of a folder, those of a model's cameras and images; None when it holds none.

    Binary goes before text; case does not count (RealityCapture writes `Cameras.txt`).
    """
    by_name = {name.casefold(): name for name in names}
    for ending in (".bin", ".txt"):
        if f"cameras{ending}" in by_name and f"images{ending}" in by_name:
            return by_name[f"cameras{ending}"], by_name[f"images{ending}"]
    return None


def read_colmap_model(model: Path, label: str = "The COLMAP model") -> CameraFile:
    """Cameras by COLMAP's image names (paths below its image folder).

    Raises:
        InputError: The model cannot be read, or is empty.
    """
    losses: list[str] = []
    with reading(label, _DAMAGED):
        files = model_files([path.name for path in model.iterdir()])
        if files is None:
            raise InputError(_DAMAGED)
        cameras, images_file = (model / name for name in files)
        if files[0].casefold().endswith(".bin"):
            lenses, images = _read_binary(cameras, images_file)
        else:
            lenses, images, losses = _read_text(cameras, images_file)
        frames = tuple(
            Frame(image.name, partial(_camera, lenses.get(image.camera_id), image)) for image in images
        )
    if not frames:
        raise InputError(
            "The COLMAP model has no registered images; reconstruct it again or bring photos alone."
        )
    return CameraFile(label, frames, tuple(losses))


def _camera(lens: _Lens | None, image: _Image, _: Size) -> BroughtCamera:
    what = f"'{shown(image.name)}' in the COLMAP model"
    if lens is None:
        raise InputError(f"The camera of {what} is not listed there; export it again.")
    return brought_camera(lens.model, lens.params, (lens.width, lens.height), _pose(image.pose, what), what)


def _read_binary(cameras: Path, images: Path) -> tuple[dict[int, _Lens], list[_Image]]:
    lenses: dict[int, _Lens] = {}
    with cameras.open("rb") as file:
        for _ in range(_count(file)):
            camera_id, number, width, height = _unpacked(file, "<iiQQ")
            if number not in _NUM_PARAMS:
                raise InputError(
                    f"The COLMAP lens model number {number} is not known; undistort with COLMAP."
                )
            params = _unpacked(file, f"<{_NUM_PARAMS[number]}d")
            lenses[camera_id] = _Lens(_NUMBERS.get(number, "EQUIRECTANGULAR"), width, height, params)
    found = []
    with images.open("rb") as file:
        for _ in range(_count(file)):
            _, *pose, camera_id = _unpacked(file, "<i7di")
            name = _terminated_name(file)
            (num_points,) = _unpacked(file, "<Q")
            if num_points > 10 * _MAX_ENTRIES:
                raise InputError(_DAMAGED)
            file.seek(num_points * _POINT2D_BYTES, 1)
            found.append(_Image(name, camera_id, tuple(pose)))
    return lenses, found


def _read_text(cameras: Path, images: Path) -> tuple[dict[int, _Lens], list[_Image], list[str]]:
    """Lenses, images, and a sentence for each line that is none: a bad one costs itself alone."""
    lenses: dict[int, _Lens] = {}
    losses: list[str] = []
    for line in _lines(cameras):
        try:
            camera_id, model, width, height, *params = line.split()
            lenses[int(camera_id)] = _Lens(model.upper(), int(width), int(height), tuple(map(float, params)))
        except ValueError:
            losses.append(
                f"{cameras.name} of the COLMAP model holds a line that is no camera ({shown(line)})."
            )
    found: list[_Image] = []
    points_may_follow = False
    for line in _lines(images):
        if points_may_follow and _lists_points(line):
            points_may_follow = False
            continue
        try:
            _, *pose, camera_id, name = line.split(maxsplit=_NUM_POSE_WORDS)
            found.append(_Image(name.strip(), int(camera_id), tuple(map(float, pose))))
            points_may_follow = True
        except ValueError:
            losses.append(f"{images.name} of the COLMAP model holds a line that is no image ({shown(line)}).")
    if losses and not found:
        raise InputError(losses[0])
    return lenses, found, losses


def _lists_points(line: str) -> bool:
    """Whether a line is the second one of an image (x, y, id, and so on), which some programs leave out."""
    words = line.split()
    if len(words) % 3:
        return False
    try:
        for word in (*words[:3], *words[-3:]):
            float(word)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> list[str]:
    """Lines with content, whatever byte order mark they begin with."""
    data = path.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    lines = data.decode("utf-16" if wide else "utf-8-sig").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


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


def _pose(values: Sequence[float], what: str) -> Float[Array, "4 4"]:
    """world_to_camera of a quaternion wxyz and a translation."""
    quaternion = np.asarray(values[:4])
    length = np.linalg.norm(quaternion)
    if len(values) != 7 or not 0.5 < length < 2:
        raise InputError(f"The pose of {what} is no rotation with a translation; export it again.")
    w, x, y, z = quaternion / length
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = values[4:]
    return pose
