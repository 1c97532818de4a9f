"""The benchmark of the page's waits, shortened: every number is of what it says."""

import math
import shutil
from pathlib import Path

import pytest

from benchmarks.page.paint_and_clicks import measure, spread
from tests import toy_workspace
from tests.browser.conftest import chromium_path


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(chromium_path() is None, reason="no Chromium found (apt-get install chromium)")
def test_a_visit_is_painted_then_ready_then_clicked(toy_root: Path, tmp_path: Path) -> None:
    root = shutil.copytree(toy_root, tmp_path / "workspace")
    (visit,) = measure(root, toy_workspace.NAME, visits=1, clicks=3)
    assert 0 < visit.painted_ms < visit.ready_ms
    assert len(visit.waited_ms) == 3 and min(visit.waited_ms) > 0


def test_what_was_not_measured_is_no_number() -> None:
    assert spread([1.0, 2.0, 9.0])[::2] == (2.0, 9.0)
    assert all(math.isnan(value) for value in spread([1.0, math.nan]))
