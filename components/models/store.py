"""Folders that hold checkpoint files, and what is known about each file."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from liftlab.components.errors import InputError, closest
from liftlab.components.files import sha256_of, write_json
from liftlab.components.models.catalogue import ModelEntry, load_catalogue
from liftlab.components.models.kept_files import FOLDER

FOLDER_VARIABLE = "LIFTLAB_MODELS"
CODE_VARIABLE = "LIFTLAB_MAST3R"
DEFAULT_FOLDER = Path("~/.liftlab/models")
LICENCES_FILE = "accepted-licences.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class FileRecord:
    """What was recorded about a checkpoint file when it came: `FILE.json` beside it."""

    bytes: int
    sha256: str
    address: str | None
    """Where it was downloaded from; None for a file that a person brought."""


@dataclass(frozen=True)
class ModelStore:
    """Checkpoints in one or more folders; immutable but for a memory of verified files, so threads may share it."""

    folders: tuple[Path, ...]
    """Searched in this order; downloads go to the first."""
    entries: tuple[ModelEntry, ...]
    code_folder: Path | None = None
    """Clone of the MASt3R repository, when a person named one."""
    _verified: dict[tuple[Path, int, int], str] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @staticmethod
    def open(environ: Mapping[str, str]) -> "ModelStore":
        """The folders named by LIFTLAB_MODELS (if any) and ~/.liftlab/models; code of MASt3R by LIFTLAB_MAST3R."""
        named = environ.get(FOLDER_VARIABLE)
        folders = [Path(named).expanduser().resolve()] if named else []
        if folders and folders[0].exists() and not folders[0].is_dir():
            raise InputError(f"The models folder must be a folder: {folders[0]}")
        folders.append(DEFAULT_FOLDER.expanduser().resolve())
        code = environ.get(CODE_VARIABLE)
        unique = tuple(dict.fromkeys(folders))
        return ModelStore(
            unique, load_catalogue(*unique), Path(code).expanduser().resolve() if code else None
        )

    @property
    def kept_folder(self) -> Path:
        """Where results of networks are kept between runs; see `kept_files`."""
        return self.folders[0] / FOLDER

    def entry(self, name: str) -> ModelEntry:
        """The entry called `name`; InputError with the nearest names when there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise InputError(f"There is no model '{name}'. {closest(name, [e.name for e in self.entries])}")

    def find(self, entry: ModelEntry) -> Path | None:
        """The entry's file in the first folder that has it; None when none has. Half-downloaded files do not count."""
        for folder in self.folders:
            path = folder / entry.file
            if path.is_file():
                return path
        return None

    def intact(self, entry: ModelEntry, path: Path) -> bool:
        """Whether a file has the size that was recorded when it came: a glance, without reading it."""
        record = read_record(path)
        return path.stat().st_size > 0 and (record is None or path.stat().st_size == record.bytes)

    def verified(self, entry: ModelEntry) -> Path:
        """The entry's file after its checksum was compared, once per process, with the one known or recorded.

        A file that a person brought has neither: its checksum is recorded now.

        Raises:
            InputError: There is no file, or it is not the one that was recorded; the sentence has the command.
        """
        path = self.find(entry)
        if path is None:
            raise InputError(
                f"The model '{entry.name}' is not here: run `liftlab models get {entry.name}`, or put "
                f"{entry.file} into {self.folders[0]}."
            )
        stat = path.stat()
        seen = (path, stat.st_size, stat.st_mtime_ns)
        with self._lock:
            if seen in self._verified:
                return path
            record = read_record(path)
            wanted = entry.sha256 or (record.sha256 if record else None)
            found = sha256_of(path)
            if wanted is not None and found != wanted:
                raise InputError(
                    f"The file of '{entry.name}' is not the one that was checked when it came: remove it and run "
                    f"`liftlab models get {entry.name}` again. {path}"
                )
            if record is None:
                write_record(path, FileRecord(stat.st_size, found, None))
            self._verified[seen] = found
        return path

    def accepted(self, entry: ModelEntry) -> bool:
        """Whether the licence needs no confirmation or was confirmed here before."""
        return not entry.non_commercial or any(
            entry.licence in _accepted_in(folder / LICENCES_FILE) for folder in self.folders
        )

    def accept(self, entry: ModelEntry) -> None:
        """Remember that a person confirmed the licence; asked once per licence and models folder."""
        path = self.folders[0] / LICENCES_FILE
        known = sorted({*_accepted_in(path), entry.licence})
        write_json(path, {"schema_version": SCHEMA_VERSION, "licences": known})


def record_path(path: Path) -> Path:
    """`FILE.json` beside a checkpoint."""
    return path.with_name(f"{path.name}.json")


def read_record(path: Path) -> FileRecord | None:
    """What was recorded about the file at `path`; None when nothing readable was."""
    try:
        found = json.loads(record_path(path).read_text(encoding="utf-8"))
        return FileRecord(int(found["bytes"]), str(found["sha256"]), found.get("address"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(path: Path, record: FileRecord) -> None:
    """Record a file's size and checksum, where the folder can be written; else it is hashed again next time."""
    try:
        write_json(record_path(path), {"schema_version": SCHEMA_VERSION, **vars(record)})
    except PermissionError:
        return


def _accepted_in(path: Path) -> list[str]:
    try:
        return [str(licence) for licence in json.loads(path.read_text(encoding="utf-8"))["licences"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
