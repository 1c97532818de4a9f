"""`liftlab evaluate`: perfect, shifted and missing predictions, and the sentences for what does not fit."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from liftlab.cli import main as cli
from tests.not_none import read_image

NAMES = {1: "red mug", 2: "blue box"}


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two photos of 40 x 30 pixels with two objects and a table (id 201)."""
    folder = tmp_path / "capture"
    for name in ("images", "truth/instance"):
        (folder / name).mkdir(parents=True)
    for stem, shift in (("000", 0), ("001", 2)):
        labels = np.full((30, 40), 201, np.uint16)
        labels[5:20, 3 + shift : 15 + shift] = 1
        labels[8:26, 20 + shift : 35 + shift] = 2
        cv2.imwrite(str(folder / f"truth/instance/{stem}.png"), labels)
        cv2.imwrite(str(folder / f"images/{stem}.jpg"), np.zeros((30, 40, 3), np.uint8))
    entries = [{"id": i, "name": name} for i, name in NAMES.items()]
    (folder / "truth/objects.json").write_text(json.dumps({"objects": entries}))
    return folder


def truth(capture: Path, stem: str) -> np.ndarray:
    return read_image(capture / f"truth/instance/{stem}.png", cv2.IMREAD_UNCHANGED)


def write_masks(capture: Path, out: Path, *, shift: int = 0) -> Path:
    for object_id, name in NAMES.items():
        folder = out / "masks" / name
        folder.mkdir(parents=True)
        for stem in ("000", "001"):
            mask = np.roll(truth(capture, stem) == object_id, shift, axis=1)
            cv2.imwrite(str(folder / f"{stem}.png"), mask.astype(np.uint8) * 255)
    return out


def write_labels(capture: Path, out: Path) -> Path:
    (out / "labels").mkdir(parents=True)
    for stem in ("000", "001"):
        labels = truth(capture, stem)
        labels = np.where(labels == 201, 0, labels * 7).astype(np.uint16)
        cv2.imwrite(str(out / f"labels/{stem}.png"), labels)
    return out


def run(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict, str]:
    with pytest.raises(SystemExit) as stop:
        cli.main(["evaluate", *map(str, arguments), "--json"])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), json.loads(printed.out.splitlines()[-1]), printed.err


def test_perfect_masks_and_labels_score_one(capture, tmp_path, capsys) -> None:
    pred = write_labels(capture, write_masks(capture, tmp_path / "pred"))
    code, result, _ = run("--pred", pred, "--capture", capture, capsys=capsys)
    assert code == 0 and result["warnings"] == []
    assert result["mean"] == {"iou": 1, "view_iou": 1, "accuracy": 1, "boundary_iou": 1}
    labels = result["labels"]
    assert labels.pop("labels") == 2
    assert set(labels.values()) == {1}


def test_classes_of_pixels_count_where_truth_and_prediction_have_them(capture, tmp_path, capsys) -> None:
    """Classes are the truth's categories in order of their names, box before mug; the one that is wrong gives 0."""
    entries = [
        {"id": 1, "name": "red mug", "category": "mug"},
        {"id": 2, "name": "blue box", "category": "box"},
    ]
    (capture / "truth/objects.json").write_text(json.dumps({"objects": entries}))
    pred = write_labels(capture, tmp_path / "pred")
    assert "pq_classes" not in run("--pred", pred, "--capture", capture, capsys=capsys)[1]["labels"]
    for right in (True, False):
        (pred / "classes").mkdir(exist_ok=True)
        for stem in ("000", "001"):
            labels = truth(capture, stem)
            classes = np.select([labels == 1, labels == 2], [2 if right or stem == "000" else 1, 1], 0)
            cv2.imwrite(str(pred / f"classes/{stem}.png"), classes.astype(np.uint8))
        found = run("--pred", pred, "--capture", capture, capsys=capsys)[1]["labels"]["pq_classes"]
        assert found == 1 if right else 0 < found < 0.9


def test_a_shift_by_two_columns(capture, tmp_path, capsys) -> None:
    pred = write_masks(capture, tmp_path / "pred", shift=2)
    _, result, _ = run("--pred", pred, "--capture", capture, capsys=capsys)
    mug = result["objects"][0]
    assert mug["name"] == "red mug" and mug["iou"] == pytest.approx(10 / 14)
    assert mug["accuracy"] == pytest.approx(1 - 4 * 15 / 1200) and mug["boundary_iou"] < mug["iou"]


def test_what_is_missing_counts_as_empty_and_is_said(capture, tmp_path, capsys) -> None:
    pred = write_masks(capture, tmp_path / "pred")
    (pred / "masks/red mug/001.png").unlink()
    for path in (pred / "masks/blue box").iterdir():
        path.unlink()
    (pred / "masks/blue box").rmdir()
    code, result, printed = run("--pred", pred, "--capture", capture, capsys=capsys)
    assert code == 0
    assert [row["iou"] for row in result["objects"]] == [0.5, 0]
    assert "No masks for blue box: counted as empty." in printed
    assert "No mask of red mug for 001.jpg: counted as empty." in printed


def test_names_are_found_in_any_spelling(capture, tmp_path, capsys) -> None:
    pred = write_masks(capture, tmp_path / "pred")
    (pred / "masks/red mug").rename(pred / "masks/Red_Mug")
    (pred / "masks/blue box").rename(pred / "masks/2")
    _, result, _ = run("--pred", pred, "--capture", capture, capsys=capsys)
    assert result["mean"]["iou"] == 1


@pytest.mark.parametrize(
    "case", ["size", "name", "nothing", "no truth", "colours", "not a picture", "no label"]
)
def test_clear_sentences(case: str, capture, tmp_path, capsys) -> None:
    pred, folder, layout = write_masks(capture, tmp_path / "pred"), capture, []
    if case == "size":
        cv2.imwrite(str(pred / "masks/red mug/000.png"), np.zeros((15, 20), np.uint8))
        expected = "This picture is 20 x 15 pixels but the truth is 40 x 30; save it in the photo's size"
    elif case == "name":
        (pred / "masks/red mug").rename(pred / "masks/red muk")
        expected = "The truth has no object 'red muk' that is scored. Did you mean 'red mug'?"
    elif case == "nothing":
        pred = tmp_path
        expected = "There is nothing to evaluate: expected masks/OBJECT/STEM.png or labels/STEM.png"
    elif case == "no truth":
        folder = pred
        expected = "This folder has no truth to score against"
    elif case == "colours":
        write_labels(capture, pred)
        cv2.imwrite(
            str(pred / "labels/000.png"),
            np.dstack([np.eye(30, 40, dtype=np.uint8)] * 2 + [np.zeros((30, 40), np.uint8)]),
        )
        expected = "A label map must be grey, one id per pixel, but this one has colours"
    elif case == "not a picture":
        (pred / "masks/red mug/000.png").write_text("nothing")
        expected = "This mask cannot be read as an image"
    else:
        (pred / "labels").mkdir()
        expected = "No label map has the name of a photo (for example 000.jpg)"
    code, result, _ = run("--pred", pred, "--capture", folder, *layout, capsys=capsys)
    assert code == 2 and expected in result["error"]


def test_the_table_shows_percent(capture, tmp_path, capsys) -> None:
    pred = write_labels(capture, write_masks(capture, tmp_path / "pred", shift=2))
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--pred", str(pred), "--capture", str(capture)])
    printed = capsys.readouterr().out
    assert "red mug" in printed and "71.4" in printed and "PQ (scene)" in printed and "100.0" in printed
