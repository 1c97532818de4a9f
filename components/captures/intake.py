"""Photos of unknown origin become the cleaned photos of a capture."""

import itertools
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from jaxtyping import Bool, UInt8

from liftlab.components.captures.known_cameras import KnownCamera
from liftlab.components.captures.lenses import BroughtCamera, camera_of_photo
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.matching import without_ending
from liftlab.components.captures.object_masks import (
    OBJECTS_FOLDER,
    ObjectsTaken,
    Undistort,
    label_folders,
)
from liftlab.components.captures.quality import picture_hash, sharpness_of
from liftlab.components.captures.read_masks import holds_labels, read_labels, read_mask
from liftlab.components.captures.readers.found import Source
from liftlab.components.captures.readers.mask_files import ObjectPicture
from liftlab.components.captures.readers.photos import CleanPhoto, Stored, clean_photo, read_photo, stored_as
from liftlab.components.errors import InputError, listed, told_once
from liftlab.components.files import is_device_name
from liftlab.components.geometry.photo_masks import MASKS_FOLDER, as_picture, write_mask
from liftlab.components.processes.untrusted import reading
from liftlab.components.progress import Progress
from liftlab.components.types import Array

_MAX_NAME = 80


@dataclass(frozen=True)
class KeptPhoto:
    """A photo that was imported."""

    name: str
    width: int
    height: int
    sharpness: float
    """In [0, 1], comparable within the capture."""
    exif_focal_px: float | None
    original_name: str
    """Name in the source, by which its cameras know it."""
    bits: Bool[Array, "256"]
    """Perceptual hash."""
    camera: KnownCamera | None = None
    """That came with it, for the photo as it was kept."""
    masked: bool = False
    """Whether a mask leaves a part of it out."""


def take_in_photos(
    found: Source, images: Path, limits: ImportLimits, progress: Progress
) -> tuple[list[KeptPhoto], list[str]]:
    """Photos written to `images`, and a sentence for each one left out, or whose camera was."""
    images.mkdir()
    kept: list[KeptPhoto] = []
    refused: list[tuple[str, str]] = []
    undistorted: list[str] = []
    first_ones: list[str] = []
    numbered: list[str] = []
    unfit: list[tuple[str, str]] = []
    taken: set[str] = set()
    found, objects = with_objects(found, images.parent / OBJECTS_FOLDER, limits)
    for index, (original_name, path) in enumerate(found.photos):
        progress(index / len(found.photos), f"Reading {path.name}")
        try:
            with reading(path.name):
                if path.stat().st_size > limits.max_photo_bytes:
                    raise InputError(
                        f"{path.name} is larger than {limits.max_photo_bytes / 2**20:.0f} MiB; make it smaller."
                    )
                clean = read_photo(path.read_bytes(), path.name, limits)
        except InputError as error:
            refused.append((path.name, str(error)))
            continue
        if clean.of_several:
            first_ones.append(original_name)
        height, width = clean.pixels.shape[:2]
        size = (width, height)
        stored = stored_as(path) or Stored(size, 1)
        used = _used(found, original_name, clean, stored.orientation, limits, unfit)
        camera, flat, undistort = None, clean, None
        try:
            with reading(path.name):
                camera, flat, undistort = _with_camera(found, original_name, clean)
        except InputError as error:
            refused.append((original_name, str(error)))
        if undistort is not None:
            undistorted.append(original_name)
            used = None if used is None else undistort(as_picture(used))[..., 0] > 127
        stem = _free_stem(original_name, taken)
        if stem != safe_stem(original_name):
            numbered.append(f"{original_name} is {stem}")
        name = stem + clean.suffix
        (images / name).write_bytes(flat.encoded)
        if used is not None:
            write_mask(images.parent / MASKS_FOLDER / f"{stem}.png", used)
        objects.take(original_name, stem, size, stored.orientation, undistort)
        height, width = flat.pixels.shape[:2]
        kept.append(
            KeptPhoto(
                name, width, height, sharpness_of(flat.pixels), flat.exif_focal_px, original_name,
                picture_hash(flat.pixels), camera, used is not None,
            )
        )  # fmt: skip
    masked = [photo.original_name for photo in kept if photo.masked]
    said = {
        "By masks or transparency, parts of photos take no part": masked,
        "Of several pictures in one file the first was taken": first_ones,
        "Names that no two photos can share were numbered": numbered,
        "Their lens distorts them much, so these were undistorted": undistorted,
    }
    notes = [*told_once(refused), *_about_unfit(unfit), *objects.finish()]
    return kept, notes + [f"{what}: {listed(names)}." for what, names in said.items() if names]


def _about_unfit(masks: list[tuple[str, str]]) -> list[str]:
    if not masks:
        return []
    names = listed([name for name, _ in masks])
    return [f"Masks that cannot be used mask nothing: {names}. The first: {masks[0][1]}"]


def _with_camera(
    found: Source, name: str, clean: CleanPhoto
) -> tuple[KnownCamera | None, CleanPhoto, Undistort | None]:
    """The camera that came with a photo, the photo as that took it, and what undistorted it; None where nothing did."""
    if found.cameras is None or name not in found.cameras.of_photo:
        return None, clean, None
    brought, orientation = found.cameras.of_photo[name], found.cameras.orientation[name]
    camera, pixels = camera_of_photo(brought, clean.pixels, orientation, name)
    if pixels is clean.pixels:
        return camera, clean, None
    flat = clean_photo(pixels, lossless=clean.suffix == ".png")
    return camera, flat, partial(_undistorted, brought, orientation, name)


def with_objects(found: Source, folder: Path, limits: ImportLimits) -> tuple[Source, ObjectsTaken]:
    """The source without the masks that are maps of labels, and what takes these in with all pictures of objects."""
    groups: dict[str, list[Path]] = {}
    for name, (mask, path) in found.masks.items():
        if name in found.may_be_labels:
            groups.setdefault(_group(mask), []).append(path)
    labelled = label_folders(groups, limits)
    maps = {
        name: ObjectPicture(mask, path, _group(mask))
        for name, (mask, path) in found.masks.items()
        if name in found.may_be_labels and _group(mask) in labelled
    }
    pictures = {
        name: (*found.objects.get(name, ()), *([maps[name]] if name in maps else []))
        for name in (*found.objects, *maps)
    }
    others: dict[str, list[Path]] = {}
    for picture in itertools.chain.from_iterable(found.objects.values()):
        if not picture.label:
            others.setdefault(picture.group, []).append(picture.path)
    labelled |= label_folders(others, limits)
    masks = {name: mask for name, mask in found.masks.items() if name not in maps}
    return replace(found, masks=masks), ObjectsTaken(pictures, limits, folder, labelled)


def _group(mask: str) -> str:
    """Where a mask lies: pictures of one folder are of one kind."""
    return mask.rpartition("/")[0]


def _undistorted(
    camera: BroughtCamera, orientation: int, name: str, picture: UInt8[Array, "h w 3"]
) -> UInt8[Array, "H W 3"]:
    return camera_of_photo(camera, picture, orientation, name)[1]


def _used(
    found: Source,
    name: str,
    clean: CleanPhoto,
    orientation: int,
    limits: ImportLimits,
    unfit: list[tuple[str, str]],
) -> Bool[Array, "h w"] | None:
    """What of a photo counts: where it is opaque and its mask white; None where that is everywhere."""
    if name not in found.masks:
        return clean.used
    (mask_name, path), used = found.masks[name], clean.used
    height, width = clean.pixels.shape[:2]
    try:
        mask = read_mask(path, (width, height), limits, orientation=orientation)
        if name in found.may_be_labels and holds_labels(read_labels(path, limits)):
            raise InputError(
                f"{path.name} tells several things apart, unlike those beside it; it masks nothing."
            )
    except InputError as error:
        unfit.append((mask_name, str(error)))
        return used
    both = mask if used is None else mask & used
    return None if both.all() or not both.any() else both


def _free_stem(name: str, taken: set[str]) -> str:
    """A safe stem that no other photo has in any case; numbered where photos differ only in what it leaves away."""
    stem = safe_stem(name)
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    free = next(wanted for wanted in itertools.chain([stem], numbered) if wanted.casefold() not in taken)
    taken.add(free.casefold())
    return free


def safe_stem(name: str) -> str:
    """The stem of a file name (or relative path) with only letters, digits, ".", "-" and "_"."""
    stem = without_ending(name.replace("\\", "/"))
    stem = unicodedata.normalize("NFC", stem)
    stem = re.sub(r"[^\w.-]+", "_", stem).strip("._-")
    if len(stem) > _MAX_NAME:  # numbers are at the end
        half = _MAX_NAME // 2
        stem = f"{stem[: half - 1]}_{stem[-half:]}"
    return f"photo_{stem}" if is_device_name(stem) else stem or "photo"
