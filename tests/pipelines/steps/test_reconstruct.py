"""Photos to scene, end to end, on rendered photos with known truth."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from liftlab.components.captures.capture import open_capture
from liftlab.components.captures.importing import import_capture
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.geometry.projection import project, register_similarity
from liftlab.components.progress import CancelToken
from liftlab.components.scenes import load_scene, save_scene
from liftlab.pipelines.steps.reconstruct import ReconstructConfig, reconstruct
from tests.textured_scene import noise_texture, render, room, walk

KEY = "0123456789abcdef"
CONFIG = ReconstructConfig(max_side=160, sfm_max_features=1500)


@pytest.fixture(scope="module")
def truth():
    cameras = walk(5, 320, 240)
    pieces = room()
    return cameras, [render(pieces, camera) for camera in cameras]


def write_photos(folder, truth, *, with_cameras: bool, extra: bool = False):
    cameras, rendered = truth
    (folder / "images").mkdir(parents=True)
    for index, (image, _, _) in enumerate(rendered):
        cv2.imwrite(str(folder / "images" / f"{index:03d}.png"), image[..., ::-1])
    if extra:
        cv2.imwrite(str(folder / "images" / "elsewhere.png"), noise_texture(99)[:240, :320])
    if with_cameras:
        frames = [
            {
                "image": f"{index:03d}.png", "width": 320, "height": 240, "K": camera.K.tolist(),
                "world_to_camera": camera.world_to_camera.tolist(),
            }
            for index, camera in enumerate(cameras)
        ]  # fmt: skip
        (folder / "cameras.json").write_text(
            json.dumps({"schema_version": 1, "units": "metres", "frames": frames})
        )
    return folder


@pytest.fixture(scope="module")
def from_photos(truth, tmp_path_factory):
    root = tmp_path_factory.mktemp("from_photos")
    import_capture(write_photos(root / "source", truth, with_cameras=False, extra=True), root / "capture")
    return reconstruct(open_capture(root / "capture"), CONFIG, key=KEY)


@pytest.fixture(scope="module")
def known(truth, tmp_path_factory):
    root = tmp_path_factory.mktemp("known")
    import_capture(write_photos(root / "source", truth, with_cameras=True), root / "capture")
    capture, said = open_capture(root / "capture"), []
    scene, report = reconstruct(capture, CONFIG, key=KEY, progress=lambda f, m="": said.append((f, m)))
    return capture, scene, report, said


def test_depth_from_photos_alone_matches_the_truth_up_to_scale(truth, from_photos):
    scene, report = from_photos
    cameras, rendered = truth
    assert [view.name for view in scene.views] == [f"{i:03d}.png" for i in range(5)]
    centers = np.stack([view.camera.center for view in scene.views])
    scale, R, _ = register_similarity(centers, np.stack([camera.center for camera in cameras]))
    for index, view in enumerate(scene.views):
        _, depth = project(view.camera, scene.pointmap.pts3d[index].reshape(-1, 3))
        depth = depth.reshape(view.camera.height, view.camera.width) * scale
        expected = cv2.resize(
            rendered[index][1], (view.camera.width, view.camera.height), interpolation=cv2.INTER_NEAREST
        )
        valid = scene.pointmap.valid[index]
        assert valid.mean() > 0.4
        assert np.median(np.abs(depth - expected)[valid] / expected[valid]) < 0.01
    assert R @ scene.up @ [0, -1, 0] > 0.98
    assert not report.cameras_known and scene.units == "arbitrary" and report.reprojection_error_px < 1


def test_photos_that_do_not_connect_are_listed(from_photos):
    scene, report = from_photos
    assert scene.missing == report.missing == ("elsewhere.png",)
    assert scene.photo_sizes["elsewhere.png"] == (320, 240) and len(scene.photo_sizes) == 6
    assert any("Only 5 of 6 photos connect: elsewhere.png left out" in warning for warning in report.warnings)


def test_scene_from_photos_has_size_one(from_photos):
    scene, _ = from_photos
    _, depth = project(scene.views[2].camera, scene.pointmap.pts3d[2][scene.pointmap.valid[2]])
    assert 0.5 < np.median(depth) < 2


def test_known_cameras_are_used_as_they_are(truth, known):
    _, scene, report, _ = known
    assert report.cameras_known and report.missing == () and scene.units == "metres" and scene.key == KEY
    for index, (view, camera) in enumerate(zip(scene.views, truth[0], strict=True)):
        np.testing.assert_array_equal(view.camera.world_to_camera, camera.world_to_camera)
        np.testing.assert_allclose(view.camera.K[:2], camera.K[:2] / 2)
        points = scene.pointmap.pts3d[index][scene.pointmap.valid[index]]
        assert (points[:, 2] < 5.2).mean() > 0.97  # nothing behind the wall
        assert (points[:, 1] < 1.1).mean() > 0.97  # nothing below the floor
    assert any(abs(plane.normal @ [0, 1, 0]) > 0.99 for plane in scene.planes)
    np.testing.assert_allclose(scene.up, [0, -1, 0], atol=0.03)


def test_report_tells_stages_and_shares(known):
    _, scene, report, _ = known
    assert [stage.name for stage in report.stages] == [
        "load photos",
        "cameras",
        "working images",
        "depth",
        "planes",
        "bare surfaces",
    ]
    assert all(stage.seconds >= 0 for stage in report.stages)
    assert report.confirmed_share == pytest.approx(scene.pointmap.measured.mean())
    filled = scene.pointmap.filled
    assert filled is not None and report.filled_share == pytest.approx(filled.mean())
    assert len(report.shares) == len(scene.views) and min(report.shares) > 0.5 and scene.doubtful == ()


def test_scene_survives_saving(known, tmp_path):
    _, scene, _, _ = known
    save_scene(scene, tmp_path)
    loaded = load_scene(tmp_path)
    np.testing.assert_array_equal(loaded.pointmap.points, scene.pointmap.points)
    assert len(loaded.planes) == len(scene.planes)


def test_progress_grows_to_one_with_a_sentence_each(known):
    reports = known[3]
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert all(message for _, message in reports)


@pytest.mark.parametrize("stage", ["Reading photo", "Looking for details", "Measuring depth"])
def test_cancelling_in_each_stage(known, stage):
    cancel = CancelToken()

    def stop(_fraction: float, message: str = "") -> None:
        if message.startswith(stage):
            cancel.cancel()

    with pytest.raises(Cancelled):
        reconstruct(known[0], CONFIG, key=KEY, progress=stop, cancel=cancel)


def test_cameras_of_one_photo_only_are_refused(known):
    capture = known[0]
    first = dict(list(capture.known_cameras.frames.items())[:1])
    poor = replace(capture, known_cameras=replace(capture.known_cameras, frames=first))
    with pytest.raises(InputError, match=r"cover 1 of 5 photos.*--cameras none"):
        reconstruct(poor, CONFIG, key=KEY)
