"""The command line: argument forms, files written, the JSON line, sentences and exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import plyfile
import pytest

from liftlab.cli import main as cli
from liftlab.engine.inventory import items
from liftlab.engine.lab import Lab
from tests.not_none import read_image
from tests.toy import Toy
from tests.toy_workspace import NAME, VIEWS, box_center


@pytest.fixture
def liftlab(lab: Lab, counted_steps, capsys) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Run a command in this process on the test's workspace: exit code, JSON of the last line, stderr."""

    def run(*arguments: object) -> tuple[int, dict[str, Any], str]:
        given = [*(str(a) for a in arguments), "--workspace", str(lab.workspace.root), "--json"]
        with pytest.raises(SystemExit) as stopped:
            cli.main(given)
        captured = capsys.readouterr()
        lines = captured.out.strip().splitlines()
        return int(stopped.value.code or 0), json.loads(lines[-1]), captured.err

    return run


@pytest.fixture
def prompts(tmp_path: Path, toy: Toy) -> Path:
    """A prompts file in the documented form: one object by two clicks, one by one."""
    (x1, y1), (x2, y2), (x3, y3) = box_center(toy, 1, 1), box_center(toy, 0, 1), box_center(toy, 2, 2)
    value = [
        {
            "object": "a",
            "clicks": [
                {"image": "001.png", "x": x1, "y": y1, "positive": True},
                {"image": "000.png", "x": x2, "y": y2, "positive": True},
            ],
        },
        {"object": "mug, blue", "clicks": [{"image": "002.png", "x": x3, "y": y3, "positive": True}]},
    ]
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(value))
    return path


def test_the_headless_path_from_photos_to_files(
    liftlab, photos_of, prompts, tmp_path, toy, counted_steps
) -> None:
    photos = photos_of("bedroom")
    code, made, said = liftlab("reconstruct", photos, "--scene", "room", "--max-side", 320)
    assert (code, made["scene"], made["capture"], made["missing"]) == (0, "room", "bedroom", [])
    assert len(made["registered"]) == VIEWS
    assert "photos placed" in said
    code, found, _ = liftlab("masks", "room")
    assert (code, found["masks"]) == (0, 6)
    code, ready, _ = liftlab("prepare", "room", "--method", "wildseg3d", "--set", "alignment=reconstruction")
    assert (code, ready["config"]["alignment"]) == (0, "reconstruction")
    out = tmp_path / "out"
    code, result, _ = liftlab("segment", "room", "--method", "wildseg3d", "--prompts", prompts, "--out", out)
    assert code == 0
    assert counted_steps == {"reconstruct": 1, "masks": 1}
    assert [(o["object"], len(o["server_ms"])) for o in result["objects"]] == [("a", 2), ("mug, blue", 1)]
    for name, number in (("a", 1), ("mug, blue", 2)):
        for view in range(VIEWS):
            mask = read_image(out / "masks" / name / f"{view:03d}.png", cv2.IMREAD_UNCHANGED)
            truth = toy.instance[view] == number
            assert mask.shape == truth.shape
            assert set(np.unique(mask)) <= {0, 255}
            assert ((mask > 0) & truth).sum() / ((mask > 0) | truth).sum() > 0.98
        points = plyfile.PlyData.read(out / f"{name}.ply")["vertex"]
        assert len(points) == next(o["points"] for o in result["objects"] if o["object"] == name)
    record = json.loads((out / "segmentation.json").read_text())
    assert record["schema_version"] == 1
    assert record["objects"][0]["server_ms"] == result["objects"][0]["server_ms"]
    assert record["config"]["alignment"] == "reconstruction", "the method answers as it was prepared"
    assert 0 < record["wall_secs"] <= result["seconds"]
    assert {p.name for p in out.iterdir()} == {"masks", "a.ply", "mug, blue.ply", "segmentation.json"}


def test_decompose_labels_every_photo_consistently(liftlab, tmp_path, toy) -> None:
    code, result, _ = liftlab("decompose", NAME, "--method", "wildseg3d", "--out", tmp_path / "all")
    assert code == 0
    for view in range(VIEWS):
        labels = read_image(tmp_path / "all" / "labels" / f"{view:03d}.png", cv2.IMREAD_UNCHANGED)
        assert labels.dtype == np.uint16
        for number in (1, 2, 3):
            inside = labels[toy.instance[view] == number]
            assert (inside == number).mean() > 0.98, "cached objects 1 to 3 are the boxes"
    assert set(result["ids"]) == {1, 2, 3}
    record = json.loads((tmp_path / "all" / "decomposition.json").read_text())
    assert record["ids"] == result["ids"]


def test_a_photo_that_was_not_placed_gets_zero_masks_and_is_listed(
    liftlab, prompts, tmp_path, monkeypatch
) -> None:
    import dataclasses

    from liftlab.components import scenes

    load = scenes.load_scene

    def with_missing(folder: Path):
        scene = load(folder)
        sizes = {**scene.photo_sizes, "009.jpg": (31, 22)}
        return dataclasses.replace(scene, missing=("009.jpg",), photo_sizes=sizes)

    monkeypatch.setattr(scenes, "load_scene", with_missing)
    out = tmp_path / "out"
    assert liftlab("segment", NAME, "--prompts", prompts, "--out", out)[1]["missing"] == ["009.jpg"]
    mask = read_image(out / "masks" / "a" / "009.png", cv2.IMREAD_UNCHANGED)
    assert (mask.shape, mask.any()) == ((22, 31), False)
    photos = json.loads((out / "segmentation.json").read_text())["objects"][0]["photos"]
    assert {"image": "009.jpg", "width": 31, "height": 22, "registered": False, "pixels": 0} in photos
    assert liftlab("decompose", NAME, "--out", out)[1]["missing"] == ["009.jpg"]
    labels = read_image(out / "labels" / "009.png", cv2.IMREAD_UNCHANGED)
    assert (labels.shape, labels.any()) == ((22, 31), False)


def test_export_writes_every_kind(liftlab, prompts, tmp_path) -> None:
    kinds = ("ply", "glb", "masks", "coco", "colmap", "transforms", "segmentation", "notebook")
    out = tmp_path / "out"
    code, result, _ = liftlab("export", NAME, "--out", out, "--prompts", prompts, "--kinds", *kinds)
    assert code == 0
    assert all(Path(path).is_file() for path in result["files"])
    names = {Path(path).relative_to(out).parts[0] for path in result["files"]}
    assert names == {
        "a.ply", "a.glb", "mug, blue.ply", "mug, blue.glb", "masks", "coco.json", "colmap", "transforms.json",
        "segmentation.json", "notebook.json",
    }  # fmt: skip
    code, replayed, _ = liftlab("run", out / "notebook.json", "--out", tmp_path / "again")
    assert (code, replayed["identical"]) == (0, True)
    first, again = (
        sorted(p.read_bytes() for p in (d / "masks").rglob("*.png")) for d in (out, tmp_path / "again")
    )
    assert first == again


def test_cameras_of_the_capture_can_be_ignored_and_others_given(
    liftlab, photos_of, toy, tmp_path, lab
) -> None:
    from liftlab.components.captures import KnownCamera, KnownCameras, write_cameras_json

    photos = photos_of("room")
    frames = {v.name: KnownCamera(v.lens, v.camera.world_to_camera) for v in toy.scene.views}
    write_cameras_json(photos / "cameras.json", KnownCameras(frames, "metres"))
    assert liftlab("reconstruct", photos, "--scene", "known")[0] == 0
    assert liftlab("reconstruct", photos, "--scene", "without", "--cameras", "none")[0] == 0
    assert lab.step_records("known")["reconstruct"]["config"]["cameras"] == "auto"
    assert lab.step_records("without")["reconstruct"]["config"]["cameras"] == "none"
    (photos / "cameras.json").rename(tmp_path / "mine.json")
    for given in (tmp_path / "mine.json", "../mine.json"):
        code, made, _ = liftlab("reconstruct", photos, "--scene", "given", "--cameras", given)
        assert code == 0
        assert lab.capture(made["capture"]).known_cameras is not None


REFUSED = {
    "no such capture": (
        ("reconstruct", "nowhere", "--scene", "x"),
        "There is neither a folder or file nor a capture",
    ),
    "empty folder": (("reconstruct", "EMPTY", "--scene", "x"), "There are no photos here"),
    "no cameras file": (("reconstruct", "EMPTY", "--cameras", "c.json"), "There is no cameras file here"),
    "tiny side": (
        ("reconstruct", NAME, "--max-side", "3"),
        "--max-side must be between 64 and 8192 pixels; got 3.",
    ),
    "scene name": (("reconstruct", NAME, "--scene", "a/b"), "The name 'a/b' cannot be used"),
    "no such scene": (
        ("masks", "tot"),
        "There is no scene or capture 'tot'. Did you mean 'toy'? Available: toy.",
    ),
    "no such method": (("prepare", NAME, "--method", "saga2"), "Unknown method 'saga2'."),
    "no such setting": (("prepare", NAME, "--set", "depth=3"), "--set takes KEY=VALUE; got 'depth=3'. "),
    "no such value": (
        ("prepare", NAME, "--set", "alignment=magic"),
        "The setting 'alignment' cannot be used",
    ),
    "prompts missing": (("segment", NAME, "--prompts", "none.json", "--out", "OUT"), "no prompts file here"),
    "prompts broken": (("segment", NAME, "--prompts", "BROKEN", "--out", "OUT"), "not valid JSON"),
    "click outside": (
        ("segment", NAME, "--prompts", "OUTSIDE", "--out", "OUT"),
        "is outside the photo 001.png",
    ),
    "click of NaN": (("segment", NAME, "--prompts", "NAN", "--out", "OUT"), "it is not valid JSON"),
    "unknown photo": (
        ("segment", NAME, "--prompts", "PHOTO", "--out", "OUT"),
        "The scene has no photo 'x.png'.",
    ),
    "out is a file": (("decompose", NAME, "--out", "BROKEN"), "output folder cannot be written"),
    "granularity": (("decompose", NAME, "--out", "OUT", "--granularity", "2"), "between 0 and 1; got 2"),
    "unknown export": (("export", NAME, "--out", "OUT", "--kinds", "obj"), "Unknown export 'obj'."),
    "export of nothing": (("export", NAME, "--out", "OUT", "--kinds", "ply"), "Nothing is selected yet"),
    "no notebook": (("run", "none.json"), "There is no notebook here"),
    "not a notebook": (("run", "OUTSIDE"), "not a LiftLab notebook"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(liftlab, tmp_path: Path, case: str) -> None:
    (tmp_path / "EMPTY").mkdir()
    click = {"image": "001.png", "x": 5.0, "y": 5.0, "positive": True}
    (tmp_path / "BROKEN").write_text("[{")
    for name, change in (
        ("OUTSIDE", {"x": 999}),
        ("NAN", {"x": float("nan")}),
        ("PHOTO", {"image": "x.png"}),
    ):
        (tmp_path / name).write_text(json.dumps([{"object": "a", "clicks": [{**click, **change}]}]))
    command, sentence = REFUSED[case]
    given = [str(tmp_path / part) if part.isupper() else part for part in command]
    code, result, said = liftlab(*given)
    assert code == 2
    assert sentence in result["error"]
    assert said.strip().endswith(result["error"])
    assert "Traceback" not in said
    assert not (tmp_path / "OUT").exists()


def test_a_defect_is_said_once_and_explained_in_the_log(liftlab, lab: Lab, monkeypatch) -> None:
    def broken(*args, **options):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("liftlab.pipelines.steps.masks.build_masks", broken)
    monkeypatch.setattr("liftlab.pipelines.steps.masks.STEP_VERSION", 10**6)
    code, result, said = liftlab("masks", NAME)
    assert code == 1
    assert "log of the workspace" in result["error"]
    assert "secret detail" not in said
    assert "secret detail" in lab.workspace.log_path.read_text()


def test_scenes_are_listed_renamed_and_deleted(liftlab, lab: Lab) -> None:
    code, listed, _ = liftlab("scenes")
    assert code == 0 and [scene["name"] for scene in listed["scenes"]] == [NAME]
    assert listed["scenes"][0]["masks"] and listed["scenes"][0]["methods"] == ["wildseg3d"]
    code, renamed, _ = liftlab("scenes", "rename", NAME, "other")
    assert code == 0 and [scene["name"] for scene in renamed["scenes"]] == ["other"]
    assert lab.status("other").methods == ("wildseg3d",)
    assert liftlab("scenes", "rename", "other")[1]["error"].startswith(
        "Say `liftlab scenes rename SCENE NEW`"
    )
    code, after, _ = liftlab("scenes", "delete", "other")
    assert code == 0 and after["scenes"] == [] and after["bytes_removed"] > 0
    assert lab.captures() == [NAME]


def test_looking_after_the_workspace(liftlab, lab: Lab) -> None:
    code, listed, _ = liftlab("workspace", "ls")
    assert {item["kind"] for item in listed["items"]} == {"capture", "scene", "masks", "method"}
    assert all(item["used_by"] == [NAME] for item in listed["items"])
    (item,) = (item for item in items(lab.workspace) if item.kind == "method")
    (item.path / "lengths.npy").write_bytes(b"damaged")
    code, checked, _ = liftlab("workspace", "verify")
    assert [i["kind"] for i in checked["items"] if not i["sound"]] == ["method"]
    code, gone, _ = liftlab("workspace", "prune")
    assert [i["kind"] for i in gone["items"]] == ["method"]
    assert liftlab("workspace", "du")[1]["bytes"] > 0
    assert code == 0


def test_methods_and_doctor_answer_programs(liftlab) -> None:
    assert "wildseg3d" in [m["name"] for m in liftlab("methods")[1]["methods"]]
    checks = {check["name"]: check for check in liftlab("doctor")[1]["checks"]}
    assert checks["numpy"]["ok"]
    assert checks["workspace"]["ok"]


def test_a_wrong_command_line_answers_programs_too(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["segment", "--json"])
    assert stopped.value.code == 2
    assert "error" in json.loads(capsys.readouterr().out.strip().splitlines()[-1])


@pytest.mark.parametrize("given", [[], ["--port", "0"], ["serve"]])
def test_liftlab_alone_serves(given: list[str], monkeypatch, tmp_path: Path) -> None:
    served = {}
    monkeypatch.setattr("liftlab.web.server.run", lambda lab, **options: served.update(options))
    with pytest.raises(SystemExit) as stopped:
        cli.main([*given, "--workspace", str(tmp_path)])
    assert stopped.value.code in (0, None)
    assert served["host"] == "127.0.0.1"


def test_help_needs_nothing_heavy() -> None:
    script = (
        "import sys\nsys.argv = ['liftlab', '--help']\nfrom liftlab.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'gradio', 'cv2', 'numba', 'pycolmap', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert out.stdout.strip().splitlines()[-1] == "[]"
