"""Saved works: what a person has of scenes, any number of each, every one a file that is the saved session.

They lie in `sessions/PERSON/ID.json`. The one that was touched last is the one to go on with.
"""

import contextlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError
from liftlab.components.files import inside, put_in_place, write_json
from liftlab.files.identifiers import visitor_id_is_valid
from liftlab.files.reading import from_json, read_file
from liftlab.session.saving.saved import saved_from

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace

log = logging.getLogger("liftlab.page")


@dataclass(frozen=True)
class Work:
    """What a list says of a saved work."""

    id: str
    name: str
    """That a person gave it; empty while nobody did."""
    scene: str
    """Name of its scene when it was saved."""
    scene_key: str | None
    objects: tuple[str, ...]
    """Their names."""
    changed: float
    """Seconds since 1970 UTC."""


class Works:
    """All works of one person. Files that are damaged are left out, and left where they are."""

    def __init__(self, workspace: "Workspace", person: str) -> None:
        self._workspace = workspace
        self._folder = workspace.sessions_folder(person)
        self._known: dict[str, tuple[int, Work | None]] = {}
        """By file: time of its last change, and what it says; None for one that is damaged."""
        before = workspace.session_path(person)  # of earlier versions, which kept one work
        with contextlib.suppress(OSError):
            if before.is_file():
                self._folder.mkdir(parents=True, exist_ok=True)
                put_in_place(before, self._path(new_id()))

    def all(self) -> list[Work]:
        """Every work, the one touched last first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                work_id = entry.name.removesuffix(".json")
                if entry.name.endswith(".json") and visitor_id_is_valid(work_id):
                    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                        found.append((entry.stat().st_mtime_ns, work_id))
        return [
            work for changed, work_id in sorted(found, reverse=True) if (work := self._work(work_id, changed))
        ]

    def of_scene(self, name: str, scene_key: str | None, names: list[str]) -> list[Work]:
        """The works of a scene (`is_of_scene`), the one touched last first."""
        return [work for work in self.all() if is_of_scene(work, name, scene_key, names)]

    def read(self, work_id: str) -> dict[str, Any]:
        """A work as `Session.from_json` takes it. InputError when it is gone or cannot be read."""
        path = self._path(work_id)
        try:
            return from_json(read_file(path, "saved work"), dict[str, Any])
        except ValueError as error:
            raise InputError(f"The saved work cannot be read, {error}.") from error

    def write(self, work_id: str, record: dict[str, Any]) -> None:
        """Save a work, whole or not at all. InputError or OSError where that is not possible."""
        with self._workspace.disk_full_explained():
            write_json(self._path(work_id), record)
        changed = self.changed(
            work_id
        )  # the list says what was written without reading it again, at every click
        self._known[work_id] = changed, _listed(work_id, record, changed)

    def rename(self, work_id: str, name: str) -> None:
        """Give a work another name; it keeps its place in the list."""
        changed = self.changed(work_id)
        self.write(work_id, {**self.read(work_id), "name": name})
        os.utime(self._path(work_id), ns=(changed, changed))
        self._known.pop(work_id, None)  # whose time is the same

    def delete(self, work_id: str) -> None:
        self._path(work_id).unlink(missing_ok=True)

    def touch(self, work_id: str) -> None:
        """Make a work the one to go on with."""
        with contextlib.suppress(OSError):
            self._path(work_id).touch()

    def changed(self, work_id: str) -> int:
        """Nanoseconds of its last change; 0 while it is not saved."""
        try:
            return self._path(work_id).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _work(self, work_id: str, changed: int) -> Work | None:
        if work_id not in self._known or self._known[work_id][0] != changed:
            self._known[work_id] = changed, self._read_work(work_id, changed)
        return self._known[work_id][1]

    def _read_work(self, work_id: str, changed: int) -> Work | None:
        try:
            saved = saved_from(self.read(work_id))
        except (InputError, OSError) as error:
            log.warning("the saved work %s is left aside: %s", work_id, error)
            return None
        if saved.scene is None:
            return None
        names = tuple(entry.prompts.object for entry in saved.objects)
        return Work(work_id, saved.name, saved.scene, saved.scene_key, names, changed / 1e9)

    def _path(self, work_id: str) -> Path:
        if not visitor_id_is_valid(work_id):
            raise InputError("There is no such saved work; choose another one.")
        return inside(self._folder, f"{work_id}.json")


def _listed(work_id: str, record: dict[str, Any], changed: int) -> Work | None:
    """What the list says of a work that was just written."""
    if record["scene"] is None:
        return None
    names = tuple(entry["prompts"]["object"] for entry in record["objects"])
    name, key = record.get("name", ""), record.get("scene_key")
    return Work(work_id, name, record["scene"], key, names, changed / 1e9)


def is_of_scene(work: Work, name: str, scene_key: str | None, names: list[str]) -> bool:
    """Whether a work is of a scene, perhaps saved while that had another name.

    Args:
        names: Of all scenes there are.
    """
    return work.scene == name or (
        work.scene_key is not None and work.scene_key == scene_key and work.scene not in names
    )


def new_id() -> str:
    """For a work that is not saved yet."""
    return secrets.token_urlsafe(18)
