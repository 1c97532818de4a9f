"""Fixtures shared by tests of the page."""

from tests.page_server import page_server, toy_root

__all__ = ["page_server", "toy_root"]
