"""Candidates for the pose of a photo, from details of known depth and from other models."""

import numpy as np
import pytest

from liftlab.components.geometry.projection import project
from liftlab.components.sfm.confirmation import DepthView
from liftlab.components.sfm.placing import Lifted, lifted, pose_by_other_model, poses_from
from liftlab.components.sfm.worker.learned import likely_pairs
from liftlab.components.types import Camera
from tests.textured_scene import render, room, walk

TRUE, OTHER = (camera.world_to_camera for camera in (walk(4, 160, 120)[1], walk(4, 160, 120)[3]))


def rays_of(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    seen = points @ pose[:3, :3].T + pose[:3, 3]
    return seen[:, :2] / seen[:, 2:]


def some_points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-1, -1, 2.5], [1, 1, 4], (count, 3))


def test_details_of_known_depth_give_the_pose_among_wrong_ones() -> None:
    points = some_points(40)
    rays = rays_of(points, TRUE)
    rays[:12] += np.random.default_rng(1).uniform(0.1, 0.3, (12, 2))
    poses = list(poses_from([Lifted(rays, points)]))
    assert np.allclose(poses[0], TRUE, atol=1e-3)
    assert list(poses_from([Lifted(rays[:3], points[:3])])) == []


def test_two_equal_things_give_a_candidate_each() -> None:
    mine, twin = some_points(30, 2), some_points(20, 3)
    one, both = Lifted(rays_of(mine, TRUE), mine), Lifted(rays_of(twin, OTHER), twin)
    poses = list(poses_from([one, both]))
    for expected in (TRUE, OTHER):
        assert (
            sum(np.allclose(pose, expected, atol=1e-3) for pose in poses) == 2
        )  # by its view, and by all together


def test_details_are_lifted_where_the_view_has_depth() -> None:
    camera = walk(4, 160, 120)[2]
    depth = render(room(), camera)[1]
    depth[:, :40] = 0
    view = DepthView(np.zeros((120, 160), np.float32), camera, depth)
    xy = np.array([[100.5, 60.5], [20.5, 60.5], [500.0, 60.5]])
    in_view = (xy - camera.K[:2, 2]) / camera.K[0, 0]
    rays = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    found = lifted(rays, in_view, view)
    assert found.rays.tolist() == [[0.1, 0.2]]
    back, at = project(Camera(camera.K, camera.world_to_camera, 160, 120), found.points)
    assert back[0] == pytest.approx(xy[0]) and at[0] == pytest.approx(depth[60, 100])


def test_a_pose_is_carried_over_from_a_model_of_another_frame_and_scale() -> None:
    here = np.stack([camera.world_to_camera for camera in walk(4, 160, 120)])
    turn = np.eye(4)
    turn[:3, :3] = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    there = here @ turn
    there[:, :3, 3] *= 2.5
    carried = pose_by_other_model(there[3], there[:3], here[:3], 2)
    assert carried is not None and np.allclose(carried, here[3])
    assert pose_by_other_model(there[3], there[:1], here[:1], 0) is None


def test_each_photo_is_compared_with_those_that_look_most_alike() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=(60, 16))
    photos = []
    for shared in (60, 40, 20, 0):
        rows = np.concatenate([common[:shared], rng.normal(size=(60 - shared, 16))])
        photos.append((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    assert likely_pairs(photos, [0], partners=2) == [(0, 1), (0, 2)]
    assert likely_pairs(photos, [1, 3], partners=1)[0] == (0, 1)
    assert likely_pairs([photos[0], photos[0][:0]], [0, 1]) == []
