"""Ending on a signal: handlers stay ours, one sentence is said, nothing is left running, and it does not take long."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from websockets.sync.client import connect

from liftlab.engine.inventory import verify
from liftlab.engine.lab import Lab
from liftlab.machine.signals import CUT_SHORT, NOTHING_KEPT, on_signals
from tests import toy_workspace
from tests.page_server import ROOT, serving

DESK = ROOT / "assets" / "captures" / "desk" / "images"
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
OURS = ("components", "pipelines", "lab")
IMPORTS = re.compile(r"^\s*(import|from) pycolmap\b", re.MULTILINE)
MAY_IMPORT = {
    "components/sfm/colmap_library.py",
    *(f"components/sfm/worker/{name}.py" for name in ("main", "features", "evidence", "mapping", "still")),
}
TAKEN_OVER = """
import os, signal, sys, threading, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
def load():
    import liftlab.components.sfm.colmap_library
thread = threading.Thread(target=load)
thread.start()
thread.join()
assert 'pycolmap' in sys.modules
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(10)
"""
LOST = """
import gc, os, signal, time
from liftlab.machine.signals import ended_within, on_signals, stop
class Late:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
with on_signals(stop), ended_within(30, lambda number: os.write(2, b"cut short")):
    Late()
    time.sleep(60)
"""
DEAF = """
import os, signal, time
from liftlab.machine.signals import ended_within, on_signals
with on_signals(lambda number: None), ended_within(0.2, lambda number: os.write(2, b"cut short")):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)


def estimates_cameras(pid: int) -> bool:
    """Whether the child that estimates cameras runs; the import before it has a child of its own."""
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "components.sfm.worker" in " ".join(child.cmdline()):
                return True
    return False


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """End a process, and check how it ends; what it said on stdout and stderr."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err and "Aborted" not in err, err
    psutil.wait_procs(children, timeout=5)
    assert not [child for child in children if child.is_running()]
    return out, err


def command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "liftlab.cli.main", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def staged(root: Path, stage: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stage_server", str(root), stage], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_importing_pycolmap_in_any_thread_leaves_the_handlers_as_they_were() -> None:
    done = run(TAKEN_OVER)
    assert done.returncode == 7, done.stderr


def test_nothing_else_imports_pycolmap() -> None:
    files = [path for package in OURS for path in (ROOT / package).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in files if IMPORTS.search(path.read_text())}
    assert found == MAY_IMPORT


def test_a_process_whose_main_thread_hears_nothing_ends_all_the_same() -> None:
    done = run(DEAF)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "cut short")


def test_a_signal_during_a_callback_that_cannot_raise_is_not_lost() -> None:
    done = run(LOST)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "cut short")


def test_handlers_of_before_come_back_and_nohup_is_respected() -> None:
    before = signal.getsignal(signal.SIGTERM)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard: list[int] = []
    try:
        with on_signals(heard.append):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)
    finally:
        signal.signal(signal.SIGHUP, hangup)
    assert heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "number", [SIGNALS[0], *(pytest.param(number, marks=pytest.mark.slow) for number in SIGNALS[1:])]
)
def test_an_open_page_ends_with_the_lab_and_its_downloads_go(
    toy_root: Path, tmp_path: Path, number: signal.Signals
) -> None:
    from tests.stage_server import copy_of

    with serving(copy_of(toy_root, tmp_path), "--scene", toy_workspace.NAME) as server:
        cookies = server.cookies()
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        with connect(
            server.origin.replace("http", "ws") + "/lab/live", additional_headers={"cookie": cookie},
            origin=server.origin,  # type: ignore[arg-type]
            max_size=None,
        ) as socket:  # fmt: skip
            phase = ""
            while phase != "ready":
                phase = json.loads(socket.recv(timeout=60)).get("phase", phase)
            (visit,) = [value for name, value in cookies.items() if "visitor" in name.lower()]
            download = server.workspace / "exports" / visit / "ply" / "box.ply"
            download.parent.mkdir(parents=True)
            download.write_text("ply")
            server.process.send_signal(number)
            assert server.process.wait(30) == 128 + number
        assert not download.exists()


@pytest.mark.skipif(not DESK.is_dir(), reason="the bundled capture is not there")
@pytest.mark.parametrize(
    "number", [SIGNALS[0], *(pytest.param(number, marks=pytest.mark.slow) for number in SIGNALS[1:])]
)
def test_a_reconstruction_ends_with_its_child_and_one_sentence(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = command("reconstruct", str(DESK), "--workspace", str(tmp_path), "--json")
    until(lambda: estimates_cameras(process.pid), "camera estimation")
    out, err = stopped(process, number)
    assert err.strip().splitlines()[-1] == NOTHING_KEPT
    assert json.loads(out.strip().splitlines()[-1]) == {"error": NOTHING_KEPT}
    lab = Lab(tmp_path)
    assert lab.captures() == ["images"] and lab.scenes() == []
    lab.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("step", ["gaussians", "masks", "prepare"])
def test_a_step_of_the_command_line_ends_with_one_sentence(
    toy_root: Path, tmp_path: Path, step: str, number: signal.Signals
) -> None:
    from tests.stage_server import copy_of

    root = copy_of(toy_root, tmp_path)
    words = {
        "gaussians": ["--iterations", "100000"],
        "masks": ["--set", "min_pixels=90"],
        "prepare": ["--method", "saga"],
    }[step]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stage_server", str(root), step, *words], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "there\n"
    _, err = stopped(process, number)
    said = err.strip().splitlines()[-1]
    if step == "gaussians":
        assert re.fullmatch(r"Stopped after \d+ steps; run the command again to go on\.", said)
        assert list(root.rglob("*checkpoint*")), "training goes on from where it was"
    else:
        assert said in (NOTHING_KEPT, CUT_SHORT)
    assert all(sound for _, sound in verify(Lab(root).workspace))


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("stage", ["import", "reconstruct", "gaussians", "masks", "prepare"])
def test_the_lab_ends_in_every_stage(
    toy_root: Path, tmp_path: Path, stage: str, number: signal.Signals
) -> None:
    from tests.stage_server import copy_of

    root = copy_of(toy_root, tmp_path)
    process = staged(root, f"serve-{stage}")
    assert process.stdout is not None
    awaited = (
        {"there"} if stage == "import" else {"there", "LiftLab"}
    )  # one of them while the server still starts
    while awaited:
        line = process.stdout.readline()
        assert line, "the lab ended by itself"
        awaited.discard(line.split()[0])
    if stage == "reconstruct":
        until(lambda: estimates_cameras(process.pid), "camera estimation")
    _, err = stopped(process, number)
    assert err.strip().splitlines()[-1] in ("The lab is closed.", NOTHING_KEPT, CUT_SHORT)
    lab = Lab(root)  # removes what a step left half-written
    assert all(sound for _, sound in verify(lab.workspace))
    assert lab.status(toy_workspace.NAME).reconstructed
    lab.close()
