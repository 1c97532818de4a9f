"""The list of works after every click: what was just written is known, and is not read again."""

import json
import os
from pathlib import Path

import pytest

from liftlab.engine.workspace import Workspace
from liftlab.session.saving.works import Works

PERSON = "visitor-of-the-tests-1"
SAVED = Path(__file__).parents[2] / "data" / "session-v1.json"


def test_what_was_written_is_listed_without_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    works = Works(workspace, PERSON)
    record = {**json.loads(SAVED.read_text(encoding="utf-8")), "name": "first try"}
    works.write("work-of-the-tests-1", record)
    works.write("work-of-the-tests-2", {**record, "name": "", "objects": record["objects"][:1]})
    anew = Works(workspace, PERSON).all()
    assert [work.name for work in anew] == ["", "first try"]
    monkeypatch.setattr(Works, "read", lambda *_: pytest.fail("a file was read"))
    assert works.all() == anew


def test_what_others_wrote_meanwhile_is_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    mine, theirs = Works(workspace, PERSON), Works(workspace, PERSON)
    record = json.loads(SAVED.read_text(encoding="utf-8"))
    mine.write("work-of-the-tests-1", record)
    theirs.write("work-of-the-tests-1", {**record, "name": "theirs"})
    later = (
        mine.changed("work-of-the-tests-1") + 1_000_000_000
    )  # two writes within a tick of the clock look alike
    os.utime(workspace.sessions_folder(PERSON) / "work-of-the-tests-1.json", ns=(later, later))
    assert [work.name for work in mine.all()] == ["theirs"]
