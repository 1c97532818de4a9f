"""Clicks and boxes as people and files give them, and how they become a method's `Prompt`s.

A prompts file is a list of objects:

    [{"object": "mug", "clicks": [{"image": "003.jpg", "x": 210.5, "y": 140.0, "positive": true}]}]

A click may also be a box in a photo (`image` and `box`: x0, y0, x1, y1) or a point in the world (`world`: x,
y, z). `strokes` of the brush come after the clicks. Photo pixels, origin at the top-left corner. docs/formats.md
describes every field.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from components.errors import InputError, closest
from components.types import Prompt, Scene
from components.untrusted import reading

FILE_BYTES_MAX = 64 * 2**20
OBJECTS_MAX = 500
CLICKS_MAX = 2000
STROKE_POINTS_MAX = 5000


class _NoFurtherFields:
    """A misspelt field of a click is an error, never ignored: "positve": false must not become a positive
    click.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class PhotoClick(_NoFurtherFields):
    """A click in a photo."""

    image: str
    """File name of the photo."""
    x: float
    """Photo pixels, to the right."""
    y: float
    """Photo pixels, down."""
    positive: bool = True
    """True: the object is here; False: it is not."""


@dataclass(frozen=True)
class PhotoBox(_NoFurtherFields):
    """A box dragged round the object in a photo."""

    image: str
    """File name of the photo."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in photo pixels; any two opposite corners."""
    positive: bool = True
    """Always true: a box says what belongs to the object."""


@dataclass(frozen=True)
class WorldClick(_NoFurtherFields):
    """A click on a point of the 3D view."""

    world: tuple[float, float, float]
    """World frame of the scene."""
    positive: bool = True
    """True: the object is here; False: it is not."""


Click = PhotoClick | PhotoBox | WorldClick


@dataclass(frozen=True)
class PhotoStroke(_NoFurtherFields):
    """A stroke of the brush in a photo: it changes the mask of that photo only, after the method has answered."""

    image: str
    """File name of the photo."""
    points: tuple[tuple[float, float], ...]
    """x, y along the stroke, photo pixels; one is a dab."""
    radius: float
    """Of the brush, photo pixels."""
    positive: bool = True
    """True: paints the object; False: rubs it out."""


@dataclass(frozen=True)
class ObjectPrompts:
    """Everything a person asked for one object, in order."""

    object: str
    """Name of the object; also the name of its files."""
    clicks: tuple[Click, ...] = ()
    granularity: float | None = None
    """0 = smallest part, 1 = largest whole; absent lets the method choose."""
    adjust: int = 0
    """Steps grown (positive) or shrunk (negative) afterwards."""
    strokes: tuple[PhotoStroke, ...] = ()
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


def check_click(scene: Scene, click: Click) -> Click:
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
    if not 1 <= len(stroke.points) <= STROKE_POINTS_MAX or not all(math.isfinite(value) for value in numbers):
        raise InputError(f"A stroke needs 1 to {STROKE_POINTS_MAX} points of finite numbers.")
    lens = scene.views[scene.view_index(name)].lens
    if not 0.5 <= stroke.radius <= max(lens.width, lens.height):
        raise InputError(
            f"The brush must be between half a pixel and the photo's size; got {stroke.radius:g}."
        )
    points = tuple((float(x), float(y)) for x, y in stroke.points)
    return PhotoStroke(name, points, float(stroke.radius), bool(stroke.positive))


def to_prompts(
    scene: Scene, clicks: Sequence[Click], *, granularity: float | None, object_id: str
) -> list[Prompt]:
    """One `Prompt` per click, in order. The clicks are already checked."""
    return [_to_prompt(scene, click, granularity, object_id) for click in clicks]


def read_prompts(path: Path) -> tuple[ObjectPrompts, ...]:
    """Read a prompts file. Raises InputError with one sentence on what is wrong with it and where."""
    try:
        if path.is_file() and path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(
                f"The prompts file is larger than {FILE_BYTES_MAX >> 20} MiB; it cannot be right: {path}"
            )
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"There is no prompts file here: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The prompts file cannot be read ({error}): {path}") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The prompts file is not valid JSON ({error}): {path}") from error
    with reading(path.name, f"The prompts file does not make sense; see docs/formats.md: {path}"):
        return parse_prompts(value)


def parse_prompts(value: Any) -> tuple[ObjectPrompts, ...]:
    """Check the content of a prompts file. Raises InputError naming the first entry that does not fit."""
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(value, list):
        raise InputError('Prompts must be a list such as [{"object": "mug", "clicks": [...]}].')
    if not value:
        raise InputError("The prompts file lists no object; give at least one with one click.")
    if len(value) > OBJECTS_MAX:
        raise InputError(f"Prompts may list up to {OBJECTS_MAX} objects; got {len(value)}.")
    try:
        found = tuple(TypeAdapter(list[ObjectPrompts]).validate_python(value))
    except ValidationError as error:
        raise InputError(f"Prompts cannot be used: {_first_problem(error)}.") from error
    names: set[str] = set()
    for entry in found:
        _check_object(entry)
        if entry.object.casefold() in names:
            raise InputError(f"The object '{entry.object}' is listed twice; put all its clicks in one entry.")
        names.add(entry.object.casefold())
    return found


def checked_object_name(name: str) -> str:
    """`name` when it can be the name of an object and of its files. Raises InputError otherwise."""
    cleaned = name.strip()
    bad = set('/\\:*?"<>|') | {chr(code) for code in range(32)}
    if (
        not cleaned
        or len(cleaned) > 60
        or bad & set(cleaned)
        or cleaned.startswith(".")
        or cleaned.endswith(".")
    ):
        raise InputError(
            f"The object name '{name[:60]}' cannot be used: take 1 to 60 characters without / \\ : * ? \" < > | and "
            "without a dot at either end."
        )
    return cleaned


def _check_object(entry: ObjectPrompts) -> None:
    checked_object_name(entry.object)
    if entry.empty:
        raise InputError(f"The object '{entry.object}' has no clicks; give at least one.")
    if len(entry.clicks) + len(entry.strokes) > CLICKS_MAX:
        raise InputError(f"The object '{entry.object}' has more than {CLICKS_MAX} clicks.")
    if entry.granularity is not None and not 0 <= entry.granularity <= 1:
        raise InputError(
            f"granularity must be between 0 and 1; got {entry.granularity:g} for '{entry.object}'."
        )


def _first_problem(error: Any) -> str:
    problem = error.errors()[0]
    place = [part for part in problem["loc"] if not (isinstance(part, str) and part[0].isupper())]
    where = " ".join(f"entry {part + 1}" if isinstance(part, int) else f"'{part}'" for part in place)
    message = problem["msg"]
    return f"{where} {message[0].lower()}{message[1:]}" if where else message


def _to_prompt(scene: Scene, click: Click, granularity: float | None, object_id: str) -> Prompt:
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
