"""A run as one file: what went in, how it was set, what was clicked, and what came out. It can be replayed.

`notebook.json` holds one cell per step. `liftlab.session.saving.replay` runs them in any workspace, without a browser.
Each cell is one call of the Python API; `liftlab.session.saving.python_code` writes that call.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

import numpy as np

from liftlab.components.bounds import Colour, Count, Digest, Key, Line, Name, Seconds, few, within
from liftlab.components.errors import InputError
from liftlab.components.files import write_json
from liftlab.engine.captures import capture_key, file_hashes
from liftlab.files.config_records import to_plain
from liftlab.files.reading import Misfit, from_json, read_file
from liftlab.session.arrangement import Arrangement
from liftlab.session.keeping import kept_runs
from liftlab.session.objects import MethodChoice
from liftlab.session.prompts import ObjectPrompts, check_names
from liftlab.session.ruler import Scale
from liftlab.session.saving.records import versions

if TYPE_CHECKING:
    from liftlab.session.session import Session

SCHEMA_VERSION = 1


class AnyCell:
    """One of the kinds of cells, as a record of a file may hold it."""

    @staticmethod
    def variant_of(record: dict[str, Any]) -> type["AnyCell"]:
        """The kind that a record says. Raises ValueError for none that is known."""
        kind = record.get("kind")
        for variant in VARIANTS:
            if kind in get_args(get_type_hints(variant)["kind"]):
                return variant
        raise ValueError("is no kind of cell that this LiftLab knows")


@dataclass(frozen=True)
class CaptureCell(AnyCell):
    """The photos."""

    name: Name
    folder: Annotated[str, few(1, 4096)]
    """Where the imported capture lay when the notebook was saved."""
    key: Key
    """Content key: names, pixels, cameras and focal lengths of the photos."""
    files: Annotated[dict[Annotated[str, few(1, 4096)], Digest], few(0, 100_000)]
    """SHA-256 of every file of the capture."""
    kind: Literal["capture"] = "capture"


@dataclass(frozen=True)
class StepCell(AnyCell):
    """A computed step."""

    kind: Literal["reconstruct", "gaussians", "masks"]
    config: dict[str, Any]
    key: Key
    seconds: Seconds | None
    """When it was computed; null when nobody measured."""
    iterations: Annotated[int, within(0, 1_000_000)] | None = None
    """Steps after which the clock, or a person, ended a training; null where the configuration says when it ends. A
    run that is replayed elsewhere trains as many, so that it does not depend on how fast a computer is."""


@dataclass(frozen=True)
class KeepCell(AnyCell):
    """The objects that people kept for the scene, which clicks find beside those of the masks."""

    objects: Annotated[tuple[Annotated[tuple[str, ...], few(0, 10_000)], ...], few(0, 10_000)]
    """Of each object its mask in every view, in order, as COCO's compressed run lengths, view pixels."""
    kind: Literal["keep"] = "keep"


@dataclass(frozen=True)
class PrepareCell(AnyCell):
    """A prepared method."""

    method: Name
    config: dict[str, Any]
    key: Key
    seconds: Seconds | None
    kind: Literal["prepare"] = "prepare"


@dataclass(frozen=True)
class SegmentedObject:
    """An object and what came out for it."""

    prompts: ObjectPrompts
    colour: Colour
    masks_sha256: Digest
    """Over its masks of all views, view pixels, packed; empty without an answer."""
    points: Count
    server_ms: tuple[Seconds | None, ...]
    named: bool = False
    """A person gave its name: words find it by that."""
    method: MethodChoice | None = None
    """What answered it, with all its settings; absent in what earlier versions saved, where it is the cell's method."""


@dataclass(frozen=True)
class SegmentCell(AnyCell):
    """The clicks."""

    method: Name
    """Of the object that clicks go to."""
    objects: Annotated[tuple[SegmentedObject, ...], few(0, 10_000)]
    arrangement: Arrangement = field(default_factory=Arrangement)
    """How the objects stand in the scene; they are numbered from 1 in the order above."""
    kind: Literal["segment"] = "segment"


VARIANTS = (CaptureCell, StepCell, KeepCell, PrepareCell, SegmentCell)
if TYPE_CHECKING:
    Cell = CaptureCell | StepCell | KeepCell | PrepareCell | SegmentCell
else:
    Cell = AnyCell  # msgspec reads no union of classes; `liftlab.files.reading` asks for the variant


@dataclass(frozen=True)
class _Head:
    """What tells a notebook from other files."""

    cells: Any
    schema_version: Any = None


@dataclass(frozen=True)
class Notebook:
    """notebook.json."""

    schema_version: int
    scene: Name
    """Name of the scene."""
    created: Line
    """UTC, ISO 8601."""
    versions: Annotated[dict[Line, Line], few(0, 1000)]
    cells: Annotated[tuple[Cell, ...], few(0, 1000)]
    scale: Scale | None = None
    """What somebody measured in the scene."""

    def save(self, path: Path) -> None:
        """Write it, whole or not at all. InputError where that is not possible."""
        try:
            write_json(path, to_plain(self))
        except OSError as error:
            raise InputError(f"The notebook cannot be written ({error.strerror}): {path}") from error

    @staticmethod
    def load(path: Path) -> "Notebook":
        """Read one. Raises InputError with a sentence when it is none, damaged, or of a newer version."""
        data = read_file(path, "notebook")
        try:
            version = from_json(data, _Head).schema_version
        except Misfit:
            raise InputError(f"This file is not a LiftLab notebook: {path}") from None
        except ValueError as error:
            raise InputError(f"The notebook cannot be read, {error}: {path}") from error
        if version != SCHEMA_VERSION:
            raise InputError(
                f"The notebook has format version {str(version)[:20]}, this LiftLab reads {SCHEMA_VERSION}; "
                f"update LiftLab: {path}"
            )
        try:
            notebook = from_json(data, Notebook)
            for cell in notebook.cells:
                if isinstance(cell, SegmentCell):
                    check_names(entry.prompts.object for entry in cell.objects)
        except Misfit as error:
            place = ".".join(map(str, error.place))
            raise InputError(f"The notebook is damaged at {place}: it {error.problem}: {path}") from error
        except ValueError as error:
            raise InputError(f"The notebook is damaged, {error}: {path}") from error
        return notebook

    def cell(self, kind: str) -> Any:
        """The first cell of a kind; None when there is none."""
        return next((cell for cell in self.cells if cell.kind == kind), None)


def notebook_of(session: "Session") -> Notebook:
    """The notebook of a session's scene and objects. InputError when no scene is open."""
    lab, name = session.lab, session.scene_name
    if name is None:
        raise InputError("No scene is open; choose one first.")
    status, records = lab.status(name), lab.step_records(name)
    folder = lab.workspace.capture_folder(status.capture)
    cells: list[Cell] = [
        CaptureCell(status.capture, str(folder), capture_key(folder), file_hashes(folder)),
        _step_cell("reconstruct", records["reconstruct"]),
    ]
    if "gaussians" in records:
        report = lab.gaussians_report(name)
        ended = report["iterations"] if report["stopped"] in ("budget", "cancelled") else None
        cells.append(replace(_step_cell("gaussians", records["gaussians"]), iterations=ended))
    if "masks" in records:
        cells.append(_step_cell("masks", records["masks"]))
        if kept := kept_runs(lab, name):
            cells.append(KeepCell(kept))
    for method in status.methods:
        record = records[method]
        cells.append(PrepareCell(method, record["config"], record["key"], record["seconds"]))
    objects = tuple(
        SegmentedObject(
            prompts=state.asked,
            colour=state.colour,
            masks_sha256=masks_digest(state.masks),
            points=state.count,
            server_ms=session.server_ms(state.id),
            named=state.named,
            method=_with_all_settings(state.choice),
        )
        for state in session.objects
    )
    if objects:
        numbers = {state.id: number for number, state in enumerate(session.objects, start=1)}
        cells.append(SegmentCell(session.method, objects, session.stage.arrangement.renumbered(numbers)))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Notebook(SCHEMA_VERSION, name, created, versions(), tuple(cells), session.ruler.scale)


def masks_digest(masks: Sequence[np.ndarray]) -> str:
    """SHA-256 over an object's masks of all views; empty without masks."""
    if not masks:
        return ""
    digest = hashlib.sha256()
    for mask in masks:
        digest.update(np.array(mask.shape, "<i8").tobytes())
        digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()


def _step_cell(kind: Literal["reconstruct", "gaussians", "masks"], record: dict[str, Any]) -> StepCell:
    return StepCell(kind, record["config"], record["key"], record["seconds"])


def _with_all_settings(choice: MethodChoice) -> MethodChoice:
    """The same with its defaults written out: later versions may have others."""
    from liftlab.pipelines.base import get_method

    return (
        choice
        if choice.config is not None
        else MethodChoice(choice.name, to_plain(get_method(choice.name).config_class()))
    )
