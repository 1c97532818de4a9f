"""Maps of labels, and pictures of one object each, that come with photos: taken for objects and not for what counts."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from liftlab.components.captures import Capture, ImportReport, import_capture, open_capture
from liftlab.components.captures.capture import load_used
from liftlab.components.captures.object_masks import MOST_OBJECTS, load_labels, load_objects
from tests.components.captures.picture import jpeg, textured
from tests.not_none import not_none

WIDTH, HEIGHT = 96, 80
LEFT, RIGHT = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
LEFT[10:60, :30] = True
RIGHT[20:70, 50:] = True


def capture_of(tmp_path: Path, files: dict[str, bytes]) -> tuple[ImportReport, Capture]:
    for name, data in files.items():
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).write_bytes(data)
    report = import_capture(tmp_path / "s", tmp_path / "c", with_cameras=False)
    return report, open_capture(tmp_path / "c")


def photos(*names: str) -> dict[str, bytes]:
    return {name: jpeg(textured(HEIGHT, WIDTH, shift=9 * index)) for index, name in enumerate(names)}


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def bitmap(mask: np.ndarray) -> bytes:
    return encoded(Image.fromarray(mask.astype(np.uint8) * np.uint8(255)))


def label_map(kind: str) -> bytes:
    values = LEFT.astype(np.uint8) + 2 * RIGHT.astype(np.uint8)
    if kind == "colours":
        return encoded(Image.fromarray(np.array([[0, 0, 0], [200, 30, 30], [10, 10, 250]], np.uint8)[values]))
    if kind == "16 bits":
        return encoded(Image.fromarray(values.astype(np.uint16) * 300))
    if kind == "void":
        values[:4] = 255
    if kind == "spread":
        values *= 100
    image = Image.fromarray(values)
    if kind == "palette":
        image = Image.fromarray(values, "P")
        image.putpalette([0, 0, 0, 255, 255, 255, 250, 250, 250])
    return encoded(image)


def masks_by_label(capture: Capture, photo: int) -> dict[str, np.ndarray]:
    brought, labels = not_none(load_objects(capture.photos[photo])), load_labels(capture.folder)
    return {labels[number]: mask for number, mask in zip(brought.numbers, brought.masks, strict=True)}


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("masks", "greys"), ("labels", "16 bits"), ("masks", "palette"), ("semantics", "colours"), ("masks", "void"),
     ("object_mask", "spread")],
)  # fmt: skip
def test_maps_of_labels_are_objects_and_mask_nothing(tmp_path: Path, folder: str, kind: str) -> None:
    report, capture = capture_of(
        tmp_path, {**photos("images/000.jpg", "images/001.jpg"), f"{folder}/001.png": label_map(kind)}
    )
    assert report.kept == ("000.jpg", "001.jpg")
    assert [load_used(photo) for photo in capture.photos] == [None, None]
    assert load_objects(capture.photos[0]) is None
    first, second = sorted(masks_by_label(capture, 1).values(), key=lambda mask: mask[15, 5], reverse=True)
    assert (first == LEFT).all() and (second == RIGHT).all()
    assert any(line.startswith("Masks of 2 objects came with 1 photo (") for line in report.warnings)


def test_photos_beside_a_folder_of_labels_are_the_photos(tmp_path: Path) -> None:
    report, capture = capture_of(
        tmp_path, {**photos("000.jpg", "001.jpg"), "labels/000.png": label_map("greys")}
    )
    assert report.kept == ("000.jpg", "001.jpg")
    assert set(masks_by_label(capture, 0)) == {"1", "2"}


@pytest.mark.parametrize(
    ("left", "right", "labels"),
    [
        ("masks/mug/{}.png", "masks/my plate/{}.png", ("mug", "my plate")),
        ("masks/{}/mug.png", "masks/{}/plate.png", ("mug", "plate")),
        ("masks/{}_mug.png", "masks/{}_plate.png", ("mug", "plate")),
        ("object_masks/{}/0.png", "object_masks/{}/1.png", ("0", "1")),
        ("Masks/Mug/{}.JPG.png", "Masks/plate/{}_mask.png", ("Mug", "plate")),
    ],
)
def test_one_picture_for_each_object(tmp_path: Path, left: str, right: str, labels: tuple[str, str]) -> None:
    files = photos("images/a1.jpg", "images/a12.jpg")
    for stem in ("a1", "a12"):
        files |= {left.format(stem): bitmap(LEFT), right.format(stem): bitmap(RIGHT)}
    report, capture = capture_of(tmp_path, files)
    for photo in (0, 1):
        found = masks_by_label(capture, photo)
        assert (found[labels[0]] == LEFT).all() and (found[labels[1]] == RIGHT).all()
        assert load_used(capture.photos[photo]) is None
    assert (
        f"Masks of 2 objects came with 2 photos ({labels[0]} and {labels[1]}); a click on one finds it."
        in (report.warnings)
    )


def test_masks_of_people_stay_what_they_are_beside_objects(tmp_path: Path) -> None:
    """Black and white counts or does not, also with soft edges, as JPEG, and with a grey feather."""
    soft = np.zeros((HEIGHT, WIDTH), np.uint8)
    soft[:, 30:] = np.linspace(0, 255, WIDTH - 30).astype(np.uint8)
    soft[:, 60:] = 255
    jpg = encoded(Image.fromarray(LEFT.astype(np.uint8) * np.uint8(255)), "JPEG", quality=40)
    report, capture = capture_of(
        tmp_path,
        {**photos("images/0.jpg", "images/1.jpg", "images/2.jpg"), "masks/0.jpg": jpg, "masks/1.png": bitmap(LEFT),
         "mask/2.png": encoded(Image.fromarray(soft)), "labels/1.png": label_map("greys")},
    )  # fmt: skip
    used = [not_none(load_used(photo)) for photo in capture.photos]
    assert (used[0] != LEFT).mean() < 0.02 and (used[1] == LEFT).all() and 0.3 < used[2].mean() < 0.7
    assert set(masks_by_label(capture, 1)) == {"1", "2"}
    assert not any("object" in line and "masks nothing" in line for line in report.warnings)


def test_greys_of_a_matte_are_how_opaque_it_is(tmp_path: Path) -> None:
    glass = np.full((HEIGHT, WIDTH), 255, np.uint8)
    glass[:, :40], glass[:, 40:50] = 60, 0
    _, capture = capture_of(
        tmp_path,
        {**photos("images/0.jpg", "images/1.jpg"), "alpha/1.png": encoded(Image.fromarray(glass))},
    )
    assert not_none(load_used(capture.photos[1])).mean() == pytest.approx(46 / 96)
    assert load_objects(capture.photos[1]) is None


def test_labels_that_jpeg_mixed_are_refused_by_name(tmp_path: Path) -> None:
    values = 90 * LEFT.astype(np.uint8) + 200 * RIGHT.astype(np.uint8)
    mixed = encoded(Image.fromarray(values), "JPEG", quality=90)
    report, capture = capture_of(
        tmp_path, {**photos("images/0.jpg", "images/1.jpg"), "labels/1.jpg": mixed, "masks/0.jpg": mixed}
    )
    assert [load_used(photo) for photo in capture.photos] == [None, None]
    assert any(
        line.startswith("1.jpg tells several") and "save such pictures as PNG" in line
        for line in report.warnings
    )
    assert any("masks/0.jpg" in line and "mask nothing" in line for line in report.warnings)


def test_objects_turn_with_their_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = encoded(Image.fromarray(textured(HEIGHT, WIDTH)), "JPEG", exif=exif)
    _, capture = capture_of(
        tmp_path, {**photos("images/0.jpg"), "images/1.jpg": turned, "labels/1.png": label_map("greys")}
    )
    assert (masks_by_label(capture, 1)["1"] == np.rot90(LEFT, 3)).all()


def test_what_cannot_be_right_costs_itself_alone(tmp_path: Path) -> None:
    report, capture = capture_of(
        tmp_path,
        {**photos("images/0.jpg", "images/1.jpg"), "labels/0.png": label_map("greys"),
         "labels/1.png": encoded(Image.fromarray(np.zeros((50, 200), np.uint8) + np.arange(200, dtype=np.uint8) // 70)),
         "masks/mug/0.png": b"no picture", "masks/mug/1.png": bitmap(np.zeros((HEIGHT, WIDTH), bool))},
    )  # fmt: skip
    assert set(masks_by_label(capture, 0)) == {"1", "2"}
    assert load_objects(capture.photos[1]) is None
    assert any("1.png is 200x50" in line for line in report.warnings)
    assert any("0.png" in line and "shows nothing" in line for line in report.warnings)


def test_too_many_objects_are_counted(tmp_path: Path) -> None:
    values = np.kron(np.arange(600, dtype=np.uint16).reshape(20, 30), np.ones((5, 5), np.uint16))
    files = {
        name: jpeg(textured(100, 150, shift=9 * i)) for i, name in enumerate(("images/0.jpg", "images/1.jpg"))
    }
    report, capture = capture_of(tmp_path, {**files, "labels/1.png": encoded(Image.fromarray(values))})
    assert len(not_none(load_objects(capture.photos[1])).numbers) == MOST_OBJECTS
    assert any(f"{599 - MOST_OBJECTS} more were left out" in line for line in report.warnings)


def test_the_same_objects_are_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        capture_of(
            tmp_path / name, {**photos("images/0.jpg", "images/1.jpg"), "labels/1.png": label_map("greys")}
        )
    first, second = ((tmp_path / name / "c" / "objects" / "1.gz").read_bytes() for name in ("a", "b"))
    assert first == second


def test_one_map_of_labels_among_masks_is_named(tmp_path: Path) -> None:
    """Of many pictures some are looked at to tell what their folder holds; another is told when it is read."""
    names = [f"images/{index:02d}.jpg" for index in range(40)]
    files = photos(*names) | {f"masks/{index:02d}.png": bitmap(LEFT) for index in range(40)}
    report, capture = capture_of(tmp_path, files | {"masks/01.png": label_map("greys")})
    assert load_used(capture.photos[1]) is None and (not_none(load_used(capture.photos[2])) == LEFT).all()
    assert any("masks/01.png" in line and "unlike those beside it" in line for line in report.warnings)
