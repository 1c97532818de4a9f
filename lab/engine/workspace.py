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
import json
import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from liftlab.components.errors import InputError, closest
from liftlab.components.files import inside, is_sealed, sealed_folder, write_json
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.engine.inventory import CHECKPOINT_SUFFIX, clean_leftovers
from liftlab.files.disk import disk_full_explained
from liftlab.files.identifiers import (
    checked_key,
    checked_method,
    checked_name,
    checked_visitor_id,
    fresh_name,
    is_name,
)
from liftlab.files.locks import FileLock, lock_name
from liftlab.files.log_file import open_log

log = logging.getLogger("liftlab")

SCHEMA_VERSION = 1
STEP_FILE = "step.json"
DEFAULT_ROOT = Path("~/.liftlab")


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
    asked: dict[str, dict[str, Any]] | None = None
    """Method name to the configuration it was asked for last, where that is not the one its state was made with: they
    differ in settings that only answers depend on."""
    gaussians_key: str | None = None
    """Of the splats trained last."""
    gaussians_config: dict[str, Any] | None = None
    beside_key: str | None = None
    """Of other splats of the scene, offered beside those in use; None where there are none."""
    beside_config: dict[str, Any] | None = None
    psnr_in_use: float | None = None
    """Of the splats in use, on the same photos and size as `psnr_beside`, dB; None without splats beside."""
    psnr_beside: float | None = None

    def __post_init__(self) -> None:
        """Raise InputError for what cannot be part of a path: entries are also read back from the disk."""
        checked_name(self.name)
        checked_name(self.capture)
        checked_key(self.scene_key)
        for key in (self.masks_key, self.gaussians_key, self.beside_key):
            if key is not None:
                checked_key(key)
        for method, key in (self.methods or {}).items():
            checked_method(method)
            checked_key(key)


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
        clean_leftovers(self)

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

    def sessions_folder(self, person: str) -> Path:
        """Saved works of a person: who signed in, else whoever uses a browser."""
        return inside(self.root / "sessions", checked_visitor_id(person))

    def session_path(self, visitor_id: str) -> Path:
        """Where earlier versions kept the one work of a browser."""
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
                stack.enter_context(FileLock(self.lock_path(folder.name)).hold())
                folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        self.lock_path(folder.name).unlink(missing_ok=True)

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
        lock = FileLock(self.lock_path(key))
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

    def disk_full_explained(self) -> contextlib.AbstractContextManager[None]:
        """Turn "no space left", in whatever form a library raises it, and "read only" into a sentence."""
        return disk_full_explained(self.root)

    # Names

    def scene_names(self) -> list[str]:
        """Names of the scenes; files in `names/` that stand for none are left out (`inventory.odd_entries`)."""
        files = (self.root / "names").glob("[!.]*.json")
        return sorted(path.stem for path in files if is_name(path.stem) and path.is_file())

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

    def scene_changed(self, name: str) -> float | None:
        """When a scene was made or changed last, seconds since 1970 UTC; None when there is no such scene."""
        try:
            return self._entry_path(name).stat().st_mtime
        except FileNotFoundError:
            return None

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
        entry = self.known_scene(name)
        if new_name in self.scene_names():
            raise InputError(
                f"There is a scene '{new_name}' already; choose another name, or delete it first."
            )
        self.write_scene_entry(replace(entry, name=fresh_name(new_name)))
        self.forget_scene(name)

    def known_scene(self, name: str) -> SceneEntry:
        """What the scene name stands for. InputError with the nearest names when there is none."""
        entry = self.scene_entry(name) if name in self.scene_names() else None
        if entry is None:
            raise InputError(f"There is no scene '{name}'. {closest(name, self.scene_names())}")
        return entry

    def forget_scene(self, name: str) -> None:
        """Remove the name; its folders stay until `prune`."""
        self._entry_path(name).unlink(missing_ok=True)

    def capture_names(self) -> list[str]:
        folders = (self.root / "captures").iterdir()
        return sorted(path.name for path in folders if is_name(path.name) and is_sealed(path))

    def open_log(self) -> None:
        """Send the log of this process to the workspace's log file (once per process and file)."""
        open_log(self.log_path)

    def _acquired(self, lock: FileLock) -> bool:
        with self.disk_full_explained():
            return lock.acquire()

    def lock_path(self, key: str) -> Path:
        """File of the lock of `key`."""
        return inside(self.root / "locks", f"{key}.lock")


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


def capture_lock(name: str) -> str:
    """Lock key of a capture."""
    return lock_name("capture", name)
