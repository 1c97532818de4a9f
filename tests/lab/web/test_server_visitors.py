"""Browsers and their cells: what a page shows while work goes on, and what survives when it closes."""

import asyncio
import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.page.cells import capture, statuses
from liftlab.page.cells.status import CellStatus
from liftlab.page.cells.work import CELLS
from liftlab.page.state import state_of
from liftlab.web.visitor import Visitor
from liftlab.web.visitors import AWAY_SECS, Visitors
from tests import toy_workspace
from tests.answered import current_of
from tests.not_none import not_none
from tests.toy import make_toy

ID = "visitor-of-the-tests-1"
OTHER = "visitor-of-the-tests-2"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def toy_lab(toy_root: Path, tmp_path: Path) -> Iterator[Lab]:
    shutil.copytree(toy_root, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    yield lab
    lab.close()


def status_of(visitor: Visitor, cell: str) -> CellStatus:
    return next(status for status in statuses(visitor) if status.id == cell)


def until(true: Callable[[], bool], secs: float = 10.0) -> None:
    end = time.monotonic() + secs
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def click_red(visitor: Visitor) -> None:
    toy = make_toy(width=toy_workspace.WIDTH, height=toy_workspace.HEIGHT, views=toy_workspace.VIEWS)
    x, y = toy_workspace.box_center(toy, 0, 1)
    visitor.act(lambda session: session.click("000.png", x, y))


def test_an_empty_workspace_says_what_to_do(lab: Lab) -> None:
    visitor = Visitor(ID, lab)
    state = state_of(visitor)
    assert state.phase == "empty"
    assert "bring photos" in state.hint
    assert status_of(visitor, "capture").wants_open
    assert [status_of(visitor, cell).state for cell in CELLS] == ["idle"] * len(CELLS)


def test_progress_place_in_the_queue_and_cancel(lab: Lab) -> None:
    first, second = Visitor(ID, lab), Visitor(OTHER, lab)
    go_on = threading.Event()

    def work(progress, cancel) -> str:
        progress(0.4, "Matching photos")
        while not go_on.wait(0.01):
            cancel.check()
        return "room"

    first.start("reconstruct", "Reconstructing 'room'", work, expected_secs=60)
    until(lambda: status_of(first, "reconstruct").state == "running")
    second.start("masks", "Finding objects in 'hall'", lambda progress, cancel: "hall")
    running, waiting = status_of(first, "reconstruct"), status_of(second, "masks")
    assert running.job is not None and running.job.message == "Matching photos"
    assert running.job.fraction == 0.4 and running.job.expected_secs
    assert waiting.state == "queued" and waiting.job is not None and waiting.job.position == 1
    assert state_of(first).phase == "loading"

    first.cancel("reconstruct")
    until(lambda: status_of(first, "reconstruct").state == "idle")
    assert "Cancelled; nothing was kept." in status_of(first, "reconstruct").notes
    until(lambda: not_none(second.cells["masks"].job).finished)


def test_a_failed_step_shows_its_sentence(lab: Lab) -> None:
    visitor = Visitor(ID, lab)

    def work(progress, cancel) -> str:
        raise InputError("Only 2 of 9 photos connect; add photos in between.")

    visitor.start("reconstruct", "Reconstructing", work)
    until(lambda: status_of(visitor, "reconstruct").state == "failed")
    assert status_of(visitor, "reconstruct").error == "Only 2 of 9 photos connect; add photos in between."


def test_a_second_start_of_a_busy_cell_is_refused_and_said(lab: Lab) -> None:
    visitor = Visitor(ID, lab)
    go_on = threading.Event()
    visitor.start("masks", "Finding objects", lambda progress, cancel: str(go_on.wait(10)))
    visitor.start("masks", "Finding objects", lambda progress, cancel: "never")
    assert "still going on" in visitor.note
    go_on.set()


def test_editing_a_cell_makes_it_and_the_later_ones_stale(toy_lab: Lab) -> None:
    visitor = Visitor(ID, toy_lab)
    visitor.open(toy_workspace.NAME)
    assert [status_of(visitor, cell).state for cell in CELLS] == ["done"] * len(CELLS)
    visitor.mark_edited("masks")
    assert [cell for cell in CELLS if status_of(visitor, cell).state == "stale"] == ["masks", "methods"]


def test_a_scene_under_way_is_followed_not_built_twice(toy_lab: Lab) -> None:
    go_on = threading.Event()
    toy_lab.jobs.submit("the demo", lambda progress, cancel: go_on.wait(10), builds=toy_workspace.NAME)
    visitor = Visitor(ID, toy_lab)
    capture.open_or_build(visitor, toy_workspace.NAME)
    assert len(toy_lab.jobs.active) == 1
    assert state_of(visitor).phase == "loading"
    go_on.set()
    until(lambda: state_of(visitor).phase == "ready")


def test_prompts_survive_a_restart_and_are_not_shared(toy_lab: Lab) -> None:
    visitor = Visitor(ID, toy_lab)
    visitor.open(toy_workspace.NAME)
    click_red(visitor)
    before = visitor.session.objects[0]
    later, stranger = Visitor(ID, toy_lab), Visitor(OTHER, toy_lab)
    assert later.restore() and not stranger.restore()
    after = later.session.objects[0]
    assert (after.clicks, after.name, after.colour) == (before.clicks, before.name, before.colour)
    assert all((a == b).all() for a, b in zip(after.masks, before.masks, strict=True))
    assert stranger.session.objects == []


def test_browsers_that_went_away_are_let_go_of(toy_lab: Lab) -> None:
    visitors = Visitors(toy_lab, initial_scene=None, viewer_points=None)
    visitors.warm_up()
    away, here = visitors.get(ID), visitors.get(OTHER)
    asyncio.run(_join(here))
    for visitor in (away, here):
        visitor.seen_at -= AWAY_SECS + 1
    visitors.reap()
    assert visitors.known() == [here]
    assert visitors.get(ID) is not away


def test_what_clicks_need_compiled_is_loaded_before_the_first(toy_lab: Lab, monkeypatch) -> None:
    loaded = []
    monkeypatch.setattr("liftlab.components.masks.graph.grid_cut.warm_up", lambda: loaded.append("cuts"))
    monkeypatch.setattr("liftlab.components.geometry.view_consensus.warm_up", lambda: loaded.append("points"))
    Visitors(toy_lab, initial_scene=None, viewer_points=None).warm_up()
    assert sorted(loaded) == ["cuts", "points"]


async def _join(visitor: Visitor) -> None:
    visitor.join(asyncio.Queue())


def test_a_push_reaches_every_page_of_a_browser_and_no_other(lab: Lab) -> None:
    async def two_pages() -> tuple[int, int, int]:
        visitor, other = Visitor(ID, lab), Visitor(OTHER, lab)
        lines = [asyncio.Queue(), asyncio.Queue(), asyncio.Queue()]
        visitor.join(lines[0])
        visitor.join(lines[1])
        other.join(lines[2])
        await asyncio.to_thread(visitor.push)
        await asyncio.sleep(0.05)
        return lines[0].qsize(), lines[1].qsize(), lines[2].qsize()

    assert asyncio.run(two_pages()) == (1, 1, 0)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_clicks_go_on_when_they_cannot_be_saved_and_it_is_said_once(
    toy_lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    visitor = Visitor(ID, toy_lab)
    visitor.open(toy_workspace.NAME)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", refuse)
        monkeypatch.setattr(logging.getLogger("liftlab"), "propagate", True)
        notes = []
        for _ in range(3):
            click_red(visitor)
            notes.append(visitor.note)
        visitor.act(lambda session: session.rename_object(current_of(session).id, "mug"))
        visitor.act(lambda session: session.grow())
    assert "cannot be saved" in notes[0] and os.strerror(number).lower() in notes[0]
    assert notes[1:] == ["", ""]
    assert len(visitor.session.objects[0].clicks) == 3 and visitor.session.objects[0].masks[0].any()
    assert visitor.session.objects[0].name == "mug"
    assert not any(record.exc_info for record in caplog.records)
    click_red(visitor)
    assert Visitor(ID, toy_lab).restore()
