"""Folders for passing use that are removed in the end, however the process ends.

Each has a record: a small file `liftlab-*.owner` that its process keeps locked and that names the folder. The system
drops the lock when the process dies; `sweep` then removes what a record without an owner names, and nothing else.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without POSIX locks: nothing is swept, so nothing that is in use can be
    fcntl = None  # type: ignore[assignment]

PREFIX = "liftlab-"
SUFFIX = ".owner"


@contextlib.contextmanager
def scratch_folder(prefix: str = PREFIX) -> Iterator[Path]:
    """A new folder in the system's temporary folder; `sweep_scratch` removes it after a crash.

    Args:
        prefix: Its name begins with it, and it begins with "liftlab-".
    """
    if not prefix.startswith(PREFIX):
        raise ValueError(f"prefix must begin with '{PREFIX}'; got '{prefix}'.")
    with owned_folder(
        Path(tempfile.gettempdir()), prefix=prefix, records=Path(tempfile.gettempdir())
    ) as folder:
        yield folder


@contextlib.contextmanager
def owned_folder(parent: Path, *, prefix: str, records: Path, suffix: str = "") -> Iterator[Path]:
    """A new folder in `parent`, removed at the end; `sweep(records)` removes it after a crash.

    Folders on the way to `parent` that are missing are made, and removed with it while they are empty.
    """
    missing = [place for place in (parent, *parent.parents) if not place.exists()]
    handle, name = _new_record(records)
    record = Path(name)
    folder = parent / f"{prefix}{record.name.removeprefix(PREFIX).removesuffix(SUFFIX)}{suffix}"
    made = [str(place.absolute()) for place in missing]
    try:
        os.write(handle, json.dumps({"folder": str(folder.absolute()), "made": made}).encode())
        parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _remove(folder, missing)
        record.unlink(missing_ok=True)
        os.close(handle)


def sweep_scratch() -> list[Path]:
    """Remove the scratch folders of dead processes from the system's temporary folder; returns them."""
    return sweep(Path(tempfile.gettempdir()))


def sweep(records: Path) -> list[Path]:
    """Remove the folders of dead processes that the records in a folder name; returns them."""
    gone: list[Path] = []
    for record in records.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError), _of_the_dead(record) as text:  # another user's cannot be opened
            if text is None:
                continue
            with contextlib.suppress(ValueError, KeyError, TypeError):  # killed before it was written
                found = json.loads(text)
                folder = Path(found["folder"])
                if PREFIX in folder.name and not folder.is_symlink():
                    _remove(folder, [Path(place) for place in found["made"]])
                    gone.append(folder)
            record.unlink(missing_ok=True)
    return gone


def _new_record(records: Path) -> tuple[int, str]:
    """A record that is locked from its start on: a sweep may take it between its making and its locking."""
    while True:
        handle, name = tempfile.mkstemp(dir=records, prefix=PREFIX, suffix=SUFFIX)
        if fcntl is None:
            return handle, name
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):
            return handle, name
        os.close(handle)


@contextlib.contextmanager
def _of_the_dead(record: Path) -> Iterator[str | None]:
    """Text of a record of ours whose process is gone, held meanwhile; None for any other."""
    if fcntl is None:
        yield None
        return
    handle = os.open(record, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own = os.fstat(handle).st_uid == os.getuid()
        yield os.read(handle, 1 << 16).decode("utf-8", "replace") if own else None
    except BlockingIOError:  # its process lives
        yield None
    finally:
        os.close(handle)


def _remove(folder: Path, made: list[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for place in made:
        with contextlib.suppress(OSError):
            place.rmdir()  # only while it is empty
