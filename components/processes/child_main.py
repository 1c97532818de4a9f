"""What a child process of `components.processes.child` does: `python -m liftlab...child_main`.

The request is one line of JSON on standard input, which then stays open: when it closes, the parent is gone and
the process ends itself. Lines of JSON go back through what was standard output; whatever libraries print goes to
standard error.
"""

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from liftlab.components.errors import InputError
from liftlab.components.processes.untrusted import listen
from liftlab.components.progress import Progress, repeated

ROOM_BYTES = 512 * 2**20
"""Address space for writable data above the limit: interpreter, libraries, thread stacks."""
_PR_SET_PDEATHSIG = 1
_REPORT_SECS = 0.1


def main() -> None:
    """Answer the request and end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C as well, and ends this process
    request = json.loads(sys.stdin.buffer.readline())
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    _end_with_parent()
    _limit(request["memory_bytes"])
    listen(lambda name: _write(answers, {"reading": name}))
    with repeated(
        lambda fraction, message="": _write(answers, {"reading": ""}), ""
    ):  # a slow disk is no hang
        module = importlib.import_module(request["module"])
    _write(
        answers, _answer(getattr(module, request["function"]), request["arguments"], _progress_to(answers))
    )
    os._exit(0)  # an interpreter that winds down may still hang or crash in a library


def _answer(function: Callable[..., Any], arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    try:
        return {"result": function(arguments, progress)}
    except InputError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"out_of_memory": True}
    except OSError as error:
        if error.errno is not None:
            file = None if error.filename is None else str(error.filename)
            return {"os_error": error.errno, "file": file, "traceback": traceback.format_exc()}
        return {"defect": traceback.format_exc()}
    except Exception:
        return {"defect": traceback.format_exc()}


def _progress_to(answers: TextIO) -> Progress:
    """Passes reports on, but of many in a moment with one message only the first."""
    last: tuple[str, float] = ("", 0.0)

    def report(fraction: float, message: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if message != last[0] or now - last[1] > _REPORT_SECS:
            last = (message, now)
            _write(answers, {"fraction": round(fraction, 4), "message": message})

    return report


def _write(answers: TextIO, line: dict[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


def _end_with_parent() -> None:
    threading.Thread(target=_exit_when_input_closes, daemon=True).start()
    if sys.platform == "linux":  # also ends a library that never gives the thread above a turn
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")  # when the machine runs out of memory, this process goes before the lab


def _exit_when_input_closes() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would abort the interpreter's normal exit
        pass
    os._exit(1)


def _limit(memory_bytes: int | None) -> None:
    """No core file; and an allocation far above the limit fails at once (Linux; elsewhere the parent watches)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes is not None and sys.platform == "linux":
        most = memory_bytes + ROOM_BYTES
        with contextlib.suppress(ValueError, OSError):  # the limit is lower already
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main()
