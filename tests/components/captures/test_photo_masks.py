"""Masks of photos come in with them, whatever they are called, and fit the photos that are kept."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from liftlab.components.captures import import_capture
from liftlab.components.captures.capture import load_used, open_capture
from tests.components.captures.picture import jpeg, photo_folder, png, textured

WIDTH, HEIGHT = 96, 80


def mask_picture(width: int = WIDTH, height: int = HEIGHT, white: int = 255) -> bytes:
    """The left third counts."""
    values = np.zeros((height, width), np.uint8)
    values[:, : width // 3] = white
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def capture_of(tmp_path: Path, files: dict[str, bytes]):
    for name, data in files.items():
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).write_bytes(data)
    report = import_capture(tmp_path / "s", tmp_path / "c", with_cameras=False)
    return report, open_capture(tmp_path / "c")


def photos(*names: str) -> dict[str, bytes]:
    return {name: jpeg(textured(HEIGHT, WIDTH, shift=9 * index)) for index, name in enumerate(names)}


@pytest.mark.parametrize(
    "mask",
    ["masks/001.png", "masks/001.jpg.png", "masks/001_mask.png", "mask/001.PNG", "images/001_mask.png",
     "images/001.mask.png", "dynamic_masks/001.png", "alpha/001.png"],
)  # fmt: skip
@pytest.mark.parametrize("white", [255, 1])
def test_a_mask_finds_its_photo(tmp_path: Path, mask: str, white: int) -> None:
    report, capture = capture_of(
        tmp_path, {**photos("images/000.jpg", "images/001.jpg"), mask: mask_picture(white=white)}
    )
    assert report.kept == ("000.jpg", "001.jpg")
    first, second = map(load_used, capture.photos)
    assert first is None and second is not None
    assert second[:, : WIDTH // 3].all() and not second[:, WIDTH // 3 :].any()
    assert "By masks or transparency, parts of photos take no part: 001.jpg." in report.warnings


@pytest.mark.parametrize(
    "other",
    ["depth/001.png", "images/001_depth.png", "masks/009.png", "normals/001.png"],
)
def test_other_pictures_mask_nothing(tmp_path: Path, other: str) -> None:
    report, capture = capture_of(
        tmp_path, {**photos("images/000.jpg", "images/001.jpg"), other: mask_picture()}
    )
    assert [load_used(photo) for photo in capture.photos] == [None, None]
    assert not (tmp_path / "c" / "masks").exists()
    assert f"Left out as masks and the like: {other}." in report.warnings


def test_masks_of_same_named_photos_stay_with_their_folder(tmp_path: Path) -> None:
    _, capture = capture_of(
        tmp_path, {**photos("left/images/0.jpg", "right/images/0.jpg"), "right/masks/0.png": mask_picture()}
    )
    assert [load_used(photo) is not None for photo in capture.photos] == [False, True]


def test_nerfstudio_names_its_masks(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    frames = [
        {
            "file_path": f"images/{i:03d}.jpg",
            "transform_matrix": np.eye(4).tolist(),
            "mask_path": f"images/m{i}.png",
        }
        for i in range(3)
    ]
    for i in range(3):
        frames[i]["transform_matrix"][0][3] = i * 0.1
        (source / "images" / f"m{i}.png").write_bytes(mask_picture(320, 240))
    import json

    record = {"fl_x": 300, "fl_y": 300, "w": 320, "h": 240, "frames": frames}
    (source / "transforms.json").write_text(json.dumps(record))
    report = import_capture(source, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg") and report.num_known_cameras == 3
    for photo in open_capture(tmp_path / "c").photos:
        used = load_used(photo)
        assert used is not None and used.mean() == pytest.approx(106 / 320)


def test_what_is_transparent_takes_no_part(tmp_path: Path) -> None:
    files = {}
    for index in range(2):
        pixels = np.dstack(
            [textured(HEIGHT, WIDTH, shift=9 * index), np.full((HEIGHT, WIDTH), 255, np.uint8)]
        )
        pixels[: HEIGHT // 2, :, 3] = 255 * index
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        files[f"images/{index}.png"] = buffer.getvalue()
    _, capture = capture_of(tmp_path, files)
    first, second = map(load_used, capture.photos)
    assert second is None and first is not None
    assert not first[: HEIGHT // 2].any() and first[HEIGHT // 2 :].all()


def test_a_turned_photo_turns_its_transparency(tmp_path: Path) -> None:
    pixels = np.dstack([textured(HEIGHT, WIDTH), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    pixels[:, : WIDTH // 3, 3] = 0
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter turn to the right: what was left is above
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    _, capture = capture_of(tmp_path, {**photos("images/0.jpg"), "images/1.png": buffer.getvalue()})
    used = load_used(capture.photos[1])
    assert used is not None and used.shape == (WIDTH, HEIGHT)
    assert not used[: WIDTH // 3].any() and used[WIDTH // 3 :].all()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (png(np.zeros((HEIGHT, WIDTH, 3), np.uint8)), "black all over"),
        (mask_picture(40, 80), "is 40x80 but its photo 96x80"),
        (b"\x89PNG\r\n\x1a\nrest", "no picture that can be read"),
    ],
)
def test_a_mask_that_cannot_be_right_costs_itself_alone(tmp_path: Path, data: bytes, why: str) -> None:
    report, capture = capture_of(tmp_path, {**photos("images/0.jpg", "images/1.jpg"), "masks/1.png": data})
    assert report.kept == ("0.jpg", "1.jpg") and load_used(capture.photos[1]) is None
    (said,) = [line for line in report.warnings if line.startswith("Masks that cannot be used")]
    assert "masks/1.png" in said and why in said


def test_a_smaller_mask_is_enlarged(tmp_path: Path) -> None:
    files = {**photos("images/0.jpg", "images/1.jpg"), "masks/1.png": mask_picture(WIDTH // 2, HEIGHT // 2)}
    used = load_used(capture_of(tmp_path, files)[1].photos[1])
    assert (
        used is not None and used.shape == (HEIGHT, WIDTH) and used.mean() == pytest.approx(1 / 3, abs=0.02)
    )


@pytest.mark.parametrize("orientation", [6, 8, 3])
def test_a_mask_of_the_photo_as_it_is_stored_turns_with_it(tmp_path: Path, orientation: int) -> None:
    """Programs that pass EXIF data over paint on the stored picture; where the shape tells, that is seen."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    Image.fromarray(textured(HEIGHT, WIDTH)).save(buffer, "JPEG", exif=exif)
    _, capture = capture_of(
        tmp_path,
        {**photos("images/000.jpg"), "images/001.jpg": buffer.getvalue(), "masks/001.png": mask_picture()},
    )
    used = load_used(capture.photos[1])
    assert used is not None
    stored = np.zeros((HEIGHT, WIDTH), bool)
    stored[:, : WIDTH // 3] = True
    expected = {6: np.rot90(stored, 3), 8: np.rot90(stored), 3: stored}[
        orientation
    ]  # a half turn has one shape
    assert (used == expected).all()


def test_what_is_not_black_in_a_dynamic_mask_takes_no_part(tmp_path: Path) -> None:
    """instant-ngp's `dynamic_mask_NAME.png`: the other way round than everybody else's."""
    report, capture = capture_of(
        tmp_path, {**photos("000.jpg", "001.jpg", "002.jpg"), "dynamic_mask_001.png": mask_picture(white=7)}
    )
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg")
    used = load_used(capture.photos[1])
    assert used is not None and used[:, WIDTH // 3 :].all() and not used[:, : WIDTH // 3].any()


@pytest.mark.parametrize("folders", [("masks", "masks_2"), ("masks_2", "masks_8")])
def test_of_masks_in_several_sizes_the_largest_count(tmp_path: Path, folders: tuple[str, str]) -> None:
    large, small = mask_picture(), mask_picture(WIDTH // 2, HEIGHT // 2, white=0)
    _, capture = capture_of(
        tmp_path,
        {**photos("images/000.jpg", "images/001.jpg"), f"{folders[0]}/001.png": large,
         f"{folders[1]}/001.png": small},
    )  # fmt: skip
    used = load_used(capture.photos[1])
    assert used is not None and used.mean() == pytest.approx(1 / 3)
    assert not (tmp_path / "c" / "objects").exists()
