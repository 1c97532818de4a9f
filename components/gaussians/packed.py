"""Small splat files: SPZ (read and write) and PlayCanvas compressed PLY (read), decoded by gsply (MIT).

It brings numba, which takes most of a second, so it is imported where such a file is read or written: a scene's own
splats lie in a plain PLY.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.errors import shown
from liftlab.components.files import atomic_write
from liftlab.components.gaussians._ply_table import count_in, read_header
from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.gaussians.storage import SplatFile, log_scales, logit, splat_file
from liftlab.components.processes.scratch import scratch_folder
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array, Float, Gaussians

FLIP = np.array([1.0, -1.0, -1.0], np.float32)
"""SPZ files have Y up and Z towards the viewer; our worlds, like splat PLY files, have Y down and Z away."""
SH_FLIP = np.array([1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1], np.float32)
"""How each harmonic changes its sign under FLIP."""
POSITION_BITS = 23
"""Positions are signed fixed-point numbers of this many bits and a sign."""
MAX_FRACTION_BITS = 20
FARTHEST = 1000.0
"""In medians of the splats' distances: nothing is stored farther out."""
GZIP, NGSP = b"\x1f\x8b", b"NGSP"
HEADER_BYTES = 16
POSITION_BYTES = {1: 6, 2: 9, 3: 9, 4: 9}
"""Of a splat, by the version."""
MOST_BYTES = 9 + 7 + 4 + 72
"""Of a splat, in any version."""
MOST_RATIO = 2000
"""Of unpacked to packed bytes."""
OLD_CHUNK_NUMBERS = 12
OLD_END = b"property float max_scale_z\n"
COLOUR_BOUNDS = [b"min_r", b"min_g", b"min_b", b"max_r", b"max_g", b"max_b"]
CHUNK_SPLATS, CHUNK_NUMBERS, PACKED_NUMBERS = 256, 18, 4
"""Of a compressed PLY: splats that share bounds, numbers of the bounds, numbers of a splat."""


def read_spz(path: Path) -> SplatFile:
    """Read an SPZ file of any version (1 to 4), turned from its axes into ours; harmonics are cut at degree 3.

    Raises:
        InputError: the file is no SPZ file, is of another version, or is cut short.
    """
    import gsply

    data = path.read_bytes()
    if data[:2] != GZIP and data[:4] != NGSP:
        raise not_splats(path, "it is no SPZ file")
    with reading(path.name, str(damaged(path, "it cannot be unpacked"))):
        header, body = _unpacked(path, data)
        magic, version, count, degree, bits, flags, reserved = header
        if magic != NGSP or not 1 <= version <= 4:
            raise not_splats(path, f"it says it is of SPZ version {version}, and 1 to 4 are read")
        if not 0 <= degree <= 4:
            raise damaged(path, f"it says its harmonics are of degree {degree}")
        positions, rest = body[: POSITION_BYTES[version] * count], body[POSITION_BYTES[version] * count :]
        before_sh = (7 + (3 if version < 3 else 4)) * count
        bases = (degree + 1) ** 2 - 1
        if len(rest) < before_sh + 3 * bases * count:
            raise damaged(path, "it ends before its last splat")
        notes = []
        if degree == 4:
            notes = ["Its harmonics of degree 4 were cut to degree 3."]
            harmonics = np.frombuffer(rest, np.uint8, 3 * bases * count, before_sh).reshape(count, 3 * bases)
            rest, degree = rest[:before_sh] + harmonics[:, :45].tobytes(), 3
        means = None
        if version == 1:  # positions are halves, which the decoder does not know; the rest is as in version 2
            means = np.frombuffer(positions, "<f2").reshape(count, 3).astype(np.float32)
            positions, version, bits = bytes(9 * count), 2, 12
        plain = struct.pack("<4sIIBBBB", NGSP, min(version, 3), count, degree, bits, flags, reserved)
        with scratch_folder("liftlab-spz-") as folder:
            (folder / "plain.spz").write_bytes(gzip.compress(plain + positions + rest, 1))
            found = _decoded(folder / "plain.spz", gsply.read_spz, means)
    return replace(found, gaussians=_flipped(found.gaussians), notes=(*notes, *found.notes))


def _unpacked(path: Path, data: bytes) -> tuple[tuple, bytes]:
    """The seven fields of the header, and the splats: positions, opacities, colours, scales, rotations, harmonics.

    What is unpacked is bounded by the number of splats, which the size of the file bounds.
    """
    if data[:2] == GZIP:
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        head = unpacker.decompress(data, HEADER_BYTES)
        header = struct.unpack("<4sIIBBBB", head)
        most = header[2] * MOST_BYTES
        if most > MOST_RATIO * len(data):
            raise damaged(path, f"it says that it holds {header[2]:,} splats")
        return header, unpacker.decompress(unpacker.unconsumed_tail, most + 1)
    import zstandard

    *header, streams, table = struct.unpack_from("<4sIIBBBBI", data)
    body, at = b"", table + 16 * streams
    for number in range(streams):
        packed, full = struct.unpack_from("<QQ", data, table + 16 * number)
        if full > MOST_RATIO * len(data):
            raise damaged(path, "one of its parts is too large")
        body += zstandard.ZstdDecompressor().decompress(data[at : at + packed], max_output_size=full)
        at += packed
    return (*header, 0), body


def read_compressed_ply(path: Path) -> SplatFile:
    """Read a PlayCanvas compressed PLY. Raises InputError when its parts do not belong together or are cut short."""
    import gsply

    start, chunks, bounds = _check_layout(path)
    if bounds == CHUNK_NUMBERS:
        return _decoded(path, gsply.plyread)
    # Before 2024 chunks had no bounds of colours, which were 0 to 1 then.
    data = path.read_bytes()
    header = data[:start].replace(
        OLD_END, OLD_END + b"".join(b"property float %s\n" % name for name in COLOUR_BOUNDS)
    )
    numbers = np.frombuffer(data, "<f4", chunks * bounds, start).reshape(chunks, bounds)
    full = np.concatenate([numbers, np.tile(np.array([0, 0, 0, 1, 1, 1], np.float32), (chunks, 1))], axis=1)
    with scratch_folder("liftlab-ply-") as folder:
        (folder / "full.ply").write_bytes(
            header + full.astype("<f4").tobytes() + data[start + 4 * chunks * bounds :]
        )
        return _decoded(folder / "full.ply", gsply.plyread)


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write an SPZ file (version 3), turned from our axes into its own.

    It is lossy: positions to a fixed step (as fine as the extent of the scene allows), scales to 3 %,
    opacities and degree-0 colour to 1/255, other harmonics to 1/128 and cut at -1 and 1.
    """
    import gsply

    turned = _flipped(gaussians)
    away = np.abs(turned.means).max(axis=1, initial=0.0)
    # One number of bits serves all: splats very far out move nearer, so that the others keep their places.
    reach = min(float(away.max(initial=0.0)), FARTHEST * float(np.median(away)) if len(away) else 0.0)
    turned = replace(turned, means=np.clip(turned.means, -reach, reach))
    bits = POSITION_BITS - 1 - math.frexp(max(reach, 1e-9))[1]
    stored = gsply.GSData.from_arrays(
        turned.means, log_scales(turned.scales), turned.quats, logit(turned.opacities), turned.sh[:, 0],
        np.ascontiguousarray(turned.sh[:, 1:]),
    )  # fmt: skip
    with scratch_folder("liftlab-spz-") as folder, atomic_write(path) as file:
        packed = folder / "packed.spz"
        gsply.write_spz(packed, stored, fractional_bits=min(max(bits, 1), MAX_FRACTION_BITS))
        file.write(packed.read_bytes())


def _check_layout(path: Path) -> tuple[int, int, int]:
    """Refuse what the decoder would take on trust: a header without an end, missing bounds or bytes.

    gsply 0.4 reads on for ever after a header without an end, and beyond its arrays when chunks are missing.

    Returns:
        Where the data start, the number of chunks, and how many numbers bound one.
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
    bounds = len(properties.get("chunk", []))
    bounds = bounds if bounds == OLD_CHUNK_NUMBERS else CHUNK_NUMBERS
    known = {
        "chunk": (-(-splats // CHUNK_SPLATS), ["float"] * bounds),
        "vertex": (splats, ["uint"] * PACKED_NUMBERS),
        "sh": (splats, ["uchar"] * len(harmonics)),
    }
    if splats < 0 or any(known.get(name) != (counts[name], properties[name]) for name in counts):
        raise damaged(path, "its header does not fit a compressed PLY")
    if list(counts) != list(known)[: len(counts)] or len(counts) < 2 or len(harmonics) not in (0, 9, 24, 45):
        raise damaged(path, "its header does not fit a compressed PLY")
    bytes_of = 4 * bounds * counts["chunk"] + (4 * PACKED_NUMBERS + len(harmonics)) * splats
    if path.stat().st_size - start < bytes_of:
        raise damaged(path, "it ends before its last splat")
    return start, counts["chunk"], bounds


def _decoded(path: Path, read: Callable[[Path], Any], means: Float[Array, "N 3"] | None = None) -> SplatFile:
    """What gsply makes of the file, with other `means` where given."""
    with reading(path.name, str(damaged(path, "it cannot be unpacked"))):
        data = read(path)
        first = np.asarray(data.sh0, dtype=np.float32).reshape(-1, 1, 3)
        rest = (
            np.zeros((len(first), 0, 3), np.float32)
            if data.shN is None
            else np.asarray(data.shN, dtype=np.float32)
        )
        return splat_file(
            np.asarray(data.means) if means is None else means, np.asarray(data.quats), np.asarray(data.scales),
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
