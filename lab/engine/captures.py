"""The captures of a workspace: photos brought in, each under a name of its own and known again by its content."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liftlab.components.errors import InputError, closest
from liftlab.components.files import MANIFEST, content_key, inside, is_sealed, put_in_place
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.engine.workspace import Workspace, capture_lock
from liftlab.files.identifiers import checked_name, fresh_name, name_from

if TYPE_CHECKING:
    from liftlab.components.captures import Capture, ImportLimits, ImportReport


class Imported(NamedTuple):
    """An imported capture."""

    name: str
    report: "ImportReport"
    """What was found in it."""


class CaptureShelf:
    """What a `Lab` does with captures."""

    workspace: Workspace

    def captures(self) -> list[str]:
        """Names of the captures."""
        return self.workspace.capture_names()

    def capture(self, name: str) -> "Capture":
        """Open a capture. InputError with the nearest names when there is none."""
        from liftlab.components.captures import open_capture

        if name not in self.captures():
            raise InputError(f"There is no capture '{name}'. {closest(name, self.captures())}")
        return open_capture(self.workspace.capture_folder(name))

    def import_capture(
        self,
        source: Path | str | Sequence[Path],
        name: str | None = None,
        *,
        cameras: Path | None = None,
        with_cameras: bool = True,
        limits: "ImportLimits | None" = None,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> Imported:
        """Bring photos into the workspace.

        Args:
            source: Folder, archive, video, model or list of photos.
            name: Name of the capture; None makes one from the source. When another capture has that name
                already, a number is added; the same photos imported again keep their name.
            cameras: A cameras.json to use with the photos.
            with_cameras: False leaves cameras that lie beside the photos unread.

        Raises:
            InputError: Why nothing could be imported; nothing is left behind.
        """
        from liftlab.components.captures import import_capture

        if isinstance(source, str | Path):
            source = Path(source).expanduser()
            wanted = fresh_name(name) if name else name_from(source.resolve().stem)
        else:
            source = [Path(path) for path in source]
            wanted = fresh_name(name) if name else "capture"
        with self.workspace.scratch() as scratch, self.workspace.disk_full_explained():
            folder = inside(scratch, wanted)
            report = import_capture(
                source,
                folder,
                cameras=cameras,
                with_cameras=with_cameras,
                limits=limits,
                progress=progress,
                cancel=cancel,
            )
            return Imported(self._take_in(folder, wanted), report)

    def _take_in(self, folder: Path, wanted: str) -> str:
        """Move a freshly imported capture to the first free name, or find that it is there already."""
        key = capture_key(folder)
        for number in range(1, 1000):
            name = wanted if number == 1 else f"{wanted}-{number}"
            target = self.workspace.capture_folder(name)
            with self.workspace.locked(capture_lock(name)):
                if not is_sealed(target):
                    shutil.rmtree(target, ignore_errors=True)
                    put_in_place(folder, target)
                    return name
                if capture_key(target) == key:
                    return name
        raise InputError(f"There are too many captures called '{wanted}'; give this one another name.")

    def adopt_capture(self, folder: Path, name: str) -> str:
        """Copy a sealed capture of another workspace into this one; returns its name here."""
        if not is_sealed(folder, checksums=True):
            raise InputError(f"This is not a complete capture; import the photos again: {folder}")
        with self.workspace.scratch() as scratch, self.workspace.disk_full_explained():
            copy = inside(scratch, checked_name(name))
            shutil.copytree(folder, copy)
            return self._take_in(copy, name)


def capture_key(folder: Path) -> str:
    """Key of a capture: names and checksums of its photos and cameras, what their EXIF data said, where it lies."""
    used = {name: sha256 for name, sha256 in file_hashes(folder).items() if name != "capture.json"}
    record = json.loads((folder / "capture.json").read_text(encoding="utf-8"))
    focal = {photo["name"]: photo["exif_focal_px"] for photo in record["photos"]}
    return content_key("capture", used, focal, *([record["offset"]] if "offset" in record else []))


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a sealed folder, by its path in it."""
    files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    return {name: entry["sha256"] for name, entry in files.items()}
