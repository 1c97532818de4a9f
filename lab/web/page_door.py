"""What reaches Gradio, and what it may answer.

Gradio has many more routes than the page uses, and takes a mapping with a `path` anywhere in what an event is given for
a file to be copied and shown. So only the routes below are open, an event is given plain values alone (no mapping, at
no depth), and what comes back goes through `public_text`. A component or an event added later is behind this door
without doing anything; one that needs more than plain values has to say so here.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liftlab.web.public_text import message_without_paths

JOIN_PATH = "/gradio_api/queue/join"
EVENTS_PATH = "/gradio_api/queue/data"
OPEN_ROUTES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("GET", re.compile(r"/")),
    ("GET", re.compile(r"/(config|theme\.css|favicon\.ico|robots\.txt)")),
    ("GET", re.compile(r"/assets/.+")),
    (
        "GET",
        re.compile(r"/static/[^/]+/.+"),
    ),  # in folders; ours under /lab/static are not, so /lab may be a prefix
    ("POST", re.compile(JOIN_PATH)),
    ("GET", re.compile(EVENTS_PATH)),
    ("GET", re.compile(r"/gradio_api/upload_progress")),
    ("POST", re.compile(r"/gradio_api/upload")),  # ours: liftlab.web.uploads
    ("GET", re.compile(r"/gradio_api/file=.+")),  # ours: liftlab.web.uploads
)
"""Of Gradio's routes; a HEAD is as good as a GET."""
OWN_ROUTES = re.compile(r"/(lab|viser)(/.*)?")
QUERIES = {
    EVENTS_PATH: "session_hash",
    "/gradio_api/upload_progress": "upload_id",
    "/gradio_api/upload": "upload_id",
}
"""The one field of an address that a route of Gradio is given; every other is dropped."""
MANIFEST = b'<link rel="manifest" href="/manifest.json" />'
ICON = b'<link rel="icon" href="lab/static/mark.svg" type="image/svg+xml">'
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
VALUES_MAX = 64
TEXT_MAX = 256 * 1024
ERROR_BYTES_MAX = 64 * 1024
SESSIONS_MAX = 4096


class PlainValuesError(ValueError):
    """What was sent is not what the page sends."""


class PageDoor:
    """ASGI middleware before Gradio and our own routes; behind `security.Guard`, which has set the visitor.

    Args:
        roots: Folders of the server that are never named to a browser.
    """

    def __init__(self, app: ASGIApp, roots: Sequence[Path] = ()) -> None:
        self._app = app
        self._roots = roots
        self._sessions: OrderedDict[str, str] = OrderedDict()
        """Whose page a session of Gradio's is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _Scrubbed(send, self._roots)
        if scope["path"] == "/":
            send = _WithIcon(send)
        if OWN_ROUTES.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        if not is_open(scope["method"], scope["path"]):
            await PlainTextResponse("Not found.", 404)(scope, receive, send)
            return
        try:
            scope = self._narrowed(scope)
            if scope["path"] == JOIN_PATH:
                event = plain_event(await _body(receive))
                self._claim(scope, event["session_hash"])
                scope, receive = _with_body(scope, receive, json.dumps(event).encode())
        except PlainValuesError as error:
            await PlainTextResponse(f"The page does not send this: {error}.", 400)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _narrowed(self, scope: Scope) -> Scope:
        """The request without what the route has no use for, uncompressed in answer where it is read here."""
        field = QUERIES.get(scope["path"], "")
        given = parse_qs(scope["query_string"].decode("latin-1")).get(field, []) if field else []
        if any(TOKEN.fullmatch(value) is None for value in given) or len(given) > 1:
            raise PlainValuesError(f"{field} is not one")
        if scope["path"] == EVENTS_PATH:
            if not given:
                raise PlainValuesError("session_hash is missing")
            self._claim(scope, given[0])
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"accept-encoding" or not scope["path"].startswith("/gradio_api/")
        ]
        query = urlencode({field: given[0]}).encode() if given else b""
        return {**scope, "query_string": query, "headers": headers}

    def _claim(self, scope: Scope, session: str) -> None:
        """Sessions of Gradio belong to the browser that uses them first."""
        visitor = scope["state"]["visitor"]
        if self._sessions.setdefault(session, visitor) != visitor:
            raise PlainValuesError("the session is another browser's")
        self._sessions.move_to_end(session)
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)


def is_open(method: str, path: str) -> bool:
    """Whether a route of Gradio is one that the page uses."""
    asked = "GET" if method == "HEAD" else method
    return any(asked == known and pattern.fullmatch(path) for known, pattern in OPEN_ROUTES)


def is_answered(path: str) -> bool:
    """Whether there is anything under a path, of ours or of Gradio's."""
    return OWN_ROUTES.fullmatch(path) is not None or any(known.fullmatch(path) for _, known in OPEN_ROUTES)


def plain_event(body: bytes) -> dict[str, Any]:
    """An event of the page as it is passed on: made anew, of plain values only.

    Raises:
        PlainValuesError: It holds anything else.
    """
    try:
        given = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise PlainValuesError("it is not JSON") from error
    if not isinstance(given, dict):
        raise PlainValuesError("it is not an event")
    data, session = given.get("data"), given.get("session_hash")
    if not isinstance(data, list) or len(data) > VALUES_MAX:
        raise PlainValuesError("data is not a list of values")
    if not isinstance(session, str) or TOKEN.fullmatch(session) is None:
        raise PlainValuesError("session_hash is not one")
    numbers = {name: given.get(name) for name in ("fn_index", "trigger_id")}
    if not all(value is None or type(value) is int for value in numbers.values()):
        raise PlainValuesError("fn_index and trigger_id are not whole numbers")
    for value in data:
        if not _is_plain(value):
            raise PlainValuesError("data holds more than plain values")
    return {"data": data, "session_hash": session, "event_data": None, **numbers}


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _is_plain(value: Any) -> bool:
    """A text, a number, true or false, nothing, or a list of these."""
    if isinstance(value, list):
        return len(value) <= VALUES_MAX and all(_is_plain(v) and not isinstance(v, list) for v in value)
    if isinstance(value, str):
        return len(value) <= TEXT_MAX
    return value is None or isinstance(value, bool | int | float)


class _Scrubbed:
    """`send` that takes the places of files out of errors and of the stream of events; the rest passes untouched."""

    def __init__(self, send: Send, roots: Sequence[Path]) -> None:
        self._send = send
        self._roots = roots
        self._start: Message | None = None
        """Of an error, held back until its text is whole."""
        self._is_stream = False
        self._held = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message.get("headers", [])).get("content-type", "")
            self._is_stream = kind.startswith("text/event-stream")
            if message["status"] >= 400:
                self._start = message
                return
        elif message["type"] == "http.response.body":
            if self._start is not None:
                await self._error(self._start, message)
                return
            if self._is_stream:
                message = {**message, "body": self._events(message)}
        await self._send(message)

    async def _error(self, start: Message, message: Message) -> None:
        self._held = (self._held + message.get("body", b""))[:ERROR_BYTES_MAX]
        if message.get("more_body"):
            return
        body = self._clean(self._held)
        headers = MutableHeaders(raw=list(start.get("headers", [])))
        if "content-encoding" in headers:
            del headers["content-encoding"]
            body = b"The request failed."
        headers["content-length"] = str(len(body))
        self._start = None
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})

    def _events(self, message: Message) -> bytes:
        """The whole events so far; a part of one waits for its rest."""
        *whole, self._held = (self._held + message.get("body", b"")).split(b"\n\n")
        if not message.get("more_body") and self._held:
            whole, self._held = [*whole, self._held], b""
        return b"".join(self._event(event) + b"\n\n" for event in whole)

    def _event(self, event: bytes) -> bytes:
        lead = b"data: "
        return lead + self._clean(event.removeprefix(lead)) if event.startswith(lead) else self._clean(event)

    def _clean(self, body: bytes) -> bytes:
        text = body.decode("utf-8", "replace")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return message_without_paths(text, self._roots).encode()
        return json.dumps(message_without_paths(value, self._roots), ensure_ascii=False).encode()


class _WithIcon:
    """`send` that puts the lab's icon in the page where Gradio asks for a manifest: browsers fetch that without
    cookies, and beside the path of a proxy, so that all they would get is a refusal. The rest passes untouched.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        """Held back until the page is whole: its length is told first."""
        self._held = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
            return
        self._held += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._held.replace(MANIFEST, ICON, 1)
        headers = MutableHeaders(raw=list(self._start.get("headers", [])))
        if body != self._held:
            headers["content-length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise PlainValuesError("it ends early")
        if not message.get("more_body"):
            return body


def _with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """The request with another body."""
    kept = [
        (k, v)
        for k, v in scope["headers"]
        if k not in (b"content-length", b"content-type", b"transfer-encoding")
    ]
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return {**scope, "headers": [*kept, *told]}, receiving
