"""A scene written and read back is the same scene."""

import json
from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.scenes import GAUSSIANS_FILE, SCENE_FILE, load_scene, save_scene
from liftlab.components.types import Camera, Gaussians, Lens, Plane, Pointmap, Scene, View


def make_scene(*, with_gaussians: bool = True) -> Scene:
    rng = np.random.default_rng(3)
    views = []
    for index, (width, height) in enumerate([(12, 9), (10, 8)]):
        K = np.array([[11.5, 0, width / 2], [0, 11.25, height / 2], [0, 0, 1]])
        world_to_camera = np.eye(4)
        world_to_camera[:3, 3] = rng.normal(size=3)
        lens = Lens(
            2 * width, 2 * height, np.diag([2.0, 2.0, 1.0]) @ K, np.array([0.01, -0.002, 0.0003, 1e-5])
        )
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        views.append(View(f"photo {index}.jpg", Camera(K, world_to_camera, width, height), image, lens))
    pointmap = Pointmap(
        rng.normal(size=(2, 9, 12, 3)).astype(np.float32),
        (1 + rng.random((2, 9, 12))).astype(np.float32),
        rng.random((2, 9, 12)) > 0.5,
    )
    quats = rng.normal(size=(5, 4))
    gaussians = Gaussians(
        rng.normal(size=(5, 3)), quats / np.linalg.norm(quats, axis=1, keepdims=True), rng.random((5, 3)),
        rng.random(5), rng.normal(size=(5, 4, 3)),
    )  # fmt: skip
    return Scene(
        tuple(views), pointmap, "0123456789abcdef", gaussians if with_gaussians else None,
        (Plane(np.array([0.0, -1.0, 0.0]), 0.75, 0.4),), "metres", np.array([0.0, 0.0, 1.0]),
        ("lost.jpg",), {"photo 0.jpg": (24, 18), "photo 1.jpg": (20, 16), "lost.jpg": (24, 18)},
        doubtful=("photo 1.jpg",),
    )  # fmt: skip


@pytest.mark.parametrize("with_gaussians", [True, False])
def test_round_trip_keeps_every_value_exactly(tmp_path, with_gaussians):
    scene = make_scene(with_gaussians=with_gaussians)
    save_scene(scene, tmp_path)
    loaded = load_scene(tmp_path)

    for before, after in zip(scene.views, loaded.views, strict=True):
        assert after.name == before.name
        assert (after.camera.width, after.camera.height) == (before.camera.width, before.camera.height)
        assert (after.lens.width, after.lens.height) == (before.lens.width, before.lens.height)
        np.testing.assert_array_equal(after.camera.K, before.camera.K)
        np.testing.assert_array_equal(after.camera.world_to_camera, before.camera.world_to_camera)
        np.testing.assert_array_equal(after.lens.K, before.lens.K)
        np.testing.assert_array_equal(after.lens.distortion, before.lens.distortion)
        np.testing.assert_array_equal(after.image, before.image)
    for field in ("pts3d", "conf", "valid"):
        before, after = getattr(scene.pointmap, field), getattr(loaded.pointmap, field)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    assert (loaded.key, loaded.units, loaded.missing) == (scene.key, scene.units, scene.missing)
    assert loaded.photo_sizes == scene.photo_sizes and loaded.doubtful == ("photo 1.jpg",)
    np.testing.assert_array_equal(loaded.up, scene.up)
    assert loaded.planes[0].offset == 0.75 and loaded.planes[0].support == 0.4
    np.testing.assert_array_equal(loaded.planes[0].normal, scene.planes[0].normal)
    assert (tmp_path / GAUSSIANS_FILE).exists() == with_gaussians
    if with_gaussians:
        for field in ("means", "quats", "scales", "opacities", "sh"):
            np.testing.assert_array_equal(getattr(loaded.gaussians, field), getattr(scene.gaussians, field))
    else:
        assert loaded.gaussians is None


def test_what_was_filled_in_is_kept_and_scenes_without_it_have_none(tmp_path):
    plain = make_scene(with_gaussians=False)
    filled = np.zeros_like(plain.pointmap.valid)
    filled[0, 2:5, 3:7] = True
    pointmap = replace(plain.pointmap, valid=plain.pointmap.valid | filled, filled=filled)
    for name, scene in (("plain", plain), ("filled", replace(plain, pointmap=pointmap))):
        (tmp_path / name).mkdir()
        save_scene(scene, tmp_path / name)
    loaded = load_scene(tmp_path / "filled").pointmap
    assert loaded.filled is not None and loaded.filled.dtype == np.bool_
    np.testing.assert_array_equal(loaded.filled, filled)
    np.testing.assert_array_equal(loaded.measured, pointmap.valid & ~filled)
    before = load_scene(tmp_path / "plain").pointmap
    assert before.filled is None and np.array_equal(before.measured, plain.pointmap.valid)


def test_a_scene_from_before_photos_were_judged_opens(tmp_path):
    save_scene(make_scene(), tmp_path)
    record = json.loads((tmp_path / SCENE_FILE).read_text())
    del record["doubtful"]
    (tmp_path / SCENE_FILE).write_text(json.dumps(record))
    assert load_scene(tmp_path).doubtful == ()


def test_pointmap_is_memory_mapped_and_read_only(tmp_path):
    save_scene(make_scene(), tmp_path)
    pointmap = load_scene(tmp_path).pointmap
    assert isinstance(pointmap.pts3d, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pointmap.pts3d[0, 0, 0, 0] = 1.0
    assert len(pointmap.points) == pointmap.offsets[-1]


def test_views_with_a_path_in_their_name_are_refused(tmp_path):
    scene = make_scene()
    view = scene.views[0]
    bad = View("../escape.jpg", view.camera, view.image, view.lens)
    with pytest.raises(ValueError, match="plain file names"):
        save_scene(Scene((bad,), scene.pointmap, scene.key), tmp_path)


def test_a_folder_without_a_scene_says_so(tmp_path):
    with pytest.raises(InputError, match="There is no scene in this folder"):
        load_scene(tmp_path)


def test_a_newer_format_says_so(tmp_path):
    save_scene(make_scene(), tmp_path)
    record = json.loads((tmp_path / SCENE_FILE).read_text())
    (tmp_path / SCENE_FILE).write_text(json.dumps({**record, "schema_version": 99}))
    with pytest.raises(InputError, match="format version 99"):
        load_scene(tmp_path)


@pytest.mark.parametrize("damage", ["truncated json", "missing image", "missing array", "broken image"])
def test_a_damaged_scene_says_so(tmp_path, damage):
    save_scene(make_scene(), tmp_path)
    if damage == "truncated json":
        text = (tmp_path / SCENE_FILE).read_text()
        (tmp_path / SCENE_FILE).write_text(text[: len(text) // 2])
    elif damage == "missing image":
        (tmp_path / "images" / "photo 0.png").unlink()
    elif damage == "broken image":
        (tmp_path / "images" / "photo 0.png").write_bytes(b"not a picture")
    else:
        (tmp_path / "pointmap_points.npy").unlink()
    with pytest.raises(InputError, match="The scene is damaged"):
        load_scene(tmp_path)
