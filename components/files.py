"""Files that are either whole or absent: temporary name, flush to disk, rename; and folders sealed by a manifest."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from liftlab.components.errors import InputError

try:
    import fcntl
except ImportError:  # a system without POSIX locks
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.json"
IS_WINDOWS = os.name == "nt"
PATIENCE_SECS = 2.0
"""Windows renames nothing that somebody reads at the moment: another process, a virus scanner."""
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.IGNORECASE)
"""Names that mean a device on Windows, whatever their ending."""
SPACE_LEFT_BYTES = 1 << 20
"""With less than this free, a write that stopped short has met the end of the disk."""


def inside(root: Path, first: str, *more: str) -> Path:
    """`root/part/part...`, proven to lie below `root`, links followed. Paths with a part from outside are built here.

    Args:
        root: A folder of ours; where it is itself a link, what it points to counts.
        first, more: One name each, of a folder or a file that need not exist.

    Raises:
        InputError: A part is no plain name (empty, a dot name, with a slash, a NUL), or a link leads out of `root`.
    """
    parts = (first, *more)
    for part in parts:
        unfit = '/\\\0:*?"<>|' if IS_WINDOWS else "/\\\0"
        if part in ("", ".", "..") or set(unfit) & set(part) or len(os.fsencode(part)) > 255:
            raise InputError("A name holds what no file name may hold; choose another one.")
    path = root.joinpath(*parts)
    base = os.path.realpath(root)
    if os.path.commonpath((base, os.path.realpath(path))) != base:
        raise InputError("A link leads out of the folder that it lies in; remove the link.")
    return path


def is_device_name(name: str) -> bool:
    """Whether a file name means a device on Windows (`con`, `nul.txt`): copied there, it could not be opened."""
    return DEVICE.fullmatch(name.strip()) is not None


def put_in_place(source: Path | str, target: Path | str) -> None:
    """Rename a file or folder, over a file of that name; on Windows it waits for those who read it at the moment."""
    until = time.monotonic() + PATIENCE_SECS
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if not IS_WINDOWS or time.monotonic() > until:
                raise
            time.sleep(0.05)


def put_open_in_place(file: IO[Any], source: Path | str, target: Path | str) -> None:
    """Rename a file that is open and locked, while it is: nobody takes it for a leftover. Windows renames no open
    files, so there it is closed before.
    """
    if IS_WINDOWS:
        file.close()
    put_in_place(source, target)


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; on success flush it to disk and rename it over `path`.

    On any error the temporary file is removed and `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = None if "b" in mode else "utf-8"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    try:
        with os.fdopen(handle, mode, encoding=encoding) as file:
            lock_file(handle)
            yield file
            file.flush()
            os.fsync(file.fileno())
            put_open_in_place(file, name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def in_writing(path: Path) -> bool:
    """Whether a living process is writing the temporary file `path` of `atomic_write`."""
    try:
        with path.open("rb") as file:
            return not lock_file(file.fileno())
    except FileNotFoundError:  # it was finished meanwhile
        return True
    except OSError:
        return False


def lock_file(handle: int) -> bool:
    """Lock an open file until it is closed; False where another process, or another part of this one, has."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
    return True


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. NaN and infinity are refused (ValueError): they are not JSON."""
    text = json.dumps(value, indent=1, allow_nan=False)
    with atomic_write(path, "w") as file:
        file.write(text + "\n")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def sealed_folder(folder: Path) -> Iterator[Path]:
    """Build `folder` under a temporary name beside it; seal it with a manifest and rename it into place at the end.

    A crash or an exception leaves no `folder` (or the earlier one, untouched). Yields the temporary folder.

    Raises:
        OSError: With ENOSPC when the disk is full, also where a library did not say so.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".partial"))
    try:
        yield temporary
        files = sorted(p for p in temporary.rglob("*") if p.is_file())
        for path in files:
            with path.open(
                "r+b" if IS_WINDOWS else "rb"
            ) as file:  # Windows flushes what may be written alone
                os.fsync(file.fileno())
        entries = {
            p.relative_to(temporary).as_posix(): {"bytes": p.stat().st_size, "sha256": sha256_of(p)}
            for p in files
        }
        write_json(temporary / MANIFEST, {"schema_version": 1, "files": entries})
        if folder.exists():
            stale = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".stale"))
            put_in_place(folder, stale / folder.name)
            put_in_place(temporary, folder)
            shutil.rmtree(stale, ignore_errors=True)
        else:
            put_in_place(temporary, folder)
    except BaseException as error:
        out_of_space = _ran_out_of_space(error, folder.parent)  # asked before the clean-up makes room again
        shutil.rmtree(temporary, ignore_errors=True)
        if out_of_space:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def _ran_out_of_space(error: BaseException, folder: Path) -> bool:
    """Whether a library met a full disk without saying so: numpy raises its short writes without an errno."""
    return (
        isinstance(error, OSError)
        and error.errno is None
        and shutil.disk_usage(folder).free < SPACE_LEFT_BYTES
    )


def is_sealed(folder: Path, *, checksums: bool = False) -> bool:
    """Whether `folder` has a manifest and every file in it has the recorded size (and, if asked, checksum)."""
    try:
        entries = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, entry in entries.items():
            path = folder / name
            if path.stat().st_size != entry["bytes"]:
                return False
            if checksums and sha256_of(path) != entry["sha256"]:
                return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def content_key(*parts: Any) -> str:
    """Key of a step: 16 hex digits of the SHA-256 over the JSON of its inputs' keys, config and STEP_VERSION."""
    text = json.dumps(parts, sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
