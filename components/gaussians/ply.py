"""Splat PLY files in the layout that Inria, gsplat, nerfstudio and the viewers share."""

from pathlib import Path

import numpy as np

from liftlab.components.gaussians._ply_table import read_header, read_vertices
from liftlab.components.gaussians.errors import not_splats
from liftlab.components.gaussians.storage import SCALE_MIN, SplatFile, log_scales, logit, splat_file
from liftlab.components.types import DEGREE_0, Array, Float, Gaussians, Shaped
from liftlab.components.vertex_table import displaced, write_vertices

MEANS = ("x", "y", "z")
SCALES = ("scale_0", "scale_1", "scale_2")
QUATS = ("rot_0", "rot_1", "rot_2", "rot_3")
COLOUR = ("f_dc_0", "f_dc_1", "f_dc_2")
BYTES = ("red", "green", "blue")
FEWEST_JUDGED = 8
"""Of fewer splats nothing can be said of how their numbers are meant."""
LARGEST_SHARE = 0.1
"""Of the scene's extent: half of all splats are never larger."""


def _rest(bases: int) -> list[str]:
    """Names of the harmonics above degree 0: channel by channel, not basis by basis."""
    return [f"f_rest_{k}" for k in range(3 * (bases - 1))]


def is_compressed(path: Path) -> bool:
    """Whether the header is that of a PlayCanvas compressed PLY."""
    return any(line.split()[-1:] == ["packed_position"] for line in read_header(path)[1])


def read_ply(path: Path) -> SplatFile:
    """Read an uncompressed splat PLY (binary or text, extra properties and elements ignored).

    Harmonics beyond degree 3 are cut; splats with two scales (2DGS) are flat; nerfstudio's plain-colour export (red,
    green, blue in place of harmonics) is of degree 0; scales and opacities that are no logarithms and logits are taken
    as they are, and said.

    Raises:
        InputError: the file is no PLY, holds points or a mesh instead of splats, or is cut short.
    """
    vertices = read_vertices(path)
    names = set(vertices.dtype.names or ())
    scales_there = [name for name in SCALES if name in names]
    wanted = [*MEANS, *(SCALES if len(scales_there) < 2 else scales_there), *QUATS, "opacity"]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise not_splats(path, f"a splat needs the property {missing[0]!r}, so these are points or a mesh")
    bases = _bases(path, names)
    colour = COLOUR if set(COLOUR) <= names else BYTES
    dc = _columns(vertices, list(colour))
    kept = min(bases, 16)
    sh = np.empty((len(vertices), kept, 3), np.float32)
    sh[:, 0] = dc if colour is COLOUR else (dc / 255 - 0.5) / DEGREE_0
    if bases > 1:
        rest = _columns(vertices, _rest(bases)).reshape(len(vertices), 3, bases - 1)
        sh[:, 1:] = rest.transpose(0, 2, 1)[:, : kept - 1]
    double = any(vertices.dtype[name].itemsize == 8 for name in MEANS)
    means = (
        np.stack([vertices[name].astype(np.float64) for name in MEANS], axis=1)
        if double
        else (_columns(vertices, list(MEANS)))
    )
    scales = np.full((len(vertices), 3), -np.inf, np.float32)
    scales[:, : len(scales_there)] = _columns(vertices, scales_there)
    opacities = _columns(vertices, ["opacity"])[:, 0]
    notes = [f"Its harmonics of degree {round(bases**0.5) - 1} were cut to degree 3."] if kept < bases else []
    scales, opacities, understood = as_logs(means, scales, opacities)
    return splat_file(means, _columns(vertices, list(QUATS)), scales, opacities, sh, [*notes, *understood])


def as_logs(
    means: Float[Array, "N 3"], scales: Float[Array, "N 3"], opacities: Float[Array, "N"]
) -> tuple[Float[Array, "N 3"], Float[Array, "N"], list[str]]:
    """Log-scales and logits, also of a file that holds neither, and sentences about what it holds instead.

    Opacities are natural when all lie in [0, 1] and differ, which no training leaves logits to do. Scales are linear
    when all are positive and as logarithms would make splats as large as the scene.
    """
    notes = []
    if len(opacities) < FEWEST_JUDGED:
        return scales, opacities, notes
    known = opacities[np.isfinite(opacities)]
    natural = bool(len(known) and known.min() >= 0 and known.max() <= 1 and np.ptp(known) > 0)
    sizes = scales[np.isfinite(scales)]
    places = means[np.isfinite(means).all(axis=1)]
    linear = False
    if len(sizes) and len(places) and sizes.min() > 0:
        reach = float(np.percentile(np.abs(places - np.median(places, axis=0)).max(axis=1), 90))
        linear = natural or float(np.exp(min(np.median(sizes), 50.0))) > LARGEST_SHARE * reach
    if natural:
        notes.append("Its opacities lie between 0 and 1, so they were taken as they are and not as logits.")
        with np.errstate(divide="ignore"):
            opacities = np.log(opacities / (1 - opacities)).astype(np.float32)
    if linear:
        notes.append("Its scales are lengths and not their logarithms, and were taken so.")
        scales = np.log(np.maximum(scales, SCALE_MIN)).astype(np.float32)
    return scales, opacities, notes


def write_splat_ply(
    path: Path, gaussians: Gaussians, *, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> None:
    """Write a binary splat PLY, property by property as Inria's trainer does (with its empty normals).

    Args:
        offset: Added to the means, which are then of double precision.
    """
    count, bases = gaussians.sh.shape[:2]
    names = [*MEANS, "nx", "ny", "nz", *COLOUR, *_rest(bases), "opacity", *SCALES, *QUATS]
    rows = np.zeros((count, len(names)), "<f4")
    rows[:, :3] = gaussians.means
    rows[:, 6:9] = gaussians.sh[:, 0]
    rows[:, 9:-8] = gaussians.sh[:, 1:].transpose(0, 2, 1).reshape(count, len(_rest(bases)))
    rows[:, -8] = logit(gaussians.opacities)
    rows[:, -7:-4] = log_scales(gaussians.scales)
    rows[:, -4:] = gaussians.quats
    table = rows.view(np.dtype([(name, "<f4") for name in names])).reshape(count)
    write_vertices(path, displaced(table, offset))


def _bases(path: Path, names: set[str]) -> int:
    """Number of harmonics per channel from the properties present."""
    if not (set(COLOUR) <= names or set(BYTES) <= names):
        raise not_splats(path, "its splats have no colour (f_dc_0 to f_dc_2)")
    rest = sum(name.startswith("f_rest_") for name in names)
    if rest not in (0, 9, 24, 45, 72) or not set(_rest(rest // 3 + 1)) <= names:
        raise not_splats(path, f"{rest} colour coefficients f_rest_* belong to no harmonic degree up to 4")
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
