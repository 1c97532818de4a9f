"""Splat files that web viewers made: `.splat` (antimatter15) and `.ksplat` (GaussianSplats3D). Read only.

Source: github.com/antimatter15/splat (rows of 32 bytes); GaussianSplats3D by Mark Kellogg, SplatBuffer.js.
"""

from pathlib import Path

import numpy as np

from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.gaussians.storage import SplatFile, splat_file
from liftlab.components.types import DEGREE_0, Array, Float, Shaped, UInt8

_SPLAT = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("colour", "u1", 4), ("quat", "u1", 4)])
_HEADER_BYTES, _SECTION_BYTES = 4096, 1024
_FULL = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("quat", "<f4", 4), ("colour", "u1", 4)])
_HALF = np.dtype([("mean", "<u2", 3), ("scale", "<f2", 3), ("quat", "<f2", 4), ("colour", "u1", 4)])
_SH_NUMBERS = (0, 9, 24)
_SH_BYTES = (4, 2, 1)
_SCALE_RANGE = 32767


def read_splat(path: Path) -> SplatFile:
    """Read a `.splat` file: plain colours. Raises InputError when it is cut short or no such file."""
    size = path.stat().st_size
    if size == 0 or size % _SPLAT.itemsize:
        raise damaged(path, f"its size is no multiple of {_SPLAT.itemsize} bytes")
    rows = np.fromfile(path, _SPLAT)
    if not (np.isfinite(rows["mean"]).any() and (rows["scale"] >= 0).all()):
        raise not_splats(path, "its numbers are no positions and sizes")
    return _from_rows(rows["mean"], rows["scale"], rows["colour"], rows["quat"].astype(np.float32) - 128)


def read_ksplat(path: Path) -> SplatFile:
    """Read a `.ksplat` file of any compression level; of its harmonics degree 0. Raises InputError."""
    data = path.read_bytes()
    if len(data) < _HEADER_BYTES:
        raise damaged(path, "it is shorter than its header")
    small, wide, half = (np.frombuffer(data[:_HEADER_BYTES], kind) for kind in ("u1", "<u4", "<u2"))
    level, sections = int(half[10]), int(wide[1])
    if small[0] != 0 or level > 2 or sections * _SECTION_BYTES > len(data):
        raise not_splats(
            path, f"it is of version {small[0]}.{small[1]} and level {level}, which is not known"
        )
    start = _HEADER_BYTES + sections * _SECTION_BYTES
    parts, harmonics = [], 0
    for number in range(sections):
        head = data[_HEADER_BYTES + number * _SECTION_BYTES :][:_SECTION_BYTES]
        section = _Section(path, data, head, level, start)
        parts.append(section.rows())
        harmonics = max(harmonics, section.degree)
        start = section.end
    if not parts:
        raise damaged(path, "it holds no splats")
    note = [f"Of its harmonics of degree {harmonics} only the plain colours were read."] if harmonics else []
    means, scales, colours, quats = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _from_rows(means, scales, colours, quats, note)


class _Section:
    """One part of a `.ksplat` file."""

    def __init__(self, path: Path, data: bytes, head: bytes, level: int, start: int) -> None:
        wide, half = np.frombuffer(head, "<u4").astype(int), np.frombuffer(head, "<u2").astype(int)
        self.count, self.bucket_size, self.buckets = wide[0], wide[2], wide[3]
        self.block = float(np.frombuffer(head, "<f4")[4])
        self.full, partly = wide[7], wide[8]
        self.range = wide[6] or _SCALE_RANGE
        self.degree, self.level, self.data, self.start = int(half[20]), level, data, start
        if self.degree >= len(_SH_NUMBERS):
            raise damaged(path, f"it says its harmonics are of degree {self.degree}")
        plain = _FULL if level == 0 else _HALF
        beside = _SH_NUMBERS[self.degree] * _SH_BYTES[level]
        self.row = np.dtype([*((name, plain[name]) for name in plain.names or ()), ("rest", "u1", beside)])
        self.centers_at = start + 4 * partly
        self.rows_at = self.centers_at + half[10] * self.buckets
        self.end = self.rows_at + self.row.itemsize * wide[1]
        if self.count > wide[1] or self.rows_at + self.row.itemsize * self.count > len(data):
            raise damaged(path, "it ends before its last splat")
        self.partly = np.frombuffer(data, "<u4", partly, start).astype(int)

    def rows(
        self,
    ) -> tuple[Float[Array, "N 3"], Float[Array, "N 3"], UInt8[Array, "N 4"], Float[Array, "N 4"]]:
        rows = np.frombuffer(self.data, self.row, self.count, self.rows_at)
        means = rows["mean"].astype(np.float32)
        if self.level:
            sizes = np.concatenate([np.full(self.full, self.bucket_size), self.partly])
            bucket = np.repeat(np.arange(len(sizes)), sizes)[: self.count]
            centers = np.frombuffer(self.data, "<f4", 3 * self.buckets, self.centers_at).reshape(-1, 3)
            means = (means - self.range) * (self.block / 2 / self.range) + centers[bucket]
        return means, rows["scale"].astype(np.float32), rows["colour"], rows["quat"].astype(np.float32)


def _from_rows(
    means: Float[Array, "N 3"],
    scales: Float[Array, "N 3"],
    colours: UInt8[Array, "N 4"],
    quats: Shaped[Array, "N 4"],
    notes: list[str] | None = None,
) -> SplatFile:
    """Splats from linear scales, quaternions wxyz and RGBA bytes."""
    natural = colours[:, 3].astype(np.float32) / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        logits, logs = np.log(natural / (1 - natural)), np.log(scales)
    sh = ((colours[:, None, :3].astype(np.float32) / 255 - 0.5) / DEGREE_0).astype(np.float32)
    return splat_file(means, quats, logs, logits, sh, notes or [])
