"""Rows are kept, resumed and ordered; children are ended at their limits."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from liftlab.bench.plan import BenchRequest, Case, Limits, make_plan
from liftlab.bench.runner import LOGS, PICTURES, PROMPTS, RESULTS, ResultsFolder, run_case, run_plan
from liftlab.components.errors import Cancelled
from liftlab.components.progress import CancelToken
from tests.lab.bench.rows import failed_row, make_row, outcome


@pytest.fixture
def plan(toy_capture: Path) -> list[Case]:
    return make_plan(BenchRequest((toy_capture,), methods=("wildseg3d",), seeds=(0, 1, 2, 3)))


def text_of(folder: Path) -> str:
    return (folder / RESULTS).read_text()


def test_an_interrupted_run_ends_in_the_same_file(plan: list[Case], tmp_path: Path) -> None:
    ran: list[int] = []

    def run(case, progress, cancel):
        ran.append(case.seed)
        return outcome(make_row(case))

    def dies_at_third(case, progress, cancel):
        if case.seed == 2:
            raise RuntimeError("the power went off")
        return run(case, progress, cancel)

    run_plan(plan, ResultsFolder(tmp_path / "whole"), run)
    assert ran == [0, 1, 2, 3]
    ran.clear()
    with pytest.raises(RuntimeError):
        run_plan(plan, ResultsFolder(tmp_path / "halves"), dies_at_third)
    assert ran[:2] == [0, 1]
    rows = run_plan(plan, ResultsFolder(tmp_path / "halves"), run)
    assert sorted(ran) == [0, 1, 2, 3]  # nothing twice
    assert text_of(tmp_path / "halves") == text_of(tmp_path / "whole")
    assert [row["seed"] for row in rows] == [0, 1, 2, 3]


def test_jobs_that_finish_in_another_order_give_the_same_file(plan: list[Case], tmp_path: Path) -> None:
    others_done = threading.Event()
    left = [3]

    def run(case, progress, cancel):
        progress(0.5, "halfway")
        if case.seed == 0:
            assert others_done.wait(20)
        else:
            left[0] -= 1
            if left[0] == 0:
                others_done.set()
        return outcome(make_row(case))

    run_plan(plan, ResultsFolder(tmp_path / "four"), run, jobs=4)
    others_done.set()
    run_plan(plan, ResultsFolder(tmp_path / "one"), run)
    assert text_of(tmp_path / "four") == text_of(tmp_path / "one")


def test_failed_cases_are_rows_and_run_again_only_when_asked(plan: list[Case], tmp_path: Path) -> None:
    sound = [False]

    def run(case, progress, cancel):
        bad = case.seed == 1 and not sound[0]
        return outcome(failed_row(case, "It failed.") if bad else make_row(case))

    rows = run_plan(plan, ResultsFolder(tmp_path), run)
    assert [row["status"] for row in rows] == ["ok", "failed", "ok", "ok"]
    log = tmp_path / LOGS / f"{plan[1].key}.txt"
    assert log.read_text() == "a log" and len(list((tmp_path / PICTURES).iterdir())) == 3
    sound[0] = True
    assert run_plan(plan, ResultsFolder(tmp_path), run)[1]["status"] == "failed"
    assert run_plan(plan, ResultsFolder(tmp_path), run, retry_failed=True)[1]["status"] == "ok"
    assert not log.exists()


def test_rows_of_earlier_plans_stay_behind_the_present_one(plan: list[Case], tmp_path: Path) -> None:
    def run(case, progress, cancel):
        return outcome(make_row(case))

    run_plan(plan[:2], ResultsFolder(tmp_path), run)
    run_plan(plan[2:], ResultsFolder(tmp_path), run)
    seeds = [json.loads(line)["seed"] for line in text_of(tmp_path).splitlines()]
    assert seeds == [2, 3, 0, 1]


def test_clicks_of_every_method_are_saved(plan: list[Case], tmp_path: Path) -> None:
    run_plan(plan, ResultsFolder(tmp_path), lambda case, progress, cancel: outcome(make_row(case)))
    names = sorted(path.name for path in (tmp_path / PROMPTS).iterdir())
    assert names == [f"wildseg3d-seed-{seed}.json" for seed in range(4)]
    saved = json.loads((tmp_path / PROMPTS / names[0]).read_text())
    assert saved["scenes"]["toy"]["blue box"][0] == {"photo": "000.png", "x": 3.5, "y": 4.5, "positive": True}


def test_a_case_is_ended_at_its_limits(plan: list[Case], tmp_path: Path) -> None:
    short = run_case(plan[0], tmp_path, Limits(case_secs=0.3), threads=1)
    assert short.row["status"] == "failed"
    assert short.row["sentence"] == "The case took longer than 0.3 s; allow more with --case-secs."
    small = run_case(plan[0], tmp_path, Limits(memory_gib=0.005), threads=1)
    assert small.row["sentence"] == "The case needed more than 0.005 GiB; allow more with --memory-gib."


def test_a_cancelled_case_leaves_nothing(plan: list[Case], tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run_case(plan[0], tmp_path, Limits(), threads=1, cancel=token)


def test_a_case_that_dies_says_how(plan: list[Case], tmp_path: Path) -> None:
    broken = replace(plan[0], settings=("no such setting",), folder=str(tmp_path / "gone"))
    ended = run_case(broken, tmp_path / "workspace", Limits(), threads=1)
    assert ended.row["status"] == "failed" and "There is no folder here" in ended.row["sentence"]
