"""A lab, or a command, that says when it is at work on a step, so that a test can end it there with a signal.

`python -m tests.stage_server ROOT serve-STEP` serves the workspace at ROOT with the step in its queue;
`python -m tests.stage_server ROOT STEP OPTION...` runs the command on the toy scene. Both print "there" once the step
computes. All steps are real.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from liftlab.cli import main as cli
from liftlab.cli.terminal import TerminalProgress
from liftlab.components.progress import CancelToken, Progress
from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.gaussians import default_config
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.web import server
from tests.page_server import ROOT
from tests.toy_workspace import NAME

DESK = ROOT / "assets" / "captures" / "desk" / "images"
IMPORTED = 60
"""Photos of the import, so that it takes a moment."""


def copy_of(workspace: Path, folder: Path) -> Path:
    """The toy's workspace, to be written to."""
    return Path(shutil.copytree(workspace, folder / "workspace"))


def work_of(step: str, lab: Lab) -> Callable[[Progress, CancelToken], Any]:
    """What a cell of the page would queue; none of it is in the workspace yet."""
    if step == "import":
        folder = lab.workspace.root / "many"
        folder.mkdir()
        photos = sorted(DESK.iterdir())
        for number in range(IMPORTED):
            shutil.copy(photos[number % len(photos)], folder / f"{number:03d}{photos[0].suffix}")
        return lambda progress, cancel: lab.import_capture(folder, "many", progress=progress, cancel=cancel)
    if step == "reconstruct":
        lab.import_capture(DESK, "desk")
        return lambda progress, cancel: lab.reconstruct("desk", progress=progress, cancel=cancel)
    if step == "gaussians":
        config = default_config("cpu")
        config = replace(config, train=replace(config.train, iterations=100_000, budget_secs=None))
        return lambda progress, cancel: lab.gaussians(NAME, config, progress=progress, cancel=cancel)
    if step == "masks":
        config = MasksConfig(min_pixels=90)
        return lambda progress, cancel: lab.masks(NAME, config, progress=progress, cancel=cancel)
    return lambda progress, cancel: lab.prepare(NAME, "saga", progress=progress, cancel=cancel)


class Announced:
    """Progress that says "there" once."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._said = progress, False

    def __call__(self, fraction: float, message: str = "") -> None:
        if not self._said and fraction > 0:
            self._said = True
            print("there", flush=True)
        self._progress(fraction, message)


def main(root: str, step: str, options: Sequence[str]) -> None:
    if not step.startswith("serve-"):
        shown = TerminalProgress.report
        said: list[bool] = []

        def report(self: TerminalProgress, fraction: float, message: str = "") -> None:
            if not said and fraction > 0:
                said.append(True)
                print("there", flush=True)
            shown(self, fraction, message)

        with mock.patch.object(TerminalProgress, "report", report):
            cli.main([step, NAME, "--workspace", root, *options])
        return
    serve, step = server.run, step.removeprefix("serve-")

    def with_work(lab: Lab, **options: Any) -> None:
        work = work_of(step, lab)
        lab.jobs.submit(step, lambda progress, cancel: work(Announced(progress), cancel))
        serve(lab, **options)

    with mock.patch("liftlab.web.server.run", with_work):
        cli.main(["serve", "--workspace", root, "--port", "0", "--no-browser"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
