"""What a person made of every scene is on disk, comes back with its scene, and is never overwritten by another."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from liftlab.engine.lab import Lab
from liftlab.page.state import state_of
from liftlab.session.session import Session
from liftlab.view3d.drawing import Look
from liftlab.web.saved_works import FORKED
from liftlab.web.visitor import Visitor
from liftlab.web.visitors import COOKIE_DAYS, TIDY_EVERY_SECS, Visitors
from liftlab.web.wire.cards import WorkRow
from liftlab.web.wire.commands import perform
from liftlab.web.wire.messages import Ready
from tests.answered import current_of
from tests.toy import make_toy
from tests.toy_workspace import HEIGHT, NAME, VIEWS, WIDTH, box_center

ID = "visitor-of-the-tests-1"
AGAIN = "visitor-of-the-tests-2"
OTHER = "other"
TOY = make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)


@pytest.fixture
def lab(toy_root: Path, tmp_path: Path) -> Iterator[Lab]:
    """The toy, and the same scene under another name."""
    shutil.copytree(toy_root, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    lab.workspace.write_scene_entry(replace(lab.entry(NAME), name=OTHER))
    yield lab
    lab.close()


def click(visitor: Visitor, number: int = 1) -> None:
    x, y = box_center(TOY, 0, number)
    visitor.act(lambda session: session.click("000.png", x, y))


def do(visitor: Visitor, name: str, /, **fields: Any) -> None:
    perform(visitor, json.dumps({"do": name, **fields}))


def shown(visitor: Visitor) -> list[tuple]:
    return [(s.name, s.asked, s.choice, [m.tobytes() for m in s.masks]) for s in visitor.session.objects]


def works(visitor: Visitor) -> list[WorkRow]:
    state = state_of(visitor)
    assert isinstance(state, Ready)
    return state.works


def files(lab: Lab, person: str = ID) -> list[Path]:
    return sorted(lab.workspace.sessions_folder(person).glob("*.json"))


def test_a_scene_that_is_opened_again_has_its_objects_also_after_a_restart(lab: Lab) -> None:
    visitor = Visitor(ID, lab)
    visitor.open(NAME)
    click(visitor)
    visitor.act(lambda session: session.rename_object(1, "mug"))
    do(visitor, "show", photo="002.png")
    do(visitor, "show", photo=None)  # another page that shows none yet
    do(visitor, "visible", id=1, visible=False)
    do(visitor, "look_3d", surface="splats", tone="depth", rest="dimmed")
    before = shown(visitor)
    visitor.open(OTHER)
    assert shown(visitor) == []
    assert (visitor.photo, visitor.hidden, visitor.look) == (None, set(), Look())
    click(visitor, 2)
    of_other = shown(visitor)
    visitor.open(NAME)
    assert shown(visitor) == before and visitor.session.can_undo
    assert (visitor.photo, visitor.hidden) == ("002.png", {1})
    assert visitor.look == Look("splats", "depth", "dimmed")

    later = Visitor(ID, lab)
    assert later.restore()
    assert (later.scene_name, shown(later)) == (NAME, before), "the scene that was open last"
    assert (later.photo, later.hidden, later.look) == (visitor.photo, visitor.hidden, visitor.look)
    later.open(OTHER)
    assert shown(later) == of_other


def test_several_works_of_one_scene_have_names_and_stay_apart(lab: Lab) -> None:
    visitor = Visitor(ID, lab)
    visitor.open(NAME)
    click(visitor)
    first = shown(visitor)
    (row,) = works(visitor)
    assert (row.name, row.objects, row.current) == ("", "object 1", True)
    do(visitor, "rename_work", id=row.id, name="  all mugs ")
    assert [r.name for r in works(visitor)] == ["all mugs"]
    do(visitor, "new_work", name="boxes")
    assert shown(visitor) == [] and not visitor.session.can_undo
    click(visitor, 2)
    second = shown(visitor)
    assert {(r.name, r.current) for r in works(visitor)} == {("boxes", True), ("all mugs", False)}
    do(visitor, "open_work", id=row.id)
    assert shown(visitor) == first
    click(visitor, 3)
    more = shown(visitor)
    later = Visitor(ID, lab)
    later.restore()
    assert shown(later) == more
    do(later, "open_work", id=next(r.id for r in works(later) if r.name == "boxes"))
    assert shown(later) == second
    do(later, "delete_work", id=works(later)[0].id)
    assert shown(later) == []
    assert [(r.name, r.current) for r in works(later)] == [("", True), ("all mugs", False)]


def test_a_work_that_is_changed_elsewhere_is_not_overwritten(lab: Lab) -> None:
    first = Visitor(ID, lab)
    first.open(NAME)
    click(first)
    second = Visitor(ID, lab)
    second.restore()
    click(second, 2)
    of_second = shown(second)
    click(first, 3)
    assert first.note == FORKED
    click(first, 1)
    assert first.note == ""
    assert len(files(lab)) == 2
    later = Visitor(ID, lab)
    later.restore()
    assert shown(later) == shown(first)
    do(later, "open_work", id=next(row.id for row in works(later) if not row.current))
    assert shown(later) == of_second


def test_works_belong_to_the_login_where_there_is_one(lab: Lab) -> None:
    def arrived(visitor_id: str, login: str | None) -> Visitor:
        visitors = Visitors(lab, initial_scene=None, viewer_points=None, login=login)
        visitors._warm.set()
        visitor = visitors.get(visitor_id)
        end = time.monotonic() + 20
        while visitor.session.scene is None and time.monotonic() < end and not visitor.note:
            time.sleep(0.02)
            if not files(lab, visitor.works.works._folder.name):
                break
        return visitor

    first = arrived(ID, "ada")
    first.open(NAME)
    click(first)
    assert shown(arrived(AGAIN, "ada")) == shown(first)
    assert shown(arrived(AGAIN, "bob")) == shown(arrived(AGAIN, None)) == []
    assert not files(lab)


def test_two_browsers_of_one_login_do_not_start_with_the_same_work(lab: Lab) -> None:
    first = Visitor(ID, lab, person="login-0123456789")
    first.open(NAME)
    click(first)
    second = Visitor(AGAIN, lab, person="login-0123456789")
    held = first.works.id_of(NAME)
    assert held is not None and not second.restore(frozenset([held]))
    second.open(OTHER)
    assert second.session.objects == []


def test_what_an_earlier_version_kept_becomes_a_work(lab: Lab) -> None:
    session = Session(lab)
    session.open(NAME)
    session.click("000.png", *box_center(TOY, 0, 1))
    record = json.loads(json.dumps(session.to_json()))
    for name in ("scene_key", "name", "view"):
        record.pop(name, None)
    path = lab.workspace.session_path(ID)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record))
    visitor = Visitor(ID, lab)
    assert visitor.restore() and not path.exists()
    assert current_of(visitor.session).asked == current_of(session).asked
    assert len(files(lab)) == 1


def test_a_scene_with_another_name_still_has_its_works(lab: Lab) -> None:
    visitor = Visitor(ID, lab)
    visitor.open(NAME)
    click(visitor)
    lab.workspace.rename_scene(NAME, "renamed")
    later = Visitor(ID, lab)
    later.open("renamed")
    assert shown(later) == shown(visitor)


def test_a_reopened_run_is_a_work_of_its_own(lab: Lab) -> None:
    visitor, run = Visitor(ID, lab), Session(lab)
    visitor.open(NAME)
    click(visitor)
    before = shown(visitor)
    run.open(NAME)
    run.click("000.png", *box_center(TOY, 0, 2))
    visitor.adopt(run, "Run of today")
    assert [row.name for row in works(visitor) if row.current] == ["Run of today"]
    do(visitor, "open_work", id=next(row.id for row in works(visitor) if not row.current))
    assert shown(visitor) == before


def test_a_work_is_written_when_it_changed_and_not_even_made_into_text_when_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    to_json = Session.to_json
    monkeypatch.setattr(Session, "to_json", lambda session: made.append(1) or to_json(session))
    visitor = Visitor(ID, lab)
    visitor.act(lambda session: session.set_granularity(0.5))
    assert not files(lab) and not made, "there is no scene yet"
    visitor.open(NAME)
    click(visitor)
    (path,) = files(lab)
    for change in (Session.new_object, lambda session: session.select_object(1), Session.undo):
        before = path.read_text()
        visitor.act(change)
        assert path.read_text() != before
        record = json.loads(path.read_text())
        assert record | {"name": "", "view": None} == json.loads(json.dumps(to_json(visitor.session)))
    made.clear()
    for message in (
        {"do": "visible", "id": 1, "visible": False}, {"do": "select", "id": 1}, {"do": "measuring", "on": True},
        {"do": "measure", "photo": "000.png", "x": 80, "y": 60}, {"do": "moving", "on": True},
    ):  # fmt: skip
        perform(visitor, json.dumps(message))
    visitor.open(NAME)
    assert not made


def test_coming_back_writes_nothing_but_keeps_the_work_from_being_old(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Visitor(ID, lab)
    first.open(NAME)
    click(first)
    (path,) = files(lab)
    os.utime(path, (1, 1))
    text = path.read_text()
    later = Visitor(ID, lab)
    monkeypatch.setattr(Session, "to_json", lambda session: pytest.fail("there is nothing to save"))
    assert later.restore()
    later.act(lambda session: session.select_object(1))
    assert path.read_text() == text and path.stat().st_mtime > 1


def test_what_is_on_the_screen_is_kept_when_the_last_page_closes(lab: Lab) -> None:
    visitor = Visitor(ID, lab)
    visitor.open(NAME)
    click(visitor)

    async def look_and_leave() -> None:
        line: asyncio.Queue = asyncio.Queue()
        visitor.join(line)
        visitor.photo = "001.png"
        visitor.leave(line)

    asyncio.run(look_and_leave())
    later = Visitor(ID, lab)
    later.restore()
    assert later.photo == "001.png"


def test_damaged_works_are_left_aside_and_left_where_they_are(lab: Lab) -> None:
    folder = lab.workspace.sessions_folder(ID)
    folder.mkdir(parents=True)
    for number, text in enumerate(("", "{", "[]", '{"schema_version": 99}')):
        (folder / f"a-work-of-the-tests-{number}.json").write_text(text)
    (folder / "no id.json").write_text("{}")
    visitor = Visitor(ID, lab)
    assert not visitor.restore()
    visitor.open(NAME)
    click(visitor)
    assert len(works(visitor)) == 1 and len(list(folder.iterdir())) == 6
    do(visitor, "open_work", id="a-work-of-the-tests-3")
    assert "another version" in visitor.note and len(visitor.session.objects) == 1
    do(visitor, "open_work", id="../../names/toy")
    assert "no such saved work" in visitor.note


def test_works_of_persons_who_never_came_back_go_and_no_others(lab: Lab) -> None:
    root = lab.workspace.root / "sessions"
    old = time.time() - COOKIE_DAYS * 86400 - 60
    for person, ages in {"gone": [old, old], "here": [old, time.time()], "login": [old]}.items():
        (root / person).mkdir(parents=True)
        for number, age in enumerate(ages):
            (root / person / f"{number}.json").write_text("{}")
            os.utime(root / person / f"{number}.json", (age, age))
        os.utime(root / person, (old, old))
    visitors = Visitors(lab, initial_scene=None, viewer_points=None)
    visitors._person = "login"
    visitors._tidy(TIDY_EVERY_SECS)
    left = {path.name for path in root.iterdir()}  # other tests have persons in this workspace, too
    assert left & {"gone", "here", "login"} == {"here", "login"}
    assert len(list((root / "here").iterdir())) == 2
