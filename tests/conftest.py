"""Fixtures shared by tests of the page; browser tests run last."""

import pytest

from tests.page_server import page_server, toy_root

__all__ = ["page_server", "pytest_collection_modifyitems", "toy_root"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright keeps an event loop running in the main thread, in which `asyncio.run` of other tests would fail."""
    items.sort(key=lambda item: item.path.parent.name == "browser")
