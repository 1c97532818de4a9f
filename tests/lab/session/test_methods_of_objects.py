"""Each object has a method of its own: changing one leaves the others, and every change can be undone."""

import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from liftlab.compare.comparison import Comparison, PaneMethod
from liftlab.components.errors import Cancelled, InputError
from liftlab.engine.lab import Lab
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.python_code import to_python
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from tests.answered import current_of, result_of
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, LiftedConfig, lifted
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center, untrained

__all__ = ["lifted"]

USUAL = "wildseg3d"


@pytest.fixture
def session(lab: Lab, toy: Toy, lifted: type[Lifted]) -> Session:
    """Three objects answered by the usual method; another one is prepared."""
    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained):
        lab.prepare(NAME, LIFTED)
    session = Session(lab)
    session.open(NAME)
    for number in (1, 2, 3):
        session.new_object()
        session.click("001.png", *box_center(toy, 1, number))
    return session


def shown(session: Session) -> list[tuple]:
    """Everything a person sees of the objects."""
    return [
        (s.id, s.name, s.asked, s.choice, None if s.result is None else s.result.selected.tobytes())
        for s in session.objects
    ]


def methods(session: Session) -> list[str]:
    return [state.method for state in session.objects]


def test_another_method_answers_the_current_object_alone(session: Session) -> None:
    before = shown(session)
    session.set_method(LIFTED)
    assert methods(session) == [USUAL, USUAL, LIFTED]
    assert shown(session)[:2] == before[:2]
    assert result_of(current_of(session)).geometry == "gaussians"
    session.undo()
    assert shown(session) == before
    session.redo()
    assert methods(session) == [USUAL, USUAL, LIFTED]


def test_on_request_it_answers_all_objects_in_one_edit(session: Session) -> None:
    before, current = shown(session), current_of(session).id
    session.select_object(1)
    session.set_method(LIFTED, all_objects=True)
    assert methods(session) == [LIFTED] * 3
    assert current_of(session).id == 1 != current
    session.undo()
    assert shown(session) == before


def test_when_one_object_cannot_be_answered_all_stay_as_they_are(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, calls = shown(session), []
    segment = Lifted.segment

    def failing(self, prepared, prompts):
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled
        return segment(self, prepared, prompts)

    monkeypatch.setattr(Lifted, "segment", failing)
    with pytest.raises(Cancelled):
        session.set_method(LIFTED, all_objects=True)
    assert shown(session) == before
    session.undo()
    assert len(shown(session)[2][2].clicks) == 0, "the last edit is still the click"


def test_a_new_object_is_answered_by_the_method_of_the_current_one(session: Session, toy: Toy) -> None:
    session.set_method(LIFTED)
    assert session.new_object().method == LIFTED
    session.select_object(1)
    assert session.method == USUAL
    assert session.new_object().method == USUAL


def test_a_choice_before_the_first_object_is_an_edit_too(lab: Lab) -> None:
    session = Session(lab)
    session.open(NAME)
    session.set_method("gaga")
    assert session.method == "gaga" and session.can_undo
    session.undo()
    assert session.method == USUAL and not session.can_undo


def test_the_same_method_with_its_default_settings_is_no_change(session: Session) -> None:
    before = session.to_json(), session.version
    session.set_method(USUAL, WildSeg3DConfig())
    session.use_prepared(USUAL)
    assert (session.to_json(), session.version) == before


def test_make_this_the_result_changes_the_object_that_is_compared_and_can_be_undone(
    lab: Lab, session: Session
) -> None:
    session.rename_object(2, "cube")
    session.select_object(3)
    before = shown(session)
    comparison = Comparison(lab, NAME, [PaneMethod(USUAL), PaneMethod(LIFTED)])
    comparison.ask(current_of(session).asked)
    taken = comparison.take(1, session)
    assert methods(session) == [USUAL, USUAL, LIFTED]
    assert np.array_equal(taken.masks, comparison.states[1].masks)  # type: ignore[union-attr]
    assert shown(session)[:2] == before[:2]
    session.undo()
    assert shown(session) == before, "one undo, and of nothing else"


def test_objects_keep_their_methods_over_a_reload(lab: Lab, session: Session) -> None:
    session.set_method(LIFTED)
    session.select_object(1)
    again = Session(lab)
    again.from_json(json.loads(json.dumps(session.to_json())))
    assert shown(again) == shown(session)
    assert again.method == USUAL


def test_what_earlier_versions_saved_is_answered_by_the_method_of_the_session(
    lab: Lab, session: Session
) -> None:
    session.set_method(LIFTED, all_objects=True)
    record = json.loads(json.dumps(session.to_json()))
    for entry in record["objects"]:
        del entry["method"]
    again = Session(lab)
    again.from_json(record)
    assert shown(again) == shown(session)


def test_a_method_that_is_gone_is_said_and_nothing_changes(lab: Lab, session: Session) -> None:
    record = session.to_json()
    record["objects"][1]["method"] = {"name": "gone", "config": None}
    before = shown(session)
    with pytest.raises(InputError, match="Unknown method 'gone'"):
        session.from_json(record)
    assert shown(session) == before


def by_notebook(session: Session, folder: Path) -> Session:
    session.notebook().save(folder / "notebook.json")
    replayed = replay(Notebook.load(folder / "notebook.json"), session.lab)
    assert replayed.identical
    return replayed.session


def by_python(session: Session, folder: Path) -> Session:
    code = to_python(session.notebook()).replace(
        'Lab("workspace")', f"Lab({str(session.lab.workspace.root)!r})"
    )
    names: dict = {}
    exec(compile(code, "notebook", "exec"), names)
    return names["session"]


@pytest.mark.parametrize("again", [by_notebook, by_python])
def test_a_run_is_repeated_with_each_object_s_method(
    session: Session, tmp_path: Path, again: Callable[[Session, Path], Session]
) -> None:
    softly = LiftedConfig(share_min=0.25)
    session.lab.prepare(NAME, LIFTED, softly)
    session.lab.prepare(NAME, LIFTED)  # so that the latest one is another
    session.select_object(2)
    session.set_method(LIFTED, softly)
    other = again(session, tmp_path)
    assert methods(other) == [USUAL, LIFTED, USUAL]
    assert [state.choice.settings for state in other.objects] == [s.choice.settings for s in session.objects]
    for first, second in zip(session.objects, other.objects, strict=True):
        assert np.array_equal(first.masks, second.masks)
