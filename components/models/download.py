"""Downloads that are whole or absent: resumed where they broke off, checked, and renamed into place at the end.

A download lives in `.FILE.partial` until its size and checksum are right; nothing ever reads that name as a model. The
record with the checksum is written before the rename, so a model file without its record was brought by a person.
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from liftlab.components.errors import InputError
from liftlab.components.files import lock_file, put_open_in_place, sha256_of, write_json
from liftlab.components.models.catalogue import MIB, ModelEntry
from liftlab.components.models.states import size_text
from liftlab.components.models.store import FileRecord, read_record, write_record
from liftlab.components.progress import CancelToken, Progress, no_progress

CONNECT_SECS, SILENCE_SECS = 10.0, 30.0
TRIES = 4
"""Connections made before giving up, as long as each brings something new."""
SPARE_BYTES = 64 * MIB
"""Left free on the disk."""
CHECK_SHARE = 0.03
"""Of the progress bar, for the checksum."""


@dataclass(frozen=True)
class _Link:
    """How long to wait for the host; tests wait less."""

    connect_secs: float = CONNECT_SECS
    silence_secs: float = SILENCE_SECS
    """Longest time without a byte."""


def download(
    entry: ModelEntry,
    folder: Path,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    silence_secs: float = SILENCE_SECS,
) -> Path:
    """Bring an entry's file into `folder`, going on where an earlier download broke off.

    Raises:
        InputError: The address does not answer or has no such file, the connection broke, the disk is full, another
            download of the file is running, or the file is not the one expected. One sentence; what came is kept for
            the next try unless it is wrong.
        Cancelled: `cancel` was set; what came is kept.
    """
    target = folder / entry.file
    if target.exists():
        raise InputError(f"The file is there already; remove it to download it again: {target}")
    partial = folder / f".{entry.file}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held(partial, entry) as file:
            if target.exists():
                raise InputError(f"The file came in the meantime: {target}")
            total = _fetch_all(
                entry, folder, file, _Link(silence_secs=silence_secs), progress, cancel or CancelToken()
            )
            file.flush()
            os.fsync(file.fileno())
            progress(1 - CHECK_SHARE, "Checking the file")
            digest = _checked(entry, target, partial, total)
            write_record(target, FileRecord(total, digest, entry.address))
            put_open_in_place(file, partial, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"The disk is full: free {size_text(entry.megabytes)} and run `liftlab models get {entry.name}` "
                f"again, it goes on where it stopped. {folder}"
            ) from error
        raise InputError(f"The models folder cannot be written ({error.strerror}): {folder}") from error
    _notes_path(partial).unlink(missing_ok=True)
    progress(1.0, f"{entry.name} is here")
    return target


@contextmanager
def _held(partial: Path, entry: ModelEntry) -> Iterator[IO[bytes]]:
    """The partial file, open at its end and locked against another download of the same file."""
    with partial.open("ab") as file:
        if not lock_file(file.fileno()):
            raise InputError(f"'{entry.name}' is being downloaded already: wait for it.")
        yield file


def _fetch_all(
    entry: ModelEntry, folder: Path, file: IO[bytes], link: _Link, progress: Progress, cancel: CancelToken
) -> int:
    """Append until the file is complete; returns its size."""
    import httpx

    started, came_before = time.monotonic(), file.tell()
    for attempt in range(TRIES):
        before = file.tell()
        try:
            return _fetch_rest(entry, folder, file, link, progress, cancel, (started, came_before))
        except httpx.HTTPError as error:
            if attempt + 1 < TRIES and file.tell() > before:
                continue  # it broke on the way: go on from there
            if file.tell() == 0:
                raise InputError(
                    f"The address of '{entry.name}' does not answer ({type(error).__name__}): try again with a "
                    f"network, or put {entry.file} into {folder}."
                ) from error
            raise InputError(_broken(entry, file.tell())) from error
    raise InputError(_broken(entry, file.tell()))


def _broken(entry: ModelEntry, came: int) -> str:
    return (
        f"The connection broke after {size_text(came / MIB)}: run `liftlab models get {entry.name}` again, it goes "
        "on from there."
    )


def _fetch_rest(
    entry: ModelEntry,
    folder: Path,
    file: IO[bytes],
    link: _Link,
    progress: Progress,
    cancel: CancelToken,
    since: tuple[float, int],
) -> int:
    """One connection: ask for what is missing and append it. Raises httpx errors when it breaks."""
    import httpx

    partial = Path(file.name)
    notes = _read_notes(partial)
    offset = file.tell()
    if offset and notes.get("address") != entry.address:
        offset = _restart(file)
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if notes.get("version"):
            headers["If-Range"] = notes["version"]
    timeout = httpx.Timeout(link.silence_secs, connect=link.connect_secs)
    with (
        httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=5) as client,
        client.stream("GET", entry.address, headers=headers) as reply,
    ):
        total = _total_of(entry, reply, offset)
        if reply.status_code == 416:
            if offset == total:
                return offset
            _restart(file)
            raise httpx.RemoteProtocolError("the host has another file by now")
        if offset and reply.status_code == 200:
            offset = _restart(file)  # the host does not resume, or has another file by now
        elif offset and _range_start(reply) != offset:
            _restart(file)
            raise httpx.RemoteProtocolError("the host sent another part than asked for")
        write_json(_notes_path(partial), {"address": entry.address, "version": _version_of(reply)})
        _check_disk(entry, folder, (total or round(entry.megabytes * MIB)) - offset)
        came = offset
        for chunk in reply.iter_raw():  # as it comes: what is collected first is lost when the link breaks
            cancel.check()
            file.write(chunk)
            came += len(chunk)
            progress(*_report(came, total or max(came, round(entry.megabytes * MIB)), since))
    if total is not None and came != total:
        raise httpx.RemoteProtocolError("the connection closed early")
    return came


def _total_of(entry: ModelEntry, reply: Any, offset: int) -> int | None:
    """Size of the whole file by the reply's headers; InputError for a reply that is no such file."""
    code = reply.status_code
    if code not in (200, 206, 416):
        what = "has no such file" if code in (404, 410) else "refuses the download"
        raise InputError(
            f"The address of '{entry.name}' {what} (HTTP {code}): look for {entry.file} at its publisher's page and "
            f"put it into the models folder. {entry.address}"
        )
    if entry.address.startswith("https:") and reply.url.scheme != "https":
        raise InputError(
            f"The address of '{entry.name}' leads to an unprotected one: not downloaded. {reply.url}"
        )
    if reply.headers.get("content-type", "").startswith("text/html"):
        raise InputError(
            f"The address of '{entry.name}' gives a web page instead of the file: log in to the network first, then "
            "try again."
        )
    whole = reply.headers.get("content-range", "").rpartition("/")[2]
    if code in (206, 416):
        return int(whole) if whole.isdigit() else None
    length = reply.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


def _range_start(reply: Any) -> int:
    """First byte of a partial reply; -1 when it does not say."""
    span = reply.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(span) if span.isdigit() else -1


def _version_of(reply: Any) -> str:
    """What names this version of the file at the host: a strong ETag, else the date; "" without either."""
    tag = reply.headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else reply.headers.get("last-modified", "")


def _restart(file: IO[bytes]) -> int:
    file.seek(0)
    file.truncate()
    return 0


def _check_disk(entry: ModelEntry, folder: Path, missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if missing + SPARE_BYTES > free:
        raise InputError(
            f"'{entry.name}' needs {size_text(missing / MIB)} more and {size_text(free / MIB)} are free: make room, or "
            f"name another folder with --models. {folder}"
        )


def _checked(entry: ModelEntry, target: Path, partial: Path, total: int) -> str:
    """Checksum of a complete file; a wrong one is removed and refused."""
    if total == 0 or partial.stat().st_size != total:
        _discard(partial)
        raise InputError(f"The file of '{entry.name}' came with a wrong size and was removed: try again.")
    digest = sha256_of(partial)
    earlier = read_record(target)
    wanted = entry.sha256 or (earlier.sha256 if earlier and earlier.address == entry.address else None)
    if wanted is not None and digest != wanted:
        _discard(partial)
        raise InputError(
            f"The file of '{entry.name}' has a wrong checksum and was removed: try again; if it stays so, the "
            "publisher changed it or somebody in between did."
        )
    return digest


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _notes_path(partial).unlink(missing_ok=True)


def _report(came: int, total: int, since: tuple[float, int]) -> tuple[float, str]:
    """Share done and a sentence with speed and time left."""
    started, before = since
    speed = (came - before) / max(time.monotonic() - started, 1e-3)
    left = (total - came) / max(speed, 1.0)
    text = f"{size_text(came / MIB)} of {size_text(total / MIB)}, {speed / MIB:.1f} MB/s, {_time_text(left)} left"
    return (1 - CHECK_SHARE) * min(came / max(total, 1), 1.0), text


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _notes_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _read_notes(partial: Path) -> dict[str, str]:
    try:
        found = json.loads(_notes_path(partial).read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}
