"""Types of what a page sends: every number bounded, every text short and without control characters."""

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from liftlab.components.bounds import Place, few, within
from liftlab.files.reading import CONTROL

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor

MAX_TEXT = 120
MAX_STROKE_POINTS = 200
"""Of one command, so that it stays short; the page thins what the pointer draws."""

Text = Annotated[str, Meta(max_length=MAX_TEXT, pattern=rf"\A(?!.*{CONTROL.pattern})")]
Whole = Annotated[int, within(0, 10**9)]
"""An id of an object, or the place of a pane."""
Points = Annotated[list[tuple[Place, Place]], few(1, MAX_STROKE_POINTS)]
"""Of a line in a photo: x, y in photo pixels."""


class Do(Struct, tag_field="do", forbid_unknown_fields=True):
    """What a page asks for: its name in the field `do`, and exactly its fields."""

    def perform(self, visitor: "Visitor") -> Any:
        """Do it; what it returns is a message for the asking page alone. ValueError when it makes no sense."""
        raise NotImplementedError


def share(number: float) -> float:
    """The nearest number from 0 to 1: a slider may go a little over its end."""
    return min(max(number, 0.0), 1.0)
