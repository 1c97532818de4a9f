"""The lab behind a proxy: under a prefix, another name, HTTPS, or in a frame of another page.

`Unwrapped` stands before everything else. It believes what a proxy says of a request (`X-Forwarded-For`, `-Host`,
`-Port`, `-Proto`) only when the proxy's address was named on the command line, drops these headers in every case, so
that nothing further in reads them by itself (Gradio would), and takes the prefix off. All that comes after it sees the
request as the browser made it, at the root.
"""

import ipaddress
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from liftlab.components.errors import InputError
from liftlab.web.page_door import is_answered

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED = frozenset((
    b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix",
    b"x-forwarded-proto", b"x-forwarded-scheme", b"x-forwarded-server", b"x-forwarded-ssl", b"x-gradio-server",
    b"x-real-ip",
))  # fmt: skip
"""Headers that speak of another request than the one that arrived."""
SECURE_OF = {"http": False, "ws": False, "https": True, "wss": True}
DEFAULT_PORTS = {"http": "80", "https": "443"}
TAKEN_PREFIXES = ("/viser", "/gradio_api")
"""Prefixes under which an address could mean two things."""

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_FRAME = re.compile(r"https?://(?:\*\.)?(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")

log = logging.getLogger("liftlab.web")


@dataclass(frozen=True)
class Outside:
    """Where the lab stands for those who open it; made by `parse_outside`."""

    root_path: str = ""
    """Path that the proxy adds before the lab's own, without a slash at the end; empty: none."""
    hosts: tuple[str, ...] = ()
    """Further names under which the lab answers, in small letters, without port."""
    proxies: tuple[Network, ...] = ()
    """Addresses whose `X-Forwarded-*` are believed."""
    frames: tuple[str, ...] = ()
    """Origins of pages that may show the lab in a frame."""

    @property
    def cookie_path(self) -> str:
        """Other programs under the same host name do not get the lab's cookies."""
        return self.root_path or "/"

    def trusts(self, address: str) -> bool:
        """Whether an address is a named proxy's."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in proxy for proxy in self.proxies)

    def inner_path(self, path: str) -> str:
        """A path without the prefix. Proxies that have taken it off already are understood, too.

        Under `/lab` the lab's own `/lab/live` looks as if it had the prefix: it is taken off only where what remains
        is something that the lab answers.
        """
        if not self.root_path or not path.startswith(f"{self.root_path}/"):
            return path
        rest = path[len(self.root_path) :]
        return rest if is_answered(rest) else path


def parse_outside(
    root_path: str = "", hosts: Iterable[str] = (), proxies: Iterable[str] = (), frames: Iterable[str] = ()
) -> Outside:
    """What the command line says of a proxy.

    Raises:
        InputError: One of them cannot be what it is given as.
    """
    return Outside(
        _prefix(root_path),
        tuple(_named_host(host) for host in hosts),
        tuple(network for proxy in proxies for network in _networks(proxy)),
        tuple(_frame(origin) for origin in frames),
    )


class Unwrapped:
    """ASGI middleware: a request as its browser made it, whatever proxies did to it; the first of all."""

    def __init__(self, app: ASGIApp, outside: Outside) -> None:
        self._app = app
        self._outside = outside
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = self._unwrapped(scope)
        if scope["type"] == "http" and scope["path"] == self._outside.root_path != "":
            query = scope["query_string"].decode("latin-1")
            to = f"{self._outside.root_path}/{'?' if query else ''}{query}"
            await RedirectResponse(to, 307)(scope, receive, send)
            return
        path = self._outside.inner_path(scope["path"])
        await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    def _unwrapped(self, scope: Scope) -> Scope:
        """The request with what a named proxy says of it, and without the headers that said so."""
        said = Headers(scope=scope)
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in FORWARDED]
        peer = (scope.get("client") or ("",))[0]
        if not self._outside.trusts(peer):
            self._tell_once(said, peer)
            return {**scope, "headers": kept}
        secure = SECURE_OF.get(_last(said, "x-forwarded-proto").lower(), SECURE_OF[scope["scheme"]])
        plain, safe = ("ws", "wss") if scope["type"] == "websocket" else ("http", "https")
        host = _forwarded_host(said, secure)
        if host and sum(name == b"host" for name, _ in kept) <= 1:  # two of them are refused further in
            kept = [*((n, v) for n, v in kept if n != b"host"), (b"host", host.encode("latin-1"))]
        client = (self._client(said, peer), 0)
        return {**scope, "headers": kept, "scheme": safe if secure else plain, "client": client}

    def _client(self, said: Headers, peer: str) -> str:
        """The address nearest to us that is not a named proxy's; what stands before it anybody may have written."""
        chain = [
            part.strip() for part in ",".join(said.getlist("x-forwarded-for")).split(",") if part.strip()
        ]
        for address in reversed(chain):
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return peer
            if not self._outside.trusts(address):
                return address
        return chain[0] if chain else peer

    def _tell_once(self, said: Headers, peer: str) -> None:
        if not self._told and "x-forwarded-proto" in said:
            self._told = True
            log.warning(
                "%s says that it is a proxy; if it is yours, start the lab with --trusted-proxy %s",
                peer,
                peer,
            )


def _last(said: Headers, name: str) -> str:
    """What the nearest proxy wrote, where several did; empty when none did."""
    return ",".join(said.getlist(name)).rpartition(",")[2].strip()


def _forwarded_host(said: Headers, secure: bool) -> str:
    """Name and port that the browser asked for; empty when the proxy does not say."""
    host, port = _last(said, "x-forwarded-host"), _last(said, "x-forwarded-port")
    has_port = re.search(r":[0-9]+$", host) is not None
    if host and not has_port and port.isdigit() and port != DEFAULT_PORTS["https" if secure else "http"]:
        return f"{host}:{port}"
    return host


def host_name(host_header: str) -> str:
    """The name in a host header, in small letters; empty when it cannot be read."""
    if _HOST.fullmatch(host_header) is None:
        return ""
    try:
        split = urlsplit(f"//{host_header}")
        return (split.hostname or "").lower() if split.port != 0 else ""
    except ValueError:  # an address or a port that is none
        return ""


def _prefix(root_path: str) -> str:
    prefix = "/" + root_path.strip("/") if root_path.strip("/") else ""
    if _PREFIX.fullmatch(prefix) is None or {".", ".."} & set(prefix.split("/")):
        raise InputError(
            f"--root-path must be a path such as /lab, of letters, digits, dots, dashes and slashes; got '{root_path}'."
        )
    if prefix in TAKEN_PREFIXES:
        raise InputError(
            f"--root-path cannot be {prefix}, which is an address of the lab's own; take another one."
        )
    return prefix


def _named_host(given: str) -> str:
    try:
        name = host_name(given.strip().encode("idna").decode("ascii"))
    except UnicodeError:
        name = ""
    if not name:
        raise InputError(f"--allow-host must be a host name such as lab.example.org; got '{given}'.")
    return name


def _networks(given: str) -> tuple[Network, ...]:
    if given == "localhost":
        return ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("::1")
    try:
        return (ipaddress.ip_network(given.strip().strip("[]"), strict=False),)
    except ValueError as error:
        raise InputError(
            f"--trusted-proxy must be an address or a network such as 10.0.0.2 or 10.0.0.0/24; got '{given}'."
        ) from error


def _frame(given: str) -> str:
    origin = given.strip().rstrip("/").lower()
    if _FRAME.fullmatch(origin) is None:
        raise InputError(
            f"--allow-frame must be an origin such as https://notebooks.example.org; got '{given}'."
        )
    return origin
