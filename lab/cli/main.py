"""The command line: every step of the lab without a browser, and the lab itself.

Heavy packages are imported by the commands that need them, so that `liftlab --help` answers at once. Results
go to stdout, progress and messages to stderr; with `--json` the last line of stdout is one JSON object.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import tyro
from tyro.conf import FlagCreatePairsOff

from liftlab.cli.answers import run_decompose, run_export, run_notebook, run_segment
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
    OpenVocab,
    Prepare,
    Reconstruct,
    Run,
    Scenes,
    Search,
    Segment,
    Serve,
    WorkspaceCommand,
)
from liftlab.cli.scenes import run_scenes, run_workspace
from liftlab.cli.steps import run_masks, run_prepare, run_reconstruct
from liftlab.cli.support import opened_lab
from liftlab.components.errors import Cancelled, InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.machine.signals import (
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
    from liftlab.web.door.outside import parse_outside

    outside = parse_outside(
        command.root_path,
        chain(*command.allow_host),
        chain(*command.trusted_proxy),
        chain(*command.allow_frame),
    )
    run(
        lab, host=command.host, port=command.port, auth=command.auth, no_auth=command.no_auth,
        open_browser=command.browser, initial_scene=scene, outside=outside,
    )  # fmt: skip


def _gaussians(command: Gaussians) -> dict[str, Any]:
    from liftlab.cli.gaussians import run_gaussians

    return run_gaussians(command)


def _search(command: Search) -> dict[str, Any]:
    from liftlab.cli.search import run

    return run(command)


def _methods(command: Methods) -> dict[str, Any]:
    from liftlab.pipelines.base import list_methods

    entries = list_methods()
    if not command.json:
        for entry in entries:
            print(f"{entry.name}\n  {entry.summary}\n  {entry.paper}\n  {entry.licence}")
            print(f"  presets: {', '.join(entry.presets)}")
    fields = ("name", "summary", "paper", "licence")
    return {
        "methods": [
            {field: getattr(entry, field) for field in fields} | {"presets": list(entry.presets)}
            for entry in entries
        ]
    }


def _doctor(command: Doctor) -> dict[str, Any]:
    from liftlab.cli.doctor import examine

    checks = examine(command.workspace)
    if not command.json:
        for check in checks:
            print(f"{'ok ' if check.ok else 'NO '} {check.name:24} {check.detail}")
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


def _measure(command: Measure) -> dict[str, Any]:
    from liftlab.cli.measure import run

    return run(command)


def _openvocab(command: OpenVocab) -> dict[str, Any]:
    from liftlab.cli.networks.openvocab import run

    return run(command)


RUNNERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Serve: _serve,
    Demo: _demo,
    Reconstruct: run_reconstruct,
    Masks: run_masks,
    Prepare: run_prepare,
    Segment: run_segment,
    Decompose: run_decompose,
    Export: run_export,
    Run: run_notebook,
    Methods: _methods,
    WorkspaceCommand: run_workspace,
    Gaussians: _gaussians,
    Doctor: _doctor,
    Search: _search,
    Bench: _bench,
    Evaluate: _evaluate,
    Models: _models,
    Scenes: run_scenes,
    Measure: _measure,
    OpenVocab: _openvocab,
}

if __name__ == "__main__":
    main()
