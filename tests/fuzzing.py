"""Readers of files of unknown origin, valid files for each, and ways to damage them; run in a child process."""

import functools
import gzip
import io
import json
import random
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.read_masks import holds_labels, read_labels
from liftlab.components.captures.readers.photos import read_photo
from liftlab.components.captures.readers.video import extract_frames
from liftlab.components.captures.reading import read_in_child
from liftlab.components.errors import InputError
from liftlab.components.progress import Progress, no_progress, repeated
from tests.components.captures.picture import cameras_record, jpeg, png, textured

LIMITS = ImportLimits()
NASTY_NUMBERS = (
    "0", "-1", "255", "65536", "2147483648", "9223372036854775807", "18446744073709551616", "999999999999",
    "1" + "0" * 400, "9" * 5000, "1e400", "-1e300", "1e-320", "NaN", "Infinity", "0x10", "1_000", "٣", "",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, [], {}, "", 0, -1, 1e300, float("nan"), float("inf"), 10**400, 2**63, "a\0b.jpg", "\ud800.jpg",
    "x" * 300 + ".jpg", "../../etc/passwd", "/", "C:\\photos\\a.jpg", [[[[]]]], {"a": {"b": []}}, "١٢",
)  # fmt: skip
NASTY_BYTES = (
    b"\0" * 8,
    b"\xff" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\x7f",
    b"[" * 3000,
    b"\n",
    b"\r\n",
)


@dataclass(frozen=True)
class Kind:
    """One reader with its valid files."""

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], None]
    """Reads the bytes, with an empty folder at hand; raises InputError, or AssertionError for a result of no use."""
    text: bool = False


def fuzz(arguments: dict[str, Any], progress: Progress) -> dict[str, int]:
    """Damage the valid files of a `kind` in `count` ways by `seed`; returns how many were refused and how many read.

    Raises whatever is no InputError, with the damaged file kept in `folder`.
    """
    kind = KINDS[arguments["kind"]]
    with repeated(progress, "valid files"):
        seeds = kind.seeds()
    told = {"refused": 0, "usable": 0}
    kept = Path(arguments["folder"]) / "damaged"
    for number, data in enumerate(
        [*seeds, *damaged(seeds, kind.text, arguments["seed"], arguments["count"])]
    ):
        kept.write_bytes(data)
        progress(number / (len(seeds) + arguments["count"]), f"case {number}")
        with tempfile.TemporaryDirectory(dir=arguments["folder"]) as folder:
            try:
                kind.read(data, Path(folder))
            except InputError as error:
                assert number >= len(seeds), f"a valid file was refused: {error}"
                assert "\n" not in str(error) and str(error).encode("utf-8") and len(str(error)) < 800, error
                told["refused"] += 1
            else:
                told["usable"] += 1
    return told


def damaged(seeds: list[bytes], text: bool, seed: int, count: int) -> Iterator[bytes]:
    """Valid files changed in one to four places."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(seeds)
        for _ in range(chance.choice((1, 1, 2, 4))):
            data = chance.choice((_in_text, _in_json) if text else (_in_bytes,))(data, chance)
        yield data


def _in_bytes(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    if chance.random() < 0.5:  # headers are near the front
        start = min(start, chance.randrange(1 + min(len(data), 400)))
    end = min(len(data), start + chance.choice((1, 2, 4, 8, 64, 1000)))
    return chance.choice(
        (
            lambda: data[:start],
            lambda: data[:start] + data[end:],
            lambda: data[:end] + data[start:],
            lambda: data[:start] + chance.choice(NASTY_BYTES) + data[end:],
            lambda: data[:start] + bytes(chance.randrange(256) for _ in range(end - start)) + data[end:],
            lambda: data[:start] + chance.choice(NASTY_NUMBERS).encode() + data[end:],
            lambda: _one_number_changed(data, chance),
            lambda: (
                data[:start] + struct.pack("<I", chance.choice((0, 1, 2**31, 2**32 - 1))) + data[start + 4 :]
            ),
            lambda: (
                data[:start] + struct.pack("<Q", chance.choice((2**63, 2**64 - 1, 2**40))) + data[start + 8 :]
            ),
        )
    )()


def _in_text(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((_in_bytes, _one_number_changed, _one_line_changed))(data, chance)


def _one_number_changed(data: bytes, chance: random.Random) -> bytes:
    """One run of digits near the front becomes another number."""
    head = data[:5000].decode("latin-1")
    runs = [i for i, c in enumerate(head) if c.isdigit() and (i == 0 or not head[i - 1].isdigit())]
    if not runs:
        return data
    start = end = chance.choice(runs)
    while end < len(head) and head[end] in "0123456789.":
        end += 1
    return data[:start] + chance.choice(NASTY_NUMBERS).encode() + data[end:]


def _one_line_changed(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    lines[at : at + 1] = chance.choice(([], [lines[at]] * 2, [b""], [lines[at] * 3], [chance.choice(lines)]))
    return b"\n".join(lines)


def _in_json(data: bytes, chance: random.Random) -> bytes:
    """One value anywhere in a JSON file becomes another; other text is changed as text."""
    try:
        record = json.loads(data)
        places = list(_places(record))
    except (ValueError, RecursionError):
        return _in_text(data, chance)
    if not places:
        return data
    holder, key = chance.choice(places)
    if isinstance(holder, dict) and chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = chance.choice(NASTY_VALUES)
    return json.dumps(record).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in list(inside):
        yield value, key
        yield from _places(below)


# --- readers -----------------------------------------------------------------------------------------------


def _import(source: Path, folder: Path) -> None:
    """A whole import of something small, without a child of its own."""
    (folder / "target").mkdir()
    (folder / "scratch").mkdir()
    report = read_in_child(
        {
            "source": str(source), "target": str(folder / "target"), "scratch": str(folder / "scratch"),
            "cameras": None, "limits": {"max_megapixels": 4.0},
        },
        no_progress,
    )  # fmt: skip
    json.dumps(report, allow_nan=False).encode("ascii")
    assert all((folder / "target" / "images" / name).is_file() for name in report["kept"])
    "".join(report["warnings"]).encode("utf-8")


def _read_photo(data: bytes, folder: Path) -> None:
    clean = read_photo(data, "a.jpg", LIMITS)
    assert clean.pixels.dtype == np.uint8 and clean.pixels.ndim == 3 and clean.pixels.shape[2] == 3
    assert clean.encoded and (clean.exif_focal_px is None or np.isfinite(clean.exif_focal_px))


def _read_zip(data: bytes, folder: Path) -> None:
    (folder / "a.zip").write_bytes(data)
    _import(folder / "a.zip", folder)


def _read_splats(suffix: str, data: bytes, folder: Path) -> None:
    from liftlab.components.gaussians.files import read_gaussians

    (folder / f"a{suffix}").write_bytes(data)
    gaussians = read_gaussians(folder / f"a{suffix}")
    for values in (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.sh):
        assert np.isfinite(values).all() and len(values) == len(gaussians.means)


def _read_video(data: bytes, folder: Path) -> None:
    (folder / "a.mp4").write_bytes(data)
    (folder / "frames").mkdir()
    assert len(extract_frames(folder / "a.mp4", folder / "frames", LIMITS, progress=no_progress)) >= 2


def _read_cameras(place: str, data: bytes, folder: Path) -> None:
    """Photos with cameras, of which the file at `place` is damaged."""
    shutil.copytree(_photos(), folder / "source")
    for name, content in _colmap().items():
        if place.startswith("sparse") and name.endswith(place[-4:]):
            (folder / "source" / "sparse").mkdir(exist_ok=True)
            (folder / "source" / "sparse" / name).write_bytes(content)
    (folder / "source" / place).write_bytes(data)
    _import(folder / "source", folder)


def _read_prompts(data: bytes, folder: Path) -> None:
    from liftlab.session.prompts import read_prompts

    (folder / "prompts.json").write_bytes(data)
    try:
        assert read_prompts(folder / "prompts.json")
    except InputError as error:  # what validates them puts each fault on a line
        raise InputError(str(error).replace("\n", " ")[:700]) from error


def _read_mask(data: bytes, folder: Path) -> None:
    from liftlab.components.captures.benchmark_layouts.scene import read_labels, read_mask

    (folder / "a.png").write_bytes(data)
    assert read_mask(folder / "a.png").ndim == 2
    assert read_labels(folder / "a.png").ndim == 2


# --- valid files -------------------------------------------------------------------------------------------


@functools.cache
def _photos() -> Path:
    """A folder of three small photos, kept while the process lives."""
    folder = Path(tempfile.mkdtemp(prefix="liftlab-fuzz-"))
    (folder / "images").mkdir()
    for index in range(3):
        (folder / "images" / f"00{index}.jpg").write_bytes(jpeg(textured(80, 100, shift=60 * index)))
    return folder


def _photo_seeds() -> list[bytes]:
    import io

    from PIL import ExifTags, Image, ImageCms

    picture = textured(80, 100)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 26
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = Image.fromarray(picture[..., 0])
    found = [jpeg(picture), jpeg(picture, exif=exif), png(picture)]
    for image, form, options in (
        (Image.fromarray(picture), "JPEG", {"progressive": True, "icc_profile": profile}),
        (Image.fromarray(picture).quantize(16), "PNG", {"transparency": 3}),
        (Image.fromarray(np.dstack([picture, picture[..., 0]])), "PNG", {}),
        (Image.fromarray(picture[..., 0].astype(np.uint16) * 256), "PNG", {}),
        (Image.fromarray(picture), "WEBP", {}),
        (Image.fromarray(picture), "WEBP", {"lossless": True}),
        (Image.fromarray(picture), "TIFF", {}),
        (Image.fromarray(picture), "TIFF", {"compression": "tiff_lzw"}),
        (grey, "TIFF", {"compression": "tiff_deflate"}),
        (Image.fromarray(picture).convert("CMYK"), "TIFF", {"compression": "jpeg"}),
        (Image.fromarray(picture), "BMP", {}),
    ):
        buffer = io.BytesIO()
        image.save(buffer, form, **options)
        found.append(buffer.getvalue())
    return found


def _zip_seeds() -> list[bytes]:
    import io

    found = []
    for method, place in ((zipfile.ZIP_STORED, "images/"), (zipfile.ZIP_DEFLATED, "a\\b\\")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for path in sorted((_photos() / "images").iterdir()):
                archive.writestr(place + path.name, path.read_bytes())
        found.append(buffer.getvalue())
    return found


def _splats(count: int, degree: int) -> Any:
    from liftlab.components.types import Gaussians

    chance = np.random.default_rng(degree)
    quats = chance.normal(size=(count, 4))
    parts = (
        chance.normal(size=(count, 3)), quats / np.linalg.norm(quats, axis=1, keepdims=True),
        np.exp(chance.normal(-3, 1, (count, 3))), chance.uniform(0.1, 0.9, count),
        chance.uniform(-0.9, 0.9, (count, (degree + 1) ** 2, 3)),
    )  # fmt: skip
    return Gaussians(*(np.ascontiguousarray(part, np.float32) for part in parts))


def _written(suffix: str, degree: int) -> bytes:
    from liftlab.components.gaussians.files import write_gaussians

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        write_gaussians(path, _splats(40, degree))
        return path.read_bytes()


def _ply_seeds() -> list[bytes]:
    names = ["x", "y", "z", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "opacity",
             "f_dc_0", "f_dc_1", "f_dc_2"]  # fmt: skip
    header = ["ply", "format ascii 1.0", "comment made by hand", "element vertex 8"]
    rows = [
        " ".join(f"{value:.3f}" for value in row)
        for row in np.random.default_rng(0).normal(size=(8, len(names)))
    ]
    text = "\n".join([*header, *(f"property float {name}" for name in names), "end_header", *rows]) + "\n"
    return [_written(".ply", 0), _written(".ply", 2), text.encode()]


def _bundle_seeds() -> list[bytes]:
    import io

    from tests.components.gaussians.test_foreign_files import sog_of

    found = []
    for version, degree in ((1, 0), (2, 1)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as bundle:
            for name, data in sog_of(version, degree)[0].items():
                bundle.writestr(name, data)
        found.append(buffer.getvalue())
    return found


def _ksplat_seeds() -> list[bytes]:
    """Forty splats of each level in one section, those of the packed levels in buckets of 16, 16 and 8."""
    found = []
    for level, row in ((0, 44), (1, 24), (2, 24)):
        header, section = bytearray(4096), bytearray(1024)
        struct.pack_into("<BB2xIIIIH", header, 0, 0, 1, 1, 1, 40, 40, level)
        struct.pack_into("<IIIIfH2xIII", section, 0, 40, 40, 16, 3, 5.0, 12, 32767, 2, 1)
        rows = np.random.default_rng(level).integers(0, 60, 40 * row, dtype=np.uint8).tobytes()
        found.append(bytes(header + section) + struct.pack("<I9f", 8, *range(9)) + rows)
    return found


def _compressed_seeds() -> list[bytes]:
    """Random splats in two chunks, without and with harmonics, by the letter of the format."""
    chance = np.random.default_rng(0)
    bounds = [f"{end}_{name}" for group in ("x y z", "scale_x scale_y scale_z", "r g b")
              for end in ("min", "max") for name in group.split()]  # fmt: skip
    packed = [f"property uint packed_{name}" for name in ("position", "rotation", "scale", "color")]
    found = []
    for harmonics in (0, 9):
        lines = ["ply", "format binary_little_endian 1.0", "element chunk 2"]
        lines += [f"property float {name}" for name in bounds]
        lines += ["element vertex 300", *packed]
        if harmonics:
            lines += ["element sh 300", *(f"property uchar f_rest_{k}" for k in range(harmonics))]
        low, high = chance.uniform(-3, -1, (2, 3, 1, 3)), chance.uniform(-1, 1, (2, 3, 1, 3))
        chunks = np.concatenate([low, high], axis=2).astype("<f4").tobytes()
        rest = chance.integers(0, 256, 300 * (16 + harmonics), dtype=np.uint8).tobytes()
        found.append("\n".join([*lines, "end_header", ""]).encode() + chunks + rest)
    return found


def _video_seeds() -> list[bytes]:
    import av

    found = []
    for form, codec in (("mp4", "libx264"), ("webm", "libvpx"), ("avi", "mpeg4")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"a.{form}"
            with av.open(str(path), "w") as container:
                stream = container.add_stream(codec, rate=12)
                assert isinstance(stream, av.VideoStream)
                stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
                wide = textured(80, 400)
                for index in range(24):
                    frame = av.VideoFrame.from_ndarray(
                        np.ascontiguousarray(wide[:, 4 * index : 4 * index + 96]), format="rgb24"
                    )
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            found.append(path.read_bytes())
    return found


def _cameras_seeds() -> list[bytes]:
    record = cameras_record(3)
    for frame in record["frames"]:
        frame.update(width=100, height=80, K=[[90, 0, 50], [0, 90, 40], [0, 0, 1]])
    return [json.dumps(record).encode()]


def _transforms_seeds() -> list[bytes]:
    matrix = np.eye(4)
    frames = []
    for index in range(3):
        matrix[0, 3] = 0.2 * index
        frames.append({"file_path": f"images/00{index}.jpg", "transform_matrix": matrix.tolist()})
    shared = {"w": 100, "h": 80, "k1": 0.01, "frames": frames}
    return [
        json.dumps({**shared, **own}).encode() for own in ({"fl_x": 90.0, "cx": 50}, {"camera_angle_x": 1.0})
    ]


@functools.cache
def _colmap() -> dict[str, bytes]:
    cameras = struct.pack("<Q", 1) + struct.pack("<iiQQ8d", 1, 4, 100, 80, 90, 90, 50, 40, 0.01, 0, 0, 0)
    images = struct.pack("<Q", 3)
    lines = []
    for index in range(3):
        name = f"00{index}.jpg"
        images += struct.pack("<i7di", index, 1, 0, 0, 0, 0.1 * index, 0, 0, 1) + name.encode() + b"\0"
        images += struct.pack("<Q", 1) + struct.pack("<ddq", 5.0, 5.0, -1)
        lines += [f"{index} 1 0 0 0 {0.1 * index} 0 0 1 {name}", "5.0 5.0 -1"]
    return {
        "cameras.bin": cameras, "images.bin": images,
        "cameras.txt": b"# one\n1 OPENCV 100 80 90 90 50 40 0.01 0 0 0\n",
        "images.txt": ("# three\n" + "\n".join(lines) + "\n").encode(),
    }  # fmt: skip


def _prompt_seeds() -> list[bytes]:
    click = {"image": "003.jpg", "x": 210.5, "y": 140.0, "positive": True}
    entry = {"object": "mug", "clicks": [click, {"world": [0, 1, 2.5]}, {"image": "a", "box": [1, 2, 3, 4]}]}
    stroke = {"image": "a", "points": [[1, 2], [3, 4]], "radius": 5}
    return [json.dumps([{**entry, "granularity": 0.5, "adjust": 1, "strokes": [stroke]}]).encode()]


def _mask_seeds() -> list[bytes]:
    mask = (textured(40, 50)[..., 0] > 128).astype(np.uint8)
    return [png(mask * 255), png(mask), png(mask.astype(np.uint16) * 900)]


def _label_seeds() -> list[bytes]:
    labels = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((20, 16), np.uint8))
    colours = np.stack([labels * 40, labels, 255 - labels], axis=-1)
    palette = Image.fromarray(labels, "P")
    palette.putpalette(list(range(18)))
    buffer = io.BytesIO()
    palette.save(buffer, "PNG")
    return [png(labels), png(labels.astype(np.uint16) * 900), png(colours), buffer.getvalue()]


def _read_labels(data: bytes, folder: Path) -> None:
    path = folder / "labels.png"
    path.write_bytes(data)
    values = read_labels(path, LIMITS)
    assert values.ndim == 2 and values.dtype == np.uint32
    holds_labels(values)


KINDS: dict[str, Kind] = {
    "photo": Kind(_photo_seeds, _read_photo),
    "zip": Kind(_zip_seeds, _read_zip),
    "ply": Kind(_ply_seeds, functools.partial(_read_splats, ".ply")),
    "compressed": Kind(_compressed_seeds, functools.partial(_read_splats, ".ply")),
    "spz": Kind(lambda: [_written(".spz", 0), _written(".spz", 3)], functools.partial(_read_splats, ".spz")),
    "sog": Kind(_bundle_seeds, functools.partial(_read_splats, ".sog")),
    "ksplat": Kind(_ksplat_seeds, functools.partial(_read_splats, ".ksplat")),
    "splat": Kind(lambda: [bytes(range(60, 92)) * 8], functools.partial(_read_splats, ".splat")),
    "spz payload": Kind(
        lambda: [gzip.decompress(_written(".spz", degree)) for degree in (0, 3)],
        lambda data, folder: _read_splats(".spz", gzip.compress(data, 1), folder),
    ),
    "video": Kind(_video_seeds, _read_video),
    "cameras": Kind(_cameras_seeds, functools.partial(_read_cameras, "cameras.json"), text=True),
    "transforms": Kind(_transforms_seeds, functools.partial(_read_cameras, "transforms.json"), text=True),
    **{
        name: Kind(
            lambda name=name: [_colmap()[name]],
            functools.partial(_read_cameras, f"sparse/{name}"),
            text=name.endswith(".txt"),
        )
        for name in ("cameras.bin", "images.bin", "cameras.txt", "images.txt")
    },
    "prompts": Kind(_prompt_seeds, _read_prompts, text=True),
    "mask": Kind(_mask_seeds, _read_mask),
    "labels": Kind(_label_seeds, _read_labels),
}
