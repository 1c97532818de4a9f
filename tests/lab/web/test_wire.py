"""What a page may send, field by field, and the types that its scripts are checked with."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from liftlab.compare.comparison import PANES_MAX
from liftlab.compare.panes import PAINTED, TRUTH
from liftlab.web.wire.changes import Click, Granularity, Stroke
from liftlab.web.wire.commands import COMMANDS, SAID_OF_ERROR, command_of
from liftlab.web.wire.fields import Do
from liftlab.web.wire.messages import Hover, Mark, NotCompared, Reference, plain_of
from liftlab.web.wire.page_types import types_text
from liftlab.web.wire.views import Show

STATIC = Path(__file__).parents[3] / "lab" / "page" / "static"
CLICK = {"do": "click", "photo": "a.jpg", "x": 1.5, "y": 2, "positive": True}
STROKE = {"do": "stroke", "photo": "a.jpg", "points": [[1, 2.5]], "radius": 3, "positive": False}


def test_a_command_is_read_with_its_fields_in_any_order() -> None:
    assert command_of(json.dumps(CLICK)) == Click("a.jpg", 1.5, 2.0, True)
    assert command_of(json.dumps(dict(reversed(CLICK.items())))) == Click("a.jpg", 1.5, 2.0, True)
    assert command_of(json.dumps(STROKE)) == Stroke("a.jpg", [(1.0, 2.5)], 3.0, False)
    assert command_of('{"do": "show", "photo": null}') == Show(None)


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        (CLICK, "photo", None), (CLICK, "photo", "x" * 121), (CLICK, "photo", "a\n"), (CLICK, "photo", "\na"),
        (CLICK, "photo", "a\x7f"), (CLICK, "photo", "a\u2028b"), (CLICK, "photo", "a\x85"),
        (CLICK, "x", True), (CLICK, "x", "1"), (CLICK, "x", None), (CLICK, "x", 1.1e9), (CLICK, "x", -1.1e9),
        (CLICK, "positive", 1), (CLICK, "positive", None),
        (STROKE, "points", []), (STROKE, "points", [[1, 2]] * 201), (STROKE, "points", [[1, 2, 3]]),
        (STROKE, "points", [[1]]), (STROKE, "points", [[1, True]]), (STROKE, "points", {"0": [1, 2]}),
        ({"do": "select"}, "id", 1.0), ({"do": "select"}, "id", -1), ({"do": "select"}, "id", 10**9 + 1),
        ({"do": "select"}, "id", "1"), ({"do": "reference"}, "pane", "4"), ({"do": "reference"}, "pane", 0),
        ({"do": "pane_view", "pane": 0}, "view", "x"), ({"do": "pane_granularity", "pane": 0}, "value", "1"),
        ({"do": "look_3d", "tone": "photo", "rest": "shown"}, "surface", "mesh"),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_refused(command: dict[str, Any], field: str, value: Any) -> None:
    with pytest.raises(ValueError, match="not a command"):
        command_of(json.dumps({**command, field: value}))


@pytest.mark.parametrize("text", ["", "x" * 120, "ä 文 😀", "a/b: \"c\" 'd'"])
def test_every_short_text_passes(text: str) -> None:
    assert command_of(json.dumps({**CLICK, "photo": text})) == Click(text, 1.5, 2.0, True)


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_has_all_its_fields_and_no_others(kind: type[Do]) -> None:
    name = kind.__struct_config__.tag
    with pytest.raises(ValueError, match="is no field here"):
        command_of(json.dumps({"do": name, "further": 1}))
    if kind.__struct_fields__:
        with pytest.raises(ValueError, match="is missing"):
            command_of(json.dumps({"do": name}))


def test_every_kind_of_command_can_be_asked_for() -> None:
    def below(kind: type[Do]) -> set[type[Do]]:
        parts = kind.__subclasses__()
        return set().union(*map(below, parts)) if parts else {kind}

    assert set(COMMANDS) == below(Do)
    assert all(kind.perform is not Do.perform for kind in COMMANDS)


def test_a_slider_that_goes_over_its_end_stays_at_it() -> None:
    class Session:
        def set_granularity(self, value: float) -> None:
            self.value = value

    for asked, wanted in ((7, 1.0), (-3, 0.0), (0.25, 0.25)):
        session = Session()
        Granularity(asked).change(session)  # type: ignore[arg-type]
        assert session.value == wanted


def test_what_is_said_of_a_refused_message_stays_in_one_short_line() -> None:
    for message in (json.dumps({"do": "x\n" * 1000}), json.dumps({"do": "undo", "y\nz" * 900: 1})):
        with pytest.raises(ValueError) as refused:
            command_of(message)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 2 * SAID_OF_ERROR


def test_references_are_the_panes_and_those_beside_them() -> None:
    assert get_args(Reference) == ("", TRUTH, PAINTED, *map(str, range(PANES_MAX)))


def test_a_message_is_plain_and_says_its_kind() -> None:
    assert plain_of(Hover("a.jpg", None)) == {"type": "hover", "photo": "a.jpg", "url": None}
    assert plain_of(NotCompared(note="")) == {"type": "compare", "panes": [], "note": ""}
    plain = plain_of(Mark(np.float64(1.5), 2.0, True))
    assert plain == {"x": 1.5, "y": 2.0, "positive": True} and type(plain["x"]) is float


def test_the_types_of_the_scripts_are_those_of_the_server() -> None:
    committed = (STATIC / "wire.d.ts").read_text(encoding="utf-8")
    assert committed == types_text(), "run `python -m liftlab.web.wire.page_types lab/page/static/wire.d.ts`"
