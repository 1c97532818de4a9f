"""Files of unknown origin are read in a process of its own: whatever they do there, it is one sentence here."""

import dataclasses
import signal
from pathlib import Path

import psutil
import pytest

from liftlab.components.captures import ImportLimits, import_capture, importing, open_capture
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken
from tests.child_functions import run_here
from tests.components.captures.picture import photo_folder

CHILD = "liftlab.components.captures.reading:read_in_child"


def child() -> psutil.Process:
    return next(c for c in psutil.Process().children() if CHILD in c.cmdline())


def test_the_report_is_the_same_on_both_sides(
    tmp_path: Path, apart: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = photo_folder(tmp_path / "source", 3)
    report = import_capture(source, tmp_path / "apart")
    monkeypatch.setattr(importing, "run_in_child", run_here)
    assert report == import_capture(source, tmp_path / "here")
    assert open_capture(tmp_path / "apart").photos[2].sharpness > 0


def test_a_crash_is_a_sentence_and_leaves_nothing(tmp_path: Path, apart: None) -> None:
    source = photo_folder(tmp_path / "source", 30, step=25)

    def crash(fraction: float, message: str = "") -> None:
        if message == "Reading 001.jpg":
            child().send_signal(signal.SIGSEGV)

    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=r" cannot be read: it crashed the reader; export it again\.$"):
        import_capture(source, tmp_path / "out" / "c", progress=crash)
    assert list((tmp_path / "out").iterdir()) == [] and before <= set(tmp_path.iterdir())


def test_cancel_ends_a_reader_that_stands_still(tmp_path: Path, apart: None) -> None:
    cancel = CancelToken()

    def stop(fraction: float, message: str = "") -> None:
        child().suspend()  # as a decoder that hangs: it hears nothing any more
        cancel.cancel()

    with pytest.raises(Cancelled):
        import_capture(photo_folder(tmp_path / "source", 5), tmp_path / "c", progress=stop, cancel=cancel)
    assert not any(CHILD in c.cmdline() for c in psutil.Process().children())


def test_a_reader_that_stands_still_is_given_up(tmp_path: Path, apart: None) -> None:
    limits = dataclasses.replace(ImportLimits(), max_stall_secs=1.0)

    def hang(fraction: float, message: str = "") -> None:
        child().suspend()

    with pytest.raises(InputError, match=r"cannot be read: reading it stood still for 1 seconds"):
        import_capture(photo_folder(tmp_path / "source", 5), tmp_path / "c", limits=limits, progress=hang)
