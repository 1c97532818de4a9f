"""Where the alignment starts."""

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import pixel_centers, transform
from liftlab.components.pointmaps.alignment.start import (
    Similarity,
    camera_of_points,
    focal_from_pointmap,
    spanning_tree,
    start_from_tree,
)
from liftlab.components.pointmaps.pairs import PairResult
from tests.not_none import not_none
from tests.toy import Toy, make_toy


def test_spanning_tree_takes_the_best_edges_first() -> None:
    scores = {(0, 1): 5.0, (1, 0): 4.0, (1, 2): 3.0, (0, 2): 2.0, (3, 2): 1.0}
    assert spanning_tree(4, scores) == [((0, 1), 1), ((1, 2), 2), ((3, 2), 3)]


def test_spanning_tree_has_the_largest_total_of_all_trees() -> None:
    from scipy.sparse.csgraph import minimum_spanning_tree

    rng = np.random.default_rng(0)
    for count in (3, 5, 8):
        scores = {(n, m): float(rng.uniform(1, 9)) for n in range(count) for m in range(count) if n != m}
        best = np.zeros((count, count))
        for (n, m), score in scores.items():
            best[min(n, m), max(n, m)] = max(best[min(n, m), max(n, m)], score)
        total = sum(scores[edge] for edge, _ in spanning_tree(count, scores))
        negated = np.where(best > 0, 10 - best, 0)
        assert total == pytest.approx(10 * (count - 1) - minimum_spanning_tree(negated).sum())


def test_spanning_tree_names_what_is_cut_off() -> None:
    with pytest.raises(InputError, match="Photos 3 match none"):
        spanning_tree(3, {(0, 1): 1.0})


@pytest.mark.parametrize("focal", [30.0, 90.0, 400.0])
def test_focal_of_an_exact_pointmap_is_exact(focal: float) -> None:
    rng = np.random.default_rng(0)
    depth = rng.uniform(1, 3, (20, 30))
    xy = pixel_centers(30, 20) - [15, 10]
    points = np.concatenate([xy / focal, np.ones((20, 30, 1))], axis=-1) * depth[..., None]
    assert focal_from_pointmap(points) == pytest.approx(focal, rel=1e-6)


def test_focal_survives_a_tenth_of_outliers() -> None:
    """Weiszfeld's re-weighting is what makes it robust: the plain L2 estimate is far off."""
    rng = np.random.default_rng(1)
    xy = pixel_centers(40, 30) - [20, 15]
    points = np.concatenate([xy / 50.0, np.ones((30, 40, 1))], axis=-1)
    wrong = rng.random((30, 40)) < 0.1
    points[wrong, :2] *= 3
    assert focal_from_pointmap(points) == pytest.approx(50, rel=0.01)
    assert abs(focal_from_pointmap(points, weiszfeld_iterations=0) - 50) > 5


def test_focal_of_points_behind_the_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="Z > 0"):
        focal_from_pointmap(np.full((4, 4, 3), -1.0))


def test_pnp_finds_the_camera_of_a_moved_pointmap() -> None:
    toy = make_toy()
    camera = toy.scene.views[2].camera
    points = toy.scene.pointmap.pts3d[2].astype(np.float64)
    rng = np.random.default_rng(0)
    conf = np.full(points.shape[:2], 3.0)
    spoilt = points.copy()
    wrong = rng.random(conf.shape) < 0.2
    spoilt[wrong] += rng.normal(scale=0.5, size=(wrong.sum(), 3))
    found = camera_of_points(spoilt, conf, camera.K, threshold=1.5)
    assert found is not None
    pose, error = found
    assert error < 0.5
    assert np.allclose(transform(pose, points), transform(camera.world_to_camera, points), atol=0.02)


def test_pnp_without_sure_pixels_finds_nothing() -> None:
    assert camera_of_points(np.ones((5, 5, 3)), np.ones((5, 5)), np.eye(3), threshold=1.5) is None


def test_similarity_scales_its_translation() -> None:
    moved = Similarity(2.0, np.eye(3), np.array([1.0, 0, 0]))(np.array([[1.0, 2, 3]]))
    assert moved.tolist() == [[4, 4, 6]]


def pairs_by_stereo(toy: Toy, *, wrong: float) -> dict[tuple[int, int], PairResult]:
    """Pairs of a photo with its neighbours in both orders, with their relative pose in a unit of each pair's own. A
    share of all depths is wrong by multiples, and nearly as sure as the others."""
    rng = np.random.default_rng(0)
    pairs = {}
    for n in range(len(toy.scene.views) - 1):
        first, second = (toy.scene.views[v].camera for v in (n, n + 1))
        unit = float(rng.uniform(0.5, 2))
        pose = second.world_to_camera @ first.camera_to_world
        pose[:3, 3] *= unit
        points, confs = [], []
        for v, camera in ((n, first), (n + 1, second)):
            own = unit * transform(camera.world_to_camera, toy.scene.pointmap.pts3d[v].astype(np.float64))
            bad = rng.random(own.shape[:2]) < wrong
            own[bad] *= rng.uniform(2, 6, (int(bad.sum()), 1))
            confs.append(np.where(bad, 2.0, 2.5).astype(np.float32))
            points.append(own)
        second_points = transform(np.linalg.inv(pose), points[1])
        pair = PairResult(
            points[0].astype(np.float32), second_points.astype(np.float32), confs[0], confs[1],
            np.zeros((0, 4), np.float32), second_from_first=pose,
        )  # fmt: skip
        pairs[n, n + 1], pairs[n + 1, n] = pair, pair.swapped()
    return pairs


def test_pairs_that_know_their_pose_are_chained_by_it_however_wrong_their_depths() -> None:
    toy = make_toy()
    cameras = [view.camera for view in toy.scene.views]
    pairs = pairs_by_stereo(toy, wrong=0.4)
    start = start_from_tree(cameras, pairs, focals_known=True, threshold=1.5)
    lengths = []
    for n, m in ((0, 1), (1, 2), (2, 3), (0, 3)):
        found = start.cameras[m].world_to_camera @ start.cameras[n].camera_to_world
        truth = cameras[m].world_to_camera @ cameras[n].camera_to_world
        assert np.allclose(found[:3, :3], truth[:3, :3], atol=1e-6)
        lengths.append(np.linalg.norm(found[:3, 3]) / np.linalg.norm(truth[:3, 3]))
    assert np.ptp(lengths) < 0.02 * np.mean(lengths)
    for edge, placed in start.pair_poses.items():  # the pair's second camera lies where the view's is
        pose = not_none(pairs[edge].second_from_first)
        center = placed(-pose[:3, :3].T @ pose[:3, 3])
        assert np.allclose(center, start.cameras[edge[1]].center, atol=0.03 * np.mean(lengths))
