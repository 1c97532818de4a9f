"""How a slow step reports where it is and learns that nobody wants it any more."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from liftlab.components.errors import Cancelled

REPEAT_SECS = 5.0


@runtime_checkable
class Progress(Protocol):
    """Called by a slow step with the share done in [0, 1] and a short sentence for people."""

    def __call__(self, fraction: float, message: str = "", /) -> None: ...


def no_progress(fraction: float, message: str = "") -> None:
    """Ignore the report (default of every `progress` argument)."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Map a sub-step's [0, 1] onto [start, end] of `progress`."""

    def report(fraction: float, message: str = "") -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), message)

    return report


@contextlib.contextmanager
def repeated(progress: Progress, message: str) -> Iterator[None]:
    """Say `message` every few seconds while work inside that we trust, and that cannot report, goes on."""
    ended = threading.Event()

    def repeat() -> None:
        progress(0.0, message)
        while not ended.wait(REPEAT_SECS):
            progress(0.0, message)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class CancelToken:
    """Set once from any thread; steps call `check()` between units of work (at least every second)."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises `Cancelled` once `cancel()` was called."""
        if self._event.is_set():
            raise Cancelled
