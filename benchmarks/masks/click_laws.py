"""Whether methods keep the laws of a click, over random clicks on real scenes.

    python -m benchmarks.masks.click_laws assets/captures/desk --workspace DIR --clicks 400

Each run begins with a positive click anywhere and goes on with clicks anywhere, positive and negative. Reconstructions,
masks and prepared methods are those that `benchmarks.masks.segmentation` left in the workspace, or are made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro

from benchmarks.common.tables import markdown, write_result
from liftlab.components.clicks import Click, clicks_of
from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array, Prompt, Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.benchmarking.click_laws import surfaces_taken, taken_back, unheard

A_RUN = 5
"""Clicks on one object."""


@dataclass
class Broken:
    """How many clicks broke a law."""

    clicks: int = 0
    corrections: int = 0
    unheard: int = 0
    taken_back: int = 0
    surfaces: int = 0
    examples: list[str] = field(default_factory=list)


def random_prompts(scene: Scene, rng: np.random.Generator) -> Iterator[Prompt]:
    """Clicks anywhere in any photo, the first one positive."""
    first = True
    while True:
        view = int(rng.integers(len(scene.views)))
        lens = scene.views[view].lens
        place = rng.uniform(0, [lens.width, lens.height])
        positive = first or bool(rng.random() < 0.5)
        prompt = Prompt(view, place[None], np.array([positive]))
        try:
            clicks_of(scene, [prompt])
        except InputError:  # the photo's rim may lie outside the view without distortion
            continue
        first = False
        yield prompt


def surfaces_of(cache: MaskCache, view: int) -> list[Array]:
    return [cache.mask(view, i) for i in cache.object_ids if cache.kinds[i - 1] == "plane"]


def measure(lab: Lab, name: str, method: str, clicks: int, seed: int) -> Broken:
    """Click on a scene with one method at its default."""
    prepared, segmenter = lab.prepare(name, method), lab.segmenter(method)
    scene, cache = lab.scene(name), lab.masks(name)
    broken, rng = Broken(), np.random.default_rng(seed)
    while broken.clicks < clicks:
        given: list[Prompt] = []
        before: list[Array] | None = None
        for prompt in random_prompts(scene, rng):
            given.append(prompt)
            answer = segmenter.segment(prepared, given)
            after = [np.asarray(answer.mask_of_view(view)) for view in range(len(scene.views))]
            heard = clicks_of(scene, given).clicks
            note(broken, before, after, heard, surfaces_of(cache, heard[-1].view))
            before = after
            if len(given) == A_RUN or broken.clicks >= clicks:
                break
    return broken


def note(
    broken: Broken,
    before: Sequence[Array] | None,
    after: Sequence[Array],
    clicks: Sequence[Click],
    surfaces: Sequence[Array],
) -> None:
    """Count what the last of some clicks broke."""
    last = clicks[-1]
    broken.clicks += 1
    views = {click.view for click in clicks}
    pixels = sum(unheard(after[view], [click for click in clicks if click.view == view]) for view in views)
    broken.unheard += pixels > 0
    if before is None:
        return
    broken.corrections += 1
    back = sum(taken_back(a, b, positive=last.positive) for a, b in zip(before, after, strict=True))
    broken.taken_back += back > 0
    taken = surfaces_taken(before[last.view], after[last.view], surfaces, last) if last.positive else 0
    broken.surfaces += taken > 0
    if pixels or back or taken:
        broken.examples.append(f"{pixels} px unheard, {back} px taken back, {taken} surfaces taken: {clicks}")


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    methods: tuple[str, ...] = ("wildseg3d",),
    clicks: int = 400,
    seed: int = 0,
    result: str = "click_laws",
) -> None:
    """Count broken laws.

    Args:
        captures: Capture folders.
        workspace: Where reconstructions, masks and prepared methods are kept between runs.
        methods: By name.
        clicks: On each capture with each method.
        seed: Of the clicks.
        result: Name of the table in benchmarks/results.
    """
    lab, rows = Lab(workspace), []
    try:
        for folder in captures:
            imported = lab.import_capture(folder / "images", folder.name)
            lab.reconstruct(folder.name, capture=imported.name)
            for method in methods:
                found = measure(lab, folder.name, method, clicks, seed)
                for line in found.examples[:5]:
                    print(line, flush=True)
                rows.append(
                    [
                        folder.name, method, found.clicks, found.corrections,
                        found.unheard, found.taken_back, found.surfaces,
                    ]
                )  # fmt: skip
                print(rows[-1], flush=True)
    finally:
        lab.close()
    head = [
        "capture", "method", "clicks", "corrections", "not heard",
        "took away (positive) or added (negative)", "took a surface beside",
    ]  # fmt: skip
    write_result(
        result,
        "Laws of a click",
        [
            f"Random clicks, seed {seed}; how many broke a law. Of surfaces, a click on a place that a surface's mask "
            "misses counts, too.",
            markdown(head, rows),
        ],
    )


if __name__ == "__main__":
    tyro.cli(main)
