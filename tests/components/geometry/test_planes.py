"""find_planes: a table, a wall and clutter, at any scale and pose."""

import numpy as np
import pytest

from liftlab.components.geometry.planes import find_planes, scene_scale, viewing_distance


def room(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of a floor (z = 0), a wall (y = 1) and a box standing off both, with noise; and the camera
    centres."""
    rng = np.random.default_rng(seed)
    floor = np.c_[rng.uniform(-1, 1, (12000, 2)), np.zeros(12000)]
    wall = np.c_[rng.uniform(-1, 1, 7000), np.ones(7000), rng.uniform(0, 1, 7000)]
    ball = rng.normal(size=(3000, 3))
    ball = 0.15 * ball / np.linalg.norm(ball, axis=1, keepdims=True) + [0, 0, 0.2]
    points = np.concatenate([floor, wall, ball]) + rng.normal(scale=5e-4, size=(22000, 3))
    cameras = np.array([[0.0, -1.0, 0.8], [0.4, -0.9, 0.8], [-0.4, -0.9, 0.7]])
    return points, cameras


def test_floor_and_wall_are_found_largest_first_facing_the_cameras() -> None:
    planes = find_planes(*room())
    assert len(planes) == 2
    assert np.allclose(planes[0].normal, [0, 0, 1], atol=0.01) and abs(planes[0].offset) < 0.005
    assert np.allclose(planes[1].normal, [0, -1, 0], atol=0.01) and abs(planes[1].offset + 1) < 0.005
    assert planes[0].support > planes[1].support > 0.03


def test_pose_and_scale_do_not_matter() -> None:
    points, cameras = room()
    rng = np.random.default_rng(5)
    R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    plain = find_planes(points, cameras)
    moved = find_planes(17.0 * points @ R.T + 3.0, 17.0 * cameras @ R.T + 3.0)
    assert len(moved) == len(plain)
    for a, b in zip(plain, moved, strict=True):
        assert np.allclose(R @ a.normal, b.normal, atol=0.02)
        assert a.support == pytest.approx(b.support, abs=0.05)


def test_equal_seed_equal_planes() -> None:
    first, second = find_planes(*room(), seed=4), find_planes(*room(), seed=4)
    assert [p.offset for p in first] == [p.offset for p in second]


def test_nothing_flat_gives_nothing() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(5000, 3))
    assert find_planes(cloud, np.array([[0.0, 0.0, -5.0]])) == ()


@pytest.mark.parametrize(
    "points", [np.zeros((0, 3)), np.zeros((50, 3)), np.tile(np.arange(900.0)[:, None], (1, 3))]
)
def test_too_few_or_degenerate_points_do_not_crash(points: np.ndarray) -> None:
    assert isinstance(find_planes(points, np.array([[0.0, 0.0, -5.0]])), tuple)


def test_noise_that_grows_with_distance_does_not_split_a_wall() -> None:
    rng = np.random.default_rng(2)
    wall = np.c_[rng.uniform(-2, 2, (30000, 2)), 3 * (1 + rng.normal(scale=2e-3, size=30000))]
    near = np.c_[rng.uniform(-0.5, 0.5, (9000, 2)), 1 + 0.3 * rng.random(9000)]
    planes = find_planes(np.concatenate([wall, near]), np.zeros((1, 3)))
    assert len(planes) == 1 and np.allclose(planes[0].normal, [0, 0, -1], atol=0.01)


def test_distances_by_hand() -> None:
    points = np.array([[0.0, 0.0, 3.0], [4.0, 0.0, 3.0]])
    assert viewing_distance(points, np.zeros((1, 3))).tolist() == [3.0, 5.0]
    assert scene_scale(points, np.zeros((1, 3))) == 4.0
