"""Cell 3: every object of every photo, known by one id through all of them."""

from collections import Counter
from typing import TYPE_CHECKING

import gradio as gr

from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress
from liftlab.page.cells.choices import options_of, say_what_is_missing, stopped_by
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, with_job
from liftlab.page.visiting import visitor_of
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.trackers import TRACKERS

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors

ID = "masks"
NAMES = {"object": "object", "part": "part", "group": "group", "plane": "surface"}
"""Kinds of mask, as people call one of them."""


def build(lab: "Lab", visitors: "Visitors") -> None:
    with cell(ID, 3, "Objects"):
        with gr.Row():
            proposer = gr.Dropdown(options_of(PROPOSERS), value="regions", label="Proposals in each photo")
            following = gr.Dropdown(options_of(TRACKERS), value="geometry", label="One id over all photos")
        with gr.Row():
            smallest = gr.Slider(
                20, 1000, value=100, step=10, label="Smallest object (pixels in at least one photo)", scale=4
            )
            go = gr.Button("Find objects", variant="primary", scale=1, min_width=140)

    def run(min_pixels: float, proposals: str, tracks: str, request: gr.Request) -> None:
        start(visitor_of(visitors, request), int(min_pixels), proposals, tracks)

    def edited(request: gr.Request) -> None:
        visitor_of(visitors, request).mark_edited(ID)

    def chosen(proposals: str, tracks: str, request: gr.Request) -> None:
        visitor = visitor_of(visitors, request)
        say_what_is_missing(visitor, ID, PROPOSERS.get(proposals), TRACKERS.get(tracks))
        visitor.mark_edited(ID)

    go.click(run, [smallest, proposer, following], None, show_progress="hidden")
    smallest.input(edited, None, None, show_progress="hidden")
    for choice in (proposer, following):
        choice.input(chosen, [proposer, following], None, show_progress="hidden")


def start(
    visitor: "Visitor", min_pixels: int, proposer: str = "regions", following: str = "geometry"
) -> None:
    """Queue the search for objects in the visitor's scene; where the choices cannot be used, say why instead."""
    from liftlab.pipelines.steps.masks import MasksConfig

    lab, name = visitor.lab, visitor.needs_scene_name()
    try:
        config = MasksConfig(min_pixels=min_pixels, proposer=proposer, following=following)
        config.check_pair()
    except InputError as error:
        visitor.fail(ID, str(error))
        return
    if stopped_by(visitor, ID, PROPOSERS.get(proposer), TRACKERS.get(following)):
        return
    photos = len(visitor.scene.views) if visitor.scene is not None else 12

    def work(progress: Progress, cancel: CancelToken) -> str:
        lab.masks(name, config, progress=progress, cancel=cancel)
        return name

    chosen = {"proposer": proposer, "following": following}
    default = {"proposer": "regions", "following": "geometry"}
    visitor.cells[ID].inputs = {
        "min_pixels": min_pixels,
        **{key: value for key, value in chosen.items() if value != default[key]},
    }
    visitor.cells[ID].warnings = ()
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
    return with_job(CellStatus(ID, state, summary, warnings=memory.warnings, code=code), visitor.job_of(ID))


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
