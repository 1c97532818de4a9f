"""What every export format promises."""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import av
import pytest
import trimesh
from PIL import Image
from plyfile import PlyData

from liftlab.components.errors import InputError
from liftlab.components.export import turntable_cameras
from liftlab.components.gaussians.files import read_gaussians
from liftlab.engine.lab import Lab
from liftlab.export.downloads import offers
from liftlab.export.formats import EXPORT_FORMATS, OURS, ExportFormat
from liftlab.export.outputs import export
from liftlab.export.table import ours, table_of, with_table
from liftlab.session.session import Session
from tests.lab.export.toy_exports import EXAMPLE, ORDER, ROOT, objects_of, record
from tests.toy import Toy
from tests.toy_workspace import NAME

FORMATS = ours()
each = pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
READ: dict[str, Callable[[Path], Any]] = {
    ".ply": lambda path: PlyData.read(str(path))["vertex"].count > 10,
    ".glb": lambda path: len(trimesh.load_scene(path).geometry) == 1,
    ".png": lambda path: path.parent.name == "images" or Image.open(path).convert("L").getextrema()[1] == 255,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".txt": lambda path: path.read_text(encoding="utf-8").startswith("#"),
    ".spz": lambda path: len(read_gaussians(path).means) > 10,
    ".gif": lambda path: Image.open(path).seek(1) is None,
    ".mp4": lambda path: av.open(str(path)).streams.video[0].frames > 1,
    ".html": lambda path: path.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>"),
}
"""Ending to what tells that a file is whole."""


@pytest.fixture
def short_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of a few pictures."""
    monkeypatch.setattr(
        "liftlab.components.export.turntable_cameras", lambda *args: turntable_cameras(*args)[::12]
    )


def listed(root: Path) -> set[tuple[str, int]]:
    """Every file below a folder, and when it was written."""
    return {(str(path), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


@each
@pytest.mark.usefixtures("short_turn")
def test_a_format_writes_what_it_declares_and_nothing_else(
    one: ExportFormat, splat_lab: Lab, toy: Toy, tmp_path: Path
) -> None:
    session = objects_of(splat_lab, toy, "box", "other")
    before = listed(splat_lab.workspace.root.parent)
    files = export(session, [one.name], tmp_path / "out")
    assert files == sorted(files) and {path for path in tmp_path.rglob("*") if path.is_file()} == {*files}
    assert listed(splat_lab.workspace.root.parent) == before, "nothing outside the folder"
    wanted = {one.file.replace("OBJECT", state.name).replace("STEM", "*") for state in session.objects}
    names = [path.relative_to(tmp_path / "out").as_posix() for path in files]
    assert all(any(fnmatchcase(name, pattern) for pattern in wanted) for name in names), names
    assert all(any(fnmatchcase(name, pattern) for name in names) for pattern in wanted), "of every object"
    assert all(READ[path.suffix](path) for path in files)


@each
def test_a_format_is_refused_with_a_sentence(one: ExportFormat, lab: Lab, toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "out"
    session = Session(lab)
    with pytest.raises(InputError, match="No scene is open; choose one first"):
        export(session, [one.name], out)
    session.open(NAME)
    if one.needs_objects:
        with pytest.raises(InputError, match="Nothing is selected yet; click on an object first"):
            export(session, [one.name], out)
    session = objects_of(lab, toy, "box")
    with pytest.raises(InputError, match="The scene has no scale"):
        export(session, [one.name], out, metres=True)
    if one.needs_splats:
        with pytest.raises(InputError, match=r"no splats yet; train them first \(liftlab gaussians toy\)"):
            export(session, [one.name], out)
    assert not out.exists()


@each
def test_a_format_explains_itself(one: ExportFormat) -> None:
    assert one.title and one.short and one.summary and one.content
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", one.media_type)
    assert EXPORT_FORMATS.package_of(one) == ""
    with pytest.raises(ValueError, match=f"'{one.name}', taken by"):
        EXPORT_FORMATS.register(one)


def test_photos_and_cameras_train_elsewhere_as_they_are(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    import pycolmap

    session = Session(splat_lab)
    session.open(NAME)
    export(session, ["dataset"], tmp_path)
    top = tmp_path / "dataset"
    model = pycolmap.Reconstruction(str(top / "sparse" / "0"))
    names = {image.name for image in model.images.values()}
    assert (
        names == {view.name for view in toy.scene.views} == {path.name for path in (top / "images").iterdir()}
    )
    for image in model.images.values():
        camera = model.cameras[image.camera_id]
        assert Image.open(top / "images" / image.name).size == (camera.width, camera.height)
    frames = json.loads((top / "transforms.json").read_text())["frames"]
    assert len(frames) == len(names) and all((top / frame["file_path"]).is_file() for frame in frames)


def test_the_order_is_that_of_before_whoever_was_imported_first() -> None:
    assert [one.name for one in FORMATS] == ORDER
    assert [entry["kind"] for entry in offers(splats=True)] == [*ORDER, "all"]
    assert EXPORT_FORMATS.group == "liftlab.exporters"
    assert {one.name: one.write.__module__ for one in FORMATS} == OURS


def test_what_the_page_shows_of_a_kind() -> None:
    shown = {entry["kind"]: entry for entry in offers(splats=False)}
    assert shown["glb"] == {
        "kind": "glb", "title": "For 3D programs", "format": "GLB",
        "summary": "Point cloud for 3D viewers (GLB)", "missing": "", "purpose": "3d",
    }  # fmt: skip
    assert {kind for kind, entry in shown.items() if entry["missing"]} == {
        "splats", "spz", "without", "without_all", "gif", "mp4", "viewer",
    }  # fmt: skip
    by_purpose = [entry["purpose"] for entry in shown.values()]
    assert by_purpose[-1] == "all" and set(by_purpose) == {
        "3d",
        "splats",
        "share",
        "training",
        "again",
        "all",
    }


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "../ply"}, "name must be small letters"), ({"name": "all"}, "and not 'all'"),
        ({"file": "../x"}, "file must be a path below"), ({"file": "/etc/x"}, "file must be a path below"),
        ({"file": ""}, "file must be a path below"),
    ],
)  # fmt: skip
def test_a_record_that_leads_out_of_the_folder_is_refused(wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        record(**wrong)


def test_docs_have_the_table_of_the_registry() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert with_table(text, table_of(FORMATS)) == text, "run `python -m liftlab.export.table docs/formats.md`"
    with pytest.raises(ValueError, match="must hold the lines"):
        with_table("no place", "table")


def test_the_guide_shows_the_example_as_it_runs() -> None:
    guide = (ROOT / "docs" / "add-an-export.md").read_text(encoding="utf-8")
    assert EXAMPLE.read_text(encoding="utf-8") in guide
