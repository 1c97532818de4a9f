"""The live line: commands of the Segment workspace come in, the session's state goes out; pictures and
files beside it.

One websocket per page keeps clicks in order. A command names a method of `Session` in all but spelling;
`COMMANDS` is the whole list of what a page may ask for, with the type of every field.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any, get_args

from fastapi import APIRouter, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, Response
from starlette.websockets import WebSocketDisconnect

from liftlab.compare.comparison import PANES_MAX
from liftlab.compare.pane_pictures import PaneView
from liftlab.compare.panes import PAINTED, TRUTH
from liftlab.components.errors import InputError
from liftlab.export.downloads import comparison_report, export_file
from liftlab.files.reading import CONTROL, plain_from_json
from liftlab.page.cells import methods
from liftlab.page.state import hover_url, layer_bytes, overlay_of, pane_overlay_of, photo_bytes, split_of
from liftlab.view3d.drawing import Look, Rest, Tone
from liftlab.view3d.surfaces import SurfaceName
from liftlab.web.visitor import Visitor
from liftlab.web.visitors import Visitors

MAX_COMMAND_BYTES = 4096
MAX_TEXT = 120
MAX_NUMBER = 1e9
MAX_STROKE_POINTS = 200
"""Of one command, so that it stays short; the page thins what the pointer draws."""
MAX_PICTURE_PX = 2048

log = logging.getLogger("liftlab.page")


def text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or CONTROL.search(value):
        raise ValueError("not a short text")
    return value


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        raise ValueError("not a number")
    return float(value)


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
        raise ValueError("not a whole number")
    return value


def share(value: Any) -> float:
    return min(max(number(value), 0.0), 1.0)


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not true or false")
    return value


def line(value: Any) -> list[tuple[float, float]]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STROKE_POINTS:
        raise ValueError("not a list of points")
    if not all(isinstance(point, list) and len(point) == 2 for point in value):
        raise ValueError("not a list of points")
    return [(number(x), number(y)) for x, y in value]


Fields = dict[str, Callable[[Any], Any]]
Change = Callable[..., Any]

CHANGES: dict[str, tuple[Fields, Change]] = {
    "click": (
        {"photo": text, "x": number, "y": number, "positive": truth},
        lambda s, photo, x, y, positive: s.click(photo, x, y, positive),
    ),
    "box": (
        {"photo": text, "x0": number, "y0": number, "x1": number, "y1": number},
        lambda s, photo, x0, y0, x1, y1: s.box(photo, x0, y0, x1, y1),
    ),
    "stroke": (
        {"photo": text, "points": line, "radius": number, "positive": truth},
        lambda s, photo, points, radius, positive: s.paint(photo, points, radius, positive),
    ),
    "granularity": ({"value": share}, lambda s, value: s.set_granularity(value)),
    "grow": ({}, lambda s: s.grow()),
    "shrink": ({}, lambda s: s.shrink()),
    "undo": ({}, lambda s: s.undo()),
    "redo": ({}, lambda s: s.redo()),
    "clear": ({}, lambda s: s.clear()),
    "new_object": ({}, lambda s: s.new_object()),
    "select": ({"id": whole}, lambda s, id: s.select_object(id)),
    "rename": ({"id": whole, "name": text}, lambda s, id, name: s.rename_object(id, name)),
    "delete": ({"id": whole}, lambda s, id: s.delete_object(id)),
    "method": ({"name": text}, lambda s, name: s.use_prepared(name)),
    "keep": ({"id": whole}, lambda s, id: s.keep(id)),
    "remove": ({"id": whole, "removed": truth}, lambda s, id, removed: s.stage.remove(id, removed)),
    "duplicate": ({"id": whole}, lambda s, id: s.stage.duplicate(id)),
    "nudge": ({"id": whole, "way": text}, lambda s, id, way: s.stage.nudge(id, way)),
    "put_back": ({"id": whole}, lambda s, id: s.stage.put_back(id)),
    "crop": ({"id": whole}, lambda s, id: s.stage.crop_around(id)),
    "uncrop": ({}, lambda s: s.stage.uncrop()),
    "measure": (
        {"photo": text, "x": number, "y": number},
        lambda s, photo, x, y: s.ruler.mark(photo, x, y),
    ),
    "set_scale": (
        {"length": number, "unit": text},
        lambda s, length, unit: s.ruler.set_scale(length, unit),
    ),
    "forget_scale": ({}, lambda s: s.ruler.forget_scale()),
}
"""Commands that change the session: fields, and what they do to it."""


def show_photo(visitor: Visitor, photo: str) -> None:
    visitor.photo = photo
    visitor.push()


def show_object(visitor: Visitor, id: int, visible: bool) -> None:
    (visitor.hidden.discard if visible else visitor.hidden.add)(id)
    visitor.act(lambda session: None)


def look_from(visitor: Visitor, photo: str) -> None:
    if visitor.scene is not None:
        with contextlib.suppress(KeyError):  # a photo that was not registered has no place in 3D
            visitor.viewer.look_from(visitor.scene.view_index(photo))


def look_3d(visitor: Visitor, surface: str, tone: str, rest: str) -> None:
    visitor.look_at(Look(one_of(SurfaceName, surface), one_of(Tone, tone), one_of(Rest, rest)))


def one_of(options: Any, value: str) -> Any:
    if value not in get_args(options):
        raise ValueError(f"not one of {get_args(options)}")
    return value


def prepare(visitor: Visitor, names: str) -> None:
    methods.start(visitor, [name for name in names.split(",") if name])


def compare(visitor: Visitor, names: str) -> None:
    visitor.compare([name for name in names.split(",") if name])


def set_reference(visitor: Visitor, pane: str) -> None:
    if pane not in ("", TRUTH, PAINTED, *map(str, range(PANES_MAX))):
        raise ValueError("nothing to compare with")
    visitor.panes.reference = pane
    visitor.push_compare()


def link_cameras(visitor: Visitor, on: bool) -> None:
    visitor.panes.linked = on
    visitor.push_compare()


def set_pane_granularity(visitor: Visitor, pane: int, value: float | None) -> None:
    visitor.change_panes(lambda panes: panes.set_granularity(pane, value))


def set_pane_view(visitor: Visitor, pane: int, view: str) -> None:
    visitor.change_panes(lambda panes: panes.set_view(pane, one_of(PaneView, view)))


def show_agreement(visitor: Visitor, on: bool) -> None:
    visitor.change_panes(lambda panes: panes.show_agreement(on))


def take_pane(visitor: Visitor, pane: int) -> None:
    visitor.act(lambda session: visitor.panes.take(pane, session))


def set_graphics(visitor: Visitor, software: bool) -> None:
    visitor.panes.software = software


def set_dark(visitor: Visitor, dark: bool) -> None:
    visitor.viewer.set_dark(dark)
    with visitor.lock:
        visitor.panes.set_dark(dark)


def set_mode(visitor: Visitor, positive: bool) -> None:
    visitor.positive = positive


def hover(visitor: Visitor, photo: str, x: float, y: float) -> dict[str, Any]:
    with visitor.lock:
        return {"type": "hover", "photo": photo, "url": hover_url(visitor, photo, x, y)}


VIEWS: dict[str, tuple[Fields, Change]] = {
    "show": ({"photo": lambda value: None if value is None else text(value)}, show_photo),
    "visible": ({"id": whole, "visible": truth}, show_object),
    "cameras": ({"visible": truth}, lambda visitor, visible: visitor.viewer.show_cameras(visible)),
    "dark": ({"dark": truth}, set_dark),
    "graphics": ({"software": truth}, set_graphics),
    "compare": ({"names": text}, compare),
    "reference": ({"pane": text}, set_reference),
    "link": ({"on": truth}, link_cameras),
    "pane_granularity": (
        {"pane": whole, "value": lambda value: None if value is None else share(value)},
        set_pane_granularity,
    ),
    "pane_view": ({"pane": whole, "view": text}, set_pane_view),
    "agreement": ({"on": truth}, show_agreement),
    "take": ({"pane": whole}, take_pane),
    "look": ({"photo": text}, look_from),
    "look_3d": ({"surface": text, "tone": text, "rest": text}, look_3d),
    "moving": ({"on": truth}, lambda visitor, on: visitor.set_moving(on)),
    "measuring": ({"on": truth}, lambda visitor, on: visitor.set_measuring(on)),
    "mode": ({"positive": truth}, set_mode),
    "setting": ({"method": text, "name": text, "value": text}, methods.set_value),
    "prepare": ({"names": text}, prepare),
    "cancel": ({"cell": text}, lambda visitor, cell: visitor.cancel(cell)),
    "hover": ({"photo": text, "x": number, "y": number}, hover),
}
"""Commands that change only what is shown."""


def perform(visitor: Visitor, message: str) -> dict[str, Any] | None:
    """Do what one message asks; what it returns is for the asking page alone.

    Raises:
        ValueError: It is not a command with exactly its fields.
    """
    if len(message) > MAX_COMMAND_BYTES:
        raise ValueError("message too long")
    given = plain_from_json(message)
    if not isinstance(given, dict):
        raise ValueError("not a command")
    name = given.pop("do", None)
    if not isinstance(name, str) or name not in {**CHANGES, **VIEWS}:
        raise ValueError(f"unknown command: {str(name)[:40]!r}")
    fields, change = CHANGES.get(name) or VIEWS[name]
    if set(given) != set(fields):
        raise ValueError(f"wrong fields of {name}: {sorted(given)}")
    values = {key: check(given[key]) for key, check in fields.items()}
    if name in VIEWS:
        return change(visitor, **values)
    visitor.act(lambda session: change(session, **values))
    return None


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
            while True:
                message = await websocket.receive_text()
                try:
                    answer = await asyncio.to_thread(perform, visitor, message)
                    if answer is not None:
                        outgoing.put_nowait(answer)
                except ValueError as error:
                    log.warning("refused a message on the live line: %s", error)
                except Exception:  # a defect of ours must not take the other commands down with it
                    log.exception("a command of the live line failed")
        except (WebSocketDisconnect, KeyError):  # KeyError: a binary frame, which the page never sends
            pass
        finally:
            visitor.leave(outgoing)
            sender.cancel()

    add_pictures(router, visitor_of)

    @router.get("/compare-report")
    def compare_report(request: Request) -> Response:
        try:
            path = comparison_report(visitor_of(request))
        except InputError as error:
            raise HTTPException(409, str(error)) from error
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})

    @router.get("/settings/{method}")
    def settings(method: str) -> list[dict[str, Any]]:
        found = methods.settings_for_page(method)
        if found is None:
            raise HTTPException(404)
        return found

    @router.get("/export/{kind}")
    def export(request: Request, kind: str, metres: bool = False) -> Response:
        try:
            path = export_file(visitor_of(request), kind, metres=metres)
        except InputError as error:
            raise HTTPException(409, str(error)) from error
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})

    return router


def add_pictures(router: APIRouter, visitor_of: Callable[[Request], Visitor]) -> None:
    """The routes that give photos and what is drawn over them."""

    @router.get("/photo/{name}")
    def photo(request: Request, name: str, w: int = 1600) -> Response:
        jpeg = photo_bytes(visitor_of(request), name, _picture_width(w))
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400"})

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
