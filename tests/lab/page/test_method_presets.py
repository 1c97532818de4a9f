"""Presets where people choose them: among a method's settings on the page, and on the command line."""

import contextlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from liftlab.cli import steps
from liftlab.cli.commands import Prepare
from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.engine.step_runner import PREPARE_SECS, expected_preparation_secs
from liftlab.engine.workspace import Workspace
from liftlab.page.cells.methods import _config, settings_for_page, status
from liftlab.pipelines.base import get_method
from liftlab.web.visitor import Visitor
from tests.not_none import not_none
from tests.toy_workspace import NAME, VIEWS


def test_the_page_offers_the_presets_before_all_settings() -> None:
    first = not_none(settings_for_page("unic_lift"))[0]
    assert (first["name"], first["kind"], first["default"]) == ("preset", "choice", "default")
    assert set(first["options"]) == {"default", "quick", "paper"}
    entry = get_method("unic_lift")
    assert _config(entry, {"preset": "paper"}) == entry.preset("paper")
    assert _config(entry, {"preset": "paper", "triplets": "7"}).triplets == 7
    assert _config(entry, {}) is None


@pytest.mark.parametrize(
    ("given", "channels", "pixels"),
    [
        ({"preset": "paper"}, 32, 1000),
        ({"preset": "paper", "set": ("pixels=5",)}, 32, 5),
        ({"set": ("pixels=5",)}, 16, 5),
    ],
)  # fmt: skip
def test_prepare_takes_a_preset(
    monkeypatch: pytest.MonkeyPatch, given: dict, channels: int, pixels: int
) -> None:
    asked = []
    lab = SimpleNamespace(
        prepare=lambda name, method, config, **_: asked.append(config),
        step_records=lambda name: {"saga": {"key": "k", "config": {}}},
        scenes=lambda: [],
    )
    monkeypatch.setattr(steps, "opened_lab", lambda command: contextlib.nullcontext(lab))
    steps.run_prepare(Prepare(name="room", method="saga", **given))
    assert (asked[0].channels, asked[0].pixels) == (channels, pixels)
    with pytest.raises(InputError, match="no preset 'papre'"):
        steps.run_prepare(Prepare(name="room", method="saga", preset="papre"))


def test_a_preparation_is_estimated_from_scenes_of_this_workspace_else_from_what_was_measured(
    lab: Lab, tmp_path: Path
) -> None:
    slower = Workspace(shutil.copytree(lab.workspace.root, tmp_path / "slower"))
    record = (
        slower.method_folder(not_none(not_none(slower.scene_entry(NAME)).methods)["wildseg3d"]) / "step.json"
    )
    record.write_text(json.dumps(json.loads(record.read_text()) | {"seconds": 777.0}))
    assert expected_preparation_secs(slower)["wildseg3d"] == 777
    visitor = Visitor("visitor-of-the-tests-1", lab)
    visitor.open(NAME)
    rows = {row.name: row for row in not_none(status(visitor).detail)}
    took = lab.step_records(NAME)["wildseg3d"]["seconds"]
    assert rows["wildseg3d"].ready and rows["wildseg3d"].expected_secs == took
    alone = PREPARE_SECS["gaga"]
    assert rows["gaga"].expected_secs == alone + lab.expected_secs("gaussians", VIEWS), (
        "with the splats it needs"
    )
    assert rows["ovseg3r"].expected_secs == PREPARE_SECS["ovseg3r"]
    visitor.close()
