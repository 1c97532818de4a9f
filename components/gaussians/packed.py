"""Small splat files: SPZ (read and write) and PlayCanvas compressed PLY (read), decoded by gsply (MIT)."""

import math
from collections.abc import Callable
from pathlib import Path

import gsply
import numpy as np

from components.files import atomic_write
from components.gaussians.errors import damaged, not_splats
from components.gaussians.storage import gaussians_from_stored, log_scales, logit
from components.scratch import scratch_folder
from components.types import Gaussians

FLIP = np.array([1.0, -1.0, -1.0], np.float32)
"""SPZ files have Y up and Z towards the viewer; our worlds, like splat PLY files, have Y down and Z away."""
SH_FLIP = np.array([1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1], np.float32)
"""How each harmonic changes its sign under FLIP."""
POSITION_BITS = 23
"""Positions are signed fixed-point numbers of this many bits and a sign."""
MAX_FRACTION_BITS = 20


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
    """Read a PlayCanvas compressed PLY. Raises InputError when it is cut short."""
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


def _decoded(path: Path, read: Callable[[Path], gsply.GSData]) -> Gaussians:
    try:
        data = read(path)
    except (ValueError, IndexError, EOFError, OSError, KeyError) as error:
        raise damaged(path, "it cannot be unpacked") from error
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
