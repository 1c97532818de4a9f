"""`liftlab bench` on the toy, from the command line to the report."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from liftlab.bench.runner import PROMPTS, RESULTS
from liftlab.cli import main as cli


def arguments(capture: Path, workspace: Path, out: Path, *more: str) -> list[str]:
    return [
        "bench", str(capture), "--workspace", str(workspace), "--out", str(out), "--methods", "wildseg3d", "--clicks",
        "2", "--device", "cpu", "--json", *more,
    ]  # fmt: skip


def bench(*given: Any, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments(*given))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), json.loads(printed.out.splitlines()[-1]), printed.err


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / RESULTS).read_text().splitlines()]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "timing"} for row in rows]


def test_from_photos_to_report_and_again(toy_capture, toy_bench_workspace, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    tables = ("--csv", str(tmp_path / "csv"), "--latex", str(tmp_path / "latex"))
    code, result, _ = bench(toy_capture, toy_bench_workspace, out, *tables, capsys=capsys)
    assert (code, result["cases"], result["failed"], result["earlier"]) == (0, 1, 0, 0)
    (row,) = rows_of(out)
    assert [entry["name"] for entry in row["objects"]] == ["red box", "blue box", "green box"]
    assert min(entry["ious"][-1] for entry in row["objects"]) > 0.95  # the toy's masks are exact
    assert min(entry["projected"]["view_iou"] for entry in row["objects"]) > 0.7  # points drawn as squares
    assert row["ranker"] is None
    assert row["everything"]["recall"] == 1 and row["config"]["first_candidate"] == "whole"
    assert {"commit", "versions", "device", "threads", "effort"} <= row.keys()
    assert row["timing"].keys() >= {"reconstruct", "masks", "prepare", "click", "peak_mib"}
    report = (out / "report.html").read_text()
    assert (
        report.count("data:image/jpeg;base64,") == 3 and "http://" not in report and "https://" not in report
    )
    assert (tmp_path / "csv/overview.csv").is_file() and (tmp_path / "latex/scene-toy.tex").is_file()
    before = (out / RESULTS).read_bytes()
    _, result, said = bench(toy_capture, toy_bench_workspace, out, capsys=capsys)
    assert result["earlier"] == 1 and "1 of 1 cases have results already" in said
    assert (out / RESULTS).read_bytes() == before


def test_a_limit_makes_a_row_with_its_sentence(toy_capture, toy_bench_workspace, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    code, result, said = bench(toy_capture, toy_bench_workspace, out, "--memory-gib", "0.01", capsys=capsys)
    assert (code, result["failed"]) == (0, 1)
    assert "needed more than 0.01 GiB" in said
    assert "needed more than 0.01 GiB" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    "more, sentence",
    [
        (("--photos", "3;4"), "--photos takes numbers with commas between them, as in 3,4,5; got '3;4'."),
        (("--photos", "1"), "--photos takes numbers from 2 up; got 1."),
        (("--encoder", "words"), "--encoder takes attributes or an image-text model; got 'words'."),
        (("--encoder", "open_clip"), "'open_clip' needs the model"),
        (("--encoder", "clip"), "Did you mean 'open_clip'?"),
    ],
)
def test_what_cannot_be_planned_is_said(
    more, sentence, toy_capture, tmp_path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFTLAB_MODELS", str(tmp_path / "none"))
    _, _, said = bench(toy_capture, tmp_path / "workspace", tmp_path / "out", *more, capsys=capsys)
    assert sentence in said


def test_words_are_ranked_by_the_model_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from liftlab.cli import bench as command

    for lacking, expected in (("no weights", "attributes"), ("", "open_clip")):
        monkeypatch.setattr(command, "missing", lambda record, lacking=lacking: lacking)
        assert command._encoder("auto") == expected


def test_two_benchmarks_in_one_folder_are_refused(toy_capture, toy_bench_workspace, tmp_path, capsys) -> None:
    from liftlab.files.locks import FileLock

    with FileLock(tmp_path / ".lock").hold():
        code, result, _ = bench(toy_capture, toy_bench_workspace, tmp_path, capsys=capsys)
    assert code == 2 and "Another benchmark is running in this folder" in result["error"]


@pytest.mark.slow
def test_saved_prompts_give_the_same_clicks(toy_capture, toy_bench_workspace, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    bench(toy_capture, toy_bench_workspace, out, capsys=capsys)
    saved = str(out / PROMPTS / "wildseg3d-seed-0.json")
    bench(toy_capture, toy_bench_workspace, tmp_path / "again", "--prompts", saved, capsys=capsys)
    (first,), (again,) = rows_of(out), rows_of(tmp_path / "again")
    assert again["same_prompts"] and not first["same_prompts"]
    assert again["objects"] == first["objects"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killed_and_resumed_gives_the_same_file(how, toy_capture, toy_bench_workspace, tmp_path) -> None:
    more = ("--seeds", "0", "1", "2")
    command = [sys.executable, "-m", "liftlab.cli.main"]
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    subprocess.run(
        [*command, *arguments(toy_capture, toy_bench_workspace, whole, *more)], check=True, timeout=240
    )
    process = subprocess.Popen([*command, *arguments(toy_capture, toy_bench_workspace, halves, *more)])
    deadline = time.monotonic() + 120
    while not (halves / RESULTS).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, how)
    process.wait(timeout=60)
    done = len(rows_of(halves))
    assert 1 <= done < 3
    subprocess.run(
        [*command, *arguments(toy_capture, toy_bench_workspace, halves, *more)], check=True, timeout=240
    )
    assert without_times(rows_of(halves)) == without_times(rows_of(whole))
