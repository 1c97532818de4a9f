"""Pair graphs, and what a pair can say about itself."""

import numpy as np
import pytest

from liftlab.components.errors import Cancelled
from liftlab.components.geometry.projection import transform
from liftlab.components.pointmaps.pairs import (
    PairFailure,
    PairPredictor,
    PairResult,
    nearby_graph,
    pair_graph,
    predict_pairs,
    shrunk,
)
from liftlab.components.progress import CancelToken
from liftlab.components.types import View
from tests.not_none import not_none
from tests.toy import look_at, make_toy


def test_complete_graph_has_both_orders_of_every_pair() -> None:
    for count in range(2, 8):
        edges = pair_graph(count)
        assert len(edges) == len(set(edges)) == count * (count - 1)
        assert {(m, n) for n, m in edges} == set(edges)
        assert len(pair_graph(count, symmetrise=False)) == count * (count - 1) // 2


def test_window_keeps_neighbours_and_one_to_all_a_star() -> None:
    assert pair_graph(4, "window", window=1, symmetrise=False) == [(0, 1), (1, 2), (2, 3)]
    assert all(abs(n - m) <= 2 for n, m in pair_graph(7, "window", window=2))
    assert pair_graph(4, "one_to_all", center=2, symmetrise=False) == [(2, 0), (2, 1), (2, 3)]
    assert pair_graph(5, "window", window=9) == pair_graph(5)


def test_nearby_graph_ignores_the_order_of_photos() -> None:
    """Cameras on a circle, 10 degrees apart, in shuffled order: partners are neighbours on the circle."""
    place = np.array([3, 0, 5, 1, 4, 2])
    angles = np.deg2rad(10.0 * place)
    cameras = [look_at(np.array([2 * np.sin(a), -2 * np.cos(a), 0.5]), np.zeros(3)) for a in angles]
    edges = nearby_graph(cameras, np.zeros(3), neighbours=2)
    assert {abs(place[n] - place[m]) for n, m in edges} <= {1, 2}
    assert {v for edge in edges for v in edge} == set(range(6))


def test_nearby_graph_leaves_a_far_camera_alone() -> None:
    eyes = [[0, -2, 0.5], [0.3, -2, 0.5], [0, 2, 0.5]]
    cameras = [look_at(np.array(eye), np.zeros(3)) for eye in eyes]
    assert nearby_graph(cameras, np.zeros(3)) == [(0, 1)]


def pair_with_pose() -> PairResult:
    rng = np.random.default_rng(0)
    pose = np.eye(4)
    pose[:3, :3] = look_at(np.array([1.0, -1, 1]), np.zeros(3)).world_to_camera[:3, :3]
    pose[:3, 3] = [0.3, -0.1, 0.2]
    points_1, points_2 = (rng.normal(size=(3, 4, 3)).astype(np.float32) for _ in range(2))
    conf_1, conf_2 = (rng.uniform(1.1, 5, (3, 4)).astype(np.float32) for _ in range(2))
    matches = np.array([[0.5, 0.5, 3.5, 2.5], [2.5, 1.5, 0.5, 0.5], [9.0, 9.0, 1.5, 1.5]], np.float32)
    return PairResult(points_1, points_2, conf_1, conf_2, matches, second_from_first=pose)


def test_swapping_twice_changes_nothing_and_once_changes_the_frame() -> None:
    pair = pair_with_pose()
    once, twice = pair.swapped(), pair.swapped().swapped()
    assert np.allclose(once.pts3d_1, transform(not_none(pair.second_from_first), pair.pts3d_2), atol=1e-6)
    assert np.array_equal(once.conf_1, pair.conf_2)
    for a, b in ((twice.pts3d_1, pair.pts3d_1), (twice.pts3d_2, pair.pts3d_2), (twice.matches, pair.matches)):
        assert np.allclose(a, b, atol=1e-5)


def test_swapping_without_a_pose_is_refused() -> None:
    pair = pair_with_pose()
    bare = PairResult(pair.pts3d_1, pair.pts3d_2, pair.conf_1, pair.conf_2, pair.matches)
    with pytest.raises(ValueError, match="second_from_first must be known"):
        bare.swapped()


def test_matched_marks_the_pixels_under_the_matches() -> None:
    """Matches outside an image are ignored there."""
    first, second = pair_with_pose().matched()
    assert np.argwhere(first).tolist() == [[0, 0], [1, 2]]
    assert np.argwhere(second).tolist() == [[0, 0], [1, 1], [2, 3]]


class Scripted:
    """A predictor that fails for pairs with view 2 and counts its calls."""

    conf_valid_threshold = 1.5
    max_side = 96

    def __init__(self, views: list[View], *, symmetric: bool) -> None:
        self.symmetric, self.calls = symmetric, 0
        self._names = [view.name for view in views]

    def __call__(self, view_1: View, view_2: View) -> PairResult | PairFailure:
        self.calls += 1
        if self._names[2] in (view_1.name, view_2.name):
            return PairFailure("few_matches", "3 features match; 25 are needed.")
        return pair_with_pose()


@pytest.mark.parametrize(("symmetric", "calls"), [(True, 6), (False, 12)])
def test_failed_pairs_come_back_by_themselves(symmetric: bool, calls: int) -> None:
    views = list(make_toy().scene.views)
    predictor = Scripted(views, symmetric=symmetric)
    assert isinstance(predictor, PairPredictor)
    results, failures = predict_pairs(views, pair_graph(4), predictor)
    assert predictor.calls == calls
    assert set(failures) == {edge for edge in pair_graph(4) if 2 in edge}
    assert set(results) | set(failures) == set(pair_graph(4))


def test_predicting_pairs_can_be_cancelled() -> None:
    views = list(make_toy().scene.views)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        predict_pairs(views, pair_graph(4), Scripted(views, symmetric=True), cancel=cancel)


def test_a_shrunk_view_sees_the_same_points_at_the_same_share_of_the_image() -> None:
    view = make_toy().scene.views[0]
    small = shrunk(view, 48)
    assert (small.camera.width, small.camera.height) == (48, 36) == small.image.shape[1::-1]
    assert np.allclose(small.camera.K[:2] * 2, view.camera.K[:2])
    assert shrunk(view, 960) is view
