"""The soak, shortened: a lab that people click in and that people visit does not grow."""

import asyncio
import shutil
from pathlib import Path

import pytest

from benchmarks.page.soak import growth, run_soak, served
from tests import toy_workspace

HANDLES_ALLOWED = 8
"""More than after the warm-up; a visit that stays holds four."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_clicks_and_visits_leave_nothing_behind(toy_root: Path, tmp_path: Path) -> None:
    root = shutil.copytree(toy_root, tmp_path / "workspace")
    with served(root, toy_workspace.NAME) as (url, process):
        soak = asyncio.run(
            run_soak(url, process, clients=3, clicks=400, visits=40, warm_clicks=120, warm_visits=12)
        )
    first, last = soak.samples[0], soak.samples[-1]
    assert last.visits - first.visits >= 25 and last.clicks - first.clicks >= 200
    assert growth(soak) < 0.05
    assert last.handles - first.handles <= HANDLES_ALLOWED
    assert last.threads - first.threads <= HANDLES_ALLOWED
