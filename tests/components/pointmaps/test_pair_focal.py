"""The focal length of a lens from pairs of its photos."""

import numpy as np
import pytest

from liftlab.components.geometry.projection import project
from liftlab.components.pointmaps import pair_focal
from liftlab.components.pointmaps.pair_focal import LONGEST, SHORTEST, STEPS, shared_focal
from liftlab.components.types import Camera, Lens, View
from tests.textured_scene import looking_at

STEP = (LONGEST / SHORTEST) ** (1 / (STEPS - 1))


def views_of(share: float) -> list[View]:
    """Photos from places whose distances to what they look at differ."""
    width, height = 640, 480
    views = []
    for number, (center, target) in enumerate(
        [((0, 0, 0), (0, 0, 4)), ((0.9, 0.2, 0.6), (0.3, 0.1, 4)), ((-0.8, -0.3, -0.9), (-0.2, 0.4, 4))]
    ):
        K = np.array([[share * width, 0, width / 2], [0, share * width, height / 2], [0, 0, 1.0]])
        pose = looking_at(center, target, width, height).world_to_camera
        image = np.zeros((height, width, 3), np.uint8)
        image[0, 0] = number
        views.append(View(f"{number}.png", Camera(K, pose, width, height), image, Lens(width, height, K)))
    return views


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch):
    """Details of the photos are where points really project to, with half a pixel of noise."""

    def use(views: list[View]) -> None:
        rng = np.random.default_rng(0)
        points = rng.uniform([-1.5, -1, 3], [1.5, 1, 6], (400, 3))
        places = {
            int(view.image[0, 0, 0]): project(view.camera, points)[0] + rng.normal(0, 0.2, (400, 2))
            for view in views
        }
        monkeypatch.setattr(pair_focal, "detect_features", lambda image, _: int(image[0, 0, 0]))
        monkeypatch.setattr(pair_focal, "match_features", lambda a, b: (places[a], places[b]))

    return use


@pytest.mark.parametrize("share", [0.75, 1.05, 1.6])
def test_the_lens_is_found_to_a_few_percent(features, share: float) -> None:
    views = views_of(share)
    features(views)
    found = shared_focal(views)
    assert found is not None and abs(np.log(found / share)) < 3 * np.log(STEP)


def test_photos_without_matches_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_focal, "match_features", lambda a, b: (np.zeros((0, 2)), np.zeros((0, 2))))
    assert shared_focal(views_of(1.0)) is None
