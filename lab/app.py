"""The page: a row of cells that lead to a scene, and the Segment workspace, which is what one came for."""

from typing import TYPE_CHECKING

import gradio as gr

from lab.cells import capture, compare, gaussians, masks, methods, models, reconstruct, search, segment
from lab.security import VISITOR_COOKIE

if TYPE_CHECKING:
    from lab.engine import Lab
    from lab.visitor import Visitor
    from lab.visitors import Visitors

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
            capture.build(lab, visitors, page)
            reconstruct.build(lab, visitors)
            masks.build(lab, visitors)
            gaussians.build(lab, visitors)
            methods.build()
            models.build(lab, visitors, page)
        search.build()
        segment.build()
        compare.build()
    return page


def visitor_of(visitors: "Visitors", request: gr.Request) -> "Visitor":
    """Who pressed the button; the guard has already checked and set the cookie."""
    return visitors.get(request.cookies[VISITOR_COOKIE])
