"""What every export format promises, ours and those of other packages."""

import dataclasses
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast
from unittest import mock

import av
import numpy as np
import pytest
import trimesh
from PIL import Image
from plyfile import PlyData

from liftlab.cli import main as cli
from liftlab.cli.doctor import examine
from liftlab.components.captures.readers.colmap import read_colmap_model
from liftlab.components.captures.readers.nerfstudio import read_transforms_json
from liftlab.components.errors import InputError
from liftlab.components.export import turntable_cameras
from liftlab.components.gaussians.files import read_gaussians
from liftlab.engine.lab import Lab
from liftlab.export.downloads import export_file, offers
from liftlab.export.formats import EXPORT_FORMATS, OURS, ExportFormat, ExportRequest
from liftlab.export.outputs import every_kind, export
from liftlab.export.table import main as make_table
from liftlab.export.table import ours, table_of, with_table
from liftlab.page.state import state_of
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from liftlab.web.wire.messages import Ready
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center, untrained

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "tests" / "examples" / "csv_export.py"
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


def objects_of(lab: Lab, toy: Toy, *names: str) -> Session:
    """A session in which one box of the toy is clicked for each name."""
    session = Session(lab)
    session.open(NAME)
    for number, name in enumerate(names, 1):
        session.new_object(name)
        session.click("001.png", *box_center(toy, 1, number))
    return session


@pytest.fixture(scope="module")
def splat_lab(toy_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose scene has splats; tests only read it."""
    root = tmp_path_factory.mktemp("splats") / "workspace"
    shutil.copytree(toy_source, root)
    lab = Lab(root)
    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained):
        lab.gaussians(NAME)
    return lab


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


ORDER = [
    "ply", "glb", "masks", "coco", "colmap", "transforms", "dataset", "splats", "spz", "without", "without_all",
    "gif", "mp4", "viewer", "segmentation", "notebook",
]  # fmt: skip
"""As in the page."""


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


def record(**fields: Any) -> ExportFormat:
    """A format that writes one small file per object."""

    def write(request: ExportRequest, folder: Path) -> None:
        for state in request.objects:
            made.path(folder, state).write_text("own")

    made = ExportFormat(
        **{
            "name": "own", "title": "Own", "short": "TXT", "summary": "Own (TXT)", "media_type": "text/plain",
            "file": "OBJECT.txt", "content": "own", "write": write, **fields,
        }
    )  # fmt: skip
    return made


def test_docs_have_the_table_of_the_registry() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert with_table(text, table_of(FORMATS)) == text, "run `python -m liftlab.export.table docs/formats.md`"
    with pytest.raises(ValueError, match="must hold the lines"):
        with_table("no place", "table")


def test_the_guide_shows_the_example_as_it_runs() -> None:
    guide = (ROOT / "docs" / "add-an-export.md").read_text(encoding="utf-8")
    assert EXAMPLE.read_text(encoding="utf-8") in guide


# What people meet ------------------------------------------------------------------------------------------


def test_files_have_the_permissions_of_new_files(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files = export(objects_of(splat_lab, toy, "mug"), ["ply", "masks", "segmentation"], tmp_path / "out")
    finally:
        os.umask(before)
    assert files and {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}


def test_home_is_found(splat_lab: Lab, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = export(objects_of(splat_lab, toy, "mug"), ["ply"], Path("~/taken"))
    assert files == [tmp_path / "taken" / "mug.ply"] and files[0].is_file()


def test_without_splats_the_other_kinds_are_written(shared_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    said: list[str] = []
    session = objects_of(shared_lab, toy, "mug")
    files = export(session, ["splats", "ply", "spz", "glb"], tmp_path, tell=said.append)
    assert {path.name for path in files} == {"mug.ply", "mug.glb"}
    assert len(said) == 1 and said[0].startswith(
        "Not written: splats and spz. The scene 'toy' has no splats yet"
    )
    with pytest.raises(InputError, match="has no splats yet"):
        export(session, ["splats", "spz"], tmp_path / "none")
    assert not (tmp_path / "none").exists() or not list((tmp_path / "none").iterdir())


def test_places_of_a_map_come_back(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    """Splats that were moved to the origin to be computed with."""
    session, kinds = objects_of(splat_lab, toy, "mug"), ["ply", "splats", "without"]
    export(session, kinds, tmp_path / "here")
    there = dataclasses.replace(splat_lab.capture(NAME), offset=(512345.0, 5412345.0, -120.0))
    with mock.patch.object(Lab, "capture", lambda lab, name: there):
        files = export(session, kinds, tmp_path / "there")
    assert len(files) == 3
    for path in files:
        moved = PlyData.read(str(path))["vertex"]
        near = PlyData.read(str(tmp_path / "here" / path.relative_to(tmp_path / "there")))["vertex"]
        for name, step in zip("xyz", there.offset, strict=True):
            assert moved[name].dtype == "f8"
            assert abs(moved[name] - (near[name].astype(float) + step)).max() < 1e-6


def test_places_of_a_map_come_back_in_formats_of_floats(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    """GLB moves its node, cameras are of double precision, SPZ has a file beside it."""
    session = objects_of(splat_lab, toy, "mug")
    kinds = ["glb", "colmap", "transforms", "spz"]
    export(session, kinds, tmp_path / "here")
    there = dataclasses.replace(splat_lab.capture(NAME), offset=(512345.0, 5412345.0, -120.0))
    with mock.patch.object(Lab, "capture", lambda lab, name: there):
        export(session, kinds, tmp_path / "there")
    here, away = tmp_path / "here", tmp_path / "there"
    clouds = [trimesh.load_scene(folder / "mug.glb").to_geometry() for folder in (here, away)]
    vertices = [cast(trimesh.PointCloud, cloud).vertices for cloud in clouds]
    turn = np.array(trimesh.geometry.align_vectors(toy.scene.up, [0.0, 1.0, 0.0]))[:3, :3]
    assert np.abs(vertices[1] - (vertices[0] + turn @ there.offset)).max() < 1e-6
    models = [read_colmap_model(folder / "colmap").frames for folder in (here, away)]
    nerfs = [read_transforms_json(folder / "transforms.json").frames for folder in (here, away)]
    for one, other in (*zip(*models, strict=True), *zip(*nerfs, strict=True)):
        near, far = (np.linalg.inv(frame.camera((160, 120)).world_to_camera) for frame in (one, other))
        assert np.abs(far[:3, 3] - (near[:3, 3] + there.offset)).max() < 1e-6
        assert np.abs(far[:3, :3] - near[:3, :3]).max() < 1e-12
    near, far = (read_gaussians(folder / "mug.spz").means for folder in (here, away))
    assert np.array_equal(near, far)  # their bytes hold the time
    assert not (here / "mug.spz.offset.json").exists()
    beside = json.loads((away / "mug.spz.offset.json").read_text())
    assert beside["offset"] == [512345.0, -5412345.0, 120.0], "the axes of SPZ: Y up, Z towards the viewer"


# Names that would meet -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "kinds"), [("mug-splats", ["ply", "splats"]), ("MUG-Splats", ["splats", "ply", "splats"])]
)
def test_no_file_overwrites_another(
    splat_lab: Lab, toy: Toy, tmp_path: Path, second: str, kinds: list[str]
) -> None:
    session, said = objects_of(splat_lab, toy, "mug", second), []
    files = export(session, kinds, tmp_path, tell=said.append)
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {
        "mug.ply", f"{second}.ply", "splats/mug-splats.ply", f"splats/{second}-splats.ply",
    }  # fmt: skip
    assert said == ["Two kinds would write files of one name, so those of 'splats' are in splats/."]
    assert "photo_x" in PlyData.read(str(tmp_path / f"{second}.ply"))["vertex"].data.dtype.names
    assert len(read_gaussians(tmp_path / "splats" / "mug-splats.ply").means) > 10


def test_nor_does_one_of_the_next_call(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    session = objects_of(splat_lab, toy, "mug", "mug-splats")
    files = [path for kind in ("ply", "splats") for path in session.export(kind, tmp_path, [1, 2])]
    assert len(set(files)) == 4 and all(path.exists() for path in files)


def test_names_that_do_not_meet_stay_as_they_are(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    said: list[str] = []
    files = export(objects_of(splat_lab, toy, "mug"), ["ply", "splats"], tmp_path, tell=said.append)
    assert [path.name for path in files] == ["mug-splats.ply", "mug.ply"] and said == []


def test_a_format_that_writes_a_name_of_another_gets_a_folder(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    """Also one that did not declare it, and one whose own folder is taken."""

    def sly(request: ExportRequest, folder: Path) -> None:
        (folder / "own").mkdir()
        (folder / "own" / "box.txt").write_text("sly")
        (folder / "box.ply").write_text("sly")

    def empty(request: ExportRequest, folder: Path) -> None:
        (folder / "nothing").mkdir()

    for made in (record(name="sly", write=sly), record(file="OBJECT.PLY"), record(name="empty", write=empty)):
        EXPORT_FORMATS.register(made)
    try:
        session = objects_of(lab, toy, "box")
        files = export(session, ["sly", "ply", "own"], tmp_path)
        assert {path.relative_to(tmp_path).as_posix() for path in files} == {
            "box.ply", "own/box.PLY", "sly/box.ply", "sly/own/box.txt",
        }  # fmt: skip
        with pytest.raises(InputError, match="The export 'empty' gave no file"):
            export(session, ["empty"], tmp_path / "empty")
    finally:
        for name in ("sly", "own", "empty"):
            EXPORT_FORMATS.forget(name)


# Formats of other packages ----------------------------------------------------------------------------------


def install(folder: Path, package: str, entry: str) -> None:
    """What pip leaves of a package that offers a format."""
    about = folder / f"{package}-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[liftlab.exporters]\n{entry}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for packages; whatever they offer is gone after the test."""
    before = set(EXPORT_FORMATS.names())
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    EXPORT_FORMATS.look_again()
    yield folder
    monkeypatch.undo()
    for name in {*EXPORT_FORMATS.names()} - before:
        EXPORT_FORMATS.forget(name)
    sys.modules.pop("liftlab_csv", None)
    EXPORT_FORMATS.look_again()


@pytest.fixture
def example(site: Path) -> None:
    """The example, installed."""
    shutil.copy(EXAMPLE, site / "liftlab_csv.py")
    install(site, "liftlab_csv", "csv = liftlab_csv")


@pytest.fixture
def visitor(lab: Lab, toy: Toy) -> Iterator[Visitor]:
    """A browser in which a box is clicked."""
    visitor = Visitor("visitor-of-the-tests-1", lab)
    visitor.open(NAME)
    visitor.act(lambda session: session.click("001.png", *box_center(toy, 1, 1)))
    yield visitor
    visitor.close()


@pytest.mark.usefixtures("example")
def test_a_format_of_another_package_is_offered_everywhere(
    visitor: Visitor, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = state_of(visitor)
    assert isinstance(state, Ready)
    in_page = state.exports
    assert [entry.kind for entry in in_page] == [*ORDER, "csv", "all"]
    assert in_page[-2].title == "Points as a table" and in_page[-2].missing == ""
    download = export_file(visitor, "csv")
    assert download.media_type == "text/csv" and download.path.suffix == ".csv"
    assert download.path.read_text().startswith("x,y,z,red,green,blue\n")
    assert "csv" in every_kind(visitor.session)

    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    told = re.sub(r"[│\s]+", " ", capsys.readouterr().out)
    assert (
        "What to write: ply, glb, masks, coco, colmap, transforms, dataset, segmentation, notebook, csv; with"
        in told
    )
    with pytest.raises(
        InputError, match=r"Unknown export 'csw'. Did you mean 'csv'\? Available: ply, .*, csv\."
    ):
        export(visitor.session, ["csw"], tmp_path / "out")
    check = next(check for check in examine(tmp_path / "other") if check.name == "export csv")
    assert (check.ok, check.detail) == (True, "Points of the object as a table (CSV); from liftlab_csv 1.2")
    make_table([])
    assert "| `csv` | `OBJECT.csv`: one row per point" in capsys.readouterr().out
    assert "csv" not in table_of(ours()), "our own docs are the same wherever they are made"


@pytest.mark.usefixtures("example")
def test_the_command_line_writes_a_format_of_another_package(
    lab: Lab, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = box_center(toy, 1, 1)
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([{"object": "box", "clicks": [{"image": "001.png", "x": x, "y": y}]}]))
    given = ["export", NAME, "--kinds", "csv", "--prompts", prompts, "--out", tmp_path / "out"]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*map(str, given), "--workspace", str(lab.workspace.root), "--json"])
    assert not stopped.value.code
    (path,) = json.loads(capsys.readouterr().out.strip().splitlines()[-1])["files"]
    rows = Path(path).read_text().splitlines()
    assert path.endswith("box.csv") and len(rows) > 10 and len(rows[1].split(",")) == 6


BROKEN = {
    "not_there": "No module named 'liftlab_broken'",
    "half": "name must be unused; got 'ply'",
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.usefixtures("example")
def test_a_broken_package_is_a_sentence_and_stops_nothing(
    site: Path, visitor: Visitor, tmp_path: Path, case: str
) -> None:
    install(site, "a_broken", "shaky = liftlab_broken")  # found before the example
    if case == "half":
        half = EXAMPLE.read_text().replace('"csv"', '"half"')
        (site / "liftlab_broken.py").write_text(f"{half}\n{half.replace('half', 'ply')}")
    sentence = f"The export plug-in 'shaky' (liftlab_broken) failed to load: {BROKEN[case]}"
    assert [str(error)[: len(sentence)] for error in EXPORT_FORMATS.broken] == [sentence]
    assert [entry["kind"] for entry in offers(splats=True)] == [*ORDER, "csv", "all"]
    assert export_file(visitor, "ply").path.exists() and export_file(visitor, "all").path.exists()
    checks = [check for check in examine(tmp_path / "other") if check.name == "export"]
    assert [(check.ok, check.optional) for check in checks] == [(False, True)]
    assert checks[0].detail.startswith(sentence)
    with pytest.raises(InputError, match=r"'shaky'.*failed to load"):
        export(visitor.session, ["shaky"], tmp_path / "out")
    sys.modules.pop("liftlab_broken", None)
