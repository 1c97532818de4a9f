"""The report's numbers, ranks, escapes, failures and formats; tests/browser/test_report_page.py opens it."""

import csv
import io
import json
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.report import write_csv, write_html, write_latex
from liftlab.report.html import html_of
from liftlab.report.summary import case_numbers, curve, entries, mean_curve, ranks
from liftlab.report.tables import all_tables, overview
from liftlab.report.text import as_csv, as_latex
from tests.lab.bench.rows import make_row, report_case, report_rows


@pytest.fixture
def rows() -> list[dict]:
    return report_rows()


def test_numbers_of_a_case(rows: list[dict]) -> None:
    numbers = case_numbers(rows[0])  # IoU .8, .95 and .7, .85 with three clicks
    assert numbers["iou_first"] == pytest.approx(0.75) and numbers["iou_last"] == pytest.approx(0.9)
    assert numbers["noc80"] == pytest.approx((1 + 2) / 2) and numbers["noc85"] == pytest.approx((2 + 2) / 2)
    assert numbers["noc90"] == pytest.approx((2 + 3) / 2) and numbers["failures"] == 0.5
    assert curve(rows[0]) == pytest.approx([0.75, 0.9, 0.9])  # it ended early and keeps its last
    assert case_numbers(rows[-1]) == {} and curve(rows[-1]) == []


def test_what_is_lifted_has_columns_beside_the_masks() -> None:
    """Objects without a photo to be projected into leave the mean as it is."""
    row = make_row(report_case("alpha"))
    assert "projected" not in case_numbers(row)
    row["objects"][0]["projected"] = {"iou": 0.5, "view_iou": 0.4, "accuracy": 0.6, "boundary_iou": 0.1}
    row["objects"][1]["projected"] = None
    numbers = case_numbers(row)
    assert numbers["projected"] == 0.4 and numbers["projected_accuracy"] == 0.6 and numbers["view_iou"] == 0.8
    assert {"mIoU, 2D masks", "mIoU, projected 3D", "mAcc, projected 3D"} <= set(overview([row]).headers)


def test_tables_say_who_ranked_words(rows: list[dict]) -> None:
    assert not any("ranked by" in table.note for table in all_tables(rows))
    for ranker, words in (
        ("attributes", "measured attributes"),
        ("open_clip", "an image-text model (open_clip)"),
    ):
        tables = all_tables([make_row(report_case("alpha")) | {"ranker": ranker}])
        assert all(f"Words were ranked by {words}." in table.note for table in tables[:2])


def test_means_are_over_seeds_and_then_over_scenes() -> None:
    rows = [
        make_row(report_case("alpha", seed=0), ious=(0.9,)), make_row(report_case("alpha", seed=1), ious=(0.7,)),
        make_row(report_case("alpha", "shelf"), ious=(0.4,)),
    ]  # fmt: skip
    (entry,) = entries(rows)
    assert entry.numbers["iou_last"] == pytest.approx(((0.85 + 0.65) / 2 + 0.35) / 2)
    assert mean_curve(rows, "alpha") == pytest.approx([0.55] * 3)


def test_ranks() -> None:
    assert ranks([0.9, 0.5, None, 0.7, 0.9], "high") == [1, None, None, 2, 1]
    assert ranks([3.0, 1.0], "low") == [2, 1]
    assert ranks([0.9, None], "high") == [None, None]
    assert ranks([0.9, 0.9], "high") == [None, None]


def test_methods_that_lack_a_scene_are_not_ranked(rows: list[dict]) -> None:
    table = overview(rows)
    column = table.headers.index("IoU, all clicks")
    marks = {row[0].text: row[column].rank for row in table.rows}
    assert marks == {"alpha": 1, "beta": 2, "alpha, size=2 (1 failed)": None}
    assert "are not ranked" in table.note


def test_tables(rows: list[dict]) -> None:
    assert [table.name for table in all_tables(rows)] == [
        "overview",
        "scene-desk",
        "scene-shelf",
        "ablation-alpha",
    ]


def test_csv_has_full_numbers(rows: list[dict]) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(overview(rows)))))
    assert float(lines[0]["IoU, all clicks"]) == pytest.approx((0.9 + 0.75) / 2)
    assert lines[0]["method"] == "alpha"


def test_latex_marks_and_escapes() -> None:
    rows = [make_row(report_case("a_b"), ious=(0.9,)), make_row(report_case("c%"), ious=(0.5,))]
    text = as_latex(overview(rows))
    assert r"a\_b" in text and r"c\%" in text and r"\textbf{85.0}" in text and r"\underline{45.0}" in text
    assert text.count("&") == 3 * (len(overview(rows).headers) - 1)


def test_files_are_written(rows: list[dict], tmp_path: Path) -> None:
    assert {path.suffix for path in write_csv(rows, tmp_path / "csv")} == {".csv"}
    assert len(write_latex(rows, tmp_path / "tex")) == 4
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_html(rows, tmp_path, blocked / "report.html")
    with pytest.raises(InputError, match="cannot be written"):
        write_csv(rows, blocked / "csv")


def test_text_of_people_is_escaped(rows: list[dict], tmp_path: Path) -> None:
    text = html_of(rows, tmp_path, command="liftlab bench <x>")
    assert "red &lt;box&gt;" in text and "red <box>" not in text
    assert "It took &lt;too&gt; long." in text and "bench &lt;x&gt;" in text
    assert json.dumps({"size": 1}, indent=1).splitlines()[1].strip() in text.replace("&quot;", '"')


def test_one_row_and_only_failures_are_reports_too(rows: list[dict], tmp_path: Path) -> None:
    assert "<h2>Overview</h2>" in html_of(rows[:1], tmp_path)
    failed = html_of(rows[-1:], tmp_path)
    assert "It took" in failed and '<svg class="plot"' not in failed
