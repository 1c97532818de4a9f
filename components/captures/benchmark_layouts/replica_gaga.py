"""Replica as Gaga prepares it: instance maps of held-out photos.

    DIR/SCENE/{images,input}/{train,test}_rgb_NNNN.png
    DIR/SCENE/semantic_instance/test_semantic_instance_NNNN.png

Protocol: segment everything, scored on the test photos; label 0 counts as an object in mIoU, precision and recall.
Objects are clicked by a simulated user as well. Source: Lyu et al., "Gaga", 2024.
"""

from pathlib import Path

from jaxtyping import Int32

from liftlab.components.captures.benchmark_layouts.liftlab import scorable_objects
from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkScene,
    photos_in,
    read_labels,
    scene_of_labels,
    scenes_below,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array

NAME = "Replica-Gaga"
PHOTO, TRUTH = "test_rgb_", "test_semantic_instance_"


def matches(folder: Path) -> bool:
    """Whether a folder is a prepared Replica scene or holds some."""
    return bool(scenes_below(folder, _is_scene))


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every scene. InputError naming what is missing."""
    scenes = scenes_below(folder, _is_scene)
    if not scenes:
        raise InputError(f"There are no instance maps (SCENE/semantic_instance/{TRUTH}NNNN.png) in: {folder}")
    return [_scene(scene) for scene in scenes]


def _is_scene(folder: Path) -> bool:
    return any((folder / "semantic_instance").glob(f"{TRUTH}*.png"))


def _scene(folder: Path) -> BenchmarkScene:
    photos = photos_in(folder / ("images" if (folder / "images").is_dir() else "input"))

    def path_of(photo: str) -> Path:
        return folder / "semantic_instance" / f"{TRUTH}{Path(photo).stem.removeprefix(PHOTO)}.png"

    def labels_of(photo: str) -> Int32[Array, "_ _"]:
        return read_labels(path_of(photo))

    scored = tuple(p.name for p in photos if p.name.startswith(PHOTO) and path_of(p.name).is_file())
    if not scored:
        raise InputError(f"No photo is called {PHOTO}NNNN.png like the instance maps in: {photos[0].parent}")
    return scene_of_labels(
        folder.resolve().name, NAME, folder, photos=photos, scored=scored, labels_of=labels_of, names={},
        objects=tuple(scorable_objects([labels_of(photo) for photo in scored])),
    )  # fmt: skip
