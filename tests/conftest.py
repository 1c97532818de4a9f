"""Fixtures shared by many tests, and the order of their files."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# As components/__init__.py does, too late where torch is loaded before it: OpenMP reads this when it is loaded.
# Without it threads that wait for others spin, and with two workers on two cores they spin where the others would run:
# tests that train cost five times as much.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).parent.parent

# Where the environment forbids bytecode beside the sources, as in many containers, keep it in `build`: otherwise every
# process of a run compiles torch and all else that it imports. Before the first of these imports, below and in tests.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / "build" / "pycache")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest  # noqa: E402

from tests.page_server import page_server, toy_root  # noqa: E402

__all__ = ["page_server", "pytest_collection_modifyitems", "toy_root"]

LONGEST = (
    "browser/test_page.py",
    "test_truth_poison.py",
    "browser/test_compare.py",
    "pipelines/test_contract.py",
)
"""Files that take longest. The first makes what every file with a browser waits for; the second needs none of it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest come first, so that no worker is left with one of them when the others have nothing more
    to do. `--dist loadfile` keeps the tests of a file together, as they share what they prepare.
    """
    items.sort(key=lambda item: place_of(file_of(item)))


def place_of(file: str) -> int:
    """Where a file comes in the order: files of one place stay as they were found."""
    if file in LONGEST:
        return LONGEST.index(file)
    return len(LONGEST) + (not file.startswith("browser/"))


def file_of(item: pytest.Item) -> str:
    """The file of a test, from here."""
    return item.path.relative_to(Path(__file__).parent).as_posix()


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """For small arrays: waiting for a second thread costs more than it does."""
    import torch  # here and in `page_server` where it is used: who hands tests out to workers needs none of it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
