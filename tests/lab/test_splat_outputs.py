"""Exports of splats: of methods that select points and of those that select splats."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from components.errors import InputError
from components.gaussians.files import read_gaussians
from components.gaussians.training import TrainConfig
from components.rasterize import rasterize, tensors_from_gaussians
from components.types import Gaussians
from lab.engine import Lab
from lab.outputs import EXPORTS, every_kind, export, output_folder, write_segmentation
from lab.session import Session
from lab.splat_outputs import SPLAT_EXPORTS
from pipelines.gaussians import GaussiansConfig
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.toy import Toy
from tests.toy_workspace import NAME, VIEWS, box_center

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


def test_films_and_the_page_to_share(lab: Lab, toy: Toy, tmp_path: Path) -> None:
    session = clicked(lab, toy)
    export(session, ["gif", "mp4", "viewer"], tmp_path)
    with Image.open(tmp_path / "box.gif") as gif:
        assert gif.n_frames == 60
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
    assert set(every_kind(session)) == set(EXPORTS) - set(SPLAT_EXPORTS)
    session.click("001.png", *box_center(toy, 1, 1))
    with pytest.raises(InputError, match=r"no splats yet; train them first \(liftlab gaussians toy\)"):
        export(session, ["spz"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    lab.gaussians(NAME, FINE)
    assert every_kind(session) == list(EXPORTS)


def test_segmenting_with_a_method_on_splats_writes_splats(
    lab: Lab, toy: Toy, lifted: type[Lifted], tmp_path: Path
) -> None:
    session = clicked(lab, toy, LIFTED)
    with output_folder(tmp_path / "out") as folder:
        record = write_segmentation(session, folder, started=0.0)
    splats = read_gaussians(tmp_path / "out" / "box.ply")
    assert record.objects[0].geometry == "gaussians"
    assert record.objects[0].points == len(splats.means) > 20
    assert (tmp_path / "out" / "masks" / "box" / "001.png").exists()
    export(session, ["ply", "glb"], tmp_path / "cloud")
    assert (tmp_path / "cloud" / "box.glb").stat().st_size > 1000, "as points it is what lies under its masks"
