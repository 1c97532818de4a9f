"""Splat files: round trips, agreement with other readers, and what a person reads when a file is wrong."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import gsply
import numpy as np
import pytest
import torch
from plyfile import PlyData, PlyElement

from liftlab.components.errors import InputError
from liftlab.components.gaussians import read_gaussians, write_gaussians
from liftlab.components.gaussians.packed import FLIP, SH_FLIP
from liftlab.components.rasterize.harmonics import basis
from liftlab.components.types import Gaussians


def splats(count: int = 50, degree: int = 1) -> Gaussians:
    random = np.random.default_rng(degree)

    def float32(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values, dtype=np.float32)

    quats = random.normal(size=(count, 4))
    return Gaussians(
        means=float32(random.normal(size=(count, 3)) * 3),
        quats=float32(quats / np.linalg.norm(quats, axis=1, keepdims=True)),
        scales=float32(np.exp(random.normal(-3, 1, (count, 3)))),
        opacities=float32(random.uniform(0.02, 0.98, count)),
        sh=float32(random.uniform(-0.9, 0.9, (count, (degree + 1) ** 2, 3))),
    )


def assert_same_rotations(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert np.abs(np.abs((actual * expected).sum(axis=1)) - 1).max() < tolerance


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_ply_keeps_everything(tmp_path: Path, degree: int) -> None:
    written = splats(degree=degree)
    write_gaussians(tmp_path / "a.ply", written)
    read = read_gaussians(tmp_path / "a.ply")
    np.testing.assert_array_equal(read.means, written.means)
    np.testing.assert_array_equal(read.sh, written.sh)
    np.testing.assert_allclose(read.scales, written.scales, rtol=2e-6)
    np.testing.assert_allclose(read.opacities, written.opacities, atol=2e-7)
    np.testing.assert_allclose(read.quats, written.quats, atol=2e-7)


@pytest.mark.parametrize("degree", [0, 2, 3])
def test_spz_keeps_what_its_numbers_can_hold(tmp_path: Path, degree: int) -> None:
    written = splats(degree=degree)
    write_gaussians(tmp_path / "a.spz", written)
    read = read_gaussians(tmp_path / "a.spz")
    np.testing.assert_allclose(read.means, written.means, atol=2e-6)
    np.testing.assert_allclose(read.scales, written.scales, rtol=0.033)
    np.testing.assert_allclose(read.opacities, written.opacities, atol=0.51 / 255)
    np.testing.assert_allclose(read.sh[:, 0], written.sh[:, 0], atol=0.51 / (255 * 0.15))
    np.testing.assert_allclose(read.sh[:, 1:], written.sh[:, 1:], atol=0.51 / 128)
    assert_same_rotations(read.quats, written.quats, 1e-4)


def test_values_at_the_ends_stay_finite(tmp_path: Path) -> None:
    edge = splats(3)
    edge = replace(
        edge, scales=np.array([[0, 1, 1e6]] * 3, np.float32), opacities=np.array([0, 1, 0.5], np.float32)
    )
    write_gaussians(tmp_path / "a.ply", edge)
    read = read_gaussians(tmp_path / "a.ply")
    np.testing.assert_allclose(read.opacities, [0, 1, 0.5], atol=2e-6)
    np.testing.assert_allclose(read.scales, edge.scales, rtol=1e-5, atol=1e-11)


@pytest.mark.parametrize("suffix", [".ply", ".spz"])
def test_no_splat_is_a_file_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none{suffix}"
    write_gaussians(path, splats(0))
    assert read_gaussians(path).means.shape == (0, 3)


@pytest.mark.parametrize("degree", [0, 3])
def test_another_reader_agrees_on_our_ply(tmp_path: Path, degree: int) -> None:
    written = splats(degree=degree)
    write_gaussians(tmp_path / "a.ply", written)
    other = gsply.plyread(tmp_path / "a.ply")
    np.testing.assert_array_equal(other.means, written.means)
    np.testing.assert_allclose(np.exp(other.scales), written.scales, rtol=2e-6)
    np.testing.assert_allclose(1 / (1 + np.exp(-other.opacities.reshape(-1))), written.opacities, atol=2e-7)
    np.testing.assert_allclose(other.quats, written.quats, atol=2e-7)
    np.testing.assert_array_equal(other.sh0, written.sh[:, 0])
    if degree:
        np.testing.assert_array_equal(np.asarray(other.shN).reshape(-1, 15, 3), written.sh[:, 1:])


def test_our_spz_by_the_letter_of_its_specification(tmp_path: Path) -> None:
    """Decoded here from the published layout: 24-bit positions, then alphas; Y up, Z towards the viewer."""
    written = splats(4, degree=0)
    write_gaussians(tmp_path / "a.spz", written)
    raw = gzip.decompress((tmp_path / "a.spz").read_bytes())
    magic, version, count, degree, fraction_bits = struct.unpack_from("<IIIBB", raw)
    assert (magic, version, count, degree) == (0x5053474E, 3, 4, 0)
    numbers = np.frombuffer(raw, np.uint8, 36, 16).reshape(4, 3, 3).astype(np.int32)
    fixed = ((numbers[..., 0] | numbers[..., 1] << 8 | numbers[..., 2] << 16) ^ 0x800000) - 0x800000
    np.testing.assert_allclose(fixed / 2.0**fraction_bits, written.means * [1, -1, -1], atol=2e-6)
    alphas = np.frombuffer(raw, np.uint8, 4, 16 + 36)
    np.testing.assert_allclose(alphas / 255, written.opacities, atol=0.51 / 255)


def test_turning_the_axes_turns_the_harmonics_with_them() -> None:
    directions = torch.nn.functional.normalize(
        torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )
    turned = basis(directions * torch.from_numpy(FLIP), 3)
    torch.testing.assert_close(turned, basis(directions, 3) * torch.from_numpy(SH_FLIP))


def test_a_compressed_ply_of_another_program(tmp_path: Path) -> None:
    original = splats(300, degree=0)
    write_gaussians(tmp_path / "plain.ply", original)
    gsply.plywrite(tmp_path / "small.ply", *gsply.plyread(tmp_path / "plain.ply").unpack(), compressed=True)
    small = next(path for path in tmp_path.glob("*.ply") if path.name != "plain.ply")
    read = read_gaussians(small)
    assert len(read.means) == 300
    assert np.abs(np.sort(read.means, axis=0) - np.sort(original.means, axis=0)).max() < 0.02


def vertices(gaussians: Gaussians, **extra: np.ndarray) -> np.ndarray:
    """A structured array in another order and other types than ours."""
    columns: dict[str, np.ndarray] = {}
    for k, name in enumerate(("rot_0", "rot_1", "rot_2", "rot_3")):
        columns[name] = gaussians.quats[:, k].astype(np.float64) * 2.5
    for k, name in enumerate("xyz"):
        columns[name] = gaussians.means[:, k]
    for k in range(3):
        columns[f"scale_{k}"] = np.log(gaussians.scales[:, k])
    columns["opacity"] = np.log(gaussians.opacities / (1 - gaussians.opacities))
    columns |= extra
    out = np.empty(len(gaussians.means), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        out[name] = values
    return out


@pytest.mark.parametrize("text, byte_order", [(True, "="), (False, "<"), (False, ">")])
def test_other_layouts_and_plain_colours(tmp_path: Path, text: bool, byte_order: str) -> None:
    original = splats(20, degree=0)
    grey = {name: np.full(20, 255, np.uint8) for name in ("red", "green", "blue")}
    element = PlyElement.describe(vertices(original, **grey, segment=np.zeros(20, np.int32)), "vertex")
    PlyData([element], text=text, byte_order=byte_order).write(str(tmp_path / "a.ply"))
    read = read_gaussians(tmp_path / "a.ply")
    np.testing.assert_allclose(read.means, original.means, rtol=1e-5)
    np.testing.assert_allclose(read.quats, original.quats, atol=1e-5)
    np.testing.assert_allclose(read.sh * 0.28209479 + 0.5, 1.0, rtol=1e-5)


def test_splats_that_nothing_can_draw_are_left_out(tmp_path: Path) -> None:
    written = splats(6)
    written.means[1, 0], written.scales[2, 1], written.quats[3] = np.nan, np.inf, 0
    write_gaussians(tmp_path / "a.ply", written)
    np.testing.assert_array_equal(read_gaussians(tmp_path / "a.ply").means, written.means[[0, 4, 5]])


class TestRefusals:
    """Each message once, as a person reads it."""

    def message(self, path: Path) -> str:
        with pytest.raises(InputError) as caught:
            read_gaussians(path)
        return str(caught.value)

    def test_point_cloud(self, tmp_path: Path) -> None:
        points = np.zeros(3, [("x", "f4"), ("y", "f4"), ("z", "f4")])
        PlyData([PlyElement.describe(points, "vertex")]).write(str(tmp_path / "points.ply"))
        assert self.message(tmp_path / "points.ply") == (
            "This file does not hold Gaussian splats: a splat needs the property 'scale_0', so these are "
            "points or a mesh. Bring a splat PLY, SPZ or SOG. (points.ply)"
        )

    def test_no_colour(self, tmp_path: Path) -> None:
        PlyData([PlyElement.describe(vertices(splats(2)), "vertex")]).write(str(tmp_path / "a.ply"))
        assert "its splats have no colour (f_dc_0 to f_dc_2)" in self.message(tmp_path / "a.ply")

    def test_an_odd_number_of_coefficients(self, tmp_path: Path) -> None:
        extra = {name: np.zeros(2, np.float32) for name in ("f_dc_0", "f_dc_1", "f_dc_2", "f_rest_0")}
        PlyData([PlyElement.describe(vertices(splats(2), **extra), "vertex")]).write(str(tmp_path / "a.ply"))
        assert "1 colour coefficients f_rest_* belong to no harmonic degree up to 4" in self.message(
            tmp_path / "a.ply"
        )

    @pytest.mark.parametrize("keep", [20, 300, 3000])
    def test_truncated_ply(self, tmp_path: Path, keep: int) -> None:
        write_gaussians(tmp_path / "a.ply", splats(50))
        (tmp_path / "b.ply").write_bytes((tmp_path / "a.ply").read_bytes()[:keep])
        message = self.message(tmp_path / "b.ply")
        assert message.startswith("This splat file is damaged or incomplete: ")
        assert message.endswith("Export or copy it again. (b.ply)")

    @pytest.mark.parametrize("keep", [10, 200])
    def test_truncated_spz(self, tmp_path: Path, keep: int) -> None:
        write_gaussians(tmp_path / "a.spz", splats(50))
        (tmp_path / "b.spz").write_bytes((tmp_path / "a.spz").read_bytes()[:keep])
        assert self.message(tmp_path / "b.spz") in (
            "This splat file is damaged or incomplete: it cannot be unpacked. "
            "Export or copy it again. (b.spz)",
            "This splat file is damaged or incomplete: it ends before its last splat. "
            "Export or copy it again. (b.spz)",
        )

    @pytest.mark.parametrize("content", [b"", b"not a ply", b"\xff\xd8 a photo", b"\x00" * 5000])
    def test_foreign_content(self, tmp_path: Path, content: bytes) -> None:
        for name, kind in (("a.ply", "PLY"), ("a.spz", "SPZ")):
            (tmp_path / name).write_bytes(content)
            assert self.message(tmp_path / name) == (
                f"This file does not hold Gaussian splats: it is no {kind} file. "
                f"Bring a splat PLY, SPZ or SOG. ({name})"
            )

    def test_another_suffix(self, tmp_path: Path) -> None:
        (tmp_path / "a.usd").write_bytes(b"x")
        assert "files named *.usd are not read" in self.message(tmp_path / "a.usd")
        with pytest.raises(ValueError, match=r"path must end in \.ply or \.spz; got a\.obj"):
            write_gaussians(tmp_path / "a.obj", splats(1))
        assert not (tmp_path / "a.obj").exists()
