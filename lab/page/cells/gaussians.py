"""Cell 4: photorealistic splats, trained on the photos; optional, but methods that select splats need them."""

import math
import re
from typing import TYPE_CHECKING, Any

import gradio as gr

from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress
from liftlab.engine import splat_step
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, Curve, count_text, with_job
from liftlab.page.visiting import visitor_of

if TYPE_CHECKING:
    from liftlab.components.types import Gaussians, Scene
    from liftlab.engine.lab import Lab
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors

ID = "gaussians"
BUDGETS = (("30 s", 30), ("1 min", 60), ("3 min", 180), ("10 min", 600))
SIDES = (240, 320, 480, 640)
PREVIEW_SIDE = 160
"""Longer side of the photos on which the curve is measured while training, pixels."""
PREVIEW_VIEWS = 3
DECIBELS = re.compile(r"[\d.]+ dB, ")


def build(lab: "Lab", visitors: "Visitors") -> None:
    with cell(ID, 4, "Splats"), gr.Row():
        budget = gr.Radio(list(BUDGETS), value=60, label="Time to train", scale=3)
        side = gr.Radio(list(SIDES), value=320, label="Photo size (longer side, pixels)", scale=3)
        go = gr.Button("Train splats", variant="primary", scale=1, min_width=140)

    def run(secs: int, max_side: int, request: gr.Request) -> None:
        start(visitor_of(visitors, request), int(secs), int(max_side))

    def edited(request: gr.Request) -> None:
        visitor_of(visitors, request).mark_edited(ID)

    go.click(run, [budget, side], None, show_progress="hidden")
    for control in (budget, side):
        control.input(edited, None, None, show_progress="hidden")


def start(visitor: "Visitor", budget_secs: int, max_side: int) -> None:
    """Queue the training; the 3D view shows the splats as they come, and Cancel keeps the best so far.

    Splats that the scene has already stay in use unless the new ones are better; the others are offered beside.
    """
    from dataclasses import replace

    from liftlab.pipelines.steps.gaussians import default_config

    lab, name = visitor.lab, visitor.needs_scene_name()
    config = default_config(lab.device)
    train = replace(config.train, iterations=100_000, budget_secs=float(budget_secs), max_side=max_side)
    memory = visitor.cells[ID]
    memory.inputs = {"budget_secs": float(budget_secs), "max_side": max_side}
    memory.curve = []

    def work(progress: Progress, cancel: CancelToken) -> str:
        watch = _watch(visitor, memory.curve)

        def told(fraction: float, message: str = "") -> None:
            progress(
                fraction, DECIBELS.sub("", message)
            )  # of other photos than the curve, on which one looks

        try:
            splat_step.train(
                lab, name, replace(config, train=train), progress=told, cancel=cancel, preview=watch,
                keep_better=True,
            )  # fmt: skip
        finally:
            visitor.preview(None)
        visitor.look = replace(visitor.look, surface="splats")  # to be seen as they were while they grew
        return name

    expected = budget_secs * 1.1 + 5  # the renderer is made ready first, the result scored afterwards
    visitor.start(ID, f"Training splats of '{name}'", work, expected_secs=expected, then=visitor.open)


def _watch(visitor: "Visitor", curve: list[tuple[float, float]]) -> Any:
    """What is called with the splats so far: show them, and add a point to the curve."""
    scene = visitor.scene
    frames: list[Any] = []

    def watch(gaussians: "Gaussians", iteration: int) -> None:
        if scene is not None:
            frames.extend([] if frames else _frames(scene))
            from liftlab.components.gaussians.training.loop import evaluate

            quality = evaluate(gaussians, frames).psnr
            if math.isfinite(quality):
                curve.append((float(iteration), quality))
        visitor.preview(gaussians)

    return watch


def _frames(scene: "Scene") -> list[Any]:
    from liftlab.components.gaussians.training.frames import make_frames

    views = scene.views[:: max(len(scene.views) // PREVIEW_VIEWS, 1)][:PREVIEW_VIEWS]
    return list(make_frames(views, max_side=PREVIEW_SIDE))


def status(visitor: "Visitor") -> CellStatus:
    name, memory = visitor.scene_name, visitor.cells[ID]
    code = f"gaussians = lab.gaussians({name or 'room'!r})"
    if memory.inputs:
        code = (
            "from dataclasses import replace\nfrom liftlab.pipelines.steps.gaussians import default_config\n\n"
            "config = default_config(lab.device)\n"
            f"train = replace(config.train, iterations=100_000, budget_secs={memory.inputs['budget_secs']}, "
            f"max_side={memory.inputs['max_side']})\n"
            f"gaussians = lab.gaussians({name or 'room'!r}, replace(config, train=train))"
        )
    report = _report(visitor) if visitor.status is not None and visitor.status.gaussians else None
    summary, notes, curve, offer = "Photorealistic view, optional", (), None, ""
    job = visitor.job_of(ID)
    running = job is not None and not job.finished
    if running:
        curve = Curve("steps", f"dB, {PREVIEW_VIEWS} photos", tuple(memory.curve))
    elif report is not None and name is not None:
        summary = f"{count_text(report['count'])} splats, {report['psnr']:.1f} dB"
        notes = (_sentence(report),)
        if said := _beside(visitor, name):
            notes, offer = (*notes, said), "Use the others"
        points = [
            (p["iteration"], p["psnr"]) for p in report["curve"] if p["iteration"] < report["iterations"]
        ]
        if points:  # it ends where the result is scored, on all photos
            curve = Curve("steps", "dB", (*points, (report["iterations"], report["psnr"])))
    edited = memory.edited or visitor.cells["reconstruct"].edited  # splats do not follow from the objects
    state = "idle" if report is None else "stale" if edited else "done"
    return with_job(
        CellStatus(ID, state, summary, notes=notes, code=code, curve=curve, offer=offer), visitor.job_of(ID)
    )


def _report(visitor: "Visitor") -> dict[str, Any] | None:
    """What is known of the splats in use; None where a new reconstruction has left them behind since the page
    asked whether there are any: work that runs writes between the two questions.
    """
    try:
        return visitor.lab.gaussians_report(visitor.needs_scene_name())
    except InputError:
        return None


def use_others(visitor: "Visitor") -> None:
    """Use the splats that are offered beside those in use."""
    try:
        splat_step.use_beside(visitor.lab, name := visitor.needs_scene_name())
    except InputError as error:
        visitor.fail(ID, str(error))
        return
    visitor.open(name)


def _beside(visitor: "Visitor", name: str) -> str:
    """What is said of splats beside those in use; nothing when there are none."""
    entry = visitor.lab.entry(name)
    if entry.psnr_beside is None or entry.psnr_in_use is None:
        return ""
    if not splat_step.beside_is_there(visitor.lab.workspace, entry) or entry.beside_key is None:
        return ""
    report = splat_step.report_of(visitor.lab.workspace, entry, entry.beside_key)
    return (
        f"There are others of this scene: {count_text(report['count'])} splats after {report['iterations']:,} steps, "
        f"{entry.psnr_beside:.1f} dB where these have {entry.psnr_in_use:.1f} dB on the same photos and size."
    )


def _sentence(report: dict[str, Any]) -> str:
    if report["stopped"] == "imported":
        return "These are the splats that were brought; nothing was trained."
    ended = {"cancelled": "Stopped early; the best of that training. ", "budget": "", "iterations": ""}
    return (
        f"{ended[report['stopped']]}{report['iterations']:,} steps in {report['seconds']:.0f} s on photos of "
        f"{report['width']} x {report['height']} pixels. To compare, choose Splats at the top of the photo "
        "and move the slider."
    )
