"""Run one of our functions in a process of its own, within limits of time and memory, and end it at any moment.

Libraries that decode files of unknown origin may run for ever, take all memory or crash; there they take nobody
along. Only JSON crosses the border; files go through folders that both sides know.
"""

import collections
import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal

import psutil

from liftlab.components.errors import InputError, printable
from liftlab.components.progress import CancelToken, Progress, no_progress

log = logging.getLogger("liftlab.readers")

_POLL_SECS = 0.05
_LOG_LINES = 40
_LOG_LINE_BYTES = 500
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""With a limit on memory: each thread of a linear algebra library reserves some."""

Reason = Literal["stalled", "too long", "memory", "crashed", "defect"]


@dataclass(frozen=True)
class ChildLimits:
    """How long and how large a child may grow; None is without a limit."""

    total_secs: float | None = None
    stall_secs: float | None = None
    """Without a word of progress."""
    memory_bytes: int | None = None
    """Resident, and (Linux) writable address space with some room above."""


class ChildEnded(RuntimeError):
    """The child gave no answer."""

    def __init__(self, reason: Reason, how: str, *, reading: str = "", details: str = "") -> None:
        super().__init__(how)
        self.reason: Reason = reason
        self.reading = reading
        """The file that it was reading; empty when it was not said."""
        self.details = details
        """Traceback, or the end of what the child wrote to standard error."""
        if details:
            self.add_note(f"End of its log:\n{details}")


def run_in_child(
    target: str,
    arguments: dict[str, Any],
    *,
    limits: ChildLimits | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Any:
    """Call a function in a fresh process and return what it returns.

    Args:
        target: "package.module:function"; it takes `arguments` and a `Progress`. Only its module is imported.
        arguments: JSON, as is the value that comes back.
        cancel: Ends the child within a fraction of a second.

    Raises:
        InputError: The function's own sentence.
        OSError: The function met one that has a number.
        ChildEnded: It crashed, broke a limit, or raised anything else.
        Cancelled: `cancel` was set.
    """
    limits = limits or ChildLimits()
    module, function = target.split(":")
    request = {
        "module": module,
        "function": function,
        "arguments": arguments,
        "memory_bytes": limits.memory_bytes,
    }
    with _started(request, target, limits) as child:
        for line in child.lines(cancel or CancelToken()):
            if "fraction" in line:
                progress(float(line["fraction"]), printable(str(line["message"])))
            elif "result" in line:
                return line["result"]
            else:
                _raise_what_it_says(line, child)
        code = child.process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise ChildEnded("crashed", how, reading=child.reading, details=child.log())


def refusal(ended: ChildEnded, name: str, limits: ChildLimits) -> InputError:
    """The sentence for a child that was reading the untrusted file `name`; what happened goes to the log."""
    name = ended.reading or name
    log.warning("Reading %s %s (%s)\n%s", printable(name), ended, ended.reason, ended.details)
    if ended.reason == "stalled":
        why = f"reading it stood still for {limits.stall_secs:.0f} seconds; export it again"
    elif ended.reason == "too long":
        why = f"reading it took more than {(limits.total_secs or 0) / 60:.0f} minutes; bring less at once"
    elif ended.reason == "memory":
        gibibytes = (limits.memory_bytes or 0) / 2**30
        why = f"reading it needed more than {gibibytes:.3g} GiB of memory; make it smaller or export it again"
    elif ended.reason == "crashed":
        why = "it crashed the reader; export it again"
    else:
        why = "it is damaged in a way that was not foreseen; export it again"
    return InputError(f"{name} cannot be read: {why}.")


class _Child:
    """A process that runs, and what it has said so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", limits: ChildLimits) -> None:
        self.process = process
        self.reading = ""
        self._limits = limits
        self._watched = psutil.Process(process.pid)
        self._started = self._last_word = time.monotonic()
        self._said: queue.Queue[bytes | None] = queue.Queue()
        self._log: collections.deque[bytes] = collections.deque(maxlen=_LOG_LINES)
        assert process.stdout is not None and process.stderr is not None
        self._threads = [
            threading.Thread(target=self._hear, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._keep_log, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def lines(self, cancel: CancelToken) -> Iterator[dict[str, Any]]:
        """What the child says, until it closes its mouth; raises when a limit is broken or nobody wants it."""
        while True:
            cancel.check()
            self._check_limits()
            try:
                line = self._said.get(timeout=_POLL_SECS)
            except queue.Empty:
                continue
            if line is None:
                cancel.check()
                return
            said = json.loads(line)
            if "reading" in said:
                self.reading = said["reading"]
            else:
                yield said

    def log(self) -> str:
        self._threads[1].join(1)
        return b"".join(self._log).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End the process if it still runs."""
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _check_limits(self) -> None:
        now, limits = time.monotonic(), self._limits
        if limits.stall_secs is not None and now - self._last_word > limits.stall_secs:
            raise ChildEnded("stalled", f"stood still for {limits.stall_secs:g} s", reading=self.reading)
        if limits.total_secs is not None and now - self._started > limits.total_secs:
            raise ChildEnded("too long", f"took more than {limits.total_secs:g} s", reading=self.reading)
        if limits.memory_bytes is not None:
            with contextlib.suppress(psutil.Error):
                if self._watched.memory_info().rss > limits.memory_bytes:
                    raise ChildEnded("memory", "took too much memory", reading=self.reading)

    def _hear(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            self._last_word = time.monotonic()
            self._said.put(line)
        self._said.put(None)

    def _keep_log(self, pipe: IO[bytes]) -> None:
        while line := pipe.readline(_LOG_LINE_BYTES):
            self._log.append(line)


@contextlib.contextmanager
def _started(request: dict[str, Any], target: str, limits: ChildLimits) -> Iterator[_Child]:
    """A child at work on the request; it never outlives the block."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    environment = os.environ | {"PYTHONPATH": path}
    if limits.memory_bytes is not None:
        environment |= _ONE_THREAD
    process = subprocess.Popen(
        # -P: what lies in the current folder is never imported; the target is there for those who list processes.
        [sys.executable, "-P", "-m", f"{__name__}_main", target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    child = _Child(process, limits)
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: its silence says so
            process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            process.stdin.flush()
        yield child
    finally:
        child.close()


def _raise_what_it_says(line: dict[str, Any], child: _Child) -> None:
    if "refused" in line:
        raise InputError(line["refused"])
    if "out_of_memory" in line:
        raise ChildEnded("memory", "ran out of memory", reading=child.reading)
    if "os_error" in line:
        error = OSError(line["os_error"], os.strerror(line["os_error"]), line["file"])
        error.add_note(line["traceback"])
        raise error
    raise ChildEnded("defect", "failed", reading=child.reading, details=line["defect"])
