"""Captures are read in this process here, which saves a second per import; `test_reading_apart.py` reads them apart."""

import json
from typing import Any

import pytest

from components.captures import importing
from components.captures.reading import read_in_child
from components.progress import CancelToken, Progress


@pytest.fixture(autouse=True)
def read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the test asks for `apart`."""
    if "apart" not in request.fixturenames:
        monkeypatch.setattr(importing, "run_in_child", run_here)


@pytest.fixture
def apart() -> None:
    """Reading happens in a child process, as it does for people."""


def run_here(
    target: str, arguments: dict[str, Any], *, limits: Any, progress: Progress, cancel: CancelToken
) -> Any:
    def report(fraction: float, message: str = "") -> None:
        cancel.check()
        progress(fraction, message)
        cancel.check()

    assert target == "components.captures.reading:read_in_child"
    return json.loads(json.dumps(read_in_child(json.loads(json.dumps(arguments)), report)))
