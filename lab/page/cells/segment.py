"""The last cell: click. The workspace itself is `photo_canvas`; here is what is said about it and its Python."""

from typing import TYPE_CHECKING

from liftlab.page.canvas import workspace
from liftlab.page.cells.frame import code_part
from liftlab.session.saving.python_code import AskedObject, session_lines, with_imports

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor

ID = "segment"
CHARACTERS_SHOWN = 6000
"""Of the Python of the clicks; what is longer is better taken away as a file."""
LONG = """from pathlib import Path

from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.replay import replay

# There are more clicks and strokes here than fit: take "Run, to repeat it" away first.
session = replay(Notebook.load(Path("notebook.json")), lab).session"""


def build() -> None:
    workspace()
    code_part(ID)


def code_of(visitor: "Visitor") -> str:
    """The clicks made so far as Python, to paste into a notebook where `lab` is a `Lab`."""
    session, name = visitor.session, visitor.session.scene_name
    if visitor.scene is None or name is None:
        return ""
    objects = session.objects
    numbers = {state.id: number for number, state in enumerate(objects, start=1)}
    arrangement = session.stage.arrangement.renumbered(numbers)
    asked = [AskedObject(state.asked, state.choice, state.named) for state in objects]
    code = with_imports(session_lines(name, asked, arrangement))
    return code if len(code) <= CHARACTERS_SHOWN else LONG
