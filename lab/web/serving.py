"""uvicorn as the lab runs it: it leaves on every signal that asks to end, and takes the running work with it."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from liftlab.machine.signals import Stopped, on_signals

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab

CLOSED = "The lab is closed."


class LabServer(uvicorn.Server):
    """Serves until a signal; the lab's jobs are cancelled before anything is waited for."""

    def __init__(self, config: uvicorn.Config, lab: "Lab") -> None:
        super().__init__(config)
        self._lab = lab
        self._signal = 0

    def serve_until_stopped(self, listener: socket.socket) -> None:
        """Raises `Stopped` when a signal has ended it and everything is closed."""
        self.run(sockets=[listener])
        if self._signal:
            raise Stopped(self._signal, CLOSED)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        """In place of uvicorn's, which does not know SIGHUP, and sends SIGTERM again once it is done: that would end
        the process before the lab is closed.
        """
        with on_signals(self._asked_to_end):
            yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._lab.jobs.stop()
        await super().shutdown(sockets)

    def _asked_to_end(self, number: int) -> None:
        self.force_exit = self._signal != 0 and number == signal.SIGINT
        self._signal = self._signal or number
        self.should_exit = True
