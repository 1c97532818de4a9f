"""Networks at full size with random weights: time and memory of what one click, one photo and one pair cost.

    python -m benchmarks.masks.networks --sizes tiny
    python -m benchmarks.masks.networks --sizes tiny small base-plus large --work click
    LIFTLAB_MAST3R=CLONE python -m benchmarks.masks.networks --sizes tiny small base-plus large --pairs --device cuda

Random weights answer nothing, but they cost what trained ones do. Proposals are timed with a threshold that lets no
mask through, so the cost of drawing masks is not in it.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import torch
import tyro

from benchmarks.common.tables import markdown, write_result
from liftlab.components.masks.sam2.network import Sam2Network, build_sam2, masks_of_logits
from liftlab.components.masks.sam2.proposer import Sam2Proposer, Sam2ProposerConfig
from liftlab.components.masks.sam2.tracker import Sam2VideoTracker
from liftlab.components.models import load_catalogue
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.pointmaps.mast3r_network import CrocoPairNetwork, build_pair_network
from liftlab.components.types import Array, MaskSet

Size = Literal["tiny", "small", "base-plus", "large"]
Work = Literal["photo", "click", "proposals", "tracking"]
EVERYTHING: tuple[Work, ...] = ("photo", "click", "proposals", "tracking")
VIEWS, HEIGHT, WIDTH = 3, 480, 640


def timed(work: Callable[[], object], device: torch.device, repeats: int) -> tuple[float, float]:
    """Median wall and processor milliseconds after one warm-up."""
    walls, processors = [], []
    for _ in range(repeats + 1):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        walls.append(1e3 * (time.perf_counter() - start))
        processors.append(1e3 * (time.process_time() - start_cpu))
    return float(np.median(walls[1:])), float(np.median(processors[1:]))


def photos() -> list[Array]:
    """Photos of noise, smooth enough to be photographs' size in every layer."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(VIEWS)]


def sam2_rows(size: Size, device: torch.device, repeats: int, wanted: tuple[Work, ...]) -> list[list[object]]:
    """Encoding, a click, the proposals of a photo, one object followed through one photo."""
    entry = next(e for e in load_catalogue() if e.name == f"sam2.1-{size}")
    network = Sam2Network(build_sam2(entry.settings["config"], device=device), "random", ResultCache(None))
    images = photos()
    point, label = np.array([[[300.0, 200.0]]]), np.ones((1, 1), np.int64)
    closed = Sam2ProposerConfig(min_quality=1.1)
    mask = np.zeros((1, HEIGHT, WIDTH), bool)
    mask[:, 100:200, 200:300] = True
    nothing = MaskSet(np.zeros((0, HEIGHT, WIDTH), bool), np.zeros(0, np.float32))
    given = [MaskSet(mask, np.ones(1, np.float32)), *[nothing] * (VIEWS - 1)]
    for image in images if {"proposals", "tracking"} & set(wanted) else images[:1]:
        network.embed(image)

    def click() -> object:
        embedding = network.embed(images[0])  # found by the photo's pixels
        logits, _ = network.decode(embedding, point, label, several=True)
        return masks_of_logits(logits[0], embedding.size)

    def fresh() -> Sam2Network:
        return Sam2Network(network.model, "random", _Embedded(network))

    work: dict[Work, tuple[str, Callable[[], object], int]] = {
        "photo": ("photo encoded", lambda: network._encode(images[0]), 1),
        "click": ("click to masks, photo encoded before", click, 1),
        "proposals": (
            "proposals of a photo, encoded before",
            lambda: Sam2Proposer(fresh(), closed).masks_of(images[0]),
            1,
        ),
        "tracking": (
            "object followed through a photo",
            lambda: Sam2VideoTracker(fresh()).follow(images, given),
            VIEWS - 1,
        ),
    }
    rows: list[list[object]] = []
    for name, call, parts in (work[one] for one in wanted):
        wall, processor = timed(call, device, repeats)
        rows.append([f"sam2.1-{size}", name, wall / parts, processor / parts, memory_mb(device)])
    return rows


class _Embedded(ResultCache):
    """Knows embeddings only, so that everything else is computed again."""

    def __init__(self, network: Sam2Network) -> None:
        super().__init__(None)
        self._known = network.results

    def peek(self, key: str) -> dict[str, torch.Tensor] | None:
        found = self._known.peek(key)
        return found if found is not None and "level_0" in found else None


def pair_rows(kind: Literal["mast3r", "dust3r"], device: torch.device, repeats: int) -> list[list[object]]:
    """Encoding a photo, and decoding a pair, at 512 x 384."""
    clone = os.environ.get("LIFTLAB_MAST3R")
    model = build_pair_network(kind, Path(clone) if clone else None).to(device)
    network = CrocoPairNetwork(model, identity="random", metric=True)
    image = photos()[0][:384, :512]
    features = network.encode(image)
    rows: list[list[object]] = []
    for name, call in (
        ("photo encoded", lambda: network.encode(image)),
        ("pair decoded", lambda: network.decode([features], [features], (384, 512), (384, 512))),
    ):
        wall, processor = timed(call, device, repeats)
        rows.append([kind, name, wall, processor, memory_mb(device)])
    return rows


def memory_mb(device: torch.device) -> float:
    """Peak memory on a graphics card; resident memory of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return psutil.Process().memory_info().rss / 2**20


def main(
    sizes: tuple[Size, ...] = ("tiny",),
    work: tuple[Work, ...] = EVERYTHING,
    pairs: bool = False,
    device: str = "cpu",
    repeats: int = 3,
    result: str = "networks",
) -> None:
    """Time networks with random weights.

    Args:
        sizes: Of SAM 2.1.
        work: What of it.
        pairs: Also MASt3R and DUSt3R; their code must be there (LIFTLAB_MAST3R).
        device: "cpu" or "cuda".
        repeats: Of which the median is taken.
        result: Name of the table in benchmarks/results.
    """
    place = torch.device(device)
    rows: list[list[object]] = []
    for size in sizes:
        rows += sam2_rows(size, place, repeats, work)
    for kind in ("mast3r", "dust3r") if pairs else ():
        rows += pair_rows(kind, place, repeats)
    head = ["model", "what", "wall ms", "processor ms", "memory MB"]
    note = f"Random weights, photos of {WIDTH} x {HEIGHT}, {device}. Memory is that of the process so far."
    write_result(result, "Networks at full size", [note, markdown(head, rows)])


if __name__ == "__main__":
    tyro.cli(main)
