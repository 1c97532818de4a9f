"""A session whose method selects Gaussians: lit as points too, grown and shrunk, rearranged with undo and reload."""

import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.splat_links import values_for_gaussians
from liftlab.engine.lab import Lab
from liftlab.session.arrangement import WAYS
from liftlab.session.session import Session
from tests.answered import answer_of
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center, untrained

__all__ = ["lifted"]


@pytest.fixture
def lab(toy_source: Path, tmp_path: Path) -> Lab:
    shutil.copytree(toy_source, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained):
        lab.gaussians(NAME)
    return lab


@pytest.fixture
def session(lab: Lab) -> Session:
    session = Session(lab)
    session.open(NAME)
    return session


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_points_and_splats_light_together_whatever_the_method_selects(
    lab: Lab, session: Session, toy: Toy, lifted: type[Lifted]
) -> None:
    lab.prepare(NAME, LIFTED)
    view, row, column = toy.scene.pointmap.point_index.T
    truth = toy.instance[view, row, column] == 1
    on_the_box = values_for_gaussians(truth, session.nearest_points(), default=False)
    for method in ("wildseg3d", LIFTED):
        session.set_method(method)
        state = session.current or session.click("000.png", *box_center(toy, 0, 1))
        answer = answer_of(state)
        assert iou(answer.selected("points"), truth) > 0.85
        splats = answer.selected("splats")
        assert (splats & on_the_box).sum() > 0.7 * splats.sum() > 10
        own = answer.selected("points" if answer.result.geometry == "points" else "splats")
        assert (answer.point_ids == np.flatnonzero(own)).all()


def test_splats_grow_and_shrink_with_the_masks(
    lab: Lab, session: Session, toy: Toy, lifted: type[Lifted]
) -> None:
    lab.prepare(NAME, LIFTED)
    session.set_method(LIFTED)
    start = answer_of(session.click("000.png", *box_center(toy, 0, 1))).selected("splats")
    smaller = answer_of(session.shrink()).selected("splats")
    assert 0 < smaller.sum() < start.sum() and not (smaller & ~start).any()
    session.undo()
    larger = answer_of(session.grow()).selected("splats")
    assert larger.sum() >= start.sum() and not (start & ~larger).any()


def test_every_change_of_the_scene_can_be_undone_and_comes_back_with_a_reload(
    session: Session, toy: Toy
) -> None:
    first = session.click("000.png", *box_center(toy, 0, 1))
    stage = session.stage
    before = [stage.arrangement]
    changes = [
        lambda: stage.move(first.id, (0.1, 0.0, 0.2)), lambda: stage.duplicate(first.id),
        lambda: stage.remove(first.id), lambda: stage.crop_around(first.id), stage.uncrop,
        lambda: stage.remove(first.id, False), *(lambda way=way: stage.nudge(first.id, way) for way in WAYS),
        stage.mend, lambda: stage.mend(False), lambda: stage.put_back(first.id),
    ]  # fmt: skip
    for change in changes:
        change()
        assert stage.arrangement != before[-1]
        before.append(stage.arrangement)
        again = Session(session.lab)
        again.from_json(session.to_json())
        assert again.stage.arrangement == stage.arrangement
    for arrangement in reversed(before[:-1]):
        session.undo()
        assert stage.arrangement == arrangement
    while session.can_redo:
        session.redo()
    assert stage.arrangement == before[-1]


def test_opposite_nudges_cancel_and_up_is_up(session: Session, toy: Toy) -> None:
    entry = session.click("000.png", *box_center(toy, 0, 1))
    session.stage.nudge(entry.id, "up")
    offset = np.array(session.stage.arrangement.of(entry.id).offset)
    assert offset @ toy.scene.up == pytest.approx(np.linalg.norm(offset)) and np.linalg.norm(offset) > 0
    for way in ("down", "left", "right", "front", "back"):
        session.stage.nudge(entry.id, way)
    assert np.allclose(session.stage.arrangement.of(entry.id).offset, 0, atol=1e-9)


def test_the_box_of_an_object_is_that_of_the_truth(session: Session, toy: Toy) -> None:
    entry = session.click("000.png", *box_center(toy, 0, 1))
    low, high = session.stage.extent(entry.id)
    assert np.allclose(low[:2], [-0.55, -0.30], atol=0.08) and np.allclose(
        high, [-0.15, 0.10, 0.35], atol=0.15
    )


def test_nothing_can_be_done_with_an_object_that_selects_nothing(session: Session) -> None:
    entry = session.new_object()
    for change in (session.stage.remove, session.stage.duplicate, session.stage.crop_around):
        with pytest.raises(InputError, match="selects nothing yet"):
            change(entry.id)
    with pytest.raises(InputError, match="can be moved left"):
        session.stage.nudge(entry.id, "sideways")


def test_splats_that_are_trained_meanwhile_are_picked_up(lab: Lab, session: Session, toy: Toy) -> None:
    entry = session.click("000.png", *box_center(toy, 0, 1))
    count = len(answer_of(entry).selected("splats"))

    def fewer(scene, *rest, **named):
        gaussians, report = untrained(scene)
        half = {
            name: getattr(gaussians, name)[::2] for name in ("means", "quats", "scales", "opacities", "sh")
        }
        return type(gaussians)(**half), report

    from liftlab.pipelines.steps.gaussians import GaussiansConfig

    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", fewer):
        lab.gaussians(NAME, GaussiansConfig(start_count=7))
    session.open(NAME)
    assert 0 < len(answer_of(session.current).selected("splats")) < count
    assert answer_of(session.current).selected("splats").any()
