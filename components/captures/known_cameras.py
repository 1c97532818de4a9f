"""Cameras that come with photos, and the `cameras.json` that keeps them.

Convention: OpenCV cameras, world_to_camera, K in pixels (centres at +0.5), distortion k1 k2 p1 p2.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from liftlab.components.errors import InputError, shown
from liftlab.components.files import write_json
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array, Lens

SCHEMA_VERSION = 1
MAX_FRAMES = 100_000
MAX_SIDE_PX = 1_000_000
MAX_NUMBER = 1e12
"""Lengths, pixels and coefficients beyond this size are no cameras; computing with them overflows."""
Units = Literal["metres", "arbitrary"]


@dataclass(frozen=True)
class KnownCamera:
    """Intrinsics and pose of one photo."""

    lens: Lens
    world_to_camera: Float[Array, "4 4"]
    """Rigid transform, OpenCV axes."""


@dataclass(frozen=True)
class KnownCameras:
    """Cameras by photo name; in one world frame."""

    frames: Mapping[str, KnownCamera]
    units: Units = "arbitrary"
    """Unit of the translations."""


def read_cameras_json(path: Path) -> KnownCameras:
    """Read and check a `cameras.json`.

    Raises:
        InputError: Not JSON, an incomplete frame, a number that is not finite, a pose that is not rigid, an
            image that comes twice.
    """
    with reading(path.name):
        record = read_json(path)
        cameras: dict[str, KnownCamera] = {}
        for index, frame in enumerate(frames_of(record, path.name)):
            name = name_in_frame(frame, index, path.name)
            camera = camera_of_frame(frame, f"'{shown(name)}' in {path.name}")
            if name in cameras:
                raise InputError(f"{path.name} lists '{shown(name)}' twice; keep one entry per photo.")
            cameras[name] = camera
        units: Units = "metres" if record.get("units") == "metres" else "arbitrary"
        return KnownCameras(cameras, units)


def write_cameras_json(path: Path, cameras: KnownCameras) -> None:
    """Write the form that `read_cameras_json` reads; numbers keep full precision."""
    frames = [
        {
            "image": name,
            "width": camera.lens.width,
            "height": camera.lens.height,
            "K": camera.lens.K.tolist(),
            "world_to_camera": camera.world_to_camera.tolist(),
            "distortion": camera.lens.distortion.tolist(),
        }
        for name, camera in cameras.frames.items()
    ]
    write_json(path, {"schema_version": SCHEMA_VERSION, "units": cameras.units, "frames": frames})


def read_json(path: Path) -> Any:
    """Parse a JSON file that a person brought; InputError when it is not JSON."""
    try:
        return json.loads(path.read_bytes())  # by its byte order mark, if any
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not valid JSON ({error}); export it again.") from error


def frames_of(record: Any, file_name: str) -> list[Any]:
    """The list `frames` of a camera file; InputError when there is none."""
    frames = record.get("frames") if isinstance(record, dict) else None
    if not isinstance(frames, list) or not frames:
        raise InputError(f"{file_name} must hold a list 'frames' with one entry per photo; it has none.")
    if len(frames) > MAX_FRAMES:
        raise InputError(f"{file_name} lists {len(frames)} photos, more than {MAX_FRAMES}; bring fewer.")
    return frames


def checked_pose(matrix: Any, what: str) -> Float[Array, "4 4"]:
    """A rigid 4x4 transform from nested lists (3x4 is completed); `what` names it in the sentence.

    Rotations rounded to a few digits are made exactly orthonormal (nearest rotation, by SVD).
    """
    pose = _finite_matrix(matrix, what)
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
    if pose.shape != (4, 4):
        raise InputError(f"{what} must be a 4x4 matrix; got {'x'.join(map(str, pose.shape))}.")
    if not np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6):
        raise InputError(f"{what} must end in the row 0 0 0 1; got {pose[3].tolist()}.")
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2 or np.linalg.det(rotation) < 0:
        raise InputError(f"{what} is not a rotation with a translation (it scales, shears or mirrors).")
    u, _, vt = np.linalg.svd(rotation)
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-9:  # exact poses keep their bits
        pose[:3, :3] = u @ vt
    return pose


def checked_lens(width: Any, height: Any, K: Any, distortion: Any, what: str) -> Lens:
    """A lens from numbers of a file; `what` names the frame in the sentence."""
    if not all(is_number(side) and side == int(side) and 0 < side <= MAX_SIDE_PX for side in (width, height)):
        raise InputError(
            f"Width and height of {what} must be whole and positive; got {shown(width)} and {shown(height)}."
        )
    intrinsics = _finite_matrix(K, f"K of {what}")
    if intrinsics.shape != (3, 3) or not np.allclose(intrinsics[2], [0, 0, 1]):
        raise InputError(f"K of {what} must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].")
    if intrinsics[0, 0] <= 0 or intrinsics[1, 1] <= 0:
        raise InputError(f"The focal lengths in K of {what} must be positive.")
    if not (-width <= intrinsics[0, 2] <= 2 * width and -height <= intrinsics[1, 2] <= 2 * height):
        raise InputError(f"The principal point in K of {what} lies far outside the picture; check its size.")
    coefficients = (
        np.zeros(4) if distortion is None else _finite_matrix(distortion, f"Distortion of {what}").ravel()
    )
    if coefficients.shape != (4,):
        raise InputError(
            f"Distortion of {what} must be the four numbers k1 k2 p1 p2; got {coefficients.size}."
        )
    return Lens(int(width), int(height), intrinsics, coefficients)


def name_in_frame(frame: Any, index: int, file_name: str, key: str = "image") -> str:
    """What a frame calls its photo; InputError when it says no name."""
    name = frame.get(key) if isinstance(frame, dict) else None
    if not isinstance(name, str) or not name:
        raise InputError(f"Frame {index} of {file_name} must name its photo in '{key}'; got {shown(name)}.")
    return name


def camera_of_frame(frame: dict[str, Any], what: str) -> KnownCamera:
    """The camera of a frame of a `cameras.json`; `what` names it in the sentence when it cannot be right."""
    missing = [key for key in ("width", "height", "K", "world_to_camera") if key not in frame]
    if missing:
        raise InputError(f"The frame {what} lacks {', '.join(missing)}.")
    lens = checked_lens(frame["width"], frame["height"], frame["K"], frame.get("distortion"), what)
    return KnownCamera(lens, checked_pose(frame["world_to_camera"], f"world_to_camera of {what}"))


def is_number(value: Any) -> bool:
    """Of reasonable size; whole numbers of JSON have no bound."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def _finite_matrix(values: Any, what: str) -> Float[Array, "..."]:
    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be numbers in rows of equal length.") from error
    except OverflowError as error:
        raise InputError(f"{what} holds a number that is too large; export the cameras again.") from error
    if not np.isfinite(matrix).all():
        raise InputError(f"{what} holds a value that is not a finite number; export the cameras again.")
    if np.abs(matrix).max(initial=0) > MAX_NUMBER:
        raise InputError(f"{what} holds a number that is too large; export the cameras again.")
    return matrix
