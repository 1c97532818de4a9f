"""Fixtures shared by many tests; browser tests run last."""

from collections.abc import Iterator

import pytest
import torch

from tests.page_server import page_server, toy_root

__all__ = ["page_server", "pytest_collection_modifyitems", "toy_root"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright keeps an event loop running in the main thread, in which `asyncio.run` of other tests would fail."""
    items.sort(key=lambda item: item.path.parent.name == "browser")


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """For small arrays: waiting for a second thread costs more than it does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
