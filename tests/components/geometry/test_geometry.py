"""Laws of projection, lens mapping and registration, plus the worked example of docs/methods/wildseg3d.md section 9."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftlab.components.geometry import projection as geometry
from liftlab.components.types import Camera, Lens, View
from tests import textured_scene as textured


def random_camera(rng: np.random.Generator, width: int = 64, height: int = 48) -> Camera:
    R, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    R *= np.sign(np.linalg.det(R))
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, rng.normal(size=3)
    K = np.array([[60.0, 0, 31.0], [0, 61.0, 25.0], [0, 0, 1]])
    return Camera(K, T, width, height)


def view_with(lens: Lens, camera: Camera) -> View:
    return View("a.jpg", camera, np.zeros((camera.height, camera.width, 3), np.uint8), lens)


def test_unprojection_of_the_worked_example():
    T = np.eye(4)
    T[2, 3] = 1.0
    # The papers count pixel centres from 0; ours are at +0.5, so centre and pixel move by half a pixel.
    camera = Camera(np.array([[100.0, 0, 2.5], [0, 100, 1.5], [0, 0, 1]]), T, 5, 3)
    np.testing.assert_allclose(geometry.unproject(camera, np.array([3.5, 1.5]), np.array(2.0)), [0.02, 0, 1])


@pytest.mark.parametrize("shape", [(), (7,), (2, 3)])
def test_unproject_inverts_project(shape):
    rng = np.random.default_rng(0)
    camera = random_camera(rng)
    xy, depth = rng.uniform(0, 48, (*shape, 2)), rng.uniform(0.5, 9, shape)
    world = geometry.unproject(camera, xy, depth)
    again, depth_again = geometry.project(camera, world)
    np.testing.assert_allclose(again, xy, atol=1e-9)
    np.testing.assert_allclose(depth_again, depth, atol=1e-9)


def test_points_behind_the_camera_have_no_pixel():
    camera = random_camera(np.random.default_rng(1))
    behind = geometry.unproject(camera, np.array([10.0, 10.0]), np.array(-2.0))
    xy, depth = geometry.project(camera, behind)
    assert depth < 0
    assert np.isnan(xy).all()


def test_center_projects_to_depth_zero():
    camera = random_camera(np.random.default_rng(2))
    np.testing.assert_allclose(geometry.transform(camera.world_to_camera, camera.center), 0, atol=1e-12)
    np.testing.assert_allclose(camera.camera_to_world @ camera.world_to_camera, np.eye(4), atol=1e-12)


def test_opencv_opengl_flip_is_its_own_inverse():
    pose = random_camera(np.random.default_rng(3)).camera_to_world
    flipped = geometry.opencv_from_opengl_camera(pose)
    np.testing.assert_allclose(flipped[:3, 2], -pose[:3, 2])
    np.testing.assert_allclose(geometry.opencv_from_opengl_camera(flipped), pose)


def test_intrinsics_conversion_round_trip():
    K = random_camera(np.random.default_rng(4)).K
    np.testing.assert_allclose(
        geometry.centered_from_opencv_intrinsics(geometry.opencv_from_centered_intrinsics(K)), K
    )
    assert geometry.opencv_from_centered_intrinsics(K)[0, 2] == K[0, 2] - 0.5


@settings(max_examples=30, deadline=None)
@given(k1=st.floats(-0.15, 0.15), k2=st.floats(-0.03, 0.03), p=st.floats(-0.002, 0.002))
def test_photo_and_view_pixels_invert_each_other(k1, k2, p):
    camera = random_camera(np.random.default_rng(5))
    lens = Lens(
        256, 192, np.array([[230.0, 0, 128.5], [0, 230.0, 95.0], [0, 0, 1]]), np.array([k1, k2, p, -p])
    )
    view = view_with(lens, camera)
    xy = np.random.default_rng(6).uniform([0, 0], [64, 48], (50, 2))
    np.testing.assert_allclose(
        geometry.view_from_photo(view, geometry.photo_from_view(view, xy)), xy, atol=1e-4
    )


@pytest.mark.parametrize("k1", [0.0, -0.1])
def test_undistorted_photo_shows_each_point_where_the_camera_projects_it(k1):
    camera = random_camera(np.random.default_rng(7))
    lens = Lens(
        256, 192, np.array([[240.0, 0, 124.0], [0, 244.0, 100.0], [0, 0, 1]]), np.array([k1, 0, 0, 0])
    )
    view = view_with(lens, camera)
    photo = np.zeros((192, 256, 3), np.uint8)
    spot = np.array([40.5, 20.5])
    at = np.floor(geometry.photo_from_view(view, spot)).astype(int)
    photo[at[1] - 3 : at[1] + 4, at[0] - 3 : at[0] + 4] = 255
    seen = geometry.undistort_photo(photo, lens, camera)[..., 0].astype(float)
    rows, columns = np.indices(seen.shape)
    center = np.array([(seen * (columns + 0.5)).sum(), (seen * (rows + 0.5)).sum()]) / seen.sum()
    np.testing.assert_allclose(center, spot, atol=0.3)


@pytest.mark.parametrize("k1", [0.0, -0.08])
def test_mask_in_photo_agrees_with_pointwise_mapping(k1):
    rng = np.random.default_rng(8)
    camera = random_camera(rng)
    lens = Lens(130, 99, np.array([[120.0, 0, 64.0], [0, 121.0, 50.0], [0, 0, 1]]), np.array([k1, 0, 0, 0]))
    view = view_with(lens, camera)
    mask = rng.random((48, 64)) > 0.5
    photo_mask = geometry.mask_in_photo(view, mask)
    assert photo_mask.shape == (99, 130)
    for x, y in [(3, 4), (60, 50), (129, 98), (0, 0), (77, 13)]:
        u, v = np.floor(geometry.view_from_photo(view, np.array([x + 0.5, y + 0.5]))).astype(int)
        expected = bool(0 <= u < 64 and 0 <= v < 48 and mask[v, u])
        assert photo_mask[y, x] == expected


@pytest.mark.parametrize("k1", [-0.12, -0.08, 0.1])
def test_dense_undistortion_agrees_with_the_exact_one(k1):
    camera = random_camera(np.random.default_rng(3))
    lens = Lens(
        651, 483, np.array([[520.0, 0, 330.0], [0, 521.0, 240.0], [0, 0, 1]]), np.array([k1, 0.02, 1e-3, 0])
    )
    view = view_with(lens, camera)
    exact = geometry.view_from_photo(view, geometry.pixel_centers(651, 483))
    per_photo_pixel = camera.K[0, 0] / lens.K[0, 0]
    assert (
        np.abs(geometry.view_from_picture(view, view.lens.width, view.lens.height) - exact).max()
        < 0.02 * per_photo_pixel
    )


@pytest.mark.parametrize("k1", [0.0, -0.08])
def test_labels_in_photo_are_the_masks_of_every_label(k1):
    rng = np.random.default_rng(9)
    lens = Lens(130, 99, np.array([[120.0, 0, 64.0], [0, 121.0, 50.0], [0, 0, 1]]), np.array([k1, 0, 0, 0]))
    view = view_with(lens, random_camera(rng))
    labels = rng.integers(0, 4, (48, 64)).astype(np.uint16)
    in_photo = geometry.labels_in_photo(view, labels)
    for label in (1, 2, 3):
        np.testing.assert_array_equal(in_photo == label, geometry.mask_in_photo(view, labels == label))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), scale=st.floats(0.05, 20))
def test_registration_recovers_a_similarity(seed, scale):
    rng = np.random.default_rng(seed)
    camera = random_camera(rng)
    R, t = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    source = rng.normal(size=(20, 3))
    weights = rng.uniform(0.1, 1, 20)
    found_scale, found_R, found_t = geometry.register_similarity(source, scale * source @ R.T + t, weights)
    assert found_scale == pytest.approx(scale, rel=1e-9)
    np.testing.assert_allclose(found_R, R, atol=1e-9)
    np.testing.assert_allclose(found_t, t, atol=1e-8)


def test_registration_ignores_points_of_weight_zero():
    rng = np.random.default_rng(9)
    source = rng.normal(size=(12, 3))
    target = 2 * source + 1
    target[:3] += 100
    scale, R, t = geometry.register_similarity(source, target, np.r_[np.zeros(3), np.ones(9)])
    assert scale == pytest.approx(2)
    np.testing.assert_allclose(R, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(t, 1, atol=1e-9)


def test_registration_needs_three_points():
    with pytest.raises(ValueError, match="at least 3 points; got 2"):
        geometry.register_similarity(np.eye(3), np.eye(3), np.array([1.0, 1.0, 0.0]))


def test_epipolar_errors_measure_how_far_a_detail_lies_from_its_line():
    first, second = (
        textured.looking_at((0, 0, 0), (0, 0, 4), 64, 48),
        textured.looking_at((1, 0, 0.2), (0, 0, 4), 64, 48),
    )
    points = np.random.default_rng(0).uniform([-1, -1, 3], [1, 1, 5], (30, 3))
    rays = []
    for camera in (first, second):
        seen = geometry.transform(camera.world_to_camera, points)
        rays.append(seen[:, :2] / seen[:, 2:])
    motion = second.world_to_camera @ first.camera_to_world
    np.testing.assert_allclose(geometry.epipolar_errors(rays[0], rays[1], motion), 0, atol=1e-12)
    # Across lines that run nearly sideways.
    aside = geometry.epipolar_errors(rays[0], rays[1] + [0, 0.01], motion)
    assert aside.min() > 0.005 and aside.max() < 0.0101
    centers = geometry.camera_centers(np.stack([first.world_to_camera, second.world_to_camera]))
    np.testing.assert_allclose(centers, [[0, 0, 0], [1, 0, 0.2]], atol=1e-12)
