"""Cameras that come with photos: every format gives the same cameras, and a round trip changes nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from liftlab.components.captures import (
    KnownCameras,
    import_capture,
    open_capture,
    read_cameras_json,
    write_cameras_json,
)
from liftlab.components.captures.known_cameras import KnownCamera, checked_pose
from liftlab.components.captures.lenses import fitted_to_photo
from liftlab.components.captures.readers.camera_files import CameraFile
from liftlab.components.captures.readers.colmap import read_colmap_model
from liftlab.components.captures.readers.nerfstudio import read_transforms_json
from liftlab.components.errors import InputError
from liftlab.components.types import Lens
from tests.components.captures.picture import cameras_record, photo_folder, write_cameras
from tests.not_none import not_none

OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
DISTORTION = np.array([0.05, -0.02, 0.001, 0.002])


def random_pose(rng: np.random.Generator) -> np.ndarray:
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pose = np.eye(4)
    pose[:3, :3] = rotation * np.sign(np.linalg.det(rotation))
    pose[:3, 3] = rng.normal(size=3)
    return pose


@pytest.fixture
def cameras() -> KnownCameras:
    rng = np.random.default_rng(5)
    K = np.array([[310.0, 0, 161.5], [0, 305.0, 118.25], [0, 0, 1]])
    lens = Lens(320, 240, K, DISTORTION)
    return KnownCameras({f"{i:03d}.jpg": KnownCamera(lens, random_pose(rng)) for i in range(3)}, "metres")


def assert_same(found: KnownCameras, expected: KnownCameras, *, tolerance: float = 1e-9) -> None:
    assert set(found.frames) == set(expected.frames)
    for name, camera in expected.frames.items():
        got = found.frames[name]
        assert (got.lens.width, got.lens.height) == (camera.lens.width, camera.lens.height)
        np.testing.assert_allclose(got.lens.K, camera.lens.K, atol=tolerance)
        np.testing.assert_allclose(got.lens.distortion, camera.lens.distortion, atol=tolerance)
        np.testing.assert_allclose(got.world_to_camera, camera.world_to_camera, atol=tolerance)


def cameras_of(file: CameraFile, size: tuple[int, int] = (320, 240)) -> KnownCameras:
    """Its cameras by the names it gives, for photos of one size; InputError for the first that cannot be right."""
    frames = {}
    for frame in file.frames:
        brought = frame.camera(size)
        assert brought.lens is not None
        frames[frame.name] = KnownCamera(brought.lens, brought.world_to_camera)
    return KnownCameras(frames, file.units)


def write_transforms(
    path: Path,
    cameras: KnownCameras,
    *,
    per_frame: bool,
    folder: str = "./images/",
    distortion: np.ndarray = DISTORTION,
) -> None:
    """As nerfstudio writes it: OpenGL camera_to_world, paths below the file."""
    frames = []
    shared: dict[str, object] = {}
    for name, camera in cameras.frames.items():
        lens = camera.lens
        numbers = {
            "fl_x": lens.K[0, 0], "fl_y": lens.K[1, 1], "cx": lens.K[0, 2], "cy": lens.K[1, 2],
            "w": lens.width, "h": lens.height,
            **dict(zip(("k1", "k2", "p1", "p2"), distortion.tolist(), strict=True)),
        }  # fmt: skip
        matrix = np.linalg.inv(camera.world_to_camera) @ OPENGL_FROM_OPENCV
        frame = {"file_path": f"{folder}{name}", "transform_matrix": matrix.tolist()}
        frames.append({**frame, **numbers} if per_frame else frame)
        shared = {} if per_frame else numbers
    path.write_text(json.dumps({"camera_model": "OPENCV", **shared, "frames": frames}))


def write_colmap(folder: Path, cameras: KnownCameras, kind: str, model: str = "OPENCV") -> None:
    reconstruction = pycolmap.Reconstruction()
    lens = next(iter(cameras.frames.values())).lens
    params = {
        "OPENCV": [lens.K[0, 0], lens.K[1, 1], lens.K[0, 2], lens.K[1, 2], *DISTORTION],
        "SIMPLE_PINHOLE": [310.0, 161.5, 118.25],
        "PINHOLE": [lens.K[0, 0], lens.K[1, 1], lens.K[0, 2], lens.K[1, 2]],
        "SIMPLE_RADIAL": [310.0, 161.5, 118.25, 0.05],
        "RADIAL": [310.0, 161.5, 118.25, 0.05, -0.02],
        "OPENCV_FISHEYE": [310.0, 305.0, 161.5, 118.25, 0.1, 0.0, 0.0, 0.0],
    }[model]
    camera = pycolmap.Camera(model=model, width=lens.width, height=lens.height, params=params, camera_id=1)
    reconstruction.add_camera_with_trivial_rig(camera)
    for index, (name, known) in enumerate(cameras.frames.items()):
        image = pycolmap.Image(name=name, camera_id=1, image_id=index + 1)
        pose = pycolmap.Rigid3d(known.world_to_camera[:3])
        reconstruction.add_image_with_trivial_frame(image, pose)
    folder.mkdir(parents=True)
    (reconstruction.write_binary if kind == "bin" else reconstruction.write_text)(str(folder))


def test_cameras_json_round_trip_is_exact(tmp_path: Path, cameras: KnownCameras) -> None:
    write_cameras_json(tmp_path / "cameras.json", cameras)
    first = read_cameras_json(tmp_path / "cameras.json")
    write_cameras_json(tmp_path / "again.json", first)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "cameras.json").read_bytes()
    assert_same(first, cameras, tolerance=1e-12)
    assert first.units == "metres"


def test_exact_poses_keep_their_bits_and_rounded_ones_become_rotations() -> None:
    pose = random_pose(np.random.default_rng(1))
    np.testing.assert_array_equal(checked_pose(pose.tolist(), "pose"), pose)
    rounded = checked_pose(pose.round(3).tolist(), "pose")
    np.testing.assert_allclose(rounded[:3, :3] @ rounded[:3, :3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(rounded, pose, atol=2e-3)
    np.testing.assert_array_equal(checked_pose(pose[:3].tolist(), "pose"), pose)


@pytest.mark.parametrize("per_frame", [False, True])
def test_nerfstudio_axes_are_flipped(tmp_path: Path, cameras: KnownCameras, per_frame: bool) -> None:
    write_transforms(tmp_path / "transforms.json", cameras, per_frame=per_frame)
    found = cameras_of(read_transforms_json(tmp_path / "transforms.json"))
    expected = KnownCameras({f"./images/{name}": camera for name, camera in cameras.frames.items()})
    assert_same(found, expected)


def test_nerfstudio_camera_at_the_origin_looks_along_minus_z(tmp_path: Path) -> None:
    record = {
        "camera_angle_x": 2 * np.arctan(0.5), "w": 400, "h": 300,
        "frames": [{"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}],
    }  # fmt: skip
    write_cameras(tmp_path / "transforms.json", record)
    camera = cameras_of(read_transforms_json(tmp_path / "transforms.json")).frames["a.png"]
    # A point one metre along -Z and 0.1 up, in OpenGL's frame, lies ahead and above the centre.
    x, y, z = (camera.world_to_camera @ [0, 0.1, -1, 1])[:3]
    assert (x, y, z) == (0, pytest.approx(-0.1), pytest.approx(1))
    assert camera.lens.K[0, 0] == pytest.approx(400)  # half the width over tan of half the angle: 200 / 0.5
    assert camera.lens.K[:2, 2].tolist() == [200, 150]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"camera_model": "EQUIRECTANGULAR"}, "is not supported"),
        ({"k4": 0.1}, "is not supported"),
        (
            {"w": -3},
            r"Width and height of '\./images/000\.jpg' in transforms\.json must be whole and positive",
        ),
        (
            {"fl_x": None, "fl_y": None},
            r"The focal length of '\./images/000\.jpg' in transforms\.json is missing",
        ),
        ({"fl_x": "wide"}, "needs 8 numbers"),
        ({"frames": []}, "must hold a list 'frames'"),
        ({"frames": [{"file_path": "a"}]}, "transform_matrix"),
    ],
)
def test_nerfstudio_refusals(tmp_path: Path, cameras: KnownCameras, change: dict, sentence: str) -> None:
    write_transforms(tmp_path / "transforms.json", cameras, per_frame=False)
    record = {**json.loads((tmp_path / "transforms.json").read_text()), **change}
    write_cameras(tmp_path / "transforms.json", record)
    with pytest.raises(InputError, match=sentence):
        cameras_of(read_transforms_json(tmp_path / "transforms.json"))


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_colmap_model(tmp_path: Path, cameras: KnownCameras, kind: str) -> None:
    write_colmap(tmp_path / "model", cameras, kind)
    assert_same(cameras_of(read_colmap_model(tmp_path / "model")), cameras, tolerance=1e-6)


def test_colmap_lens_models(tmp_path: Path, cameras: KnownCameras) -> None:
    expected = {
        "SIMPLE_PINHOLE": (310.0, [0, 0, 0, 0]), "PINHOLE": (305.0, [0, 0, 0, 0]),
        "SIMPLE_RADIAL": (310.0, [0.05, 0, 0, 0]), "RADIAL": (310.0, [0.05, -0.02, 0, 0]),
    }  # fmt: skip
    for model, (fy, distortion) in expected.items():
        write_colmap(tmp_path / model, cameras, "bin", model)
        lens = cameras_of(read_colmap_model(tmp_path / model)).frames["000.jpg"].lens
        assert lens.K.tolist() == [[310.0, 0, 161.5], [0, fy, 118.25], [0, 0, 1]]
        assert lens.distortion.tolist() == distortion


@pytest.mark.parametrize("kind", ["bin", "txt"])
@pytest.mark.parametrize("name", ["cameras", "images"])
def test_a_colmap_model_cut_anywhere_is_said(
    tmp_path: Path, cameras: KnownCameras, kind: str, name: str
) -> None:
    write_colmap(tmp_path / "model", cameras, kind)
    path = tmp_path / "model" / f"{name}.{kind}"
    whole = path.read_bytes()
    start = whole.rindex(b"#") + 60 if kind == "txt" else 0  # comments may be cut without harm
    for length in range(0 if kind == "bin" else start, len(whole) - (1 if kind == "bin" else 30), 7):
        path.write_bytes(whole[:length])
        try:
            found = cameras_of(read_colmap_model(tmp_path / "model"))
        except InputError as error:
            assert "COLMAP model" in str(error)
        else:  # text cut between two images is a valid smaller model
            assert (kind == "txt" and 0 < len(found.frames) < 3) or name == "cameras"


@pytest.mark.parametrize("name", ["cameras", "images"])
def test_a_line_that_is_none_costs_itself(tmp_path: Path, cameras: KnownCameras, name: str) -> None:
    write_colmap(tmp_path / "model", cameras, "txt")
    path = tmp_path / "model" / f"{name}.txt"
    path.write_text(path.read_text() + "7 what is this\n")
    found = read_colmap_model(tmp_path / "model")
    assert_same(cameras_of(found), cameras, tolerance=1e-6)
    assert len(found.losses) == 1 and "7 what is this" in found.losses[0] and path.name in found.losses[0]


def test_noise_in_a_colmap_model_is_said(tmp_path: Path, cameras: KnownCameras) -> None:
    rng = np.random.default_rng(0)
    write_colmap(tmp_path / "model", cameras, "bin")
    for name in ("cameras.bin", "images.bin"):
        whole = (tmp_path / "model" / name).read_bytes()
        for _ in range(50):
            (tmp_path / "model" / name).write_bytes(rng.integers(0, 256, 400, dtype=np.uint8).tobytes())
            with pytest.raises(InputError, match="COLMAP"):
                cameras_of(read_colmap_model(tmp_path / "model"))
        (tmp_path / "model" / name).write_bytes(whole)


@pytest.mark.parametrize("kind", ["cameras.json", "transforms.json", "colmap"])
def test_every_format_imports_the_same(tmp_path: Path, cameras: KnownCameras, kind: str) -> None:
    source = photo_folder(tmp_path / "source", 3)
    if kind == "cameras.json":
        write_cameras_json(source / "cameras.json", cameras)
    elif kind == "transforms.json":
        write_transforms(source / "transforms.json", cameras, per_frame=False)
    else:
        write_colmap(source / "sparse" / "0", cameras, "bin")
    report = import_capture(source, tmp_path / "c")
    capture = open_capture(tmp_path / "c")
    assert report.num_known_cameras == 3 and report.kept == ("000.jpg", "001.jpg", "002.jpg")
    assert capture.known_cameras is not None
    assert_same(capture.known_cameras, cameras, tolerance=1e-6)


@pytest.mark.parametrize("kind", ["cameras.json", "transforms.json", "colmap"])
def test_cameras_on_a_map_are_moved_to_the_origin_and_keep_their_shape(
    tmp_path: Path, cameras: KnownCameras, kind: str
) -> None:
    """UTM metres: of 5 million float32 keeps half a metre."""
    place, frames = np.array([512345.0, 5412345.0, 120.0]), {}
    for name, camera in cameras.frames.items():
        pose = camera.world_to_camera.copy()
        pose[:3, 3] -= pose[:3, :3] @ place
        frames[name] = replace(camera, world_to_camera=pose)
    source, far = photo_folder(tmp_path / "source", 3), replace(cameras, frames=frames)
    if kind == "cameras.json":
        write_cameras_json(source / kind, far)
    elif kind == "transforms.json":
        write_transforms(source / kind, far, per_frame=False)
    else:
        write_colmap(source / "sparse" / "0", far, "bin")
    report, capture = import_capture(source, tmp_path / "c"), open_capture(tmp_path / "c")
    known = not_none(capture.known_cameras)
    offset = np.array(capture.offset)
    assert np.abs(offset - place).max() < 50
    assert any(line.startswith("The cameras lie far from the origin") for line in report.warnings)
    for name, camera in cameras.frames.items():
        here, there = (np.linalg.inv(c.world_to_camera)[:3, 3] for c in (known.frames[name], camera))
        assert np.abs(here + offset - (there + place)).max() < 1e-5


def test_cameras_near_the_origin_stay(tmp_path: Path, cameras: KnownCameras) -> None:
    source = photo_folder(tmp_path / "source", 3)
    write_cameras_json(source / "cameras.json", cameras)
    import_capture(source, tmp_path / "c")
    assert open_capture(tmp_path / "c").offset == (0.0, 0.0, 0.0)


def test_an_explicit_cameras_file_goes_first(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    write_cameras(source / "cameras.json", {"frames": "broken"})
    write_cameras(tmp_path / "mine.json", cameras_record(3))
    with pytest.raises(InputError):
        import_capture(source, tmp_path / "c")
    assert import_capture(source, tmp_path / "c", cameras=tmp_path / "mine.json").num_known_cameras == 3


def test_cameras_for_other_endings_folders_and_sizes(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 4)
    record = cameras_record(3, width=640, height=480)
    for frame in record["frames"]:
        frame["image"] = "photos/" + frame["image"].replace(".jpg", ".png")
    write_cameras(source / "cameras.json", record)
    report = import_capture(source, tmp_path / "c")
    known = open_capture(tmp_path / "c").known_cameras
    assert known is not None and set(known.frames) == {"000.jpg", "001.jpg", "002.jpg"}
    # Cameras of twice the size: everything halves, the centre stays in the middle.
    assert known.frames["000.jpg"].lens.K.tolist() == [[150.0, 0, 160], [0, 150.0, 120], [0, 0, 1]]
    assert "No camera came with 003.jpg." in report.warnings


def test_a_photo_shrunk_with_rounding_still_fits() -> None:
    lens = Lens(4001, 3000, np.array([[3000.0, 0, 2000.5], [0, 3000.0, 1500], [0, 0, 1]]))
    fitted = fitted_to_photo(KnownCamera(lens, np.eye(4)), "a.jpg", 640, 480)
    assert fitted.lens.K[0, 0] == pytest.approx(3000 * 640 / 4001)


def test_paths_outside_and_truth_are_not_followed(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    photo_folder(tmp_path / "elsewhere", 1)
    photo_folder(source / "truth", 1)
    record = {"w": 320, "h": 240, "fl_x": 300.0, "frames": []}
    names = [
        "images/000.jpg",
        "images/001",
        "../elsewhere/images/000.jpg",
        "truth/images/000.jpg",
        "/etc/passwd",
    ]
    for name in names:
        record["frames"].append({"file_path": name, "transform_matrix": np.eye(4).tolist()})
    write_cameras(source / "transforms.json", record)
    report = import_capture(source, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg") and report.num_known_cameras == 2
    assert (
        "3 photos that the cameras name are missing, such as ../elsewhere/images/000.jpg." in report.warnings
    )


def test_photos_in_folders_of_a_colmap_rig_do_not_mix(tmp_path: Path, cameras: KnownCameras) -> None:
    source = tmp_path / "source"
    frames = {}
    for side, known in zip(("left", "right"), cameras.frames.values(), strict=False):
        photo_folder(tmp_path / side, 1)
        (source / "images" / side).mkdir(parents=True)
        (tmp_path / side / "images" / "000.jpg").rename(source / "images" / side / "a.jpg")
        frames[f"{side}/a.jpg"] = known
    (source / "images" / "right" / "a.jpg").write_bytes(
        (photo_folder(tmp_path / "third", 2) / "images" / "001.jpg").read_bytes()
    )
    write_colmap(source / "sparse", KnownCameras(frames), "txt")
    report = import_capture(source, tmp_path / "c")
    known = open_capture(tmp_path / "c").known_cameras
    assert report.kept == ("left_a.jpg", "right_a.jpg") and known is not None
    for name, kept in (("left/a.jpg", "left_a.jpg"), ("right/a.jpg", "right_a.jpg")):
        np.testing.assert_allclose(
            known.frames[kept].world_to_camera, frames[name].world_to_camera, atol=1e-6
        )
