"""Fixtures shared by many tests; browser tests run last."""

from collections.abc import Iterator

import pytest
import torch

from tests.page_server import page_server, toy_root

__all__ = ["page_server", "pytest_collection_modifyitems", "toy_root"]


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
