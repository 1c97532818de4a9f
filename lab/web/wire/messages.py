"""Messages to the page: what it draws, and nothing else.

They are made on the server alone and not checked again; `plain_of` makes them ready for JSON.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from liftlab.compare.pane_pictures import PaneView
from liftlab.pictures.layers import Layer
from liftlab.view3d.drawing import Look
from liftlab.web.wire.cards import SceneCard, WorkRow

Reference = Literal["", "truth", "painted", "0", "1", "2", "3"]
"""What counts as right in the comparison: nothing, the capture's truth, what was painted, or the answer of a pane."""
CellState = Literal["idle", "stale", "queued", "running", "done", "failed"]


class Message(Struct, tag_field="type"):
    """What comes over the live line; its kind is in the field `type`."""


class Hover(Message, tag="hover"):
    """What a click would take."""

    photo: str
    """In which it would be made."""
    url: str | None
    """The mask over the photo as an address of data; nothing when none is known there."""


# The Segment workspace


class Photo(Struct, frozen=True):
    """A photo of the capture."""

    name: str
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    registered: bool
    """It has a place in the scene."""
    doubtful: bool
    """The other photos do not confirm that place."""


class Mark(Struct, frozen=True):
    """A click where a photo shows it."""

    x: float
    """Photo pixels."""
    y: float
    """Photo pixels."""
    positive: bool
    """What is there belongs to the object."""


class Measured(Struct, frozen=True):
    """The ruler."""

    count: int
    """Places that are marked, 0 to 2."""
    length: str | None
    """Between them, for people."""
    points: dict[str, list[tuple[float, float]]]
    """By photo: the places in it, photo pixels."""
    scale: str
    """Of the scene, for people; empty without one."""
    measured: bool
    """Somebody gave the scene its scale."""


class ObjectRow(Struct, frozen=True):
    """An object in the list."""

    id: int
    name: str
    colour: str
    """#RRGGBB."""
    visible: bool
    note: str
    """What is said of it under its name."""
    slow: bool
    """Its answer is no object of the scene yet and can be kept."""
    removed: bool
    """Taken out of the scene."""
    moved: bool
    """It stands elsewhere, or there are doubles of it."""
    method: str
    """What answers it."""
    photo_only: bool
    """It has no place in 3D."""


class MethodOffer(Struct, frozen=True):
    """A method that can answer clicks."""

    name: str
    title: str
    """The name, and whether it has to be prepared first."""
    summary: str


class ExportOffer(Struct, frozen=True):
    """Something that can be taken away."""

    kind: str
    title: str
    format: str
    summary: str
    """The full sentence."""
    missing: str
    """What it needs first; empty when it can be had."""
    purpose: Literal["3d", "splats", "share", "training", "again", "all"]
    """What people want it for: where the menu has it."""


class Overlay(Struct, frozen=True):
    """Masks over the photo on the screen."""

    photo: str
    url: str
    """Address of data."""


class Waiting(Message, tag="state", kw_only=True):
    """The workspace while there is nothing to click."""

    version: int
    phase: Literal["loading", "failed", "empty"]
    scene_key: None = None
    warn: bool
    hint: str
    """What is going on, or what to do."""


class Ready(Message, tag="state", kw_only=True):
    """The workspace with a scene."""

    version: int
    """Another one after every change."""
    phase: Literal["ready"] = "ready"
    scene_key: str
    warn: bool
    """The hint says what went wrong."""
    hint: str
    """What to do next."""
    scene: str | None
    """Its name."""
    photos: list[Photo]
    show: str | None
    """Name of the photo on the screen."""
    seen: dict[str, int]
    """By photo that shows an object: version of its masks."""
    layers: list[Layer]
    """Other pictures of a view that can be laid over its photo."""
    splats: bool
    """The scene's splats are trained."""
    features: bool
    """The method has learnt features to show."""
    splats_key: str
    """Of the splats; empty without any."""
    look: Look
    """How the scene is drawn."""
    previewing: bool
    """3D shows splats in the making in place of the scene."""
    cropped: bool
    mended: bool
    """What objects leave behind is filled in."""
    mendable: bool
    """There are splats, and an object that was taken out or moved away."""
    moving: bool
    """The current object has handles."""
    heat: bool
    """Words were searched for."""
    ruler: Measured
    objects: list[ObjectRow]
    current: int | None
    """Id of the object that the next click belongs to."""
    lit: bool
    """Something is selected."""
    clicked: bool
    """The current object has clicks."""
    granularity: float | None
    """0 is the smallest part, 1 the largest whole."""
    ms: float | None
    """What the last answer took."""
    can_undo: bool
    can_redo: bool
    marks: dict[str, list[Mark]]
    """By photo: clicks of the current object."""
    boxes: dict[str, list[tuple[float, float, float, float]]]
    """By photo: boxes of the current object, x0, y0, x1, y1 in photo pixels."""
    methods: list[MethodOffer]
    method: str
    """The one that answers the current object, or the next one while there is none."""
    works: list[WorkRow]
    """Of the scene, the one touched last first."""
    exports: list[ExportOffer]
    """None before something is selected."""
    code: str
    """The same in Python."""
    overlay: Overlay | None


State = Waiting | Ready


# The cells


class Curve(Struct, frozen=True):
    """How a training went, to be drawn."""

    along: str
    """What x counts, for example "steps"."""
    unit: str
    """Of y."""
    points: tuple[tuple[float, float], ...]


class JobProgress(Struct, frozen=True):
    """How far a job is."""

    fraction: float
    """0 to 1."""
    message: str
    elapsed_secs: float
    expected_secs: float | None
    position: int
    """Jobs before it."""


class MethodRow(Struct, frozen=True, kw_only=True):
    """A method in the cell Methods."""

    name: str
    summary: str
    paper: str
    licence: str
    splats: bool
    """It works on splats."""
    trained: bool
    """The scene's splats are trained."""
    ready: bool
    """It is prepared."""
    answers: bool
    """It answers the clicks."""
    seconds: float | None
    """Its preparation took."""
    expected_secs: float | None
    """Its preparation will take, with splats that are missing; None where nobody knows."""
    bytes: int | None
    """Its preparation takes on disk."""
    settings: dict[str, str]
    """Those that were changed for the next preparation."""
    curve: Curve | None


class CellStatus(Struct, frozen=True):
    """One cell as the browser draws it."""

    id: str
    state: CellState = "idle"
    summary: str = ""
    """One line under the title."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    """The sentence of a failed run."""
    code: str = ""
    """The same step in Python."""
    job: JobProgress | None = None
    """While queued or running."""
    elapsed_secs: float | None = None
    curve: Curve | None = None
    detail: list[MethodRow] | None = None
    """What the cell's own script draws."""
    offer: str = ""
    """Label of a button for what the notes offer; empty for none."""
    wants_open: bool = False
    """True when this is what the person should look at next."""


class Cells(Message, tag="cells"):
    """How all cells stand."""

    cells: list[CellStatus]


# What can be opened


class Scenes(Message, tag="scenes"):
    """All that can be opened."""

    scenes: list[SceneCard]
    note: str
    """What went wrong; empty when nothing did."""


# The comparison


class PaneRow(Struct, frozen=True, kw_only=True):
    """One compared method: its row of the table, and what its pane offers."""

    method: str
    ready: bool
    """It is prepared."""
    ms: float | None
    """What its answer took; nothing without an answer."""
    primitives: int | None
    """Selected."""
    splats: bool
    """They are splats, not points."""
    pixels: int | None
    """Selected in all photos."""
    iou: float | None
    """With what counts as right."""
    boundary: float | None
    """The same along the outline only."""
    message: str
    """Why there is no answer."""
    granularity: float | None
    """Of its own; nothing follows the clicks."""
    view: PaneView
    """What it shows."""
    views: list[PaneView]
    """What it can show."""


class NotCompared(Message, tag="compare", kw_only=True):
    """Nothing is compared."""

    panes: list[PaneRow] = []
    """Always empty."""
    note: str


class Compared(Message, tag="compare", kw_only=True):
    """What is compared."""

    version: int
    """Another one when an answer changed."""
    note: str
    """What went wrong or is missing."""
    linked: bool
    """The cameras follow each other."""
    software: bool
    """The browser has no graphics card."""
    agreement: bool
    """3D shows who agrees."""
    legend: list[tuple[str, str]]
    """Colours of the agreement, #RRGGBB, and what they mean."""
    truth: bool
    """The capture has truth to score against."""
    reference: Reference
    """What counts as right."""
    painted: str
    """Against what is scored, when that was painted."""
    object: str
    """Name of the object that is compared; empty without one."""
    split: bool
    """There are two answers or more."""
    agree: float | None
    """Mean IoU of every two answers."""
    code: str
    """The same in Python."""
    panes: list[PaneRow]


Comparing = NotCompared | Compared


def plain_of(message: Any) -> Any:
    """A message as dictionaries, lists, numbers and texts."""
    return msgspec.to_builtins(message, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, float):  # NumPy's
        return float(value)
    raise NotImplementedError(f"{type(value).__name__} is nothing for the page")
