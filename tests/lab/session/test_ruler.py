"""Measuring in a scene, and the scale that a known distance gives it: kept, undone, exported, used by words."""

import json
import math
from pathlib import Path

import numpy as np
import plyfile
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import photo_from_view, project
from liftlab.engine.lab import Lab
from liftlab.session.ruler import Ruler
from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from tests.answered import current_of
from tests.lab.cli.test_cli import liftlab  # noqa: F401  (fixture)
from tests.not_none import not_none
from tests.toy import BOXES, Toy
from tests.toy_workspace import NAME, box_center

CORNERS = (BOXES[0][1] * [1, 0, 1] + BOXES[0][0] * [0, 1, 0], np.array([-0.55, -0.30, 0.35]))
"""The upper front edge of the first box, 0.4 units long, right end first."""


@pytest.fixture
def own(lab: Lab) -> Session:
    session = Session(lab)
    session.open(NAME)
    return session


def photo_place(session: Session, point: np.ndarray, view: int = 1) -> tuple[str, float, float]:
    seen = session.need_scene().views[view]
    xy, _ = project(seen.camera, point)
    x, y = photo_from_view(seen, xy).tolist()
    return seen.name, x, y


def edge(session: Session) -> list[tuple[str, float, float]]:
    """Both ends of the edge, a bit inside, where photo 1 sees them."""
    inside = np.array([0.02, 0, -0.02])
    return [photo_place(session, CORNERS[0] + inside * [-1, 1, 1]), photo_place(session, CORNERS[1] + inside)]


def measured(session: Session) -> Ruler:
    for place in edge(session):
        session.ruler.mark(*place)
    return session.ruler


def test_two_clicks_give_the_distance(own: Session) -> None:
    assert own.ruler.length is None
    ruler = measured(own)
    assert ruler.length == pytest.approx(0.36, abs=0.02)
    assert ruler.length_text(not_none(ruler.length)).endswith("scene units")
    ruler.mark(*photo_place(own, CORNERS[0]))
    assert len(ruler.points) == 1, "a third place starts again"
    ruler.clear()
    camera = own.need_scene().views[0].camera
    aim = CORNERS[0] * [0, 1, 0] + [-0.35, 0, 0.2]  # on the front face
    ruler.mark_ray(camera.center, aim - camera.center)
    assert np.linalg.norm(np.array(ruler.points[0]) - aim) < 0.02


def test_a_known_distance_gives_the_scene_a_scale_that_stays(own: Session, lab: Lab, toy: Toy) -> None:
    ruler = measured(own)
    own.click("001.png", *box_center(toy, 1, 3))
    assert ruler.size_text(current_of(own).id) == ""
    ruler.set_scale(18, "cm")
    assert ruler.length_text(not_none(ruler.length)) == "18 cm"
    unit = 0.18 / not_none(ruler.length)
    later = Session(Lab(lab.workspace.root))
    later.open(NAME)
    assert later.ruler.metres_per_unit == pytest.approx(unit)
    length, _, height = not_none(ruler.size(current_of(own).id))
    assert (height * unit, length * unit) == (
        pytest.approx(0.45 * 0.5, rel=0.2),
        pytest.approx(0.175, rel=0.2),
    )
    assert ruler.size_text(current_of(own).id).endswith(" cm")
    own.undo()
    assert ruler.metres_per_unit is None and later.ruler.metres_per_unit is None
    own.redo()
    assert ruler.metres_per_unit == pytest.approx(unit)
    ruler.forget_scale()
    assert ruler.scale is None
    own.undo()
    assert ruler.scale is not None


@pytest.mark.parametrize(
    ("length", "unit", "sentence"),
    [(0, "cm", "larger than 0"), (math.nan, "m", "larger than 0"), (3, "parsec", "mm, cm, m, in, ft")],
)
def test_no_length_is_refused(own: Session, length: float, unit: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        measured(own).set_scale(length, unit)


def test_a_scale_needs_two_places(own: Session) -> None:
    with pytest.raises(InputError, match="two places"):
        own.ruler.set_scale(1, "m")
    with pytest.raises(InputError, match="outside the photo"):
        own.ruler.mark("000.png", -5, 2)


def test_exports_carry_the_scale_and_come_in_metres(own: Session, toy: Toy, tmp_path: Path) -> None:
    own.click("001.png", *box_center(toy, 1, 1))
    with pytest.raises(InputError, match="measure a known distance"):
        own.export("ply", tmp_path / "x", metres=True)
    measured(own).set_scale(1.8, "m")
    unit = own.ruler.metres_per_unit
    for kind in ("ply", "colmap", "transforms", "segmentation", "glb"):
        own.export(kind, tmp_path / "own")
        own.export(kind, tmp_path / "metric", metres=True)

    def points(folder: str) -> np.ndarray:
        vertex = plyfile.PlyData.read(tmp_path / folder / "object 1.ply")["vertex"]
        return np.stack([vertex["x"], vertex["y"], vertex["z"]], axis=1)

    def record(folder: str, name: str) -> dict:
        return json.loads((tmp_path / folder / name).read_text())

    assert np.allclose(points("metric"), unit * points("own"), rtol=1e-5)
    assert f"comment metres_per_unit {unit:.9g}".encode() in (tmp_path / "own" / "object 1.ply").read_bytes()
    own_record, metric = record("own", "segmentation.json"), record("metric", "segmentation.json")
    assert (own_record["units"], metric["units"]) == ("arbitrary", "metres")
    assert (own_record["metres_per_unit"], metric["metres_per_unit"]) == (pytest.approx(unit), 1.0)
    assert np.allclose(metric["objects"][0]["size"], unit * np.array(own_record["objects"][0]["size"]))
    first, second = (
        np.array(record(f, "transforms.json")["frames"][0]["transform_matrix"]) for f in ("own", "metric")
    )
    assert np.allclose(second[:3, 3], unit * first[:3, 3]) and np.allclose(second[:3, :3], first[:3, :3])
    assert record("metric", "transforms.json")["metres_per_unit"] == 1.0


def test_a_notebook_brings_the_scale_along(own: Session, lab: Lab, tmp_path: Path) -> None:
    measured(own).set_scale(1.8, "m")
    own.notebook().save(tmp_path / "run.json")
    wanted = own.ruler.scale
    own.ruler.forget_scale()
    replayed = replay(Notebook.load(tmp_path / "run.json"), lab)
    assert replayed.session.ruler.scale == wanted == own.ruler.scale


def test_clicks_in_3d_measure_while_the_ruler_is_out(lab: Lab) -> None:
    visitor = Visitor("visitor-of-the-tests-1", lab)
    visitor.open(NAME)
    camera = not_none(visitor.scene).views[1].camera
    visitor.set_measuring(True)
    for end in ([0.33, 0.0, 0.2], [0.05, 0.0, 0.2]):  # along the front of the first box
        aim = BOXES[0][0] + end
        visitor.view.clicked(camera.center, aim - camera.center, False)
    assert visitor.session.objects == [] and visitor.session.ruler.length == pytest.approx(0.28, abs=0.03)
    visitor.set_measuring(False)
    assert visitor.session.ruler.points == ()
    visitor.view.clicked(camera.center, aim - camera.center, False)
    assert len(visitor.session.objects) == 1


def test_words_may_say_real_lengths(own: Session, lab: Lab) -> None:
    before = lab.word_lookup(NAME, "wildseg3d").search("taller than 40 cm")
    assert before.found == () and "has no scale" in before.message
    ruler = measured(own)
    ruler.set_scale(not_none(ruler.length), "m")  # one unit is one metre
    found = lab.word_lookup(NAME, "wildseg3d").search("the green thing taller than 40 cm").found
    none = lab.word_lookup(NAME, "wildseg3d").search("the green thing shorter than 30 cm").found
    assert found[0].score > 0.3 > max((f.score for f in none), default=0)


def test_the_command_measures_and_keeps_the_scale(liftlab, own: Session) -> None:  # noqa: F811
    places = [f"{name}:{x},{y}" for name, x, y in edge(own)]
    code, first, _ = liftlab("measure", NAME, "--places", *places)
    assert code == 0 and first["metres"] is None and first["length"] == pytest.approx(0.36, abs=0.02)
    code, second, said = liftlab("measure", NAME, "--places", *places, "--known", "8 cm")
    assert (code, second["metres"]) == (0, pytest.approx(0.08)) and "8 cm" in said
    assert liftlab("measure", NAME)[1]["metres_per_unit"] == pytest.approx(second["metres_per_unit"])
    assert liftlab("measure", NAME, "--forget")[1]["metres_per_unit"] is None
    code, wrong, _ = liftlab("measure", NAME, "--places", "000.png:3", "1,2,3")
    assert code == 2 and "PHOTO:X,Y" in wrong["error"]
