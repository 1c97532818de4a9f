"""Click to result: median and p95 of the server's time, over every object in every view, lookup and
correction.

    python -m benchmarks.masks.click_latency --workspace DIR assets/captures/desk

A result is the point selection and the masks of all views in memory, from a parsed prompt, caches warm
(docs/architecture.md section 6).
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro

from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import read_truth
from liftlab.components.geometry.projection import view_from_photo
from liftlab.components.types import Prompt, Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.base import Segmenter
from liftlab.pipelines.benchmarking.simulated_user import farthest_inside
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig

WARM_UPS = 3
MIN_PIXELS = 100
"""Of an object in a view, to be clicked there; as the simulated user has it."""


def answer_ms(method: Segmenter, prepared: object, prompts: Sequence[Prompt], num_views: int) -> float:
    """Milliseconds until selection and all masks are in memory."""
    started = time.perf_counter()
    result = method.segment(prepared, prompts)
    for view in range(num_views):
        result.mask_of_view(view)
    return 1e3 * (time.perf_counter() - started)


def correction(
    scene: Scene, method: Segmenter, prepared: object, first: Prompt, view: int, rng: np.random.Generator
) -> Prompt | None:
    """A negative click at a random pixel of the answer to the first click."""
    mask = method.segment(prepared, [first]).mask_of_view(view)
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return None
    pick = int(rng.integers(len(rows)))
    lens, camera = scene.views[view].lens, scene.views[view].camera
    scale = np.array([lens.width / camera.width, lens.height / camera.height])
    xy = np.array([columns[pick] + 0.5, rows[pick] + 0.5]) * scale
    inside = view_from_photo(scene.views[view], xy)
    if not (0 <= inside[0] < camera.width and 0 <= inside[1] < camera.height):
        return None
    return Prompt(view=view, point_coords=xy[None], point_labels=np.array([False]))


def measure(lab: Lab, folder: Path) -> tuple[list[float], list[float], int]:
    """Milliseconds of lookups and of corrections, and the number of points of the scene."""
    name = folder.name
    imported = lab.import_capture(folder / "images", name)
    scene = lab.reconstruct(name, capture=imported.name)
    lab.masks(name)
    config = WildSeg3DConfig(alignment="reconstruction")
    prepared, method = lab.prepare(name, "wildseg3d", config), lab.segmenter("wildseg3d", config)
    truth, rng = read_truth(folder), np.random.default_rng(0)
    lookups: list[float] = []
    corrections: list[float] = []
    for index, view in enumerate(scene.views):
        labels = truth.labels.get(view.stem)
        if labels is None:
            continue
        ids, sizes = np.unique(labels[labels > 0], return_counts=True)
        for object_id in ids[sizes >= MIN_PIXELS].tolist():
            x, y = farthest_inside(labels == object_id)
            first = Prompt(index, np.array([[x + 0.5, y + 0.5]]), np.array([True]))
            if not lookups:
                for _ in range(WARM_UPS):
                    answer_ms(method, prepared, [first], len(scene.views))
            lookups.append(answer_ms(method, prepared, [first], len(scene.views)))
            second = correction(scene, method, prepared, first, index, rng)
            if second is not None:
                corrections.append(answer_ms(method, prepared, [first, second], len(scene.views)))
    return lookups, corrections, len(scene.pointmap.points)


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]], workspace: Path, result: str = "click_latency"
) -> None:
    """Time clicks.

    Args:
        captures: Capture folders with truth (it says where objects are).
        workspace: Where reconstructions and masks are kept between runs.
        result: Name of the table in benchmarks/results.
    """
    lab, rows = Lab(workspace), []
    try:
        for folder in captures:
            lookups, corrections, points = measure(lab, folder)
            for kind, times in (("first click", lookups), ("correction", corrections)):
                if times:
                    median, p95 = float(np.median(times)), float(np.percentile(times, 95))
                    rows.append([folder.name, points, kind, len(times), median, p95, max(times)])
    finally:
        lab.close()
    head = ["capture", "points", "what", "clicks", "median ms", "p95 ms", "max ms"]
    write_result(
        result,
        "Click to result, server time",
        [
            "WildSeg3D. First clicks are looked up; corrections go through the click solver.",
            markdown(head, rows),
        ],
    )


if __name__ == "__main__":
    tyro.cli(main)
