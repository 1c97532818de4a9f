"""The viewer behind the page's own port: its page from disk, its websocket passed on, message by message.

viser's server has no password and obeys whoever connects. It therefore listens on loopback and drops every
connection that does not carry the key this process made up (`Viewer`), and only messages that the lab needs
pass in here: moving the camera, clicking and dragging, never opening a public share tunnel.
"""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import RedirectResponse, Response
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from liftlab.view3d.viewer import KEY_HEADER, Viewer

PASSED_MESSAGES = frozenset({
    "ViewerCameraMessage", "ScenePointerMessage", "TransformControlsUpdateMessage",
    "TransformControlsDragStartMessage", "TransformControlsDragEndMessage",
})  # fmt: skip
"""What a browser may say to viser; everything else is dropped, `ShareUrlRequest` first of all."""

MAX_MESSAGE_BYTES = 16 * 2**20


CLIENT_STYLE = "<style>.mantine-Paper-root, .mantine-Notifications-root { display: none !important }</style>"
"""viser's own panel and notices lie over the scene and take its clicks; the page has its own."""


class _Kind(msgspec.Struct):
    type: str = ""


_decode_kind = msgspec.msgpack.Decoder(_Kind)


def is_passed(message: bytes | str) -> bool:
    """Whether a message from the browser may reach viser."""
    if isinstance(message, str):
        return False
    try:
        return _decode_kind.decode(message).type in PASSED_MESSAGES
    except msgspec.DecodeError:
        return False


def viser_routes(viewer_of: Callable[[str, int | None], Viewer | None]) -> APIRouter:
    """Routes under /viser/ and, for the panes of a comparison, /viser/0/, /viser/1/ and so on.

    Args:
        viewer_of: Gives the viewer of a browser's id (everybody sees their own) and pane; None: there is none.
    """
    router = APIRouter()

    @router.get("/viser")
    async def without_slash() -> RedirectResponse:
        return RedirectResponse("viser/")  # relative: there may be a prefix before it

    @router.get("/viser/{pane:int}/")
    @router.get("/viser/")
    async def page(request: Request) -> Response:
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"cache-control": "private, max-age=3600", "vary": "accept-encoding"}
        if compressed:
            headers["content-encoding"] = "gzip"
        return Response(_client_page(compressed), media_type="text/html; charset=utf-8", headers=headers)

    @router.websocket("/viser/{pane:int}")
    @router.websocket("/viser/{pane:int}/")
    @router.websocket("/viser")  # viser's page connects without the slash
    @router.websocket("/viser/")
    async def socket(websocket: WebSocket) -> None:
        pane = websocket.path_params.get("pane")
        viewer = await asyncio.to_thread(viewer_of, websocket.scope["state"]["visitor"], pane)
        if viewer is None:
            await websocket.close(1008, "There is no such pane.")
            return
        protocols = [p for p in websocket.scope.get("subprotocols", []) if p.startswith("viser-v")]
        async with connect(
            f"ws://127.0.0.1:{viewer.port}",
            subprotocols=protocols or None,
            additional_headers={KEY_HEADER: viewer.key},
            max_size=None,
            compression=None,  # on loopback it only costs time
            ping_interval=None,
            proxy=None,
        ) as upstream:
            await websocket.accept(subprotocol=upstream.subprotocol)
            await _relay(websocket, upstream)

    return router


async def _relay(websocket: WebSocket, upstream: ClientConnection) -> None:
    """Both directions until either side is gone."""

    async def browser_to_viser() -> None:
        while True:
            received = await websocket.receive()
            if received["type"] == "websocket.disconnect":
                return
            message = received.get("bytes") or received.get("text") or b""
            if len(message) <= MAX_MESSAGE_BYTES and is_passed(message):
                await upstream.send(message)

    async def viser_to_browser() -> None:
        async for message in upstream:
            await (
                websocket.send_bytes(message) if isinstance(message, bytes) else websocket.send_text(message)
            )

    tasks = [asyncio.create_task(browser_to_viser()), asyncio.create_task(viser_to_browser())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for outcome in await asyncio.gather(*done, *pending, return_exceptions=True):
        gone = (asyncio.CancelledError, ConnectionClosed, WebSocketDisconnect, RuntimeError)
        if isinstance(outcome, BaseException) and not isinstance(outcome, gone):
            raise outcome


@cache
def _client_page(compressed: bool) -> bytes:
    import gzip

    import viser

    page = (Path(str(viser.__file__)).parent / "client" / "build" / "index.html").read_bytes()
    page = page.replace(b"<head>", b"<head>" + CLIENT_STYLE.encode(), 1)
    return gzip.compress(page) if compressed else page
