"""How far a click travels: the files of the lab that run from the page's message to the session's answer. What a method
runs to answer is its own.
"""

import json
import sys
from collections import Counter
from types import FrameType
from typing import Any
from unittest import mock

from liftlab.engine.lab import Lab
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from liftlab.web.wire.commands import perform
from tests.room_lists import ROOT
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

FILES_MOST = 10
LAB = f"{ROOT / 'lab'}/"


def test_a_click_passes_few_files_on_the_way_to_its_answer(lab: Lab, toy: Toy) -> None:
    visitor = Visitor("visitor-of-the-tests-1", lab)
    visitor.open(NAME)
    ways: list[Counter[str]] = []
    passed: Counter[str] = Counter()

    def seen(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(LAB):
            passed[frame.f_code.co_filename.removeprefix(LAB)] += 1

    answer = Session.click

    def answered(session: Session, *arguments: Any) -> Any:
        state = answer(session, *arguments)
        sys.setprofile(None)
        ways.append(Counter(passed))
        return state

    with mock.patch.object(Session, "click", answered):
        for instance in (1, 2):  # the first of a scene opens what later ones find open
            x, y = box_center(toy, 0, instance)
            passed.clear()
            message = json.dumps({"do": "click", "photo": "000.png", "x": x, "y": y, "positive": True})
            sys.setprofile(seen)
            try:
                perform(visitor, message)
            finally:
                sys.setprofile(None)
    visitor.close()
    assert visitor.session.objects[0].result is not None
    assert "session/session.py" in ways[1]
    assert len(ways[1]) <= FILES_MOST, sorted(ways[1])
