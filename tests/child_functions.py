"""What the tests of child processes run there: functions that do what files of unknown origin make readers do."""

import ctypes
import errno
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from liftlab.components.errors import InputError
from liftlab.components.processes.untrusted import reading
from liftlab.components.progress import CancelToken, Progress


def answer(arguments: dict[str, Any], progress: Progress) -> Any:
    progress(0.25, "a quarter")
    print("a library prints to standard output")
    progress(0.5, "half")
    return {"twice": 2 * arguments["number"], "torch": "torch" in sys.modules}


def wait(arguments: dict[str, Any], progress: Progress) -> None:
    """Say who and where, then never anything again."""
    Path(arguments["note"]).write_text(str(os.getpid()))
    with reading("slow.ply"):
        progress(0.1, "waiting")
        time.sleep(600)


def chatter(arguments: dict[str, Any], progress: Progress) -> None:
    """Go on for ever, with progress."""
    while True:
        progress(0.5, f"step {time.monotonic()}")
        time.sleep(0.02)


def hold_the_interpreter(arguments: dict[str, Any], progress: Progress) -> None:
    """Native code that never gives another thread of the process a turn."""
    Path(arguments["note"]).write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(600)


def fill_memory(arguments: dict[str, Any], progress: Progress) -> None:
    held = []
    while True:
        held.append(b"x" * (16 << 20))
        time.sleep(0.01)


def reserve_memory(arguments: dict[str, Any], progress: Progress) -> int:
    return len(bytearray(1 << 40))


def crash(arguments: dict[str, Any], progress: Progress) -> None:
    with reading("broken.jpg"):
        print("last words", file=sys.stderr, flush=True)
        os.abort()


def fail(arguments: dict[str, Any], progress: Progress) -> None:
    raise IndexError("not foreseen")


def refuse(arguments: dict[str, Any], progress: Progress) -> None:
    raise InputError("This is no photo; bring another.")


def no_room(arguments: dict[str, Any], progress: Progress) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/some/file")


def run_here(
    target: str, arguments: dict[str, Any], *, limits: Any, progress: Progress, cancel: CancelToken
) -> Any:
    """In place of `components.processes.child.run_in_child`: the same call in this process, which saves a second."""
    module, name = target.split(":")

    def report(fraction: float, message: str = "") -> None:
        cancel.check()
        progress(fraction, message)
        cancel.check()

    sent = json.loads(json.dumps(arguments))
    return json.loads(json.dumps(getattr(importlib.import_module(module), name)(sent, report)))
