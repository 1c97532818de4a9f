"""The line under the workspace: what it says of an answer."""

from pathlib import Path

from liftlab.engine.lab import Lab
from liftlab.page.hints import CHOOSE, EMPTY, FIRST_HINT, NEXT_HINT, UNPREPARED
from liftlab.page.state import state_of
from liftlab.web.visitor import Visitor
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

ID = "visitor-of-the-tests-1"


def test_what_the_workspace_says(lab: Lab, toy: Toy) -> None:
    visitor = Visitor(ID, lab)
    assert state_of(visitor).hint == CHOOSE.format(scenes="one scene")
    visitor.open(NAME)
    assert state_of(visitor).hint == FIRST_HINT
    visitor.act(lambda session: session.click("000.png", *box_center(toy, 0, 1)))
    assert state_of(visitor).hint == NEXT_HINT
    visitor.act(lambda session: session.set_method("gaga"))
    assert state_of(visitor).hint == UNPREPARED.format(method="gaga")
    visitor.act(lambda session: session.undo())
    assert state_of(visitor).hint == NEXT_HINT
    visitor.close()


def test_an_empty_workspace_asks_for_photos(tmp_path: Path) -> None:
    assert state_of(Visitor(ID, Lab(tmp_path / "empty"))).hint == EMPTY
