"""The command line: every step of the lab without a browser, and the lab itself.

Heavy packages are imported by the commands that need them, so that `liftlab --help` answers at once. Results
go to stdout, progress and messages to stderr; with `--json` the last line of stdout is one JSON object.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from tyro.conf import FlagCreatePairsOff

from liftlab.cli.commands import (
    DEFAULT_METHOD,
    Bench,
    Command,
    Common,
    Decompose,
    Demo,
    Doctor,
    Evaluate,
    Export,
    Gaussians,
    Masks,
    Measure,
    Methods,
    Models,
    Prepare,
    Reconstruct,
    Run,
    Scenes,
    Search,
    Segment,
    Serve,
    WorkspaceCommand,
)
from liftlab.cli.support import config_with, expected_secs, opened_lab, say, working
from liftlab.cli.terminal import seconds
from liftlab.components.errors import Cancelled, InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.engine.signals import (
    CUT_SHORT,
    GRACE_SECS,
    NOTHING_KEPT,
    Stopped,
    ended_within,
    leave,
    on_signals,
    stop,
)

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab

log = logging.getLogger("liftlab.cli")

DESCRIPTION = (
    "LiftLab: photos in, click an object, take it away in 3D. Without a command the lab opens in the "
    "browser. Usual order: reconstruct, gaussians, masks, prepare, segment; a step that is missing is run."
)

EXIT_INPUT, EXIT_DEFECT, EXIT_CANCELLED = 2, 1, 130
DEMO_CAPTURE = "desk"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `liftlab`; ends the process with 0, 2 (refused, with a sentence), 1 (our defect), or 128 and the
    number of the signal that stopped it: 130 for Ctrl-C, 143 for SIGTERM, 129 for a terminal that was closed.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help")):
        given = ["serve", *given]
    as_json = "--json" in given

    def farewell(_: int) -> None:  # the main thread is not to be waited for, nor what it may hold
        os.write(2, f"{CUT_SHORT}\n".encode())
        if as_json:
            os.write(1, (json.dumps({"error": CUT_SHORT}) + "\n").encode())

    with on_signals(stop), ended_within(GRACE_SECS, farewell) as asked:
        code = _main(given, as_json)
        if asked.is_set():
            leave(code)
    sys.exit(code)


def _main(given: list[str], as_json: bool) -> int:
    try:
        command = tyro.cli(
            Command, prog="liftlab", description=DESCRIPTION, args=given, config=(FlagCreatePairsOff,)
        )
    except SystemExit as stop:
        if stop.code and as_json:
            print(json.dumps({"error": "The command line is not understood; the reason is on stderr."}))
        raise
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.exit_code
    return _run(command)


def _run(command: Any) -> int:
    """Run a command and turn what it raises into one sentence and an exit code."""
    code, sentence = 0, ""
    result: dict[str, Any] = {}
    try:
        _use_model_folders(command)
        result = RUNNERS[type(command)](command)
    except InputError as error:
        code, sentence = EXIT_INPUT, str(error)
    except Stopped as stopped:
        code, sentence = stopped.exit_code, str(stopped)
    except (Cancelled, KeyboardInterrupt):
        code, sentence = EXIT_CANCELLED, NOTHING_KEPT
    except MemoryError:
        code, sentence = EXIT_DEFECT, "Memory ran out: use a smaller photo size or fewer photos."
        log.exception("out of memory")
    except Exception as error:
        code, sentence = EXIT_DEFECT, f"{DEFECT_SENTENCE} ({type(error).__name__})"
        log.exception("%s failed", type(command).__name__)
    if code:
        print(sentence, file=sys.stderr)
        result = {"error": sentence}
    if command.json:
        print(json.dumps(result, allow_nan=False), flush=True)
    return code


def _serve(command: Serve) -> dict[str, Any]:
    from liftlab.web import server

    with opened_lab(command) as lab:
        _run_server(server.run, lab, command, command.scene)
    return {}


def _demo(command: Demo) -> dict[str, Any]:
    from liftlab.engine.demo import bundled_capture, submit_demo
    from liftlab.web import server

    photos = bundled_capture(DEMO_CAPTURE)
    with opened_lab(command) as lab:
        submit_demo(lab, photos, DEMO_CAPTURE, DEFAULT_METHOD)
        _run_server(server.run, lab, command, command.scene or DEMO_CAPTURE)
    return {}


def _run_server(run: Callable[..., None], lab: "Lab", command: Serve, scene: str | None) -> None:
    run(
        lab, host=command.host, port=command.port, auth=command.auth, no_auth=command.no_auth,
        open_browser=command.browser, initial_scene=scene,
    )  # fmt: skip


def _reconstruct(command: Reconstruct) -> dict[str, Any]:
    import dataclasses

    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    started = time.monotonic()
    with opened_lab(command) as lab:
        capture, notes = _capture_for(lab, command)
        config = config_with(ReconstructConfig, command.set)
        if command.cameras == "none":
            config = dataclasses.replace(config, cameras="none")
        if command.max_side is not None:
            if not 64 <= command.max_side <= 8192:
                raise InputError(f"--max-side must be between 64 and 8192 pixels; got {command.max_side}.")
            config = dataclasses.replace(config, max_side=command.max_side)
        name = command.scene or capture
        expected = lab.expected_secs("reconstruct", len(lab.capture(capture).photos))
        with working("Reconstructing", expected) as (progress, cancel):
            scene = lab.reconstruct(name, config, capture=capture, progress=progress.report, cancel=cancel)
            progress.done(f"Scene '{name}': {len(scene.views)} of {len(scene.photo_sizes)} photos placed")
        report = lab.report(name)
        warnings = [*notes, *report.get("warnings", ())]
        say(*warnings)
        if scene.missing:
            say(f"Not placed: {', '.join(scene.missing)}.")
        return {
            "scene": name, "key": scene.key, "capture": capture,
            "registered": [view.name for view in scene.views], "missing": list(scene.missing),
            "points": len(scene.pointmap.points), "units": scene.units, "report": report,
            "warnings": warnings, "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def _capture_for(lab: "Lab", command: Reconstruct) -> tuple[str, list[str]]:
    """Name of the capture in the workspace, imported when a path was given, and what the import had to
    say.
    """
    source = Path(command.capture).expanduser()
    cameras = _cameras_file(command.cameras, source)
    if not source.exists():
        if command.capture not in lab.captures():
            raise InputError(
                f"There is neither a folder or file nor a capture of this name: {command.capture}"
            )
        if cameras is None:
            return command.capture, []
        source = lab.workspace.capture_folder(command.capture)
    with working("Importing") as (progress, cancel):
        imported = lab.import_capture(source, cameras=cameras, progress=progress.report, cancel=cancel)
        progress.done(f"Capture '{imported.name}': {len(imported.report.kept)} photos")
    return imported.name, list(imported.report.warnings)


def _cameras_file(given: str | None, source: Path) -> Path | None:
    if given is None or given == "none":
        return None
    for path in (Path(given).expanduser(), source / given):
        if path.is_file():
            return path
    raise InputError(f"There is no cameras file here (give a path, or none): {given}")


def _gaussians(command: Gaussians) -> dict[str, Any]:
    from liftlab.cli.gaussians import run_gaussians

    return run_gaussians(command)


def _masks(command: Masks) -> dict[str, Any]:
    from liftlab.pipelines.steps.masks import MasksConfig

    started = time.monotonic()
    config = config_with(MasksConfig, command.set) if command.set else None
    with opened_lab(command) as lab:
        expected = expected_secs(lab, command.name, ("masks",))
        with working("Finding objects", expected) as (progress, cancel):
            cache = lab.masks(command.name, config, progress=progress.report, cancel=cancel)
            progress.done(f"{len(cache.object_ids)} objects and parts in {cache.num_views} photos")
        kinds = {kind: cache.kinds.count(kind) for kind in sorted(set(cache.kinds))}
        return {
            "scene": command.name, "masks": len(cache.object_ids), "kinds": kinds,
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def _prepare(command: Prepare) -> dict[str, Any]:
    from liftlab.pipelines.base import get_method

    started = time.monotonic()
    config = config_with(get_method(command.method).config_class, command.set) if command.set else None
    with opened_lab(command) as lab:
        expected = expected_secs(lab, command.name, ("masks", "prepare"))
        with working(f"Preparing {command.method}", expected) as (progress, cancel):
            lab.prepare(command.name, command.method, config, progress=progress.report, cancel=cancel)
            progress.done(f"{command.method} is ready for '{command.name}'")
        record = lab.step_records(command.name)[command.method]
        return {
            "scene": command.name, "method": command.method, "key": record["key"], "config": record["config"],
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def _segment(command: Segment) -> dict[str, Any]:
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


def _decompose(command: Decompose) -> dict[str, Any]:
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


def _export(command: Export) -> dict[str, Any]:
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
            session, command.kinds, command.out.expanduser(), boundary=command.boundary, metres=command.metres
        )
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


def _run_notebook(command: Run) -> dict[str, Any]:
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


def _search(command: Search) -> dict[str, Any]:
    from liftlab.cli.search import run

    return run(command)


def _methods(command: Methods) -> dict[str, Any]:
    from liftlab.pipelines.base import list_methods

    entries = list_methods()
    if not command.json:
        for entry in entries:
            print(f"{entry.name}\n  {entry.summary}\n  {entry.paper}\n  {entry.licence}")
    fields = ("name", "summary", "paper", "licence")
    return {"methods": [{field: getattr(entry, field) for field in fields} for entry in entries]}


def _workspace(command: WorkspaceCommand) -> dict[str, Any]:
    from liftlab.engine.workspace import Workspace

    workspace = Workspace(command.workspace)
    workspace.open_log()
    checked = {item.path: sound for item, sound in workspace.verify()} if command.action == "verify" else {}
    odd = workspace.odd_entries() if command.action == "verify" else []
    items = workspace.prune() if command.action == "prune" else workspace.items()
    rows = [
        {
            "kind": item.kind, "name": item.name, "bytes": item.bytes, "used_by": list(item.used_by),
            **({"sound": checked[item.path]} if item.path in checked else {}),
        }
        for item in items
    ]  # fmt: skip
    total = sum(item.bytes for item in items)
    if not command.json:
        for row in rows:
            state = "" if row.get("sound", True) else "  damaged; it will be built again"
            users = f"  for {', '.join(row['used_by'])}" if row["used_by"] else ""
            print(f"{row['kind']:8} {row['name']:24} {row['bytes'] / 1e6:9.1f} MB{users}{state}")
        for place in odd:
            print(f"skipped  {place}: stands for no scene and no result; mend or remove it")
        verb = "removed" if command.action == "prune" else "in"
        print(f"{total / 1e6:.1f} MB {verb} {workspace.root}")
    return {
        "root": str(workspace.root),
        "action": command.action,
        "items": rows,
        "bytes": total,
        "skipped": odd,
    }


def _doctor(command: Doctor) -> dict[str, Any]:
    from liftlab.cli.doctor import examine

    checks = examine(command.workspace)
    if not command.json:
        for check in checks:
            print(f"{'ok ' if check.ok else 'NO '} {check.name:14} {check.detail}")
    return {"ok": all(check.ok or check.optional for check in checks), "checks": [vars(c) for c in checks]}


def _models(command: Models) -> dict[str, Any]:
    from liftlab.cli.models import run_models

    return run_models(command)


def _use_model_folders(command: Common) -> None:
    """Let this process and its children find model files and the code of MASt3R where the command line says."""
    if command.models is None and command.mast3r is None:
        return
    from liftlab.components.models.store import CODE_VARIABLE, FOLDER_VARIABLE

    for variable, folder in ((FOLDER_VARIABLE, command.models), (CODE_VARIABLE, command.mast3r)):
        if folder is not None:
            os.environ[variable] = str(folder.expanduser().resolve())


def _bench(command: Bench) -> dict[str, Any]:
    from liftlab.cli.bench import run_bench

    return run_bench(command)


def _evaluate(command: Evaluate) -> dict[str, Any]:
    from liftlab.cli.evaluate import run_evaluate

    return run_evaluate(command)


def _scenes(command: Scenes) -> dict[str, Any]:
    from liftlab.cli.scenes import run_scenes

    return run_scenes(command)


def _measure(command: Measure) -> dict[str, Any]:
    from liftlab.cli.measure import run

    return run(command)


RUNNERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Serve: _serve,
    Demo: _demo,
    Reconstruct: _reconstruct,
    Masks: _masks,
    Prepare: _prepare,
    Segment: _segment,
    Decompose: _decompose,
    Export: _export,
    Run: _run_notebook,
    Methods: _methods,
    WorkspaceCommand: _workspace,
    Gaussians: _gaussians,
    Doctor: _doctor,
    Search: _search,
    Bench: _bench,
    Evaluate: _evaluate,
    Models: _models,
    Scenes: _scenes,
    Measure: _measure,
}

__all__ = ["main", "seconds"]

if __name__ == "__main__":
    main()
