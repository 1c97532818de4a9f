"""No event and no route of the page takes a place on the server, or tells one."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from gradio.routes import App
from starlette.routing import Mount
from starlette.testclient import TestClient

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.page.app import told
from liftlab.web.page_door import PlainValuesError, is_open, plain_event
from liftlab.web.security import VISITOR_COOKIE
from liftlab.web.server import QUEUE_SECS, build_app
from tests.lab.web.test_server_guard import ORIGIN, VISITOR, all_routes

SECRET = "planted-content-4711"
NAME = "planted-name.txt"
META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file outside the workspace that nobody may read."""
    path = tmp_path_factory.mktemp("elsewhere") / NAME
    path.write_text(SECRET)
    return path


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return build_app(Lab(tmp_path_factory.mktemp("attacked")))


@pytest.fixture(scope="module")
def root(app: FastAPI) -> Path:
    return app.state.visitors.lab.workspace.root


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser that has been let in."""
    access = app.state.access
    headers = {"cookie": f"{access.cookie}={access.token}; {VISITOR_COOKIE}={VISITOR}", "origin": ORIGIN}
    with TestClient(app, base_url=ORIGIN, headers=headers, follow_redirects=False) as client:
        yield client


def shapes(planted: Path, link: Path) -> list[Any]:
    """A file as Gradio knows it, in every dress."""
    place = str(planted)
    file = {"path": place, "meta": META}
    encoded = base64.b64encode(SECRET.encode()).decode()
    return [
        file,
        [file],
        [[file]],
        {"any": {"thing": [file]}},
        {"value": file, "meta": META},
        {"path": place},
        {"path": place, "url": place, "orig_name": NAME, "meta": META, "is_stream": True},
        {"path": f"{planted.parent}/../{planted.parent.name}/{NAME}", "meta": META},
        {"path": str(link), "meta": META},
        {"path": planted.as_uri(), "meta": META},
        {"path": f"http://127.0.0.1:9/{NAME}", "meta": META},
        {"path": "", "url": f"http://127.0.0.1:9/{NAME}", "meta": META},
        {"path": f"data:text/plain;base64,{encoded}", "meta": META},
        {"__type__": "update", "value": file},
    ]


def texts(planted: Path) -> list[Any]:
    """The same as plain text, which is passed on and must stay text."""
    file = {"path": str(planted), "meta": META}
    return [str(planted), json.dumps([file]), [planted.as_uri()]]


def copies(root: Path) -> list[Path]:
    """Files of the workspace that hold what was planted."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if SECRET in path.read_bytes().decode("latin-1")]


def events(client: TestClient) -> list[dict[str, Any]]:
    """Every event of the page, as the page itself learns of them."""
    return client.get("/config").json()["dependencies"]


def stream(client: TestClient, session: str) -> str:
    """All that Gradio says to a session."""
    try:
        return client.get("/gradio_api/queue/data", params={"session_hash": session}).text
    except Exception as error:  # it raises into the test's client when no event is under way
        return str(error)


def harmless(text: str, planted: Path) -> bool:
    return SECRET not in text and str(planted) not in text and str(planted.parent) not in text


def test_no_event_takes_a_file_in_any_place_or_dress(client: TestClient, root: Path, planted: Path) -> None:
    link = root / "uploads" / VISITOR / ("a" * 32) / NAME
    link.parent.mkdir(parents=True)
    link.symlink_to(planted)
    found = events(client)
    assert {"bring", "edited"} <= {event["api_name"] for event in found}
    for event in found:
        width = max(len(event["inputs"]), 1)
        for place in range(width):
            for shape in shapes(planted, link):
                data = [shape if at == place else None for at in range(width)]
                body = {"data": data, "fn_index": event["id"], "session_hash": "attack"}
                answer = client.post("/gradio_api/queue/join", json=body)
                assert answer.status_code == 400, (event["api_name"], place, shape)
                assert harmless(answer.text, planted)
        body = {
            "data": [None] * width,
            "event_data": {"path": str(planted), "meta": META},
            "fn_index": event["id"],
        }
        assert client.post("/gradio_api/queue/join", json=body).status_code == 400
    assert harmless(stream(client, "attack"), planted)
    assert copies(root) == []
    link.unlink()


def test_a_place_as_text_stays_text_and_is_not_told_back(
    client: TestClient, root: Path, planted: Path
) -> None:
    said = []
    parts = client.get("/config").json()["components"]
    choices = {part["id"]: part["props"]["choices"][0][1] for part in parts if part["type"] == "dropdown"}
    for event in [event for event in events(client) if event["backend_fn"]]:
        width = len(event["inputs"])
        for number, text in enumerate(texts(planted) if width else [None]):
            session = f"text{event['id']}x{number}"
            said_in = [
                choices.get(place, text) for place in event["inputs"]
            ]  # a choice must be one, to get further
            body = {"data": said_in, "fn_index": event["id"], "session_hash": session}
            assert client.post("/gradio_api/queue/join", json=body).status_code == 200
            said.append(stream(client, session))
    assert all(harmless(text, planted) for text in said)
    assert all(str(root) not in text for text in said)
    assert any("no longer here" in text for text in said), "the upload's own sentence"
    assert all("process_completed" in text for text in said), "every event was answered"
    assert copies(root) == []


@pytest.mark.parametrize(
    "route",
    ["run/{}", "api/{}", "call/{}", "call/v2/{}", "component_server", "run/predict", "reset", "cancel"],
)
def test_other_ways_into_an_event_are_closed(
    client: TestClient, root: Path, planted: Path, route: str
) -> None:
    file = {"path": str(planted), "meta": META}
    for event in events(client):
        path = f"/gradio_api/{route.format(event['api_name'])}"
        body = {
            "data": [file],
            "fn_index": event["id"],
            "component_id": 1,
            "fn_name": "x",
            "session_hash": "s",
        }
        for address in (path, f"{path}/"):
            answer = client.post(address, json=body)
            assert answer.status_code == 404 and harmless(answer.text, planted)
    assert copies(root) == []


def test_only_the_routes_of_the_page_are_open(app: FastAPI, client: TestClient) -> None:
    """Whatever Gradio has besides is answered as if it were not there, also what a later version adds."""
    ours = ("/lab/", "/viser")
    routes = [(m, p) for m, p in all_routes(app.routes) if m != "WEBSOCKET" and not p.startswith(ours)]
    closed = [(method, path) for method, path in routes if not is_open(method, path)]
    assert len(closed) > 60 and ("GET", "/gradio_api/file/x") in closed
    for method, path in closed:
        assert client.request(method, path).status_code == 404, (method, path)


def test_no_route_serves_a_file_that_was_not_uploaded(client: TestClient, root: Path, planted: Path) -> None:
    (root / "liftlab.log").write_text(SECRET)
    places = [str(planted), f"/{planted}", planted.as_uri(), str(root / "liftlab.log"), "../liftlab.log",
              f"{'a' * 32}/../../../liftlab.log", f"http://127.0.0.1:9/{NAME}"]  # fmt: skip
    for place in places:
        for route in ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/gradio_api/proxy="):
            answer = client.get(f"{route}{place}")
            assert answer.status_code in (400, 404), (route, place)
            assert harmless(answer.text, planted)
    for query in (f"deep_link={planted}", "deep_link=../../x", f"view={planted}"):
        assert harmless(client.get(f"/?{query}").text, planted)
    (root / "liftlab.log").unlink()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"nul", b"[" * 100_000, b'{"data": [NaN], "session_hash": "s"}', b'{"data": [1]}',
     b'{"data": {}, "session_hash": "s"}', b'{"data": [[[1]]], "session_hash": "s"}',
     b'{"data": [], "session_hash": "../s"}', b'{"data": [], "session_hash": "s", "fn_index": "0"}'],
)  # fmt: skip
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(PlainValuesError):
        plain_event(body)


def test_an_event_is_made_anew_of_what_is_known() -> None:
    given = {"data": ["a", 1, None, True, ["b", 2.5]], "session_hash": "s", "fn_index": 3, "trigger_id": 4,
             "event_data": {"path": "x"}, "oauth_token": "x", "event_id": "x", "simple_format": True}  # fmt: skip
    passed = {"data": given["data"], "session_hash": "s", "event_data": None, "fn_index": 3, "trigger_id": 4}
    assert plain_event(json.dumps(given).encode()) == passed


def test_a_session_of_another_browser_is_not_listened_to(app: FastAPI, client: TestClient) -> None:
    plain = next(event for event in events(client) if event["backend_fn"] and not event["inputs"])
    body = {"data": [], "fn_index": plain["id"], "session_hash": "mine"}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    access = app.state.access
    other = {"cookie": f"{access.cookie}={access.token}; {VISITOR_COOKIE}={'b' * 24}"}
    heard = client.get("/gradio_api/queue/data", params={"session_hash": "mine"}, headers=other)
    assert heard.status_code == 400 and "process" not in heard.text
    assert "process_completed" in stream(client, "mine")


def test_an_event_that_fails_says_a_sentence_without_places() -> None:
    import gradio as gr

    def refuses() -> None:
        raise InputError("The folder cannot be read: /srv/people/ada/photos")

    def breaks() -> None:
        raise OSError(2, "No such file", "/srv/people/ada/photos")

    with pytest.raises(gr.Error) as refused:
        told(refuses)()
    assert refused.value.message == "The folder cannot be read: photos"
    with pytest.raises(gr.Error) as broken:
        told(breaks)()
    assert (
        "Something went wrong inside LiftLab" in broken.value.message and "/srv" not in broken.value.message
    )


def test_nobody_looks_for_events_all_the_time(app: FastAPI) -> None:
    """Gradio's own pauses are a millisecond: a lab that nobody uses would be busy looking."""
    pauses = {"sleep_when_free", "progress_update_sleep_when_free"}
    assert pauses <= vars(gr.Blocks()._queue).keys()
    [page] = [route.app for route in app.routes if isinstance(route, Mount) and isinstance(route.app, App)]
    assert {vars(page.get_blocks()._queue)[pause] for pause in pauses} == {QUEUE_SECS}
