"""Routes of the Search cell: questions in, ranked objects and pictures out. One panel per browser."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from liftlab.components.errors import Cancelled, InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS
from liftlab.search.panel import WordPanel
from liftlab.web.public_text import without_paths
from liftlab.web.visitor import Visitor
from liftlab.web.visitors import Visitors
from liftlab.web.wire.messages import plain_of

MAX_PICTURE_PX = 2048

log = logging.getLogger("liftlab.page")


@dataclass
class AskBody:
    """A question."""

    text: str
    encoder: str = "attributes"
    """An entry of `liftlab.pipelines.choices.text_encoders`."""
    beside: bool = False
    """Keep the earlier questions, each in its colour."""

    def __post_init__(self) -> None:
        TEXT_ENCODERS.get(self.encoder)


@dataclass
class AddBody:
    """An object to take into the selection."""

    object_id: int
    name: str = ""
    """A guess that is accepted as its name; empty: it is called by the words that found it."""


@dataclass
class ShowBody:
    """What is shown of the answers."""

    threshold: float | None = None
    """Share of the best score, 0 to 1."""
    forget: int | None = None
    """Place of a question to drop; -1 drops all."""


def search_routes(visitors: Visitors) -> APIRouter:
    """Routes under /lab/search."""
    router = APIRouter(prefix="/lab/search")

    def visitor_of(request: Request) -> Visitor:
        return visitors.get(request.scope["state"]["visitor"])

    def panel_of(request: Request) -> WordPanel:
        return visitor_of(request).words

    def answered(visitor: Visitor, change: Callable[[], Any]) -> dict[str, Any]:
        """Do what was asked, redraw its heat and tell the panel's state; a sentence for people becomes its note."""
        panel = visitor.words
        panel.note = ""
        try:
            change()
        except InputError as error:
            panel.note = without_paths(str(error), (visitor.lab.workspace.root,))
        except Cancelled:
            panel.note = "The search was stopped."
        except Exception:
            log.exception("a search failed")
            panel.note = DEFECT_SENTENCE
        if visitor.look.tone == "heat":
            visitor.look_at(visitor.look)  # draws the new scores
        else:
            visitor.push()  # there may be heat to show now, or none any more
        return plain_of(panel.state())

    @router.get("")
    def state(request: Request) -> dict[str, Any]:
        return plain_of(panel_of(request).state())

    @router.post("/ask")
    def ask(request: Request, body: AskBody) -> dict[str, Any]:
        visitor = visitor_of(request)
        return answered(visitor, lambda: visitor.words.ask(body.text, body.encoder, beside=body.beside))

    @router.post("/show")
    def show(request: Request, body: ShowBody) -> dict[str, Any]:
        visitor = visitor_of(request)
        panel = visitor.words

        def change() -> None:
            if body.threshold is not None:
                panel.threshold = min(max(float(body.threshold), 0.0), 1.0)
                panel.version += 1
            if body.forget is not None:
                panel.forget(None if body.forget < 0 else body.forget)

        return answered(visitor, change)

    @router.post("/add")
    def add(request: Request, body: AddBody) -> dict[str, Any]:
        visitor = visitor_of(request)
        panel = visitor.words

        def change() -> None:
            visitor.act(lambda session: panel.add(body.object_id, accepted=body.name))
            panel.note = without_paths(visitor.note, (visitor.lab.workspace.root,))

        return answered(visitor, change)

    @router.get("/thumb/{object_id}")
    def thumb(request: Request, object_id: int) -> Response:
        jpeg = panel_of(request).thumb(object_id)
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @router.get("/heat/{photo}")
    def heat(request: Request, photo: str, w: int = 960) -> Response:
        png = panel_of(request).heat(photo, min(max(w, 16), MAX_PICTURE_PX))
        if png is None:
            raise HTTPException(404)
        return Response(png, media_type="image/png", headers={"cache-control": "private, max-age=3600"})

    return router
