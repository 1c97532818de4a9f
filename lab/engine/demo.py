"""The bundled capture: where it lies, and the job that builds its scene."""

from pathlib import Path
from typing import TYPE_CHECKING

from liftlab.bundled import CAPTURES
from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress, part_of

if TYPE_CHECKING:
    from liftlab.engine.jobs import Job
    from liftlab.engine.lab import Lab


def bundled_capture(name: str) -> Path:
    """Folder of a bundled capture. InputError when the installation has none."""
    folder = CAPTURES / name
    if not folder.is_dir():
        raise InputError(
            "The bundled photos are missing; run LiftLab from a clone of its repository, or bring your own "
            f"with `liftlab reconstruct`: {folder}"
        )
    return folder


def submit_demo(lab: "Lab", photos: Path, name: str, method: str) -> "Job | None":
    """Queue all steps for the bundled capture; None when everything is there already."""
    if name in lab.scenes() and method in lab.status(name).methods:
        return None

    def work(progress: Progress, cancel: CancelToken) -> None:
        capture = lab.import_capture(photos, name, progress=part_of(progress, 0, 0.05), cancel=cancel).name
        lab.reconstruct(name, capture=capture, progress=part_of(progress, 0.05, 0.6), cancel=cancel)
        lab.prepare(name, method, progress=part_of(progress, 0.6, 1.0), cancel=cancel)

    count = sum(path.is_file() for path in (photos / "images").iterdir())
    expected = sum(lab.expected_secs(step, count) for step in ("reconstruct", "masks", "prepare"))
    return lab.jobs.submit(f"Building the scene '{name}'", work, expected_secs=expected, builds=name)
