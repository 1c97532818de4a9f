"""Signals that ask this process to end: Ctrl-C, SIGTERM, and SIGHUP of a terminal that was closed.

Whoever is at work says what they mean (`on_signals`); the first one lets it stop in its own time, and `ended_within`
sees to it that this time is short even where native code keeps the main thread from hearing of anything.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

ENDING: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
GRACE_SECS = 4.5
"""From the first signal to the end of the process, at most."""
NOTHING_KEPT = "Stopped; nothing of this step was kept."
CUT_SHORT = "Stopped before the step could end by itself; what was saved before is kept."


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end; the message is for people."""

    def __init__(self, number: int, sentence: str = NOTHING_KEPT) -> None:
        super().__init__(sentence)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell reports of a process that this signal has ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return exit_code_of(self.number)


def exit_code_of(number: int) -> int:
    return 128 + number


def stop(number: int) -> None:
    """Raise `Stopped`: the reaction of a process that has nothing to finish."""
    raise Stopped(number)


@contextlib.contextmanager
def on_signals(react: Callable[[int], None]) -> Iterator[None]:
    """Call `react` in the main thread for each signal that asks to end; what they did before holds again afterwards.

    SIGHUP stays ignored where it was, as under nohup. Outside the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {
        number: signal.signal(number, lambda number, _: react(number))
        for number in ENDING
        if not (number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN)
    }
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def ended_within(secs: float, farewell: Callable[[int], None]) -> Iterator[threading.Event]:
    """End the process when it is still there this long after the first signal; for the main thread of a command.

    Python runs handlers between two of its own instructions, which a long native call keeps waiting. The signal's
    number therefore comes through a pipe to a thread that only waits. Whoever leaves the block after a signal should
    `leave` the process: Python's own way out joins threads and takes its time, in which the thread is not heard.

    Args:
        farewell: Called with the signal's number before the process ends like that.

    Yields:
        What is set once a signal came.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield asked
        return
    ears, mouth = os.pipe()
    os.set_blocking(mouth, False)
    before = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)

    def wait() -> None:
        number = 0
        while number not in ENDING:
            heard = os.read(ears, 1)
            if not heard:
                return
            number = heard[0]
        asked.set()
        time.sleep(secs)
        farewell(number)
        os._exit(exit_code_of(number))

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        """A signal may come while Python runs a callback that cannot raise, and then nobody would hear of `Stopped`."""
        if isinstance(unraisable.exc_value, Stopped):
            farewell(unraisable.exc_value.number)
            leave(unraisable.exc_value.exit_code)
        hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, lost
    thread = threading.Thread(target=wait, name="liftlab-signals", daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        os.close(mouth)
        if not asked.is_set():
            thread.join()
            os.close(ears)


def leave(code: int) -> NoReturn:
    """End the process now, with everything said and logged."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
