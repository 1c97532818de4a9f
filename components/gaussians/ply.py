"""Splat PLY files in the layout that Inria, gsplat, nerfstudio and the viewers share."""

from pathlib import Path

import numpy as np

from liftlab.components.gaussians._ply_table import read_vertices
from liftlab.components.gaussians.errors import not_splats
from liftlab.components.gaussians.storage import gaussians_from_stored, log_scales, logit
from liftlab.components.types import DEGREE_0, Array, Float, Gaussians, Shaped
from liftlab.components.vertex_table import write_vertices

MEANS = ("x", "y", "z")
SCALES = ("scale_0", "scale_1", "scale_2")
QUATS = ("rot_0", "rot_1", "rot_2", "rot_3")
COLOUR = ("f_dc_0", "f_dc_1", "f_dc_2")
BYTES = ("red", "green", "blue")


def _rest(bases: int) -> list[str]:
    """Names of the harmonics above degree 0: channel by channel, not basis by basis."""
    return [f"f_rest_{k}" for k in range(3 * (bases - 1))]


def is_compressed(path: Path) -> bool:
    """Whether the header is that of a PlayCanvas compressed PLY."""
    with path.open("rb") as file:
        return b"packed_position" in file.read(4096)


def read_ply(path: Path) -> Gaussians:
    """Read an uncompressed splat PLY (binary or text, any harmonic degree up to 3, extra properties ignored).

    nerfstudio's plain-colour export (red, green, blue in place of harmonics) is read as degree 0.

    Raises:
        InputError: the file is no PLY, holds points or a mesh instead of splats, or is cut short.
    """
    vertices = read_vertices(path)
    names = set(vertices.dtype.names or ())
    wanted = [*MEANS, *SCALES, *QUATS, "opacity"]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise not_splats(path, f"a splat needs the property {missing[0]!r}, so these are points or a mesh")
    bases = _bases(path, names)
    colour = COLOUR if set(COLOUR) <= names else BYTES
    columns = _columns(vertices, [*wanted, *colour])
    sh = np.empty((len(vertices), bases, 3), np.float32)
    sh[:, 0] = columns[:, 11:] if colour is COLOUR else (columns[:, 11:] / 255 - 0.5) / DEGREE_0
    if bases > 1:
        rest = _columns(vertices, _rest(bases)).reshape(len(vertices), 3, bases - 1)
        sh[:, 1:] = rest.transpose(0, 2, 1)
    return gaussians_from_stored(columns[:, :3], columns[:, 6:10], columns[:, 3:6], columns[:, 10], sh)


def write_splat_ply(path: Path, gaussians: Gaussians) -> None:
    """Write a binary splat PLY, property by property as Inria's trainer does (with its empty normals)."""
    count, bases = gaussians.sh.shape[:2]
    names = [*MEANS, "nx", "ny", "nz", *COLOUR, *_rest(bases), "opacity", *SCALES, *QUATS]
    rows = np.zeros((count, len(names)), "<f4")
    rows[:, :3] = gaussians.means
    rows[:, 6:9] = gaussians.sh[:, 0]
    rows[:, 9:-8] = gaussians.sh[:, 1:].transpose(0, 2, 1).reshape(count, len(_rest(bases)))
    rows[:, -8] = logit(gaussians.opacities)
    rows[:, -7:-4] = log_scales(gaussians.scales)
    rows[:, -4:] = gaussians.quats
    table = np.dtype([(name, "<f4") for name in names])
    write_vertices(path, rows.view(table).reshape(count))


def _bases(path: Path, names: set[str]) -> int:
    """Number of harmonics per channel from the properties present."""
    if not (set(COLOUR) <= names or set(BYTES) <= names):
        raise not_splats(path, "its splats have no colour (f_dc_0 to f_dc_2)")
    rest = sum(name.startswith("f_rest_") for name in names)
    if rest not in (0, 9, 24, 45) or not set(_rest(rest // 3 + 1)) <= names:
        raise not_splats(path, f"{rest} colour coefficients f_rest_* belong to no harmonic degree up to 3")
    return rest // 3 + 1


def _columns(vertices: Shaped[Array, "N"], names: list[str]) -> Float[Array, "N P"]:
    """The named properties as float32 columns."""
    fields = list(vertices.dtype.names or ())
    if len(vertices) and all(
        vertices.dtype[name] == np.dtype("<f4") for name in fields
    ):  # one pass, in file order
        matrix = vertices.view(np.float32).reshape(len(vertices), len(fields))
        picked = [fields.index(name) for name in names]
        if picked == list(range(picked[0], picked[0] + len(picked))):
            return matrix[:, picked[0] : picked[0] + len(picked)]
        return matrix[:, picked]
    return np.stack([vertices[name].astype(np.float32) for name in names], axis=1)
