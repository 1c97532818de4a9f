"""LERF-Mask, as Gaussian Grouping gives it: words, and masks in held-out photos.

    DIR/SCENE/images/*, DIR/SCENE/images_train/* (optional), DIR/SCENE/test_mask/VIEW/WORDS.png

VIEW is the stem of a photo, or a number: that photo, counted from 0, of those in images that are not in images_train.
Each WORDS.png is the mask of what the words name.

Protocol: the words are the prompt; per words the mean over annotated photos, then over words. Words without an answer
count 0. Source: Ye et al., "Gaussian Grouping", ECCV 2024.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int32

from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkObject,
    BenchmarkScene,
    photos_in,
    read_mask,
    scenes_below,
    subfolders,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array

NAME = "LERF-Mask"


def matches(folder: Path) -> bool:
    """Whether a folder is a scene of LERF-Mask or holds some."""
    return bool(scenes_below(folder, _is_scene))


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every scene. InputError naming what is missing."""
    scenes = scenes_below(folder, _is_scene)
    if not scenes:
        raise InputError(f"There are no masks of LERF-Mask (SCENE/test_mask/VIEW/WORDS.png) in: {folder}")
    return [_scene(scene) for scene in scenes]


def _is_scene(folder: Path) -> bool:
    return bool(subfolders(folder / "test_mask"))


def _scene(folder: Path) -> BenchmarkScene:
    photos = photos_in(folder / "images")
    trained = {photo.stem for photo in photos_in(folder / "images_train")} if _has_split(folder) else set()
    held_out = [photo for photo in photos if photo.stem not in trained]
    masks: dict[str, dict[str, Path]] = {}
    for view in subfolders(folder / "test_mask"):
        photo = _photo_of(view, photos, held_out)
        masks[photo.name] = {mask.stem: mask for mask in sorted(view.glob("*.png"))}
    words = sorted({text for of_photo in masks.values() for text in of_photo})
    if not words:
        raise InputError(f"There are no masks (WORDS.png) in: {folder / 'test_mask'}")

    def truth_of(object_id: int, photo: str) -> Int32[Array, "_ _"]:
        path = masks[photo].get(words[object_id - 1])
        if path is not None:
            return read_mask(path).astype(np.int32)
        any_mask = next(iter(masks[photo].values()))
        return np.full(read_mask(any_mask).shape, -1, np.int32)  # not annotated here: not scored

    return BenchmarkScene(
        name=folder.resolve().name, layout=NAME, folder=folder, photos=photos,
        scored=tuple(name for name in masks if masks[name]), truth_of=truth_of,
        objects=tuple(BenchmarkObject(i, text, text=text) for i, text in enumerate(words, start=1)),
        protocol="text",
    )  # fmt: skip


def _has_split(folder: Path) -> bool:
    return (folder / "images_train").is_dir()


def _photo_of(view: Path, photos: tuple[Path, ...], held_out: list[Path]) -> Path:
    for photo in photos:
        if photo.stem == view.name:
            return photo
    if view.name.isdigit() and int(view.name) < len(held_out):
        return held_out[int(view.name)]
    raise InputError(f"No photo belongs to the masks of view '{view.name}' in: {view.parent}")
