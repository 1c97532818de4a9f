"""A visit whose page is closed: what it lets go of after a while, and that it comes back as it was."""

import asyncio
import gc
import shutil
import threading
import weakref
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from liftlab.engine.lab import Lab
from liftlab.engine.recent import Recent
from liftlab.export.downloads import export_file
from liftlab.session.objects import PackedBits, PackedMasks
from liftlab.session.prompts import ObjectPrompts
from liftlab.session.session import Session
from liftlab.view3d.frame import frame_of
from liftlab.view3d.surfaces import point_surface
from liftlab.web.visitor import Visitor
from liftlab.web.visitors import AWAY_SECS, Visitors
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

ID = "visitor-of-the-tests-1"


@pytest.fixture
def visitors(lab: Lab) -> Iterator[Visitors]:
    visitors = Visitors(lab, initial_scene=None, viewer_points=None, rest_secs=0.0)
    visitors.warm_up()
    yield visitors
    visitors.close()
    lab.close()


def clicked(visitors: Visitors, toy: Toy) -> Visitor:
    """A visit with two objects, one of them made by two clicks, and a step that can be made again."""
    visitor = visitors.get(ID)
    for thread in threading.enumerate():
        if thread.name == "liftlab-open":  # it takes up what an earlier visit saved
            thread.join(30)
    visitor.open(NAME)
    for number in (1, 2):
        for view in (0, 1):
            x, y = box_center(toy, view, number)
            visitor.act(lambda session, photo=f"{view:03d}.png", x=x, y=y: session.click(photo, x, y))
        visitor.act(lambda session: session.new_object())
    visitor.act(lambda session: session.undo())
    return visitor


def masks_of(session: Session) -> list[tuple[ObjectPrompts, list[bytes]]]:
    """What is asked and what is answered."""
    return [(state.asked, [mask.tobytes() for mask in state.masks]) for state in session.objects]


def test_a_closed_page_lets_go_of_what_is_heavy_and_comes_back_as_it_was(
    visitors: Visitors, toy: Toy
) -> None:
    visitor = clicked(visitors, toy)
    before, times = masks_of(visitor.session), visitor.session.server_ms(1)
    download = export_file(visitor, "ply")
    visitor.compare(["wildseg3d"])
    assert visitor.viewer_of(0) is not None and visitor.viewer.port and not visitor.resting
    visitors.reap()
    assert visitor.resting
    assert visitors.known() == [visitor] and download.path.exists()
    answerer = visitor.session.answerer
    assert not any(value is visitors.lab.scene(NAME) for value in vars(answerer).values())
    assert [answerer.answer_of(entry.id) for entry in visitor.session.book.entries] == [None] * 2

    assert masks_of(visitor.session) == before
    assert visitor.session.server_ms(1) == times
    assert visitor.panes.comparison is not None and visitor.panes.message().panes[0].pixels
    assert visitor.session.can_redo and visitor.session.can_undo
    visitor.act(lambda session: session.redo())
    visitor.act(lambda session: (session.undo(), session.undo()))
    assert masks_of(visitor.session) != before
    visitor.act(lambda session: session.redo())
    assert masks_of(visitor.session) == before


def test_an_open_page_never_rests_and_one_that_is_away_for_long_is_let_go_of(
    visitors: Visitors, toy: Toy
) -> None:
    visitor = clicked(visitors, toy)
    asyncio.run(_join(visitor))
    visitors.reap()
    assert not visitor.resting
    visitor._lines.clear()
    visitors.reap()
    assert visitor.resting
    visitor.seen_at -= AWAY_SECS + 1
    visitors.reap()
    assert visitors.known() == []


async def _join(visitor: Visitor) -> None:
    visitor.join(asyncio.Queue())


def test_work_goes_on_while_its_visit_rests(visitors: Visitors, toy: Toy) -> None:
    visitor, go_on = clicked(visitors, toy), threading.Event()
    visitor.start(
        "masks", "Working", lambda progress, cancel: go_on.wait(30), then=lambda _: visitor.open(NAME)
    )
    visitors.reap()
    job = visitor.cells["masks"].job
    assert visitor.resting and job is not None and not job.finished
    go_on.set()
    assert job.result(30)
    end = threading.Event()
    for _ in range(1000):
        if not visitor.resting:
            break
        end.wait(0.01)
    assert not visitor.resting and len(visitor.session.objects) == 2


def test_a_scene_that_is_gone_by_then_is_closed(visitors: Visitors, toy: Toy) -> None:
    visitor = clicked(visitors, toy)
    visitor.rest()
    shutil.rmtree(visitors.lab.workspace.root / "names")
    assert visitor.scene is None and visitor.session.objects == [] and not visitor.session.can_undo


def test_closed_views_leave_no_thread_no_file_and_no_array(visitors: Visitors, toy: Toy) -> None:
    visitor = clicked(visitors, toy)
    process = psutil.Process()
    threads, handles = threading.active_count(), process.num_fds()
    assert visitor.viewer.port
    drawing = visitor.viewer._drawing
    assert drawing is not None
    surface = weakref.ref(drawing.surfaces["points"])
    del drawing
    gc.disable()  # a collection would hide that somebody holds on to it
    try:
        visitor.rest()
        assert surface() is None
    finally:
        gc.enable()
    gc.collect()  # viser's own threads wait for their pool to be collected
    assert threading.active_count() <= threads and process.num_fds() <= handles


def test_what_is_drawn_of_a_scene_is_shared(lab: Lab) -> None:
    scene = lab.scene(NAME)
    first, second = (point_surface(scene, frame_of(scene), 1000) for _ in range(2))
    assert first is second
    assert point_surface(scene, frame_of(scene), 500) is not first


def test_answers_are_kept_as_bits(session: Session, toy: Toy) -> None:
    state = session.click("000.png", *box_center(toy, 0, 1))
    session.undo()
    assert state.answer is not None and state.result is not None
    selected = state.result.selected
    assert state.result.count == selected.sum() and state.result.packed.nbytes == -(-len(selected) // 8)
    assert state.answer.masks.counts == tuple(int(mask.sum()) for mask in state.masks)
    assert not [value for value in vars(state.answer).values() if isinstance(value, np.ndarray)]


def test_bits_give_back_what_they_were_made_of() -> None:
    rng = np.random.default_rng(0)
    for shape in ((0,), (1,), (13,), (7, 9)):
        values = rng.random(shape) < 0.5
        packed = PackedBits(values)
        assert np.array_equal(packed.unpacked(), values) and packed.count == values.sum()
    masks = PackedMasks([np.ones((3, 5), bool), np.zeros((2, 2), bool)])
    assert len(masks) == 2 and [mask.shape for mask in masks] == [(3, 5), (2, 2)] and masks[-1].sum() == 0
    assert [mask.shape for mask in masks[:1]] == [(3, 5)]


def test_the_oldest_go_when_there_are_too_many_bytes() -> None:
    recent: Recent[bytes] = Recent(10, most_bytes=100, size_of=len)
    for key in "abc":
        recent.get(key, lambda: bytes(40))
    assert [key in recent for key in "abc"] == [False, True, True]
    recent.get("b", lambda: b"")
    recent.put("d", bytes(50))
    assert [key in recent for key in "bcd"] == [True, False, True]
    recent.get("e", lambda: bytes(1000))
    assert len(recent) == 1 and "e" in recent
    recent.drop("e")
    recent.get("f", lambda: bytes(90))
    recent.get("g", lambda: bytes(10))
    assert len(recent) == 2
