"""Cameras from rendered photos whose true cameras are known, and every way in which it fails."""

import os
import signal

import numpy as np
import psutil
import pytest

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.geometry.projection import register_similarity
from liftlab.components.progress import CancelToken
from liftlab.components.sfm import SfmOptions, SfmPhoto, estimate_cameras, reduced_photo, triangulate_known
from liftlab.components.types import Lens
from tests.textured_scene import looking_at, noise_texture, render, room, walk

OPTIONS = SfmOptions(max_features=1500)


@pytest.fixture(scope="module")
def cameras():
    return walk(5, 320, 240)


@pytest.fixture(scope="module")
def photos(cameras):
    pieces = room()
    return [reduced_photo(f"{i}.png", render(pieces, camera)[0]) for i, camera in enumerate(cameras)]


def lenses_of(cameras):
    return [Lens(camera.width, camera.height, camera.K) for camera in cameras]


def poses_of(cameras):
    return np.stack([camera.world_to_camera for camera in cameras])


def test_recovers_the_true_cameras_up_to_a_similarity(photos, cameras):
    reports = []
    model = estimate_cameras(photos, OPTIONS, progress=lambda f, m="": reports.append((f, m)))

    assert model.names == tuple(photo.name for photo in photos)
    assert model.missing == () and model.warnings == ()
    truth = np.stack([camera.center for camera in cameras])
    scale, R, t = register_similarity(model.centers, truth)
    error = np.linalg.norm(scale * model.centers @ R.T + t - truth, axis=1)
    assert error.max() < 0.02  # of a walk 1.6 long
    assert model.lenses[0].K[0, 0] == pytest.approx(cameras[0].K[0, 0], rel=0.02)
    assert model.median_angle_deg > 8 and model.reprojection_error_px < 1
    assert model.visible.shape == (5, len(model.points)) and model.visible.sum(axis=0).min() >= 2
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] <= 1
    assert "Looking for details in photo 1 of 5" in reports[0][1]


def test_lens_is_in_photo_pixels_whatever_size_was_searched(photos, cameras):
    larger = [SfmPhoto(p.name, p.image, 640, 480, 2 * cameras[0].K[0, 0]) for p in photos[:3]]
    model = estimate_cameras(larger, OPTIONS)
    assert (model.lenses[0].width, model.lenses[0].height) == (640, 480)
    assert model.lenses[0].K[0, 0] == pytest.approx(2 * cameras[0].K[0, 0], rel=0.03)
    np.testing.assert_allclose(model.lenses[0].K[:2, 2], [320, 240])


def test_known_cameras_are_kept_and_points_land_on_the_surfaces(photos, cameras):
    model = triangulate_known(photos, lenses_of(cameras), poses_of(cameras), OPTIONS)
    np.testing.assert_array_equal(model.world_to_camera, poses_of(cameras))
    assert model.warnings == ()
    x, y, z = model.points.T
    on_wall, on_floor = np.abs(z - 5) < 0.08, np.abs(y - 1) < 0.05
    on_box = (np.abs(x) < 0.65) & (y > -0.35) & (z > 2.5) & (z < 3.7)
    assert len(model.points) > 100 and (on_wall | on_floor | on_box).mean() > 0.95


def test_cameras_of_other_photos_are_refused(photos, cameras):
    poses = poses_of(cameras)
    with pytest.raises(InputError, match=r"The cameras do not fit the photos .*--cameras none"):
        triangulate_known(photos, lenses_of(cameras), poses[::-1], OPTIONS)


def test_turning_on_the_spot_is_named(cameras):
    pieces = room()
    spot = [looking_at((0, -0.5, 0), (x, -0.2, 4), 320, 240) for x in (-0.6, -0.2, 0.2, 0.6)]
    photos = [reduced_photo(f"{i}.png", render(pieces, camera)[0]) for i, camera in enumerate(spot)]
    with pytest.raises(InputError, match=r"turn without moving.*step sideways"):
        estimate_cameras(photos, OPTIONS)


@pytest.mark.slow  # tests/pipelines/steps/test_reconstruct.py has such a photo too
def test_photos_of_another_place_are_left_out_by_name(photos):
    stranger = reduced_photo("elsewhere.png", noise_texture(99)[:240, :320])
    model = estimate_cameras([*photos[:4], stranger], OPTIONS)
    assert model.missing == ("elsewhere.png",)
    assert any("Only 4 of 5 photos connect: elsewhere.png left out" in line for line in model.warnings)


def test_photos_without_anything_in_common_are_refused():
    strangers = [reduced_photo(f"{i}.png", noise_texture(200 + i)[:240, :320]) for i in range(3)]
    with pytest.raises(InputError, match="do not connect to each other"):
        estimate_cameras(strangers, OPTIONS)


def test_photos_without_detail_are_named():
    flat = [reduced_photo(f"flat{i}.png", np.full((120, 160, 3), 90 + i, np.uint8)) for i in range(3)]
    with pytest.raises(InputError, match=r"too little sharp detail in flat0\.png, flat1\.png and flat2\.png"):
        estimate_cameras(flat, OPTIONS)


def test_copies_are_named_and_do_no_harm(photos):
    copy = SfmPhoto("copy.png", photos[1].image, 320, 240)
    model = estimate_cameras([*photos[:4], copy], OPTIONS)
    assert "copy.png" in model.names
    assert any("1.png and copy.png are the same picture" in line for line in model.warnings)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos(photos, count):
    with pytest.raises(InputError, match="add at least"):
        estimate_cameras(photos[:count])


def test_one_picture_many_times(photos):
    copies = [SfmPhoto(f"{i}.png", photos[0].image, 320, 240) for i in range(4)]
    with pytest.raises(InputError, match="All photos are the same picture"):
        estimate_cameras(copies)


def test_a_killed_worker_becomes_a_sentence(photos):
    def kill_children(_fraction: float, _message: str = "") -> None:
        for child in psutil.Process().children():
            if "liftlab.components.sfm.worker" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(RuntimeError, match="Camera estimation was ended by signal 9"):
        estimate_cameras(photos, OPTIONS, progress=kill_children)


def test_cancelling_ends_the_child(photos):
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        estimate_cameras(photos, OPTIONS, progress=lambda _f, _m="": cancel.cancel(), cancel=cancel)
    commands = [" ".join(child.cmdline()) for child in psutil.Process().children() if child.is_running()]
    assert not any("liftlab.components.sfm.worker" in command for command in commands)
