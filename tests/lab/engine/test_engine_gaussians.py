"""The splats of a scene as a step: computed once, continued after a stop or a kill, there for methods."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.gaussians.training import loop as training
from liftlab.components.gaussians.training.loop import TrainConfig
from liftlab.components.progress import CancelToken, no_progress
from liftlab.engine.inventory import prune, verify
from liftlab.engine.lab import Lab
from liftlab.engine.splat_step import train, use_beside
from liftlab.pipelines.steps.gaussians import GaussiansConfig, default_config
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.toy_workspace import NAME

__all__ = ["lifted"]

QUICK = GaussiansConfig(
    start_count=400, train=TrainConfig(iterations=20, max_side=48, report_every=5, densify_every=8)
)


def stop_at(iteration: int) -> tuple[CancelToken, Callable[[object, int], None]]:
    token = CancelToken()

    def preview(_gaussians: object, done: int) -> None:
        if done >= iteration:
            token.cancel()

    return token, preview


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of optimiser steps of every training begun."""
    begun: list[int] = []
    step = training._Trainer._step
    run = training._Trainer.run

    def counted_run(self, *args, **kwargs):
        begun.append(0)
        return run(self, *args, **kwargs)

    def counted(self, done):
        begun[-1] += 1
        return step(self, done)

    monkeypatch.setattr(training._Trainer, "run", counted_run)
    monkeypatch.setattr(training._Trainer, "_step", counted)
    return begun


def test_splats_are_trained_once_and_the_scene_has_them(lab: Lab, trainings: list[int]) -> None:
    assert not lab.status(NAME).gaussians
    assert lab.scene(NAME).gaussians is None
    first = lab.gaussians(NAME, QUICK)
    again = Lab(lab.workspace.root)
    second = again.gaussians(NAME)
    assert trainings == [20]
    np.testing.assert_array_equal(first.means, second.means)
    scene = again.scene(NAME)
    assert again.status(NAME).gaussians and scene.gaussians is second and scene.gaussians_key
    report = again.gaussians_report(NAME)
    assert (report["stopped"], report["iterations"], report["backend"]) == ("iterations", 20, "cpu")
    assert report["count"] == len(first.means) and len(report["curve"]) == 4
    assert report["psnr"] > 5 and report["psnr_held_out"] is None
    assert again.step_records(NAME)["gaussians"]["config"]["start_count"] == 400
    assert all(sound for _, sound in verify(again.workspace))


def test_photos_left_out_are_judged_and_not_trained_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[list[str]] = []

    def train(views, start, config, *, pointmap, held_out, **rest):
        used.extend([[view.name for view in group] for group in (views, held_out)])
        assert len(pointmap.pts3d) == len(views)
        return training.train(views, start, config, pointmap=pointmap, held_out=held_out, **rest)

    monkeypatch.setattr("liftlab.pipelines.steps.gaussians.train", train)
    lab.gaussians(NAME, dataclasses.replace(QUICK, held_out_every=2))
    assert used == [["000.png", "002.png"], ["001.png"]]
    assert lab.gaussians_report(NAME)["psnr_held_out"] > 5


def test_a_stopped_training_keeps_its_best_and_goes_on(lab: Lab, trainings: list[int]) -> None:
    token, preview = stop_at(10)
    best = lab.gaussians(NAME, QUICK, cancel=token, preview=preview)
    stopped = lab.gaussians_report(NAME)
    assert (stopped["stopped"], stopped["iterations"]) == ("cancelled", 10)
    scene = lab.scene(NAME)
    assert scene.gaussians is best
    fresh = Lab(lab.workspace.root)
    fresh.gaussians(NAME)
    whole = fresh.gaussians_report(NAME)
    assert trainings == [10, 10]
    assert (whole["stopped"], whole["iterations"]) == ("iterations", 20)
    assert [point["iteration"] for point in whole["curve"]] == [5, 10, 15, 20]
    assert fresh.scene(NAME).gaussians_key != scene.gaussians_key
    assert not list(lab.workspace.root.rglob("*.checkpoint.safetensors"))


def test_going_on_gives_what_an_unbroken_training_gives(lab: Lab, tmp_path: Path) -> None:
    token, preview = stop_at(10)
    lab.gaussians(NAME, QUICK, cancel=token, preview=preview)
    continued = lab.gaussians(NAME, QUICK)
    lab.workspace.forget_scene(NAME)
    for folder in lab.workspace.root.glob("scenes/*/gaussians/*"):
        folder.rename(tmp_path / folder.name)
    unbroken = Lab(lab.workspace.root).gaussians(NAME, QUICK)
    np.testing.assert_allclose(continued.means, unbroken.means, atol=1e-6)


def test_a_killed_training_goes_on(lab: Lab, trainings: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECS", 0.0)

    def die(_gaussians: object, done: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.gaussians(NAME, QUICK, preview=die)
    assert not lab.status(NAME).gaussians
    Lab(lab.workspace.root).gaussians(NAME, QUICK)
    assert trainings == [10, 15], "saved after step 5, killed during the report of step 10"


def test_a_damaged_saved_training_is_not_trusted(lab: Lab, trainings: list[int]) -> None:
    token, preview = stop_at(10)
    lab.gaussians(NAME, QUICK, cancel=token, preview=preview)
    (saved,) = lab.workspace.root.rglob("*.checkpoint.safetensors")
    saved.write_bytes(saved.read_bytes()[:-100])
    lab.gaussians(NAME, QUICK)
    assert trainings == [10, 20]
    assert lab.gaussians_report(NAME)["stopped"] == "iterations"


def test_stopped_before_the_first_step_keeps_nothing(lab: Lab) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        lab.gaussians(NAME, QUICK, cancel=token)
    assert not lab.status(NAME).gaussians
    with pytest.raises(InputError, match="no splats yet"):
        lab.gaussians_report(NAME)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_trained_by_default_does_not_depend_on_how_fast_a_computer_is(device: str) -> None:
    assert default_config(device).train.budget_secs is None


@pytest.mark.parametrize(
    ("wanted", "card", "gsplat", "device"),
    [
        ("auto", True, True, "cuda"),
        ("auto", True, False, "cpu"),
        ("auto", False, True, "cpu"),
        ("cpu", True, True, "cpu"),
        ("cuda:1", False, False, "cuda:1"),
    ],
)
def test_the_graphics_card_is_taken_where_splats_can_be_rendered_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, card: bool, gsplat: bool, device: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: card)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if gsplat else None)
    assert Lab(tmp_path, device=wanted).device == device


def test_a_method_on_splats_has_them_trained_first_and_said(
    lab: Lab, lifted: type[Lifted], trainings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liftlab.pipelines.steps.gaussians.default_config", lambda device: QUICK)
    assert lab.prepared(NAME, LIFTED) is None
    said: list[tuple[float, str]] = []
    lab.prepare(NAME, LIFTED, progress=lambda fraction, message="": said.append((fraction, message)))
    assert trainings == [20]
    messages = [message for _, message in said]
    assert messages.index("Training splats …") < messages.index("Preparing the method …")
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions), "progress never goes back"
    assert lifted.prepared_on == [lab.scene(NAME).gaussians_key]
    assert LIFTED in lab.status(NAME).methods
    assert Lab(lab.workspace.root).prepared(NAME, LIFTED) is not None


def test_other_splats_need_another_preparation(lab: Lab, lifted: type[Lifted]) -> None:
    lab.gaussians(NAME, QUICK)
    lab.prepare(NAME, LIFTED)
    lab.gaussians(NAME, dataclasses.replace(QUICK, start_count=300))
    assert lab.status(NAME).methods == ("wildseg3d",), "what was prepared on points stays"
    assert lab.prepared(NAME, LIFTED) is None
    lab.prepare(NAME, LIFTED)
    assert len(set(lifted.prepared_on)) == 2
    lab.gaussians(NAME, QUICK)
    lab.prepare(NAME, LIFTED)
    assert len(lifted.prepared_on) == 2, "the first ones are found again"


def test_entries_written_before_splats_existed_still_load(lab: Lab) -> None:
    path = lab.workspace.root / "names" / f"{NAME}.json"
    record = json.loads(path.read_text())
    del record["gaussians_key"], record["gaussians_config"]
    path.write_text(json.dumps(record))
    assert lab.status(NAME).masks and not lab.status(NAME).gaussians


def test_a_stopped_retraining_leaves_better_splats_in_use_and_is_offered_beside(lab: Lab) -> None:
    whole = lab.gaussians(NAME, QUICK)
    key, report = lab.scene(NAME).gaussians_key, lab.gaussians_report(NAME)
    token, preview = stop_at(5)
    worse = lab.gaussians(NAME, dataclasses.replace(QUICK, start_count=40), cancel=token, preview=preview)
    assert lab.scene(NAME).gaussians is whole and lab.scene(NAME).gaussians_key == key
    assert lab.gaussians_report(NAME) == report
    entry = lab.entry(NAME)
    assert entry.psnr_in_use is not None and entry.psnr_beside is not None
    assert entry.psnr_beside < entry.psnr_in_use == pytest.approx(report["psnr"], abs=1e-3)

    use_beside(lab, NAME)
    assert lab.scene(NAME).gaussians_key == entry.beside_key
    assert len(lab.scene(NAME).gaussians.means) == len(worse.means)  # type: ignore[union-attr]
    swapped = lab.entry(NAME)
    assert (swapped.psnr_in_use, swapped.psnr_beside) == (entry.psnr_beside, entry.psnr_in_use)
    use_beside(Lab(lab.workspace.root), NAME)
    assert lab.entry(NAME) == entry, "back again, also in another process"


def test_a_finished_training_is_used_and_what_was_there_is_offered(lab: Lab) -> None:
    lab.gaussians(NAME, QUICK)
    key = lab.scene(NAME).gaussians_key
    few = dataclasses.replace(QUICK, start_count=40)
    lab.gaussians(NAME, few)
    entry = lab.entry(NAME)
    assert lab.scene(NAME).gaussians_key != key == entry.beside_key
    use_beside(lab, NAME)
    unused = {"progress": no_progress, "cancel": CancelToken(), "preview": None}
    train(lab, NAME, dataclasses.replace(few, start_count=41), **unused, keep_better=True)
    assert lab.scene(NAME).gaussians_key == key, "on request only better ones are"


def test_a_training_that_goes_on_does_not_offer_its_own_beginning(lab: Lab) -> None:
    token, preview = stop_at(10)
    lab.gaussians(NAME, QUICK, cancel=token, preview=preview)
    lab.gaussians(NAME, QUICK)
    assert lab.entry(NAME).beside_key is None
    with pytest.raises(InputError, match="no other splats"):
        use_beside(lab, NAME)


def test_entries_without_splats_beside_still_load(lab: Lab) -> None:
    lab.gaussians(NAME, QUICK)
    path = lab.workspace.root / "names" / f"{NAME}.json"
    record = json.loads(path.read_text())
    for field in ("beside_key", "beside_config", "psnr_in_use", "psnr_beside"):
        del record[field]
    path.write_text(json.dumps(record))
    assert lab.status(NAME).gaussians


def test_pruning_removes_splats_nobody_refers_to_and_saved_trainings(lab: Lab) -> None:
    lab.gaussians(NAME, QUICK)
    for count in (300, 310):
        token, preview = stop_at(10)
        lab.gaussians(NAME, dataclasses.replace(QUICK, start_count=count), cancel=token, preview=preview)
    assert list(lab.workspace.root.rglob("*.checkpoint.safetensors"))
    gone = prune(lab.workspace)
    assert [item.kind for item in gone] == ["gaussians"], "one is in use, and one offered beside it"
    assert not list(lab.workspace.root.rglob("*.checkpoint.safetensors"))
    assert lab.status(NAME).gaussians
