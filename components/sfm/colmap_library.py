"""pycolmap, imported so that this process keeps its own signal handlers.

Importing it installs handlers of its logging library, which answer SIGTERM with a stack trace and an abort. They are
put in place below Python, which does not notice, and `signal.signal` could put ours back from the main thread alone.
So the operating system is asked: what each signal did before the import is what it does afterwards. Import pycolmap
from here, except in a process that does nothing else.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

TAKEN = ("SIGTERM", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
"""Signals the library takes over."""
_ACTION_BYTES = 512
"""Room for `struct sigaction`, which is 152 bytes on Linux and 16 on macOS; only the system reads what is in it."""


@contextlib.contextmanager
def signal_handlers_kept() -> Iterator[None]:
    """Undo what happens inside to the handlers of `TAKEN`; from any thread."""
    if os.name == "nt":  # has no such handlers
        yield
        return
    change = ctypes.CDLL(None).sigaction
    before = {getattr(signal, name): ctypes.create_string_buffer(_ACTION_BYTES) for name in TAKEN}
    for number, action in before.items():
        change(number, None, action)
    try:
        yield
    finally:
        for number, action in before.items():
            change(number, action, None)


with signal_handlers_kept():
    import pycolmap

__all__ = ["pycolmap", "signal_handlers_kept"]
