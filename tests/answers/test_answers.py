"""Answers stay what they were, unless somebody records them anew (`python -m tests.answers.record`)."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from liftlab.components.gaussians.training.frames import make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import TrainConfig, evaluate
from liftlab.components.types import Gaussians
from liftlab.pipelines.steps import gaussians as step
from liftlab.pipelines.steps.gaussians import GaussiansConfig
from tests.answers.asking import settled_answers
from tests.answers.keeping import Answers, compare, kept, packed, table, this_machine, unpacked
from tests.answers.kept_splats import FIT_DB, save_splats, trained_but_kept
from tests.answers.plans import DESK, QUICK, SHELF, SPARSE5, Plan
from tests.toy import make_toy


def check(plan: Plan) -> None:
    if plan.folder is None:
        pytest.skip(f"the capture {plan.name} is not here (LIFTLAB_DATA)")
    if not plan.recorded:
        pytest.skip(f"{plan.name} is not recorded yet: python -m tests.answers.record {plan.name}")
    before = Answers.load(plan.record)
    same_machine = before.machine == this_machine()
    now = settled_answers(plan, plan.splats, bytes_too=same_machine)
    changed = [line for line in compare(before, now) if not line.holds(bytes_too=same_machine)]
    assert not changed, (
        f"answers on {plan.name} changed; on purpose? python -m tests.answers.record {plan.name}\n"
        f"{'bytes must be equal' if same_machine else 'another machine: see docs/developer.md'}\n"
        f"{table(changed)}"
    )


@pytest.mark.timeout(600)
def test_the_quick_part_of_the_desk() -> None:
    check(QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # what compiles on the way is asked again
def test_desk() -> None:
    check(DESK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_shelf() -> None:
    check(SHELF)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_sparse5() -> None:
    check(SPARSE5)


def test_a_process_that_compiled_is_told_from_one_that_loaded(tmp_path: Path) -> None:
    code = (
        "import numpy as np\nfrom liftlab.components.geometry.picking import pick_point\n"
        "from tests.answers.asking import compiled_here\n"
        "pick_point(np.eye(3, dtype=np.float32), np.zeros(3), np.ones(3))\nprint(compiled_here())"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=environment, capture_output=True,
            text=True, timeout=200, check=True,
        ).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip
    assert said == ["['indices_in_cone']", "[]"]


def record_of(mask: np.ndarray, selected: np.ndarray, said: str = "") -> Answers:
    answers = {"method": {"click": kept([mask], selected, said=said)}}
    shown, files = {"psnr, trained": 20.0}, {"method": {"a.ply": ("x", 1000)}}
    return Answers("here", (mask.shape,), {"points": "a"}, shown, answers, files=files)


def test_a_changed_pixel_is_told_and_only_a_large_change_is_one_elsewhere(tmp_path: Path) -> None:
    mask, selected = np.zeros((40, 50), bool), np.arange(100) < 50
    mask[5:35, 5:45] = True
    record_of(mask, selected).save(tmp_path / "record")
    before = Answers.load(tmp_path / "record")
    assert all(line.equal for line in compare(before, record_of(mask, selected)))

    near = mask.copy()
    near[5, 5] = False
    line = compare(before, record_of(near, selected))[2]
    assert not line.equal and not line.holds(bytes_too=True) and line.holds(bytes_too=False)
    assert line.masks_iou == pytest.approx(1199 / 1200)

    far = mask.copy()
    far[5:7] = False
    assert not compare(before, record_of(far, selected))[2].holds(bytes_too=False)
    line = compare(before, record_of(mask, np.arange(100) < 40))[2]
    assert line.selected_iou == 0.8 and not line.holds(bytes_too=False)
    assert "50 -> 40 selected" in table([line])
    assert not compare(before, record_of(mask, selected, said="nothing here"))[2].equal


def test_missing_prompts_and_files_are_told(tmp_path: Path) -> None:
    one = record_of(np.ones((2, 2), bool), np.ones(3, bool))
    fewer = replace(one, answers={"method": {}}, files={"method": {"a.ply": ("y", 2000)}})
    lines = compare(one, fewer)
    assert [line.holds(bytes_too=False) for line in lines] == [True, True, False, False]
    assert "only in the record" in table(lines) and "1000 -> 2000 bytes" in table(lines)


def renamed(answers: Answers, method: str) -> Answers:
    return replace(
        answers, answers={method: answers.answers["method"]}, files={method: answers.files["method"]}
    )


def test_what_neither_trains_nor_runs_a_network_has_the_same_bytes_on_every_processor() -> None:
    mask, selected = np.ones((40, 50), bool), np.ones(9, bool)
    near = mask.copy()
    near[5, 5] = False
    for method, holds in (("wildseg3d", False), ("ovseg3r", True)):
        before, other = (renamed(record_of(one, selected), method) for one in (mask, near))
        assert compare(before, other)[2].holds(bytes_too=False) == holds
        assert compare(before, before)[2].holds(bytes_too=False)
        arm = replace(other, machine='["aarch64", "some"]', parts={"points": "b"})
        assert all(line.holds(bytes_too=False) for line in compare(before, arm))
    moved = replace(before, parts={"points": "b"}, machine="here, with another cache")
    assert [line.what for line in compare(before, moved) if not line.holds(bytes_too=False)] == ["points"]


def trained(masks: Sequence[np.ndarray], truth: Sequence[float]) -> Answers:
    """A record of a method that trains, with a prompt for each mask."""
    answers = {f"click {i}": kept([mask], mask.reshape(-1)) for i, mask in enumerate(masks)}
    record = record_of(masks[0], masks[0].reshape(-1))
    return replace(record, answers={"method": answers}, truth={"method": list(truth)})


def test_elsewhere_a_training_is_held_to_the_truth_and_to_half_of_its_answers() -> None:
    full = np.ones((10, 10), bool)
    most, little = full.copy(), full.copy()
    most[0, :5] = False
    little[3:] = False
    before = trained([full, full, full], [0.8, 0.6, 0.7])

    def changed(after: Answers) -> list[str]:
        return [line.what for line in compare(before, after) if not line.holds(bytes_too=False)]

    other = trained([most, full, little], [0.75, 0.59, 0.71])
    assert changed(replace(other, files={"method": {"a.ply": ("y", 1)}})) == []
    text = table(compare(before, other))
    assert (
        "first clicks to the truth" in text and "0.7000 -> 0.6833" in text and "half of all prompts" in text
    )
    assert not any(line.equal for line in compare(before, other)[2:4])
    assert changed(trained([most, full, little], [0.7, 0.59, 0.71])) == ["first clicks to the truth"]
    assert changed(trained([most, little, little], [0.8, 0.6, 0.7])) == ["half of all prompts"]
    assert changed(replace(other, truth={})) == ["first clicks to the truth"]
    assert changed(trained([full, full], [0.8, 0.6])) == ["click 2"]


def test_splats_that_show_the_photos_worse_are_told() -> None:
    before = record_of(np.ones((2, 2), bool), np.ones(3, bool))
    for psnr, holds in ((19.9, True), (25.0, True), (18.0, False)):
        line = compare(before, replace(before, shown={"psnr, trained": psnr}))[1]
        assert not line.equal and line.holds(bytes_too=False) == holds
    assert not compare(before, replace(before, shown={}))[1].holds(bytes_too=False)


def test_methods_are_asked_on_the_kept_splats_while_they_fit(tmp_path: Path) -> None:
    toy = make_toy(width=48, height=36)
    good = gaussians_from_pointmap(toy.scene.pointmap, toy.scene.views, count=2000)
    poor = replace(good, means=good.means + np.float32(5))
    config = GaussiansConfig(train=TrainConfig(max_side=48))
    file = tmp_path / "splats.npz"

    def given(trained: Gaussians, *, renew: bool) -> tuple[Gaussians, dict[str, float]]:
        shown: dict[str, float] = {}
        report = SimpleNamespace(psnr=psnr_of(trained), ssim=0.9)
        with (
            mock.patch.object(step, "build_gaussians", lambda *_, **__: (trained, report)),
            trained_but_kept(file, shown, renew=renew),
        ):
            return step.build_gaussians(toy.scene, config)[0], shown

    def psnr_of(gaussians: Gaussians) -> float:
        return evaluate(gaussians, make_frames(toy.scene.views, max_side=48)).psnr

    first, shown = given(good, renew=True)
    assert np.array_equal(first.means, good.means)
    assert np.allclose(first.opacities, good.opacities, atol=1e-3)
    assert shown["psnr, kept"] == pytest.approx(shown["psnr, trained"], abs=0.1)
    other = replace(good, means=good.means + np.float32(1e-4))
    for renew in (False, True):  # those kept, to the bit
        again, _ = given(other, renew=renew)
        assert all(
            np.array_equal(a, b) for a, b in zip(vars(first).values(), vars(again).values(), strict=True)
        )
    save_splats(file, poor)  # as of a scene with other cameras
    kept, shown = given(good, renew=False)
    assert np.array_equal(kept.means, poor.means) and shown["psnr, kept"] < shown["psnr, trained"] - FIT_DB
    assert np.array_equal(given(good, renew=True)[0].means, good.means)


def test_without_a_file_methods_are_asked_on_the_splats_that_a_training_starts_from() -> None:
    toy = make_toy(width=48, height=36)
    start = gaussians_from_pointmap(toy.scene.pointmap, toy.scene.views, count=500)
    trained = replace(start, means=start.means + np.float32(1e-3))
    with (
        mock.patch.object(
            step, "build_gaussians", lambda *_, **__: (trained, SimpleNamespace(psnr=20, ssim=0.9))
        ),
        trained_but_kept(None, {}, renew=True),
    ):
        given, _ = step.build_gaussians(toy.scene, GaussiansConfig(start_count=500))
    assert np.array_equal(given.means, start.means)


def test_long_selections_are_thinned() -> None:
    bits = np.arange(50_000) % 7 == 0
    assert np.array_equal(unpacked(packed(bits)), bits[::3])
