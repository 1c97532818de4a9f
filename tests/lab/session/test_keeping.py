"""An object made by a slow click, kept for everybody."""

from pathlib import Path

import numpy as np
import pytest

from liftlab.components.captures import ImportLimits
from liftlab.components.captures.object_masks import OBJECTS_FOLDER, ObjectsTaken
from liftlab.components.captures.readers.mask_files import ObjectPicture
from liftlab.components.errors import InputError
from liftlab.components.export import write_label_png
from liftlab.engine.lab import Lab
from liftlab.session.given_names import given_names, keep_name
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


def bring(lab: Lab, folder: Path, label: str) -> None:
    """Let the blob come with the capture's photos: as number 7 of label maps, or as pictures of what has this label."""
    capture, pictures = lab.capture(NAME), {}
    for view, mask in zip(lab.scene(NAME).views, blob(lab), strict=True):
        write_label_png(folder / f"{view.stem}.png", mask.astype(np.uint16) * 7)
        pictures[view.name] = (ObjectPicture(view.name, folder / f"{view.stem}.png", "labels", label),)
    taken = ObjectsTaken(pictures, ImportLimits(), capture.folder / OBJECTS_FOLDER, {"labels"})
    for photo in capture.photos:
        taken.take(photo.name, photo.stem, (photo.width, photo.height), 1, None)
    taken.finish()


def test_masks_that_came_with_the_photos_are_found_by_a_click(lab: Lab, tmp_path: Path) -> None:
    """Beside what a person keeps, in whatever order, and once."""
    scene, before = lab.scene(NAME), len(lab.masks(NAME).object_ids)
    bring(lab, tmp_path, "")
    session = Session(lab)
    session.open(NAME)
    state = session.click("000.png", 10.5, scene.views[0].image.shape[0] - 6.5)
    assert result_of(state).object_ids == (before + 1,)
    assert all((ours == theirs).all() for ours, theirs in zip(state.masks, blob(lab), strict=True))
    keep_object(lab, NAME, [mask[::-1] for mask in blob(lab)])
    assert len(masks_with_kept(lab, NAME).object_ids) == before + 2


def test_words_find_masks_that_came_with_the_photos_by_their_names(lab: Lab, tmp_path: Path) -> None:
    """What a file calls an object, not a mere number; a name that somebody gave stays theirs."""
    scene_key = lab.scene(NAME).key
    bring(lab, tmp_path, "Grey stone")
    masks_with_kept(lab, NAME)
    named = given_names(lab.workspace, scene_key)
    assert list(named) == ["Grey stone"]
    assert all((ours == theirs).all() for ours, theirs in zip(named["Grey stone"], blob(lab), strict=True))


def test_numbers_of_masks_are_no_names(lab: Lab, tmp_path: Path) -> None:
    bring(lab, tmp_path, "")
    masks_with_kept(lab, NAME)
    assert not given_names(lab.workspace, lab.scene(NAME).key)


def test_a_name_that_a_person_gave_is_not_taken_by_masks_that_come_with_photos(
    lab: Lab, tmp_path: Path
) -> None:
    scene_key, own = lab.scene(NAME).key, [mask[::-1] for mask in blob(lab)]
    keep_name(lab.workspace, scene_key, "grey STONE", own)
    bring(lab, tmp_path, "Grey stone")
    masks_with_kept(lab, NAME)
    named = given_names(lab.workspace, scene_key)
    assert list(named) == ["grey STONE"]
    assert all((ours == theirs).all() for ours, theirs in zip(named["grey STONE"], own, strict=True))
