"""What the line under the workspace says: what went wrong, what the answer is worth, what to do next."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftlab.session.objects import ObjectState
    from liftlab.web.visitor import Visitor

FIRST_HINT = (
    "Click an object, in the photo or in 3D. Shift-click or right-click takes away what does not belong; "
    "drag a box around something small."
)
NEXT_HINT = (
    "Too much or too little? Move Part–Whole, click what is missing, shift-click what is too much. "
    "N starts the next object."
)
UNPREPARED = (
    "{method} is not prepared for this scene: prepare it in the cell Methods, or choose another method. "
    "Undo goes back to the one before."
)
CHOOSE = "Nothing is open. This workspace has {scenes}: open one in Capture above, or bring photos of another place."
EMPTY = "No scene yet. Open Capture above and bring photos of one place, taken from several sides."


def hint_of(visitor: "Visitor", current: "ObjectState | None") -> str:
    """The sentence for an open scene."""
    result = current.result if current is not None else None
    lit = result is not None and not result.empty
    if said := visitor.note or (result.message if result is not None else ""):
        return said
    if not visitor.session.ready:
        return UNPREPARED.format(method=visitor.session.method)
    return NEXT_HINT if lit else FIRST_HINT


def empty_hint(visitor: "Visitor") -> str:
    """What to do where no scene is open."""
    count = len(visitor.lab.scenes())
    return EMPTY if count == 0 else CHOOSE.format(scenes="one scene" if count == 1 else f"{count} scenes")
