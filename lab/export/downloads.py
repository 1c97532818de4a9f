"""What a person takes away from the page: an export of the session as one file, in a folder the page may
serve from.
"""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError
from liftlab.components.files import inside
from liftlab.components.processes.scratch import PREFIX, owned_folder
from liftlab.export.formats import EVERYTHING, EXPORT_FORMATS

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor

NEEDS_SPLATS = "Train splats first, in the cell Splats"
EVERYTHING_OFFER = {
    "kind": EVERYTHING, "title": "Everything", "format": "ZIP",
    "summary": "All of these, in one ZIP (splats only where they are trained)", "missing": "", "purpose": "all",
}  # fmt: skip


@dataclass(frozen=True)
class Download:
    """A file to send, in a folder that nothing else writes to; whoever has sent it calls `forget`."""

    path: Path
    media_type: str
    _folder: ExitStack
    """Holds the folder."""

    def forget(self) -> None:
        """Remove the file."""
        self._folder.close()


def offers(*, splats: bool) -> list[dict[str, Any]]:
    """Kinds of export for the page: kind, title, format, the full sentence, what is missing for it (empty when it can
    be had), and what people want it for.

    Args:
        splats: The scene's splats are trained.
    """
    offered = [
        {
            "kind": record.name, "title": record.title, "format": record.short, "summary": record.summary,
            "missing": NEEDS_SPLATS if record.needs_splats and not splats else "", "purpose": record.purpose,
        }
        for record in EXPORT_FORMATS.records()
    ]  # fmt: skip
    return [*offered, EVERYTHING_OFFER]


def export_file(visitor: "Visitor", kind: str, *, metres: bool = False, mended: bool = False) -> Download:
    """Write one export: the file itself, or a zip when there are several.

    Args:
        metres: Coordinates in metres; the scene's scale must be known.
        mended: Scenes without objects have filled in what these leave behind.

    Raises:
        InputError: An unknown kind, or nothing is selected.
    """
    if kind != EVERYTHING and kind not in EXPORT_FORMATS.names():
        raise InputError(f"There is no export '{kind}'.")
    with _own_folder(visitor) as (folder, kept):
        with visitor.lock:
            name = visitor.session.scene_name
            if name is None:
                raise InputError("No scene is open; choose one first.")
            files = visitor.session.export(kind, folder / "files", metres=metres, mended=mended)
        if len(files) == 1:
            known = EXPORT_FORMATS.get(kind).media_type if kind != EVERYTHING else "application/octet-stream"
            return Download(files[0], known, kept.pop_all())
        archive = inside(folder, f"{name}-{kind}.zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for path in files:
                packed.write(path, path.relative_to(folder / "files"))
        shutil.rmtree(folder / "files")
        return Download(archive, "application/zip", kept.pop_all())


def comparison_report(visitor: "Visitor") -> Download:
    """Write the report of what is compared. InputError when nothing is answered yet."""
    from liftlab.compare.report import report_of

    with visitor.lock:
        comparison = visitor.panes.comparison
        if comparison is None or comparison.asked is None or comparison.asked.empty:
            raise InputError("There is nothing to report yet; compare methods and click on an object first.")
        reference, _ = visitor.panes.right_answer()
        page = report_of(comparison, reference, visitor.panes.reference_name)
        name = f"{comparison.scene_name}-{comparison.asked.object}-comparison.html"
    with _own_folder(visitor) as (folder, kept):
        path = inside(folder, name)
        path.write_text(page, encoding="utf-8")
        return Download(path, "text/html", kept.pop_all())


@contextmanager
def _own_folder(visitor: "Visitor") -> Iterator[tuple[Path, ExitStack]]:
    """A new folder for one download, since another of the same kind may be on its way, and what keeps it: it is removed
    in the end unless somebody takes that over. InputError when the disk is full.
    """
    workspace, exports = visitor.lab.workspace, exports_folder(visitor)
    with workspace.disk_full_explained(), ExitStack() as kept:
        exports.mkdir(parents=True, exist_ok=True)
        folder = kept.enter_context(owned_folder(exports, prefix=PREFIX, records=workspace.root / "tmp"))
        yield folder, kept


def exports_folder(visitor: "Visitor") -> Path:
    """The only folder of the workspace from which files are sent."""
    return visitor.lab.workspace.exports_folder(visitor.id)


def forget_exports(visitor: "Visitor") -> None:
    shutil.rmtree(exports_folder(visitor), ignore_errors=True)
