"""NVOS on the LLFF scenes: scribbles in a reference photo, the object's mask in a target photo.

    DIR/labels/llff/{masks,reference_image,scribbles}/CASE/...   (or without labels/llff)
    DIR/{scenes,nerf_llff_data,.}/SCENE[_undistort]/{images,images_4,images_8}/*

CASE is fern, flower, fortress, horns_center, horns_left, leaves, orchids or trex; horns_* share the photos of horns.
masks/CASE holds TARGET_mask.png, reference_image/CASE the reference photo, scribbles/CASE pos_*.png and neg_*.png.

Protocol: points drawn from the scribbles, all at once; scored on the target photo. Source: Ren et al., "Neural
Volumetric Object Selection", CVPR 2022. How many points the papers drew is not told: we draw 10 and 10.
"""

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
    require_folder,
    subfolders,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array

NAME = "NVOS"
POINTS = 10
"""Of each kind."""
PARTS = ("_center", "_left")
"""Endings of cases that share a scene's photos."""
IMAGE_FOLDERS = ("images", "images_4", "images_8")


def matches(folder: Path) -> bool:
    """Whether a folder holds NVOS's annotations."""
    return _labels(folder) is not None


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """Every annotated case. InputError naming what is missing."""
    labels = _labels(folder)
    if labels is None:
        raise InputError(
            "The annotations of NVOS are missing; expected masks, reference_image and scribbles in labels/llff of: "
            f"{folder}"
        )
    cases = subfolders(labels / "masks")
    if not cases:
        raise InputError(f"There is no case of NVOS in: {labels / 'masks'}")
    return [_case(folder, labels, case.name) for case in cases]


def _labels(folder: Path) -> Path | None:
    for place in (folder / "labels/llff", folder / "labels", folder):
        if all((place / part).is_dir() for part in ("masks", "reference_image", "scribbles")):
            return place
    return None


def _case(folder: Path, labels: Path, case: str) -> BenchmarkScene:
    target_mask = _only(labels / "masks" / case, "*_mask.png", "target mask (*_mask.png)")
    target = target_mask.stem.removesuffix("_mask")
    references = photos_in(require_folder(labels / "reference_image" / case, f"reference photo of {case}"))
    if len(references) != 1:
        raise InputError(
            f"{case} must have one reference photo; found {len(references)}: {references[0].parent}"
        )
    reference = references[0].stem
    scribbles = require_folder(labels / "scribbles" / case, f"scribbles of {case}")
    positive = _only(scribbles, "pos_*.png", "positive scribbles (pos_*.png)")
    negative = _only(scribbles, "neg_*.png", "negative scribbles (neg_*.png)")
    photos = _photos(folder, case, (reference, target))
    by_stem = {photo.stem: photo for photo in photos}

    def points(generator: np.random.Generator) -> tuple[PhotoPoint, ...]:
        photo = by_stem[reference]
        inside = points_in(read_mask(positive), photo, POINTS, generator, positive=True)
        outside = points_in(read_mask(negative), photo, POINTS, generator, positive=False)
        return (*inside, *outside)

    def truth_of(object_id: int, photo: str) -> Int32[Array, "_ _"]:
        return read_mask(target_mask).astype(np.int32)

    return BenchmarkScene(
        name=case, layout=NAME, folder=folder, photos=photos, scored=(by_stem[target].name,), truth_of=truth_of,
        objects=(BenchmarkObject(1, case, points=points),), protocol="points",
        prompted=(by_stem[reference].name,),
    )  # fmt: skip


def _photos(folder: Path, case: str, needed: tuple[str, str]) -> tuple[Path, ...]:
    """Photos of a case's scene, from the first place whose names include both annotated ones."""
    scene = case
    for part in PARTS:
        scene = scene.removesuffix(part)
    names = dict.fromkeys((case, scene, f"{case}_undistort", f"{scene}_undistort"))
    places = [
        root / name / images
        for root in (folder / "scenes", folder / "nerf_llff_data", folder)
        for name in names
        for images in IMAGE_FOLDERS
    ]
    there = [place for place in places if place.is_dir()]
    for place in there:
        photos = photos_in(place)
        if set(needed) <= {photo.stem for photo in photos}:
            return photos
    if there:
        raise InputError(
            f"The photos {needed[0]} and {needed[1]} of {case} are not among those in: {there[0]}"
        )
    raise InputError(f"The LLFF photos of '{scene}' are missing; expected them at: {places[0]}")


def _only(folder: Path, pattern: str, content: str) -> Path:
    found = sorted(require_folder(folder, content).glob(pattern))
    if len(found) != 1:
        raise InputError(f"There must be one file of {content}; found {len(found)} in: {folder}")
    return found[0]
