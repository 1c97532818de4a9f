"""Unpack a zip of unknown origin: only what an import reads, inside the folder, within the limits."""

import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.errors import InputError, shown
from liftlab.components.processes.untrusted import reading
from liftlab.components.progress import Progress, part_of

_CHUNK = 1 << 20
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")
"""Signatures of archives inside the archive."""
_NOT_UNPACKED = ("truth", "test")
"""Ground truth and held-out photos beside `images/`: an import never looks at them."""
_MAX_DEPTH = 32
"""Folders within folders."""
_MAX_NAME_BYTES = 200
"""Of one file or folder; most file systems take 255."""
_SHORT_NAME_BYTES = 60


def is_zip(path: Path) -> bool:
    """By content; a JPEG with a zip behind it is no zip."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(path: Path, folder: Path, limits: ImportLimits, *, progress: Progress) -> None:
    """Unpack the zip at `path` into the existing `folder`. Names that are too long for a disk are shortened.

    Raises:
        InputError: It is damaged, encrypted, too large, holds links, archives or names that leave the folder.
    """
    damaged = f"{path.name} is damaged or no zip that can be read; make it again."
    with reading(path.name, damaged), zipfile.ZipFile(path) as archive:
        entries = _checked_entries(archive, path.name, limits)
        budget = limits.max_archive_bytes
        for number, (entry, place) in enumerate(entries):
            step = part_of(progress, number / len(entries), (number + 1) / len(entries))
            budget -= _unpack_entry(archive, entry, folder / place, path.name, budget, step)


def _checked_entries(
    archive: zipfile.ZipFile, name: str, limits: ImportLimits
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Entries to unpack with their places; the table of contents is checked before anything is written."""
    entries = archive.infolist()
    if len(entries) > limits.max_archive_files:
        raise InputError(
            f"{name} holds {len(entries)} files, more than {limits.max_archive_files}; bring fewer."
        )
    if sum(entry.file_size for entry in entries) > limits.max_archive_bytes:
        gibibytes = limits.max_archive_bytes / 2**30
        raise InputError(f"{name} is larger than {gibibytes:.3g} GiB when unpacked; bring fewer photos.")
    chosen = []
    for number, entry in enumerate(entries):
        place = _safe_place(entry, name, number)
        if entry.flag_bits & 0x1:
            raise InputError(f"{name} is encrypted; make a zip without a password.")
        ratio = entry.file_size / max(1, entry.compress_size)
        if entry.file_size > 2**20 and ratio > limits.max_archive_ratio:
            raise InputError(f"{name} is packed so tightly that it looks like a zip bomb; pack plain photos.")
        if not _is_folder(entry) and "__MACOSX" not in place.parts and not place.name.startswith("."):
            chosen.append((entry, place))
    folders = {parent for _, place in chosen for parent in place.parents}
    # Some programs write a folder as an empty file: what has files below it is a folder.
    chosen = [(entry, place) for entry, place in chosen if place not in folders or entry.file_size]
    truth_folders = _folders_beside_images(place for _, place in chosen)
    return [(entry, place) for entry, place in chosen if not truth_folders & set(place.parents)]


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.replace("\\", "/").endswith("/")


def _safe_place(entry: zipfile.ZipInfo, name: str, number: int) -> PurePosixPath:
    place = PurePosixPath(entry.filename.replace("\\", "/"))
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise InputError(f"{name} holds a link ('{shown(place.name)}'); pack the files themselves.")
    if place.is_absolute() or ".." in place.parts or ":" in entry.filename or "\0" in entry.filename:
        raise InputError(f"{name} holds a file that would land outside its folder; make the zip again.")
    if not place.parts:
        raise InputError(f"{name} holds a file without a name; make the zip again.")
    if len(place.parts) > _MAX_DEPTH:
        raise InputError(f"{name} holds more than {_MAX_DEPTH} folders within each other; make it flat.")
    folders = [_short(part, "") for part in place.parts[:-1]]
    return PurePosixPath(*folders, _short(place.name, f"_{number}"))


def _short(part: str, mark: str) -> str:
    """A name that every disk takes; a shortened one keeps its ending and becomes its own by `mark`."""
    part = part.encode("utf-8", "replace").decode("utf-8")
    if len(part.encode("utf-8")) <= _MAX_NAME_BYTES:
        return part
    path = PurePosixPath(part)
    suffix = path.suffix if len(path.suffix) <= 8 else ""
    return path.stem.encode("utf-8")[:_SHORT_NAME_BYTES].decode("utf-8", "ignore") + mark + suffix


def _folders_beside_images(places: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    parents = {parent for place in places for parent in place.parents}
    beside = {parent.parent for parent in parents if parent.name == "images"}
    return {folder / name for folder in beside for name in _NOT_UNPACKED}


def _unpack_entry(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    target: Path,
    name: str,
    budget: int,
    progress: Progress,
) -> int:
    """Bytes written; the size in the table of contents is not believed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(entry) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            if written == 0 and chunk.startswith(_PACKED):
                raise InputError(
                    f"{name} holds another archive ('{shown(entry.filename)}'); unpack that one first."
                )
            written += len(chunk)
            if written > budget:
                raise InputError(f"{name} unpacks to more than it says; it looks like a zip bomb.")
            sink.write(chunk)
            progress(written / max(entry.file_size, written), f"Unpacking {name}")
    return written
