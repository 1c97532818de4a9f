"""The Compare cell without a browser: what it says, and cameras that follow each other."""

import threading
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from lab.engine import Lab
from lab.panes import Panes
from lab.session import Session
from lab.viewer import KEY_HEADER, Viewer
from tests.lab.test_viewer import PROTOCOL, camera_message
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


def test_every_pane_gets_the_clicks_and_the_table_tells(panes: Panes, toy: Toy) -> None:
    panes.choose(["wildseg3d", "wildseg3d"])
    assert not panes.message()["split"]
    session_of(panes).click("000.png", *box_center(toy, 0, 1))
    assert panes.follow(session_of(panes))
    assert not panes.follow(session_of(panes)), "nothing changed"
    panes.reference = "0"
    message = panes.message()
    assert message["split"] and message["object"] == "object 1"
    first, second = message["panes"]
    assert first["pixels"] == second["pixels"] > 100
    assert second["iou"] == 1.0
    assert first["ms"] > 0


def test_a_method_that_is_not_prepared_says_so(panes: Panes, toy: Toy) -> None:
    panes.choose(["wildseg3d", "saga"])
    session_of(panes).click("000.png", *box_center(toy, 0, 1))
    panes.follow(session_of(panes))
    ready, missing = panes.message()["panes"]
    assert ready["ready"] and ready["pixels"] > 0
    assert not missing["ready"] and "not prepared" in missing["message"]


def test_a_closed_comparison_has_no_panes(panes: Panes) -> None:
    panes.choose(["wildseg3d"])
    assert panes.viewer(0) is not None
    assert panes.viewer(1) is None
    panes.choose([])
    assert panes.viewer(0) is None
    assert panes.message()["panes"] == []


def test_making_an_answer_the_result_sets_the_method(panes: Panes, toy: Toy) -> None:
    own = session_of(panes)
    own.click("000.png", *box_center(toy, 0, 1))
    panes.choose(["wildseg3d"])
    own.set_granularity(0.0)
    panes.follow(own)
    panes.take(0, own)
    assert own.method == "wildseg3d" and own.current.granularity == 0.0


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
    first.on_camera = lambda camera: (follow(camera), moved.set())
    with joined(first) as one, joined(second):
        assert until(lambda: len(positions(first)) == len(positions(second)) == 1)
        time.sleep(0.3)  # the first report of a browser is where it starts
        one.send(msgspec.msgpack.encode(camera_message(np.array([0.5, -0.25, 0.75]))))
        assert moved.wait(10)
        same = until(lambda: np.allclose(positions(second)[0], [0.5, -0.25, 0.75]), 1.0)
    assert same == linked
