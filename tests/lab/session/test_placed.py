"""What is answered where the scene has no depth: the photo that was clicked, and nothing that is a guess."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.types import Scene, Segmentation
from liftlab.engine.lab import Lab
from liftlab.export.outputs import export
from liftlab.page.state import state_of
from liftlab.session import answerer
from liftlab.session.answerer import IN_PHOTO_ONLY, kept_to_photos
from liftlab.session.prompts import ObjectPrompts, PhotoClick, PhotoStroke, WorldClick
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from liftlab.web.wire.messages import Ready
from tests.answered import current_of
from tests.not_none import not_none
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

ID = "visitor-of-the-tests-1"
RED, BLUE = 1, 2


def holed(scene: Scene, view: int, mask: np.ndarray) -> Scene:
    """The scene without depth where the mask of a view is."""
    valid = scene.pointmap.valid.copy()
    height, width = mask.shape
    valid[view, :height, :width] &= ~mask
    return replace(scene, pointmap=replace(scene.pointmap, valid=valid))


@pytest.fixture
def found(session: Session, toy: Toy) -> tuple[Segmentation, tuple[np.ndarray, ...]]:
    """An answer and its masks."""
    state = session.click("000.png", *box_center(toy, 0, RED))
    result, masks = not_none(state.result), tuple(state.masks)
    selected = result.selected
    given = Segmentation(
        "points", selected, selected.astype(np.float32), 0.5, (RED,), result.provenance, masks.__getitem__
    )
    return given, masks


def asked(*clicks: PhotoClick | WorldClick, strokes: tuple[PhotoStroke, ...] = ()) -> ObjectPrompts:
    return ObjectPrompts("it", clicks, strokes=strokes)


def test_what_has_no_depth_is_shown_in_its_photo_only(session: Session, toy: Toy, found: tuple) -> None:
    answer, masks = found
    scene, click = session.need_scene(), PhotoClick("000.png", *box_center(toy, 0, RED))
    assert kept_to_photos(scene, answer, masks, asked(click)) == (answer, masks, False)

    bare = holed(scene, 0, masks[0])
    kept, shown, only = kept_to_photos(bare, answer, masks, asked(click))
    assert only and kept.message == IN_PHOTO_ONLY and not kept.selected.any()
    assert (shown[0] == masks[0]).all() and shown[0].any()
    assert not any(mask.any() for mask in shown[1:])

    stroke = PhotoStroke("001.png", ((5.0, 5.0),), 3.0)
    _, painted, _ = kept_to_photos(bare, answer, masks, asked(click, strokes=(stroke,)))
    assert (painted[1] == masks[1]).all() and not painted[2].any()


def test_a_place_known_from_any_click_is_enough(session: Session, toy: Toy, found: tuple) -> None:
    answer, masks = found
    bare = holed(session.need_scene(), 0, masks[0])
    first = PhotoClick("000.png", *box_center(toy, 0, RED))
    other = PhotoClick("001.png", *box_center(toy, 1, RED))
    assert not kept_to_photos(bare, answer, masks, asked(first, other))[2]
    assert not kept_to_photos(bare, answer, masks, asked(first, WorldClick((0.0, 0.0, 0.0))))[2]
    hole = masks[0].copy()
    hole[:, : int(first.x)] = False  # less than half of it, though the click lies in it
    dented = holed(session.need_scene(), 0, hole & (np.arange(hole.shape[1]) < first.x + 4))
    assert not kept_to_photos(dented, answer, masks, asked(first))[2], (
        "the object around the hole has a place"
    )


def test_page_and_exports_tell(lab: Lab, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answerer, "known_share", lambda *_: 0.2)
    visitor = Visitor(ID, lab)
    visitor.open(NAME)
    visitor.act(lambda session: session.click("001.png", *box_center(toy, 1, RED)))
    state = state_of(visitor)
    assert isinstance(state, Ready)
    assert state.hint == IN_PHOTO_ONLY and state.lit and set(state.seen) == {"001.png"}
    assert state.objects[0].note == "in one photo only"
    session = visitor.session
    assert not not_none(current_of(session).answer).selected("points").any()
    with pytest.raises(InputError, match="no place in 3D"):
        export(session, ["ply"], tmp_path / "out")
    names = [path.name for path in export(session, ["masks"], tmp_path / "out")]
    assert "001.png" in names

    monkeypatch.undo()
    visitor.act(lambda session: session.new_object())
    visitor.act(lambda session: session.click("000.png", *box_center(toy, 0, BLUE)))
    said: list[str] = []
    written = export(session, ["ply"], tmp_path / "both", tell=said.append)
    assert [path.name for path in written] == ["object 2.ply"] and "object 1 has no place in 3D" in said[0]
    visitor.close()
