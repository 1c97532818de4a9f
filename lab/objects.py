"""What a session holds and shows of one object: what was asked, what was answered, where was clicked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from components.bounds import Colour, Count
from components.splat_links import carried, points_under
from components.types import Prompt, Scene, Segmentation
from lab.prompts import Click, ObjectPrompts

if TYPE_CHECKING:
    from lab.session import Session


@dataclass(frozen=True)
class ObjectAsk:
    """What a person asks for one object; everything else about the object follows from it."""

    id: Count
    colour: Colour
    prompts: ObjectPrompts
    named: bool = False
    """A person gave its name, so that words find the object by it (`lab.given_names`)."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A method's answer, with all that is shown of it in memory. Each is equal only to itself."""

    result: Segmentation
    masks: tuple[np.ndarray, ...]
    """Per view: bool [H, W], view pixels."""
    point_ids: np.ndarray
    """Indices of the selected primitives, ascending."""
    ms: float
    """Server milliseconds from the parsed prompt to masks and point ids in memory."""
    scene: Scene = field(repr=False)
    """Whose primitives are selected."""
    nearest: Callable[[], np.ndarray] = field(repr=False)
    """Per Gaussian of the scene the point it takes after (`components.splat_links.nearest_points`)."""
    _lit: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def selected(self, surface: Literal["points", "splats"]) -> np.ndarray:
        """Bool over the points, or over the Gaussians, whichever geometry the method selects; made when first
        asked for.
        """
        if surface not in self._lit:
            own = "points" if self.result.geometry == "points" else "splats"
            if surface == own:
                lit = self.result.selected
            elif surface == "points":
                lit = points_under(self.scene, self.masks)
            else:
                lit = carried(self.result.selected, self.nearest(), default=False)
            self._lit[surface] = lit
        return self._lit[surface]


@dataclass(frozen=True)
class ObjectState:
    """One object as it is now."""

    id: int
    name: str
    colour: str
    """#RRGGBB."""
    prompts: tuple[Prompt, ...]
    """One per click or box, in order."""
    asked: ObjectPrompts
    """The same as it is saved."""
    answer: Answer | None
    """None while nothing was clicked, or the method is not prepared."""
    named: bool = False
    """A person gave its name."""

    @property
    def clicks(self) -> tuple[Click, ...]:
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
    def result(self) -> Segmentation | None:
        return self.answer.result if self.answer else None

    @property
    def masks(self) -> tuple[np.ndarray, ...]:
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


@dataclass(frozen=True)
class ChangeObject:
    """An edit: one object's ask before and after it (None: not there), and which object was current."""

    before: ObjectAsk | None
    after: ObjectAsk | None
    current_before: int | None
    current_after: int | None
    place: int
    """Index in the list of objects."""

    def do(self, state: "Session") -> None:
        state._replace_ask(self.before, self.after, self.place)
        state._current = self.current_after

    def undo(self, state: "Session") -> None:
        state._replace_ask(self.after, self.before, self.place)
        state._current = self.current_before
