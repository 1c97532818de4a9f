"""A file that stops its reader stops nobody else: Cancel ends it, and the next visitor's work runs."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.page.cells import capture
from liftlab.web.visitor import Visitor
from tests.components.captures.picture import photo_folder

ENDLESS = (
    ["ply", "format binary_little_endian 1.0", "element chunk 2"]
    + ["property float min_x"] * 18
    + ["element vertex 300"]
    + [f"property uint packed_{name}" for name in ("position", "rotation", "scale", "color")]
    + ["end"]
)
"""A header on whose end a library waits for ever."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "workspace")
    yield lab
    lab.close()


def reader() -> psutil.Process:
    """The child that reads, once it is there."""
    while True:
        for child in psutil.Process().children():
            if "liftlab.components.captures.reading:read_in_child" in child.cmdline():
                return child
        time.sleep(0.01)


def test_a_header_without_an_end_is_refused_at_once(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "endless.ply").write_text("\n".join(ENDLESS))
    with pytest.raises(InputError, match=r"its header does not end.*\(endless\.ply\)"):
        lab.import_capture(tmp_path / "endless.ply")
    assert lab.captures() == []


def test_cancel_ends_a_reader_that_hangs_and_the_next_visitor_is_served(tmp_path: Path, lab: Lab) -> None:
    first, second = Visitor("visitor-of-the-tests-1", lab), Visitor("visitor-of-the-tests-2", lab)
    source = photo_folder(tmp_path / "brought", 4) / "images"
    paths = sorted(source.iterdir())
    capture.start_import(first, paths, "hangs")
    child = reader()
    child.suspend()  # as a decoder that never returns: it hears nothing
    served = threading.Event()
    second.start("masks", "Something else", lambda progress, cancel: served.set())
    hanging = next(job for job in lab.jobs.active if job.state == "running")
    assert not served.wait(0.3), "one job at a time"
    hanging.cancel()
    assert served.wait(30)
    assert hanging.state == "cancelled"
    assert not child.is_running() and lab.captures() == []
