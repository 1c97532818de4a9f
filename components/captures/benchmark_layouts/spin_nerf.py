"""SPIn-NeRF's multi-view masks of one object per scene.

    DIR/SCENE/*.png                 one mask per annotated photo, for example "fern (llff)/image000.png"
    DIR/SCENE/images/*  or  DIR/{photos,nerf_llff_data}/BASE/{images,images_4,images_8}/*

BASE is SCENE without what stands in brackets. A mask belongs to the photo of the same name; without one, a leading
"0_" or "1_" is dropped, and imageNNN is the NNN-th photo by name. *_cutout.png and *_pseudo.png are no truth.

Protocol: points drawn inside and outside the first mask, all at once; scored on the other annotated photos, their mean.
Source: Mirzaei et al., "SPIn-NeRF", CVPR 2023. How many points the papers drew is not told: we draw 10 and 10.
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkObject,
    BenchmarkScene,
    PhotoPoint,
    photos_in,
    points_in,
    read_mask,
    scenes_below,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array

NAME = "SPIn-NeRF"
POINTS = 10
"""Inside, and as many outside."""
IMAGE_FOLDERS = ("images", "images_4", "images_8")


def matches(folder: Path) -> bool:
    """Whether a folder has masks of photos that can be found."""
    return any(_photo_folder(folder, scene) is not None for scene in scenes_below(folder, _has_masks))


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every annotated scene. InputError naming what is missing."""
    scenes = scenes_below(folder, _has_masks)
    if not scenes:
        raise InputError(f"There are no masks of SPIn-NeRF (SCENE/*.png) in: {folder}")
    return [_scene(folder, scene) for scene in scenes]


def _masks(scene: Path) -> list[Path]:
    found = sorted(p for p in scene.iterdir() if p.suffix.lower() == ".png")
    return [p for p in found if not p.stem.lower().endswith(("_cutout", "_pseudo"))]


def _has_masks(scene: Path) -> bool:
    return scene.is_dir() and len(_masks(scene)) >= 2


def _base(scene: Path) -> str:
    return re.sub(r"\s*\(.*\)$", "", scene.name)


def _photo_folder(folder: Path, scene: Path) -> Path | None:
    root = folder.parent if scene == folder else folder
    places = [scene / images for images in IMAGE_FOLDERS]
    for below in ("photos", "nerf_llff_data"):
        places += [root / below / _base(scene) / images for images in IMAGE_FOLDERS]
    return next((place for place in places if place.is_dir()), None)


def _scene(folder: Path, scene: Path) -> BenchmarkScene:
    place = _photo_folder(folder, scene)
    if place is None:
        raise InputError(f"The photos of '{_base(scene)}' are missing; expected them at: {scene / 'images'}")
    photos = photos_in(place)
    mask_of = {_photo_of(mask, photos).name: mask for mask in _masks(scene)}
    reference, *scored = mask_of
    by_name = {photo.name: photo for photo in photos}

    def points(generator: np.random.Generator) -> tuple[PhotoPoint, ...]:
        mask = read_mask(mask_of[reference])
        inside = points_in(mask, by_name[reference], POINTS, generator, positive=True)
        outside = points_in(~mask, by_name[reference], POINTS, generator, positive=False)
        return (*inside, *outside)

    def truth_of(object_id: int, photo: str) -> Int32[Array, "_ _"]:
        return read_mask(mask_of[photo]).astype(np.int32)

    return BenchmarkScene(
        name=_base(scene), layout=NAME, folder=folder, photos=photos, scored=tuple(scored), truth_of=truth_of,
        objects=(BenchmarkObject(1, _base(scene), points=points),), protocol="points",
        prompted=(reference,),
    )  # fmt: skip


def _photo_of(mask: Path, photos: tuple[Path, ...]) -> Path:
    by_stem = {photo.stem: photo for photo in photos}
    for stem in (mask.stem, re.sub(r"^[01]_", "", mask.stem)):
        if stem in by_stem:
            return by_stem[stem]
    number = re.fullmatch(r"image(\d+)", mask.stem, re.IGNORECASE)
    if number and int(number[1]) < len(photos):
        return photos[int(number[1])]
    raise InputError(
        f"No photo belongs to the mask {mask.name}; expected one of its name in: {photos[0].parent}"
    )
