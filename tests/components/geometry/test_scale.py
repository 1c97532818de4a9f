"""Real lengths for people, and scenes brought to metres."""

import numpy as np
import pytest

from liftlab.components.geometry.projection import project
from liftlab.components.geometry.scale import box_text, length_text, scene_in_metres
from tests.toy import make_toy


@pytest.mark.parametrize(
    ("metres", "text"), [(0.0825, "8.25 cm"), (1.2345, "1.23 m"), (0.0041, "4.1 mm"), (12.34, "12.3 m")]
)
def test_lengths_are_said_in_a_unit_that_suits(metres: float, text: str) -> None:
    assert length_text(metres) == text


def test_a_box_is_said_in_one_unit() -> None:
    assert box_text((0.123, 0.081, 0.0954)) == "12 × 8.1 × 9.5 cm"
    assert box_text((2.0, 0.5, 0.25)) == "2 × 0.5 × 0.25 m"


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_photos_see_the_same_in_metres(factor: float) -> None:
    scene = make_toy().scene
    metric = scene_in_metres(scene, factor)
    assert metric.units == "metres" and metric.key == scene.key
    assert np.allclose(metric.pointmap.points, factor * scene.pointmap.points, rtol=1e-6)
    for before, after in zip(scene.views, metric.views, strict=True):
        points = scene.pointmap.points[::50].astype(np.float64)
        xy, depth = project(before.camera, points)
        xy_metric, depth_metric = project(after.camera, factor * points)
        assert np.allclose(xy, xy_metric) and np.allclose(factor * depth, depth_metric)
        assert np.allclose(after.camera.center, factor * before.camera.center)
