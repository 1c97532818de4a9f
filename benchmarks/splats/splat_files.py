"""Splat files: how large they are, and how long reading and writing takes.

    python -m benchmarks.splats.splat_files --counts 1000000

The Gaussians are random, seeded, and spread like those of a scene; every file is read as the lab reads it, from a disk
that holds it in its cache.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import tyro

from benchmarks.common.tables import markdown, write_result
from liftlab.components.gaussians.files import read_gaussians, write_gaussians
from liftlab.components.types import Gaussians

REPEATS = 3
SUFFIXES = (".ply", ".spz")
HEAD = ("splats", "harmonic degree", "file", "MB", "s to write", "s to read (median)", "s to read (slowest)")


def made(count: int, degree: int) -> Gaussians:
    """Random Gaussians, the same every time."""
    rng = np.random.default_rng(0)
    quats = rng.normal(size=(count, 4)).astype(np.float32)
    return Gaussians(
        means=rng.normal(size=(count, 3)).astype(np.float32),
        quats=quats / np.linalg.norm(quats, axis=1, keepdims=True),
        scales=np.exp(rng.normal(-5, 1, (count, 3))).astype(np.float32),
        opacities=rng.uniform(0.05, 0.95, count).astype(np.float32),
        sh=rng.normal(0, 0.3, (count, (degree + 1) ** 2, 3)).astype(np.float32),
    )


def measure(count: int, degree: int, suffix: str, folder: Path) -> list[object]:
    """One row of the table."""
    path = folder / f"splats{suffix}"
    gaussians = made(count, degree)
    started = time.perf_counter()
    write_gaussians(path, gaussians)
    written = time.perf_counter() - started
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        found = read_gaussians(path)
        seconds.append(time.perf_counter() - started)
        assert len(found.means) == count
    size = path.stat().st_size / 1e6
    path.unlink()
    return [count, degree, suffix[1:].upper(), size, written, float(np.median(seconds)), max(seconds)]


def main(
    counts: tuple[int, ...] = (1_000_000,), degrees: tuple[int, ...] = (0, 3), result: str = "splat_files"
) -> None:
    """Measure.

    Args:
        counts: Splats in a file.
        degrees: Harmonic degrees.
        result: Name of the table in benchmarks/results.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = measure(1000, 0, ".spz", Path(folder))
        rows = [
            measure(count, degree, suffix, Path(folder))
            for count in counts
            for degree in degrees
            for suffix in SUFFIXES
        ]
    note = f"The first SPZ of a process takes {first[-1]:.1f} s more: compiled code is loaded. It is not in the table."
    write_result(result, "Splat files", [note, markdown(HEAD, rows)])


if __name__ == "__main__":
    tyro.cli(main)
