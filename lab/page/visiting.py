"""Whose event it is that the page sends."""

from typing import TYPE_CHECKING

import gradio as gr

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors


def visitor_of(visitors: "Visitors", request: gr.Request) -> "Visitor":
    """Who pressed the button, as the guard found."""
    assert request.request is not None, "events come from a browser"
    return visitors.get(request.request.scope["state"]["visitor"])
