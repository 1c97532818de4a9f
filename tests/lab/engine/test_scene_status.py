"""What of a scene counts as done: results of earlier code do not, and nothing is built anew by looking."""

from dataclasses import replace
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.components.openvocab.weights import WEIGHTS, load_trained, save_trained
from liftlab.engine.demo import submit_demo
from liftlab.engine.lab import Lab
from liftlab.pipelines.base import get_method
from liftlab.pipelines.methods.ovseg3r import OvSeg3RConfig
from liftlab.session.session import Session
from tests.toy_workspace import NAME

EARLIER = {
    "reconstruct": ("liftlab.pipelines.steps.reconstruct.STEP_VERSION", (False, False, ())),
    "masks": ("liftlab.pipelines.steps.masks.STEP_VERSION", (True, False, ())),
    "method": (None, (True, True, ())),
}


@pytest.fixture(params=EARLIER)
def after_upgrade(
    request, lab: Lab, counted_steps, monkeypatch: pytest.MonkeyPatch
) -> tuple[Lab, tuple[bool, bool, tuple[str, ...]]]:
    """A lab whose workspace was made before one step's code changed, and what is done in it by today's code."""
    step, done = EARLIER[request.param]
    if step is None:
        monkeypatch.setattr(get_method("wildseg3d").make, "STEP_VERSION", 10**6)
    else:
        monkeypatch.setattr(step, 10**6)
    return Lab(lab.workspace.root), done


def test_results_of_earlier_code_do_not_count(after_upgrade) -> None:
    lab, done = after_upgrade
    status = lab.status(NAME)
    assert (status.reconstructed, status.masks, status.methods) == done
    found = lab.status(NAME, any_version=True)
    assert (found.reconstructed, found.masks, found.methods) == (True, True, ("wildseg3d",))


def test_opening_a_scene_of_earlier_code_builds_nothing(after_upgrade, counted_steps) -> None:
    lab, (reconstructed, _, _) = after_upgrade
    session = Session(lab)
    if reconstructed:
        session.open(NAME)
    else:
        with pytest.raises(InputError, match="by an earlier version of LiftLab; run its reconstruction"):
            session.open(NAME)
    assert lab.prepared(NAME, "wildseg3d") is None
    assert counted_steps == {"reconstruct": 0, "masks": 0}


def test_preparing_again_makes_what_is_out_of_date(after_upgrade, counted_steps) -> None:
    lab, (reconstructed, masks, _) = after_upgrade
    lab.prepare(NAME, "wildseg3d")
    assert counted_steps == {"reconstruct": int(not reconstructed), "masks": int(not masks)}
    status = lab.status(NAME)
    assert status.reconstructed and status.masks and status.methods == ("wildseg3d",)


def test_the_demo_is_built_anew_after_an_upgrade(after_upgrade) -> None:
    lab, _ = after_upgrade
    job = submit_demo(lab, lab.capture(NAME).folder, NAME, "wildseg3d")
    assert job is not None
    job.cancel()
    lab.close()


def test_what_other_weights_prepared_does_not_count(lab: Lab, tmp_path: Path) -> None:
    """Also where they lie under the same name: those that ship change with a version of LiftLab."""
    file = tmp_path / "weights.safetensors"
    file.write_bytes(WEIGHTS.read_bytes())
    config = OvSeg3RConfig(weights=str(file))
    lab.prepare(NAME, "ovseg3r", config)
    same = Lab(lab.workspace.root)
    assert "ovseg3r" in same.status(NAME).methods and same.prepared(NAME, "ovseg3r", config) is not None
    save_trained(replace(load_trained(file), calibration=3.0), file)
    other = Lab(lab.workspace.root)
    assert "ovseg3r" not in other.status(NAME).methods and other.prepared(NAME, "ovseg3r", config) is None
    assert "ovseg3r" in other.status(NAME, any_version=True).methods
    other.prepare(NAME, "ovseg3r", config)
    assert "ovseg3r" in Lab(lab.workspace.root).status(NAME).methods


def test_a_method_that_is_no_longer_installed_is_not_ready(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str):
        raise InputError(f"There is no method '{name}'.")

    monkeypatch.setattr("liftlab.pipelines.base.get_method", gone)
    assert Lab(lab.workspace.root).status(NAME).methods == ()
    assert lab.status(NAME, any_version=True).methods == ("wildseg3d",)


def test_a_scene_stays_when_its_capture_is_gone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liftlab.pipelines.steps.reconstruct.STEP_VERSION", 10**6)
    monkeypatch.setattr(Lab, "captures", lambda self: [])
    assert lab.status(NAME).reconstructed
