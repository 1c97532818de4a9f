"""Finds the photos and cameras in what a person brings, without reading the photos yet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.captures.known_cameras import KnownCameras, read_cameras_json
from components.captures.limits import ImportLimits
from components.captures.photos import is_heif, looks_like_image
from components.errors import InputError

IMAGE_SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Photos as they were found, with the cameras that name them."""

    photos: tuple[tuple[str, Path], ...]
    """(name that cameras use, file), in natural order."""
    cameras: KnownCameras | None = None
    notes: tuple[str, ...] = ()
    """Sentences for the person."""
    has_truth: bool = False


def find_source(source: Path | Sequence[Path], limits: ImportLimits) -> Source:
    """Photos and cameras of a folder or of a list of image files.

    In a folder the photos lie in `images/` or directly in it; a `cameras.json` lies beside `images/` or with the photos.
    Folders `truth/` and `test/` are not entered.

    Raises:
        InputError: Nothing usable is there.
    """
    if not isinstance(source, Path):
        return Source(_named([path for path in source if path.is_file()]))
    if not source.exists():
        raise InputError(f"There is no file or folder at this place: {source}")
    if source.is_file():
        return Source(_named([source]))
    return _from_folder(_entered(source), limits)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts "img2" before "img10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _from_folder(folder: Path, limits: ImportLimits) -> Source:
    images = folder / "images" if (folder / "images").is_dir() else folder
    photos = _named(_image_files(images))
    has_truth = (folder / "truth").is_dir()
    for path in dict.fromkeys((folder / "cameras.json", images / "cameras.json")):
        if path.is_file():
            check_json_size(path, limits)
            return Source(photos, read_cameras_json(path), has_truth=has_truth)
    return Source(photos, has_truth=has_truth)


def check_json_size(path: Path, limits: ImportLimits) -> None:
    if path.stat().st_size > limits.max_json_bytes:
        raise InputError(
            f"{path.name} is larger than {limits.max_json_bytes / 2**20:.0f} MiB; it cannot be right."
        )


def _entered(folder: Path) -> Path:
    """The folder itself, or the only folder inside it as long as there is nothing else (as zips often have it)."""
    while True:
        inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].name == "images":
            return folder
        folder = inside[0]


def _image_files(folder: Path) -> list[Path]:
    """Files that claim to be images by name or are by content; hidden files and other files are not looked at further."""
    found = []
    for path in folder.iterdir():
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() in IMAGE_SUFFIXES or _has_image_content(path):
            found.append(path)
    return found


def _has_image_content(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(16)
    return looks_like_image(head) or is_heif(head)


def _named(paths: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    return tuple(sorted(((path.name, path) for path in paths), key=lambda pair: natural_key(pair[0])))
