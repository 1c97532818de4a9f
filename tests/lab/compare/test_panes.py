"""The Compare cell without a browser: what it says, and cameras that follow each other."""

import threading
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from liftlab.compare.pane_pictures import STANDING
from liftlab.compare.panes import Panes
from liftlab.compare.report import report_of
from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.session.session import Session
from liftlab.view3d.viewer import KEY_HEADER, Viewer
from liftlab.web.wire.messages import Compared, NotCompared
from tests.answered import current_of
from tests.lab.view3d.test_viewer import PROTOCOL, camera_message
from tests.not_none import not_none
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center


@pytest.fixture
def panes(shared_lab: Lab) -> Iterator[Panes]:
    session = Session(shared_lab)
    session.open(NAME)
    panes = Panes(shared_lab, session, most=2000)
    yield panes
    panes.close()


def session_of(panes: Panes) -> Session:
    return panes._session


def compared(panes: Panes) -> Compared:
    """What the page is told while something is compared."""
    message = panes.message()
    assert isinstance(message, Compared)
    return message


def test_every_pane_gets_the_clicks_and_the_table_tells(panes: Panes, toy: Toy) -> None:
    panes.choose(["wildseg3d", "wildseg3d"])
    assert not compared(panes).split
    session_of(panes).click("000.png", *box_center(toy, 0, 1))
    assert panes.follow(session_of(panes))
    assert not panes.follow(session_of(panes)), "nothing changed"
    panes.reference = "0"
    message = compared(panes)
    assert message.split and message.object == "object 1"
    assert message.agree == 1.0
    first, second = message.panes
    assert first.pixels == second.pixels and (first.pixels or 0) > 100
    assert second.iou == 1.0
    assert first.ms


def test_a_method_that_is_not_prepared_says_so(panes: Panes, toy: Toy) -> None:
    panes.choose(["wildseg3d", "saga"])
    session_of(panes).click("000.png", *box_center(toy, 0, 1))
    panes.follow(session_of(panes))
    ready, missing = compared(panes).panes
    assert ready.ready and ready.pixels
    assert not missing.ready and "not prepared" in missing.message


def test_a_painted_object_is_a_right_answer_and_no_question(panes: Panes, toy: Toy) -> None:
    own = session_of(panes)
    x, y = box_center(toy, 0, 1)
    own.click("000.png", x, y)
    panes.choose(["wildseg3d"])
    panes.reference = "painted"
    assert "Nothing is painted yet" in compared(panes).note
    asked = not_none(panes.comparison).asked
    own.new_object("by hand")
    assert not panes.follow(own), "about to be painted"
    own.paint("000.png", [(x, y)], 160.0)
    assert panes.follow(own), "there is something to score against"
    message = compared(panes)
    assert not_none(panes.comparison).asked == asked and message.object == "object 1"
    assert message.painted == "Scored against by hand, painted in 000.png."
    mask = not_none(not_none(panes.comparison).states[0]).masks[0]
    assert message.panes[0].iou == pytest.approx(mask.mean()), "all of one photo is painted"
    own.click("000.png", *box_center(toy, 0, 2))
    assert panes.follow(own), "clicked, it is a question"
    assert not_none(not_none(panes.comparison).asked).object == "by hand"


def test_what_was_chosen_for_a_method_stays_with_it(panes: Panes, toy: Toy) -> None:
    panes.choose(["wildseg3d", "wildseg3d"])
    panes.set_granularity(0, 0.25)
    panes.choose(["saga", "wildseg3d"])
    assert [entry.granularity for entry in compared(panes).panes] == [None, 0.25]
    with pytest.raises(InputError, match="no such pane"):
        panes.set_granularity(2, 0.5)


def test_features_are_offered_only_where_they_are(panes: Panes) -> None:
    panes.choose(["wildseg3d"])
    assert compared(panes).panes[0].views == ["photo"]
    with pytest.raises(InputError, match="no features"):
        panes.set_view(0, "pca")


def test_a_pane_shows_the_answer_or_who_agrees(panes: Panes, toy: Toy) -> None:
    own = session_of(panes)
    own.click("000.png", *box_center(toy, 0, 2))
    panes.choose(["wildseg3d", "wildseg3d"])
    panes.set_granularity(1, 1.0)
    viewer = panes.viewer(0)
    assert viewer is not None
    assert lit(viewer) == 1
    panes.show_agreement(True)
    assert lit(viewer) == len(STANDING)
    panes.show_agreement(False)
    assert lit(viewer) == 1


def lit(viewer: Viewer) -> int:
    """Nodes of lit things that are seen."""
    assert viewer._drawing is not None
    sent = viewer._drawing._sent
    return sum(name.startswith("/lit/") and node.handle.visible for name, node in sent.items())


def test_a_browser_is_sent_no_more_than_it_can_draw(shared_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liftlab.compare.panes.MOST_POINTS", {False: 900, True: 300})
    session = Session(shared_lab)
    session.open(NAME)
    for software, most in ((False, 900), (True, 300)):
        panes = Panes(shared_lab, session)
        panes.software = software
        panes.choose(["wildseg3d"])
        viewer = panes.viewer(0)
        assert viewer is not None and viewer._drawing is not None
        assert 0.9 * most <= sum(map(len, viewer._drawing.surfaces["points"].chunks)) <= most
        panes.close()


def test_the_report_tells_what_the_table_tells(panes: Panes, toy: Toy) -> None:
    own = session_of(panes)
    own.click("000.png", *box_center(toy, 0, 2))
    panes.choose(["wildseg3d", "wildseg3d"])
    panes.set_granularity(1, 1.0)
    panes.reference = "0"
    reference, _ = panes.right_answer()
    page = report_of(not_none(panes.comparison), reference, panes.reference_name)
    shown = compared(panes).panes[1]
    assert f"{shown.iou:.3f}" in page and f"{shown.pixels:,}" in page
    assert "the answer of wildseg3d" in page
    assert page.count("data:image/jpeg") == 2 * len(toy.scene.views), "every photo sees the box"
    assert "http" not in page.replace("http://www.w3.org", ""), "it needs no network"


def test_the_python_beneath_gives_the_same_table(
    panes: Panes, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    own = session_of(panes)
    own.click("000.png", *box_center(toy, 0, 2))
    panes.choose(["wildseg3d", "wildseg3d"])
    panes.set_granularity(1, 1.0)
    panes.reference = "0"
    message = compared(panes)
    exec(message.code, {"lab": panes._lab, "session": own})
    printed = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert printed == [entry.iou for entry in message.panes]


def test_panes_start_where_the_workspace_stands_and_a_further_one_where_they_are(panes: Panes) -> None:
    stand = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 0.5])
    panes.first_stand = lambda: stand
    panes.choose(["wildseg3d", "wildseg3d"])
    first = not_none(panes.viewer(0))
    assert tuple(first._server.initial_camera.position) == (1, 2, 3)
    assert tuple(first._server.initial_camera.look_at) == (0.5, 0.5, 0.5)
    first._stand = stand[1], stand[0]  # as if a browser had turned it
    panes.choose(["wildseg3d", "wildseg3d", "wildseg3d"])
    assert tuple(not_none(panes.viewer(2))._server.initial_camera.position) == (0.5, 0.5, 0.5)


def test_a_closed_comparison_has_no_panes(panes: Panes) -> None:
    panes.choose(["wildseg3d"])
    assert panes.viewer(0) is not None
    assert panes.viewer(1) is None
    panes.choose([])
    assert panes.viewer(0) is None
    assert panes.message() == NotCompared(note="")


def test_making_an_answer_the_result_sets_the_method(panes: Panes, toy: Toy) -> None:
    own = session_of(panes)
    own.click("000.png", *box_center(toy, 0, 1))
    panes.choose(["wildseg3d"])
    own.set_granularity(0.0)
    panes.follow(own)
    panes.take(0, own)
    assert own.method == "wildseg3d" and current_of(own).granularity == 0.0


def joined(viewer: Viewer) -> ClientConnection:
    """A browser of a viewer, which has reported its first camera."""
    socket = connect(
        f"ws://127.0.0.1:{viewer.port}",
        subprotocols=[PROTOCOL],
        additional_headers={KEY_HEADER: viewer.key},
        max_size=None,
    )
    socket.send(msgspec.msgpack.encode(camera_message(np.array([0.0, 0.0, 1.0]))))
    return socket


def until(done, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.02)
    return False


def positions(viewer: Viewer) -> list[np.ndarray]:
    return [client.camera.position for client in viewer._server.get_clients().values()]


@pytest.mark.parametrize("linked", [True, False])
def test_cameras_follow_each_other_while_linked(panes: Panes, linked: bool) -> None:
    panes.choose(["wildseg3d", "wildseg3d"])
    panes.linked = linked
    moved = threading.Event()
    first, second = panes.viewer(0), panes.viewer(1)
    assert first is not None and second is not None
    follow = first.on_camera
    assert follow is not None

    def follow_and_tell(camera: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        follow(camera)
        moved.set()

    first.on_camera = follow_and_tell
    with joined(first) as one, joined(second):
        assert until(lambda: len(positions(first)) == len(positions(second)) == 1)
        time.sleep(0.3)  # the first report of a browser is where it starts
        one.send(msgspec.msgpack.encode(camera_message(np.array([0.5, -0.25, 0.75]))))
        assert moved.wait(10)
        same = until(lambda: np.allclose(positions(second)[0], [0.5, -0.25, 0.75]), 1.0)
    assert same == linked
