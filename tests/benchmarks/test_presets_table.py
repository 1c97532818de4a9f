"""The table of methods and presets: which cases there are, and what a line says."""

from pathlib import Path
from typing import Any

from benchmarks.methods.presets import COLUMNS, plan_of, table
from liftlab.bench.plan import Effort
from tests.lab.bench.conftest import write_capture
from tests.lab.bench.rows import failed_row, make_row, report_case
from tests.toy import make_toy

PRESETS = ("default", "paper", "quick")


def settings_of(plan: list[Any]) -> list[tuple[str, str, tuple[str, ...], int]]:
    return [(case.scene, case.method, case.settings, case.seed) for case in plan]


def test_the_first_capture_takes_all_seeds_and_methods_the_presets_they_have(tmp_path: Path) -> None:
    toy = make_toy()
    captures = [write_capture(toy, tmp_path / name) for name in ("first", "second")]
    plan = settings_of(plan_of(captures, ("wildseg3d", "ovseg3r"), PRESETS, (0, 1), Effort()))
    paper, quick = ("preset=paper",), ("preset=quick",)
    for scene, seeds in (("first", (0, 1)), ("second", (0,))):
        own = [entry for entry in plan if entry[0] == scene and entry[1] == "wildseg3d"]
        assert own == [(scene, "wildseg3d", s, seed) for s in ((), paper, quick) for seed in seeds]
    assert [entry for entry in plan if entry[1] == "ovseg3r" and entry[2] == paper] == []
    alone = settings_of(plan_of(captures[:1], ("wildseg3d",), ("paper",), (0,), Effort()))
    assert alone == [("first", "wildseg3d", paper, 0)]


def test_a_line_is_the_mean_over_seeds_and_failures_say_why() -> None:
    rows = [
        make_row(report_case("saga", settings=("preset=paper",), seed=0), ious=(0.6, 0.9)),
        make_row(report_case("saga", settings=("preset=paper",), seed=1), ious=(0.6, 0.7)),
        failed_row(report_case("saga", settings=("preset=paper",), seed=2), "It took too long."),
        failed_row(report_case("wildseg3d", settings=("preset=paper",)), "'mast3r' needs the model mast3r."),
    ]
    lines = table(rows).splitlines()
    assert lines[2].startswith("| desk | saga | paper | 2 of 3 | 55.0 | 75.0 |")
    assert "| 0 of 1 | failed: 'mast3r' needs the model mast3r. |" in lines[3]
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 5}
