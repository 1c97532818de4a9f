"""The frame every cell shares: a head that opens it, its inputs, then progress, sentences and code."""

import contextlib
from collections.abc import Iterator

import gradio as gr

from liftlab.page.scripts import starting

HEAD = """<button type="button" class="cell-head" data-cell-head="{id}" aria-expanded="false">
<span class="n">{number}</span><span class="t"><b>{title}</b><small></small></span>
<span class="chip">not run</span>
</button>"""

PROGRESS = """<div class="progress" hidden role="status"><span class="what"></span><span><span class="when">
</span><button type="button" class="stop">Cancel</button></span><div class="track"><i></i></div></div>"""

STATUS = """<div data-cell-status="{id}">
{progress}
<div class="cell-note"></div>
{code}
</div>"""

CODE = (
    '<details class="cell-code" data-code="{id}"><summary>The same in Python</summary><pre></pre></details>'
)

REGISTER = starting("cells", "register(element, '{kind}')")


@contextlib.contextmanager
def cell(cell_id: str, number: int, title: str) -> Iterator[None]:
    """Lay out a cell; the inputs are placed in the body of the `with` block."""
    with gr.Column(elem_classes="cell", elem_id=f"cell-{cell_id}"):
        _part(HEAD.format(id=cell_id, number=number, title=title), "head")
        with gr.Column(elem_classes="cell-body"):
            yield
            _part(STATUS.format(id=cell_id, progress=PROGRESS, code=CODE.format(id=cell_id)), "status")


def code_part(cell_id: str) -> None:
    """The Python of a cell alone, for the Segment workspace, which shows everything else itself."""
    gr.HTML(value="", html_template=CODE.format(id=cell_id), js_on_load=None, apply_default_css=False)


def _part(markup: str, kind: str) -> None:
    gr.HTML(value="", html_template=markup, js_on_load=REGISTER.format(kind=kind), apply_default_css=False)
