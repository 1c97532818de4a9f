"""A child process answers, or it ends: by its limits, by Cancel, by a crash, and with its parent."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.processes.child import ChildEnded, ChildLimits, refusal, run_in_child
from liftlab.components.progress import CancelToken

HERE = "tests.child_functions"


def test_an_answer_and_progress_come_back() -> None:
    said: list[tuple[float, str]] = []

    def hear(fraction: float, message: str = "") -> None:
        said.append((fraction, message))

    result = run_in_child(f"{HERE}:answer", {"number": 21}, progress=hear)
    assert result == {"twice": 42, "torch": False}
    assert said == [(0.25, "a quarter"), (0.5, "half")]


def test_a_sentence_stays_a_sentence() -> None:
    with pytest.raises(InputError, match=r"^This is no photo; bring another\.$"):
        run_in_child(f"{HERE}:refuse", {})


def test_a_full_disk_stays_a_full_disk() -> None:
    with pytest.raises(OSError) as caught:
        run_in_child(f"{HERE}:no_room", {})
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == "/some/file"


@pytest.mark.parametrize(
    ("function", "limits", "reason", "sentence"),
    [
        ("wait", ChildLimits(stall_secs=1.0), "stalled", "slow.ply cannot be read: reading it stood still for 1 s"),
        ("chatter", ChildLimits(total_secs=1.0), "too long", "a.zip cannot be read: reading it took more than 0 min"),
        (
            "fill_memory",
            ChildLimits(memory_bytes=200 << 20),
            "memory",
            r"a.zip cannot be read: reading it needed more than 0.195 GiB of memory; make it smaller",
        ),
        (
            "reserve_memory",
            ChildLimits(memory_bytes=1 << 30),
            "memory",
            "a.zip cannot be read: reading it needed more than 1 GiB of memory",
        ),
        ("crash", ChildLimits(), "crashed", "broken.jpg cannot be read: it crashed the reader; export it again."),
        ("fail", ChildLimits(), "defect", "a.zip cannot be read: it is damaged in a way that was not foreseen"),
    ],
)  # fmt: skip
def test_what_may_happen_is_known_and_said(
    tmp_path: Path, function: str, limits: ChildLimits, reason: str, sentence: str
) -> None:
    if function == "reserve_memory" and sys.platform != "linux":
        pytest.skip("only Linux refuses to reserve address space")
    with pytest.raises(ChildEnded) as caught:
        run_in_child(f"{HERE}:{function}", {"note": str(tmp_path / "note")}, limits=limits)
    assert caught.value.reason == reason
    assert str(refusal(caught.value, "a.zip", limits)).startswith(sentence)
    if function == "crash":
        assert "last words" in caught.value.details
    if function == "fail":
        assert "IndexError: not foreseen" in caught.value.details


@pytest.mark.parametrize("function", ["wait", "hold_the_interpreter"])
def test_cancel_ends_it(tmp_path: Path, function: str) -> None:
    cancel = CancelToken()
    threading.Thread(target=lambda: (started(tmp_path / "note"), cancel.cancel())).start()
    with pytest.raises(Cancelled):
        run_in_child(f"{HERE}:{function}", {"note": str(tmp_path / "note")}, cancel=cancel)
    assert not psutil.pid_exists(started(tmp_path / "note"))


@pytest.mark.parametrize("function", ["wait", "hold_the_interpreter"])
def test_it_ends_with_its_parent(tmp_path: Path, function: str) -> None:
    if function == "hold_the_interpreter" and sys.platform != "linux":
        pytest.skip("only Linux ends a process that holds its interpreter")
    code = (
        "import sys\nfrom liftlab.components.processes.child import run_in_child\n"
        "run_in_child(sys.argv[1], {'note': sys.argv[2]})"
    )
    command = [sys.executable, "-c", code, f"{HERE}:{function}", str(tmp_path / "note")]
    parent = subprocess.Popen(command, cwd=Path(__file__).parents[3])
    child = psutil.Process(started(tmp_path / "note"))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(10)
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def started(note: Path) -> int:
    """The process that wrote the note."""
    while not note.is_file() or not note.read_text():
        time.sleep(0.02)
    return int(note.read_text())
