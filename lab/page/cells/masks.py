"""Cell 3: every object of every photo, known by one id through all of them."""

from collections import Counter
from typing import TYPE_CHECKING

import gradio as gr

from liftlab.components.progress import CancelToken, Progress
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, with_job

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors

ID = "masks"
NAMES = {"object": "object", "part": "part", "group": "group", "plane": "surface"}
"""Kinds of mask, as people call one of them."""


def build(lab: "Lab", visitors: "Visitors") -> None:
    from liftlab.page.app import visitor_of

    with cell(ID, 3, "Objects"), gr.Row():
        smallest = gr.Slider(
            20, 1000, value=100, step=10, label="Smallest object (pixels in at least one photo)", scale=4
        )
        go = gr.Button("Find objects", variant="primary", scale=1, min_width=140)

    def run(min_pixels: float, request: gr.Request) -> None:
        start(visitor_of(visitors, request), int(min_pixels))

    def edited(request: gr.Request) -> None:
        visitor_of(visitors, request).mark_edited(ID)

    go.click(run, smallest, None, show_progress="hidden")
    smallest.input(edited, None, None, show_progress="hidden")


def start(visitor: "Visitor", min_pixels: int) -> None:
    """Queue the search for objects in the visitor's scene."""
    from liftlab.pipelines.steps.masks import MasksConfig

    lab, name = visitor.lab, visitor.needs_scene_name()
    config = MasksConfig(min_pixels=min_pixels)
    photos = len(visitor.scene.views) if visitor.scene is not None else 12

    def work(progress: Progress, cancel: CancelToken) -> str:
        lab.masks(name, config, progress=progress, cancel=cancel)
        return name

    visitor.cells[ID].inputs = {"min_pixels": min_pixels}
    expected = lab.expected_secs("masks", photos)
    visitor.start(ID, f"Finding objects in '{name}'", work, expected_secs=expected, then=visitor.open)


def status(visitor: "Visitor") -> CellStatus:
    name, memory = visitor.scene_name, visitor.cells[ID]
    chosen = ", ".join(f"{key}={value!r}" for key, value in memory.inputs.items())
    code = ("from liftlab.pipelines.steps.masks import MasksConfig\n\n" if chosen else "") + (
        f"masks = lab.masks({name or 'room'!r}{f', MasksConfig({chosen})' if chosen else ''})"
    )
    done = visitor.status is not None and visitor.status.masks
    summary = "Parts and objects in every photo"
    if done:
        summary = _summary(visitor)
    state = "stale" if done and (memory.edited or visitor.earlier_edited(ID)) else "done" if done else "idle"
    return with_job(CellStatus(ID, state, summary, code=code), memory.job)


def _summary(visitor: "Visitor") -> str:
    cache = visitor.session.masks
    if cache is None:
        return "Found"
    kinds = Counter(cache.kinds)
    return ", ".join(
        f"{kinds[kind]} {name if kinds[kind] == 1 else name + 's'}"
        for kind, name in NAMES.items()
        if kinds[kind]
    )
