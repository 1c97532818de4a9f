"""Views of splats without photos: outside looking in or inside looking out, above the ground, seeing most of it."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from liftlab.components.errors import Cancelled
from liftlab.components.gaussians import virtual_views
from liftlab.components.gaussians.training.initialise import gaussians_from_points
from liftlab.components.gaussians.virtual_views import choose_cameras, estimate_up, render_view
from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.progress import CancelToken
from liftlab.components.rasterize import tensors_from_gaussians
from liftlab.components.types import Gaussians


@pytest.fixture(autouse=True)
def fewer_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_views, "AZIMUTHS", 6)


def splats(points: np.ndarray, colours: np.ndarray | None = None) -> Gaussians:
    colours = np.full((len(points), 3), 150, np.uint8) if colours is None else colours
    return gaussians_from_points(points, colours, opacity=0.95)


def table(seed: int = 0) -> np.ndarray:
    """A table top of size 2 in the XZ plane with a box on it, Y down."""
    random = np.random.default_rng(seed)
    top = np.column_stack([random.uniform(-1, 1, 6000), np.zeros(6000), random.uniform(-1, 1, 6000)])
    box = random.uniform(-0.25, 0.25, (3000, 3)) * [1, 1, 1]
    side = random.integers(0, 3, 3000)
    box[np.arange(3000), side] = 0.25 * random.choice([-1, 1], 3000)
    return np.concatenate([top, box - [0, 0.25, 0]])


def room(seed: int = 0) -> np.ndarray:
    """The walls, floor and ceiling of a room 4 x 2.5 x 4."""
    random = np.random.default_rng(seed)
    points = random.uniform(-1, 1, (30_000, 3))
    side = random.integers(0, 3, len(points))
    points[np.arange(len(points)), side] = random.choice([-1.0, 1.0], len(points))
    return points * [2, 1.25, 2]


def test_up_is_found_where_files_habitually_have_it_and_where_not() -> None:
    np.testing.assert_allclose(estimate_up(splats(table())), [0, -1, 0], atol=0.02)
    tilted = Rotation.from_euler("z", 25, degrees=True).as_matrix()
    np.testing.assert_allclose(estimate_up(splats(table() @ tilted.T)), tilted @ [0, -1, 0], atol=0.02)
    z_up = Rotation.from_euler("x", -90, degrees=True).as_matrix()
    np.testing.assert_allclose(z_up @ [0, -1, 0], [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(estimate_up(splats(table() @ z_up.T)), [0, 0, 1], atol=0.02)
    cloud = np.random.default_rng(0).normal(size=(2000, 3))
    np.testing.assert_array_equal(estimate_up(splats(cloud)), [0, -1, 0])


def test_a_table_is_looked_at_from_above_all_around() -> None:
    points = table()
    cameras = choose_cameras(splats(points), count=8, width=96, height=72)
    centers = np.stack([camera.center for camera in cameras])
    assert len(cameras) == 8 and (centers[:, 1] < 0).all(), "above the table, Y down"
    azimuth = np.sort(np.arctan2(centers[:, 0], centers[:, 2]))
    assert np.diff(azimuth, append=azimuth[0] + 2 * np.pi).max() < np.pi, "not from one side only"
    tensors = tensors_from_gaussians(splats(points))
    for camera in cameras:
        sight = render_view(tensors, camera)
        assert sight.solid.mean() > 0.1
        columns = np.nonzero(sight.solid)[1]
        assert abs((columns.mean() - 47.5) / camera.K[0, 0]) < 0.3, "the scene is in the middle"


def test_a_room_is_looked_at_from_inside() -> None:
    cameras = choose_cameras(splats(room()), count=8, width=96, height=72)
    centers = np.stack([camera.center for camera in cameras])
    assert (np.abs(centers) < [2, 1.25, 2]).all()
    directions = np.stack([camera.world_to_camera[2, :3] for camera in cameras])
    assert np.linalg.norm(directions.mean(axis=0)) < 0.6, "they look to all sides"


def test_the_same_file_gives_the_same_views_at_any_scale() -> None:
    points = table()
    scenes = splats(points), splats(points), splats(50 * points)
    first, again, larger = (choose_cameras(scene, count=4, width=64, height=48) for scene in scenes)
    for a, b, c in zip(first, again, larger, strict=True):
        np.testing.assert_array_equal(a.world_to_camera, b.world_to_camera)
        np.testing.assert_allclose(50 * a.center, c.center, rtol=1e-3, atol=1e-2)


def test_depth_of_a_view_is_that_of_the_surface() -> None:
    scene = splats(table())
    camera = choose_cameras(scene, count=2, width=96, height=72)[0]
    sight = render_view(tensors_from_gaussians(scene), camera)
    points = points_from_depth(camera, sight.surface.depth.astype(np.float64))[sight.solid]
    on_table = np.abs(points[:, 1]) < 0.03
    in_box = (np.abs(points[:, [0, 2]]) < 0.29).all(axis=1) & (points[:, 1] < 0.03)
    assert (on_table | in_box).mean() > 0.97


def test_nothing_to_see_and_cancelling() -> None:
    scene = splats(table())
    with pytest.raises(ValueError, match="Nothing can be seen"):
        choose_cameras(dataclasses.replace(scene, opacities=np.zeros_like(scene.opacities)))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        choose_cameras(scene, cancel=token)
