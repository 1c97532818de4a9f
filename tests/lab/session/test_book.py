"""What a session is made of: the book of its objects, and the number that tells whether there is anything to save."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import liftlab
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken
from liftlab.engine.lab import Lab
from liftlab.session.book import ObjectBook
from liftlab.session.objects import MethodChoice, ObjectRequest
from liftlab.session.prompts import ObjectPrompts, PhotoClick
from liftlab.session.session import Session
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

MUG, BOX = (
    ObjectRequest(number, "#0072B2", ObjectPrompts(name), method=MethodChoice())
    for number, name in ((1, "mug"), (2, "box"))
)


@pytest.fixture
def own(lab: Lab, toy: Toy) -> Session:
    """A session of the test's own with two objects, the second of them current."""
    session = Session(lab)
    session.open(NAME)
    for number in (1, 2):
        session.new_object()
        session.click("000.png", *box_center(toy, 0, number))
    return session


def test_names_and_numbers_are_given_once() -> None:
    book = ObjectBook()
    first = book.fresh(None)
    book.put(None, first, 0, first.id)
    second = book.fresh(None)
    assert (first.prompts.object, second.prompts.object) == ("object 1", "object 2")
    assert second.id == first.id + 1 and second.colour != first.colour
    with pytest.raises(InputError, match="Another object is called 'object 1'"):
        book.fresh("OBJECT 1")
    assert book.free_name("Object 1", own_id=first.id) == "Object 1"
    book.clear()
    assert book.fresh(None).id == second.id + 1, "undone edits may still speak of the earlier ones"


def test_who_is_current_after_an_edit() -> None:
    book = ObjectBook()
    with pytest.raises(InputError, match="There is no object yet"):
        _ = book.current
    book.fill([MUG, BOX], current=7, choice=MethodChoice())
    assert book.current_id is None
    book.select(2)
    edit = book.change(BOX, None)
    assert (edit.current_before, edit.current_after) == (2, 1)
    book.put(edit.before, edit.after, edit.place, edit.current_after)
    assert book.entries == (MUG,) and book.current == MUG
    book.put(edit.after, edit.before, edit.place, edit.current_before)
    assert book.entries == (MUG, BOX) and book.current == BOX
    assert book.asked(BOX.prompts) is None, "it asks for that already"


def test_the_first_click_makes_the_object_in_the_same_edit() -> None:
    book = ObjectBook()
    edit = book.marked(PhotoClick("000.png", 1, 2))
    assert edit.before is None and edit.after is not None and len(edit.after.prompts.clicks) == 1
    assert book.entries == (), "an edit is only made by the history"


CHANGES: dict[str, Callable[[Session], Any]] = {
    "click": lambda s: s.click("001.png", 80, 60), "box": lambda s: s.box("000.png", 10, 10, 60, 60),
    "paint": lambda s: s.paint("000.png", [(5, 5)], 4), "grow": lambda s: s.grow(),
    "granularity": lambda s: s.set_granularity(0.5), "clear": lambda s: s.clear(),
    "new": lambda s: s.new_object(), "rename": lambda s: s.rename_object(1, "mug"),
    "delete": lambda s: s.delete_object(1), "select": lambda s: s.select_object(1), "undo": lambda s: s.undo(),
    "method": lambda s: s.set_method("gaga"), "move": lambda s: s.stage.move(2, (1.0, 0.0, 0.0)),
    "crop": lambda s: s.stage.crop_around(2), "restore": lambda s: s.from_json({**s.to_json(), "current": 1}),
}  # fmt: skip
"""Everything that changes what is saved."""
NO_CHANGES: dict[str, Callable[[Session], Any]] = {
    "look": lambda s: (s.objects, s.current, s.markers(), s.hover("000.png", 80, 60), s.server_ms(1)),
    "same current": lambda s: s.select_object(2), "same granularity": lambda s: s.set_granularity(None),
    "same scene": lambda s: s.open(NAME), "same method": lambda s: s.set_method("wildseg3d"),
    "put back": lambda s: s.stage.put_back(2), "rest": lambda s: (s.rest(), s.objects),
    "measure": lambda s: s.ruler.mark("000.png", 80, 60),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_what_is_saved_is_counted(own: Session, change: str) -> None:
    before, version = own.to_json(), own.version
    CHANGES[change](own)
    assert own.to_json() != before, "or it is no change"
    assert own.version > version


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_is_not_saved_is_not_counted(own: Session, change: str) -> None:
    before, version = own.to_json(), own.version
    NO_CHANGES[change](own)
    assert (own.to_json(), own.version) == (before, version)


def test_a_scene_that_is_gone_after_a_rest_is_counted(own: Session) -> None:
    version = own.version
    own.rest()
    own.lab.workspace.forget_scene(NAME)
    assert own.scene is None and own.to_json()["scene"] is None and own.version > version


def test_a_waking_that_was_cancelled_is_made_up_for(own: Session) -> None:
    own.rest()
    own.cancel.cancel()
    with pytest.raises(Cancelled):
        _ = own.objects
    own.cancel = CancelToken()
    assert [state.answer is not None for state in own.objects] == [True, True]


def test_nobody_but_a_session_uses_what_is_private_to_it() -> None:
    folder = Path(liftlab.__file__).parent
    used = [
        f"{path.relative_to(folder)}: {found}"
        for path in folder.rglob("*.py")
        for found in re.findall(
            r"\b\w*session\._\w+|\b(?:book|answerer|stage)\._\w+", path.read_text("utf-8")
        )
    ]
    assert used == []
