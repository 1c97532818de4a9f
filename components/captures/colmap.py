"""Cameras of a COLMAP model, text or binary. Its axes and pixel centres (+0.5) are ours.


pycolmap ends the whole process on some damaged files, so it reads in a child process: `python -m
components.captures.colmap MODEL OUT`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from components.captures.known_cameras import KnownCamera, KnownCameras, checked_lens, checked_pose
from components.errors import InputError

_TIMEOUT_SECS = 120
_DISTORTION: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "SIMPLE_PINHOLE": (0, 0, ()),
    "PINHOLE": (0, 1, ()),
    "SIMPLE_RADIAL": (0, 0, (3,)),
    "RADIAL": (0, 0, (3, 4)),
    "OPENCV": (0, 1, (4, 5, 6, 7)),
}
"""Per camera model: places of fx, of fy, and of k1 k2 p1 p2 in COLMAP's parameters."""


def find_colmap_model(folder: Path) -> Path | None:
    """The model in `folder` or in `sparse/` below it; None when there is none."""
    for place in (folder / "sparse" / "0", folder / "sparse", folder / "colmap" / "sparse" / "0", folder):
        for suffix in (".bin", ".txt"):
            if (place / f"cameras{suffix}").is_file() and (place / f"images{suffix}").is_file():
                return place
    return None


def read_colmap_model(model: Path, scratch: Path) -> KnownCameras:
    """Cameras by COLMAP's image names (paths below its image folder); `scratch` is an existing folder.

    Raises:
        InputError: The model cannot be read, is empty, or uses a lens with more than k1 k2 p1 p2.
    """
    result = scratch / "colmap.json"
    command = [sys.executable, "-m", "components.captures.colmap", str(model), str(result)]
    try:
        child = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECS, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputError("The COLMAP model takes too long to read; export a smaller one.") from error
    if child.returncode != 0 or not result.is_file():
        raise InputError(
            "The COLMAP model is damaged or incomplete; export cameras, images and points again."
        )
    frames = json.loads(result.read_text(encoding="utf-8"))
    if not frames:
        raise InputError(
            "The COLMAP model has no registered images; reconstruct it again or bring photos alone."
        )
    return KnownCameras({frame["name"]: _camera_of(frame) for frame in frames})


def _camera_of(frame: dict[str, Any]) -> KnownCamera:
    what = f"'{frame['name']}' in the COLMAP model"
    if frame["model"] not in _DISTORTION:
        raise InputError(
            f"The lens model {frame['model']} of {what} is not supported; undistort the photos with COLMAP."
        )
    place_fx, place_fy, places = _DISTORTION[frame["model"]]
    params = frame["params"]
    cx, cy = params[place_fy + 1], params[place_fy + 2]
    K = [[params[place_fx], 0.0, cx], [0.0, params[place_fy], cy], [0.0, 0.0, 1.0]]
    distortion = [params[place] for place in places] + [0.0] * (4 - len(places))
    lens = checked_lens(frame["width"], frame["height"], K, distortion, what)
    return KnownCamera(lens, checked_pose(frame["world_to_camera"], f"The pose of {what}"))


def _write_frames(model: Path, result: Path) -> None:
    """Child process: what `read_colmap_model` needs, as JSON."""
    import pycolmap

    reconstruction = pycolmap.Reconstruction(str(model))
    frames = [
        {
            "name": image.name,
            "model": image.camera.model.name,
            "params": image.camera.params.tolist(),
            "width": image.camera.width,
            "height": image.camera.height,
            "world_to_camera": image.cam_from_world().matrix().tolist(),
        }
        for image in reconstruction.images.values()
        if image.has_pose
    ]
    result.write_text(json.dumps(frames), encoding="utf-8")


if __name__ == "__main__":
    _write_frames(Path(sys.argv[1]), Path(sys.argv[2]))
