"""The cell Splats: the 3D view shows them while they are trained, Cancel keeps the best so far."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from liftlab.components.geometry.splat_links import nearest_points
from liftlab.engine.lab import Lab
from liftlab.engine.recent import Recent
from liftlab.export.formats import EXPORT_FORMATS
from liftlab.page.cells import gaussians as cell
from liftlab.page.state import state_of
from liftlab.view3d.drawing import Look
from liftlab.web.visitor import Visitor
from liftlab.web.wire.commands import perform
from liftlab.web.wire.messages import Ready
from tests import toy_workspace
from tests.answered import answer_of
from tests.lab.web.test_server_visitors import click_red, status_of, until
from tests.not_none import not_none

if TYPE_CHECKING:
    from liftlab.components.types import Scene

ID = "visitor-of-the-splats"


class Training:
    """Stands for a training: reports a few times, then waits to be let go or cancelled."""

    def __init__(self) -> None:
        self.reported, self.go_on = threading.Event(), threading.Event()

    def __call__(self, scene, config, *, preview, cancel, progress, **_):
        assert config.train.budget_secs == 30
        gaussians, report = toy_workspace.untrained(scene)
        for step in (100, 200, 300):
            progress(step / 300, f"{15 + step / 100:.1f} dB, step {step}")
            preview(gaussians, step)
        self.reported.set()
        while not (self.go_on.wait(0.01) or cancel.cancelled):
            pass
        return gaussians, replace(report, stopped="cancelled" if cancel.cancelled else "budget")


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    training = Training()
    monkeypatch.setattr("liftlab.pipelines.steps.gaussians.build_gaussians", training)
    return training


@pytest.fixture
def visitor(toy_source: Path, tmp_path: Path) -> Iterator[Visitor]:
    shutil.copytree(toy_source, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    visitor = Visitor(ID, lab)
    visitor.open(toy_workspace.NAME)
    yield visitor
    visitor.close()
    lab.close()


def drawn(visitor: Visitor, prefix: str) -> int:
    """Visible nodes of the 3D view under a prefix."""
    drawing = visitor.viewer._drawing
    assert drawing is not None
    return sum(sent.handle.visible for name, sent in drawing._sent.items() if name.startswith(prefix))


def not_offered(visitor: Visitor) -> set[str]:
    """Kinds of export that the page shows greyed, with the reason."""
    state = state_of(visitor)
    assert isinstance(state, Ready)
    return {entry.kind for entry in state.exports if "Train splats first" in entry.missing}


def look(visitor: Visitor) -> tuple[str, bool]:
    """What the page says is drawn, and whether that is a preview."""
    state = state_of(visitor)
    assert isinstance(state, Ready)
    return state.look.surface, state.previewing


@pytest.mark.parametrize("cancelled", [False, True])
def test_splats_are_seen_growing_and_kept(visitor: Visitor, training: Training, cancelled: bool) -> None:
    assert drawn(visitor, "/base/points") > 0
    cell.start(visitor, 30, 320)
    assert training.reported.wait(60)
    until(lambda: len(visitor.viewer._preview) > 0)
    assert drawn(visitor, "/base") == 0, "the points make room"
    assert look(visitor) == ("splats", True) and visitor.look.surface == "points"
    click_red(visitor)
    assert drawn(visitor, "/base") == 0, "also after a click meanwhile"
    needing = {one.name for one in EXPORT_FORMATS.records() if one.needs_splats}
    assert not_offered(visitor) == needing, "what needs splats says so"
    curve = status_of(visitor, "gaussians").curve
    assert curve is not None and [step for step, _ in curve.points] == [100, 200, 300]
    assert status_of(visitor, "gaussians").state == "running"
    told = not_none(status_of(visitor, "gaussians").job).message
    assert "step 300" in told and "dB" not in told, "one number is told, that of the curve"

    if cancelled:
        visitor.cancel("gaussians")
    training.go_on.set()
    until(lambda: visitor.session.scene is not None and visitor.session.scene.gaussians is not None, 30)
    until(lambda: status_of(visitor, "gaussians").state == "done")
    status = status_of(visitor, "gaussians")
    assert ("Stopped early" in status.notes[0]) == cancelled
    assert f"{not_none(status.curve).points[-1][1]:.1f} dB" in status.summary
    assert visitor.viewer._preview == [] and drawn(visitor, "/base/splats") > 0
    assert look(visitor) == ("splats", False), "what was seen growing stays to be seen"
    assert "splats" in not_none(visitor.viewer._drawing).surfaces
    assert answer_of(visitor.session.current).selected("splats").any(), (
        "the click made meanwhile lights splats"
    )
    assert not_offered(visitor) == set()


def test_what_a_lit_object_needs_of_the_splats_is_ready_before_the_click(
    toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    find = nearest_points

    def watched(scene: "Scene") -> np.ndarray:
        asked.append(threading.current_thread().name)
        return find(scene)

    monkeypatch.setattr("liftlab.session.answerer.nearest_points", watched)
    monkeypatch.setattr("liftlab.session.answerer._nearest", Recent(4))
    shutil.copytree(toy_root, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    visitor = Visitor(ID, lab)
    visitor.open(toy_workspace.NAME)
    visitor.look_at(Look("splats"))
    assert drawn(visitor, "/base/splats") > 0
    until(lambda: bool(asked))
    click_red(visitor)
    assert drawn(visitor, "/lit/splats") == 1
    assert asked == ["liftlab-links"], "once, and no click waits for it"
    visitor.close()
    lab.close()


def test_splats_that_go_while_the_page_asks_for_them_cost_it_nothing(
    toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(toy_root, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    visitor = Visitor(ID, lab)
    visitor.open(toy_workspace.NAME)
    assert status_of(visitor, "gaussians").state == "done"
    asked = lab.gaussians_report

    def reconstructed_meanwhile(name: str) -> dict[str, Any]:
        lab.workspace.write_scene_entry(replace(lab.entry(name), gaussians_key=None))
        return asked(name)

    monkeypatch.setattr(lab, "gaussians_report", reconstructed_meanwhile)
    assert status_of(visitor, "gaussians").state == "idle"
    visitor.close()
    lab.close()


def test_splats_beside_those_in_use_are_offered_with_both_numbers(
    toy_root: Path, tmp_path: Path, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(toy_root, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    visitor = Visitor(ID, lab)
    visitor.open(toy_workspace.NAME)
    before = lab.scene(toy_workspace.NAME).gaussians_key
    scored = iter([Scored(18.5), Scored(13.1)])
    cell.start(visitor, 30, 320)
    assert training.reported.wait(60)
    monkeypatch.setattr("liftlab.components.gaussians.training.loop.evaluate", lambda *_: next(scored))
    visitor.cancel("gaussians")
    until(lambda: status_of(visitor, "gaussians").offer != "", 30)
    until(lambda: status_of(visitor, "gaussians").job is None)
    assert lab.scene(toy_workspace.NAME).gaussians_key == before
    notes = status_of(visitor, "gaussians").notes
    assert "13.1 dB where these have 18.5 dB on the same photos and size" in notes[1]
    perform(visitor, '{"do": "use_splats"}')
    assert lab.scene(toy_workspace.NAME).gaussians_key != before
    assert "18.5 dB where these have 13.1 dB" in status_of(visitor, "gaussians").notes[1]
    visitor.close()
    lab.close()


@dataclass(frozen=True)
class Scored:
    psnr: float
