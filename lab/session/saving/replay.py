"""A notebook's run once more, in any workspace and without a browser, and whether the masks came out the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liftlab.components.errors import InputError
from liftlab.components.files import is_sealed
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.engine.captures import capture_key
from liftlab.engine.lab import Lab
from liftlab.files.config_records import config_from_record
from liftlab.session.keeping import keep_again
from liftlab.session.objects import MethodChoice
from liftlab.session.ruler import write_scale
from liftlab.session.saving.notebook import (
    CaptureCell,
    Notebook,
    PrepareCell,
    SegmentCell,
    SegmentedObject,
    StepCell,
    masks_digest,
)
from liftlab.session.session import Session


@dataclass(frozen=True)
class ReplayedObject:
    """How an object came out again."""

    name: str
    identical: bool
    """The masks have the same bytes as when the notebook was saved."""


@dataclass(frozen=True)
class Replay:
    """What `replay` gives."""

    session: "Session"
    objects: tuple[ReplayedObject, ...]

    @property
    def identical(self) -> bool:
        return all(entry.identical for entry in self.objects)


def replay(
    notebook: Notebook,
    lab: Lab,
    *,
    photos: Path | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Replay:
    """Run every cell in a workspace, without a browser.

    Args:
        notebook: What to run.
        lab: Where; nothing it holds already under the same key is computed again.
        photos: Where the photos are now; None looks in the workspace, then where they were.

    Raises:
        InputError: The photos are gone or are others, or a step refuses them.
        Cancelled: The token was set.
    """
    from liftlab.pipelines.base import get_method
    from liftlab.pipelines.steps.masks import MasksConfig
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    given: CaptureCell = notebook.cell("capture")
    steps = notebook.cell("reconstruct")
    if given is None or steps is None:
        raise InputError("The notebook has no photos or no reconstruction; save it from an open scene.")
    capture = _find_capture(given, lab, photos, cancel)
    name = notebook.scene
    reconstruct = config_from_record(ReconstructConfig, steps.config)
    parts = {
        "reconstruct": (0.0, 0.4), "gaussians": (0.4, 0.75), "masks": (0.75, 0.9), "prepare": (0.9, 1.0),
    }  # fmt: skip
    lab.reconstruct(
        name, reconstruct, capture=capture, progress=part_of(progress, *parts["reconstruct"]), cancel=cancel
    )
    if (splats := notebook.cell("gaussians")) is not None:
        _train_again(lab, name, splats, part_of(progress, *parts["gaussians"]), cancel)
    if (masks := notebook.cell("masks")) is not None:
        masks_config = config_from_record(MasksConfig, masks.config)
        lab.masks(name, masks_config, progress=part_of(progress, *parts["masks"]), cancel=cancel)
    if (keep := notebook.cell("keep")) is not None:
        keep_again(lab, name, keep.objects, cancel=cancel)
    configs: dict[str, Any] = {}
    for cell in notebook.cells:
        if isinstance(cell, PrepareCell):
            config = configs[cell.method] = config_from_record(
                get_method(cell.method).config_class, cell.config
            )
            lab.prepare(
                name, cell.method, config, progress=part_of(progress, *parts["prepare"]), cancel=cancel
            )
    session = Session(lab, cancel=cancel)
    scene = session.open(name)
    if notebook.scale is not None and scene.key == steps.key:  # another reconstruction has another unit
        write_scale(lab.workspace, scene.key, notebook.scale)
    segment: SegmentCell | None = notebook.cell("segment")
    objects: list[ReplayedObject] = []
    if segment is not None:
        usual = MethodChoice.of(segment.method, configs.get(segment.method))
        choices = [_choice(entry, usual) for entry in segment.objects]
        for choice in {each.key: each for each in choices}.values():
            if lab.prepared(name, choice.name, choice.settings) is None:
                lab.prepare(
                    name,
                    choice.name,
                    choice.settings,
                    progress=part_of(progress, *parts["prepare"]),
                    cancel=cancel,
                )
        session.open(name)  # with what is prepared by now
        for entry, choice in zip(segment.objects, choices, strict=True):
            state = session.add_object(
                entry.prompts, colour=entry.colour, named=entry.named, answered_by=choice
            )
            objects.append(ReplayedObject(state.name, masks_digest(state.masks) == entry.masks_sha256))
        ids = {number: state.id for number, state in enumerate(session.objects, start=1)}
        session.stage.arrange(segment.arrangement.renumbered(ids))
    session.cancel = CancelToken()  # what is done with it from now on is not the replay
    return Replay(session, tuple(objects))


def require_photos(notebook: Notebook, lab: Lab) -> None:
    """Raise InputError unless the notebook's photos are in the lab's own workspace.

    For a notebook that came from somewhere else: its paths are not to be followed.
    """
    cell: CaptureCell | None = notebook.cell("capture")
    if cell is None:
        raise InputError("The notebook has no photos; save it from an open scene.")
    if not any(capture_key(lab.workspace.capture_folder(name)) == cell.key for name in lab.captures()):
        raise InputError(f"Bring the photos of '{cell.name}' first, then open the saved run again.")


def _choice(entry: SegmentedObject, usual: MethodChoice) -> MethodChoice:
    """What answered an object."""
    return usual if entry.method is None else MethodChoice.of(entry.method.name, entry.method.settings)


def _find_capture(cell: CaptureCell, lab: Lab, photos: Path | None, cancel: CancelToken | None) -> str:
    """Name of the notebook's capture in this workspace, brought in when it is not there."""
    if photos is None:
        for name in lab.captures():
            if capture_key(lab.workspace.capture_folder(name)) == cell.key:
                return name
        folder = Path(cell.folder)
        if not folder.is_dir():
            raise InputError(
                f"The photos of this notebook are not where they were; say where with --photos: {folder}"
            )
        name = lab.adopt_capture(folder, cell.name)
    elif (photos / "capture.json").is_file():
        name = lab.adopt_capture(photos, cell.name)
    else:
        name = lab.import_capture(photos, cell.name, cancel=cancel).name
    if capture_key(lab.workspace.capture_folder(name)) != cell.key:
        raise InputError(f"These are not the photos of the notebook: {photos or cell.folder}")
    return name


def _train_again(lab: Lab, name: str, cell: StepCell, progress: Progress, cancel: CancelToken | None) -> None:
    """Train the splats for as many steps as the run had; nothing where its very splats are here."""
    from liftlab.pipelines.steps.gaussians import GaussiansConfig, in_steps

    scene = lab.scene(name)
    if scene.gaussians_key == cell.key:
        return
    config = config_from_record(GaussiansConfig, cell.config)
    if cell.iterations is not None and not is_sealed(lab.workspace.gaussians_folder(scene.key, cell.key)):
        config = in_steps(config, cell.iterations)
    lab.gaussians(name, config, progress=progress, cancel=cancel)
