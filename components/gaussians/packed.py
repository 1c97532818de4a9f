"""Small splat files: SPZ (read and write) and PlayCanvas compressed PLY (read), decoded by gsply (MIT)."""

import math
from collections.abc import Callable
from pathlib import Path

import gsply
import numpy as np

from liftlab.components.errors import shown
from liftlab.components.files import atomic_write
from liftlab.components.gaussians._ply_table import count_in, read_header
from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.gaussians.storage import gaussians_from_stored, log_scales, logit
from liftlab.components.processes.scratch import scratch_folder
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Gaussians

FLIP = np.array([1.0, -1.0, -1.0], np.float32)
"""SPZ files have Y up and Z towards the viewer; our worlds, like splat PLY files, have Y down and Z away."""
SH_FLIP = np.array([1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1], np.float32)
"""How each harmonic changes its sign under FLIP."""
POSITION_BITS = 23
"""Positions are signed fixed-point numbers of this many bits and a sign."""
MAX_FRACTION_BITS = 20
CHUNK_SPLATS, CHUNK_NUMBERS, PACKED_NUMBERS = 256, 18, 4
"""Of a compressed PLY: splats that share bounds, numbers of the bounds, numbers of a splat."""


def read_spz(path: Path) -> Gaussians:
    """Read an SPZ file of any version (1 to 4), turned from its axes into ours.

    Raises:
        InputError: the file is no SPZ file, or is cut short.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] != b"\x1f\x8b" and magic != b"NGSP":
        raise not_splats(path, "it is no SPZ file")
    return _flipped(_decoded(path, gsply.read_spz))


def read_compressed_ply(path: Path) -> Gaussians:
    """Read a PlayCanvas compressed PLY. Raises InputError when its parts do not belong together or are cut short."""
    _check_layout(path)
    return _decoded(path, gsply.plyread)


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write an SPZ file (version 3), turned from our axes into its own.

    It is lossy: positions to a fixed step (as fine as the extent of the scene allows), scales to 3 %,
    opacities and degree-0 colour to 1/255, other harmonics to 1/128 and cut at -1 and 1.
    """
    turned = _flipped(gaussians)
    reach = float(np.abs(turned.means).max(initial=0.0))
    bits = POSITION_BITS - 1 - math.frexp(max(reach, 1e-9))[1]
    stored = gsply.GSData.from_arrays(
        turned.means, log_scales(turned.scales), turned.quats, logit(turned.opacities), turned.sh[:, 0],
        np.ascontiguousarray(turned.sh[:, 1:]),
    )  # fmt: skip
    with scratch_folder("liftlab-spz-") as folder, atomic_write(path) as file:
        packed = folder / "packed.spz"
        gsply.write_spz(packed, stored, fractional_bits=min(max(bits, 1), MAX_FRACTION_BITS))
        file.write(packed.read_bytes())


def _check_layout(path: Path) -> None:
    """Refuse what the decoder would take on trust: a header without an end, missing bounds or bytes.

    gsply 0.4 reads on for ever after a header without an end, and beyond its arrays when chunks are missing.
    """
    start, lines = read_header(path)
    counts: dict[str, int] = {}
    properties: dict[str, list[str]] = {}
    for words in map(str.split, lines):
        if words[:1] == ["element"] and len(words) == 3 and words[1] not in counts:
            counts[words[1]], properties[words[1]] = count_in(words[2]), []
        elif words[:1] == ["property"] and len(words) == 3 and counts:
            properties[next(reversed(counts))].append(words[1])
        elif (
            words
            and words != ["format", "binary_little_endian", "1.0"]
            and words[0] not in ("comment", "obj_info")
        ):
            raise damaged(path, f"its header has the line {shown(' '.join(words))!r}")
    splats, harmonics = counts.get("vertex", -1), properties.get("sh", [])
    known = {
        "chunk": (-(-splats // CHUNK_SPLATS), ["float"] * CHUNK_NUMBERS),
        "vertex": (splats, ["uint"] * PACKED_NUMBERS),
        "sh": (splats, ["uchar"] * len(harmonics)),
    }
    if splats < 0 or any(known.get(name) != (counts[name], properties[name]) for name in counts):
        raise damaged(path, "its header does not fit a compressed PLY")
    if list(counts) != list(known)[: len(counts)] or len(counts) < 2 or len(harmonics) not in (0, 9, 24, 45):
        raise damaged(path, "its header does not fit a compressed PLY")
    bytes_of = 4 * CHUNK_NUMBERS * counts["chunk"] + (4 * PACKED_NUMBERS + len(harmonics)) * splats
    if path.stat().st_size - start < bytes_of:
        raise damaged(path, "it ends before its last splat")


def _decoded(path: Path, read: Callable[[Path], gsply.GSData]) -> Gaussians:
    with reading(path.name, str(damaged(path, "it cannot be unpacked"))):
        data = read(path)
        first = np.asarray(data.sh0, dtype=np.float32).reshape(-1, 1, 3)
        rest = (
            np.zeros((len(first), 0, 3), np.float32)
            if data.shN is None
            else np.asarray(data.shN, dtype=np.float32)
        )
        return gaussians_from_stored(
            np.asarray(data.means), np.asarray(data.quats), np.asarray(data.scales),
            np.asarray(data.opacities).reshape(-1), np.concatenate([first, rest], axis=1),
        )  # fmt: skip


def _flipped(gaussians: Gaussians) -> Gaussians:
    """Half a turn about X: its own inverse."""
    return Gaussians(
        means=gaussians.means * FLIP,
        quats=gaussians.quats * np.array([1, 1, -1, -1], np.float32),
        scales=gaussians.scales,
        opacities=gaussians.opacities,
        sh=gaussians.sh * SH_FLIP[: gaussians.sh.shape[1], None],
    )
