"""What tests of exports share: objects to export, a format of their own, the order of ours."""

from pathlib import Path
from typing import Any

from liftlab.engine.lab import Lab
from liftlab.export.formats import ExportFormat, ExportRequest
from liftlab.session.session import Session
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "tests" / "examples" / "csv_export.py"
ORDER = [
    "ply", "glb", "masks", "coco", "colmap", "transforms", "dataset", "splats", "spz", "without", "without_all",
    "gif", "mp4", "viewer", "segmentation", "notebook",
]  # fmt: skip
"""As in the page."""


def objects_of(lab: Lab, toy: Toy, *names: str) -> Session:
    """A session in which one box of the toy is clicked for each name."""
    session = Session(lab)
    session.open(NAME)
    for number, name in enumerate(names, 1):
        session.new_object(name)
        session.click("001.png", *box_center(toy, 1, number))
    return session


def record(**fields: Any) -> ExportFormat:
    """A format that writes one small file per object."""

    def write(request: ExportRequest, folder: Path) -> None:
        for state in request.objects:
            made.path(folder, state).write_text("own")

    made = ExportFormat(
        **{
            "name": "own", "title": "Own", "short": "TXT", "summary": "Own (TXT)", "media_type": "text/plain",
            "file": "OBJECT.txt", "content": "own", "write": write, **fields,
        }
    )  # fmt: skip
    return made
