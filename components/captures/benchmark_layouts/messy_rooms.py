"""Messy Rooms, as Contrastive Lift gives it: generated rooms with 25 to 500 objects.

    DIR/SCENE/color/*.png, DIR/SCENE/{semantic,instance}/*.npy, DIR/SCENE/metadata.json

semantic: 0 background, 1 object; instance: ids that hold over all frames. metadata.json has camera.K (in shares of the
image size), camera.positions and camera.quaternions (wxyz, camera_to_world, Blender axes), one per frame.

Protocol: segment everything, scored on the last 20 % of the frames by number; background one stuff class. Objects are
clicked by a simulated user as well. Source: Bhalgat et al., "Contrastive Lift", NeurIPS 2023.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32
from scipy.spatial.transform import Rotation

from liftlab.components.captures.benchmark_layouts.liftlab import scorable_objects
from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkScene,
    photo_size,
    photos_in,
    require_file,
    require_folder,
    scene_of_labels,
    scenes_below,
)
from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import opencv_from_opengl_camera
from liftlab.components.types import Array

NAME = "Messy-Rooms"
TRAIN_SHARE = 0.8


def matches(folder: Path) -> bool:
    """Whether a folder is a messy room or holds some."""
    return bool(scenes_below(folder, _is_scene))


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every room. InputError naming what is missing."""
    scenes = scenes_below(folder, _is_scene)
    if not scenes:
        raise InputError(f"There is no messy room (SCENE/color/*.png and SCENE/metadata.json) in: {folder}")
    return [_scene(scene) for scene in scenes]


def _is_scene(folder: Path) -> bool:
    return (folder / "color").is_dir() and (folder / "metadata.json").is_file()


def _scene(folder: Path) -> BenchmarkScene:
    photos = tuple(sorted(photos_in(folder / "color"), key=_number))
    require_folder(folder / "instance", "instance maps")
    require_folder(folder / "semantic", "semantic maps")

    def labels_of(photo: str) -> Int32[Array, "_ _"]:
        stem = Path(photo).stem
        ids = _read_npy(folder / "instance" / f"{stem}.npy")
        return np.where(_read_npy(folder / "semantic" / f"{stem}.npy") == 0, 0, ids).astype(np.int32)

    scored = tuple(photo.name for photo in photos[int(len(photos) * TRAIN_SHARE) :])
    return scene_of_labels(
        folder.resolve().name, NAME, folder, photos=photos, scored=scored, labels_of=labels_of, names={},
        objects=tuple(scorable_objects([labels_of(photo) for photo in scored])),
        cameras=_cameras(folder / "metadata.json", photos),
    )  # fmt: skip


def _number(photo: Path) -> tuple[int, str]:
    return (int(photo.stem), "") if photo.stem.isdigit() else (0, photo.stem)


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(require_file(path, "labels"), allow_pickle=False)
    except ValueError as error:
        raise InputError(f"This label map cannot be read as NPY: {path}") from error


def _cameras(path: Path, photos: tuple[Path, ...]) -> dict[str, Any]:
    """cameras.json of the frames."""
    try:
        camera = json.loads(path.read_text(encoding="utf-8"))["camera"]
        K, positions, quaternions = (
            np.array(camera[name], float) for name in ("K", "positions", "quaternions")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The cameras cannot be read; expected K, positions and quaternions: {path}"
        ) from error
    if not len(positions) == len(quaternions) == len(photos):
        raise InputError(f"There are {len(photos)} frames but {len(positions)} cameras in: {path}")
    frames = []
    for photo, position, quaternion in zip(photos, positions, quaternions, strict=True):
        width, height = photo_size(photo)
        camera_to_world = np.eye(4)
        camera_to_world[:3, :3] = Rotation.from_quat(quaternion, scalar_first=True).as_matrix()
        camera_to_world[:3, 3] = position
        world_to_camera = np.linalg.inv(opencv_from_opengl_camera(camera_to_world))
        pixels = np.abs(np.diag([width, height, 1.0]) @ K)  # Blender's K has a negative focal length
        frames.append(
            {
                "image": photo.name, "width": width, "height": height, "K": pixels.tolist(),
                "world_to_camera": world_to_camera.tolist(),
            }
        )  # fmt: skip
    return {"schema_version": 1, "units": "arbitrary", "frames": frames}
