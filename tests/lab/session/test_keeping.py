"""An object made by a slow click, kept for everybody."""

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.session.keeping import keep_object, masks_with_kept
from liftlab.session.session import Session
from tests.answered import result_of
from tests.not_none import not_none
from tests.toy_workspace import NAME


def blob(lab: Lab) -> list[np.ndarray]:
    """A piece of floor that is no cached object."""
    masks = [np.zeros(size, bool) for size in lab.masks(NAME).sizes]
    for mask in masks:
        mask[-12:-2, 4:24] = True
    return masks


def test_a_kept_object_is_found_by_another_session_and_after_a_restart(lab: Lab) -> None:
    before = len(lab.masks(NAME).object_ids)
    masks = blob(lab)
    keep_object(lab, NAME, masks)
    for opened in (lab, Lab(lab.workspace.root)):
        session = Session(opened)
        session.open(NAME)
        assert len(not_none(session.masks).object_ids) == before + 1
        state = session.click("000.png", 10.5, session.need_scene().views[0].image.shape[0] - 6.5)
        assert result_of(state).object_ids == (before + 1,)
        assert all((ours == theirs).all() for ours, theirs in zip(state.masks, masks, strict=True))
    assert len(lab.masks(NAME).object_ids) == before, "the scene's own objects are as they were"


def test_kept_objects_add_up_and_only_the_last_state_stays_on_disk(lab: Lab) -> None:
    before = len(lab.masks(NAME).object_ids)
    for _ in range(3):
        keep_object(lab, NAME, blob(lab))
    assert len(masks_with_kept(lab, NAME).object_ids) == before + 3
    assert len(list(lab.workspace.root.glob("scenes/*/kept/*/0*"))) == 1


def test_keep_turns_a_slow_answer_into_a_lookup(lab: Lab) -> None:
    session = Session(lab)
    session.open(NAME)
    session.click("000.png", 10.5, 114.5)
    kept = session.keep()
    assert kept.result is not None and len(kept.result.object_ids) == 1
    assert not_none(session.masks).object_ids[-1] == len(lab.masks(NAME).object_ids) + 1


def test_there_must_be_something_to_keep(lab: Lab) -> None:
    session = Session(lab)
    session.open(NAME)
    session.new_object()
    with pytest.raises(InputError, match="nothing to keep"):
        session.keep()
