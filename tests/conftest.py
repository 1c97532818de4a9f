"""Fixtures shared by many tests; browser tests run last."""

import os
import sys
from collections.abc import Iterator

# As components/__init__.py does, too late where torch is loaded before it: OpenMP reads this when it is loaded.
# Without it threads that wait for others spin, and with two workers on two cores they spin where the others would run:
# tests that train cost five times as much.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch

from tests.page_server import ROOT, page_server, toy_root

__all__ = ["page_server", "pytest_collection_modifyitems", "pytest_configure", "toy_root"]


def pytest_configure() -> None:
    """Where the environment forbids bytecode beside the sources, as in many containers, keep it in `build`: otherwise
    every process that a test starts compiles torch and all else that it imports.
    """
    if sys.dont_write_bytecode:
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / "build" / "pycache")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last, all in one worker: Playwright keeps an event loop running in the main thread, in which
    `asyncio.run` of other tests would fail, and two browsers at once would starve each other. Tests of another file
    stay together, as they share what they prepare.
    """
    items.sort(key=in_browser)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("browser" if in_browser(item) else item.path.as_posix()))


def in_browser(item: pytest.Item) -> bool:
    """Whether a test drives a browser."""
    return item.path.parent.name == "browser"


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """For small arrays: waiting for a second thread costs more than it does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
