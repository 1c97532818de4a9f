"""Lenses of every kind, and photos that EXIF data turn: what a camera says of a point is where the photo shows it."""

import io
import json
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import ExifTags, Image

from liftlab.components.captures import import_capture, load_photo, open_capture
from liftlab.components.captures.lenses import MODELS, BroughtCamera, brought_camera, camera_of_photo
from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import distort, pixel_centers
from tests.components.captures.picture import photo_folder
from tests.components.captures.test_cameras import random_pose

EXTRA = {
    "SIMPLE_RADIAL": [0.05], "RADIAL": [0.05, -0.02], "OPENCV": [0.05, -0.02, 0.004, -0.006],
    "OPENCV_FISHEYE": [0.03, -0.01, 0.004, -0.001], "FULL_OPENCV": [0.1, -0.05, 0.002, 0.003, 0.02, 0.05, 0.01, 0.0],
    "FOV": [0.8], "SIMPLE_RADIAL_FISHEYE": [0.03], "RADIAL_FISHEYE": [0.03, -0.01],
    "THIN_PRISM_FISHEYE": [0.03, -0.01, 0.001, 0.002, 0.003, 0.0, 0.002, -0.001],
    "RAD_TAN_THIN_PRISM_FISHEYE": [0.03, -0.01, 0.002, 0.0, 0.0, 0.0, 0.001, 0.002, 0.001, 0.0, -0.001, 0.0],
    "SIMPLE_DIVISION": [-0.05], "DIVISION": [-0.05], "EUCM": [0.6, 1.1],
}  # fmt: skip
WIDTH, HEIGHT = 320, 240
TURNS = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""What a camera that stores photos lying does to an upright one."""


def lens_of(model: str) -> BroughtCamera:
    focals = [210.0] if len(EXTRA.get(model, [])) + 3 == MODELS[model][1] else [210.0, 205.0]
    params = (*focals, 158.0, 123.0, *EXTRA.get(model, []))
    return brought_camera(model, params, (WIDTH, HEIGHT), np.eye(4), "a photo")


def colours(rays: np.ndarray) -> np.ndarray:
    """What is seen along rays (x/z, y/z): smooth, different everywhere."""
    x, y = rays[..., 0], rays[..., 1]
    waves = [np.sin(3 * x + y), np.cos(4 * y - x), np.sin(5 * x * y + x)]
    return np.round(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def photograph(camera: BroughtCamera) -> np.ndarray:
    """The photo that a camera takes of `colours`, by COLMAP's own model."""
    lens = pycolmap.Camera(
        model=camera.model, width=camera.width, height=camera.height, params=list(camera.params), camera_id=1
    )
    rays = np.asarray(lens.cam_from_img(pixel_centers(camera.width, camera.height).reshape(-1, 2)))
    return colours(rays.reshape(camera.height, camera.width, 2))


@pytest.mark.parametrize("model", MODELS)
def test_every_lens_shows_what_lies_along_its_rays(model: str) -> None:
    camera = lens_of(model)
    photo = photograph(camera)
    known, kept = camera_of_photo(camera, photo, 1, "a.png")
    if camera.lens is not None:
        assert kept is photo
    height, width = kept.shape[:2]
    assert (known.lens.width, known.lens.height) == (width, height)
    assert width > 0.6 * WIDTH and height > 0.6 * HEIGHT, "most of the photo is kept"
    # Rays whose pixels are asked of our own lens, against the colours there.
    inner = pixel_centers(width, height)[4:-4:7, 4:-4:7]
    rays = (inner - known.lens.K[:2, 2]) / [known.lens.K[0, 0], known.lens.K[1, 1]] * 0.9
    xy = distort(known.lens, rays)
    rows, columns = np.floor(xy[..., 1]).astype(int), np.floor(xy[..., 0]).astype(int)
    centred = np.abs(kept[rows, columns].astype(int) - colours(rays))
    assert centred.mean() < 4 and centred.max() < 24


@pytest.mark.parametrize("model", ["OPENCV", "FULL_OPENCV", "THIN_PRISM_FISHEYE"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_camera_turns_with_its_photo(model: str, orientation: int) -> None:
    plain, photo = camera_of_photo(lens_of(model), photograph(lens_of(model)), 1, "a.png")
    pose = random_pose(np.random.default_rng(2))
    stored = lens_of(model)
    stored = BroughtCamera(stored.model, stored.params, stored.width, stored.height, pose)
    turned = TURNS[orientation]
    picture = Image.fromarray(photograph(stored))
    undo = {None: None, Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
            Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90}.get(turned, turned)  # fmt: skip
    upright = np.array(picture if undo is None else picture.transpose(undo))
    known, kept = camera_of_photo(stored, upright, orientation, "a.png")
    # The same ray of the world is seen in the same colour, turned or not.
    rays = np.array([[0.1, 0.05], [-0.2, 0.1], [0.15, -0.2], [-0.1, -0.15]])
    there = distort(plain.lens, rays)
    world = np.linalg.inv(pose) @ np.c_[rays, np.ones((4, 2))].T
    seen = (known.world_to_camera @ world)[:3].T
    here = distort(known.lens, seen[:, :2] / seen[:, 2:])
    height, width = photo.shape[:2]
    x, y = there.T
    expected = {1: (x, y), 3: (width - x, height - y), 6: (height - y, x), 8: (y, width - x)}[orientation]
    np.testing.assert_allclose(here, np.stack(expected, axis=1), atol=1e-9)
    for (x, y), (u, v) in zip(there, here, strict=True):
        assert np.abs(kept[int(v), int(u)].astype(int) - photo[int(y), int(x)]).max() < 12
    assert kept.shape[:2] == (photo.shape[:2] if orientation in (1, 3) else photo.shape[1::-1])


def test_mirrored_photos_have_no_camera() -> None:
    with pytest.raises(InputError, match="mirrored by its EXIF data"):
        camera_of_photo(lens_of("PINHOLE"), np.zeros((HEIGHT, WIDTH, 3), np.uint8), 2, "a.jpg")


def transforms(**numbers: object) -> dict:
    poses = [random_pose(np.random.default_rng(index)).tolist() for index in range(3)]
    frames = [{"file_path": f"images/{i:03d}.jpg", "transform_matrix": pose} for i, pose in enumerate(poses)]
    return {**numbers, "frames": frames}


def imported(tmp_path: Path, record: dict, orientation: int = 1) -> tuple:
    source = photo_folder(tmp_path / "s", 3)
    if orientation > 1:
        for path in (source / "images").iterdir():
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = orientation
            buffer = io.BytesIO()
            Image.open(path).save(buffer, "JPEG", exif=exif, quality=92)
            path.write_bytes(buffer.getvalue())
    (source / "transforms.json").write_text(json.dumps(record))
    report = import_capture(source, tmp_path / "c")
    return report, open_capture(tmp_path / "c")


def test_fields_of_view_take_sizes_from_the_pictures(tmp_path: Path) -> None:
    record = transforms(camera_angle_x=2 * np.arctan(0.5), camera_angle_y=2 * np.arctan(0.4))
    _, capture = imported(tmp_path, record)
    assert capture.known_cameras is not None
    K = capture.known_cameras.frames["001.jpg"].lens.K
    np.testing.assert_allclose(K, [[320, 0, 160], [0, 300, 120], [0, 0, 1]])


@pytest.mark.parametrize("says", [{"is_fisheye": True}, {"camera_model": "opencv_fisheye"}])
def test_a_fisheye_is_undistorted_however_it_is_said(tmp_path: Path, says: dict) -> None:
    report, capture = imported(tmp_path, transforms(w=320, h=240, fl_x=200.0, fl_y=200.0, k1=0.02, **says))
    assert any("were undistorted: 000.jpg, 001.jpg and 002.jpg" in line for line in report.warnings)
    assert capture.known_cameras is not None
    for photo in capture.photos:
        lens = capture.known_cameras.frames[photo.name].lens
        assert load_photo(photo).shape[:2] == (photo.height, photo.width) == (lens.height, lens.width)
        assert (photo.width, photo.height) != (320, 240) and not lens.has_distortion


@pytest.mark.parametrize(("orientation", "size"), [(6, (240, 320)), (8, (240, 320)), (3, (320, 240))])
def test_cameras_of_unturned_photos_are_turned(
    tmp_path: Path, orientation: int, size: tuple[int, int]
) -> None:
    report, capture = imported(tmp_path, transforms(w=320, h=240, fl_x=300.0, cx=150.0), orientation)
    assert capture.known_cameras is not None and set(report.sizes) == {size}
    K = capture.known_cameras.frames["000.jpg"].lens.K
    centre = {6: [120, 150], 8: [120, 170], 3: [170, 120]}[orientation]
    assert K[:2, 2].tolist() == centre


def test_cameras_of_turned_photos_stay(tmp_path: Path) -> None:
    """Their shape tells."""
    _, capture = imported(tmp_path, transforms(w=240, h=320, fl_x=300.0, cx=110.0), 6)
    assert capture.known_cameras is not None
    assert capture.known_cameras.frames["000.jpg"].lens.K[:2, 2].tolist() == [110, 160]
