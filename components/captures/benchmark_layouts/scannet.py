"""ScanNet's 2D instance maps, as exported from its .sens files or as Gaga splits them.

    DIR/SCENE/color/N.jpg, DIR/SCENE/instance-filt/N.png; optional: pose/N.txt and intrinsic/intrinsic_color.txt
    DIR/SCENE/{images,input}/N.jpg, DIR/SCENE/test/test_ins_full/N.png

Instance 0 is unlabelled and void. pose/N.txt is camera_to_world, OpenCV axes, in metres.

Protocol: segment everything, scored on the photos with instance maps (Gaga: the test photos). Objects are clicked by a
simulated user as well. Source: Dai et al., "ScanNet", CVPR 2017.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32

from liftlab.components.captures.benchmark_layouts.liftlab import scorable_objects
from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkScene,
    photo_size,
    photos_in,
    read_labels,
    scene_of_labels,
    scenes_below,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array

NAME = "ScanNet"
RAW, SPLIT = "instance-filt", "test/test_ins_full"


def matches(folder: Path) -> bool:
    """Whether a folder is a scene of ScanNet with 2D instances or holds some."""
    return bool(scenes_below(folder, _is_scene))


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every scene. InputError naming what is missing."""
    scenes = scenes_below(folder, _is_scene)
    if not scenes:
        raise InputError(
            f"There are no 2D instance maps (SCENE/{RAW}/N.png or SCENE/{SPLIT}/N.png) in: {folder}"
        )
    return [_scene(scene) for scene in scenes]


def _is_scene(folder: Path) -> bool:
    return any((folder / place).is_dir() for place in (RAW, SPLIT))


def _scene(folder: Path) -> BenchmarkScene:
    truth = folder / (SPLIT if (folder / SPLIT).is_dir() else RAW)
    places = [folder / name for name in ("images", "input", "color")]
    photos = photos_in(next((place for place in places if place.is_dir()), folder / "color"))
    photos = tuple(sorted(photos, key=lambda photo: (len(photo.stem), photo.stem)))

    def labels_of(photo: str) -> Int32[Array, "_ _"]:
        ids = read_labels(truth / f"{Path(photo).stem}.png")
        return np.where(ids == 0, -1, ids).astype(np.int32)

    scored = tuple(photo.name for photo in photos if (truth / f"{photo.stem}.png").is_file())
    if not scored:
        raise InputError(f"No photo has the name of an instance map in: {truth}")
    return scene_of_labels(
        folder.resolve().name, NAME, folder, photos=photos, scored=scored, labels_of=labels_of, names={},
        objects=tuple(scorable_objects([labels_of(photo) for photo in scored])), cameras=_cameras(folder, photos),
    )  # fmt: skip


def _cameras(folder: Path, photos: tuple[Path, ...]) -> dict[str, Any] | None:
    """cameras.json of the photos with a finite pose; None when the scene came without poses."""
    intrinsics = folder / "intrinsic/intrinsic_color.txt"
    if not intrinsics.is_file() or not (folder / "pose").is_dir():
        return None
    K = _matrix(intrinsics)[:3, :3]
    frames = []
    for photo in photos:
        pose_file = folder / "pose" / f"{photo.stem}.txt"
        pose = _matrix(pose_file) if pose_file.is_file() else np.full((4, 4), np.inf)
        if not np.isfinite(pose).all():  # ScanNet writes -inf where tracking was lost
            continue
        width, height = photo_size(photo)
        frames.append(
            {
                "image": photo.name, "width": width, "height": height, "K": K.tolist(),
                "world_to_camera": np.linalg.inv(pose).tolist(),
            }
        )  # fmt: skip
    return {"schema_version": 1, "units": "metres", "frames": frames} if frames else None


def _matrix(path: Path) -> np.ndarray:
    try:
        matrix = np.loadtxt(path)
    except ValueError as error:
        raise InputError(f"This matrix cannot be read: {path}") from error
    if matrix.shape != (4, 4):
        raise InputError(f"A 4 x 4 matrix is expected; got {matrix.shape} in: {path}")
    return matrix
