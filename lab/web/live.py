"""The live line: commands of the Segment workspace come in, the session's state goes out; pictures and
files beside it.

One websocket per page keeps clicks in order. What a page may ask for, with the type of every field, is in
`liftlab.web.wire.commands`; what it is told, in `liftlab.web.wire.messages`.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect, WebSocketState

from liftlab.components.errors import InputError
from liftlab.export.downloads import Download, comparison_report, export_file
from liftlab.page.cells import methods
from liftlab.page.cells.scenes import thumb_of
from liftlab.page.state import layer_bytes, overlay_of, pane_overlay_of, photo_bytes, split_of
from liftlab.web.visitor import Visitor
from liftlab.web.visitors import Visitors
from liftlab.web.wire.commands import perform
from liftlab.web.wire.messages import plain_of

MAX_PICTURE_PX = 2048

log = logging.getLogger("liftlab.page")


def live_routes(visitors: Visitors) -> APIRouter:
    """Routes under /lab/: the live line, pictures of photos and masks, exports."""
    router = APIRouter(prefix="/lab")

    def visitor_of(request: Request) -> Visitor:
        return visitors.get(request.scope["state"]["visitor"])

    @router.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        visitor = await asyncio.to_thread(visitors.get, websocket.scope["state"]["visitor"])
        outgoing: asyncio.Queue = asyncio.Queue()
        visitor.join(outgoing)
        sender = asyncio.create_task(_send_from(outgoing, websocket))
        try:
            await asyncio.to_thread(visitor.push)
            await asyncio.to_thread(visitor.push_cells)
            await asyncio.to_thread(visitor.push_compare)
            await asyncio.to_thread(visitor.push_scenes)
            while True:
                message = await websocket.receive_text()
                try:
                    answer = await asyncio.to_thread(perform, visitor, message)
                    if answer is not None:
                        outgoing.put_nowait(plain_of(answer))
                except ValueError as error:
                    log.warning("refused a message on the live line: %s", error)
                except Exception:  # a defect of ours must not take the other commands down with it
                    log.exception("a command of the live line failed")
        except (WebSocketDisconnect, KeyError):  # KeyError: a binary frame, which the page never sends
            pass
        except RuntimeError:  # the page went away while it was being told something
            if websocket.client_state is WebSocketState.CONNECTED is websocket.application_state:
                raise
        finally:
            visitor.leave(outgoing)
            sender.cancel()

    @router.get("/settings/{method}")
    def settings(method: str) -> list[dict[str, Any]]:
        found = methods.settings_for_page(method)
        if found is None:
            raise HTTPException(404)
        return found

    _picture_routes(router, visitor_of)
    _file_routes(router, visitor_of)
    return router


def _picture_routes(router: APIRouter, visitor_of: Callable[[Request], Visitor]) -> None:
    """Photos, their layers, and masks over them."""

    @router.get("/photo/{name}")
    def photo(request: Request, name: str, w: int = 1600) -> Response:
        jpeg = photo_bytes(visitor_of(request), name, _picture_width(w))
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400"})

    @router.get("/scene/{name}/thumb")
    def scene_thumb(request: Request, name: str) -> Response:
        jpeg = thumb_of(visitor_of(request), name)
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @router.get("/overlay/{name}")
    def overlay(request: Request, name: str, w: int = 1600) -> Response:
        visitor = visitor_of(request)
        with visitor.lock:
            png = overlay_of(visitor, name, _picture_width(w))
        if png is None:
            raise HTTPException(404)
        return Response(png, media_type="image/png", headers={"cache-control": "private, max-age=3600"})

    @router.get("/layer/{layer}/{name}")
    def layer(request: Request, layer: str, name: str, w: int = 1280) -> Response:
        jpeg = layer_bytes(visitor_of(request), layer, name, _picture_width(w))
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @router.get("/split/{name}")
    def split(request: Request, name: str, w: int = 1280) -> Response:
        png = split_of(visitor_of(request), name, _picture_width(w))
        if png is None:
            raise HTTPException(404)
        return Response(png, media_type="image/png", headers={"cache-control": "no-store"})

    @router.get("/pane/{pane}/{name}")
    def pane_overlay(request: Request, pane: int, name: str, w: int = 1280) -> Response:
        png = pane_overlay_of(visitor_of(request), pane, name, _picture_width(w))
        if png is None:
            raise HTTPException(404)
        return Response(png, media_type="image/png", headers={"cache-control": "no-store"})


def _file_routes(router: APIRouter, visitor_of: Callable[[Request], Visitor]) -> None:
    """What is taken away."""

    @router.get("/compare-report")
    def compare_report(request: Request) -> Response:
        visitor = visitor_of(request)
        return _sent(visitor, lambda: comparison_report(visitor))

    @router.get("/export/{kind}")
    def export(request: Request, kind: str, metres: bool = False, mended: bool = False) -> Response:
        visitor = visitor_of(request)
        return _sent(visitor, lambda: export_file(visitor, kind, metres=metres, mended=mended))


def _sent(visitor: Visitor, make: Callable[[], Download]) -> Response:
    """The file; why there is none is said on the page too, since a browser says of a download only that it failed."""
    try:
        return _SentOnce(make())
    except InputError as error:
        visitor.say(str(error))
        raise HTTPException(409, str(error)) from error


class _SentOnce(FileResponse):
    """Sends a download and removes it, also when the browser hangs up."""

    def __init__(self, download: Download) -> None:
        super().__init__(
            download.path,
            filename=download.path.name,
            media_type=download.media_type,
            headers={"cache-control": "no-store"},
        )
        self.download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.download.forget()


def _picture_width(width: int) -> int:
    return min(max(width, 16), MAX_PICTURE_PX)


async def _send_from(outgoing: asyncio.Queue, websocket: WebSocket) -> None:
    """Send states as they come; when several wait, older states are skipped, they are only out of date."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            message = await outgoing.get()
            while message["type"] == "state" and not outgoing.empty():
                following = outgoing.get_nowait()
                if following["type"] != "state":
                    await websocket.send_text(json.dumps(message))
                message = following
            await websocket.send_text(json.dumps(message))
