"""Killed at a random moment of whatever it does, the lab starts again as if nothing had been: no result is damaged, and
nothing half-written is left in the workspace, the temporary folder or where exports go.
"""

import multiprocessing
import os
import random
import signal
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from liftlab.engine.inventory import prune, verify
from liftlab.engine.lab import Lab
from liftlab.engine.workspace import Workspace
from liftlab.session.saving.notebook import Notebook
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from tests.kill_rounds import NAME, STAGES, VISITOR, Places, assert_readable, begin, work

MOMENTS = 6
"""Of each stage."""
SEED = 20


def start(places: Places, stage: str, number: int) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(places, stage, number, theirs))
    process.start()
    theirs.close()
    return process, ours


def heard(line: Connection, what: str) -> float:
    """When the process said `what`."""
    assert line.poll(120), f"it never said that it {what}"
    said, when = line.recv()
    assert said == what
    return when


def kill(process: BaseProcess) -> None:
    assert process.pid is not None
    os.killpg(process.pid, signal.SIGKILL)
    process.join(30)


def litter(places: Places, temporary: Path) -> list[Path]:
    """What no living process needs."""
    hidden = [p for p in places.root.rglob("*") if p.name.startswith(".") or p.name.endswith(".owner")]
    return [*hidden, *(places.root / "tmp").iterdir(), *temporary.glob("liftlab-*"), *places.out.rglob(".*")]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_moments_nothing_is_damaged_and_nothing_is_left(tmp_path, monkeypatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked again, here and in the processes
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.kill_rounds"])
    places = Places(tmp_path / "workspace", tmp_path / "photos", tmp_path / "out")
    begin(places)
    chance, killed, left = random.Random(SEED), 0, 0
    for order, stage in enumerate(STAGES):
        process, line = start(places, stage, 1 + 50 * order)
        begins = heard(line, "begins")
        lasts = heard(line, "ended") - begins
        kill(process)
        for moment in range(MOMENTS):
            number = 2 + 50 * order + moment
            process, line = start(places, stage, number)
            heard(line, "begins")
            time.sleep(lasts * (moment + chance.random()) / MOMENTS)
            kill(process)
            killed += 1
            left += bool(litter(places, temporary))
            workspace = Workspace(places.root)
            assert litter(places, temporary) == [], (stage, moment)
            assert all(sound for _, sound in verify(workspace)), (stage, moment)
            assert_readable(places.out)
            assert_readable(places.root / "sessions")
            for path in workspace.notebooks.iterdir():
                Notebook.load(path)
            prune(workspace)
    assert killed == MOMENTS * len(STAGES)
    assert left > 0, "some were killed in the middle of writing"
    print(f"{killed} killed, {left} of them in the middle of writing")
    lab = Lab(places.root)
    assert Visitor(VISITOR, lab).restore()
    session = Session(lab)
    session.open(NAME)
    assert session.ready
    lab.close()
