"""Exports of splats: of methods that select points and of those that select splats."""

from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from plyfile import PlyData

from liftlab.components.errors import InputError
from liftlab.components.gaussians.files import read_gaussians
from liftlab.components.gaussians.selection import joined, subset
from liftlab.components.gaussians.training.loop import TrainConfig
from liftlab.components.rasterize import rasterize, tensors_from_gaussians
from liftlab.components.types import Gaussians
from liftlab.engine.lab import Lab
from liftlab.export.formats import EXPORT_FORMATS
from liftlab.export.outputs import every_kind, export, output_folder, write_segmentation
from liftlab.export.splats import ObjectSplats
from liftlab.pipelines.steps.gaussians import GaussiansConfig
from liftlab.session.session import Session
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.toy import Toy
from tests.toy_workspace import NAME, VIEWS, box_center, untrained

__all__ = ["lifted"]
FINE = GaussiansConfig(start_count=30_000, train=TrainConfig(iterations=30, max_side=120, report_every=30))
"""Splats about a pixel wide, hardly trained: they start on the toy's exact surfaces."""


def clicked(lab: Lab, toy: Toy, method: str = "wildseg3d") -> Session:
    """A session with one box of the toy clicked, its splats trained."""
    lab.gaussians(NAME, FINE)
    lab.prepare(NAME, method)
    session = Session(lab)
    session.open(NAME)
    session.set_method(method)
    session.new_object("box")
    session.click("001.png", *box_center(toy, 1, 1))
    return session


def cover(gaussians: Gaussians, lab: Lab, view: int) -> np.ndarray:
    camera = lab.scene(NAME).views[view].camera
    with torch.no_grad():
        return rasterize(tensors_from_gaussians(gaussians), [camera]).alpha[0].numpy()


@pytest.mark.parametrize("method", ["wildseg3d", LIFTED])
def test_the_object_and_the_rest_are_where_they_should_be(
    lab: Lab, toy: Toy, lifted: type[Lifted], tmp_path: Path, method: str
) -> None:
    session = clicked(lab, toy, method)
    files = export(session, ["splats", "spz", "without"], tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {
        "box-splats.ply", "box.spz", "without/box.ply",
    }  # fmt: skip
    thing, rest = (
        read_gaussians(tmp_path / "box-splats.ply"),
        read_gaussians(tmp_path / "without" / "box.ply"),
    )
    small = read_gaussians(tmp_path / "box.spz")
    assert len(small.means) == len(thing.means) > 20
    np.testing.assert_allclose(small.means, thing.means, atol=1e-3)
    for view in range(VIEWS):
        inside = toy.instance[view] == 1
        alpha = cover(thing, lab, view)
        assert alpha[inside].mean() > 0.6 and alpha[~inside].mean() < 0.05
        assert cover(rest, lab, view)[~inside].mean() > 0.8


def test_one_scene_is_without_all_of_the_objects(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    session = clicked(lab, toy)
    session.new_object("other")
    session.click("001.png", *box_center(toy, 1, 2))
    export(session, ["without", "without_all"], tmp_path)
    each = [read_gaussians(tmp_path / "without" / f"{name}.ply") for name in ("box", "other")]
    rest = read_gaussians(tmp_path / "without-all.ply")
    for view in range(VIEWS):
        alpha = cover(rest, lab, view)
        for number in (1, 2):
            inside = toy.instance[view] == number
            assert alpha[inside].mean() < cover(each[2 - number], lab, view)[inside].mean() - 0.2, number
        assert alpha[toy.instance[view] == 3].mean() > 0.6


def test_a_splat_far_away_is_no_part_of_what_is_taken(lab: Lab, toy: Toy) -> None:
    session = clicked(lab, toy)
    splats = ObjectSplats(session, "split")
    parted, whole = splats.part(session.objects[0]), splats.thing(session.objects[0])
    from_it = np.linalg.norm(parted.rest.means - parted.thing.means.mean(axis=0), axis=1)
    far = subset(parted.rest, np.argsort(from_it)[-3:])
    assert len(far.means) < 0.01 * len(parted.thing.means)
    stretched = replace(parted, thing=joined(parted.thing, far))
    with mock.patch.object(splats, "part", return_value=stretched):
        np.testing.assert_array_equal(splats.thing(session.objects[0]).means, whole.means)


def test_trimming_bleeds_less_than_keeping(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    session = clicked(lab, toy)
    bleeding = {}
    for boundary in ("keep", "split", "trim"):
        export(session, ["splats"], tmp_path / boundary, boundary=boundary)
        thing = read_gaussians(tmp_path / boundary / "box-splats.ply")
        bleeding[boundary] = sum(
            float(cover(thing, lab, view)[toy.instance[view] != 1].sum()) for view in range(VIEWS)
        )
    assert bleeding["trim"] < bleeding["split"] < bleeding["keep"]


def rows_of(path: Path) -> set[tuple[float, ...]]:
    """Where the splats of a file are."""
    return {tuple(row) for row in np.round(read_gaussians(path).means.astype(float), 3).tolist()}


def points_of(path: Path) -> np.ndarray:
    """Points [N, 3] of a point cloud."""
    vertex = PlyData.read(str(path))["vertex"]
    return np.stack([vertex[axis] for axis in "xyz"], axis=1)


def shifted(rows: set[tuple[float, ...]], *by: float) -> set[tuple[float, ...]]:
    return {tuple(row) for row in np.round(np.array(sorted(rows)) + by, 3).tolist()}


def test_what_is_written_stands_as_it_was_arranged(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained):
        session = clicked(lab, toy)
    box = session.current
    session.new_object("other")
    other = session.click("001.png", *box_center(toy, 1, 2))
    assert box is not None
    before, after = tmp_path / "before", tmp_path / "after"
    export(session, ["ply", "splats", "without"], before, boundary="keep")
    session.stage.move(other.id, (0.25, 0.0, 0.5))
    session.stage.duplicate(other.id, (0.0, 1.0, 0.0))
    session.stage.remove(box.id)
    export(session, ["ply", "glb", "splats", "spz", "without", "viewer"], after, boundary="keep")

    mine, was = rows_of(before / "box-splats.ply"), rows_of(before / "other-splats.ply")
    moved, double = shifted(was, 0.25, 0.0, 0.5), shifted(was, 0.25, 1.0, 0.5)
    assert len(mine) > 20 and len(was) > 20
    assert rows_of(after / "other-splats.ply") == moved | double
    assert len(read_gaussians(after / "other.spz").means) == len(moved) + len(double)
    cloud, moved_cloud = (points_of(folder / "other.ply") for folder in (before, after))
    wanted = (np.array([[[0.25, 0.0, 0.5]], [[0.25, 1.0, 0.5]]]) + cloud).reshape(-1, 3)
    np.testing.assert_allclose(moved_cloud, wanted, atol=1e-5)
    assert rows_of(after / "box-splats.ply") == mine, "what is taken out can still be taken away"
    scene = shifted(mine, 0.0, 0.0, 0.0) | rows_of(before / "without" / "box.ply")
    left, gone = scene - mine - was, rows_of(after / "without" / "other.ply")
    assert gone <= left, "and what lies half in one box, half in the other, goes with them"
    assert len(left - gone) < 0.01 * len(scene)
    assert rows_of(after / "without" / "box.ply") == gone | moved | double
    assert (after / "viewer.html").stat().st_size > 500_000


def test_films_and_the_page_to_share(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    session = clicked(lab, toy)
    export(session, ["gif", "mp4", "viewer"], tmp_path)
    with Image.open(tmp_path / "box.gif") as gif:
        assert isinstance(gif, GifImageFile) and gif.n_frames == 60
        first = np.asarray(gif.convert("RGB")).astype(int)
    middle = first[150:250, 150:250].reshape(-1, 3).mean(axis=0)
    assert middle[0] > middle[1] + 40 and middle[0] > middle[2] + 40, "the box is red"
    assert (tmp_path / "box.mp4").stat().st_size > 5000
    page = (tmp_path / "viewer.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>") and len(page) > 500_000
    assert 'src="http' not in page, "it needs no network"


def test_everything_holds_splats_only_where_they_are_trained(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    session = Session(lab)
    session.open(NAME)
    whole = [one for one in EXPORT_FORMATS.records() if one.in_everything]
    assert every_kind(session) == [one.name for one in whole if not one.needs_splats]
    session.click("001.png", *box_center(toy, 1, 1))
    with pytest.raises(InputError, match=r"no splats yet; train them first \(liftlab gaussians toy\)"):
        export(session, ["spz"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    lab.gaussians(NAME, FINE)
    assert every_kind(session) == [one.name for one in whole]


def test_segmenting_with_a_method_on_splats_writes_splats(
    lab: Lab, toy: Toy, lifted: type[Lifted], tmp_path: Path
) -> None:
    session = clicked(lab, toy, LIFTED)
    with output_folder(tmp_path / "out", workspace=session.lab.workspace) as folder:
        record = write_segmentation(session, folder, started=0.0)
    splats = read_gaussians(tmp_path / "out" / "box.ply")
    assert record.objects[0].geometry == "gaussians"
    assert record.objects[0].points == len(splats.means) > 20
    assert (tmp_path / "out" / "masks" / "box" / "001.png").exists()
    export(session, ["ply", "glb"], tmp_path / "cloud")
    assert (tmp_path / "cloud" / "box.glb").stat().st_size > 1000, "as points it is what lies under its masks"
