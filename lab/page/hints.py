"""What the line under the workspace says: what went wrong, what the answer is worth, what to do next."""

from typing import TYPE_CHECKING

import numpy as np

from liftlab.components.geometry.projection import view_from_photo
from liftlab.session.prompts import PhotoClick

if TYPE_CHECKING:
    from liftlab.components.types import Scene
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
NO_DEPTH = (
    "There is no reliable depth where you clicked (sky, glass, a plain or moving surface): trust the outline in this "
    "photo, and look at the others."
)
UNPREPARED = (
    "{method} is not prepared for this scene: prepare it in the cell Methods, or choose another method. "
    "Undo goes back to the one before."
)
CHOOSE = "Nothing is open. This workspace has {scenes}: open one in Capture above, or bring photos of another place."
EMPTY = "No scene yet. Open Capture above and bring photos of one place, taken from several sides."


def hint_of(visitor: "Visitor", scene: "Scene", current: "ObjectState | None") -> str:
    """The sentence for an open scene."""
    result = current.result if current is not None else None
    lit = result is not None and not result.empty
    if said := visitor.note or (result.message if result is not None else ""):
        return said
    if not visitor.session.ready:
        return UNPREPARED.format(method=visitor.session.method)
    if lit and current is not None and not has_depth(scene, current):
        return NO_DEPTH
    return NEXT_HINT if lit else FIRST_HINT


def empty_hint(visitor: "Visitor") -> str:
    """What to do where no scene is open."""
    count = len(visitor.lab.scenes())
    return EMPTY if count == 0 else CHOOSE.format(scenes="one scene" if count == 1 else f"{count} scenes")


def has_depth(scene: "Scene", entry: "ObjectState") -> bool:
    """Whether the scene knows how far away what was clicked last is; true where the last click says nothing of it."""
    click = entry.clicks[-1] if entry.clicks else None
    if not isinstance(click, PhotoClick):
        return True
    index = scene.view_index(click.image)
    x, y = view_from_photo(scene.views[index], np.array([click.x, click.y])).tolist()
    known = scene.pointmap.valid[index]
    row, column = int(y), int(x)
    inside = 0 <= row < known.shape[0] and 0 <= column < known.shape[1]
    return inside and bool(known[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].any())
