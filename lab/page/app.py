"""The page: a row of cells that lead to a scene, and the Segment workspace, which is what one came for."""

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from liftlab.components.errors import InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.page.cells import (
    capture,
    compare,
    gaussians,
    masks,
    methods,
    models,
    reconstruct,
    search,
    segment,
)
from liftlab.web.public_text import without_paths

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitors import Visitors

log = logging.getLogger("liftlab.page")

TITLE = """<header class="ll-head">
<svg class="ll-mark" viewBox="0 0 24 24" fill="none" stroke="currentColor"
 stroke-width="2" stroke-linejoin="round"
 stroke-linecap="round" aria-hidden="true"><path d="m4 13 8 4 8-4M4 17l8 4 8-4" opacity=".45"/>
<path d="m12 2 6 3v5l-6 3-6-3V5z"/><path d="m6 5 6 3 6-3M12 8v5"/></svg>
<h1>LiftLab</h1><p>Click an object in a photo, lift it out in 3D.</p></header>"""


def build_page(lab: "Lab", visitors: "Visitors") -> gr.Blocks:
    """Lay out all cells; what they show comes over the live line, so this is the same for everybody."""
    with gr.Blocks(title="LiftLab", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(TITLE, apply_default_css=False)
        with gr.Row(elem_id="cells"):
            capture.build(lab, visitors)
            reconstruct.build(lab, visitors)
            masks.build(lab, visitors)
            gaussians.build(lab, visitors)
            methods.build()
            models.build(lab, visitors, page)
        search.build()
        segment.build()
        compare.build()
    for event in page.fns.values():  # all of them, also those that somebody adds to a cell later
        if event.fn is not None:
            event.fn = told(event.fn)
    return page


def told(event: Callable[..., Any]) -> Callable[..., Any]:
    """An event of the page whose failures reach the browser as a sentence, and a defect as that of every defect."""

    @functools.wraps(event)
    def telling(*values: Any) -> Any:
        try:
            return event(*values)
        except InputError as error:
            raise gr.Error(without_paths(str(error)), print_exception=False) from error
        except Exception as error:
            log.exception("an event of the page failed")
            raise gr.Error(DEFECT_SENTENCE, print_exception=False) from error

    return telling
