"""The table of methods: which cases run, what is kept of them, and what a killed or failed run leaves."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.methods import cases, compare
from benchmarks.methods.cases import ABLATIONS, ROWS, VARIANTS, Case
from liftlab.components.types import Camera
from liftlab.pipelines.base import get_method
from tests.toy import Toy, gaussian_toy

DONE = {
    "iterations": 100, "iou": [0.8, 0.9, 1.0], "accuracy": [1, 1, 1], "pq": 0.5, "miou": 0.5, "precision": 1.0,
    "recall": 1.0, "prepare_secs": 10.0, "click_ms": 2.0, "peak_mib": 100,
}  # fmt: skip


def case_of(workspace: Path, variant: str = "saga", **changes: Any) -> Case:
    return replace(Case(Path("captures/desk"), workspace, variant, "oracle", 0, 60.0), **changes)


@pytest.mark.parametrize("variant", list(ROWS))
def test_every_row_names_a_method_and_settings_that_exist(variant: str) -> None:
    name, changes = ROWS[variant]
    config = cases.config_of(variant, 60.0)
    assert isinstance(config, get_method(name).config_class)
    for path, value in changes.items():
        inner = config
        for part in path.split("."):
            inner = getattr(inner, part)
        assert inner == value
    trainings = [getattr(config, "train", None), getattr(getattr(config, "lifting", None), "train", None)]
    assert {one.budget_secs for one in trainings if one} == ({60.0} if name != "wildseg3d" else set())


def test_the_default_asks_for_every_method_with_both_masks_then_for_ablations(tmp_path: Path) -> None:
    captures = [Path("a"), Path("b")]
    cases = compare.cases_of(captures, tmp_path, (), ("oracle", "proposals"), full=False)
    asked = {(case.capture.name, case.variant, case.masks) for case in cases}
    both = {(c, v, m) for c in "ab" for v in VARIANTS for m in ("oracle", "proposals")}
    both -= {(c, "wildseg3d", "oracle") for c in "ab"}
    assert asked == both | {("a", variant, "oracle") for variant in ABLATIONS}
    assert all(case.variant in VARIANTS for case in cases[: len(both)])
    full = compare.cases_of(captures, tmp_path, (), ("oracle",), full=True)
    assert {case.seed for case in full} == {0, 1, 2} and {case.budget_secs for case in full} == {0.0}
    assert {case.capture.name for case in full if case.variant in ABLATIONS} == {"a", "b"}


def test_a_row_is_out_of_date_when_its_own_method_changed_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saga, gaga = case_of(tmp_path), case_of(tmp_path, "gaga")
    known = {case.key: {**case.blank, **DONE} for case in (saga, gaga)}
    assert compare.missing([saga, gaga], known, retry=False) == []
    monkeypatch.setattr(get_method("gaga").make, "STEP_VERSION", 99)
    assert compare.missing([saga, gaga], known, retry=True) == [gaga]
    assert [row["variant"] for row in compare.current(known.values(), tmp_path)] == ["saga"]


def test_masks_and_splats_of_another_version_make_rows_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle, proposals = case_of(tmp_path), case_of(tmp_path, masks="proposals")
    known = {case.key: {**case.blank, **DONE} for case in (oracle, proposals)}
    monkeypatch.setattr("liftlab.pipelines.steps.masks.STEP_VERSION", 99)
    assert compare.missing([oracle, proposals], known, retry=False) == [proposals]
    monkeypatch.setattr("liftlab.pipelines.steps.gaussians.STEP_VERSION", 99)
    assert compare.missing([oracle, proposals], known, retry=False) == [oracle, proposals]


def test_comments_are_no_change_of_a_method_and_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pipelines"
    package.mkdir()
    monkeypatch.setattr(cases, "__file__", str(tmp_path / "benchmarks" / "methods" / "cases.py"))
    one, used = package / "one.py", package / "used.py"
    used.write_text("LEAST = 1\n")

    def key(text: str) -> str:
        one.write_text(f"from liftlab.pipelines.used import LEAST\n{text}")
        return cases.code_key.__wrapped__("liftlab.pipelines.one")

    plain = key("def f():\n    return LEAST\n")
    assert key('# why\ndef f():\n    """What."""\n    return (LEAST)\n') == plain
    assert key("def f():\n    return -LEAST\n") != plain
    used.write_text("LEAST = 2\n")
    assert key("def f():\n    return LEAST\n") != plain


def test_a_killed_run_leaves_half_a_line_and_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "methods.jsonl"
    saga, gaga = case_of(tmp_path), case_of(tmp_path, "gaga")
    compare.append_row(path, {**saga.blank, **DONE})
    with path.open("a") as file:
        file.write('{"key": "desk|gaga')
    assert compare.missing([saga, gaga], compare.known_results(path), retry=False) == [gaga]
    compare.append_row(path, {**gaga.blank, **DONE})
    assert compare.missing([saga, gaga], compare.known_results(path), retry=False) == []


def test_a_case_that_fails_is_a_row_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(tmp_path)
    broken = [sys.executable, "-c", "print('half'); raise SystemExit('Traceback\\nInputError: no photos')"]
    started = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        return started(broken if "benchmarks.methods.compare" in command else command, **options)

    monkeypatch.setattr(compare.subprocess, "run", run)
    row = compare.run_apart(case, 60.0)
    assert row["failed"] == "InputError: no photos" and row["key"] == case.key
    known = {case.key: json.loads(json.dumps(row))}
    assert compare.missing([case], known, retry=False) == []
    assert compare.missing([case], known, retry=True) == [case]
    (line,) = compare.table([row]).splitlines()[2:]
    assert "failed: InputError: no photos" in line
    assert line.count("|") == compare.table([]).splitlines()[0].count("|")


def test_a_case_that_takes_too_long_is_a_row(tmp_path: Path) -> None:
    assert compare.run_apart(case_of(tmp_path), 0.01)["failed"] == "longer than 0.01 s"


def test_rows_of_a_case_are_averaged_over_seeds(tmp_path: Path) -> None:
    first = {**case_of(tmp_path).blank, **DONE}
    other = {**case_of(tmp_path, seed=1).blank, **DONE, "iou": [0.6, 0.9, 1.0], "iterations": 120}
    text = compare.table([first, other])
    assert "| desk | ORACLE | saga | 60 s | 100/120 | 2 | 0.700 | 0.900 | 1.000 |" in text


def test_the_table_says_what_a_claim_is_worth_and_who_is_behind(tmp_path: Path) -> None:
    whole = {**case_of(tmp_path).blank, **DONE}
    without = {**case_of(tmp_path, "saga, no gate").blank, **DONE, "iou": [0.7, 0.95, 1.0], "pq": 0.4}
    assert "| desk | saga, no gate | 1 | +0.100 | -0.050 | +0.000 | +0.100 |" in compare.ablation_table(
        [whole, without]
    )
    base = {**case_of(tmp_path, "wildseg3d", masks="proposals").blank, **DONE, "iou": [0.9, 0.93, 1.0]}
    rows = [base, {**case_of(tmp_path, masks="proposals").blank, **DONE}]
    assert "saga on desk by 0.100 after 1." in compare.behind(rows)
    assert compare.behind(rows[:1]).endswith("none.")
    assert compare.behind(rows[1:]).endswith("none.")


@pytest.fixture(scope="module")
def toy() -> Toy:
    return gaussian_toy()


def write_truth(folder: Path, toy: Toy) -> None:
    """The toy as truth of its training photos, and of test photos, which here are the same."""
    frames = []
    for place in (folder / "truth", folder / "test" / "truth"):
        (place / "instance").mkdir(parents=True)
        for view, labels in zip(toy.scene.views, toy.instance, strict=True):
            cv2.imwrite(str(place / "instance" / f"{view.stem}.png"), labels.astype(np.uint16))
            frames.append(_frame(view.name, view.camera))
        (place / "cameras.json").write_text(json.dumps({"frames": frames}))
        (place / "objects.json").write_text("[]")


def _frame(name: str, camera: Camera) -> dict[str, Any]:
    return {
        "image": name, "K": camera.K.tolist(), "world_to_camera": camera.world_to_camera.tolist(),
        "width": camera.width, "height": camera.height,
    }  # fmt: skip


def test_a_tiny_case_from_training_to_its_row(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = get_method("saga").quick
    quick = replace(quick, train=replace(quick.train, iterations=60))
    capture = tmp_path / "toy"
    write_truth(capture, toy)
    monkeypatch.setattr(cases, "_scene_and_masks", lambda case: (toy.scene, toy.masks))
    monkeypatch.setattr(cases, "config_of", lambda *_: quick)
    case = case_of(tmp_path, capture=capture)
    row = cases.run_case(case)
    assert row["objects"] == 3 and set(row["iou_of_objects"]) == {"1", "2", "3"}
    assert row["iou"][0] > 0.4 and row["pq"] > 0 and row["iterations"] == 60
    json.dumps(row)

    def trained_again(*_: Any, **__: Any) -> None:
        raise AssertionError("prepared a second time")

    monkeypatch.setattr(get_method("saga").make, "prepare", trained_again)
    again = cases.run_case(case)
    same = ("iou", "accuracy", "pq", "prepare_secs", "iterations")
    assert {name: again[name] for name in same} == {name: row[name] for name in same}
