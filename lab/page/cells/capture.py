"""Cell 1: bring photos, or open what is already in the workspace."""

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.engine.demo import bundled_capture
from liftlab.engine.jobs import tell_builds
from liftlab.engine.workspace import DEFAULT_ROOT
from liftlab.page.cells import reconstruct, scenes
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, with_job
from liftlab.page.visiting import visitor_of
from liftlab.web.uploads import drop_upload, uploaded_files

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors

ID = "capture"
IMPORT_SHARE, RECONSTRUCT_SHARE = 0.05, 0.6
"""Of the progress bar; the second of what is left."""
EXAMPLE_PHOTOS = 12
"""Of an example, for the time that is expected."""
FILE_TYPES = [
    ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".zip", ".mp4", ".mov", ".m4v", ".mkv", ".avi",
    ".webm", ".3gp", ".ply", ".spz", ".sog", ".splat", ".ksplat", ".json", ".bin", ".txt",
]  # fmt: skip

REFERENCES = "files => (files || []).map(file => file.path).join('\\n')"
"""What the upload answered for each file, as one text: events are given plain values, never files."""


def build(lab: "Lab", visitors: "Visitors") -> None:
    """Lay out the cell and wire its buttons."""
    with cell(ID, 1, "Capture"):
        scenes.panel()
        with gr.Row():
            files, name, order, go, references = _inputs()

    def bring(given: str, wanted: str, first: str, request: gr.Request) -> None:
        visitor = visitor_of(visitors, request)
        if not given:
            raise InputError("Choose photos, a video or a zip first.")
        files = uploaded_files(lab.workspace, visitor.id, given.splitlines())
        if len(files) == 1 and files[0].suffix.lower() == ".json":
            reopen(visitor, files[0])
        else:
            start_import(visitor, files, wanted.strip() or None, order=first)

    files.change(None, files, references, js=REFERENCES, show_progress="hidden")
    go.click(bring, [references, name, order], None, show_progress="hidden")


def _inputs() -> tuple[gr.File, gr.Textbox, gr.Dropdown, gr.Button, gr.Textbox]:
    """What one brings: files, the scene's name, what comes first, the button, and what the upload answered."""
    files = gr.File(
        label="Photos, a video, a zip, or a saved run (notebook.json)",
        file_count="multiple",
        file_types=FILE_TYPES,
        type="filepath",
        scale=3,
    )
    with gr.Column(scale=2):
        name = gr.Textbox(label="Name", placeholder="taken from the files", max_lines=1, max_length=64)
        order = gr.Dropdown(list(reconstruct.ORDERS), value="usual", label="Order of the steps")
        go = gr.Button("Build the scene", variant="primary")
        references = gr.Textbox(visible="hidden", label="References of the files")
    return files, name, order, go, references


def start_import(visitor: "Visitor", paths: list[Path], name: str | None, *, order: str = "usual") -> None:
    """Queue import and everything after it, up to a scene that can be clicked.

    Args:
        order: One of `liftlab.page.cells.reconstruct.ORDERS`.
    """
    lab, method = visitor.lab, visitor.method

    def work(progress: Progress, cancel: CancelToken) -> str:
        source = paths[0] if len(paths) == 1 else paths
        try:
            scene, report = lab.import_capture(
                source, name, progress=part_of(progress, 0.0, IMPORT_SHARE), cancel=cancel
            )
        finally:
            for path in paths:  # uploads: the capture holds its own copies
                drop_upload(path)
        tell_builds(scene)
        memory = visitor.cells[ID]
        memory.notes = (f"{len(report.kept)} photos kept.",)
        memory.warnings = tuple(report.warnings)
        if visitor.scene is None:
            visitor.scene_name = scene  # the cells are about it from now on
        memory.inputs = {"source": paths[0].name if len(paths) == 1 else "photos/"}
        rest = part_of(progress, IMPORT_SHARE, 1.0)
        if order != "usual":
            from liftlab.pipelines.steps.reconstruct import ReconstructConfig

            config = ReconstructConfig(**reconstruct.settings_of(order))
            lab.reconstruct(scene, config, progress=part_of(rest, 0.0, RECONSTRUCT_SHARE), cancel=cancel)
            rest = part_of(rest, RECONSTRUCT_SHARE, 1.0)
        lab.prepare(scene, method, progress=rest, cancel=cancel)
        return scene

    visitor.start(ID, "Building a scene from your photos", work, then=visitor.open)


def reopen(visitor: "Visitor", path: Path) -> None:
    """Queue a saved run: its steps with its settings, then its objects and clicks in place of the present ones."""
    from liftlab.session.saving.notebook import Notebook
    from liftlab.session.saving.replay import Replay, replay, require_photos

    try:
        notebook = Notebook.load(path)
        require_photos(notebook, visitor.lab)
    except InputError as error:
        visitor.fail(ID, str(error).removesuffix(f": {path}"))  # where uploads lie is nothing for people
        return
    finally:
        drop_upload(path)

    def work(progress: Progress, cancel: CancelToken) -> Replay:
        require_photos(notebook, visitor.lab)  # again: they may have gone while it waited
        return replay(notebook, visitor.lab, progress=progress, cancel=cancel)

    def adopt(result: Replay) -> None:
        same = sum(entry.identical for entry in result.objects)
        visitor.cells[ID].notes = (f"Run of {notebook.created[:10]} repeated: {same} of {len(result.objects)} "
                                   "objects with exactly the same masks.",)  # fmt: skip
        visitor.adopt(result.session, f"Run of {notebook.created[:10]}")

    visitor.start(ID, f"Repeating the saved run of '{notebook.scene}'", work, then=adopt)


def open_or_build(visitor: "Visitor", name: str) -> None:
    """Open a scene that is ready; queue what is missing of one that is not."""
    lab, method = visitor.lab, visitor.method
    if visitor.scene is None:
        visitor.scene_name = name  # the cells are about it from now on
    if (under_way := lab.jobs.building(name)) is not None:  # the demo's, or another browser's
        visitor.follow(ID, under_way, lambda _: visitor.open(name))
        return
    if name in lab.scenes() and lab.prepared(name, method) is not None:
        visitor.open(name)
        return
    entry = lab.workspace.scene_entry(name)
    example = entry is None and name not in lab.captures() and name in scenes.bundled()
    try:
        folder = bundled_capture(name) if example else None
        photos = (
            len(lab.capture(entry.capture if entry else name).photos) if folder is None else EXAMPLE_PHOTOS
        )
    except InputError as error:
        visitor.say(str(error))
        return
    expected = sum(lab.expected_secs(step, photos) for step in ("reconstruct", "masks", "prepare"))

    def work(progress: Progress, cancel: CancelToken) -> str:
        if folder is not None:
            lab.import_capture(folder, name, progress=part_of(progress, 0.0, IMPORT_SHARE), cancel=cancel)
        lab.prepare(name, method, progress=part_of(progress, IMPORT_SHARE, 1.0), cancel=cancel)
        return name

    label = f"Building the scene '{name}'"
    visitor.start(ID, label, work, expected_secs=expected, builds=name, then=visitor.open)


def _place(visitor: "Visitor") -> str:
    """The workspace as Python; people on another machine are not told where it lies on this one."""
    root = visitor.lab.workspace.root
    if root == DEFAULT_ROOT.expanduser().resolve():
        return ""
    return repr(str(root)) if visitor.is_local else "'WORKSPACE'"


def status(visitor: "Visitor") -> CellStatus:
    lab, memory = visitor.lab, visitor.cells[ID]
    name = visitor.scene_name
    code = f"from liftlab.engine.lab import Lab\n\nlab = Lab({_place(visitor)})\n"
    if memory.inputs or name is None:
        source = memory.inputs.get("source", "photos/")
        code += f"name, report = lab.import_capture({source!r}, name={name or 'room'!r})"
    else:
        code += f"scene = lab.scene({name!r})"
    brought = visitor.scene is not None or name in lab.captures() or name in lab.scenes()
    photos = len(visitor.scene.photo_sizes) if visitor.scene is not None else 0
    now = CellStatus(
        ID,
        state="done" if brought else "idle",
        summary=f"{name}, {photos} photos" if name and photos else name or "Bring photos or a video",
        notes=memory.notes,
        warnings=memory.warnings,
        code=code,
        wants_open=visitor.scene is None and not visitor.opening and visitor.building is None,
    )
    return with_job(now, visitor.job_of(ID))
