"""Scenes without objects, with what these leave behind filled in."""

from pathlib import Path

import numpy as np

from liftlab.components.gaussians.files import read_gaussians
from liftlab.components.types import Gaussians
from liftlab.engine.lab import Lab
from liftlab.export.outputs import export
from liftlab.export.splats import ObjectSplats
from liftlab.session.session import Session
from tests.lab.export.test_splat_outputs import clicked
from tests.toy import Toy


def hole(gaussians: Gaussians, session: Session) -> int:
    """Splats on the floor where the box stands."""
    assert session.current is not None and session.scene is not None
    low, high = session.stage.extent(session.current.id)
    flat = np.linalg.norm((gaussians.means - (low + high) / 2)[:, :2], axis=1)
    return int(((np.abs(gaussians.means[:, 2]) < 0.03) & (flat < 0.1)).sum())


def test_the_scene_without_it_has_a_floor_where_it_stood_when_asked(
    lab: Lab, toy: Toy, tmp_path: Path
) -> None:
    session = clicked(lab, toy)
    written = {}
    for mended in (False, True):
        folder = tmp_path / str(mended)
        export(session, ["without", "without_all", "splats"], folder, mended=mended)
        written[mended] = {
            name: read_gaussians(folder / name)
            for name in ("without/box.ply", "without-all.ply", "box-splats.ply")
        }
    for name in ("without/box.ply", "without-all.ply"):
        assert hole(written[True][name], session) > 2 * hole(written[False][name], session) + 10
    np.testing.assert_array_equal(
        written[True]["box-splats.ply"].means, written[False]["box-splats.ply"].means
    )


def test_what_the_session_shows_filled_in_is_written_so(lab: Lab, toy: Toy) -> None:
    session = clicked(lab, toy)
    assert session.current is not None
    session.stage.remove(session.current.id)
    holes = []
    for mended in (False, True):
        session.stage.mend(mended)
        scene, lit = ObjectSplats(session, "split").lit(session.objects)
        assert scene.gaussians is not None and not lit[0][1].any()
        assert len(lit[0][1]) == len(scene.gaussians.means)
        holes.append(hole(scene.gaussians, session))
    assert holes[1] > 2 * holes[0] + 10
