"""What a session holds and shows of one object: what was asked, what was answered, where was clicked."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np
from jaxtyping import Bool

from liftlab.components.bounds import Colour, Count, Name
from liftlab.components.geometry.splat_links import points_under, values_for_gaussians
from liftlab.components.types import Array, Prompt, Provenance, Scene
from liftlab.files.config_records import config_from_record, to_plain
from liftlab.pictures.jupyter import object_html, object_png
from liftlab.session.prompts import ObjectPrompts, PromptClick, to_prompts

DEFAULT_METHOD = "wildseg3d"


@dataclass(frozen=True)
class MethodChoice:
    """A method with its settings."""

    name: Name = DEFAULT_METHOD
    config: dict[str, Any] | None = field(default=None, hash=False)
    """As in files; null for the method's defaults."""

    @staticmethod
    def of(name: str, config: Any) -> "MethodChoice":
        """Of a configuration of the method's own class, or None. InputError for an unknown method."""
        from liftlab.pipelines.base import get_method

        plain = config is None or config == get_method(name).config_class()
        return MethodChoice(name, None if plain else to_plain(config))

    @cached_property
    def key(self) -> str:
        """The same for equal choices."""
        return json.dumps([self.name, self.config], sort_keys=True)

    @property
    def settings(self) -> Any:
        """`config` as the method's own class; None for its defaults. InputError for an unknown method or setting."""
        if self.config is None:
            return None
        from liftlab.pipelines.base import get_method

        return config_from_record(get_method(self.name).config_class, self.config)


@dataclass(frozen=True)
class ObjectRequest:
    """What a person asks for one object; everything else about the object follows from it."""

    id: Count
    colour: Colour
    prompts: ObjectPrompts
    named: bool = False
    """A person gave its name, so that words find the object by it (`liftlab.session.given_names`)."""
    method: MethodChoice | None = None
    """What answers it; absent in what earlier versions saved, where all objects had the method of the session."""

    @property
    def choice(self) -> MethodChoice:
        """What answers it."""
        return self.method or MethodChoice()


class PackedBits:
    """A bool array of any shape, kept as a bit per value instead of a byte."""

    def __init__(self, values: Bool[Array, "..."]) -> None:
        self._bits = np.packbits(values)
        self._shape = values.shape
        self.count = int(np.count_nonzero(values))
        """How many are True."""

    @property
    def nbytes(self) -> int:
        return self._bits.nbytes

    def unpacked(self) -> Bool[Array, "..."]:
        """A new array each time."""
        size = int(np.prod(self._shape))
        return np.unpackbits(self._bits, count=size).view(bool).reshape(self._shape)


class PackedMasks(Sequence[np.ndarray]):
    """The masks of all views, bool [H, W] each; every access unpacks."""

    def __init__(self, masks: Sequence[Bool[Array, "_ _"]]) -> None:
        self._masks = tuple(PackedBits(mask) for mask in masks)

    @overload
    def __getitem__(self, view: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, view: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, view: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(view, slice):
            return tuple(packed.unpacked() for packed in self._masks[view])
        return self._masks[view].unpacked()

    def __len__(self) -> int:
        return len(self._masks)

    @property
    def counts(self) -> tuple[int, ...]:
        """Per view: pixels in the mask."""
        return tuple(packed.count for packed in self._masks)

    @property
    def nbytes(self) -> int:
        return sum(packed.nbytes for packed in self._masks)


@dataclass(frozen=True, eq=False)
class Result:
    """What a method said (`Segmentation`), as it is kept: without scores, and a bit per primitive."""

    geometry: Literal["points", "gaussians"]
    packed: PackedBits = field(repr=False)
    """Which of its primitives are selected."""
    object_ids: tuple[int, ...]
    """Ids of cached objects the answer is made of; empty when it is not a lookup."""
    provenance: Provenance
    candidates: tuple[int, ...]
    """Cached objects under the first click, smallest first: the steps of the granularity slider."""
    message: str
    photo_only: bool = False
    """It has no place in 3D: only masks in the photos that were clicked (`liftlab.session.answerer.kept_to_photos`)."""

    @property
    def selected(self) -> np.ndarray:
        """Bool [N]; a new array each time."""
        return self.packed.unpacked()

    @property
    def count(self) -> int:
        """Primitives selected."""
        return self.packed.count

    @property
    def empty(self) -> bool:
        """Nothing is shown of it anywhere."""
        return self.packed.count == 0 and not self.photo_only


@dataclass(frozen=True, eq=False)
class Answer:
    """A method's answer, with all that is shown of it in memory. Each is equal only to itself.

    A person has a handful of objects, each with an answer over millions of points: what is kept is small, and becomes
    arrays when it is drawn or written.
    """

    result: Result
    masks: PackedMasks
    """Per view: bool [H, W], view pixels."""
    ms: float
    """Server milliseconds from the parsed prompt to masks and selection in memory."""
    scene: Scene = field(repr=False)
    """Whose primitives are selected."""
    nearest: Callable[[], np.ndarray] = field(repr=False)
    """Per Gaussian of the scene the point it takes after (`liftlab.components.geometry.splat_links.nearest_points`)."""
    _lit: dict[str, PackedBits] = field(default_factory=dict, repr=False)

    @property
    def point_ids(self) -> np.ndarray:
        """Indices of the selected primitives, ascending."""
        return np.flatnonzero(self.result.selected)

    def selected(self, surface: Literal["points", "splats"]) -> np.ndarray:
        """Bool over the points, or over the Gaussians, whichever geometry the method selects; found when first
        asked for.
        """
        if surface == ("points" if self.result.geometry == "points" else "splats"):
            return self.result.selected
        if surface not in self._lit and self.result.photo_only:
            return np.zeros(_size(self.scene, surface), bool)
        if surface not in self._lit:
            self._lit[surface] = PackedBits(
                points_under(self.scene, tuple(self.masks))
                if surface == "points"
                else values_for_gaussians(self.result.selected, self.nearest(), default=False)
            )
        return self._lit[surface].unpacked()


def _size(scene: Scene, surface: Literal["points", "splats"]) -> int:
    """How many primitives a surface of a scene has."""
    if surface == "points":
        return int(scene.pointmap.offsets[-1])
    return 0 if scene.gaussians is None else len(scene.gaussians.means)


@dataclass(frozen=True)
class ObjectState:
    """One object as it is now."""

    id: int
    name: str
    colour: str
    """#RRGGBB."""
    asked: ObjectPrompts
    """Its clicks, boxes and strokes, as they are saved."""
    answer: Answer | None
    """None while nothing was clicked, or the method is not prepared."""
    scene: Scene | None = field(repr=False, compare=False)
    """That its clicks are in; None when none is open."""
    named: bool = False
    """A person gave its name."""
    choice: MethodChoice = field(default_factory=MethodChoice)
    """The method that answers it, with its settings."""

    @property
    def method(self) -> str:
        """Name of the method that answers it."""
        return self.choice.name

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """One per click or box, in order, as methods take them; none without a scene."""
        if self.scene is None:
            return ()
        asked = self.asked
        return tuple(
            to_prompts(self.scene, asked.clicks, granularity=asked.granularity, object_id=asked.object)
        )

    @property
    def clicks(self) -> tuple[PromptClick, ...]:
        return self.asked.clicks

    @property
    def granularity(self) -> float | None:
        """0 = smallest part, 1 = largest whole; None lets the method choose."""
        return self.asked.granularity

    @property
    def adjust(self) -> int:
        """Steps grown (positive) or shrunk (negative)."""
        return self.asked.adjust

    @property
    def result(self) -> Result | None:
        return self.answer.result if self.answer else None

    @property
    def photo_only(self) -> bool:
        """It has no place in 3D, only masks in the photos that were clicked."""
        return self.result is not None and self.result.photo_only

    @property
    def count(self) -> int:
        """Primitives selected; 0 without an answer."""
        return self.result.count if self.result else 0

    @property
    def masks(self) -> Sequence[np.ndarray]:
        """Per view: bool [H, W], view pixels; empty without an answer."""
        return self.answer.masks if self.answer else ()

    @property
    def ms(self) -> float:
        """Server milliseconds of the last answer."""
        return self.answer.ms if self.answer else 0.0

    @property
    def message(self) -> str:
        """One sentence for the person, or nothing."""
        return self.result.message if self.result else ""

    def _repr_html_(self) -> str:
        return object_html(self)

    def _repr_png_(self) -> bytes | None:
        return object_png(self)
