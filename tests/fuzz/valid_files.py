"""Valid files of every kind that a reader takes, a few of each, to be damaged."""

import functools
import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.components.captures.picture import cameras_record, jpeg, png, textured


@functools.cache
def photos() -> Path:
    """A folder of three small photos, kept while the process lives."""
    folder = Path(tempfile.mkdtemp(prefix="liftlab-fuzz-"))
    (folder / "images").mkdir()
    for index in range(3):
        (folder / "images" / f"00{index}.jpg").write_bytes(jpeg(textured(80, 100, shift=60 * index)))
    return folder


def photo_seeds() -> list[bytes]:
    from PIL import ExifTags, ImageCms

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


def zip_seeds() -> list[bytes]:
    found = []
    for method, place in ((zipfile.ZIP_STORED, "images/"), (zipfile.ZIP_DEFLATED, "a\\b\\")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for path in sorted((photos() / "images").iterdir()):
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


def written(suffix: str, degree: int) -> bytes:
    from liftlab.components.gaussians.files import write_gaussians

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        write_gaussians(path, _splats(40, degree))
        return path.read_bytes()


def ply_seeds() -> list[bytes]:
    names = ["x", "y", "z", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "opacity",
             "f_dc_0", "f_dc_1", "f_dc_2"]  # fmt: skip
    header = ["ply", "format ascii 1.0", "comment made by hand", "element vertex 8"]
    rows = [
        " ".join(f"{value:.3f}" for value in row)
        for row in np.random.default_rng(0).normal(size=(8, len(names)))
    ]
    text = "\n".join([*header, *(f"property float {name}" for name in names), "end_header", *rows]) + "\n"
    return [written(".ply", 0), written(".ply", 2), text.encode()]


def bundle_seeds() -> list[bytes]:
    from tests.components.gaussians.test_foreign_sog import sog_of

    found = []
    for version, degree in ((1, 0), (2, 1)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as bundle:
            for name, data in sog_of(version, degree)[0].items():
                bundle.writestr(name, data)
        found.append(buffer.getvalue())
    return found


def ksplat_seeds() -> list[bytes]:
    """Forty splats of each level in one section, those of the packed levels in buckets of 16, 16 and 8."""
    found = []
    for level, row in ((0, 44), (1, 24), (2, 24)):
        header, section = bytearray(4096), bytearray(1024)
        struct.pack_into("<BB2xIIIIH", header, 0, 0, 1, 1, 1, 40, 40, level)
        struct.pack_into("<IIIIfH2xIII", section, 0, 40, 40, 16, 3, 5.0, 12, 32767, 2, 1)
        rows = np.random.default_rng(level).integers(0, 60, 40 * row, dtype=np.uint8).tobytes()
        found.append(bytes(header + section) + struct.pack("<I9f", 8, *range(9)) + rows)
    return found


def compressed_seeds() -> list[bytes]:
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


def video_seeds() -> list[bytes]:
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


def cameras_seeds() -> list[bytes]:
    record = cameras_record(3)
    for frame in record["frames"]:
        frame.update(width=100, height=80, K=[[90, 0, 50], [0, 90, 40], [0, 0, 1]])
    return [json.dumps(record).encode()]


def transforms_seeds() -> list[bytes]:
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
def colmap() -> dict[str, bytes]:
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


def prompt_seeds() -> list[bytes]:
    click = {"image": "003.jpg", "x": 210.5, "y": 140.0, "positive": True}
    entry = {"object": "mug", "clicks": [click, {"world": [0, 1, 2.5]}, {"image": "a", "box": [1, 2, 3, 4]}]}
    stroke = {"image": "a", "points": [[1, 2], [3, 4]], "radius": 5}
    return [json.dumps([{**entry, "granularity": 0.5, "adjust": 1, "strokes": [stroke]}]).encode()]


def mask_seeds() -> list[bytes]:
    mask = (textured(40, 50)[..., 0] > 128).astype(np.uint8)
    return [png(mask * 255), png(mask), png(mask.astype(np.uint16) * 900)]


def label_seeds() -> list[bytes]:
    labels = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((20, 16), np.uint8))
    colours = np.stack([labels * 40, labels, 255 - labels], axis=-1)
    palette = Image.fromarray(labels, "P")
    palette.putpalette(list(range(18)))
    buffer = io.BytesIO()
    palette.save(buffer, "PNG")
    return [png(labels), png(labels.astype(np.uint16) * 900), png(colours), buffer.getvalue()]
