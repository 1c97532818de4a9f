"""Cell 5: methods that answer clicks, each prepared once per scene."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from components.progress import CancelToken, Progress, part_of
from lab.cells.frame import cell
from lab.cells.status import CellStatus, with_job

if TYPE_CHECKING:
    from lab.engine import Lab
    from lab.visitor import Visitor
    from lab.visitors import Visitors

ID = "methods"


def build(lab: "Lab", visitors: "Visitors", page: gr.Blocks) -> None:
    from lab.app import visitor_of

    with cell(ID, 5, "Methods"), gr.Row():
        chosen = gr.CheckboxGroup([], label="Methods to prepare for this scene", scale=4)
        go = gr.Button("Prepare", variant="primary", scale=1, min_width=140)

    def offer(request: gr.Request) -> Any:
        from pipelines.base import list_methods

        visitor = visitor_of(visitors, request)
        return gr.update(
            choices=[(f"{entry.name}: {entry.summary}", entry.name) for entry in list_methods()],
            value=[visitor.method],
        )

    def run(names: list[str], request: gr.Request) -> None:
        if not names:
            raise gr.Error("Tick at least one method first.", print_exception=False)
        start(visitor_of(visitors, request), names)

    go.click(run, chosen, None, show_progress="hidden")
    page.load(offer, None, chosen, show_progress="hidden")


def start(visitor: "Visitor", methods: list[str]) -> None:
    """Queue the preparation of `methods`, one after the other."""
    lab, name = visitor.lab, visitor.needs_scene_name()

    def work(progress: Progress, cancel: CancelToken) -> str:
        for order, method in enumerate(methods):
            share = part_of(progress, order / len(methods), (order + 1) / len(methods))
            lab.prepare(name, method, progress=share, cancel=cancel)
        return name

    visitor.cells[ID].inputs = {"methods": methods}
    visitor.start(ID, f"Preparing {', '.join(methods)}", work, then=visitor.open)


def status(visitor: "Visitor") -> CellStatus:
    name, memory = visitor.scene_name, visitor.cells[ID]
    ready = visitor.status.methods if visitor.status is not None else ()
    code = "\n".join(f"lab.prepare({name or 'room'!r}, {method!r})" for method in ready or (visitor.method,))
    summary = f"{', '.join(ready)} ready" if ready else "What answers the clicks"
    state = "stale" if ready and visitor.earlier_edited(ID) else "done" if ready else "idle"
    return with_job(CellStatus(ID, state, summary, code=code), memory.job)
