"""Captures are read in this process here, which saves a second per import; `test_reading_apart.py` reads them apart."""

import pytest

from liftlab.components.captures import importing
from tests.child_functions import run_here


@pytest.fixture(autouse=True)
def read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the test asks for `apart`."""
    if "apart" not in request.fixturenames:
        monkeypatch.setattr(importing, "run_in_child", run_here)


@pytest.fixture
def apart() -> None:
    """Reading happens in a child process, as it does for people."""
