"""What a person takes away from the page: an export of the session as one file, in a folder the page may
serve from.
"""

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from liftlab.components.errors import InputError
from liftlab.components.files import inside

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor

EVERYTHING = "all"
SHORT = {
    "ply": ("Point cloud", "PLY"),
    "glb": ("For 3D programs", "GLB"),
    "masks": ("Masks, every photo", "PNG"),
    "coco": ("Masks with names", "COCO"),
    "colmap": ("Cameras", "COLMAP"),
    "transforms": ("Cameras", "nerfstudio"),
    "splats": ("Splats", "PLY"),
    "spz": ("Splats, small", "SPZ"),
    "without": ("Scene without it", "PLY"),
    "gif": ("Turn around it", "GIF"),
    "mp4": ("Turn around it", "MP4"),
    "viewer": ("Page to share", "HTML"),
    "segmentation": ("Prompts, timings", "JSON"),
    "notebook": ("Run, to repeat it", "JSON"),
    EVERYTHING: ("Everything", "ZIP"),
}
"""Title and format of each kind of export, short enough for a narrow column; the full sentence is its tooltip."""

NEEDS_SPLATS = "Train splats first, in the cell Splats"


def offers(*, splats: bool) -> list[dict[str, str]]:
    """Kinds of export for the page: kind, title, format, the full sentence, and what is missing for it (empty when
    it can be had).

    Args:
        splats: The scene's splats are trained.
    """
    from liftlab.export.outputs import EXPORTS
    from liftlab.export.splats import SPLAT_EXPORTS

    offered = {**EXPORTS, EVERYTHING: "Everything above, in one ZIP (splats only where they are trained)"}
    return [
        {
            "kind": kind, "title": SHORT[kind][0], "format": SHORT[kind][1], "summary": text,
            "missing": NEEDS_SPLATS if kind in SPLAT_EXPORTS and not splats else "",
        }
        for kind, text in offered.items()
    ]  # fmt: skip


def export_file(visitor: "Visitor", kind: str, *, metres: bool = False) -> Path:
    """Write one export and return the file to send: the file itself, or a zip when there are several.

    The visitor's earlier export of this kind is replaced.

    Args:
        metres: Coordinates in metres; the scene's scale must be known.

    Raises:
        InputError: An unknown kind, or nothing is selected.
    """
    if kind not in SHORT:
        raise InputError(f"There is no export '{kind}'.")
    with visitor.lock:
        name = visitor.session.scene_name
        if name is None:
            raise InputError("No scene is open; choose one first.")
        folder = inside(exports_folder(visitor), kind)
        shutil.rmtree(folder, ignore_errors=True)
        files = visitor.session.export(kind, folder / "files", metres=metres)
    if len(files) == 1:
        return files[0]
    archive = inside(folder, f"{name}-{kind}.zip")
    with (
        visitor.lab.workspace.disk_full_explained(),
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for path in files:
            packed.write(path, path.relative_to(folder / "files"))
    return archive


def comparison_report(visitor: "Visitor") -> Path:
    """Write the report of what is compared, in place of an earlier one. InputError when nothing is answered yet."""
    from liftlab.compare.report import report_of

    with visitor.lock:
        comparison = visitor.panes.comparison
        if comparison is None or comparison.asked is None or comparison.asked.empty:
            raise InputError("There is nothing to report yet; compare methods and click on an object first.")
        reference, _ = visitor.panes.right_answer()
        page = report_of(comparison, reference, visitor.panes.reference_name)
        name = f"{comparison.scene_name}-{comparison.asked.object}-comparison.html"
    folder = inside(exports_folder(visitor), "comparison")
    shutil.rmtree(folder, ignore_errors=True)
    path = inside(folder, name)
    with visitor.lab.workspace.disk_full_explained():
        folder.mkdir(parents=True)
        path.write_text(page, encoding="utf-8")
    return path


def exports_folder(visitor: "Visitor") -> Path:
    """The only folder of the workspace from which files are sent."""
    return visitor.lab.workspace.exports_folder(visitor.id)


def forget_exports(visitor: "Visitor") -> None:
    shutil.rmtree(exports_folder(visitor), ignore_errors=True)
