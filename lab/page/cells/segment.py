"""The last cell: click. The workspace itself is `photo_canvas`; here is what is said about it and its Python."""

from typing import TYPE_CHECKING, assert_never

from liftlab.page.canvas import workspace
from liftlab.page.cells.frame import code_part
from liftlab.session.prompts import PhotoBox, PhotoClick, WorldClick

if TYPE_CHECKING:
    from liftlab.session.prompts import PromptClick
    from liftlab.web.visitor import Visitor

ID = "segment"
LINES_SHOWN = 40


def build() -> None:
    workspace()
    code_part(ID)


def code_of(visitor: "Visitor") -> str:
    """The clicks made so far as Python, to paste into a notebook."""
    session, name = visitor.session, visitor.scene_name
    if visitor.scene is None or name is None:
        return ""
    lines = [
        "from liftlab.session.session import Session",
        "",
        "session = Session(lab)",
        f"session.open({name!r})",
    ]
    for entry in session.objects:
        lines.append(f"session.new_object({entry.name!r})")
        lines += [_line(click) for click in entry.clicks]
        if entry.granularity is not None:
            lines.append(f"session.set_granularity({entry.granularity:.2f})")
        lines += [f"session.{'grow' if entry.adjust > 0 else 'shrink'}()"] * abs(entry.adjust)
    if len(lines) > LINES_SHOWN:
        lines = [*lines[:LINES_SHOWN], f"# and {len(lines) - LINES_SHOWN} more lines"]
    return "\n".join(lines)


def _line(click: "PromptClick") -> str:
    sign = "" if click.positive else ", positive=False"
    match click:
        case PhotoClick(image, x, y):
            return f"session.click({image!r}, {x:.1f}, {y:.1f}{sign})"
        case PhotoBox(image, box):
            return f"session.box({image!r}, {', '.join(f'{value:.1f}' for value in box)})"
        case WorldClick(world):
            return f"session.add(WorldClick({tuple(round(value, 4) for value in world)}{sign}))"
    assert_never(click)
