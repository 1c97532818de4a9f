"""Turn what a person brings into a sealed capture folder, and say what was found."""

import contextlib
import dataclasses
import errno
import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.reading import ImportReport
from liftlab.components.errors import InputError
from liftlab.components.files import sealed_folder
from liftlab.components.processes.child import ChildEnded, ChildLimits, refusal, run_in_child
from liftlab.components.progress import CancelToken, Progress, no_progress

__all__ = ["ImportReport", "import_capture"]

_READER = f"{__package__}.reading:read_in_child"
_BYTES_PER_BYTE = 32
"""Memory for a byte of a file: a packed splat of 20 bytes is 250 when unpacked, and copied a few times."""
_SECS_PER_BYTE = 2 / 2**20
_STALL_SECS_PER_BYTE = 1 / (20 * 2**20)
"""A slow disk reads so fast."""
_MEMORY_SHARE = 0.9
"""Of the free memory, at most so much is for reading."""
_FILES_MEASURED = 20_000


def import_capture(
    source: Path | Sequence[Path],
    folder: Path,
    *,
    cameras: Path | None = None,
    with_cameras: bool = True,
    limits: ImportLimits | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> ImportReport:
    """Import photos into the capture folder `folder`, which appears only when everything went well.

    What was brought is read in a child process, which a damaged or hostile file can at most end.

    Args:
        source: A folder of photos (in whatever folders, with cameras as `cameras.json`, nerfstudio or Blender
            `transforms.json` or COLMAP model), a zip of one, a video, a splat file (PLY, SPZ), or a list of files.
            Links in a folder are followed, wherever they lead.
        folder: The capture to make; its name is the capture's name. An earlier capture there is replaced.
        cameras: A `cameras.json` to use instead of one beside the photos.
        with_cameras: False leaves cameras that lie beside the photos unread.
        limits: What one import may take in; `ImportLimits()` when None.

    Raises:
        InputError: One sentence that says why nothing could be imported.
        Cancelled: The token was set; nothing is left behind.
    """
    limits = limits or ImportLimits()
    cancel = cancel or CancelToken()
    with (
        _place_explained(),
        _scratch_folder(folder) as scratch,
        sealed_folder(folder) as target,
    ):
        arguments = {
            "source": str(source) if isinstance(source, Path) else [str(path) for path in source],
            "target": str(target),
            "scratch": str(scratch),
            "cameras": None if cameras is None else str(cameras),
            "with_cameras": with_cameras,
            "limits": dataclasses.asdict(limits),
        }
        bounds = _child_limits(source, limits)
        try:
            read = run_in_child(_READER, arguments, limits=bounds, progress=progress, cancel=cancel)
        except ChildEnded as ended:
            raise refusal(ended, _name_of(source), bounds) from ended
        return ImportReport.from_record(read)


def _child_limits(source: Path | Sequence[Path], limits: ImportLimits) -> ChildLimits:
    """Room and time in proportion to the size of what was brought; all the machine has, at most."""
    size = _size_of(source)
    free = int(_MEMORY_SHARE * psutil.virtual_memory().available)
    return ChildLimits(
        total_secs=limits.max_secs + _SECS_PER_BYTE * size,
        stall_secs=limits.max_stall_secs + _STALL_SECS_PER_BYTE * size,
        memory_bytes=max(
            limits.max_memory_bytes, min(limits.max_memory_bytes + _BYTES_PER_BYTE * size, free)
        ),
    )


def _size_of(source: Path | Sequence[Path]) -> int:
    """Bytes of the files that were brought; those of a folder are counted to a certain number."""
    if not isinstance(source, Path):
        return sum(_size_of(path) for path in source)
    with contextlib.suppress(OSError, ValueError):
        if not source.is_dir():
            return source.stat().st_size
        below = (Path(folder, name) for folder, _, names in os.walk(source) for name in names)
        return sum(path.lstat().st_size for path in itertools.islice(below, _FILES_MEASURED))
    return 0


def _name_of(source: Path | Sequence[Path]) -> str:
    return source.name if isinstance(source, Path) else "One of the files"


@contextlib.contextmanager
def _scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` (same disk) for what is unpacked; removed at the end."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", suffix=".unpacked"
    ) as scratch:
        yield Path(scratch)


@contextlib.contextmanager
def _place_explained() -> Iterator[None]:
    """A full disk and missing permissions as sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                "The disk is full, so nothing was imported; free some space and try again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise InputError(
                f"LiftLab may not read this place; change its permissions: {error.filename}"
            ) from error
        raise
