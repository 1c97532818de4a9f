"""Two-view stereo: its pose, its depths, its confidence, and the pairs it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.geometry.projection import pixel_centers, project, transform
from liftlab.components.pointmaps.pairs import PairFailure, PairPredictor, PairResult
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig, StereoPairPredictor
from liftlab.components.types import View
from tests.not_none import not_none
from tests.toy import Toy, look_at, make_toy, render_toy

NEIGHBOURS = (0, 1)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=240, height=180, views=5)


@pytest.fixture(scope="module")
def pair(toy: Toy) -> PairResult:
    result = StereoPairPredictor()(*(toy.scene.views[v] for v in NEIGHBOURS))
    assert isinstance(result, PairResult)
    return result


def true_relative_pose(toy: Toy, n: int, m: int) -> np.ndarray:
    views = toy.scene.views
    return views[m].camera.world_to_camera @ views[n].camera.camera_to_world


def moved(view: View, eye: np.ndarray, target: np.ndarray) -> View:
    """The toy from another place."""
    camera = look_at(eye, target, width=view.camera.width, height=view.camera.height)
    return replace(view, camera=camera, image=render_toy(camera)[0])


def test_it_is_a_pair_predictor() -> None:
    assert isinstance(StereoPairPredictor(), PairPredictor)


def test_relative_pose_is_right_and_its_baseline_is_one(toy: Toy, pair: PairResult) -> None:
    truth = true_relative_pose(toy, *NEIGHBOURS)
    baseline = np.linalg.norm(truth[:3, 3])
    found = not_none(pair.second_from_first)
    assert np.linalg.norm(found[:3, 3]) == pytest.approx(1)
    assert np.degrees(np.linalg.norm(found[:3, :3] - truth[:3, :3]) / np.sqrt(2)) < 0.5
    assert found[:3, 3] @ truth[:3, 3] / baseline > np.cos(np.radians(2))


def test_scene_cameras_are_not_looked_at(toy: Toy, pair: PairResult) -> None:
    """Another world frame and another unit change nothing: only images and intrinsics count."""
    views = []
    for v in NEIGHBOURS:
        view = toy.scene.views[v]
        spoilt = np.eye(4)
        spoilt[:3, 3] = [v, 5.0, -2]
        views.append(replace(view, camera=replace(view.camera, world_to_camera=spoilt)))
    again = StereoPairPredictor()(*views)
    assert isinstance(again, PairResult)
    assert np.array_equal(again.pts3d_1, pair.pts3d_1) and np.array_equal(again.conf_2, pair.conf_2)


def test_confident_depths_are_right_in_both_views(toy: Toy, pair: PairResult) -> None:
    """Up to the pair's own scale: median error under 1 % and most confident pixels within 2 %."""
    n, m = NEIGHBOURS
    own = [pair.pts3d_1[..., 2], transform(not_none(pair.second_from_first), pair.pts3d_2)[..., 2]]
    for view, depth, conf in zip((n, m), own, (pair.conf_1, pair.conf_2), strict=True):
        sure = (conf > 1.5) & toy.scene.pointmap.valid[view]
        assert sure.mean() > 0.3
        ratio = toy.depth[view][sure] / depth[sure]
        error = np.abs(ratio / np.median(ratio) - 1)
        assert np.median(error) < 0.01 and (error < 0.02).mean() > 0.8


def test_points_lie_on_the_rays_of_their_pixels(toy: Toy, pair: PairResult) -> None:
    camera = replace(toy.scene.views[0].camera, world_to_camera=np.eye(4))
    for points, pose in ((pair.pts3d_1, np.eye(4)), (pair.pts3d_2, pair.second_from_first)):
        xy, depth = project(replace(camera, world_to_camera=pose), points)
        assert (depth > 0).all()
        assert np.abs(xy - pixel_centers(camera.width, camera.height)).max() < 1e-2


def test_matches_show_the_same_point(toy: Toy, pair: PairResult) -> None:
    n, m = NEIGHBOURS
    columns, rows = np.floor(pair.matches[:, :2]).astype(int).T
    inside = (columns >= 0) & (columns < 240) & (rows >= 0) & (rows < 180)
    world = toy.scene.pointmap.pts3d[n, rows[inside], columns[inside]]
    there, _ = project(toy.scene.views[m].camera, world)
    distance = np.linalg.norm(there - pair.matches[inside, 2:], axis=1)
    assert len(distance) > 5000 and np.median(distance) < 1


def test_confidence_is_above_one_and_ranks_the_errors(toy: Toy, pair: PairResult) -> None:
    assert min(pair.conf_1.min(), pair.conf_2.min()) > 1
    depth, truth = pair.pts3d_1[..., 2], toy.depth[0]
    scale = np.median((truth / depth)[pair.conf_1 > 1.5])
    error = np.abs(scale * depth / truth - 1)
    unsure, sure = error[pair.conf_1 < 1.5], error[pair.conf_1 > np.quantile(pair.conf_1, 0.7)]
    assert np.mean(sure < 0.01) > np.mean(unsure < 0.01) + 0.2


def test_the_same_photos_give_the_same_pointmaps(toy: Toy, pair: PairResult) -> None:
    again = StereoPairPredictor()(*(toy.scene.views[v] for v in NEIGHBOURS))
    assert isinstance(again, PairResult)
    for name in ("pts3d_1", "pts3d_2", "conf_1", "conf_2", "matches"):
        assert np.array_equal(getattr(again, name), getattr(pair, name))


def test_a_camera_above_the_other_works_too(toy: Toy) -> None:
    """Vertical baselines: rectification turns the images."""
    view, target = toy.scene.views[2], np.array([0.05, -0.1, 0.12])
    low, high = moved(view, np.array([0, -1.8, 0.8]), target), moved(view, np.array([0, -1.7, 1.2]), target)
    result = StereoPairPredictor()(low, high)
    assert isinstance(result, PairResult)
    _, truth, _, _ = render_toy(low.camera)
    sure = (result.conf_1 > 1.5) & (truth < 6)
    ratio = truth[sure] / result.pts3d_1[..., 2][sure]
    assert sure.mean() > 0.2 and np.median(np.abs(ratio / np.median(ratio) - 1)) < 0.01


def test_identical_photos_have_no_parallax(toy: Toy) -> None:
    view = toy.scene.views[0]
    result = StereoPairPredictor()(view, view)
    assert isinstance(result, PairFailure) and result.reason in ("no_parallax", "few_matches")


def test_a_blank_photo_has_too_few_matches(toy: Toy) -> None:
    view = toy.scene.views[0]
    blank = replace(view, image=np.full_like(view.image, 127))
    result = StereoPairPredictor()(view, blank)
    assert isinstance(result, PairFailure) and result.reason == "few_matches"
    assert "25 are needed" in result.detail


def test_walking_forward_is_refused(toy: Toy) -> None:
    view, target = toy.scene.views[2], np.array([0.05, -0.1, 0.12])
    far = np.array([0.0, -1.9, 1.0])
    near = far + 0.15 * (target - far)
    result = StereoPairPredictor(StereoPairConfig(min_parallax_deg=0.2))(
        moved(view, far, target), moved(view, near, target)
    )
    assert isinstance(result, PairFailure) and result.reason == "forward_motion"
