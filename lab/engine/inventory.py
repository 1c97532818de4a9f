"""What lies in a workspace: results with their sizes and users, what may go, what is damaged, what a crash left."""

import contextlib
import logging
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from liftlab.components.errors import InputError
from liftlab.components.files import in_writing, is_sealed
from liftlab.components.processes.scratch import SUFFIX, sweep, sweep_scratch
from liftlab.files.identifiers import is_key, is_name, printable
from liftlab.files.locks import FileLock, lock_name

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace

log = logging.getLogger("liftlab")

CHECKPOINT_SUFFIX = ".checkpoint.safetensors"
"""Of the saved state of a training."""
_LEFTOVER = re.compile(r"\.(?P<name>.+)\.[^.]+\.(partial|stale|unpacked)")

Kind = Literal["capture", "scene", "gaussians", "masks", "method"]
_RESULTS: tuple[tuple[Kind, str], ...] = (
    ("capture", "captures/*"), ("scene", "scenes/*"), ("gaussians", "scenes/*/gaussians/*"),
    ("masks", "scenes/*/masks/*"), ("method", "methods/*"),
)  # fmt: skip
"""Where the folders of each kind of result lie."""


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


def items(workspace: "Workspace") -> list[Item]:
    """Every result folder with its size and who uses it."""
    entries = [entry for name in workspace.scene_names() if (entry := workspace.scene_entry(name))]
    users: dict[str, set[str]] = {}
    for entry in entries:
        for key in (
            entry.scene_key,
            entry.gaussians_key,
            entry.beside_key,
            entry.masks_key,
            *(entry.methods or {}).values(),
            f"/{entry.capture}",
        ):
            if key:
                users.setdefault(key, set()).add(entry.name)
    found: list[Item] = []
    for kind, pattern in _RESULTS:
        for path in sorted(workspace.root.glob(pattern)):
            if path.is_dir() and _is_result_name(kind, path.name):
                used = users.get(f"/{path.name}" if kind == "capture" else path.name, set())
                size = _bytes_of(path, skip=("gaussians", "masks") if kind == "scene" else ())
                found.append(Item(kind, path.name, path, size, tuple(sorted(used))))
    return found


def delete_scene(workspace: "Workspace", name: str) -> list[Item]:
    """Remove a scene with every result that no other scene uses; its photos stay as a capture.

    Returns:
        The folders removed. What is being built right now stays.

    Raises:
        InputError: There is no such scene.
    """
    workspace.known_scene(name)
    own = [item for item in items(workspace) if item.used_by == (name,) and item.kind != "capture"]
    workspace.forget_scene(name)
    return [item for item in own if _remove_item(workspace, item)]


def odd_entries(workspace: "Workspace") -> list[str]:
    """Files in `names/` that stand for no scene and folders that can hold no result, by their place in the
    workspace: they are skipped everywhere, and left to be removed or mended by hand.
    """
    odd = []
    for path in sorted((workspace.root / "names").glob("[!.]*")):
        known = path.suffix == ".json" and is_name(path.stem) and path.is_file()
        if not known or workspace.scene_entry(path.stem) is None:
            odd.append(path)
    for kind, pattern in _RESULTS:
        found = sorted(workspace.root.glob(pattern.removesuffix("*") + "[!.]*"))
        odd += [path for path in found if path.is_dir() and not _is_result_name(kind, path.name)]
    return [printable(path.relative_to(workspace.root).as_posix()) for path in odd]


def prune(workspace: "Workspace") -> list[Item]:
    """Remove results that no scene name refers to, broken ones, and saved states of stopped trainings;
    captures with a valid manifest always stay.
    """
    gone = []
    for path in workspace.root.glob(f"scenes/*/gaussians/*{CHECKPOINT_SUFFIX}"):
        _remove_unlocked(workspace, path, path.name.removesuffix(CHECKPOINT_SUFFIX))
    for item in items(workspace):
        broken = not is_sealed(item.path)
        if not broken and (item.kind == "capture" or item.used_by):
            continue
        if _remove_item(workspace, item):
            gone.append(item)
    return gone


def verify(workspace: "Workspace") -> list[tuple[Item, bool]]:
    """Check size and checksum of every file of every result."""
    return [(item, is_sealed(item.path, checksums=True)) for item in items(workspace)]


def clean_leftovers(workspace: "Workspace") -> list[Path]:
    """Remove what crashed processes left half-written. What a living process writes is locked, and
    stays.
    """
    gone = []
    for pattern, kind in (
        ("captures/.*", "capture"), ("scenes/.*", "scene"), ("scenes/*/gaussians/.*", "gaussians"),
        ("scenes/*/masks/.*", "masks"), ("scenes/*/search/.*", "search"),
        ("scenes/*/named/.*", "named"),
        ("methods/.*", "method"), ("names/.*", "name"), ("notebooks/.*", "notebook"),
        ("sessions/.*", "session"), ("sessions/*/.*", "session"), ("scenes/*/.*", "file"),
        ("scenes/*/kept/*/.*", "kept"),
    ):  # fmt: skip
        for path in workspace.root.glob(pattern):
            match = _LEFTOVER.fullmatch(path.name)
            if match is None or (path.is_file() and in_writing(path)):
                continue
            if _remove_unlocked(workspace, path, _lock_of(path, kind, match["name"])):
                gone.append(path)
    gone += [*sweep(workspace.root / "tmp"), *sweep_scratch()]
    for path in (workspace.root / "tmp").iterdir():
        if path.suffix == SUFFIX:  # of a living process, see `liftlab.components.processes.scratch`
            continue
        if _remove_unlocked(workspace, path, path.name):
            workspace.lock_path(path.name).unlink(missing_ok=True)
            gone.append(path)
    if gone:
        log.info("Removed %d leftovers of an interrupted run.", len(gone))
    return gone


def _remove_item(workspace: "Workspace", item: Item) -> bool:
    """Remove a result folder unless it is being built right now."""
    lock = FileLock(workspace.lock_path(lock_name(item.kind, item.name)))
    if not lock.acquire():
        return False
    try:
        shutil.rmtree(item.path, ignore_errors=True)
    finally:
        lock.release()
    return True


def _remove_unlocked(workspace: "Workspace", path: Path, key: str) -> bool:
    try:
        lock = FileLock(workspace.lock_path(key))
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


def _lock_of(path: Path, kind: str, name: str) -> str:
    """Key of the lock that is held while a leftover called `name` is being written."""
    if kind == "kept":
        return f"kept-{path.parent.parent.parent.name}-{path.parent.name}"
    return lock_name(kind, name.removesuffix(CHECKPOINT_SUFFIX))


def _is_result_name(kind: Kind, text: str) -> bool:
    return is_name(text) if kind == "capture" else is_key(text)


def _bytes_of(folder: Path, *, skip: tuple[str, ...]) -> int:
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip]
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(path, name)).st_size
    return total
