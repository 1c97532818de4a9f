"""What the cells Reconstruct and Objects let one choose, without a browser."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from liftlab.components.errors import InputError
from liftlab.components.pointmaps.alignment.choices import PhotoAlignmentConfig
from liftlab.components.progress import CancelToken, no_progress
from liftlab.page.cells import capture, masks, methods, reconstruct, search
from liftlab.page.cells.choices import options_of, say_what_is_missing
from liftlab.page.cells.status import CellMemory
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.trackers import TRACKERS
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.pipelines.steps.reconstruct import ReconstructConfig


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the cells use of a visitor, where no model is."""
    monkeypatch.setenv("LIFTLAB_MODELS", str(tmp_path))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", tmp_path)
    made, failed, asked = [], [], []
    lab = SimpleNamespace(
        expected_secs=lambda step, photos: 1.0,
        masks=lambda name, config, **_: asked.append(config),
        reconstruct=lambda name, config, **_: asked.append(config),
    )
    return SimpleNamespace(
        lab=lab, scene=None, needs_scene_name=lambda: "room", cells=defaultdict(CellMemory), made=made,
        failed=failed, asked=asked, open=None, push_cells=lambda: None,
        fail=lambda cell, sentence: failed.append((cell, sentence)),
        start=lambda cell, label, work, **_: made.append(work(None, None)),
    )  # fmt: skip


def test_every_entry_is_offered_by_its_label() -> None:
    assert options_of(PROPOSERS) == [
        ("Regions of even colour and geometry", "regions"), ("SAM 2.1 automatic masks", "sam2")
    ]  # fmt: skip
    assert [name for _, name in options_of(TRACKERS)] == ["geometry", "photos", "sam2"]
    assert options_of(PAIR_PREDICTORS, "scene_label")[1] == ("MASt3R pairs with global alignment", "mast3r")


def test_what_is_chosen_is_what_is_run(visitor: Any) -> None:
    masks.start(visitor, 50)
    reconstruct.start(visitor, 320, "none")
    assert visitor.asked == [MasksConfig(min_pixels=50), ReconstructConfig(max_side=320, cameras="none")]
    assert visitor.cells["masks"].inputs == {"min_pixels": 50} and not visitor.failed
    reconstruct.start(visitor, 320, "auto", keep_doubtful=True)
    assert visitor.asked[-1] == ReconstructConfig(max_side=320, doubtful="keep")
    assert visitor.cells["reconstruct"].inputs["doubtful"] == "keep"


def test_masks_first_is_offered_with_each_alignment(visitor: Any) -> None:
    found = {}
    for _, order in reconstruct.ORDERS:
        reconstruct.start(visitor, 320, "none", order=order)
        found[order] = visitor.asked[-1]
    usual = ReconstructConfig(max_side=320, cameras="none")
    raw = PhotoAlignmentConfig(confidence="raw")
    assert found == {
        "usual": usual,
        "dga": replace(usual, alignment="dga"),
        "ga": replace(usual, masks_first=True, aligning=raw),
        "ga_log": replace(usual, masks_first=True),
        "sparse_ga": replace(usual, masks_first=True, alignment="sparse_ga"),
    }
    assert visitor.cells["reconstruct"].inputs["masks_first"] is True
    with pytest.raises(InputError, match="There is no order 'dgga'"):
        reconstruct.settings_of("dgga")


def test_photos_that_are_brought_can_be_built_masks_first(
    visitor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    visitor.method = "wildseg3d"
    visitor.lab.import_capture = lambda *_, **__: ("room", SimpleNamespace(kept=[1, 2, 3], warnings=()))
    visitor.lab.reconstruct = lambda name, config, **_: done.append(config.alignment)
    visitor.lab.prepare = lambda name, method, **_: done.append(method)
    visitor.start = lambda cell, label, work, **_: visitor.made.append(work(no_progress, CancelToken()))
    capture.start_import(visitor, [tmp_path / "a.jpg"], None, order="dga")
    assert done == ["dga", "wildseg3d"] and visitor.made == ["room"]
    capture.start_import(visitor, [tmp_path / "a.jpg"], None)
    assert done[2:] == ["wildseg3d"]


def test_a_model_that_is_missing_is_said_with_its_command_and_nothing_starts(visitor: Any) -> None:
    masks.start(visitor, 50, "sam2", "sam2")
    reconstruct.start(visitor, 320, "none", "mast3r")
    masks.start(visitor, 50, "regions", "sam2")
    assert visitor.made == visitor.asked == []
    (first, sam2), (second, mast3r), (_, pair) = visitor.failed
    assert first == "masks" and sam2.count("liftlab models get sam2.1-tiny") == 1
    assert second == "reconstruct" and "liftlab models get mast3r" in mast3r
    assert pair == "SAM 2.1 follows its own proposals only: set proposer=sam2 as well."


def test_choosing_what_is_missing_says_so_at_once(visitor: Any) -> None:
    say_what_is_missing(visitor, "masks", PROPOSERS.get("sam2"), TRACKERS.get("geometry"))
    assert "liftlab models get sam2.1-tiny" in visitor.cells["masks"].warnings[0]
    say_what_is_missing(visitor, "masks", PROPOSERS.get("regions"), TRACKERS.get("geometry"))
    assert visitor.cells["masks"].warnings == ()


def test_a_model_that_is_here_is_used(visitor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liftlab.page.cells.choices.missing", lambda entry: "")
    masks.start(visitor, 50, "sam2", "sam2")
    reconstruct.start(visitor, 320, "auto", "dust3r")
    assert visitor.asked == [
        MasksConfig(min_pixels=50, proposer="sam2", following="sam2"),
        ReconstructConfig(max_side=320, pointmaps="dust3r"),
    ]
    assert visitor.cells["masks"].inputs == {"min_pixels": 50, "proposer": "sam2", "following": "sam2"}


def test_encoders_of_the_search_are_those_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("gradio.HTML", lambda **given: drawn.append(given["html_template"]))
    search.build()
    assert '<option value="attributes">measured attributes</option>' in drawn[0]
    assert '<option value="open_clip">image-text model</option>' in drawn[0] and "ENCODERS" not in drawn[0]


def test_how_a_training_went_is_read_off_what_the_state_tells() -> None:
    curve = methods._curve(SimpleNamespace(about={"curve": [[10, 0.5, 2.0], [20, 1.0, 1.5]]}))
    assert curve is not None and curve.points == ((10.0, 2.0), (20.0, 1.5))
    assert methods._curve(SimpleNamespace()) is None and methods._curve(SimpleNamespace(about={})) is None
