"""The door of the lab: nothing behind it answers without the token, from another site, or under another
host name.

`Guard` wraps the whole application, so a route or websocket added later (ours, Gradio's or the viewer's) is
behind the door without doing anything. The token is in the address that the lab prints; opening it once
swaps the token for an HttpOnly, SameSite=Strict cookie, so it does not stay in the address bar or in the
history of other people's pages. What a proxy did to a request is undone before (`door.outside`).
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liftlab.files.identifiers import visitor_id_is_valid
from liftlab.web.attempts import Attempts
from liftlab.web.door import words
from liftlab.web.door.outside import DEFAULT_PORTS, SECURE_OF, Outside, host_name

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VISITOR_COOKIE = "liftlab_visitor"
COOKIE_DAYS = 400
"""Since the last visit; browsers keep none longer."""
LOGIN_PATH = "/lab/login"
UPLOAD_PATH = "/gradio_api/upload"
MAX_BODY_BYTES = 4 * 2**20
"""Of any request but an upload."""
WRONG_NAME = "The lab answers only under the address it printed, and under names given with --allow-host."

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SINGLE_HEADERS = ("host", "origin", "content-length", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
"""A request with two of one of these means different things to different readers."""

CONTENT_POLICY = "; ".join(
    (  # Gradio compiles templates in the page, the viewer runs WebAssembly
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "object-src 'none'",
    )
)
"""Says to the browser what the lab promises: no other host is ever contacted. Who may show it in a frame is added."""

RESPONSE_HEADERS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # ask again whether it changed: an upgraded page with old scripts would break
}
NAMED_BY_CONTENT = re.compile(r"/assets/[^/]+-[A-Za-z0-9_-]{8,}\.(?:css|js)")
"""Gradio's scripts and styles: another content has another name. They are some ninety a page, and need not be asked for
again."""
KEPT_HEADERS = {**RESPONSE_HEADERS, "cache-control": "private, max-age=31536000, immutable"}


def is_loopback(host: str) -> bool:
    return host in LOOPBACK


@dataclass(frozen=True)
class Access:
    """Who may come in."""

    host: str = "127.0.0.1"
    """Address the lab is bound to."""
    port: int = 7860
    auth: tuple[str, str] | None = None
    """User name and password of the sign-in page; None: the printed address is the only way in."""
    open_door: bool = False
    """True: everybody who reaches the port may use the lab (`--no-auth`)."""
    max_upload_bytes: int = 2 * 2**30
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    outside: Outside = field(default_factory=Outside)
    """How it looks behind a proxy."""

    @property
    def cookie(self) -> str:
        """Cookies do not know ports: two labs on one machine need two names."""
        return f"liftlab_{self.port}"

    def accepts_host(self, host_header: str) -> bool:
        """Against DNS rebinding: on loopback only loopback names and those that were allowed; elsewhere the cookie
        is bound to the name anyway, unless names were allowed: then only these and the lab's own.
        """
        name, allowed = host_name(host_header), self.outside.hosts
        if not is_loopback(self.host) and not allowed:
            return True
        return name in LOOPBACK or name in allowed or name == self.host.lower()

    def accepts_password(self, user: str, password: str) -> bool:
        if self.auth is None:
            return False
        same_user = hmac.compare_digest(user.encode(), self.auth[0].encode())
        return hmac.compare_digest(password.encode(), self.auth[1].encode()) and same_user

    def accepts_token(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())


class Guard:
    """ASGI middleware: form of the headers, host, origin, token, body size, response headers; in this order.

    Args:
        attempts: Counts wrong passwords and tokens.
    """

    def __init__(self, app: ASGIApp, access: Access, attempts: Attempts | None = None) -> None:
        self._app = app
        self._access = access
        self._attempts = Attempts() if attempts is None else attempts
        self._root = access.outside.root_path
        ancestors = " ".join(("frame-ancestors 'self'", *access.outside.frames))
        self._policy = {"content-security-policy": f"{CONTENT_POLICY}; {ancestors}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookies = read_cookies(headers)
        refusal = self._refusal(scope, headers)
        if refusal is None and not self._is_known(cookies):
            refusal = await self._ask(scope, receive)
        if scope["type"] == "websocket":
            visitor = cookies.get(VISITOR_COOKIE, "")  # set by the page, which comes first
            if refusal is not None or not visitor_id_is_valid(visitor):
                await send({"type": "websocket.close", "code": 1008, "reason": "Not allowed."})
                return
            scope.setdefault("state", {})["visitor"] = visitor
            await self._app(scope, receive, send)
            return
        if refusal is not None:
            await refusal(scope, receive, self._with_headers(send, []))
            return
        await self._serve(scope, receive, send, cookies)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, cookies: dict[str, str]) -> None:
        """Pass a permitted request on, with a bounded body; a new browser gets an id of its own."""
        limit = self._access.max_upload_bytes if scope["path"] == UPLOAD_PATH else MAX_BODY_BYTES
        if int(Headers(scope=scope).get("content-length") or 0) > limit:
            too_big = PlainTextResponse(f"The request is larger than {limit / 2**20:.0f} MiB.", 413)
            await too_big(scope, receive, send)
            return
        visitor, fresh = cookies.get(VISITOR_COOKIE, ""), []
        if not visitor_id_is_valid(visitor):
            visitor = secrets.token_urlsafe(18)
            fresh = [self._cookie(scope, VISITOR_COOKIE, visitor, days=COOKIE_DAYS)]
        elif scope["path"] == "/":  # so that whoever comes back now and then keeps what is theirs
            fresh = [self._cookie(scope, VISITOR_COOKIE, visitor, days=COOKIE_DAYS)]
        if self._access.open_door and self._access.cookie not in cookies:
            fresh.append(self._cookie(scope, self._access.cookie, self._access.token))
        scope.setdefault("state", {})["visitor"] = visitor
        kept = NAMED_BY_CONTENT.fullmatch(scope["path"]) is not None
        await self._app(scope, _bounded(receive, limit), self._with_headers(send, fresh, kept=kept))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """What no token can excuse: headers that are none, a foreign host name, a foreign site."""
        if not _well_formed(scope, headers):
            return PlainTextResponse("The request is malformed.", 400)
        host = headers["host"]
        if not self._access.accepts_host(host):
            return PlainTextResponse(WRONG_NAME, 403)
        if _is_foreign(scope, headers, host, framed=bool(self._access.outside.frames)):
            return PlainTextResponse("Requests from another site are refused.", 403)
        return None

    def _is_known(self, cookies: dict[str, str]) -> bool:
        return self._access.open_door or self._access.accepts_token(cookies.get(self._access.cookie, ""))

    async def _ask(self, scope: Scope, receive: Receive) -> Response:
        """Answer somebody without the cookie: take the token or the password, or say how to come in."""
        if scope["type"] == "websocket":
            return PlainTextResponse("", 401)
        address = (scope.get("client") or ("",))[0]
        if scope["path"] == "/" and scope["method"] == "GET":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
            if given is not None:
                if self._access.accepts_token(given[0]):  # at once: too long to be found by guessing
                    forward = words.FORWARD.substitute(root=self._root)
                    return self._welcome(scope, HTMLResponse(words.page("LiftLab", forward)))
                return self._wrong(address, "This is not the address that the lab printed.")
        if self._access.auth is not None and scope["path"] == LOGIN_PATH and scope["method"] == "POST":
            form = parse_qs((await _read(receive, 4096)).decode("utf-8", "replace"))
            user, password = form.get("user", [""])[0], form.get("password", [""])[0]
            if not self._attempts.wait_secs(address) and self._access.accepts_password(user, password):
                self._attempts.right(address)
                return self._welcome(scope, RedirectResponse(f"{self._root}/", 303))
            return self._wrong(address, "Wrong name or password.")
        if scope["path"] == "/":  # to be asked for a password is no failure
            return self._way_in("", 401 if self._access.auth is None else 200)
        return HTMLResponse(words.page("LiftLab", words.CLOSED), 401)

    def _wrong(self, address: str, sentence: str) -> Response:
        """Refuse a token or a password. While the address has to wait, nothing was compared and nothing counts."""
        wait = self._attempts.wait_secs(address)
        if not wait:
            self._attempts.wrong(address)
            return self._way_in(sentence)
        response = self._way_in(f"Too many wrong tries; try again in {wait} seconds.", 429)
        response.headers["retry-after"] = str(wait)
        return response

    def _way_in(self, message: str, status: int = 401) -> Response:
        """The sign-in page, or the one that says where the address is, with a message."""
        if self._access.auth is None:
            return HTMLResponse(words.page("LiftLab", words.note(message) + words.CLOSED), status)
        # browsers name the origin of a form only under a policy that lets them
        form = words.login(message, f"{self._root}{LOGIN_PATH}")
        return HTMLResponse(words.page("LiftLab: sign in", form), status, {"referrer-policy": "same-origin"})

    def _welcome(self, scope: Scope, response: Response) -> Response:
        cookie = self._cookie(scope, self._access.cookie, self._access.token)
        response.raw_headers.append((b"set-cookie", cookie))
        return response

    def _cookie(self, scope: Scope, name: str, value: str, days: int | None = None) -> bytes:
        """A cookie for this way in. In a frame of another page browsers send only those that ask for it, over HTTPS (or
        on loopback); over anything else a frame cannot work, and the page itself goes on as it does without frames.
        """
        secure = SECURE_OF[scope["scheme"]]
        framed = self._access.outside.frames and (
            secure or host_name(Headers(scope=scope).get("host", "")) in LOOPBACK
        )
        site = "SameSite=None; Secure; Partitioned" if framed else "SameSite=Strict"
        site += "; Secure" if secure and not framed else ""
        keep = f"; Max-Age={days * 86400}" if days else ""
        return f"{name}={value}; Path={self._access.outside.cookie_path}; HttpOnly; {site}{keep}".encode()

    def _with_headers(self, send: Send, cookies: Iterable[bytes], *, kept: bool = False) -> Send:
        """Send a response with our headers, where it has none of the name.

        Args:
            kept: A file that browsers may keep, when it is there.
        """

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [
                    (k, v)
                    for k, v in message.get("headers", [])
                    if not k.lower().startswith(b"access-control-")
                ]
                names = {name.lower() for name, _ in told}
                ours = KEPT_HEADERS if kept and message["status"] == 200 else RESPONSE_HEADERS
                extra = [
                    (k.encode(), v.encode())
                    for k, v in {**ours, **self._policy}.items()
                    if k.encode() not in names
                ]
                extra += [(b"set-cookie", cookie) for cookie in cookies]
                message = {**message, "headers": [*told, *extra]}
            await send(message)

        return sending


def read_cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def parse_auth(auth: str | tuple[str, str] | None) -> tuple[str, str] | None:
    """ "name:password" as the command line gives it."""
    if auth is None or isinstance(auth, tuple):
        return auth
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise ValueError(
            "auth must look like NAME:PASSWORD; got something else. Give both, with a colon between."
        )
    return user, password


def _well_formed(scope: Scope, headers: Headers) -> bool:
    """Whether host, origin, length and path can be read at all, and in one way only."""
    if any(len(headers.getlist(name)) > 1 for name in SINGLE_HEADERS):
        return False
    length, origin = headers.get("content-length", "0"), headers.get("origin")
    return (
        host_name(headers.get("host", "")) != ""
        and (origin is None or origin == "null" or _origin_host(origin) is not None)
        and length.isascii()
        and length.isdigit()
        and len(length) <= 15
        and _CONTROL.search(scope["path"]) is None
    )


def _is_foreign(scope: Scope, headers: Headers, host: str, *, framed: bool) -> bool:
    """Whether another site asks, for anything but the page itself in a tab of its own, or in a frame where there are
    pages that may show one (`framed`).

    Another port of this machine is another site, although browsers send it our cookies.
    """
    origin = headers.get("origin")
    if origin is not None and not _is_own(origin, host, scope["scheme"]):
        return True
    if scope["type"] == "websocket":
        return origin is None
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return False
    places = ("document", "iframe") if framed else ("document",)
    opens_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in places
    return not (opens_page and scope["method"] == "GET" and scope["path"] == "/")


def _is_own(origin: str, host: str, scheme: str) -> bool:
    """Whether an origin is the address that was asked for. Where that is known to be HTTPS, so is the origin; a proxy
    that nobody named may have taken HTTPS off.
    """
    theirs = origin.lower().partition("://")[0]
    if SECURE_OF[scheme] and theirs != "https":
        return False
    return _origin_host(origin) == host.lower().removesuffix(f":{DEFAULT_PORTS.get(theirs)}")


def _origin_host(origin: str) -> str | None:
    """Host and port of an origin, in small letters; None when it is none."""
    scheme, found, host = origin.partition("://")
    if not found or scheme.lower() not in ("http", "https") or not host_name(host):
        return None
    return host.lower().removesuffix(f":{DEFAULT_PORTS[scheme.lower()]}")


def _bounded(receive: Receive, limit: int) -> Receive:
    """A body that lies about its length, or states none, is cut off as if the browser had gone."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > limit else message

    return receiving


async def _read(receive: Receive, limit: int) -> bytes:
    body = b""
    while len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:limit]
