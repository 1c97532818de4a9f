"""What people meet in the files that are written: permissions, places of a map, and names that would meet."""

import dataclasses
import json
import os
import stat
from pathlib import Path
from typing import cast
from unittest import mock

import numpy as np
import pytest
import trimesh
from plyfile import PlyData

from liftlab.components.captures.readers.colmap import read_colmap_model
from liftlab.components.captures.readers.nerfstudio import read_transforms_json
from liftlab.components.errors import InputError
from liftlab.components.gaussians.files import read_gaussians
from liftlab.engine.lab import Lab
from liftlab.export.formats import EXPORT_FORMATS, ExportRequest
from liftlab.export.outputs import export
from liftlab.session.session import Session
from tests.answered import answer_of
from tests.lab.export.toy_exports import objects_of, record
from tests.toy import BOXES, Toy
from tests.toy_workspace import NAME


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


def test_a_few_points_far_away_are_in_no_file_of_the_object(splat_lab: Lab, toy: Toy, tmp_path: Path) -> None:
    """As the few of a mug that lay on the wall behind, and stretched it to a metre."""
    session = objects_of(splat_lab, toy, "mug")

    def sizes(folder: Path) -> tuple[float, float]:
        glb, ply = sorted(export(session, ["ply", "glb"], folder))
        points = PlyData.read(ply)["vertex"]
        whole = trimesh.load(glb, process=False)
        assert isinstance(whole, trimesh.Scene)
        return max(np.ptp(points[axis]) for axis in "xyz"), float(whole.extents.max())

    own = sizes(tmp_path / "own")
    rows, columns = np.nonzero(toy.scene.pointmap.valid[1] & (toy.instance[1] != 1))
    from_it = np.linalg.norm(
        toy.scene.pointmap.pts3d[1, rows, columns] - BOXES[0][0].astype(np.float32), axis=1
    )
    far = int(from_it.argmax())
    session.paint("001.png", [(columns[far] + 0.5, rows[far] + 0.5)], 1.0)
    assert max(np.ptp(selected_points(session), axis=0)) > 2 * own[0], "they are in what is selected"
    assert sizes(tmp_path / "with") == pytest.approx(own, rel=0.02)


def selected_points(session: Session) -> np.ndarray:
    """Points [N, 3] of the current object."""
    chosen = answer_of(session.current).selected("points")
    return session.need_scene().pointmap.points[chosen]


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
