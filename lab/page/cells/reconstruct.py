"""Cell 2: cameras and pointmaps from the photos."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from liftlab.components.errors import InputError, closest
from liftlab.components.progress import CancelToken, Progress
from liftlab.page.cells.choices import options_of, say_what_is_missing, stopped_by
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, count_text, with_job
from liftlab.page.visiting import visitor_of
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors

ID = "reconstruct"
SIDES = (320, 480, 640, 800, 1000)
ORDERS = (
    ("Cameras and depth first", "usual"),
    ("Masks first: DGA (WildSeg3D, 3 to 9 photos)", "dga"),
    ("Masks first: GA, weights C", "ga"),
    ("Masks first: GA, weights ln C", "ga_log"),
    ("Masks first: SGA, matches alone", "sparse_ga"),
)
"""What people read, and the name, of what comes first and how pairs are then put together."""


def build(lab: "Lab", visitors: "Visitors") -> None:
    with cell(ID, 2, "Reconstruct"), gr.Row():
        side = gr.Radio(list(SIDES), value=640, label="Working size (longer side, pixels)", scale=3)
        cameras = gr.Radio(
            [("Use the ones that came with the photos", "auto"), ("Always estimate", "none")],
            value="auto", label="Cameras", scale=3,
        )  # fmt: skip
        pointmaps = gr.Dropdown(
            options_of(PAIR_PREDICTORS, "scene_label"), value="stereo", label="Cameras and depth by", scale=3
        )
        order = gr.Dropdown(list(ORDERS), value="usual", label="Order", scale=3)
        doubtful = gr.Checkbox(label="Keep doubtful photos", value=False, scale=2, min_width=210)
        go = gr.Button("Reconstruct", variant="primary", scale=1, min_width=140)

    def run(max_side: int, source: str, predictor: str, first: str, keep: bool, request: gr.Request) -> None:
        visitor = visitor_of(visitors, request)
        start(visitor, int(max_side), source, predictor, order=first, keep_doubtful=bool(keep))

    def edited(request: gr.Request) -> None:
        visitor_of(visitors, request).mark_edited(ID)

    def chosen(predictor: str, request: gr.Request) -> None:
        visitor = visitor_of(visitors, request)
        say_what_is_missing(visitor, ID, PAIR_PREDICTORS.get(predictor))
        visitor.mark_edited(ID)

    go.click(run, [side, cameras, pointmaps, order, doubtful], None, show_progress="hidden")
    pointmaps.input(chosen, pointmaps, None, show_progress="hidden")
    for control in (side, cameras, order, doubtful):
        control.input(edited, None, None, show_progress="hidden")


def start(
    visitor: "Visitor",
    max_side: int,
    cameras: str,
    pointmaps: str = "stereo",
    *,
    order: str = "usual",
    keep_doubtful: bool = False,
) -> None:
    """Queue the reconstruction of the visitor's scene with these choices, or say why they cannot be used.

    Args:
        order: One of `ORDERS`.
    """
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    lab, name = visitor.lab, visitor.needs_scene_name()
    if stopped_by(visitor, ID, PAIR_PREDICTORS.get(pointmaps)):
        return
    config = ReconstructConfig(
        max_side=max_side,
        cameras="none" if cameras == "none" else "auto",
        pointmaps=pointmaps,
        doubtful="keep" if keep_doubtful else "leave_out",
        **settings_of(order),
    )
    photos = len(visitor.scene.photo_sizes) if visitor.scene is not None else 12

    def work(progress: Progress, cancel: CancelToken) -> str:
        lab.reconstruct(name, config, progress=progress, cancel=cancel)
        return name

    memory = visitor.cells[ID]
    by_pairs = {"pointmaps": pointmaps} if pointmaps != "stereo" else {}
    kept = {"doubtful": "keep"} if keep_doubtful else {}
    memory.inputs = {"max_side": max_side, "cameras": cameras, **by_pairs, **kept, **settings_of(order)}
    memory.warnings = ()
    expected = lab.expected_secs("reconstruct", photos)
    visitor.start(ID, f"Reconstructing '{name}'", work, expected_secs=expected, then=visitor.open)


def settings_of(order: str) -> dict[str, Any]:
    """What one of `ORDERS` is as settings of the reconstruction."""
    from liftlab.components.pointmaps.alignment.choices import PhotoAlignmentConfig

    known: dict[str, dict[str, Any]] = {
        "usual": {},
        "dga": {"alignment": "dga"},
        "ga": {"masks_first": True, "aligning": PhotoAlignmentConfig(confidence="raw")},
        "ga_log": {"masks_first": True},
        "sparse_ga": {"masks_first": True, "alignment": "sparse_ga"},
    }
    if order not in known:
        raise InputError(f"There is no order '{order}'. {closest(order, list(known))}")
    return known[order]


def status(visitor: "Visitor") -> CellStatus:
    name, scene, memory = visitor.scene_name, visitor.scene, visitor.cells[ID]
    chosen = ", ".join(f"{key}={value!r}" for key, value in memory.inputs.items())
    config = f", ReconstructConfig({chosen})" if chosen else ""
    needed = "from liftlab.components.pointmaps.alignment.choices import PhotoAlignmentConfig\n"
    imports = (needed if "aligning" in memory.inputs else "") + (
        "from liftlab.pipelines.steps.reconstruct import ReconstructConfig\n\n" if chosen else ""
    )
    code = imports + (f"scene = lab.reconstruct({name or 'room'!r}{config})")
    done = visitor.status is not None and visitor.status.reconstructed
    summary, warnings = "Cameras and depth", memory.warnings
    if done and scene is not None and name is not None:
        total = len(scene.photo_sizes) or len(scene.views)
        points = scene.pointmap.valid.sum()
        summary = f"{len(scene.views)} of {total} photos placed, {count_text(int(points))} points"
        warnings = (*memory.warnings, *visitor.lab.report(name)["warnings"])
    state = "stale" if done and memory.edited else "done" if done else "idle"
    return with_job(CellStatus(ID, state, summary, warnings=warnings, code=code), visitor.job_of(ID))
