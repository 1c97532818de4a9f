"""Objects belong to their scene: leaving it and coming back, or making it again, loses nothing that still fits."""

import itertools
import json
import random

import numpy as np
import pytest

from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from liftlab.session.prompts import WorldClick
from liftlab.session.session import Session
from tests.answered import current_of
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

OTHER = "other"


@pytest.fixture
def lab_of_two(lab: Lab, counted_steps, photos_of) -> Lab:
    """A second scene, of the same photos in another order of names."""
    lab.import_capture(photos_of(OTHER), OTHER)
    lab.prepare(OTHER, "wildseg3d")
    return lab


def shown(session: Session) -> tuple:
    """Everything a person sees of a scene."""
    return (
        [
            (s.id, s.name, s.colour, s.asked, s.choice, [mask.tobytes() for mask in s.masks])
            for s in session.objects
        ],
        session.current and session.current.id,
        session.stage.arrangement,
        session.can_undo,
        session.can_redo,
    )


def test_each_scene_has_its_objects_when_one_comes_back(lab_of_two: Lab, toy: Toy) -> None:
    session = Session(lab_of_two)
    session.open(NAME)
    session.click("000.png", *box_center(toy, 0, 1))
    session.rename_object(current_of(session).id, "mug")
    session.stage.duplicate(current_of(session).id)
    session.new_object()
    session.undo()
    before = shown(session)
    session.open(OTHER)
    assert session.objects == [] and not session.can_undo
    session.click("001.png", *box_center(toy, 1, 2))
    of_other = shown(session)
    session.open(NAME)
    assert shown(session) == before
    session.redo()
    assert len(session.objects) == 2
    for _ in range(4):
        session.undo()
    assert session.objects == []
    session.open(OTHER)
    assert shown(session) == of_other


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_in_between_every_scene_is_as_it_was_left(
    lab_of_two: Lab, toy: Toy, seed: int
) -> None:
    rng = random.Random(seed)
    session = Session(lab_of_two)
    session.open(NAME)
    left: dict[str, tuple] = {}
    for step in range(40):
        here = session.scene_name
        assert here is not None
        match rng.randrange(7):
            case 0:
                left[here] = shown(session)
                session.open(there := rng.choice([NAME, OTHER]))
                if there in left:
                    assert shown(session) == left[there]
                else:
                    assert session.objects == []
            case 1:
                session.new_object(f"thing {step}")
            case 2:
                session.undo()
            case 3:
                session.redo()
            case 4 if session.current is not None:
                session.delete_object(current_of(session).id)
            case 5:
                session.rest()
            case _:
                view = rng.randrange(3)
                session.click(f"{view:03d}.png", *box_center(toy, view, rng.randint(1, 3)))


def test_a_scene_that_is_made_again_keeps_what_fits_and_says_what_does_not(lab_of_two: Lab, toy: Toy) -> None:
    session = Session(lab_of_two)
    scene = session.open(NAME)
    session.click("000.png", *box_center(toy, 0, 1))
    session.rename_object(1, "mug")
    session.paint("001.png", [(5.0, 5.0)], 3)
    session.new_object("box")
    session.click("000.png", *box_center(toy, 0, 2))
    session.add(WorldClick(tuple(scene.pointmap.points[0].astype(float).tolist()), False))
    mug, box = session.objects
    lab_of_two.reconstruct(NAME, ReconstructConfig(max_side=320))
    lab_of_two.prepare(NAME, "wildseg3d")
    assert session.open(NAME).key != scene.key
    assert [state.name for state in session.objects] == ["mug", "box"]
    assert session.objects[0].asked == mug.asked and session.objects[1].clicks == box.clicks[:1]
    assert all(np.any(state.masks) for state in session.objects)
    assert "were left out of box." in session.note and "mug" not in session.note
    session.open(OTHER)
    assert session.note == ""


def test_a_scene_that_was_made_again_while_it_rested_keeps_its_objects(lab_of_two: Lab, toy: Toy) -> None:
    session = Session(lab_of_two)
    session.open(NAME)
    session.click("000.png", *box_center(toy, 0, 1))
    asked = current_of(session).asked
    session.rest()
    lab_of_two.reconstruct(NAME, ReconstructConfig(max_side=320))
    lab_of_two.prepare(NAME, "wildseg3d")
    assert current_of(session).asked == asked and np.any(current_of(session).masks)


def test_numbers_of_objects_are_never_used_twice_in_one_session(lab_of_two: Lab) -> None:
    session = Session(lab_of_two)
    seen = []
    for scene in (NAME, OTHER, NAME):
        session.open(scene)
        seen.append([state.id for state in session.objects] + [session.new_object().id])
    assert len(set(itertools.chain(*seen))) == 3
    json.dumps(session.to_json())
