"""SPZ, .splat and .ksplat as other programs write them, made here from known splats by the letter of the format."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.gaussians import read_gaussians, write_gaussians
from liftlab.components.gaussians.files import read_splat_file
from liftlab.components.types import DEGREE_0, Gaussians
from tests.components.gaussians.test_files import assert_same_rotations, splats

COUNT = 40


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
