"""PLY files as other programs write them: each is made here, from known splats, by the letter of its format."""

from dataclasses import replace
from pathlib import Path

import gsply
import numpy as np
import pytest
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
