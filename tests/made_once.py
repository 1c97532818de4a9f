"""What is costly to prepare is made by one worker of a run; the others wait for it and read the same files."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from liftlab.files.locks import FileLock

WAIT_SECS = 0.05


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` of this run, which `make` fills when nobody has: copy it before changing it.

    pytest-xdist gives each worker a folder of its own beside the others'; what they share lies next to those.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    lock, folder, partial = FileLock(shared / f"{name}.lock"), shared / name, shared / f"{name}.partial"
    while not lock.acquire():
        time.sleep(WAIT_SECS)
    try:
        if not folder.exists():
            shutil.rmtree(partial, ignore_errors=True)  # of a worker whose attempt failed
            make(partial)
            partial.rename(folder)
    finally:
        lock.release()
    return folder
