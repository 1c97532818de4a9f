"""Bad input: what the person reads, and that nothing is left behind."""

import errno
import io
import json
import math
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liftlab.components.captures import ImportLimits, import_capture, reading
from liftlab.components.errors import InputError
from tests.components.captures.picture import cameras_record, jpeg, photo_folder, png, textured, write_cameras

Source = Callable[[Path], Path]


def photos(files: dict[str, bytes]) -> Source:
    """A folder with these files."""

    def make(place: Path) -> Path:
        place.mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data)
        return place

    return make


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED) -> Source:
    def make(place: Path) -> Path:
        with zipfile.ZipFile(place.with_suffix(".zip"), "w", method) as archive:
            for name, data in entries:
                archive.writestr(name, data)
        return place.with_suffix(".zip")

    return make


def single(name: str, data: bytes) -> Source:
    def make(place: Path) -> Path:
        (place.parent / name).write_bytes(data)
        return place.parent / name

    return make


def with_cameras(change: Callable[[dict], object]) -> Source:
    """Three good photos and a cameras.json that `change` spoils in place or replaces."""

    def make(place: Path) -> Path:
        photo_folder(place, 3)
        record = cameras_record(3)
        changed = change(record)
        write_cameras(place / "cameras.json", record if changed is None else changed)
        return place

    return make


def link_entry() -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo("images/000.jpg")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, b"/etc/passwd"


def zip_with_flags(flags: int) -> Source:
    """A zip whose entries claim `flags` (bit 0: encrypted)."""

    def make(place: Path) -> Path:
        path = zipped(("000.jpg", GOOD))(place)
        data = bytearray(path.read_bytes())
        data[6] |= flags
        data[data.index(b"PK\x01\x02") + 8] |= flags
        path.write_bytes(bytes(data))
        return path

    return make


def lying_zip(place: Path) -> Path:
    """Its table of contents says 10 bytes; more come out."""
    path = zipped(("000.jpg", b"\xff\xd8\xff" + bytes(5000)), method=zipfile.ZIP_DEFLATED)(place)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    return path


def rescaled(record: dict) -> None:
    for frame in record["frames"]:
        frame["height"] = 400


def rotated(record: dict) -> None:
    for frame in record["frames"]:
        frame.update(width=240, height=320)


def renamed(record: dict) -> None:
    for frame in record["frames"]:
        frame["image"] = "x" + frame["image"]


GOOD = jpeg(textured())
OTHER = jpeg(textured(shift=200))
TINY = png(np.zeros((20, 20, 3), np.uint8))
HUGE = png(np.zeros((3000, 3000, 3), np.uint8))
HEIC = b"\0\0\0\x18ftypheic" + bytes(40)
HEADER = b"IHDR" + struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
IDAT = b"\0\0\0\x0aIDAT" + bytes(14)
SIZE_BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\r" + HEADER + struct.pack(">I", zlib.crc32(HEADER)) + IDAT
MIRROR = np.diag([-1.0, 1, 1, 1]).tolist()

LIMITS = ImportLimits(
    max_photos=20,
    max_megapixels=4.0,
    max_photo_bytes=200_000,
    max_archive_files=30,
    max_archive_bytes=2 * 2**20,
    max_json_bytes=20_000,
)

CASES: dict[str, tuple[Source, str]] = {
    "nowhere": (lambda place: place, "There is no file or folder at this place"),
    "empty folder": (
        photos({}),
        "There are no photos here; bring a folder, a zip or a video that shows one scene.",
    ),
    "only a text": (photos({"notes.txt": b"hello"}), "There are no photos here"),
    "one photo": (photos({"a.jpg": GOOD}), "Only one photo can be used (a.jpg), and one shows no depth;"),
    "a photo as file": (single("a.jpg", GOOD), "Only one photo can be used (a.jpg)"),
    "copies": (photos({"a.jpg": GOOD, "b.jpg": GOOD}), "All 2 photos show the same picture"),
    "one good, one cut": (photos({"a.jpg": GOOD, "b.jpg": OTHER[:3000]}), "b.jpg is damaged or cut short"),
    "text named jpg": (
        photos({"a.jpg": b"hello"}),
        "None of the files is a photo that can be read. a.jpg is not a p",
    ),
    "empty file": (photos({"a.jpg": b""}), "a.jpg is an empty file"),
    "heic": (
        photos({"a.heic": HEIC, "b.heic": HEIC}),
        "a.heic is a HEIC or AVIF picture, which is not supported",
    ),
    "heic named jpg": (photos({"a.jpg": HEIC}), "a.jpg is a HEIC or AVIF picture"),
    "too small": (photos({"a.png": TINY}), "a.png is only 20x20 pixels; use a photo of at least 64."),
    "too many pixels": (photos({"a.png": HUGE}), "a.png has 9 megapixels, more than 4; make it smaller."),
    "pixel bomb": (photos({"a.png": SIZE_BOMB}), "a.png has more than 4 megapixels"),
    "too many bytes": (photos({"a.jpg": GOOD + bytes(300_000)}), "a.jpg is larger than 0 MiB"),
    "too many photos": (
        photos({f"{i}.jpg": GOOD for i in range(21)}),
        "There are 21 photos, more than 20; bring a selection of them.",
    ),
    "splat file": (single("scene.ply", b"ply\n"), "This splat file is damaged or incomplete"),
    "foreign archive": (
        single("a.tar.gz", b"\x1f\x8b\x08" + bytes(30)),
        "a.tar.gz is an archive of a kind that is not read; unpack it, or make a zip.",
    ),
    "two videos": (
        photos({"a.mp4": b"any", "b.mov": b"any"}),
        "There are 2 videos here (a.mp4 and b.mov); bring the one that you mean.",
    ),
    "text named zip": (
        single("a.zip", b"hello"),
        "a.zip is damaged or no zip that can be read; make it again.",
    ),
    "cut zip": (
        lambda place: single("a.zip", zipped(("a.jpg", GOOD))(place).read_bytes()[:900])(place),
        "a.zip is damaged",
    ),
    "zip leaves its folder": (
        zipped(("../../a.jpg", GOOD)),
        "holds a file that would land outside its folder",
    ),
    "zip with absolute path": (
        zipped(("/tmp/a.jpg", GOOD)),
        "holds a file that would land outside its folder",
    ),
    "zip with drive": (zipped(("C:\\a.jpg", GOOD)), "holds a file that would land outside its folder"),
    "zip with link": (zipped(link_entry()), "holds a link ('000.jpg'); pack the files themselves."),
    "zip in zip": (zipped(("inner.zip", b"PK\x03\x04" + bytes(50))), "holds another archive ('inner.zip')"),
    "zip of many files": (zipped(*((f"{i}.jpg", b"x") for i in range(31))), "holds 31 files, more than 30"),
    "zip bomb by ratio": (
        zipped(("a.jpg", bytes(2**20 + 1)), method=zipfile.ZIP_DEFLATED),
        "looks like a zip bomb; pack plain photos.",
    ),
    "zip bomb by size": (
        zipped(("a", bytes(2**20)), ("b", bytes(2**20 + 1))),
        "is larger than 0.00195 GiB when unp",
    ),
    "zip that lies": (lying_zip, "make"),
    "encrypted zip": (zip_with_flags(1), "is encrypted; make a zip without a password."),
    "no video": (
        single("a.mp4", b"hello"),
        "a.mp4 is no video that can be read; record or export it as MP4.",
    ),
    "empty video": (single("a.mp4", b""), "a.mp4 is no video that can be read"),
    "cameras: no JSON": (
        lambda place: (photo_folder(place), (place / "cameras.json").write_text("{"))[0],
        "cameras.json is not valid JSON",
    ),
    "cameras: no frames": (with_cameras(lambda record: {"frames": []}), "must hold a list 'frames'"),
    "cameras: a list": (with_cameras(lambda record: [1, 2]), "must hold a list 'frames'"),
    "cameras: other shape": (with_cameras(rescaled), "is for 320x400 pixels but the photo has 320x240"),
    "cameras: unrotated": (
        with_cameras(rotated),
        "it was made for the photo before it was turned; bring the photos that",
    ),
    "cameras: other names": (
        with_cameras(renamed),
        "The cameras do not belong to these photos: cameras.json names photos such as 'x000.jpg'",
    ),
    "cameras: huge file": (with_cameras(lambda record: [0] * 20_000), "cameras.json is larger than 0 MiB"),
}


FRAMES: dict[str, tuple[str, object, str]] = {
    "image twice": ("image", "000.jpg", "cameras.json lists '000.jpg' twice; the first one counts."),
    "image a number": ("image", 3, "must name its photo in 'image'; got 3."),
    "key missing": ("K", ..., "The frame '001.jpg' in cameras.json lacks K."),
    "NaN": ("world_to_camera", [[math.nan] * 4] * 4, "holds a value that is not a finite number"),
    "words": ("K", "abc", "K of '001.jpg' in cameras.json must be numbers"),
    "3x3 pose": ("world_to_camera", np.eye(3).tolist(), "must be a 4x4 matrix; got 3x3"),
    "scaled pose": (
        "world_to_camera",
        np.diag([2.0, 2, 2, 1]).tolist(),
        "is not a rotation with a translation",
    ),
    "mirrored pose": ("world_to_camera", MIRROR, "is not a rotation with a transl"),
    "last row": (
        "world_to_camera",
        [*np.eye(4)[:3].tolist(), [0, 0, 1, 1]],
        "must end in the row 0 0 0 1",
    ),
    "no focal": (
        "K",
        [[0, 0, 160], [0, 300, 120], [0, 0, 1]],
        "The focal lengths in K of '001.jpg'",
    ),
    "K transposed": (
        "K",
        [[300, 0, 0], [0, 300, 0], [160, 120, 1]],
        "K of '001.jpg' in cameras.json must be [[",
    ),
    "far centre": ("K", [[300, 0, 9000], [0, 300, 120], [0, 0, 1]], "lies far outside the picture"),
    "five coefficients": ("distortion", [0.0] * 5, "the four numbers k1 k2 p1 p2; got 5"),
    "negative width": ("width", -3, "must be whole and positive; got -3 and 240."),
    "other shape": ("height", 400, "is for 320x400 pixels but the photo has 320x240"),
}
"""A key of a frame, a value that cannot be right (... for none), and what is said."""


@pytest.mark.parametrize("case", FRAMES)
def test_a_bad_frame_costs_that_frame(case: str, tmp_path: Path) -> None:
    key, value, sentence = FRAMES[case]
    spoiled: list[int] = [1]

    def spoil(record: dict) -> None:
        for index in spoiled:
            record["frames"][index][key] = value
            if value is ...:
                del record["frames"][index][key]

    (tmp_path / "one").mkdir()
    report = import_capture(with_cameras(spoil)(tmp_path / "one" / "s"), tmp_path / "c", limits=LIMITS)
    assert report.num_known_cameras == 2 and len(report.kept) == 3
    assert sum(sentence in warning for warning in report.warnings) == 1
    assert "No camera came with 001.jpg." in report.warnings
    spoiled[:] = [1, 2]
    (tmp_path / "two").mkdir()
    with pytest.raises(InputError, match="fewer than two|" + re.escape(sentence)):
        import_capture(with_cameras(spoil)(tmp_path / "two" / "s"), tmp_path / "d", limits=LIMITS)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_its_sentence_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    make, sentence = CASES[case]
    (tmp_path / "in").mkdir()
    source = make(tmp_path / "in" / "source")
    with pytest.raises(InputError) as caught:
        import_capture(source, tmp_path / "out" / "c", limits=LIMITS)
    message = str(caught.value)
    assert sentence in message
    assert message[0].isupper() or message[0].islower() or message[0] == "'"
    assert "Traceback" not in message and "\n" not in message
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_list_with_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file called b\.jpg; choose the photos again\."):
        import_capture([tmp_path / "b.jpg"], tmp_path / "c")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(reading, "write_json", full)
    with pytest.raises(InputError, match="The disk is full, so nothing was imported"):
        import_capture(photo_folder(tmp_path / "source", 2), tmp_path / "out" / "c")
    assert list((tmp_path / "out").iterdir()) == []


def test_thirty_megapixels_are_fine(tmp_path: Path) -> None:
    big = Image.fromarray(textured(480, 640)).resize((6400, 4800), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    big.save(buffer, "JPEG", quality=60)
    source = photo_folder(tmp_path / "source", 2)
    (source / "images" / "big.jpg").write_bytes(buffer.getvalue())
    report = import_capture(source, tmp_path / "c")
    assert (6400, 4800) in report.sizes


def test_limits_are_inclusive(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "source", 3)
    report = import_capture(
        source, tmp_path / "c", limits=replace(LIMITS, max_photos=3, max_megapixels=0.0768)
    )
    assert len(report.kept) == 3


def test_every_record_is_plain_json(tmp_path: Path) -> None:
    import_capture(photo_folder(tmp_path / "source", 2), tmp_path / "c")
    record = json.loads((tmp_path / "c" / "capture.json").read_text(), parse_constant=pytest.fail)
    assert record["schema_version"] == 1
