"""3D-OVS: categories by words, with masks of all of them in a few photos.

    DIR/SCENE/images/*, DIR/SCENE/segmentations/classes.txt, DIR/SCENE/segmentations/VIEW/CATEGORY.png

VIEW is the stem of a photo, or a number: that photo by name, counted from 0.

Protocol: the category's words are the prompt; IoU of a category over all annotated photos, mean over categories, then
scenes. Source: Liu et al., "Weakly Supervised 3D Open-vocabulary Segmentation", NeurIPS 2023.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int32

from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkObject,
    BenchmarkScene,
    photos_in,
    read_mask,
    require_file,
    scenes_below,
    subfolders,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array

NAME = "3D-OVS"


def matches(folder: Path) -> bool:
    """Whether a folder is a scene of 3D-OVS or holds some."""
    return bool(scenes_below(folder, _is_scene))


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every scene. InputError naming what is missing."""
    scenes = scenes_below(folder, _is_scene)
    if not scenes:
        raise InputError(f"There are no categories (SCENE/segmentations/classes.txt) in: {folder}")
    return [_scene(scene) for scene in scenes]


def _is_scene(folder: Path) -> bool:
    return (folder / "segmentations/classes.txt").is_file()


def _scene(folder: Path) -> BenchmarkScene:
    photos = photos_in(folder / "images")
    listed = (folder / "segmentations/classes.txt").read_text(encoding="utf-8").splitlines()
    names = sorted(line.strip() for line in listed if line.strip())
    views = {_photo_of(view, photos).name: view for view in subfolders(folder / "segmentations")}
    if not names or not views:
        raise InputError(f"There are no annotated photos (VIEW/CATEGORY.png) in: {folder / 'segmentations'}")
    for view in views.values():
        for name in names:
            require_file(view / f"{name}.png", f"the mask of '{name}'")

    def truth_of(object_id: int, photo: str) -> Int32[Array, "_ _"]:
        return read_mask(views[photo] / f"{names[object_id - 1]}.png").astype(np.int32)

    return BenchmarkScene(
        name=folder.resolve().name, layout=NAME, folder=folder, photos=photos, scored=tuple(views),
        truth_of=truth_of, protocol="text",
        objects=tuple(BenchmarkObject(i, name, text=name) for i, name in enumerate(names, start=1)),
    )  # fmt: skip


def _photo_of(view: Path, photos: tuple[Path, ...]) -> Path:
    for photo in photos:
        if photo.stem == view.name:
            return photo
    if view.name.isdigit() and int(view.name) < len(photos):
        return photos[int(view.name)]
    raise InputError(f"No photo belongs to the masks of view '{view.name}' in: {view.parent}")
