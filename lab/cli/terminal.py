"""What the command line shows of slow work: progress on stderr, for people and for logs."""

import sys
import time
from typing import TextIO

BAR_WIDTH = 24
LINE_EVERY_SECS = 5.0
REDRAW_SECS = 0.1


class TerminalProgress:
    """A progress line that redraws itself on a terminal, and now and then a plain line elsewhere.

    Args:
        label: What is running.
        expected_secs: How long it takes by experience; led over to what the progress says.
        quiet: Show nothing.
    """

    def __init__(
        self,
        label: str,
        *,
        expected_secs: float | None = None,
        quiet: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        self._label = label
        self._expected = expected_secs
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._redraws = self._stream.isatty()
        self._started = time.monotonic()
        self._shown_at = -1e9
        self._width = 0

    def report(self, fraction: float, message: str = "") -> None:
        """Called by the running step."""
        if self._quiet:
            return
        now = time.monotonic()
        if now - self._shown_at < (REDRAW_SECS if self._redraws else LINE_EVERY_SECS):
            return
        self._shown_at = now
        self._write(self._line(fraction, message, now - self._started))

    def done(self, sentence: str) -> None:
        """Replace the progress by what came out."""
        if not self._quiet:
            self._write(f"{sentence} ({seconds(time.monotonic() - self._started)})", end=True)

    def end(self) -> None:
        """Leave the progress line, for example before an error message."""
        if not self._quiet and self._redraws and self._width:
            self._stream.write("\n")
            self._stream.flush()

    def _line(self, fraction: float, message: str, elapsed: float) -> str:
        fraction = min(max(fraction, 0.0), 1.0)
        bar = "█" * round(fraction * BAR_WIDTH) + "·" * (BAR_WIDTH - round(fraction * BAR_WIDTH))
        expected = self._expected
        if fraction > 0.05:
            by_progress = elapsed / fraction
            expected = by_progress if expected is None else (1 - fraction) * expected + fraction * by_progress
        times = seconds(elapsed) + (f" of about {seconds(max(expected, elapsed))}" if expected else "")
        return f"{self._label} {bar} {fraction:4.0%}  {times}  {message}"

    def _write(self, text: str, *, end: bool = False) -> None:
        if self._redraws:
            self._stream.write("\r" + text[:160].ljust(self._width) + ("\n" if end else ""))
            self._width = len(text[:160])
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


def seconds(value: float) -> str:
    """A duration for people: "0.4 s", "12 s", "2 min 5 s"."""
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
