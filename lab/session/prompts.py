"""Clicks and boxes as people and files give them, and how they become a method's `Prompt`s.

A prompts file is a list of objects:

    [{"object": "mug", "clicks": [{"image": "003.jpg", "x": 210.5, "y": 140.0, "positive": true}]}]

A click may also be a box in a photo (`image` and `box`: x0, y0, x1, y1) or a point in the world (`world`: x,
y, z). `strokes` of the brush come after the clicks. Photo pixels, origin at the top-left corner. docs/formats.md
describes every field.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Struct

from liftlab.components.bounds import FileName, Pixel, Place, Share, few, within
from liftlab.components.errors import InputError, closest
from liftlab.components.files import is_device_name
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Prompt, Scene
from liftlab.files.reading import CONTROL, Misfit, from_plain, plain_from_json, read_file

OBJECTS_MAX = 500
CLICKS_MAX = 10_000
"""Of one object, boxes and strokes alike."""
STROKE_POINTS_MAX = 5000
ADJUST_MAX = 20
"""Steps that an object may be grown or shrunk by."""


class AnyClick:
    """One of the kinds of clicks, as a record of a file may hold it."""

    @staticmethod
    def variant_of(record: dict[str, Any]) -> type["AnyClick"]:
        """The kind that a record describes."""
        return WorldClick if "world" in record else PhotoBox if "box" in record else PhotoClick


# A misspelt field of a click is an error, never ignored ("positve": false must not become a positive click), so these
# are Structs, which can refuse further fields.


class PhotoClick(AnyClick, Struct, frozen=True, forbid_unknown_fields=True):
    """A click in a photo."""

    image: FileName
    """File name of the photo."""
    x: Pixel
    """Photo pixels, to the right."""
    y: Pixel
    """Photo pixels, down."""
    positive: bool = True
    """True: the object is here; False: it is not."""


class PhotoBox(AnyClick, Struct, frozen=True, forbid_unknown_fields=True):
    """A box dragged round the object in a photo."""

    image: FileName
    """File name of the photo."""
    box: tuple[Pixel, Pixel, Pixel, Pixel]
    """x0, y0, x1, y1 in photo pixels; any two opposite corners."""
    positive: bool = True
    """Always true: a box says what belongs to the object."""


class WorldClick(AnyClick, Struct, frozen=True, forbid_unknown_fields=True):
    """A click on a point of the 3D view."""

    world: tuple[Place, Place, Place]
    """World frame of the scene."""
    positive: bool = True
    """True: the object is here; False: it is not."""


VARIANTS = (PhotoClick, PhotoBox, WorldClick)
if TYPE_CHECKING:
    PromptClick = PhotoClick | PhotoBox | WorldClick
else:
    PromptClick = AnyClick  # msgspec reads no union of classes; `liftlab.files.reading` asks for the variant


class PhotoStroke(Struct, frozen=True, forbid_unknown_fields=True):
    """A stroke of the brush in a photo: it changes the mask of that photo only, after the method has answered."""

    image: FileName
    """File name of the photo."""
    points: Annotated[tuple[tuple[Pixel, Pixel], ...], few(1, STROKE_POINTS_MAX)]
    """x, y along the stroke, photo pixels; one is a dab."""
    radius: Annotated[float, within(0, 1e5)]
    """Of the brush, photo pixels."""
    positive: bool = True
    """True: paints the object; False: rubs it out."""


@dataclass(frozen=True)
class ObjectPrompts:
    """Everything a person asked for one object, in order."""

    object: Annotated[str, few(1, 60)]
    """Name of the object; also the name of its files."""
    clicks: Annotated[tuple[PromptClick, ...], few(0, CLICKS_MAX)] = ()
    granularity: Share | None = None
    """0 = smallest part, 1 = largest whole; absent lets the method choose."""
    adjust: Annotated[int, within(-ADJUST_MAX, ADJUST_MAX)] = 0
    """Steps grown (positive) or shrunk (negative) afterwards."""
    strokes: Annotated[tuple[PhotoStroke, ...], few(0, CLICKS_MAX)] = ()
    """Of the brush, in order, after growing or shrinking."""

    @property
    def empty(self) -> bool:
        """Whether nothing is asked yet."""
        return not self.clicks and not self.strokes


def photo_name(scene: Scene, name: str) -> str:
    """The registered photo that `name` means (a missing or other ending is forgiven).

    Raises:
        InputError: There is no such photo, or it could not be placed in the scene.
    """
    registered = [view.name for view in scene.views]
    for wanted in (name, _stem(name)):
        for candidates, found in ((registered, True), (scene.missing, False)):
            for candidate in candidates:
                if wanted in (candidate, _stem(candidate)):
                    if found:
                        return candidate
                    raise InputError(
                        f"The photo {candidate} could not be placed in the scene, so clicks in it mean "
                        "nothing; click in another photo."
                    )
    raise InputError(f"The scene has no photo '{name}'. {closest(name, registered)}")


def check_click(scene: Scene, click: PromptClick) -> PromptClick:
    """The click with its photo's exact name. Raises InputError when it lies outside or is no number."""
    if isinstance(click, WorldClick):
        if not all(math.isfinite(value) for value in click.world):
            raise InputError("A click in 3D needs three finite numbers.")
        return click
    name = photo_name(scene, click.image)
    lens = scene.views[scene.view_index(name)].lens
    size = f"the photo {name} of {lens.width} x {lens.height} pixels"
    if isinstance(click, PhotoBox):
        x0, y0, x1, y1 = click.box
        if not all(math.isfinite(value) for value in click.box):
            raise InputError("A box needs four finite numbers.")
        low_x, high_x, low_y, high_y = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        if high_x <= 0 or high_y <= 0 or low_x >= lens.width or low_y >= lens.height:
            raise InputError(f"The box lies outside {size}; draw it inside.")
        if high_x - low_x < 1 or high_y - low_y < 1:
            raise InputError("The box is empty; drag from one corner of the object to the opposite one.")
        return PhotoBox(name, (float(low_x), float(low_y), float(high_x), float(high_y)))
    if not (math.isfinite(click.x) and math.isfinite(click.y)):
        raise InputError("A click needs two finite numbers, x and y.")
    if not (0 <= click.x < lens.width and 0 <= click.y < lens.height):
        raise InputError(f"The click at ({click.x:g}, {click.y:g}) is outside {size}; click inside it.")
    return PhotoClick(name, float(click.x), float(click.y), bool(click.positive))


def check_stroke(scene: Scene, stroke: PhotoStroke) -> PhotoStroke:
    """The stroke with its photo's exact name. Raises InputError when it is empty, endless, or no numbers."""
    name = photo_name(scene, stroke.image)
    numbers = [stroke.radius, *(value for point in stroke.points for value in point)]
    if not 1 <= len(stroke.points) <= STROKE_POINTS_MAX or not all(abs(value) <= 1e6 for value in numbers):
        raise InputError(
            f"A stroke needs 1 to {STROKE_POINTS_MAX} points of finite numbers, none far outside."
        )
    lens = scene.views[scene.view_index(name)].lens
    if not 0.5 <= stroke.radius <= max(lens.width, lens.height):
        raise InputError(
            f"The brush must be between half a pixel and the photo's size; got {stroke.radius:g}."
        )
    points = tuple((float(x), float(y)) for x, y in stroke.points)
    return PhotoStroke(name, points, float(stroke.radius), bool(stroke.positive))


def to_prompts(
    scene: Scene, clicks: Sequence[PromptClick], *, granularity: float | None, object_id: str
) -> list[Prompt]:
    """One `Prompt` per click, in order. The clicks are already checked."""
    return [_to_prompt(scene, click, granularity, object_id) for click in clicks]


def read_prompts(path: Path) -> tuple[ObjectPrompts, ...]:
    """Read a prompts file. Raises InputError with one sentence on what is wrong with it and where."""
    data = read_file(path, "prompts file")
    try:
        value = plain_from_json(data)
    except ValueError as error:
        raise InputError(f"The prompts file cannot be read, {error}: {path}") from error
    with reading(path.name, f"The prompts file does not make sense; see docs/formats.md: {path}"):
        return parse_prompts(value)


def parse_prompts(value: Any) -> tuple[ObjectPrompts, ...]:
    """Check the content of a prompts file. Raises InputError naming the first entry that does not fit."""
    if not isinstance(value, list):
        raise InputError('Prompts must be a list such as [{"object": "mug", "clicks": [...]}].')
    if not value:
        raise InputError("The prompts file lists no object; give at least one with one click.")
    if len(value) > OBJECTS_MAX:
        raise InputError(f"Prompts may list up to {OBJECTS_MAX} objects; got {len(value)}.")
    try:
        found = from_plain(value, tuple[ObjectPrompts, ...])
    except Misfit as error:
        raise InputError(f"Prompts cannot be used: {in_words(error)}.") from error
    check_names(entry.object for entry in found)
    for entry in found:
        if entry.empty:
            raise InputError(f"The object '{entry.object}' has no clicks; give at least one.")
    return found


def check_names(names: Iterable[str]) -> None:
    """Raise InputError unless each is a name of an object (`checked_object_name`), and no two are the same."""
    seen: set[str] = set()
    for name in names:
        checked_object_name(name)
        if name.casefold() in seen:
            raise InputError(f"The object '{name}' is listed twice; put all its clicks in one entry.")
        seen.add(name.casefold())


def in_words(error: Misfit) -> str:
    """Where something does not fit and how: "entry 1 'clicks' entry 3 'x' must be a number; got a text"."""
    where = " ".join(f"entry {part + 1}" if isinstance(part, int) else f"'{part}'" for part in error.place)
    return f"{where} {error.problem}" if where else error.problem


def checked_object_name(name: str) -> str:
    """`name` when it can be the name of an object and of its files. Raises InputError otherwise."""
    cleaned = name.strip()
    if (
        not cleaned
        or len(cleaned) > 60
        or set('/\\:*?"<>|') & set(cleaned)
        or CONTROL.search(cleaned)
        or cleaned.startswith(".")
        or cleaned.endswith(".")
    ):
        raise InputError(
            f"The object name '{name[:60]}' cannot be used: take 1 to 60 characters without / \\ : * ? \" < > | and "
            "without a dot at either end."
        )
    return cleaned


def new_object_name(name: str) -> str:
    """`checked_object_name` for an object that gets its name now. Raises InputError."""
    if is_device_name(name):
        raise InputError(f"'{name.strip()[:60]}' is the name of a device on Windows; choose another name.")
    return checked_object_name(name)


def _to_prompt(scene: Scene, click: PromptClick, granularity: float | None, object_id: str) -> Prompt:
    common: dict[str, Any] = {"granularity": granularity, "object_id": object_id}
    if isinstance(click, WorldClick):
        return Prompt(
            world_points=np.array([click.world], np.float64),
            world_labels=np.array([click.positive]),
            **common,
        )
    view = scene.view_index(click.image)
    if isinstance(click, PhotoBox):
        return Prompt(view=view, box=np.array(click.box, np.float64), **common)
    return Prompt(
        view=view,
        point_coords=np.array([[click.x, click.y]], np.float64),
        point_labels=np.array([click.positive]),
        **common,
    )


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]
