"""Nothing answers without the token, to another site, or under another name (docs/architecture.md section 9)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.files.identifiers import visitor_id_is_valid
from liftlab.web.security import VISITOR_COOKIE, Access, parse_auth
from liftlab.web.server import build_app, page_url, run

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
        else:  # FastAPI's private wrapper of an included router; its prefix is already part of the routes
            router = getattr(route, "original_router", None)
            assert isinstance(router, APIRouter), route
            yield from all_routes(router.routes, prefix)


def filled(path: str) -> str:
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


def test_browsers_keep_what_is_named_by_its_content(client: TestClient, known: dict[str, str]) -> None:
    page = client.get("/", headers=known)
    assert page.headers["cache-control"] == "no-cache"
    names = re.findall(r"assets/[\w-]+\.js", page.text)
    assert names
    for name, kept in ((names[0], True), ("assets/not-there-12345678.js", False)):
        answer = client.get(f"/{name}", headers=known)
        assert (answer.status_code == 200) == kept
        assert answer.headers["cache-control"].endswith("immutable" if kept else "no-cache")
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


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
    assert client.get("/", headers={**known, "host": host}).status_code in (400, 403)


@pytest.mark.parametrize(
    "header",
    [("host", "["), ("host", "[::1"), ("host", "[:::]"), ("host", "127.0.0.1:99999"), ("host", "a b"), ("host", "é"),
     ("host", "127.0.0.1@evil.example"), ("origin", "["), ("origin", "http://["), ("origin", "http://[:::]:1"),
     ("origin", "http://a@b"), ("origin", "x"), ("origin", ""), ("origin", "file:///x"), ("origin", "http://é"),
     ("content-length", "abc"), ("content-length", "-5"), ("content-length", "+5"), ("content-length", "1_0"),
     ("content-length", "²"), ("content-length", "\xa05"), ("content-length", "9" * 5000)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/gradio_api/upload", "/lab/login"])
def test_malformed_headers_are_refused_before_anything_else(
    client: TestClient, known: dict[str, str], path: str, header: tuple[str, str]
) -> None:
    name, value = header
    for headers in ({name: value.encode("latin-1")}, {**known, name: value.encode("latin-1")}):
        given = {
            key: text.encode("latin-1") if isinstance(text, str) else text for key, text in headers.items()
        }
        assert client.post(path, headers=given).status_code in (400, 403)  # type: ignore[arg-type]
        assert client.get(path, headers=given).status_code in (400, 403)  # type: ignore[arg-type]


def test_headers_given_twice_are_refused(client: TestClient, known: dict[str, str]) -> None:
    for name, value in (("host", "evil.example"), ("origin", "http://evil.example"), ("content-length", "1")):
        twice = [*known.items(), (name, "127.0.0.1:7860"), (name, value)]
        assert client.get("/", headers=twice).status_code == 400


@pytest.mark.parametrize("path", ["/lab/photo/a%00b", "/assets/%00", "/lab/static/%0a", "/%7f"])
def test_control_characters_in_an_address_are_refused(
    client: TestClient, known: dict[str, str], path: str
) -> None:
    assert client.get(path, headers=known).status_code == 400


@pytest.mark.parametrize(
    "cookie", ["=", ";;", "a=b; \xff=\xe9", 'x="\\377', "liftlab_7860=\xe9", "[", "{}: ,"]
)
def test_odd_cookies_are_no_cookies(client: TestClient, cookie: str) -> None:
    assert client.get("/config", headers={"cookie": cookie.encode("latin-1")}).status_code == 401  # type: ignore[dict-item]


@pytest.mark.parametrize("token", ["%E9", "é", "%ff%00", "%F0%9F%98%80"])
def test_a_token_of_other_letters_is_only_wrong(client: TestClient, token: str) -> None:
    assert client.get(f"/?token={token}").status_code in (401, 429)


FOREIGN = ({"origin": "http://127.0.0.1:9999"}, {"origin": "null"}, {"origin": "http://evil.example"},
           {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
           {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"})  # fmt: skip


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("path", ["/config", "/theme.css", "/", "/lab/search", "/lab/export/ply", "/viser/"])
def test_another_site_reads_nothing(
    client: TestClient, known: dict[str, str], path: str, foreign: dict[str, str]
) -> None:
    headers = {"cookie": known["cookie"], **foreign}
    for answer in (client.get(path, headers=headers), client.head(path, headers=headers)):
        assert answer.status_code == 403
        assert not any(name.startswith("access-control-") for name in answer.headers)
    asked = {**headers, "origin": "http://127.0.0.1:9999", "access-control-request-method": "GET"}
    preflight = client.options(path, headers=asked)
    assert preflight.status_code == 403
    assert not any(name.startswith("access-control-") for name in preflight.headers)


def test_our_own_page_gets_no_cross_origin_headers_either(client: TestClient, known: dict[str, str]) -> None:
    for path in ("/config", "/", "/theme.css"):
        answer = client.get(path, headers=known)
        assert answer.status_code == 200
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_a_link_on_another_site_opens_the_page_alone(client: TestClient, known: dict[str, str]) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    headers = {"cookie": known["cookie"], **link}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/lab/export/ply", headers=headers).status_code == 403


BAD_VISITORS = (None, "", "short", "../../victim-of-the-tests", "..", "a" * 65, "a" * 20 + "/b",
                "%2e%2e%2fvictim-of-tests", "victim\\..\\..\\of-the-tests", '"../../victim-of-the-tests"')  # fmt: skip


@pytest.mark.parametrize("visitor", BAD_VISITORS)
def test_no_websocket_takes_a_visitor_that_the_lab_did_not_make(
    app: FastAPI, client: TestClient, known: dict[str, str], visitor: str | None
) -> None:
    root = app.state.visitors.lab.workspace.root
    before = sorted(root.parent.rglob("*"))
    sockets = sorted(path for kind, path in set(all_routes(app.routes)) if kind == "WEBSOCKET")
    assert len(sockets) >= 5
    access = app.state.access
    cookie = f"{access.cookie}={access.token}"
    cookie += "" if visitor is None else f"; {VISITOR_COOKIE}={visitor}"
    for path in (path.replace("x", "0") for path in sockets):
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            client.websocket_connect(path, headers={"cookie": cookie, "origin": ORIGIN}),
        ):
            pass
        assert closed.value.code == 1008
    assert app.state.visitors.known() == []
    assert sorted(root.parent.rglob("*")) == before


def test_the_page_replaces_a_visitor_that_it_did_not_make(app: FastAPI, client: TestClient) -> None:
    access = app.state.access
    cookie = f"{access.cookie}={access.token}; {VISITOR_COOKIE}=../../victim-of-the-tests"
    made = client.get("/", headers={"cookie": cookie}).headers["set-cookie"]
    assert visitor_id_is_valid(made.partition("=")[2].partition(";")[0])
    client.cookies.clear()


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
        asked = client.get("/")
        assert "Password" in asked.text and asked.status_code == 200, "to be asked is no failure"
        assert "set-cookie" not in asked.headers
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
