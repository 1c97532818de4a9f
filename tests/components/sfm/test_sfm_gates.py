"""Judging evidence, frames and working cameras: small cases with answers known by hand."""

import dataclasses

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import photo_from_view, project
from liftlab.components.sfm import SfmPhoto
from liftlab.components.sfm.estimate import median_angle_deg
from liftlab.components.sfm.frame import normalised, up_direction
from liftlab.components.sfm.gates import duplicate_groups, judged, judged_known
from liftlab.components.sfm.model import FoundModel, PairEvidence, SfmEvidence, SparseModel
from liftlab.components.sfm.undistort import covered_by_photo, working_camera
from liftlab.components.sfm.worker.evidence import rotation_error
from liftlab.components.types import Camera, Lens, Plane, View
from tests.textured_scene import walk

PHOTOS = [SfmPhoto(f"{i}.jpg", np.full((4, 4, 3), i, np.uint8), 40, 40) for i in range(3)]


def model_of(*, angle: float = 10.0, points: int = 60) -> SparseModel:
    cameras = walk(3, 40, 40)
    rng = np.random.default_rng(0)
    return SparseModel(
        names=tuple(photo.name for photo in PHOTOS),
        lenses=tuple(Lens(40, 40, camera.K) for camera in cameras),
        world_to_camera=np.stack([camera.world_to_camera for camera in cameras]),
        points=rng.uniform([-1, -1, 3], [1, 1, 5], (points, 3)),
        visible=np.ones((3, points), bool),
        missing=(),
        reprojection_error_px=0.3,
        median_angle_deg=angle,
    )


def evidence_of(model, *, features=(500, 500, 500), panoramic=False, parallax=9.0, epipolar=None):
    pairs = tuple(
        PairEvidence(a, b, 100, panoramic, 20.0, parallax, epipolar) for a, b in ((0, 1), (1, 2), (0, 2))
    )
    return SfmEvidence(np.array(features), pairs, model)


def test_a_good_model_passes_without_a_word():
    assert judged(PHOTOS, evidence_of(model_of())).warnings == ()


def test_small_angles_alone_or_planar_pairs_alone_are_no_reason_to_refuse():
    assert judged(PHOTOS, evidence_of(model_of(angle=2.4))).names
    assert judged(PHOTOS, evidence_of(model_of(angle=12.0), panoramic=True)).names


def test_both_together_are_a_rotation_and_so_is_a_lack_of_parallax():
    for evidence in (
        evidence_of(model_of(angle=2.4), panoramic=True),
        evidence_of(model_of(), parallax=0.003),
    ):
        with pytest.raises(InputError, match="turn without moving"):
            judged(PHOTOS, evidence)


def test_rotation_error_is_zero_for_a_rotation_and_the_parallax_otherwise():
    rng = np.random.default_rng(1)
    points = rng.uniform([-2, -1.5, 3], [2, 1.5, 9], (200, 3))
    size, focal = [320, 240], 320 * np.geomspace(0.5, 3.0, 16)[5]
    image = lambda p: p[:, :2] / p[:, 2:] * focal + [160, 120]  # noqa: E731
    angle = 0.2
    R = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    assert rotation_error(image(points), image(points @ R.T), size, size) < 1e-6
    assert rotation_error(image(points), image(points @ R.T + [0.5, 0, 0]), size, size) > 2


def test_a_model_of_few_points_is_refused():
    with pytest.raises(InputError, match="do not connect"):
        judged(PHOTOS, evidence_of(model_of(points=5)))
    with pytest.raises(InputError, match=r"too little sharp detail in 0\.jpg and 1\.jpg"):
        judged(PHOTOS, evidence_of(model_of(points=5), features=(20, 30, 500)))


@pytest.mark.parametrize(("error", "outcome"), [(0.005, None), (0.012, "only roughly"), (9.0, InputError)])
def test_known_cameras_are_judged_by_their_epipolar_error(error, outcome):
    evidence = evidence_of(model_of(), epipolar=error)
    if outcome is InputError:
        with pytest.raises(InputError, match="miss their place by 9 pixels"):
            judged_known(PHOTOS, evidence)
    else:
        warnings = judged_known(PHOTOS, evidence).warnings
        assert (warnings == ()) if outcome is None else (outcome in warnings[0])


def test_right_cameras_pass_beside_many_pairs_that_match_look_alikes():
    # the pairs 0-1 and 1-2 fit; on wallpaper the far pair matches as well, many details and all of them wrong
    right = (PairEvidence(0, 1, 120, False, 9.0, 5.0, 0.005), PairEvidence(1, 2, 130, False, 9.0, 5.0, 0.004))
    alike = PairEvidence(0, 2, 900, False, 9.0, 5.0, 40.0)
    evidence = SfmEvidence(np.full(3, 500), (*right, alike), model_of())
    assert judged_known(PHOTOS, evidence).warnings == ()
    with pytest.raises(InputError, match="miss their place by 40 pixels"):
        judged_known(PHOTOS, SfmEvidence(np.full(3, 500), (alike,), model_of()))


def test_duplicates_are_grouped_through_chains():
    pairs = tuple(
        PairEvidence(a, b, 50, False, shift, 5.0) for a, b, shift in ((0, 1, 0.2), (1, 3, 0.1), (2, 3, 9.0))
    )
    assert duplicate_groups(SfmEvidence(np.full(4, 500), pairs, None)) == [[0, 1, 3]]


def test_median_angle_by_hand():
    centers = np.array([[-1.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    points = np.array([[0.0, 0, 1]])
    all_see = np.ones((3, 1), bool)
    assert median_angle_deg(points, centers, all_see) == pytest.approx(90)
    assert median_angle_deg(points, centers, all_see & [[True], [False], [True]]) == pytest.approx(45)
    assert median_angle_deg(points[:0], centers, all_see[:, :0]) == 0


def test_normalising_keeps_every_projection():
    sparse = model_of()
    params = tuple((40.0, 20.0, 20.0, 0.0) for _ in PHOTOS)
    model = FoundModel(
        (0, 1, 2), params, sparse.world_to_camera, sparse.points, sparse.visible, sparse.reprojection_error_px
    )
    moved = normalised(model)
    depths = []
    for before, after, lens in zip(model.world_to_camera, moved.world_to_camera, sparse.lenses, strict=True):
        xy, _ = project(Camera(lens.K, before, 40, 40), model.points)
        xy_moved, depth = project(Camera(lens.K, after, 40, 40), moved.points)
        np.testing.assert_allclose(xy_moved, xy, atol=1e-8)
        depths.append(depth)
    assert np.median(np.concatenate(depths)) == pytest.approx(1)
    np.testing.assert_allclose(np.median(moved.points, axis=0), 0, atol=1e-12)


def test_up_is_opposite_to_image_down_for_level_cameras_and_exact_with_a_floor():
    poses = np.stack([camera.world_to_camera for camera in walk(5, 40, 40)])
    assert up_direction(poses, ()) @ [0, -1, 0] > 0.98
    tilted = np.array([0.05, -0.99, 0.1]) / np.linalg.norm([0.05, -0.99, 0.1])
    floor, wall = Plane(tilted, 1.0, 0.3), Plane(np.array([0.0, 0, -1]), -5.0, 0.6)
    np.testing.assert_allclose(up_direction(poses, (wall, floor)), tilted, atol=1e-12)
    flipped = dataclasses.replace(floor, normal=-tilted)
    np.testing.assert_allclose(up_direction(poses, (flipped,)), tilted, atol=1e-12)


def test_up_of_cameras_that_share_one_direction():
    pose = walk(1, 40, 40)[0].world_to_camera
    up = up_direction(np.stack([pose, pose]), ())
    assert np.linalg.norm(up) == pytest.approx(1) and up @ [0, -1, 0] > 0.9


@pytest.mark.parametrize("k1", [0.0, -0.15, 0.1])
def test_working_camera_shows_the_whole_photo(k1):
    lens = Lens(400, 300, np.array([[350.0, 0, 200], [0, 350, 150], [0, 0, 1]]), np.array([k1, 0, 0, 0]))
    camera = working_camera(lens, np.eye(4), 200)
    assert 190 < max(camera.width, camera.height) <= 200
    assert camera.K[0, 0] == pytest.approx(camera.K[1, 1], rel=0.01)
    view = View("a.jpg", camera, np.zeros((camera.height, camera.width, 3), np.uint8), lens)
    corners = np.array([[0.0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]])
    in_photo = photo_from_view(view, corners)
    assert (in_photo[:, 0] * np.sign(corners[:, 0] - 1) >= np.where(corners[:, 0] > 0, 398, -2)).all()
    covered = covered_by_photo(lens, camera)
    assert covered[camera.height // 2, camera.width // 2]
    assert covered.all() == (k1 >= 0) or k1 > 0
