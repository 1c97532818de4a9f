"""The live line: what a page may ask, what comes back, and that clicking costs no memory."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from liftlab.session.arrangement import Stage
from liftlab.session.ruler import Ruler
from liftlab.session.session import Session
from liftlab.web.wire.changes import Change
from liftlab.web.wire.commands import COMMANDS, perform
from tests import toy_workspace
from tests.page_server import PageServer
from tests.toy import make_toy

TOY = make_toy(width=toy_workspace.WIDTH, height=toy_workspace.HEIGHT, views=toy_workspace.VIEWS)
MIB = 2**20
GROWTH_ALLOWED = 20 * MIB


class Line:
    """A page's websocket, without the page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.state: dict[str, Any] = {}

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send a command and return the first newer state."""
        before = self.state.get("version")
        self.socket.send(json.dumps({"do": command, **fields}))
        return self.wait(lambda state: state["version"] != before)

    def wait(self, wanted) -> dict[str, Any]:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            message = json.loads(self.socket.recv(timeout=30))
            if message["type"] == "state":
                self.state = message
                if wanted(message):
                    return message
        raise AssertionError(f"no such state; the last was {self.state}")

    def click(self, number: int) -> dict[str, Any]:
        x, y = toy_workspace.box_center(TOY, 0, 1 + number % 3)
        return self.ask("click", photo="000.png", x=x, y=y, positive=number % 2 == 0)


def open_line(server: PageServer) -> tuple[ClientConnection, Line]:
    cookie = "; ".join(f"{name}={value}" for name, value in server.cookies().items())
    socket = connect(
        server.origin.replace("http", "ws") + "/lab/live",
        additional_headers={"cookie": cookie},
        origin=server.origin,  # type: ignore[arg-type]
        max_size=None,
    )
    line = Line(socket)
    line.wait(lambda state: state["phase"] == "ready")
    return socket, line


@pytest.fixture
def line(page_server: PageServer) -> Iterator[Line]:
    socket, line = open_line(page_server)
    yield line
    socket.close()


def test_a_click_is_answered_with_masks_marks_and_milliseconds(line: Line) -> None:
    assert line.state["objects"] == [] and line.state["overlay"] is None
    state = line.click(0)
    assert state["lit"] and state["ms"] > 0
    assert state["overlay"]["photo"] == "000.png"
    assert state["overlay"]["url"].startswith("data:image/png;base64,")
    assert set(state["seen"]) == {"000.png", "001.png", "002.png"}
    x, y = toy_workspace.box_center(TOY, 0, 1)
    assert state["marks"]["000.png"] == [{"x": x, "y": y, "positive": True}]
    assert state["can_undo"] and not state["can_redo"]


def test_a_state_is_small(line: Line) -> None:
    assert len(json.dumps(line.click(0))) < 100_000


def test_a_refused_click_is_said_and_changes_nothing(line: Line) -> None:
    state = line.ask("click", photo="000.png", x=-5.0, y=1e6, positive=True)
    assert state["warn"] and "outside" in state["hint"]
    assert not any(entry for entry in state["objects"] if "photo" in entry["note"])


def test_undo_takes_back_to_nothing_and_redo_returns(line: Line) -> None:
    line.click(0)
    while line.state["can_undo"]:
        line.ask("undo")
    assert line.state["overlay"] is None
    while line.state["can_redo"]:
        line.ask("redo")
    assert line.state["lit"]


def test_a_known_distance_makes_sizes_real(line: Line) -> None:
    line.click(0)
    assert "cm" not in line.state["objects"][0]["note"] and line.state["ruler"]["scale"] == ""
    line.ask("measuring", on=True)
    for number in (1, 2):
        x, y = toy_workspace.box_center(TOY, 0, number)
        line.ask("measure", photo="000.png", x=x, y=y)
    measured = line.state["ruler"]
    assert measured["length"].endswith("scene units") and len(measured["points"]["000.png"]) == 2
    line.ask("set_scale", length=30, unit="cm")
    assert line.state["ruler"]["length"] == "30 cm" and line.state["ruler"]["scale"].startswith(
        "1 scene unit = "
    )
    assert " × " in line.state["objects"][0]["note"]
    line.ask("forget_scale")
    line.ask("measuring", on=False)
    assert line.state["ruler"] == {"count": 0, "length": None, "points": {}, "scale": "", "measured": False}


class Recorder:
    """Stands in for a visitor: notes what reached the session."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def act(self, change) -> None:
        change(self)

    @property
    def stage(self) -> "PartRecorder":
        return PartRecorder(self.calls, "stage")

    @property
    def ruler(self) -> "PartRecorder":
        return PartRecorder(self.calls, "ruler")

    def __getattr__(self, name: str):
        return lambda *args, **options: self.calls.append(name)


class PartRecorder:
    """Stands in for a session's stage or ruler."""

    def __init__(self, calls: list[str], part: str) -> None:
        self.calls, self.part = calls, part

    def __getattr__(self, name: str):
        return lambda *args: self.calls.append(f"{self.part}.{name}")


EXAMPLES = {
    "way": "left",
    "points": [[1.5, 2.5], [3.0, 4.0]],
    "removed": True,
    "all": True,
    "photo": "a.jpg",
    "name": "mug",
    "id": 3,
    "positive": True,
    "visible": True,
    "on": False,
    "dark": True,
    "cell": "x",
    "unit": "cm",
}


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if issubclass(kind, Change)])
def test_every_change_calls_a_method_that_the_session_has(kind: type[Change]) -> None:
    recorder = Recorder()
    fields = {name: EXAMPLES.get(name, 0.5) for name in kind.__struct_fields__}
    perform(recorder, json.dumps({"do": kind.__struct_config__.tag, **fields}))  # type: ignore[arg-type]
    assert len(recorder.calls) == 1
    owner, _, method = recorder.calls[0].rpartition(".")
    assert callable(getattr({"": Session, "stage": Stage, "ruler": Ruler}[owner], method))


@pytest.mark.parametrize(
    "message",
    [
        "", "nonsense", "[]", "3", "null", "{}", '{"do": null}', '{"do": "open", "scene_name": "x"}',
        '{"do": "__init__"}', '{"do": "undo", "extra": 1}',
        '{"do": "click", "photo": "a.jpg", "x": 1, "y": 2}',
        '{"do": "click", "photo": "a.jpg", "x": NaN, "y": 2, "positive": true}',
        '{"do": "click", "photo": "a.jpg", "x": "1", "y": 2, "positive": true}',
        '{"do": "click", "photo": 7, "x": 1, "y": 2, "positive": true}',
        '{"do": "click", "photo": "a.jpg", "x": 1, "y": 2, "positive": 1}',
        '{"do": "select", "id": true}', '{"do": "rename", "id": 1, "name": "%s"}' % ("x" * 200),
        '{"do": ["click"]}', " " * 5000,
    ],
)  # fmt: skip
def test_anything_else_is_refused(message: str) -> None:
    recorder = Recorder()
    with pytest.raises(ValueError):
        perform(recorder, message)  # type: ignore[arg-type]
    assert recorder.calls == []


def grown(server: PageServer, line: Line, first: int, last: int) -> int:
    """Bytes by which the server grew between click number `first` and click number `last`."""
    line.socket.send(
        json.dumps({"do": "dark", "dark": False})
    )  # starts the 3D view, which every click updates
    after_first = 0
    for number in range(1, last + 1):
        line.click(number)
        if number % 12 == 0:
            line.ask("clear")
        if number == first:
            after_first = server.resident_bytes()
    return server.resident_bytes() - after_first


def test_clicking_costs_no_memory(page_server: PageServer, line: Line) -> None:
    assert grown(page_server, line, 30, 110) <= GROWTH_ALLOWED


@pytest.mark.slow
def test_five_hundred_clicks_cost_no_memory(page_server: PageServer, line: Line) -> None:
    assert grown(page_server, line, 50, 500) <= GROWTH_ALLOWED
