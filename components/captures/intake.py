"""Photos of unknown origin become the cleaned photos of a capture."""

import itertools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool

from liftlab.components.captures.known_cameras import KnownCamera
from liftlab.components.captures.lenses import camera_of_photo
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.matching import without_ending
from liftlab.components.captures.quality import picture_hash, sharpness_of
from liftlab.components.captures.read_masks import read_mask
from liftlab.components.captures.readers.photos import CleanPhoto, clean_photo, read_photo
from liftlab.components.captures.readers.sources import Source
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
        camera, used = None, _used(found, original_name, clean, limits, unfit)
        if found.cameras is not None and original_name in found.cameras.of_photo:
            brought, orientation = (
                found.cameras.of_photo[original_name],
                found.cameras.orientation[original_name],
            )
            try:
                with reading(path.name):
                    camera, pixels = camera_of_photo(brought, clean.pixels, orientation, original_name)
                    if pixels is not clean.pixels:
                        undistorted.append(original_name)
                        if used is not None:
                            _, flat = camera_of_photo(brought, as_picture(used), orientation, original_name)
                            used = flat[..., 0] > 127
                        clean = clean_photo(pixels, lossless=clean.suffix == ".png")
            except InputError as error:
                refused.append((original_name, str(error)))
        stem = _free_stem(original_name, taken)
        if stem != safe_stem(original_name):
            numbered.append(f"{original_name} is {stem}")
        name = stem + clean.suffix
        (images / name).write_bytes(clean.encoded)
        if used is not None:
            write_mask(images.parent / MASKS_FOLDER / f"{stem}.png", used)
        height, width = clean.pixels.shape[:2]
        kept.append(
            KeptPhoto(
                name, width, height, sharpness_of(clean.pixels), clean.exif_focal_px, original_name,
                picture_hash(clean.pixels), camera, used is not None,
            )
        )  # fmt: skip
    notes = told_once(refused)
    if unfit:
        names = listed([name for name, _ in unfit])
        notes.append(f"Masks that cannot be used mask nothing: {names}. The first: {unfit[0][1]}")
    masked = [photo.original_name for photo in kept if photo.masked]
    if masked:
        notes.append(f"By masks or transparency, parts of photos take no part: {listed(masked)}.")
    if first_ones:
        notes.append(f"Of several pictures in one file the first was taken: {listed(first_ones)}.")
    if numbered:
        notes.append(f"Names that no two photos can share were numbered: {listed(numbered)}.")
    if undistorted:
        notes.append(f"Their lens distorts them much, so these were undistorted: {listed(undistorted)}.")
    return kept, notes


def _used(
    found: Source, name: str, clean: CleanPhoto, limits: ImportLimits, unfit: list[tuple[str, str]]
) -> Bool[Array, "h w"] | None:
    """What of a photo counts: where it is opaque and its mask white; None where that is everywhere."""
    if name not in found.masks:
        return clean.used
    (mask_name, path), used = found.masks[name], clean.used
    height, width = clean.pixels.shape[:2]
    try:
        mask = read_mask(path, (width, height), limits)
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
