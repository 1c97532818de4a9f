"""A splat file in place of photos: brought, seen, segmented, taken away; the files are refused that are none."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.captures import importing
from liftlab.components.captures.readers import splat_files
from liftlab.components.errors import InputError
from liftlab.components.gaussians import virtual_views
from liftlab.components.gaussians.files import read_gaussians, write_gaussians
from liftlab.components.gaussians.training.initialise import gaussians_from_points
from liftlab.components.types import Gaussians
from liftlab.engine.lab import Lab
from liftlab.export.outputs import export
from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from tests.child_functions import run_here
from tests.lab.cli.test_cli import liftlab

__all__ = ["liftlab"]


def box_on_a_table() -> tuple[Gaussians, np.ndarray]:
    """A red box on a striped table, Y down; and which splats are the box."""
    random = np.random.default_rng(0)
    top = np.column_stack([random.uniform(-1, 1, 20_000), np.zeros(20_000), random.uniform(-1, 1, 20_000)])
    box = random.uniform(-0.25, 0.25, (8000, 3))
    side = random.integers(0, 3, len(box))
    box[np.arange(len(box)), side] = 0.25 * random.choice([-1, 1], len(box))
    stripes = np.where((np.floor(top[:, :1] / 0.1) + np.floor(top[:, 2:] / 0.1)) % 2 > 0, 170, 120)
    colours = np.concatenate([np.repeat(stripes, 3, axis=1), np.tile([[200, 40, 30]], (len(box), 1))])
    points = np.concatenate([top, box - [0, 0.25, 0]])
    is_box = np.arange(len(points)) >= len(top)
    return gaussians_from_points(points, colours.astype(np.uint8), opacity=0.95), is_box


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Few, small views, made in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "run_in_child", run_here)
        patch.setattr(splat_files, "VIEWS", 5)
        patch.setattr(splat_files, "WIDTH", 160)
        patch.setattr(splat_files, "HEIGHT", 120)
        patch.setattr(virtual_views, "AZIMUTHS", 6)
        yield


@pytest.fixture(scope="module")
def brought(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, np.ndarray]:
    """A lab with the box as scene "file", reconstructed."""
    tmp_path = tmp_path_factory.mktemp("brought")
    gaussians, is_box = box_on_a_table()
    write_gaussians(tmp_path / "box.spz", gaussians)
    lab = Lab(tmp_path / "workspace")
    imported = lab.import_capture(tmp_path / "box.spz")
    assert imported.name == "box" and "28,000 splats; 5 views" in imported.report.warnings[0]
    lab.reconstruct("file", capture="box")
    return lab, is_box


def test_what_is_clicked_is_selected_and_taken_away(brought: tuple[Lab, np.ndarray], tmp_path: Path) -> None:
    lab, is_box = brought
    scene = lab.scene("file")
    assert len(scene.views) == 5 and scene.gaussians is not None and len(scene.gaussians.means) == 28_000
    assert abs(float(scene.up @ [0, -1, 0])) > 0.99
    assert lab.gaussians_report("file")["stopped"] == "imported"
    lab.prepare("file", "wildseg3d")
    session = Session(lab)
    session.open("file")
    red = scene.views[0].image.astype(int)
    rows, columns = np.nonzero(red[..., 0] - red[..., 1] > 90)
    session.click(scene.views[0].name, float(np.median(columns)) + 0.5, float(np.median(rows)) + 0.5)
    state = session.set_granularity(1.0)  # the whole box, not the side clicked on
    assert state.result is not None
    for view, mask in zip(scene.views, state.masks, strict=True):
        colour = view.image.astype(int)
        truth = colour[..., 0] - colour[..., 1] > 90
        assert (mask & truth).sum() / (mask | truth).sum() > 0.8
    export(session, ["splats"], tmp_path / "out", boundary="keep")
    thing = read_gaussians(tmp_path / "out" / f"{state.name}-splats.ply")
    inside = (np.abs(thing.means[:, [0, 2]]) < 0.28).all(axis=1)
    assert inside.mean() > 0.95 and len(thing.means) > 0.3 * is_box.sum(), "what can be seen of it"


def test_a_run_on_a_file_replays(brought: tuple[Lab, np.ndarray], tmp_path: Path) -> None:
    lab, _ = brought
    session = Session(lab)
    session.open("file")
    session.notebook().save(tmp_path / "notebook.json")
    elsewhere = Lab(tmp_path / "elsewhere")
    replay(Notebook.load(tmp_path / "notebook.json"), elsewhere)
    assert elsewhere.scene("file").gaussians_key == lab.scene("file").gaussians_key


def test_on_the_command_line(liftlab, tmp_path: Path) -> None:
    write_gaussians(tmp_path / "box.ply", box_on_a_table()[0])
    code, made, _ = liftlab("reconstruct", tmp_path / "box.ply", "--scene", "file")
    assert (code, made["scene"], len(made["registered"])) == (0, "file", 5)
    code, known, said = liftlab("gaussians", "file")
    assert (code, known["count"], known["iterations"]) == (0, 28_000, 0)
    assert "as they came" in said


def test_files_that_are_no_splats_are_refused(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "workspace")
    points = tmp_path / "points.ply"
    points.write_bytes(
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
        b"end_header\n0 0 0\n"
    )
    with pytest.raises(InputError, match="does not hold Gaussian splats"):
        lab.import_capture(points)
    (tmp_path / "scene.ksplat").write_bytes(b"anything")
    with pytest.raises(InputError, match="damaged or incomplete: it is shorter than its header"):
        lab.import_capture(tmp_path / "scene.ksplat")
    write_gaussians(tmp_path / "box.ply", box_on_a_table()[0])
    assert lab.captures() == []


def test_a_faint_file_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    gaussians = box_on_a_table()[0]
    faint = Gaussians(
        gaussians.means, gaussians.quats, gaussians.scales, 0.01 * gaussians.opacities, gaussians.sh
    )
    write_gaussians(tmp_path / "faint.ply", faint)
    lab = Lab(tmp_path / "workspace")
    with pytest.raises(InputError, match="no splat that can be seen"):
        lab.import_capture(tmp_path / "faint.ply")
    assert lab.captures() == [] and not list((lab.workspace.root / "captures").iterdir())
