"""Truth of the bundled captures, as the Compare cell scores with it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from liftlab.compare import truth
from liftlab.components.errors import InputError
from liftlab.session.prompts import ObjectPrompts, PhotoClick, WorldClick
from tests.toy import make_toy
from tests.toy_workspace import box_center

TOY = make_toy()


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bundled captures that are the toy, with truth for all photos but the last."""
    folder = tmp_path / "toy"
    (folder / "images").mkdir(parents=True)
    (folder / "truth" / "instance").mkdir(parents=True)
    for index, view in enumerate(TOY.scene.views):
        Image.fromarray(view.image).save(folder / "images" / view.name)
        if index < len(TOY.scene.views) - 1:
            cv2.imwrite(str(folder / "truth" / "instance" / view.name), TOY.instance[index].astype(np.uint16))
    (folder / "truth" / "objects.json").write_text('[{"id": 1, "name": "red"}]')
    monkeypatch.setattr(truth, "CAPTURES", tmp_path)
    truth._opened.cache_clear()
    return tmp_path


def test_the_object_under_the_first_click_in_every_labelled_photo(captures: Path) -> None:
    assert truth.has_truth("toy", TOY.scene)
    x, y = box_center(TOY, 0, 2)
    masks = truth.true_masks("toy", TOY.scene, ObjectPrompts("a", (PhotoClick("000.png", x, y),)))
    assert set(masks) == {view.name for view in TOY.scene.views[:-1]}
    assert all((masks[f"{i:03d}.png"] == (TOY.instance[i] == 2)).all() for i in range(len(masks)))


def test_a_click_in_3d_finds_the_same_object(captures: Path) -> None:
    x, y = box_center(TOY, 0, 3)
    a, b, c = TOY.scene.pointmap.pts3d[0, int(y), int(x)].tolist()
    masks = truth.true_masks("toy", TOY.scene, ObjectPrompts("a", (WorldClick((a, b, c)),)))
    assert (masks["000.png"] == (TOY.instance[0] == 3)).all()


def test_a_click_on_the_floor_is_on_no_object(captures: Path) -> None:
    row, column = np.argwhere(TOY.instance[0] == 201)[0]
    with pytest.raises(InputError, match="nothing that truth knows"):
        truth.true_masks(
            "toy", TOY.scene, ObjectPrompts("a", (PhotoClick("000.png", column + 0.5, row + 0.5),))
        )


def test_other_captures_have_no_truth(captures: Path) -> None:
    assert not truth.has_truth("room", TOY.scene)
    (captures / "toy" / "images" / "000.png").unlink()
    assert not truth.has_truth("toy", TOY.scene)
