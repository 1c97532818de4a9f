"""The workspace on disk: where captures, scenes, masks and prepared methods live, and how they stay
trustworthy.

    captures/NAME/                 photos and capture.json
    scenes/KEY/                    reconstruction; scenes/KEY/gaussians/KEY/ its splats, scenes/KEY/masks/KEY/
                                   its mask caches
    methods/KEY/                   prepared methods
    notebooks/NAME.json            saved runs
    names/NAME.json                which keys a scene name stands for
    locks/, tmp/, liftlab.log      locks per key, scratch space, log

KEY is the hash of a step's inputs, config and code version, so nothing is computed twice and nothing stale is
shown. Every folder with results is sealed by a manifest; one without a valid manifest is rebuilt, never
trusted.
"""

import contextlib
import errno
import json
import logging
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from liftlab.components.errors import InputError, closest
from liftlab.components.files import in_writing, inside, is_sealed, sealed_folder, write_json
from liftlab.components.processes.scratch import SUFFIX, sweep, sweep_scratch
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.files.identifiers import (
    checked_key,
    checked_method,
    checked_name,
    checked_visitor_id,
    printable,
)
from liftlab.files.locks import FileLock

log = logging.getLogger("liftlab")

SCHEMA_VERSION = 1
STEP_FILE = "step.json"
CHECKPOINT_SUFFIX = ".checkpoint.safetensors"
DEFAULT_ROOT = Path("~/.liftlab")
LOG_BYTES_MAX = 5 << 20
_LEFTOVER = re.compile(r"\.(?P<name>.+)\.[^.]+\.(partial|stale|unpacked)")

Kind = Literal["capture", "scene", "gaussians", "masks", "method"]
_RESULTS: tuple[tuple[Kind, str], ...] = (
    ("capture", "captures/*"), ("scene", "scenes/*"), ("gaussians", "scenes/*/gaussians/*"),
    ("masks", "scenes/*/masks/*"), ("method", "methods/*"),
)  # fmt: skip
"""Where the folders of each kind of result lie."""


@dataclass(frozen=True)
class SceneEntry:
    """What a scene name stands for."""

    name: str
    capture: str
    """Name of the capture it was made from."""
    scene_key: str
    config: dict[str, Any]
    """Configuration of the reconstruction."""
    masks_key: str | None = None
    masks_config: dict[str, Any] | None = None
    methods: dict[str, str] | None = None
    """Method name to the key of its prepared state made last."""
    gaussians_key: str | None = None
    """Of the splats trained last."""
    gaussians_config: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raise InputError for what cannot be part of a path: entries are also read back from the disk."""
        checked_name(self.name)
        checked_name(self.capture)
        checked_key(self.scene_key)
        for key in (self.masks_key, self.gaussians_key):
            if key is not None:
                checked_key(key)
        for method, key in (self.methods or {}).items():
            checked_method(method)
            checked_key(key)


@dataclass(frozen=True)
class Item:
    """One folder of the workspace that holds a result."""

    kind: Kind
    name: str
    """Capture name or key."""
    path: Path
    bytes: int
    used_by: tuple[str, ...]
    """Scene names that refer to it; a folder nobody refers to may be pruned (captures are always kept)."""


class _LogFile(logging.FileHandler):
    """A log that does without what a full disk does not take."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class Workspace:
    """Folders, names and locks of one workspace. Several processes may use one at the same time.

    Args:
        root: The folder; made when missing. None takes ~/.liftlab.

    Raises:
        InputError: The folder cannot be made or written.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root if root is not None else DEFAULT_ROOT).expanduser().resolve()
        try:
            for folder in ("captures", "scenes", "methods", "notebooks", "names", "locks", "tmp"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The workspace cannot be used ({error.strerror}); choose another with --workspace: "
                f"{self.root}"
            ) from error
        self.clean_leftovers()

    # Places

    def capture_folder(self, name: str) -> Path:
        return inside(self.root / "captures", checked_name(name))

    def scene_folder(self, scene_key: str) -> Path:
        return inside(self.root / "scenes", checked_key(scene_key))

    def masks_folder(self, scene_key: str, masks_key: str) -> Path:
        return inside(self.scene_folder(scene_key), "masks", checked_key(masks_key))

    def search_folder(self, scene_key: str, search_key: str) -> Path:
        """What was measured of a scene's objects for finding them by words; goes when the scene goes."""
        return inside(self.scene_folder(scene_key), "search", checked_key(search_key))

    def gaussians_folder(self, scene_key: str, gaussians_key: str) -> Path:
        return inside(self.scene_folder(scene_key), "gaussians", checked_key(gaussians_key))

    def checkpoint_path(self, scene_key: str, gaussians_key: str) -> Path:
        """State of a training that is running or was stopped, so that it can go on."""
        return inside(
            self.scene_folder(scene_key), "gaussians", f"{checked_key(gaussians_key)}{CHECKPOINT_SUFFIX}"
        )

    def method_folder(self, key: str) -> Path:
        return inside(self.root / "methods", checked_key(key))

    def session_path(self, visitor_id: str) -> Path:
        """Prompts of a browser."""
        return inside(self.root / "sessions", f"{checked_visitor_id(visitor_id)}.json")

    def exports_folder(self, visitor_id: str) -> Path:
        """What a browser takes away."""
        return inside(self.root / "exports", checked_visitor_id(visitor_id))

    def uploads_folder(self, visitor_id: str) -> Path:
        """What a browser brings, on its way into a capture."""
        return inside(self.root / "uploads", checked_visitor_id(visitor_id))

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def log_path(self) -> Path:
        return self.root / "liftlab.log"

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for passing use, on the workspace's disk; removed afterwards, or by the next start after
        a crash.
        """
        folder = inside(self.root / "tmp", uuid.uuid4().hex)
        with contextlib.ExitStack() as stack:
            with self.disk_full_explained():
                stack.enter_context(FileLock(self._lock_path(folder.name)).hold())
                folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        self._lock_path(folder.name).unlink(missing_ok=True)

    def drop_methods_of(self, key: str) -> None:
        """Remove prepared methods made from the scene, splats or masks `key`: what they were made from is being
        rebuilt.
        """
        for folder in (self.root / "methods").iterdir():
            record = step_record(folder)
            if record is not None and key in record.get("inputs", {}).values():
                shutil.rmtree(folder, ignore_errors=True)

    # Locks and sealed results

    @contextlib.contextmanager
    def locked(
        self, key: str, *, progress: Progress = no_progress, cancel: CancelToken | None = None
    ) -> Iterator[None]:
        """Hold the lock of `key` against other threads and processes; waiting is reported and can be
        cancelled.
        """
        lock = FileLock(self._lock_path(key))
        while not self._acquired(lock):
            if cancel is not None:
                cancel.check()
            progress(0.0, "Another LiftLab process is working on this; waiting for it")
            time.sleep(0.1)
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def writing(self, folder: Path, record: dict[str, Any]) -> Iterator[Path]:
        """Build a sealed result folder with its `step.json`; call with the lock of its key held.

        Raises:
            InputError: The disk is full; nothing is left behind and what was there before is untouched.
        """
        with self.disk_full_explained(), sealed_folder(folder) as temporary:
            yield temporary
            write_json(temporary / STEP_FILE, {"schema_version": SCHEMA_VERSION, **record})

    @contextlib.contextmanager
    def disk_full_explained(self) -> Iterator[None]:
        """Turn "no space left", in whatever form a library raises it, and "read only" into a sentence."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
                log.warning("The workspace cannot be written: %s", error)
                raise InputError(
                    "The workspace may only be read, so nothing was kept; change its permissions, or choose another "
                    f"with --workspace: {self.root}"
                ) from error
            if not is_disk_full(error, self.root):
                raise
            log.warning("Disk full: %s", error)
            raise InputError(
                "The disk of the workspace is full, so nothing was kept; free some space "
                f"(`liftlab workspace prune` may help) and run it again: {self.root}"
            ) from error

    # Names

    def scene_names(self) -> list[str]:
        """Names of the scenes; files in `names/` that stand for none are left out (`odd_entries` tells them)."""
        files = (self.root / "names").glob("[!.]*.json")
        return sorted(path.stem for path in files if _is_name(path.stem) and path.is_file())

    def scene_entry(self, name: str) -> SceneEntry | None:
        """What the scene name stands for; None when there is none or its file is damaged (then it is made
        again).
        """
        path = self._entry_path(name)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            del record["schema_version"]
            return SceneEntry(**record)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("The entry of scene '%s' is damaged (%s) and will be made again.", name, error)
            return None

    def odd_entries(self) -> list[str]:
        """Files in `names/` that stand for no scene and folders that can hold no result, by their place in the
        workspace: they are skipped everywhere, and left to be removed or mended by hand.
        """
        odd = []
        for path in sorted((self.root / "names").glob("[!.]*")):
            known = path.suffix == ".json" and _is_name(path.stem) and path.is_file()
            if not known or self.scene_entry(path.stem) is None:
                odd.append(path)
        for kind, pattern in _RESULTS:
            found = sorted(self.root.glob(pattern.removesuffix("*") + "[!.]*"))
            odd += [path for path in found if path.is_dir() and not _is_result_name(kind, path.name)]
        return [printable(path.relative_to(self.root).as_posix()) for path in odd]

    def _entry_path(self, name: str) -> Path:
        return inside(self.root / "names", f"{checked_name(name)}.json")

    def write_scene_entry(self, entry: SceneEntry) -> None:
        with self.disk_full_explained():
            write_json(self._entry_path(entry.name), {"schema_version": SCHEMA_VERSION, **asdict(entry)})

    def rename_scene(self, name: str, new_name: str) -> None:
        """Give a scene another name; nothing is computed again.

        Raises:
            InputError: There is no such scene, the new name is taken or cannot be a file name.
        """
        entry = self._known_scene(name)
        if new_name in self.scene_names():
            raise InputError(
                f"There is a scene '{new_name}' already; choose another name, or delete it first."
            )
        self.write_scene_entry(replace(entry, name=checked_name(new_name)))
        self.forget_scene(name)

    def delete_scene(self, name: str) -> list[Item]:
        """Remove a scene with every result that no other scene uses; its photos stay as a capture.

        Returns:
            The folders removed. What is being built right now stays.

        Raises:
            InputError: There is no such scene.
        """
        self._known_scene(name)
        own = [item for item in self.items() if item.used_by == (name,) and item.kind != "capture"]
        self.forget_scene(name)
        return [item for item in own if self._remove_item(item)]

    def _known_scene(self, name: str) -> SceneEntry:
        entry = self.scene_entry(name) if name in self.scene_names() else None
        if entry is None:
            raise InputError(f"There is no scene '{name}'. {closest(name, self.scene_names())}")
        return entry

    def forget_scene(self, name: str) -> None:
        """Remove the name; its folders stay until `prune`."""
        self._entry_path(name).unlink(missing_ok=True)

    def capture_names(self) -> list[str]:
        folders = (self.root / "captures").iterdir()
        return sorted(path.name for path in folders if _is_name(path.name) and is_sealed(path))

    # Looking after it

    def items(self) -> list[Item]:
        """Every result folder with its size and who uses it."""
        entries = [entry for name in self.scene_names() if (entry := self.scene_entry(name))]
        users: dict[str, set[str]] = {}
        for entry in entries:
            for key in (
                entry.scene_key,
                entry.gaussians_key,
                entry.masks_key,
                *(entry.methods or {}).values(),
                f"/{entry.capture}",
            ):
                if key:
                    users.setdefault(key, set()).add(entry.name)
        found: list[Item] = []
        for kind, pattern in _RESULTS:
            for path in sorted(self.root.glob(pattern)):
                if path.is_dir() and _is_result_name(kind, path.name):
                    used = users.get(f"/{path.name}" if kind == "capture" else path.name, set())
                    size = _bytes_of(path, skip=("gaussians", "masks") if kind == "scene" else ())
                    found.append(Item(kind, path.name, path, size, tuple(sorted(used))))
        return found

    def prune(self) -> list[Item]:
        """Remove results that no scene name refers to, broken ones, and saved states of stopped trainings;
        captures with a valid manifest always stay.
        """
        gone = []
        for path in self.root.glob(f"scenes/*/gaussians/*{CHECKPOINT_SUFFIX}"):
            self._remove_unlocked(path, path.name.removesuffix(CHECKPOINT_SUFFIX))
        for item in self.items():
            broken = not is_sealed(item.path)
            if not broken and (item.kind == "capture" or item.used_by):
                continue
            if self._remove_item(item):
                gone.append(item)
        return gone

    def _remove_item(self, item: Item) -> bool:
        """Remove a result folder unless it is being built right now."""
        lock = FileLock(self._lock_path(_lock_name(item.kind, item.name)))
        if not lock.acquire():
            return False
        try:
            shutil.rmtree(item.path, ignore_errors=True)
        finally:
            lock.release()
        return True

    def verify(self) -> list[tuple[Item, bool]]:
        """Check size and checksum of every file of every result."""
        return [(item, is_sealed(item.path, checksums=True)) for item in self.items()]

    def clean_leftovers(self) -> list[Path]:
        """Remove what crashed processes left half-written. What a living process writes is locked, and
        stays.
        """
        gone = []
        for pattern, kind in (
            ("captures/.*", "capture"), ("scenes/.*", "scene"), ("scenes/*/gaussians/.*", "gaussians"),
            ("scenes/*/masks/.*", "masks"), ("scenes/*/search/.*", "search"),
            ("scenes/*/named/.*", "named"),
            ("methods/.*", "method"), ("names/.*", "name"), ("notebooks/.*", "notebook"),
            ("sessions/.*", "session"), ("scenes/*/.*", "file"), ("scenes/*/kept/*/.*", "kept"),
        ):  # fmt: skip
            for path in self.root.glob(pattern):
                match = _LEFTOVER.fullmatch(path.name)
                if match is None or (path.is_file() and in_writing(path)):
                    continue
                if self._remove_unlocked(path, self._lock_of(path, kind, match["name"])):
                    gone.append(path)
        gone += [*sweep(self.root / "tmp"), *sweep_scratch()]
        for path in (self.root / "tmp").iterdir():
            if path.suffix == SUFFIX:  # of a living process, see `liftlab.components.processes.scratch`
                continue
            if self._remove_unlocked(path, path.name):
                self._lock_path(path.name).unlink(missing_ok=True)
                gone.append(path)
        if gone:
            log.info("Removed %d leftovers of an interrupted run.", len(gone))
        return gone

    def open_log(self) -> None:
        """Send the log of this process to the workspace's log file (once per process and file)."""
        logger = logging.getLogger("liftlab")
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename) == self.log_path:
                return
        with contextlib.suppress(OSError):
            if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
                os.replace(self.log_path, self.log_path.with_suffix(".log.1"))
        if not os.access(self.root, os.W_OK):  # a workspace to be read only
            return
        handler = _LogFile(self.log_path, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def _acquired(self, lock: FileLock) -> bool:
        with self.disk_full_explained():
            return lock.acquire()

    def _lock_of(self, path: Path, kind: str, name: str) -> str:
        """Key of the lock that is held while a leftover called `name` is being written."""
        if kind == "kept":
            return f"kept-{path.parent.parent.parent.name}-{path.parent.name}"
        return _lock_name(kind, name.removesuffix(CHECKPOINT_SUFFIX))

    def _lock_path(self, key: str) -> Path:
        return inside(self.root / "locks", f"{key}.lock")

    def _remove_unlocked(self, path: Path, key: str) -> bool:
        try:
            lock = FileLock(self._lock_path(key))
            if not lock.acquire():
                return False
        except (InputError, OSError):  # not a name of ours; a workspace to be read only
            return False
        try:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        finally:
            lock.release()
        return True


def is_disk_full(error: BaseException, root: Path) -> bool:
    """Whether `error` (or its cause) comes from a full disk; numpy and others raise it without an errno."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if "No space left" in str(error) or "Disk quota exceeded" in str(error):
        return True
    if isinstance(error, OSError) and error.errno is None:
        return shutil.disk_usage(root).free < (1 << 20)
    return error.__cause__ is not None and is_disk_full(error.__cause__, root)


def _lock_name(kind: str, name: str) -> str:
    """Keys lock under their own name; what people name (captures, scenes, notebooks) with its kind before
    it.
    """
    return name if kind in ("scene", "gaussians", "masks", "method") else f"{kind}-{name}"


def step_record(folder: Path) -> dict[str, Any] | None:
    """The `step.json` of a result folder (step, key, inputs, config, seconds); None when it cannot be read."""
    try:
        record = json.loads((folder / STEP_FILE).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or not isinstance(record.get("inputs", {}), dict):
            return None
        if "key" in record:
            checked_key(record["key"])
    except (OSError, ValueError, RecursionError):
        return None
    return record


def _is_name(text: str) -> bool:
    return _passes(checked_name, text)


def _is_result_name(kind: Kind, text: str) -> bool:
    return _passes(checked_name if kind == "capture" else checked_key, text)


def _passes(check: Callable[[str], str], text: str) -> bool:
    try:
        check(text)
    except InputError:
        return False
    return True


def capture_lock(name: str) -> str:
    """Lock key of a capture."""
    return _lock_name("capture", name)


def _bytes_of(folder: Path, *, skip: tuple[str, ...]) -> int:
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip]
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(path, name)).st_size
    return total
