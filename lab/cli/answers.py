"""`liftlab segment`, `decompose`, `export` and `run`: what methods answer, written to a folder."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from liftlab.cli.commands import Decompose, Export, Run, Segment
from liftlab.cli.support import expected_secs, opened_lab, say, working
from liftlab.components.errors import InputError

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab


def run_segment(command: Segment) -> dict[str, Any]:
    """Segment the objects of a prompts file, and write them."""
    from liftlab.export.outputs import output_folder, write_segmentation
    from liftlab.session.prompts import read_prompts

    started = time.monotonic()
    asked = read_prompts(command.prompts.expanduser())
    with (
        opened_lab(command) as lab,
        output_folder(command.out.expanduser(), workspace=lab.workspace) as folder,
    ):
        session = _segmented(lab, command.name, command.method, asked)
        with working("Writing masks") as (progress, _):
            record = write_segmentation(session, folder, started=started)
            progress.done(f"{len(record.objects)} objects written to {command.out}")
        objects = [
            {
                "object": entry.prompts.object, "points": entry.points, "server_ms": list(entry.server_ms),
                "slow_path": entry.slow_path, "message": entry.message,
                "photos": sum(photo.pixels > 0 for photo in entry.photos),
            }
            for entry in record.objects
        ]  # fmt: skip
        for entry in record.objects:
            if entry.message:
                say(f"{entry.prompts.object}: {entry.message}")
        return {
            "scene": command.name, "method": command.method, "out": str(command.out), "objects": objects,
            "missing": list(record.missing), "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def run_decompose(command: Decompose) -> dict[str, Any]:
    """Segment everything, and write the label maps."""
    from liftlab.export.outputs import output_folder, write_decomposition

    started = time.monotonic()
    if command.granularity is not None and not 0 <= command.granularity <= 1:
        raise InputError(f"--granularity must be between 0 and 1; got {command.granularity:g}.")
    with (
        opened_lab(command) as lab,
        output_folder(command.out.expanduser(), workspace=lab.workspace) as folder,
    ):
        config = lab.config_of(command.name, command.method)
        expected = expected_secs(lab, command.name, ("masks", "prepare"))
        with working("Segmenting everything", expected) as (progress, cancel):
            prepared = lab.prepare(
                command.name, command.method, config, progress=progress.report, cancel=cancel
            )
            segmenter = lab.segmenter(command.method, config)
            labels = segmenter.decompose(prepared, command.granularity)
            plain = lab.step_records(command.name)[command.method]["config"]
            record = write_decomposition(
                lab.reconstruct(command.name), labels, folder, scene_name=command.name, method=command.method,
                config=plain, granularity=command.granularity, wall_secs=round(time.monotonic() - started, 3),
            )  # fmt: skip
            progress.done(f"{len(record.ids)} objects written to {command.out}")
        return {
            "scene": command.name, "method": command.method, "out": str(command.out), "ids": list(record.ids),
            "missing": list(record.missing), "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def run_export(command: Export) -> dict[str, Any]:
    """Write a scene, or the objects of a prompts file, in other formats."""
    from liftlab.export.outputs import export
    from liftlab.session.prompts import read_prompts
    from liftlab.session.session import Session

    with opened_lab(command) as lab:
        if command.prompts is not None:
            asked = read_prompts(command.prompts.expanduser())
            session = _segmented(lab, command.name, command.method, asked)
        else:
            session = Session(lab)
            session.open(command.name)
        files = export(
            session, command.kinds, command.out.expanduser(), boundary=command.boundary, metres=command.metres,
            mended=command.mend,
            tell=say,
        )  # fmt: skip
        say(f"{len(files)} files written to {command.out}")
        return {"scene": command.name, "out": str(command.out), "files": [str(path) for path in files]}


def _segmented(lab: "Lab", name: str, method: str, asked: Sequence[Any]) -> Any:
    """A session in which all prompts of a file were clicked."""
    from liftlab.session.session import Session

    config = lab.config_of(name, method)
    with working(f"Preparing {method}", expected_secs(lab, name, ("masks", "prepare"))) as (progress, cancel):
        lab.prepare(name, method, config, progress=progress.report, cancel=cancel)
        progress.done(f"{method} is ready for '{name}'")
        session = Session(lab)
        session.open(name)
        session.set_method(method, config)
        for entry in asked:
            cancel.check()
            session.add_object(entry, named=True)
    return session


def run_notebook(command: Run) -> dict[str, Any]:
    """Replay a saved run."""
    from liftlab.export.outputs import output_folder, write_segmentation
    from liftlab.session.saving.notebook import Notebook
    from liftlab.session.saving.replay import replay

    started = time.monotonic()
    notebook = Notebook.load(command.notebook.expanduser())
    with opened_lab(command) as lab:
        with working("Replaying") as (progress, cancel):
            replayed = replay(notebook, lab, photos=command.photos, progress=progress.report, cancel=cancel)
            progress.done(f"'{notebook.scene}' replayed")
        if command.out is not None:
            with output_folder(command.out.expanduser(), workspace=lab.workspace) as folder:
                write_segmentation(replayed.session, folder, started=started)
        for entry in replayed.objects:
            same = "the same masks" if entry.identical else "masks that differ from the saved ones"
            say(f"{entry.name}: {same}")
        return {
            "scene": notebook.scene, "identical": replayed.identical,
            "objects": [{"object": entry.name, "identical": entry.identical} for entry in replayed.objects],
            "out": str(command.out) if command.out else None,
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip
