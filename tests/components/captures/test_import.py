"""What an import keeps, converts, strips and says."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from liftlab.components.captures import ImportLimits, import_capture, load_photo, open_capture
from liftlab.components.captures.intake import safe_stem
from liftlab.components.captures.matching import natural_key
from liftlab.components.captures.quality import groups_of_copies, picture_hash, sharpness_of
from liftlab.components.captures.readers.photos import read_photo
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.files import is_sealed
from liftlab.components.progress import CancelToken
from tests.components.captures.picture import (
    cameras_record,
    jpeg,
    photo_folder,
    png,
    textured,
    write_cameras,
)

LIMITS = ImportLimits()


def decoded(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


def exif_jpeg(
    pixels: np.ndarray, *, orientation: int = 1, focal_35mm: int | None = None, gps: bool = False
) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "SecretMaker"
    if focal_35mm is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = focal_35mm
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 30.0)
    return jpeg(pixels, exif=exif)


def test_plain_jpegs_keep_their_bytes_and_order(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    report = import_capture(source, tmp_path / "desk")
    capture = open_capture(tmp_path / "desk")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg") == tuple(photo.name for photo in capture.photos)
    assert capture.name == "desk" and capture.known_cameras is None and not capture.has_truth
    assert report.expected_secs > 0
    for photo in capture.photos:
        assert photo.path.read_bytes() == (source / "images" / photo.name).read_bytes()
        assert load_photo(photo).shape == (photo.height, photo.width, 3) == (240, 320, 3)


def test_png_stays_lossless_and_exact(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    pictures = [textured(shift=100 * i) for i in range(2)]
    for index, pixels in enumerate(pictures):
        (folder / f"{index}.png").write_bytes(png(pixels))
    import_capture(folder, tmp_path / "c")
    for photo, pixels in zip(open_capture(tmp_path / "c").photos, pictures, strict=True):
        assert photo.name.endswith(".png")
        np.testing.assert_array_equal(load_photo(photo), pixels)


def test_png_with_metadata_loses_it() -> None:
    buffer = io.BytesIO()
    Image.fromarray(textured()).save(buffer, "PNG", dpi=(72, 72))
    clean = read_photo(buffer.getvalue(), "a.png", LIMITS)
    assert not Image.open(io.BytesIO(clean.encoded)).info


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(orientation: int) -> None:
    upright = textured(200, 300)
    stored = Image.fromarray(upright)
    # The inverse of each EXIF operation, so that a viewer that honours EXIF shows `upright`.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    clean = read_photo(exif_jpeg(np.array(stored), orientation=orientation), "a.jpg", LIMITS)
    assert clean.pixels.shape == (200, 300, 3)
    assert np.abs(clean.pixels.astype(int) - upright).mean() < 6
    np.testing.assert_allclose(decoded(clean.encoded).astype(int), clean.pixels, atol=24)
    assert Image.open(io.BytesIO(clean.encoded)).getexif().get(ExifTags.Base.Orientation) is None


def test_gps_and_all_other_metadata_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    for index in range(2):
        data = exif_jpeg(textured(shift=90 * index), gps=True)
        assert b"SecretMaker" in data
        (folder / f"{index}.jpg").write_bytes(data)
    (folder / "2.jpg").write_bytes(jpeg(textured(shift=300), comment=b"SecretMaker"))
    (folder / "3.jpg").write_bytes(jpeg(textured(shift=400)) + b"SecretMaker appended")
    import_capture(folder, tmp_path / "c")
    for path in (tmp_path / "c").rglob("*"):
        if path.is_file():
            assert b"SecretMaker" not in path.read_bytes()
        if path.suffix == ".jpg":
            assert not Image.open(path).getexif()


def test_focal_length_by_35_mm_equivalent() -> None:
    # 26 mm on a 36x24 frame (diagonal 43.267 mm); a 400x300 photo has 500 px: 26 / 43.267 * 500.
    clean = read_photo(exif_jpeg(textured(300, 400), focal_35mm=26), "a.jpg", LIMITS)
    assert clean.exif_focal_px == pytest.approx(300.46, abs=0.01)
    turned = read_photo(exif_jpeg(textured(300, 400), focal_35mm=26, orientation=6), "a.jpg", LIMITS)
    assert turned.exif_focal_px == pytest.approx(300.46, abs=0.01)
    assert read_photo(jpeg(textured()), "a.jpg", LIMITS).exif_focal_px is None


def test_focal_length_by_sensor_resolution() -> None:
    exif = Image.Exif()
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    tags[ExifTags.Base.FocalLength] = 5.0
    tags[ExifTags.Base.FocalPlaneXResolution] = 800.0  # pixels per centimetre, on an image stored 800 wide
    tags[ExifTags.Base.FocalPlaneResolutionUnit] = 3
    tags[ExifTags.Base.ExifImageWidth] = 800
    # 5 mm * 80 px/mm = 400 px at 800 wide; the photo at hand is half as wide.
    clean = read_photo(jpeg(textured(300, 400), exif=exif), "a.jpg", LIMITS)
    assert clean.exif_focal_px == pytest.approx(200.0)


@pytest.mark.parametrize("focal", [0, 1, 65000])
def test_implausible_focal_lengths_are_ignored(focal: int) -> None:
    assert read_photo(exif_jpeg(textured(), focal_35mm=focal), "a.jpg", LIMITS).exif_focal_px is None


def _as_file(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GREY = textured()[..., 1]
MODES = {
    "grey jpeg": (_as_file(Image.fromarray(GREY), "JPEG"), ".jpg", GREY, 12),
    "grey png": (_as_file(Image.fromarray(GREY), "PNG"), ".png", GREY, 0),
    "16-bit png": (_as_file(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"), ".png", GREY, 0),
    "cmyk jpeg": (
        _as_file(Image.fromarray(textured()).convert("CMYK"), "JPEG", quality=95),
        ".jpg",
        textured(),
        40,
    ),
    "palette png": (_as_file(Image.fromarray(textured()).quantize(256), "PNG"), ".png", textured(), 90),
    "bmp": (_as_file(Image.fromarray(textured()), "BMP"), ".jpg", textured(), 0),
    "tiff": (_as_file(Image.fromarray(textured()), "TIFF"), ".jpg", textured(), 0),
    "webp": (_as_file(Image.fromarray(textured()), "WEBP", lossless=True), ".jpg", textured(), 0),
}


@pytest.mark.parametrize("case", MODES)
def test_every_kind_of_image_becomes_8_bit_rgb(case: str) -> None:
    data, suffix, expected, tolerance = MODES[case]
    clean = read_photo(data, "a", LIMITS)
    assert clean.suffix == suffix and clean.pixels.dtype == np.uint8
    grey = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=-1)
    assert np.abs(clean.pixels.astype(int) - grey).max() <= tolerance
    kept = Image.open(io.BytesIO(clean.encoded))
    assert kept.mode == "RGB" and kept.size == (320, 240)


def test_transparency_becomes_white() -> None:
    rgba = np.dstack([textured(), np.full((240, 320), 255, np.uint8)])
    rgba[:50, :, 3] = 0
    clean = read_photo(png(rgba), "a.png", LIMITS)
    assert (clean.pixels[:50] == 255).all()
    np.testing.assert_array_equal(clean.pixels[50:], textured()[50:])


def test_colour_profile_is_converted_or_ignored() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = read_photo(jpeg(textured(), icc_profile=srgb), "a.jpg", LIMITS)
    plain = read_photo(jpeg(textured()), "a.jpg", LIMITS)
    assert np.abs(same.pixels.astype(int) - plain.pixels).max() <= 2
    assert not Image.open(io.BytesIO(same.encoded)).info.get("icc_profile")
    broken = read_photo(jpeg(textured(), icc_profile=b"nonsense" * 20), "a.jpg", LIMITS)
    np.testing.assert_array_equal(broken.pixels, plain.pixels)


def test_a_picture_is_known_by_content_not_by_name(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 2)
    (source / "images" / "001.jpg").rename(source / "images" / "001.photo")
    (source / "images" / "notes.txt").write_text("hello")
    (source / "images" / ".hidden.jpg").write_bytes(b"")
    report = import_capture(source, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg")
    assert not any("notes" in sentence or "hidden" in sentence for sentence in report.warnings)


def test_usable_photos_go_on_and_the_others_are_named(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 6)
    (source / "images" / "cut.jpg").write_bytes(jpeg(textured(shift=700))[:4000])
    (source / "images" / "text.jpg").write_text("not a picture")
    (source / "images" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    report = import_capture(source, tmp_path / "c")
    assert len(report.kept) == 6
    assert report.warnings == (
        "cut.jpg is damaged or cut short and cannot be decoded; copy it again.",
        "phone.heic is a HEIC or AVIF picture, which is not supported; export it as JPEG.",
        "text.jpg is not a picture, whatever its name says; remove it or export it again.",
    )
    record = json.loads((tmp_path / "c" / "capture.json").read_text())
    assert record["warnings"] == list(report.warnings)


def test_copies_and_blurred_photos_are_named(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 6)
    (source / "images" / "copy.jpg").write_bytes(jpeg(textured(shift=90)[::2, ::2]))
    soft = Image.fromarray(textured(shift=650))
    soft = soft.resize((32, 24)).resize((320, 240), Image.Resampling.BICUBIC)
    (source / "images" / "soft.jpg").write_bytes(jpeg(np.array(soft)))
    report = import_capture(source, tmp_path / "c")
    assert report.copies == (("001.jpg", "copy.jpg"),)
    assert "001.jpg and copy.jpg show the same picture; copies add nothing." in report.warnings
    assert "Too little sharp detail in soft.jpg; take again if the result is poor." in report.warnings
    assert report.sharpness[-1] == min(report.sharpness)


def test_sharpness_falls_with_blur_in_either_direction() -> None:
    sharp = textured()
    along_x = np.stack([np.roll(sharp, k, axis=1) for k in range(9)]).mean(axis=0).astype(np.uint8)
    along_y = np.stack([np.roll(sharp, k, axis=0) for k in range(9)]).mean(axis=0).astype(np.uint8)
    assert max(sharpness_of(along_x), sharpness_of(along_y)) < 0.7 * sharpness_of(sharp)
    assert sharpness_of(np.full((100, 100, 3), 128, np.uint8)) == 0.0


def test_a_slow_pan_does_not_chain_into_one_group_of_copies() -> None:
    hashes = [picture_hash(textured(shift=30 * i)) for i in range(6)]
    assert groups_of_copies(hashes) == []
    assert groups_of_copies([hashes[0], hashes[3], hashes[0]]) == [[0, 2]]


def test_mixed_sizes_are_fine(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 2)
    (source / "images" / "002.jpg").write_bytes(jpeg(textured(400, 300, shift=300)))
    report = import_capture(source, tmp_path / "c")
    assert report.sizes == ((320, 240), (320, 240), (300, 400))


def test_names_are_made_safe(tmp_path: Path) -> None:
    assert safe_stem("IMG 2024 (1).jpg") == "IMG_2024_1"
    assert safe_stem("../../etc/passwd.png") == "etc_passwd"
    assert safe_stem("<script>.jpg") == "script"
    assert safe_stem("...jpg") == "photo"
    assert safe_stem("straße.jpg") == "straße"
    assert safe_stem("x" * 500 + "_17.jpg").endswith("x_17")
    assert len(safe_stem("x" * 500 + ".jpg")) == 80
    assert safe_stem("frame.0001") == "frame.0001"


def test_natural_order() -> None:
    assert sorted(["img10", "img2", "b", "2", "10"], key=natural_key) == ["2", "10", "b", "img2", "img10"]


def test_list_of_files_and_flat_folder(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3) / "images"
    flat = import_capture(source, tmp_path / "flat")
    files = import_capture(sorted(source.iterdir())[::-1], tmp_path / "files")
    assert flat.kept == files.kept == ("000.jpg", "001.jpg", "002.jpg")


def test_zip_of_a_folder_in_a_folder(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    write_cameras(source / "cameras.json", cameras_record())
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in sorted(source.rglob("*")):
            archive.write(path, Path("desk") / path.relative_to(source))
        archive.writestr("__MACOSX/desk/._000.jpg", b"junk")
    report = import_capture(tmp_path / "c.zip", tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg") and report.num_known_cameras == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "c.zip", "source"]


def test_truth_and_test_are_neither_opened_nor_copied(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    for name in ("truth", "test"):
        (source / name / "images").mkdir(parents=True)
        (source / name / "images" / "000.jpg").mkdir()  # opening it as a file would raise
        (source / name / "cameras.json").mkdir()
    import_capture(source, tmp_path / "c")
    assert {path.name for path in (tmp_path / "c").iterdir()} == {"images", "capture.json", "manifest.json"}
    assert open_capture(tmp_path / "c").has_truth


def test_truth_and_test_stay_in_the_zip(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 2)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in sorted((source / "images").iterdir()):
            archive.write(path, f"images/{path.name}")
        archive.writestr("truth/cameras.json", "poison")
        archive.writestr("test/images/000.jpg", "poison")
    import_capture(tmp_path / "c.zip", tmp_path / "c")
    assert not open_capture(tmp_path / "c").has_truth
    # A folder called test is a folder of photos like any other when there are no others.
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for path in sorted((source / "images").iterdir()):
            archive.write(path, f"test/{path.name}")
    assert import_capture(tmp_path / "d.zip", tmp_path / "d").kept == ("000.jpg", "001.jpg")


def test_failure_and_cancel_leave_nothing_and_keep_the_earlier_capture(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    import_capture(source, tmp_path / "out" / "c")
    token = CancelToken()
    seen: list[float] = []

    def cancel_in_the_middle(fraction: float, message: str = "") -> None:
        seen.append(fraction)
        if len(seen) == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        import_capture(source, tmp_path / "out" / "c", progress=cancel_in_the_middle, cancel=token)
    with pytest.raises(InputError):
        import_capture(tmp_path / "nowhere", tmp_path / "out" / "c")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["c"]
    assert is_sealed(tmp_path / "out" / "c", checksums=True)


def test_progress_rises_to_one(tmp_path: Path) -> None:
    seen: list[float] = []
    import_capture(photo_folder(tmp_path / "s", 4), tmp_path / "c", progress=lambda f, m="": seen.append(f))
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_a_damaged_capture_is_not_opened(tmp_path: Path) -> None:
    import_capture(photo_folder(tmp_path / "s", 2), tmp_path / "c")
    (tmp_path / "c" / "images" / "000.jpg").write_bytes(b"short")
    with pytest.raises(InputError, match="not a complete capture"):
        open_capture(tmp_path / "c")
