"""Nothing answers without the token, to another site, or under another name (docs/architecture.md section 9)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from components.errors import InputError
from lab.engine import Lab
from lab.security import VISITOR_COOKIE, Access, parse_auth, visitor_id_is_valid
from lab.server import build_app, page_url, run

ORIGIN = "http://127.0.0.1:7860"
VISITOR = "a" * 24


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return build_app(Lab(tmp_path_factory.mktemp("guarded")))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser that knows nothing yet; the application is up."""
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def known(app: FastAPI) -> dict[str, str]:
    """Headers of a browser that has been let in."""
    access = app.state.access
    return {"cookie": f"{access.cookie}={access.token}; {VISITOR_COOKIE}={VISITOR}", "origin": ORIGIN}


def all_routes(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(kind, path) of every route, those of mounted applications included, with parameters filled in."""
    for route in routes:
        if isinstance(route, Mount):
            yield from all_routes(route.routes or [], prefix + route.path)
            yield "GET", prefix + route.path + "/x"
        elif isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", prefix + filled(route.path)
        elif isinstance(route, Route):
            for method in route.methods or {"GET"}:
                yield method, prefix + filled(route.path)
        else:  # FastAPI's wrapper of an included router; its prefix is already part of the routes
            yield from all_routes(route.original_router.routes, prefix)


def filled(path: str) -> str:
    import re

    return re.sub(r"\{[^}]*\}", "x", path)


def test_no_route_and_no_websocket_answers_without_the_token(app: FastAPI, client: TestClient) -> None:
    routes = sorted(set(all_routes(app.routes)))
    assert len(routes) > 60, "the listing must reach Gradio's routes"
    assert {("WEBSOCKET", "/lab/live"), ("WEBSOCKET", "/viser"), ("GET", "/viser/")} <= set(routes)
    for method, path in routes:
        if method == "WEBSOCKET":
            with (
                pytest.raises(WebSocketDisconnect),
                client.websocket_connect(path, headers={"origin": ORIGIN}),
            ):
                pass
            continue
        response = client.request(method, path, headers={"origin": ORIGIN})
        assert response.status_code in (401, 403, 404), (method, path, response.status_code)
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/lab/static/lab.css", "/nothing/here"])
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token=é"])
def test_a_wrong_token_opens_nothing(client: TestClient, path: str, token: str) -> None:
    refused = client.get(path + token)
    assert refused.status_code == 401
    assert "Open the address that it printed" in refused.text


def test_the_printed_address_lets_in_and_drops_the_token(app: FastAPI, client: TestClient) -> None:
    access = app.state.access
    welcome = client.get(page_url(access).removeprefix(f"http://127.0.0.1:{access.port}"))
    assert welcome.status_code == 200
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert access.token not in welcome.text
    inside = client.get("/", headers={"cookie": cookie.split(";")[0]})
    assert inside.status_code == 200 and "gradio" in inside.text
    assert VISITOR_COOKIE in inside.headers["set-cookie"]
    client.cookies.clear()


def test_every_answer_says_that_no_other_host_is_contacted(client: TestClient, known: dict[str, str]) -> None:
    for path in ("/", "/viser/", "/lab/static/lab.css"):
        response = client.get(path, headers=known)
        assert response.status_code == 200
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http:" not in policy and "https:" not in policy
        assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9999", "null"])
def test_another_site_cannot_act_with_the_cookie(
    client: TestClient, known: dict[str, str], origin: str
) -> None:
    foreign = {**known, "origin": origin}
    assert client.post("/gradio_api/queue/join", json={}, headers=foreign).status_code == 403
    assert client.post("/gradio_api/upload", headers=foreign).status_code == 403
    for path in ("/lab/live", "/viser", "/viser/"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(path, headers=foreign):
            pass


def test_a_websocket_without_an_origin_is_refused(client: TestClient, known: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/lab/live", headers={"cookie": known["cookie"]}),
    ):
        pass


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", ""])
def test_another_host_name_is_refused(client: TestClient, known: dict[str, str], host: str) -> None:
    assert client.get("/", headers={**known, "host": host}).status_code == 403


def test_routes_the_page_does_not_need_are_closed(client: TestClient, known: dict[str, str]) -> None:
    for path in ("/gradio_api/proxy=https://x.hf.space/", "/monitoring", "/gradio_api/vibe-code/"):
        assert client.get(path, headers=known).status_code == 404


def test_files_outside_the_exports_are_not_served(
    app: FastAPI, client: TestClient, known: dict[str, str]
) -> None:
    root = app.state.visitors.lab.workspace.root
    for path in ("/etc/passwd", str(root / "liftlab.log"), __file__):
        assert client.get(f"/gradio_api/file={path}", headers=known).status_code in (403, 404)
    for path in ("/lab/static/../server.py", "/lab/static/%2e%2e/server.py", "/lab/export/..%2f..%2fx"):
        assert client.get(path, headers=known).status_code in (404, 409)


def test_too_large_a_request_is_refused_before_it_is_read(client: TestClient, known: dict[str, str]) -> None:
    big = {**known, "content-length": str(10**12)}
    assert client.post("/gradio_api/upload", content=b"x", headers=big).status_code == 413
    assert client.post("/gradio_api/queue/join", content=b"x" * (5 * 2**20), headers=known).status_code == 413


def test_sign_in_page(tmp_path: Path) -> None:
    access = Access("0.0.0.0", 7861, ("ada", "s3cret: with colon"))
    with TestClient(
        build_app(Lab(tmp_path), access=access), base_url="http://lab.local", follow_redirects=False
    ) as client:
        assert "Password" in client.get("/").text
        wrong = client.post("/lab/login", data={"user": "ada", "password": "guess"})
        assert wrong.status_code == 401 and "Wrong name or password" in wrong.text
        assert client.get("/config").status_code == 401
        right = client.post("/lab/login", data={"user": "ada", "password": "s3cret: with colon"})
        assert right.status_code == 303
        assert client.get("/config").status_code == 200


def test_an_open_door_still_refuses_other_sites(tmp_path: Path) -> None:
    access = Access("0.0.0.0", 7862, open_door=True)
    with TestClient(build_app(Lab(tmp_path), access=access), base_url="http://lab.local") as client:
        assert client.get("/").status_code == 200
        refused = client.post("/gradio_api/queue/join", json={}, headers={"origin": "http://evil.example"})
        assert refused.status_code == 403


def test_a_reachable_address_asks_for_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--auth NAME:PASSWORD"):
        run(Lab(tmp_path), host="0.0.0.0", open_browser=False)
    with pytest.raises(InputError, match="NAME:PASSWORD"):
        run(Lab(tmp_path), host="0.0.0.0", auth="nocolon", open_browser=False)


def test_parse_auth() -> None:
    assert parse_auth(None) is None
    assert parse_auth("ada:a:b") == ("ada", "a:b")


@pytest.mark.parametrize(
    "visitor", ["", "short", "../../../../etc/passwd", "a" * 65, "ä" * 20, "a" * 20 + "/"]
)
def test_a_made_up_visitor_id_never_becomes_a_file_name(visitor: str) -> None:
    assert not visitor_id_is_valid(visitor)
