"""What every camera file comes to: frames that name a photo each and give its camera once the photo is known."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.captures.known_cameras import (
    Units,
    camera_of_frame,
    frames_of,
    name_in_frame,
    read_json,
)
from liftlab.components.captures.lenses import BroughtCamera, brought_camera
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.errors import InputError, shown
from liftlab.components.processes.untrusted import reading

Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True)
class Frame:
    """The camera of one photo."""

    name: str
    """As the file names the photo."""
    camera: Callable[[Size], BroughtCamera]
    """The camera for a photo stored in this size, for files that leave it to the photo; InputError when the file gives
    none that can be right."""
    mask: str = ""
    """As the file names the photo's mask; empty: it names none."""


@dataclass(frozen=True)
class CameraFile:
    """A file, or a COLMAP model, with cameras."""

    label: str
    """For sentences."""
    frames: tuple[Frame, ...]
    losses: tuple[str, ...] = ()
    """Sentences about frames that were left out."""
    units: Units = "arbitrary"
    upright: bool = False
    """Whether the cameras are for photos turned by their EXIF data, where size and shape do not tell."""


def check_json_size(path: Path, limits: ImportLimits) -> None:
    """Raises InputError when a camera file is larger than any real one."""
    if path.stat().st_size > limits.max_json_bytes:
        raise InputError(
            f"{path.name} is larger than {limits.max_json_bytes / 2**20:.0f} MiB; it cannot be right."
        )


def read_cameras_file(path: Path) -> CameraFile:
    """Frames of a `cameras.json`, ours or that of a trainer of Gaussian splatting.

    Each is checked when its photo is known, so that a bad one costs that photo alone.

    Raises:
        InputError: Not JSON, or without frames.
    """
    with reading(path.name):
        record = _of_trainer(read_json(path))
        frames, losses = [], []
        for index, frame in enumerate(frames_of(record, path.name)):
            try:
                name = name_in_frame(frame, index, path.name)
            except InputError as error:
                losses.append(str(error))
            else:
                frames.append(Frame(name, _getter(frame, f"'{shown(name)}' in {path.name}")))
        units: Units = "metres" if record.get("units") == "metres" else "arbitrary"
        return CameraFile(path.name, tuple(frames), tuple(losses), units, upright=True)


def _of_trainer(record: Any) -> Any:
    """The `cameras.json` that trainers of Gaussian splatting leave (a list) in the form of ours; others as they are."""
    if not (isinstance(record, list) and record and all(isinstance(entry, dict) for entry in record)):
        return record
    if not all("img_name" in entry for entry in record):
        return record
    frames = []
    for entry in record:
        frame = {"image": entry["img_name"], "width": entry.get("width"), "height": entry.get("height")}
        with contextlib.suppress(TypeError, ValueError, KeyError, np.linalg.LinAlgError):
            camera_to_world = np.eye(4)
            camera_to_world[:3, :3] = entry["rotation"]
            camera_to_world[:3, 3] = entry["position"]
            width, height = float(entry["width"]), float(entry["height"])
            frame["K"] = [[entry["fx"], 0, width / 2], [0, entry["fy"], height / 2], [0, 0, 1]]
            frame["world_to_camera"] = np.linalg.inv(camera_to_world).tolist()
        frames.append(frame)
    return {"frames": frames}


def _getter(frame: dict, what: str) -> Callable[[Size], BroughtCamera]:
    def camera(_: Size) -> BroughtCamera:
        known = camera_of_frame(frame, what)
        (fx, _, cx), (_, fy, cy), _ = known.lens.K.tolist()
        params = (fx, fy, cx, cy, *known.lens.distortion.tolist())
        return brought_camera(
            "OPENCV", params, (known.lens.width, known.lens.height), known.world_to_camera, what
        )

    return camera
