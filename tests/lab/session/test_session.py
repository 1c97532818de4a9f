"""A person's session on the toy: clicks, undo, objects, hover, rays, saving; and sentences for what cannot be."""

import json
import random

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import mask_in_photo, photo_from_view, project
from liftlab.engine.lab import Lab
from liftlab.pictures.palette import PALETTE, rgb
from liftlab.session.objects import ObjectState
from liftlab.session.session import Session
from tests.answered import answer_of, current_of, result_of
from tests.not_none import not_none
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

PHOTO = "001.png"


def shown(session: Session) -> list[tuple]:
    """Everything a person sees of the objects."""
    return [
        (s.id, s.name, s.colour, s.asked, None if s.result is None else s.result.selected.tobytes())
        for s in session.objects
    ]


def click_box(session: Session, toy: Toy, number: int, view: int = 1, **options) -> ObjectState:
    return session.click(f"{view:03d}.png", *box_center(toy, view, number), **options)


def test_a_click_lights_the_object_in_every_view(session: Session, toy: Toy) -> None:
    state = click_box(session, toy, 1)
    assert session.ready
    for view in range(len(toy.scene.views)):
        truth = toy.instance[view] == 1
        overlap = (state.masks[view] & truth).sum() / (state.masks[view] | truth).sum()
        assert overlap > 0.98
    picked = toy.instance[toy.scene.pointmap.valid][answer_of(state).point_ids]
    assert (picked == 1).all()
    assert state.ms > 0
    assert session.server_ms(state.id) == (pytest.approx(state.ms, abs=1e-3),)


@pytest.mark.parametrize("seed", range(3))
def test_undo_and_redo_walk_along_what_was_shown(session: Session, toy: Toy, seed: int) -> None:
    rng = random.Random(seed)
    states, cursor = [shown(session)], 0
    for _ in range(40):
        before = len(session.history._edits), session.history._cursor
        actions = [
            lambda: click_box(
                session, toy, rng.randint(1, 3), rng.randint(0, 2), positive=rng.random() < 0.7
            ),
            session.new_object,
            lambda: session.set_granularity(rng.choice([None, 0.0, 1.0])),
            lambda: session.grow() if session.current and session.current.clicks else None,
            lambda: session.delete_object(current_of(session).id) if session.current else None,
            lambda: (
                session.rename_object(current_of(session).id, f"n{rng.random()}") if session.current else None
            ),
            lambda: session.clear() if session.current else None,
            lambda: session.paint(PHOTO, [(rng.uniform(0, 160), rng.uniform(0, 120))], 6, rng.random() < 0.5),
        ]
        choice = rng.choice(["do", "do", "undo", "redo"])
        if choice == "do":
            if session.current is None:
                click_box(session, toy, 1)
            else:
                rng.choice(actions)()
            if (len(session.history._edits), session.history._cursor) != before:
                states, cursor = [*states[: cursor + 1], shown(session)], cursor + 1
        elif choice == "undo":
            session.undo()
            cursor = max(0, cursor - 1)
        else:
            session.redo()
            cursor = min(len(states) - 1, cursor + 1)
        assert shown(session) == states[cursor]


def test_one_undo_takes_the_first_click_back_whole(session: Session, toy: Toy) -> None:
    click_box(session, toy, 1)
    session.undo()
    assert session.objects == []
    assert result_of(session.redo()).selected.any()


def test_a_refused_click_changes_nothing(session: Session, toy: Toy) -> None:
    click_box(session, toy, 1)
    before = shown(session)
    with pytest.raises(InputError):
        session.click(PHOTO, -1, 5)
    assert shown(session) == before
    session.undo()
    assert session.objects == []


def test_the_brush_changes_one_photo_and_the_points_it_shows(session: Session, toy: Toy) -> None:
    before = click_box(session, toy, 1)
    x, y = box_center(toy, 1, 2)
    after = session.paint(PHOTO, [(x, y)], 5)
    assert np.array_equal(before.masks[0], after.masks[0])
    joined = after.masks[1] & ~before.masks[1]
    assert joined.any() and (toy.instance[1][joined] == 2).all()
    assert (
        result_of(after).selected.sum() - result_of(before).selected.sum()
        == (joined & toy.scene.pointmap.valid[1]).sum()
    )
    again = session.paint(PHOTO, [(x, y)], 5, positive=False)
    assert np.array_equal(again.masks[1], before.masks[1])
    session.undo()
    assert np.array_equal(current_of(session).masks[1], after.masks[1])
    assert np.array_equal(session.photo_mask(after.id, PHOTO), after.masks[1])


def test_a_mask_can_be_painted_from_nothing(session: Session, toy: Toy) -> None:
    state = session.paint(PHOTO, [(20, 30), (60, 30)], 4)
    assert [mask.any() for mask in state.masks] == [False, True, False]
    session.undo()
    assert session.objects == []


@pytest.mark.parametrize(
    ("points", "radius", "sentence"),
    [([], 3, "1 to 5000 points"), ([(1, float("nan"))], 3, "finite"), ([(1, 1)], 0, "half a pixel")],
)
def test_a_stroke_that_is_none_is_refused(
    session: Session, points: list, radius: float, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        session.paint(PHOTO, points, radius)
    assert session.objects == []


def test_a_reload_restores_everything(session: Session, toy: Toy, shared_lab: Lab) -> None:
    click_box(session, toy, 1)
    session.box(PHOTO, 2, 3, 40, 50)
    session.new_object("mug")
    click_box(session, toy, 2)
    session.click_ray(*ray_to(toy, 3), positive=False)
    session.set_granularity(1.0)
    session.grow()
    session.paint(PHOTO, [(20, 30), (60, 30)], 4)
    saved = json.loads(json.dumps(session.to_json()))
    other = Session(shared_lab)
    other.from_json(saved)
    assert shown(other) == shown(session)
    assert current_of(other).name == "mug"
    assert other.to_json() == saved
    assert other.new_object().id not in {s.id for s in session.objects}


@pytest.mark.parametrize("value", [None, [], {}, {"schema_version": 99}, {"schema_version": 1, "objects": 3}])
def test_damaged_saved_prompts_are_refused_and_nothing_changes(session: Session, toy: Toy, value) -> None:
    click_box(session, toy, 1)
    before = shown(session)
    with pytest.raises(InputError, match="cannot be restored"):
        session.from_json(value)
    assert shown(session) == before


def test_two_people_do_not_see_each_other(shared_lab: Lab, toy: Toy) -> None:
    first, second = Session(shared_lab), Session(shared_lab)
    first.open(NAME)
    second.open(NAME)
    click_box(first, toy, 1)
    click_box(second, toy, 2)
    second.undo()
    assert len(first.objects) == 1
    assert second.objects == []


def ray_to(toy: Toy, number: int, view: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A ray from a little beside a camera to the middle of a box as that camera sees it."""
    camera = toy.scene.views[view].camera
    x, y = box_center(toy, view, number)
    target = toy.scene.pointmap.pts3d[view, int(y), int(x)].astype(np.float64)
    origin = camera.center + np.array([0.02, 0.01, 0.0])
    return origin, (target - origin) * 0.3


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_click_in_3d_takes_what_a_click_in_the_photo_takes(session: Session, toy: Toy, number: int) -> None:
    by_ray = session.click_ray(*ray_to(toy, number))
    session.new_object()
    by_photo = click_box(session, toy, number)
    assert np.array_equal(result_of(by_ray).selected, result_of(by_photo).selected)


def test_hover_shows_what_a_click_takes(session: Session, toy: Toy) -> None:
    for number in (1, 2, 3):
        x, y = box_center(toy, 1, number)
        preview = session.hover(PHOTO, x, y)
        session.new_object()
        assert np.array_equal(not_none(preview), session.click(PHOTO, x, y).masks[1])
    assert session.hover(PHOTO, -5, 2) is None
    assert session.hover("nowhere.png", 5, 2) is None


def test_markers_lie_where_one_clicked(session: Session, toy: Toy) -> None:
    click_box(session, toy, 2)
    session.click_ray(*ray_to(toy, 3), positive=False)
    in_photo, in_3d = session.markers()
    view = toy.scene.views[1]
    xy, _ = project(view.camera, np.array(in_photo.world))
    assert np.abs(photo_from_view(view, xy) - in_photo.xy).max() < 1
    assert (in_photo.positive, in_3d.positive) == (True, False)
    seen_in = toy.scene.views[toy.scene.view_index(not_none(in_3d.image))]
    xy, _ = project(seen_in.camera, np.array(in_3d.world))
    assert np.abs(photo_from_view(seen_in, xy) - in_3d.xy).max() < 1e-3
    assert session.markers(current_of(session).id) == session.markers()


def test_growing_and_shrinking_are_monotone_and_keep_to_the_surface(session: Session, toy: Toy) -> None:
    start = click_box(session, toy, 1)
    sizes, points = [], []
    for _ in range(3):
        state = session.grow()
        sizes.append(sum(mask.sum() for mask in state.masks))
        points.append(result_of(state).selected.sum())
    assert sum(mask.sum() for mask in start.masks) < sizes[0] < sizes[1] < sizes[2]
    assert result_of(start).selected.sum() < points[0] <= points[2]
    grown = toy.instance[toy.scene.pointmap.valid][np.flatnonzero(result_of(state).selected)]
    assert set(grown.tolist()) <= {1, 201}, "it spreads over the floor it stands on, not over to other boxes"
    for _ in range(3):
        state = session.shrink()
    assert result_of(state).selected.tobytes() == result_of(start).selected.tobytes()
    smaller = session.shrink()
    assert all((s <= a).all() for s, a in zip(smaller.masks, start.masks, strict=True))
    assert (result_of(smaller).selected <= result_of(start).selected).all()


def test_granularity_asks_for_part_and_whole(session: Session, toy: Toy) -> None:
    rows, columns = np.nonzero(toy.instance[1] == 2)
    state = session.click(PHOTO, columns[len(rows) // 2] + 0.5, rows[len(rows) // 2] + 0.5)
    whole = session.set_granularity(1.0)
    assert (state.masks[1] <= whole.masks[1]).all()
    assert whole.masks[1].sum() > state.masks[1].sum()


def test_masks_come_in_photo_pixels(session: Session, toy: Toy) -> None:
    state = click_box(session, toy, 1)
    view = session.need_scene().views[0]
    assert np.array_equal(session.photo_mask(state.id, view.name), mask_in_photo(view, state.masks[0]))
    empty = session.new_object()
    assert not session.photo_mask(empty.id, view.name).any()


def test_objects_get_colours_that_differ_and_names_that_do_not_clash(session: Session) -> None:
    states = [session.new_object() for _ in range(len(PALETTE))]
    assert len({state.colour for state in states}) == len(PALETTE)
    assert len({state.name for state in states}) == len(PALETTE)
    assert all(len(rgb(state.colour)) == 3 for state in states)
    with pytest.raises(InputError, match="Another object is called 'object 2'"):
        session.rename_object(states[0].id, " OBJECT 2")


def test_deleting_the_current_object_makes_its_neighbour_current(session: Session) -> None:
    first, second, third = (session.new_object() for _ in range(3))
    session.select_object(second.id)
    assert not_none(session.delete_object(second.id)).id == third.id
    assert not_none(session.delete_object(third.id)).id == first.id
    assert session.delete_object(first.id) is None
    session.undo()
    assert current_of(session).id == first.id


SENTENCES = {
    "outside": (
        lambda s: s.click(PHOTO, 160, 3),
        "The click at (160, 3) is outside the photo 001.png of 160 x 120 pixels; click inside it.",
    ),
    "no number": (
        lambda s: s.click(PHOTO, float("nan"), 3),
        "A click needs two finite numbers, x and y.",
    ),
    "other photo": (
        lambda s: s.click("01.png", 3, 3),
        "The scene has no photo '01.png'. Did you mean '001.png'? Available: 000.png, 001.png, 002.png.",
    ),
    "box outside": (
        lambda s: s.box(PHOTO, 200, 0, 300, 50),
        "The box lies outside the photo 001.png of 160 x 120 pixels; draw it inside.",
    ),
    "box without size": (
        lambda s: s.box(PHOTO, 20, 20, 20, 50),
        "The box is empty; drag from one corner of the object to the opposite one.",
    ),
    "box of nothing": (
        lambda s: s.box(PHOTO, 0, 0, float("inf"), 50),
        "A box needs four finite numbers.",
    ),
    "ray into the sky": (
        lambda s: s.click_ray([0, -5, 5], [0, 0, 1]),
        "Nothing was reconstructed where you clicked; click on a visible point.",
    ),
    "ray of no direction": (
        lambda s: s.click_ray([0, 0, 0], [0, 0, 0]),
        "A click in 3D needs a ray of finite numbers.",
    ),
    "granularity": (
        lambda s: s.set_granularity(1.5),
        "granularity must be between 0 and 1; got 1.5.",
    ),
    "nothing to grow": (lambda s: s.grow(), "There is no object yet; click on one first."),
    "object gone": (lambda s: s.select_object(99), "This object is gone; choose another one."),
    "scene": (
        lambda s: s.open("tiy"),
        "There is no scene 'tiy'; reconstruct a capture first. Did you mean 'toy'? Available: toy.",
    ),
    "method": (
        lambda s: s.set_method("wildseg2d"),
        "Unknown method 'wildseg2d'. Did you mean 'wildseg3d'? Available: ",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_cannot_be_is_said_in_one_sentence(session: Session, case: str) -> None:
    call, sentence = SENTENCES[case]
    with pytest.raises(InputError) as raised:
        call(session)
    assert str(raised.value).startswith(sentence)
    assert session.objects == []


def test_before_a_scene_is_open_everything_says_so(shared_lab: Lab) -> None:
    session = Session(shared_lab)
    assert (session.scene, session.ready, session.objects, session.markers()) == (None, False, [], [])
    assert session.hover(PHOTO, 1, 1) is None
    with pytest.raises(InputError, match="No scene is open"):
        session.click(PHOTO, 1, 1)


def test_a_photo_that_was_not_placed_has_an_empty_mask_and_takes_no_click(session: Session) -> None:
    from dataclasses import replace

    scene = session.need_scene()
    session.answerer.scene = replace(
        scene, missing=("009.png",), photo_sizes={**scene.photo_sizes, "009.png": (30, 20)}
    )
    state = session.new_object()
    mask = session.photo_mask(state.id, "009.png")
    assert mask.shape == (20, 30)
    assert not mask.any()
    with pytest.raises(InputError, match=r"009\.png could not be placed in the scene"):
        session.click("009.png", 3, 3)


def test_a_method_that_is_not_prepared_is_said_and_picked_up_later(lab: Lab, toy: Toy) -> None:
    import shutil

    shutil.move(lab.workspace.root / "methods", lab.workspace.root / "away")
    (lab.workspace.root / "methods").mkdir()
    session = Session(lab)
    session.open(NAME)
    assert not session.ready
    with pytest.raises(InputError, match="not prepared for this scene"):
        click_box(session, toy, 1)
    shutil.rmtree(lab.workspace.root / "methods")
    shutil.move(lab.workspace.root / "away", lab.workspace.root / "methods")
    session.open(NAME)
    assert result_of(click_box(session, toy, 1)).selected.any()


def test_memory_does_not_grow_with_clicks(shared_lab: Lab, toy: Toy) -> None:
    import gc

    import psutil

    session = Session(shared_lab)
    session.open(NAME)
    process = psutil.Process()
    at_50 = 0
    for count in range(1, 501):
        click_box(session, toy, 1 + count % 3, positive=count % 4 != 0)
        if count % 10 == 0:
            session.new_object()
        if count == 50:
            gc.collect()
            at_50 = process.memory_info().rss
    gc.collect()
    per_object = sum(
        s.result.selected.nbytes * 5 + sum(m.nbytes for m in s.masks) for s in session.objects if s.result
    )
    assert process.memory_info().rss - at_50 < 20 * 2**20 + per_object
