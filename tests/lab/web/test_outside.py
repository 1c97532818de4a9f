"""Behind a proxy: what is believed of it, the prefix, names, cookies and frames."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.web.door.outside import Outside, Unwrapped, parse_outside
from liftlab.web.security import VISITOR_COOKIE, Access
from liftlab.web.server import build_app, page_url

PROXY = "10.0.0.2"
OUTER = "https://lab.example.org"
VISITOR = "a" * 24


def seen(
    outside: Outside, *, client: str = PROXY, kind: str = "http", path: str = "/", **headers: str
) -> Scope:
    """What an application behind `Unwrapped` is given."""
    told: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope)

    async def nothing() -> Message:
        raise AssertionError

    async def ignored(message: Message) -> None:
        pass

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scheme = "ws" if kind == "websocket" else "http"
    scope = {"type": kind, "path": path, "scheme": scheme, "client": (client, 5), "query_string": b"",
             "headers": [(b"host", b"127.0.0.1:7860"), *raw]}  # fmt: skip
    waiting = Unwrapped(app, outside)(scope, nothing, ignored)
    with pytest.raises(StopIteration):
        waiting.send(None)
    return told[0]


@pytest.mark.parametrize("kind, scheme", [("http", "https"), ("websocket", "wss")])
def test_a_named_proxy_is_believed(kind: str, scheme: str) -> None:
    outside = parse_outside(proxies=["10.0.0.0/24"])
    told = {
        "x_forwarded_proto": "https",
        "x_forwarded_host": "lab.example.org",
        "x_forwarded_for": "203.0.113.9",
    }
    scope = seen(outside, kind=kind, **told)
    assert scope["scheme"] == scheme
    assert Headers(scope=scope)["host"] == "lab.example.org"
    assert scope["client"][0] == "203.0.113.9"


@pytest.mark.parametrize("client", ["10.0.1.2", "127.0.0.1", "", "testclient", "::1"])
def test_nobody_else_is_believed(client: str) -> None:
    outside = parse_outside(proxies=["10.0.0.0/24"])
    told = {
        "x_forwarded_proto": "https",
        "x_forwarded_host": "evil.example",
        "x_forwarded_for": "203.0.113.9",
    }
    scope = seen(outside, client=client, **told)
    assert (scope["scheme"], scope["client"]) == ("http", (client, 5))
    assert Headers(scope=scope)["host"] == "127.0.0.1:7860"


@pytest.mark.parametrize("proxies", [[], [PROXY]])
def test_nothing_further_in_reads_what_a_proxy_says(proxies: list[str]) -> None:
    names = (
        "x_forwarded_proto",
        "x_forwarded_host",
        "x_forwarded_for",
        "x_gradio_server",
        "forwarded",
        "x_real_ip",
    )
    scope = seen(parse_outside(proxies=proxies), **dict.fromkeys(names, "https"))
    assert [name for name, _ in scope["headers"]] == [b"host"]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # what stands before it anybody may have written
        ("203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        ("10.0.0.7", "10.0.0.7"),
        ("203.0.113.9, nonsense", PROXY),
        ("", PROXY),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_of_a_person_is_the_nearest_that_is_no_proxy(chain: str, client: str) -> None:
    outside = parse_outside(proxies=["10.0.0.0/24"])
    assert seen(outside, x_forwarded_for=chain)["client"][0] == client


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ({"x_forwarded_host": "evil.example, lab.example.org"}, "lab.example.org"),
        ({"x_forwarded_host": "lab.example.org", "x_forwarded_port": "8443"}, "lab.example.org:8443"),
        ({"x_forwarded_host": "lab.example.org", "x_forwarded_port": "80"}, "lab.example.org"),
        ({"x_forwarded_host": "lab.example.org:9", "x_forwarded_port": "8443"}, "lab.example.org:9"),
        ({"x_forwarded_port": "8443"}, "127.0.0.1:7860"),
    ],
)
def test_the_host_is_the_one_that_was_asked_for(told: dict[str, str], host: str) -> None:
    assert Headers(scope=seen(parse_outside(proxies=[PROXY]), **told))["host"] == host


@pytest.mark.parametrize("root", ["/lab", "/lab/", "lab", "/some/where", "/static", "/lab/photo"])
@pytest.mark.parametrize(
    "path",
    ["/", "/config", "/assets/index.js", "/static/img/logo.svg", "/lab/static/lab.css", "/lab/live", "/lab/photo/0.png",
     "/lab/login", "/viser/", "/viser/0/", "/viser", "/gradio_api/upload", "/gradio_api/file=ab/x.png"],
)  # fmt: skip
def test_a_prefix_is_taken_off_whether_the_proxy_did_it_or_not(root: str, path: str) -> None:
    outside = parse_outside(root)
    assert seen(outside, path=outside.root_path + path)["path"] == path
    assert seen(outside, path=path)["path"] == path


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"root_path": "https://a.org/lab"}, "--root-path must be a path such as /lab"),
        ({"root_path": "/a/../b"}, "--root-path must be a path"),
        ({"root_path": "/a'b"}, "--root-path must be a path"),
        ({"root_path": "/viser"}, "--root-path cannot be /viser"),
        ({"hosts": ["https://lab.example.org"]}, "--allow-host must be a host name"),
        ({"hosts": ["*"]}, "--allow-host must be a host name"),
        ({"hosts": [""]}, "--allow-host must be a host name"),
        ({"proxies": ["nginx"]}, "--trusted-proxy must be an address"),
        ({"proxies": ["*"]}, "--trusted-proxy must be an address"),
        ({"frames": ["*"]}, "--allow-frame must be an origin"),
        ({"frames": ["https://a.org/path"]}, "--allow-frame must be an origin"),
        ({"frames": ["https://a.org; script-src *"]}, "--allow-frame must be an origin"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(given: dict, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_outside(**given)
    assert str(refused.value).startswith(sentence) and "\n" not in str(refused.value)


def test_the_forms_people_write_are_understood() -> None:
    outside = parse_outside(
        "lab/", ["Lab.Example.org:443", "bücher.example"], ["localhost", "10.1.2.3/8"], ["https://A.org/"]
    )
    assert outside.root_path == "/lab"
    assert outside.hosts == ("lab.example.org", "xn--bcher-kva.example")
    assert outside.trusts("127.0.0.1") and outside.trusts("::1") and outside.trusts("::ffff:10.9.9.9")
    assert outside.frames == ("https://a.org",)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    outside = parse_outside("/lab", ["lab.example.org"], [PROXY], ["https://notebooks.example.org"])
    return build_app(Lab(tmp_path_factory.mktemp("outside")), access=Access(outside=outside))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(
        app, base_url="http://127.0.0.1:7860", follow_redirects=False, client=(PROXY, 5)
    ) as client:
        yield client


TOLD = {"x-forwarded-proto": "https", "x-forwarded-host": "lab.example.org"}


def test_the_page_under_a_prefix_over_https(app: FastAPI, client: TestClient) -> None:
    access = app.state.access
    assert page_url(access).startswith("http://127.0.0.1:7860/lab/?token=")
    bare = client.get("/lab?token=x", headers=TOLD)
    assert bare.status_code == 307 and bare.headers["location"] == "/lab/?token=x"
    welcome = client.get(f"/lab/?token={access.token}", headers=TOLD)
    assert "location.replace('/lab/')" in welcome.text
    cookie = welcome.headers["set-cookie"]
    assert "Path=/lab;" in cookie and "SameSite=None; Secure" in cookie
    inside = client.get("/lab/", headers={**TOLD, "cookie": cookie.split(";")[0]})
    assert inside.status_code == 200
    assert '"root":"https://lab.example.org/lab"' in inside.text.replace(" ", "")
    assert 'href="/lab/' not in inside.text and '"/viser/' not in inside.text
    assert "frame-ancestors 'self' https://notebooks.example.org" in inside.headers["content-security-policy"]
    client.cookies.clear()


def test_other_names_and_sites_stay_out(app: FastAPI, client: TestClient) -> None:
    access = app.state.access
    cookie = f"{access.cookie}={access.token}; {VISITOR_COOKIE}={VISITOR}"
    wrong = client.get("/lab/", headers={**TOLD, "cookie": cookie, "x-forwarded-host": "evil.example"})
    assert wrong.status_code == 403 and "--allow-host" in wrong.text
    for origin in ("http://lab.example.org", "https://notebooks.example.org", "https://lab.example.org:8443"):
        refused = client.post(
            "/lab/gradio_api/queue/join", headers={**TOLD, "cookie": cookie, "origin": origin}
        )
        assert refused.status_code == 403
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            client.websocket_connect("/lab/lab/live", headers={**TOLD, "cookie": cookie, "origin": origin}),
        ):
            pass
        assert closed.value.code == 1008


def test_the_live_line_and_the_viewer_under_a_prefix(app: FastAPI, client: TestClient) -> None:
    access = app.state.access
    headers = {
        **TOLD,
        "cookie": f"{access.cookie}={access.token}; {VISITOR_COOKIE}={VISITOR}",
        "origin": OUTER,
    }
    for path in ("/lab/lab/live", "/lab/live"):  # as it is, and when the proxy has taken the prefix off
        with client.websocket_connect(path, headers=headers) as socket:
            assert any(
                socket.receive_json()["type"] == "state" for _ in range(5)
            )  # others may come before it
    viewer = client.get("/lab/viser", headers=headers)
    assert viewer.headers["location"] == "viser/"
    assert client.get("/lab/viser/", headers=headers).status_code == 200


def test_a_frame_opens_the_page_alone(app: FastAPI, client: TestClient) -> None:
    access = app.state.access
    frame = {**TOLD, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe",
             "cookie": f"{access.cookie}={access.token}"}  # fmt: skip
    assert client.get("/lab/", headers=frame).status_code == 200
    assert client.get("/lab/config", headers=frame).status_code == 403
    assert client.get("/lab/viser/", headers=frame).status_code == 403
    client.cookies.clear()


@pytest.mark.parametrize(
    ("base", "frames", "site"),
    [
        ("http://127.0.0.1:7860", [], "SameSite=Strict;"),
        ("https://127.0.0.1:7860", [], "SameSite=Strict; Secure;"),
        ("http://lab.local", ["https://a.org"], "SameSite=Strict;"),  # a frame could not work there
        ("https://lab.local", ["https://a.org"], "SameSite=None; Secure; Partitioned;"),
        ("http://127.0.0.1:7860", ["https://a.org"], "SameSite=None; Secure; Partitioned;"),
    ],
)
def test_cookies_follow_the_scheme_and_the_frames(
    tmp_path: Path, base: str, frames: list[str], site: str
) -> None:
    access = Access("0.0.0.0", open_door=True, outside=parse_outside(frames=frames))
    app = build_app(Lab(tmp_path), access=access)
    answer = TestClient(app, base_url=base).get("/lab/static/lab.css")
    assert answer.status_code == 200
    assert all(site in f"{cookie};" for cookie in answer.headers.get_list("set-cookie"))
    assert len(answer.headers.get_list("set-cookie")) == 2


def test_names_that_are_allowed_are_the_only_ones(tmp_path: Path) -> None:
    access = Access("0.0.0.0", open_door=True, outside=parse_outside(hosts=["lab.example.org"]))
    app = build_app(Lab(tmp_path), access=access)
    for host, status in (("lab.example.org", 200), ("localhost", 200), ("evil.example", 403)):
        assert TestClient(app, base_url=f"http://{host}").get("/lab/static/lab.css").status_code == status
