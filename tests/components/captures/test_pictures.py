"""Pictures and videos of the kinds that cameras, scanners and trainers write."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from liftlab.components.captures import ImportLimits, import_capture
from liftlab.components.captures.readers.hdr import HLG, PQ, tone_mapped
from liftlab.components.captures.readers.photos import read_photo
from liftlab.components.errors import InputError
from tests.components.captures.picture import jpeg, photo_folder, png, textured
from tests.components.captures.test_video import sliding, write_video

LIMITS = ImportLimits()
PHOTO = textured(80, 100)
GREY = PHOTO[..., 1]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def deep_png(values: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", values[..., ::-1] if values.ndim == 3 else values)[1].tobytes()


DEEP: dict[str, Callable[[], tuple[bytes, np.ndarray]]] = {
    "12 bits in 16, grey": lambda: (saved(Image.fromarray(GREY.astype(np.uint16) * 16), "PNG"), GREY),
    "16 bits, grey": lambda: (saved(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"), GREY),
    "12 bits in 16, colour": lambda: (deep_png(PHOTO.astype(np.uint16) * 16), PHOTO),
    "16 bits, colour": lambda: (deep_png(PHOTO.astype(np.uint16) * 257), PHOTO),
    "16 bits, colour, TIFF": lambda: (tiff(PHOTO.astype(np.uint16) * 257, photometric="rgb"), PHOTO),
    "12 bits in 16, grey, TIFF": lambda: (tiff(GREY.astype(np.uint16) * 16), GREY),
    "floats to 1, grey, TIFF": lambda: (tiff(GREY.astype(np.float32) / 255), GREY),
    "floats to 1, colour, TIFF": lambda: (tiff(PHOTO.astype(np.float32) / 255, photometric="rgb"), PHOTO),
    "floats to 255, grey, TIFF": lambda: (tiff(GREY.astype(np.float32)), GREY),
    "floats with NaN, TIFF": lambda: (
        tiff(np.where(GREY == 0, np.nan, GREY / 255).astype(np.float32)),
        GREY,
    ),
}


@pytest.mark.parametrize("case", DEEP)
def test_pictures_of_many_bits_keep_their_brightness(case: str) -> None:
    data, expected = DEEP[case]()
    clean = read_photo(data, "a.tif", LIMITS)
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=2)
    assert np.abs(clean.pixels.astype(int) - expected).max() <= 1


def test_the_first_picture_of_an_animation_is_taken_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    for index in range(3):
        still, other = (Image.fromarray(textured(shift=shift)) for shift in (100 * index, 700))
        more = {"save_all": True, "append_images": [other]} if index == 1 else {}
        (folder / f"{index}.gif").write_bytes(saved(still, "GIF", **more))
    report = import_capture(folder, tmp_path / "c")
    assert report.kept == ("0.jpg", "1.jpg", "2.jpg")
    assert "Of several pictures in one file the first was taken: 1.gif." in report.warnings


def test_raw_files_are_refused_by_name_and_give_way_to_their_pictures(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    raw = tiff(textured(80, 100), photometric="rgb")
    for name in ("000.NEF", "001.dng", "extra.CR2"):
        (source / "images" / name).write_bytes(raw)
    report = import_capture(source, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg")
    assert (
        "Left out as raw files beside their pictures: images/000.NEF and images/001.dng." in report.warnings
    )
    assert any(
        line.startswith("extra.CR2 is a raw file of a camera, which is not read") for line in report.warnings
    )


def test_the_preview_in_a_raw_file_is_no_photo_whatever_it_is_called() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(textured(80, 100), photometric="rgb", subfiletype=1, subifds=1)
        file.write(textured(160, 200), photometric="rgb")
    with pytest.raises(InputError, match=r"scan\.tif holds the preview of a raw picture alone"):
        read_photo(buffer.getvalue(), "scan.tif", LIMITS)


@pytest.mark.parametrize("name", ["a.exr", "b.PSD", "c.jxl", "d.jp2"])
def test_other_pictures_are_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} is a picture of a kind that is not read; export it as"):
        read_photo(b"whatever it is", name, LIMITS)


@pytest.mark.parametrize("name", ["phone.3gp", "clip", "clip.dat", "clip.MP4"])
def test_a_video_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "a.mp4", sliding()[:24])
    (tmp_path / "s").mkdir()
    shutil.copy(tmp_path / "a.mp4", tmp_path / "s" / name)
    for source in (tmp_path / "s" / name, tmp_path / "s"):
        report = import_capture(source, tmp_path / "c")
        assert len(report.kept) >= 3 and any("frames were chosen" in line for line in report.warnings)


def test_a_thumbnail_beside_a_video_is_not_the_capture(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    write_video(tmp_path / "s" / "GX01.MP4", sliding()[:24])
    (tmp_path / "s" / "GX01.THM").write_bytes(jpeg(textured()))
    (tmp_path / "s" / "GX01.jpg").write_bytes(jpeg(textured()))
    report = import_capture(tmp_path / "s", tmp_path / "c")
    assert len(report.kept) >= 3
    assert "Left out beside GX01.MP4: GX01.jpg." in report.warnings


def test_masks_and_thumbnails_are_no_photos(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    mask = png(np.zeros((240, 320, 3), np.uint8))
    names = [
        "images/000_mask.png", "images/001.mask.png", "images/002.jpg.png", "images/000_depth_0001.png",
        "masks/000.png", "sam_masks/000.png", "Depth/000.png", "thumbs/000.png",
    ]  # fmt: skip
    for name in names:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(mask)
    report = import_capture(source, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg")
    assert any(line.startswith("Left out as masks and the like:") for line in report.warnings)


def codes_of(nits: float, transfer: int) -> int:
    """The 16-bit code value of grey light, by the inverse of the transfer function."""
    if transfer == PQ:
        power = (nits / 10_000) ** (2610 / 16384)
        signal = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    else:
        scene = (nits / 1000) ** (1 / 1.2)
        signal = (
            (3 * scene) ** 0.5
            if scene <= 1 / 12
            else 0.17883277 * np.log(12 * scene - 0.28466892) + 0.55991073
        )
    return round(65535 * signal)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_light_becomes_what_an_ordinary_screen_shows(transfer: int) -> None:
    nits = [0.5, 2.0, 10.0, 40.0, 100.0, 203.0, 500.0, 1000.0]
    codes = np.array([[codes_of(value, transfer)] * 3 for value in nits], np.uint16)[None]
    seen = tone_mapped(codes, transfer)[0].astype(int)
    assert np.ptp(seen, axis=1).max() <= 1, "grey stays grey"
    assert (np.diff(seen[:, 0]) > 0).all() and seen[-1, 0] >= 250
    # 40 of 203 nits lie below the knee: plain sRGB of that share.
    assert abs(seen[3, 0] - 255 * (1.055 * (40 / 203) ** (1 / 2.4) - 0.055)) <= 2


def test_large_form_and_several_pages_of_a_tiff(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    pages = {"save_all": True, "append_images": [Image.new("RGB", (96, 80))]}
    for shift, (name, options) in enumerate({"a": {"big_tiff": True}, "b": pages}.items()):
        Image.fromarray(textured(80, 96, shift=9 * shift)).save(tmp_path / "s" / f"{name}.tif", **options)
    report = import_capture(tmp_path / "s", tmp_path / "c")
    assert report.kept == ("a.jpg", "b.jpg")
    assert "Of several pictures in one file the first was taken: b.tif." in report.warnings
