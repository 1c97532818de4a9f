"""Photos of unknown origin become the cleaned photos of a capture."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.quality import picture_hash, sharpness_of
from liftlab.components.captures.readers.photos import read_photo
from liftlab.components.captures.readers.sources import Source
from liftlab.components.errors import InputError
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


def take_in_photos(
    found: Source, images: Path, limits: ImportLimits, progress: Progress
) -> tuple[list[KeptPhoto], list[str]]:
    """Photos written to `images`, and a sentence for each one left out."""
    images.mkdir()
    kept: list[KeptPhoto] = []
    skipped: list[str] = []
    taken: dict[str, str] = {}
    for index, (original_name, path) in enumerate(found.photos):
        progress(index / len(found.photos), f"Reading {path.name}")
        try:
            with reading(path.name):
                if path.stat().st_size > limits.max_photo_bytes:
                    raise InputError(
                        f"{path.name} is larger than {limits.max_photo_bytes / 2**20:.0f} MiB; make it smaller."
                    )
                clean = read_photo(path.read_bytes(), path.name, limits)
                sharpness = sharpness_of(clean.pixels)
                bits = picture_hash(clean.pixels)
        except InputError as error:
            skipped.append(str(error))
            continue
        stem = safe_stem(original_name)
        if stem.casefold() in taken:
            raise InputError(
                f"'{taken[stem.casefold()]}' and '{original_name}' have one name without their ending, "
                "and masks are saved under it; rename one of them."
            )
        taken[stem.casefold()] = original_name
        name = stem + clean.suffix
        (images / name).write_bytes(clean.encoded)
        height, width = clean.pixels.shape[:2]
        kept.append(KeptPhoto(name, width, height, sharpness, clean.exif_focal_px, original_name, bits))
    return kept, skipped


def safe_stem(name: str) -> str:
    """The stem of a file name (or relative path) with only letters, digits, ".", "-" and "_"."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name.replace("\\", "/"))
    stem = unicodedata.normalize("NFC", stem)
    stem = re.sub(r"[^\w.-]+", "_", stem).strip("._-")
    return stem[:_MAX_NAME] or "photo"
