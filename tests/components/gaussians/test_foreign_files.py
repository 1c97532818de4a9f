"""Splat files as other programs write them: each is made here, from known splats, by the letter of its format."""

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gsply
import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

from liftlab.components.errors import InputError
from liftlab.components.gaussians import read_gaussians, write_gaussians
from liftlab.components.gaussians.files import read_splat_file
from liftlab.components.types import DEGREE_0, Gaussians
from tests.components.gaussians.test_files import assert_same_rotations, splats

COUNT = 40
NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2",
         "rot_0", "rot_1", "rot_2", "rot_3"]  # fmt: skip


def stored(gaussians: Gaussians) -> np.ndarray:
    """The numbers that a PLY holds, in the order of `NAMES`."""
    logits = np.log(gaussians.opacities / (1 - gaussians.opacities))
    parts = [gaussians.means, gaussians.sh[:, 0], logits[:, None], np.log(gaussians.scales), gaussians.quats]
    return np.concatenate(parts, axis=1).astype(np.float64)


def ply_text(
    gaussians: Gaussians, *, end: str = "\n", comment: str = "", before: str = "", rows: str = ""
) -> bytes:
    header = ["ply", "format ascii 1.0"]
    header += [f"comment {comment}"] if comment else []
    header += [before.rstrip()] if before else []
    header += [
        f"element vertex {len(gaussians.means)}",
        *(f"property float {name}" for name in NAMES),
        "end_header",
    ]
    lines = [" ".join(f"{value:.7g}" for value in row) for row in stored(gaussians)]
    body = [*([rows] if rows else []), *lines]
    return (end.join([*header, *body]) + end).encode("utf-8")


def ply_binary(
    values: np.ndarray, names: list[str], kind: str = "f4", *, head: str = "", body: bytes = b""
) -> bytes:
    word = {"f4": "float", "f8": "double"}[kind]
    lines = ["ply", "format binary_little_endian 1.0", *([head] if head else []), f"element vertex {len(values)}",
             *(f"property {word} {name}" for name in names), "end_header", ""]  # fmt: skip
    return "\n".join(lines).encode() + body + np.ascontiguousarray(values, f"<{kind}").tobytes()


def assert_same(read: Gaussians, written: Gaussians, tolerance: float = 2e-5) -> None:
    np.testing.assert_allclose(read.means, written.means, atol=tolerance)
    np.testing.assert_allclose(read.scales, written.scales, rtol=1e-4)
    np.testing.assert_allclose(read.opacities, written.opacities, atol=1e-5)
    np.testing.assert_allclose(read.sh[:, 0], written.sh[:, 0], atol=1e-5)
    assert_same_rotations(read.quats, written.quats, 1e-5)


TEXTS: dict[str, dict[str, str]] = {
    "plain": {},
    "Windows": {"end": "\r\n"},
    "old Mac": {"end": "\r"},
    "umlauts": {"comment": "Gerät von Zoë, 北京"},
    "words of the header": {"comment": "before end_header comes element vertex 3"},
    "another element first": {
        "before": "element camera 2\nproperty float a\nproperty int b",
        "rows": "1.5 2\n2.5 3",
    },
}


@pytest.mark.parametrize("case", TEXTS)
def test_text(tmp_path: Path, case: str) -> None:
    written = splats(COUNT, degree=0)
    (tmp_path / "a.ply").write_bytes(ply_text(written, **TEXTS[case]))
    assert_same(read_gaussians(tmp_path / "a.ply"), written)


@pytest.mark.parametrize("text", [False, True])
def test_elements_in_any_order(tmp_path: Path, text: bool) -> None:
    written = splats(COUNT, degree=0)
    rows = np.array([tuple(row) for row in stored(written)], [(name, "f4") for name in NAMES])
    faces = np.array([([0, 1, 2],)], [("vertex_indices", "i4", (3,))])
    elements = [
        PlyElement.describe(np.zeros(5, [("k", "u1"), ("w", "f8")]), "extrinsic"),
        PlyElement.describe(rows, "vertex"),
        PlyElement.describe(faces, "face"),
    ]
    PlyData(elements, text=text).write(str(tmp_path / "a.ply"))
    assert_same(read_gaussians(tmp_path / "a.ply"), written)


def test_lists_before_the_splats_are_said(tmp_path: Path) -> None:
    rows = np.zeros(2, [(name, "f4") for name in NAMES])
    faces = np.array([([0, 1, 2],)], [("vertex_indices", "i4", (3,))])
    PlyData([PlyElement.describe(faces, "face"), PlyElement.describe(rows, "vertex")]).write(
        str(tmp_path / "a.ply")
    )
    with pytest.raises(InputError, match="its header puts lists before the end of the vertices"):
        read_gaussians(tmp_path / "a.ply")


def test_flat_splats_of_two_scales(tmp_path: Path) -> None:
    written = splats(COUNT, degree=0)
    names = [name for name in NAMES if name != "scale_2"]
    values = stored(written)[:, [NAMES.index(name) for name in names]]
    (tmp_path / "a.ply").write_bytes(ply_binary(values, names))
    read = read_gaussians(tmp_path / "a.ply")
    np.testing.assert_allclose(read.scales[:, :2], written.scales[:, :2], rtol=1e-4)
    assert (read.scales[:, 2] <= 1e-11).all() and np.isfinite(np.log(read.scales)).all()


def test_infinities_mean_what_they_say_and_the_rest_is_counted(tmp_path: Path) -> None:
    written = splats(COUNT, degree=0)
    values = stored(written)
    values[0, 6], values[1, 6], values[2, 8] = np.inf, -np.inf, -np.inf
    values[3, 6], values[4, 0], values[5, 0], values[6, 9], values[7, 10:] = np.nan, np.nan, np.inf, np.inf, 0
    (tmp_path / "a.ply").write_bytes(ply_binary(values, NAMES))
    file = read_splat_file(tmp_path / "a.ply")
    read = file.gaussians
    assert len(read.means) == COUNT - 5
    assert read.opacities[0] == 1 and read.opacities[1] < 1e-6 and read.scales[2, 1] <= 1e-11
    assert file.notes == (
        "5 splats that cannot be drawn were left out: 2 without a position, 1 without a size, 1 without an opacity "
        "and 1 without a rotation.",
    )


def test_degree_4_is_cut_and_said(tmp_path: Path) -> None:
    written = splats(COUNT, degree=0)
    rest = np.random.default_rng(0).normal(size=(COUNT, 24, 3))
    names = [*NAMES, *(f"f_rest_{k}" for k in range(72))]
    values = np.concatenate([stored(written), rest.transpose(0, 2, 1).reshape(COUNT, 72)], axis=1)
    (tmp_path / "a.ply").write_bytes(ply_binary(values, names))
    file = read_splat_file(tmp_path / "a.ply")
    np.testing.assert_allclose(file.gaussians.sh[:, 1:], rest[:, :15], atol=1e-6)
    assert file.notes == ("Its harmonics of degree 4 were cut to degree 3.",)


@pytest.mark.parametrize("which", ["opacity", "scale", "both"])
def test_numbers_that_are_no_logarithms(tmp_path: Path, which: str) -> None:
    written = splats(COUNT, degree=0)
    values = stored(written)
    if which != "scale":
        values[:, 6] = written.opacities
    if which != "opacity":
        values[:, 7:10] = written.scales
    (tmp_path / "a.ply").write_bytes(ply_binary(values, NAMES))
    file = read_splat_file(tmp_path / "a.ply")
    assert_same(file.gaussians, written)
    assert len(file.notes) == (2 if which == "both" else 1)


@pytest.mark.parametrize("seed", range(5))
def test_logarithms_are_taken_for_what_they_are(tmp_path: Path, seed: int) -> None:
    """Also of scenes in millimetres, whose splats are all larger than 1."""
    written = splats(COUNT, degree=seed % 4)
    unit = 10.0**seed
    written = replace(
        written, means=written.means * np.float32(unit), scales=written.scales * np.float32(unit)
    )
    write_gaussians(tmp_path / "a.ply", written)
    file = read_splat_file(tmp_path / "a.ply")
    assert file.notes == ()
    np.testing.assert_allclose(file.gaussians.scales, written.scales, rtol=1e-4)
    np.testing.assert_allclose(file.gaussians.opacities, written.opacities, atol=1e-5)


def test_coordinates_of_a_map_keep_their_shape(tmp_path: Path) -> None:
    written = splats(COUNT, degree=0)
    values = stored(written)
    values[:, :3] += [512345.0, 5412345.0, 120.0]
    (tmp_path / "a.ply").write_bytes(ply_binary(values, NAMES, "f8"))
    file = read_splat_file(tmp_path / "a.ply")
    places = file.gaussians.means.astype(np.float64) + file.offset
    np.testing.assert_allclose(places, values[:, :3], atol=1e-5)
    assert np.abs(file.gaussians.means).max() < 50 and "It lies far from the origin" in file.notes[0]
    near = stored(written)
    (tmp_path / "b.ply").write_bytes(ply_binary(near, NAMES, "f8"))
    assert read_splat_file(tmp_path / "b.ply").offset == (0, 0, 0)


def test_a_compressed_ply_without_bounds_of_colours(tmp_path: Path) -> None:
    """As SuperSplat wrote it before 2024: the colours are their own 8 bits."""
    write_gaussians(tmp_path / "plain.ply", splats(300, degree=0))
    gsply.plywrite(tmp_path / "small.ply", *gsply.plyread(tmp_path / "plain.ply").unpack(), compressed=True)
    path = next(path for path in tmp_path.glob("*.ply") if path.name != "plain.ply")
    data = path.read_bytes()
    start = data.index(b"end_header\n") + 11
    header = data[:start]
    for name in ("min_r", "min_g", "min_b", "max_r", "max_g", "max_b"):
        header = header.replace(f"property float {name}\n".encode(), b"")
    bounds = np.frombuffer(data, "<f4", 2 * 18, start).reshape(2, 18)
    old = header + bounds[:, :12].tobytes() + data[start + bounds.nbytes :]
    (tmp_path / "old.ply").write_bytes(old)
    new, read = read_gaussians(path), read_gaussians(tmp_path / "old.ply")
    np.testing.assert_array_equal(read.means, new.means)
    np.testing.assert_array_equal(read.scales, new.scales)
    packed = np.frombuffer(data, "<u4", 300 * 4, start + bounds.nbytes).reshape(300, 4)[:, 3]
    red = (packed >> 24) / 255
    np.testing.assert_allclose(read.sh[:, 0, 0] * DEGREE_0 + 0.5, red, atol=2e-3)


def spz_of(tmp_path: Path, version: int, degree: int) -> tuple[Path, Gaussians]:
    """An SPZ file of that version and degree, from the one that we write."""
    written = splats(COUNT, degree=min(degree, 3))
    path = tmp_path / "a.spz"
    write_gaussians(path, written)
    raw = gzip.decompress(path.read_bytes())
    header = list(struct.unpack_from("<4sIIBBBB", raw))
    positions, rest = raw[16 : 16 + 9 * COUNT], raw[16 + 9 * COUNT :]
    before = 11 * COUNT
    if degree == 4:
        harmonics = np.frombuffer(rest, np.uint8, 45 * COUNT, before).reshape(COUNT, 45)
        rest = (
            rest[:before] + np.concatenate([harmonics, np.full((COUNT, 27), 7, np.uint8)], axis=1).tobytes()
        )
    if version < 3:  # three bytes of a rotation in place of four
        flipped = written.quats * [1, 1, -1, -1]
        flipped = flipped * np.where(flipped[:, :1] < 0, -1, 1)
        three = np.clip(np.round(flipped[:, 1:] * 127.5 + 127.5), 0, 255).astype(np.uint8)
        rest = rest[: 7 * COUNT] + three.tobytes() + rest[before:]
    if version == 1:
        positions = (written.means * [1, -1, -1]).astype("<f2").tobytes()
    header[1], header[3] = version, degree
    if version == 4:
        import zstandard

        sizes = [COUNT, 3 * COUNT, 3 * COUNT, 4 * COUNT]
        streams, at = [positions], 0
        for size in sizes:
            streams.append(rest[at : at + size])
            at += size
        streams += [rest[at:]] if rest[at:] else []
        packed = [zstandard.compress(stream) for stream in streams]
        table = b"".join(struct.pack("<QQ", len(p), len(s)) for p, s in zip(packed, streams, strict=True))
        head = struct.pack("<4sIIBBBBI", *header[:6], len(streams), 32) + bytes(12)
        path.write_bytes(head + table + b"".join(packed))
    else:
        path.write_bytes(gzip.compress(struct.pack("<4sIIBBBB", *header) + positions + rest))
    return path, written


@pytest.mark.parametrize("version", [1, 2, 3, 4])
@pytest.mark.parametrize("degree", [0, 1, 3, 4])
def test_spz_of_every_version_and_degree(tmp_path: Path, version: int, degree: int) -> None:
    path, written = spz_of(tmp_path, version, degree)
    file = read_splat_file(path)
    np.testing.assert_allclose(file.gaussians.means, written.means, atol=0.01 if version == 1 else 1e-5)
    np.testing.assert_allclose(file.gaussians.scales, written.scales, rtol=0.033)
    assert_same_rotations(file.gaussians.quats, written.quats, 1e-3 if version > 2 else 1e-2)
    np.testing.assert_allclose(file.gaussians.sh, written.sh, atol=0.014)
    assert file.notes == (("Its harmonics of degree 4 were cut to degree 3.",) if degree == 4 else ())


def test_unknown_spz_versions_and_degrees_are_named(tmp_path: Path) -> None:
    path, _ = spz_of(tmp_path, 3, 0)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    for at, value, sentence in ((4, 9, "of SPZ version 9, and 1 to 4"), (12, 7, "harmonics are of degree 7")):
        changed = bytearray(raw)
        changed[at] = value
        path.write_bytes(gzip.compress(bytes(changed)))
        with pytest.raises(InputError, match=sentence):
            read_gaussians(path)


def test_an_outlier_in_spz_leaves_the_others_where_they_are(tmp_path: Path) -> None:
    written = splats(COUNT, degree=0)
    written.means[3] = [4e7, 0, -1e8]
    write_gaussians(tmp_path / "a.spz", written)
    read = read_gaussians(tmp_path / "a.spz")
    others = np.arange(COUNT) != 3
    np.testing.assert_allclose(read.means[others], written.means[others], atol=1e-3)
    assert np.abs(read.means[3]).max() > 100


def test_splat_rows(tmp_path: Path) -> None:
    written = splats(COUNT, degree=0)
    rows = np.zeros(COUNT, [("m", "<f4", 3), ("s", "<f4", 3), ("c", "u1", 4), ("q", "u1", 4)])
    rows["m"], rows["s"] = written.means, written.scales
    colour = np.clip(written.sh[:, 0] * DEGREE_0 + 0.5, 0, 1)
    rows["c"] = np.round(255 * np.c_[colour, written.opacities])
    rows["q"] = np.clip(np.round(written.quats * 128 + 128), 0, 255)
    rows["c"][5, 3] = 255
    (tmp_path / "a.splat").write_bytes(rows.tobytes())
    read = read_gaussians(tmp_path / "a.splat")
    np.testing.assert_array_equal(read.means, written.means)
    np.testing.assert_allclose(read.scales, written.scales, rtol=1e-5)
    np.testing.assert_allclose(np.delete(read.opacities, 5), np.delete(written.opacities, 5), atol=0.51 / 255)
    assert read.opacities[5] == 1
    np.testing.assert_allclose(read.sh[:, 0] * DEGREE_0 + 0.5, colour, atol=0.51 / 255)
    assert_same_rotations(read.quats, written.quats, 1e-3)
    (tmp_path / "b.splat").write_bytes(rows.tobytes()[:-5])
    with pytest.raises(InputError, match="no multiple of 32 bytes"):
        read_gaussians(tmp_path / "b.splat")


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("degree", [0, 1])
def test_ksplat_of_every_level(tmp_path: Path, level: int, degree: int) -> None:
    written = splats(COUNT, degree=0)
    colour = np.clip(written.sh[:, 0] * DEGREE_0 + 0.5, 0, 1)
    beside = (0, 9)[degree] * (4, 2, 1)[level]
    number = "<f4" if level == 0 else "<f2"
    rows = np.zeros(COUNT, [("m", "<f4" if level == 0 else "<u2", 3), ("s", number, 3), ("q", number, 4),
                            ("c", "u1", 4), ("h", "u1", beside)])  # fmt: skip
    sizes, block, size = [16, 16, 8], 40.0, 16  # two full buckets and one that is not
    centers = np.repeat(np.array([[0.5], [-1.0], [0.25]], np.float32), 3, axis=1)
    rows["m"] = written.means
    if level:
        steps = (written.means - np.repeat(centers, sizes, axis=0)) / (block / 2 / 32767) + 32767
        rows["m"] = np.round(steps)
    rows["s"], rows["q"] = written.scales, written.quats
    rows["c"] = np.round(255 * np.c_[colour, written.opacities])
    section = bytearray(1024)
    struct.pack_into("<IIII", section, 0, COUNT, COUNT, size, 3 if level else 0)
    struct.pack_into("<fH", section, 16, block, 12)
    struct.pack_into("<III", section, 24, 32767, 2 if level else 0, 1 if level else 0)
    struct.pack_into("<H", section, 40, degree)
    header = bytearray(4096)
    struct.pack_into("<BB2xIIIIH", header, 0, 0, 1, 1, 1, COUNT, COUNT, level)
    buckets = struct.pack("<I", 8) + centers.tobytes() if level else b""
    (tmp_path / "a.ksplat").write_bytes(bytes(header) + bytes(section) + buckets + rows.tobytes())
    file = read_splat_file(tmp_path / "a.ksplat")
    read = file.gaussians
    np.testing.assert_allclose(read.means, written.means, atol=1e-3 if level else 1e-6)
    np.testing.assert_allclose(read.scales, written.scales, rtol=2e-3)
    np.testing.assert_allclose(read.opacities, written.opacities, atol=0.51 / 255)
    assert_same_rotations(read.quats, written.quats, 1e-5)
    assert bool(file.notes) == bool(degree)
    (tmp_path / "b.ksplat").write_bytes((tmp_path / "a.ksplat").read_bytes()[:-30])
    with pytest.raises(InputError, match="ends before its last splat"):
        read_gaussians(tmp_path / "b.ksplat")


def webp(values: np.ndarray) -> bytes:
    """RGBA rows as a lossless picture, 8 wide."""
    full = np.zeros((-(-len(values) // 8) * 8, 4), np.uint8)
    full[: len(values)] = values
    buffer = io.BytesIO()
    Image.fromarray(full.reshape(-1, 8, 4)).save(buffer, "WEBP", lossless=True, exact=True)
    return buffer.getvalue()


def sog_of(version: int, degree: int) -> tuple[dict[str, bytes], Gaussians]:
    """The files of a SOG, and the splats that they stand for as nearly as bytes can."""
    rng = np.random.default_rng(version)
    written = splats(COUNT, degree=0)
    logs = np.sign(written.means) * np.log1p(np.abs(written.means))
    low, high = logs.min(axis=0), logs.max(axis=0)
    steps = np.round((logs - low) / (high - low) * 65535).astype(np.uint16)
    opaque = np.full((COUNT, 1), 255)
    files = {
        "means_l.webp": webp(np.c_[steps & 255, opaque]), "means_u.webp": webp(np.c_[steps >> 8, opaque]),
    }  # fmt: skip
    largest = np.abs(written.quats).argmax(axis=1)
    signed = written.quats * np.sign(np.take_along_axis(written.quats, largest[:, None], 1))
    three = np.array([np.delete(quat, index) for quat, index in zip(signed, largest, strict=True)])
    files["quats.webp"] = webp(np.c_[np.round((three * np.sqrt(2) + 1) / 2 * 255), 252 + largest])
    meta: dict = {"means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
                  "quats": {"files": ["quats.webp"]}, "scales": {"files": ["scales.webp"]},
                  "sh0": {"files": ["sh0.webp"]}}  # fmt: skip
    scales, dc = np.log(written.scales), written.sh[:, 0]
    logits = np.log(written.opacities / (1 - written.opacities))
    if version == 2:
        meta |= {"version": 2, "count": COUNT}
        for part, values in (("scales", scales), ("sh0", dc)):
            book = np.linspace(values.min(), values.max(), 256)
            meta[part]["codebook"] = book.tolist()
            codes = np.abs(values[..., None] - book).argmin(axis=-1)
            fourth = np.round(255 * written.opacities) if part == "sh0" else opaque[:, 0]
            files[f"{part}.webp"] = webp(np.c_[codes, fourth])
    else:
        meta["means"]["shape"] = [COUNT, 3]
        for part, values in (("scales", scales), ("sh0", np.c_[dc, logits])):
            mins, maxs = values.min(axis=0), values.max(axis=0)
            meta[part] |= {"mins": mins.tolist(), "maxs": maxs.tolist()}
            codes = np.round((values - mins) / (maxs - mins) * 255)
            files[f"{part}.webp"] = webp(codes if part == "sh0" else np.c_[codes, opaque])
    if degree:
        bases = (0, 3, 8, 15)[degree]
        palette = rng.integers(0, 256, (64, bases, 3))
        labels = rng.integers(0, 64, COUNT)
        picture = np.concatenate(
            [palette.reshape(1, 64 * bases, 3), np.full((1, 64 * bases, 1), 255)], axis=2
        )
        buffer = io.BytesIO()
        Image.fromarray(picture.astype(np.uint8)).save(buffer, "WEBP", lossless=True)
        files |= {"shN_centroids.webp": buffer.getvalue(),
                  "shN_labels.webp": webp(np.c_[labels & 255, labels >> 8, labels * 0, opaque])}  # fmt: skip
        meta["shN"] = {"files": ["shN_centroids.webp", "shN_labels.webp"]}
        book = np.linspace(-1, 1, 256)
        meta["shN"] |= (
            {"codebook": book.tolist(), "bands": degree, "count": 64}
            if version == 2
            else {"mins": -1, "maxs": 1}
        )
        written = replace(
            written, sh=np.concatenate([written.sh, book[palette[labels]]], axis=1).astype(np.float32)
        )
    return {**files, "meta.json": json.dumps(meta).encode()}, written


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("bundled", [True, False])
def test_sog_bundled_and_unpacked(tmp_path: Path, version: int, degree: int, bundled: bool) -> None:
    files, written = sog_of(version, degree)
    path = tmp_path / "scene.sog"
    if bundled:
        with zipfile.ZipFile(path, "w") as bundle:
            for name, data in files.items():
                bundle.writestr(f"any/{name}", data)
    else:
        path = tmp_path / "meta.json"
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
    read = read_gaussians(path)
    np.testing.assert_allclose(read.means, written.means, atol=1e-3)
    np.testing.assert_allclose(np.log(read.scales), np.log(written.scales), atol=0.02)
    np.testing.assert_allclose(read.opacities, written.opacities, atol=0.01)
    np.testing.assert_allclose(read.sh, written.sh, atol=0.01)
    assert_same_rotations(read.quats, written.quats, 1e-4)


DAMAGES: dict[str, tuple[Callable[[dict, dict], None], str]] = {
    "no bounds": (lambda meta, files: meta["means"].pop("mins"), "its meta.json does not say means.mins"),
    "a picture missing": (lambda meta, files: files.pop("quats.webp"), "its part quats.webp is missing"),
    "more splats": (lambda meta, files: meta.update(count=500), "smaller than its 500 splats"),
    "a later version": (lambda meta, files: meta.update(version=7), "of SOG version 7, and 1 and 2 are read"),
    "another meta": (lambda meta, files: meta.pop("sh0"), "its meta.json is not that of a SOG file"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_sog_is_said(tmp_path: Path, case: str) -> None:
    change, sentence = DAMAGES[case]
    files, _ = sog_of(2, 0)
    meta = json.loads(files["meta.json"])
    change(meta, files)
    with zipfile.ZipFile(tmp_path / "a.sog", "w") as bundle:
        for name, data in {**files, "meta.json": json.dumps(meta).encode()}.items():
            bundle.writestr(name, data)
    with pytest.raises(InputError, match=sentence):
        read_gaussians(tmp_path / "a.sog")


@pytest.mark.parametrize("called", [".splat", ".spz", ".ksplat", ".sog", ".PLY"])
def test_what_a_file_holds_goes_before_its_name(tmp_path: Path, called: str) -> None:
    given = splats(30, 1)
    write_gaussians(tmp_path / "a.ply", given)
    (tmp_path / "a.ply").rename(tmp_path / f"b{called}")
    assert np.array_equal(read_gaussians(tmp_path / f"b{called}").means, given.means)


def test_a_spz_that_is_called_ply(tmp_path: Path) -> None:
    given = splats(30, 1)
    write_gaussians(tmp_path / "a.spz", given)
    (tmp_path / "a.spz").rename(tmp_path / "a.ply")
    assert np.abs(read_gaussians(tmp_path / "a.ply").means - given.means).max() < 1e-3


def test_floats_on_a_map_are_moved_and_their_steps_are_said(tmp_path: Path) -> None:
    given = splats(200, 1)
    place = np.array([512345, 5412345, 0])
    write_gaussians(tmp_path / "far.ply", replace(given, means=(given.means + place).astype(np.float32)))
    file = read_splat_file(tmp_path / "far.ply")
    assert np.abs(file.gaussians.means + file.offset - given.means - place).max() <= 0.5
    assert np.abs(file.gaussians.means).max() < 20
    assert any("steps of 0.5" in note for note in file.notes)
    write_gaussians(tmp_path / "near.ply", replace(given, means=(given.means + 1000).astype(np.float32)))
    assert not any(read_splat_file(tmp_path / "near.ply").offset), "of these float32 keeps what is seen"
