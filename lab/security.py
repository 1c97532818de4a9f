"""The door of the lab: nothing behind it answers without the token, from another site, or under another
host name.

`Guard` wraps the whole application, so a route or websocket added later (ours, Gradio's or the viewer's) is
behind the door without doing anything. The token is in the address that the lab prints; opening it once
swaps the token for an HttpOnly, SameSite=Strict cookie, so it does not stay in the address bar or in the
history of other people's pages.
"""

import hmac
import html
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VISITOR_COOKIE = "liftlab_visitor"
LOGIN_PATH = "/lab/login"
UPLOAD_PATH = "/gradio_api/upload"
MAX_BODY_BYTES = 4 * 2**20
"""Of any request but an upload."""

CLOSED_PATHS = (
    "/gradio_api/proxy", "/gradio_api/stream", "/gradio_api/vibe", "/gradio_api/undo-vibe",
    "/gradio_api/process_recording", "/gradio_api/run-history", "/gradio_api/dev", "/gradio_api/deep_link",
    "/monitoring", "/gradio_api/monitoring",
)  # fmt: skip
"""Routes of Gradio that the page does not use: they fetch other hosts, change files or tell about other
people.
"""

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
        "frame-ancestors 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "object-src 'none'",
    )
)
"""Says to the browser what the lab promises: no other host is ever contacted."""

RESPONSE_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # ask again whether it changed: an upgraded page with old scripts would break
}


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

    @property
    def cookie(self) -> str:
        """Cookies do not know ports: two labs on one machine need two names."""
        return f"liftlab_{self.port}"

    def accepts_host(self, host_header: str) -> bool:
        """Against DNS rebinding: on loopback only loopback names; elsewhere the cookie is bound to the name
        anyway.
        """
        if not is_loopback(self.host):
            return True
        return _host_name(host_header) in LOOPBACK

    def accepts_password(self, user: str, password: str) -> bool:
        if self.auth is None:
            return False
        same_user = hmac.compare_digest(user.encode(), self.auth[0].encode())
        return hmac.compare_digest(password.encode(), self.auth[1].encode()) and same_user

    def accepts_token(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())


class Guard:
    """ASGI middleware: host, origin, token, body size, response headers; in this order."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

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
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008, "reason": "Not allowed."})
                return
            scope.setdefault("state", {})["visitor"] = cookies.get(VISITOR_COOKIE, "")
            await self._app(scope, receive, send)
            return
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send, []))
            return
        await self._serve(scope, receive, send, cookies)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, cookies: dict[str, str]) -> None:
        """Pass a permitted request on, with a bounded body; a new browser gets an id of its own."""
        limit = self._access.max_upload_bytes if scope["path"].startswith(UPLOAD_PATH) else MAX_BODY_BYTES
        if int(Headers(scope=scope).get("content-length") or 0) > limit:
            too_big = PlainTextResponse(f"The request is larger than {limit / 2**20:.0f} MiB.", 413)
            await too_big(scope, receive, send)
            return
        visitor, fresh = cookies.get(VISITOR_COOKIE, ""), []
        if not visitor_id_is_valid(visitor):
            visitor = secrets.token_urlsafe(18)
            fresh = [_cookie_header(VISITOR_COOKIE, visitor, days=30)]
        if self._access.open_door and self._access.cookie not in cookies:
            fresh.append(_cookie_header(self._access.cookie, self._access.token))
        scope.setdefault("state", {})["visitor"] = visitor
        await self._app(scope, _bounded(receive, limit), _with_headers(send, fresh))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """What no token can excuse: a foreign host name, a foreign site, a closed route."""
        host = headers.get("host", "")
        if not self._access.accepts_host(host):
            return PlainTextResponse("The lab answers only under the address it printed.", 403)
        origin = headers.get("origin")
        is_websocket = scope["type"] == "websocket"
        changes_something = is_websocket or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if changes_something and (foreign or (is_websocket and origin is None)):
            return PlainTextResponse("Requests from another site are refused.", 403)
        if scope["path"].startswith(CLOSED_PATHS):
            return PlainTextResponse("Not found.", 404)
        return None

    def _is_known(self, cookies: dict[str, str]) -> bool:
        return self._access.open_door or self._access.accepts_token(cookies.get(self._access.cookie, ""))

    async def _ask(self, scope: Scope, receive: Receive) -> Response:
        """Answer somebody without the cookie: take the token or the password, or say how to come in."""
        if scope["type"] == "websocket":
            return PlainTextResponse("", 401)
        if scope["path"] == "/" and scope["method"] == "GET":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            if self._access.accepts_token(query.get("token", [""])[0]):
                return self._welcome(HTMLResponse(_page("LiftLab", _FORWARD)))
        if self._access.auth is not None:
            if scope["path"] == LOGIN_PATH and scope["method"] == "POST":
                form = parse_qs((await _read(receive, 4096)).decode("utf-8", "replace"))
                if self._access.accepts_password(form.get("user", [""])[0], form.get("password", [""])[0]):
                    return self._welcome(RedirectResponse("/", 303))
                return HTMLResponse(_page("LiftLab: sign in", _login("Wrong name or password.")), 401)
            if scope["path"] == "/":
                return HTMLResponse(_page("LiftLab: sign in", _login("")), 401)
        return HTMLResponse(_page("LiftLab", _CLOSED), 401)

    def _welcome(self, response: Response) -> Response:
        response.raw_headers.append((b"set-cookie", _cookie_header(self._access.cookie, self._access.token)))
        return response


def read_cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def visitor_id_is_valid(visitor: str) -> bool:
    """Ids become file names in the workspace: only what `secrets.token_urlsafe` writes."""
    return 16 <= len(visitor) <= 64 and all(c.isascii() and (c.isalnum() or c in "-_") for c in visitor)


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


def _host_name(host_header: str) -> str:
    return (urlsplit(f"//{host_header}").hostname or "").lower()


def _cookie_header(name: str, value: str, days: int | None = None) -> bytes:
    keep = f"; Max-Age={days * 86400}" if days else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{keep}".encode()


def _with_headers(send: Send, cookies: Iterable[bytes]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", [])}
            extra = [(k.encode(), v.encode()) for k, v in RESPONSE_HEADERS.items() if k.encode() not in names]
            extra += [(b"set-cookie", cookie) for cookie in cookies]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sending


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


_FORWARD = "<p>Opening the lab&hellip;</p><script>location.replace('/')</script><p><a href='/'>Open</a></p>"
# Not a redirect: a browser that came from another site would not send the strict cookie along with it.

_CLOSED = (
    "<h1>LiftLab</h1><p>This lab is private. Open the address that it printed when it started "
    "(it ends in <code>?token=&hellip;</code>).</p>"
)


def _login(message: str) -> str:
    note = f"<p role='alert'>{html.escape(message)}</p>" if message else ""
    return (
        f"<h1>LiftLab</h1>{note}<form method='post' action='{LOGIN_PATH}'>"
        "<label>Name <input name='user' autocomplete='username' required autofocus></label>"
        "<label>Password <input name='password' type='password' autocomplete='current-password' "
        "required></label>"
        "<button>Sign in</button></form>"
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>
 :root {{ color-scheme: light dark }}
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 18vh auto; padding: 0 1rem }}
 label {{ display: block; margin: .8rem 0 }}
 input {{ display: block; width: 100%; font: inherit; padding: .4rem }}
 button {{ font: inherit; padding: .5rem 1.2rem }}
</style><body>{body}</body></html>"""
