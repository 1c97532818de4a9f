"""The minimum cut of outlines by different solvers: time of the masks step and of corrections, and whether masks
stay.

    python -m benchmarks.masks.maxflow assets/captures/desk assets/captures/shelf --workspace DIR

`--other MODULE:FUNCTION` measures one more solver and compares with that one: any function with the signature of
`components.masks.graph.grid_cut.grid_cut`. Solvers take turns in one process, so that other work on the machine
hits all. scipy's maximum flow only solves a sample of the cuts again.
"""

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tyro
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from benchmarks.common.tables import markdown, write_result
from liftlab.components.clicks import Click, ClickList
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.pieces import GraphCutConfig
from liftlab.components.masks.clicks.solver import GraphCutSolver
from liftlab.components.masks.graph.grid_cut import NEIGHBOURS, grid_cut, warm_up
from liftlab.components.metrics import pooled_iou
from liftlab.components.types import Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.benchmarking.simulated_user import farthest_inside
from liftlab.pipelines.steps.masks import MasksConfig, build_masks

Cut = Callable[[np.ndarray, np.ndarray], np.ndarray]
UNITS_PER_NAT = 1000
EVERY = 5
"""One cut in so many is solved again by every solver."""
CLICKED = 15
"""Objects that are corrected in each round."""


def scipy_cut(unary: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`grid_cut` by scipy's maximum flow; its capacities are 32-bit integers."""
    height, width = unary.shape
    source, sink = unary.size, unary.size + 1
    ids = np.arange(unary.size, dtype=np.int32).reshape(height, width)
    units = np.rint(unary.ravel() * UNITS_PER_NAT).astype(np.int32)
    wins, loses = np.flatnonzero(units > 0), np.flatnonzero(units < 0)
    start, end = [np.full(len(wins), source), loses], [wins, np.full(len(loses), sink)]
    capacity = [units[wins], -units[loses]]
    for price, (dy, dx) in zip(weights, NEIGHBOURS, strict=True):
        rows, left, right = height - dy, max(0, -dx), width - max(0, dx)
        here, there = ids[:rows, left:right].ravel(), ids[dy:, left + dx : right + dx].ravel()
        units = np.rint(price[:rows, left:right].ravel() * UNITS_PER_NAT).astype(np.int32)
        start, end, capacity = [*start, here, there], [*end, there, here], [*capacity, units, units]
    edges = np.concatenate(start).astype(np.int32), np.concatenate(end).astype(np.int32)
    graph = csr_array((np.concatenate(capacity), edges), shape=(unary.size + 2,) * 2)
    residual = graph - maximum_flow(graph, source, sink).flow
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, return_predecessors=False)
    inside = np.zeros(unary.size + 2, bool)
    inside[reached] = True
    return inside[: unary.size].reshape(height, width)


@dataclass
class Times:
    """What one solver took on one capture, once per round."""

    step_secs: list[float] = field(default_factory=list)
    cpu_secs: list[float] = field(default_factory=list)
    cut_secs: list[float] = field(default_factory=list)
    click_ms: list[float] = field(default_factory=list)
    """Median correction of each round."""


@contextmanager
def solved_by(cut: Cut, problems: list[tuple[np.ndarray, np.ndarray]] | None = None) -> Iterator[list[float]]:
    """Outlines are cut by `cut`; yields the CPU seconds of each cut so far. Every `EVERY`th goes to `problems`."""
    spent: list[float] = []

    def timed(unary: np.ndarray, weights: np.ndarray) -> np.ndarray:
        if problems is not None and len(spent) % EVERY == 0:
            problems.append((unary.copy(), weights.copy()))
        started = time.thread_time()
        out = cut(unary, weights)
        spent.append(time.thread_time() - started)
        return out

    with patch("liftlab.components.masks.regions.outline.grid_cut", timed):
        yield spent


def corrections(cache: MaskCache, seed: int) -> list[ClickList]:
    """For objects drawn at random a click at the middle, in the photo where they are largest, and one away at random
    inside.
    """
    rng, out = np.random.default_rng(seed), []
    for object_id in rng.permutation(cache.object_ids)[:CLICKED].tolist():
        view = max(range(cache.num_views), key=lambda v: cache.area(v, object_id))
        mask = cache.mask(view, object_id)
        column, row = farthest_inside(mask)
        rows, columns = np.nonzero(mask)
        pick = int(rng.integers(len(rows)))
        first = Click(view, column + 0.5, row + 0.5, True)
        out.append(ClickList((first, Click(view, columns[pick] + 0.5, rows[pick] + 0.5, False)), ()))
    return out


def correction_ms(scene: Scene, cache: MaskCache, given: Sequence[ClickList]) -> float:
    """Median milliseconds of the second clicks."""
    solver, spent = GraphCutSolver(scene, cache, GraphCutConfig()), []
    for clicks in given:
        solver.solve(ClickList(clicks.clicks[:1], ()))
        started = time.perf_counter()
        solver.solve(clicks)
        spent.append(1e3 * (time.perf_counter() - started))
    return float(np.median(spent))


def measure(
    scene: Scene, solvers: dict[str, Cut], rounds: int
) -> tuple[dict[str, Times], dict[str, MaskCache], list[tuple[np.ndarray, np.ndarray]]]:
    """Times of every solver, its masks, and a sample of the problems."""
    times, caches, problems = {name: Times() for name in solvers}, {}, []
    base = next(iter(solvers))
    for turn in range(rounds):
        for name, cut in solvers.items():
            kept = problems if turn == 0 and name == base else None
            with solved_by(cut, kept) as spent:
                started, cpu = time.perf_counter(), time.process_time()
                caches[name] = build_masks(scene, MasksConfig())
                times[name].step_secs.append(time.perf_counter() - started)
                times[name].cpu_secs.append(time.process_time() - cpu)
                times[name].cut_secs.append(sum(spent))
            print(f"round {turn + 1}, {name}: {times[name].step_secs[-1]:.1f} s", file=sys.stderr, flush=True)
        given = corrections(caches[base], seed=0)  # the same clicks on the same masks for all
        for name, cut in solvers.items():
            with solved_by(cut):
                times[name].click_ms.append(correction_ms(scene, caches[base], given))
    return times, caches, problems


def replay(problems: Sequence[tuple[np.ndarray, np.ndarray]], solvers: dict[str, Cut]) -> list[list[object]]:
    """Per solver: number of cuts, CPU seconds for them, that over the first solver's, share of equal pixels."""
    secs, equal = dict.fromkeys(solvers, 0.0), dict.fromkeys(solvers, 0)
    for unary, weights in problems:
        answers = {}
        for name, cut in solvers.items():
            started = time.thread_time()
            answers[name] = cut(unary, weights)
            secs[name] += time.thread_time() - started
        first = answers[next(iter(solvers))]
        for name, answer in answers.items():
            equal[name] += int((answer == first).sum())
    least, pixels = secs[next(iter(solvers))], sum(unary.size for unary, _ in problems)
    return [
        [name, len(problems), took, took / least, f"{equal[name] / pixels:.7f}"]
        for name, took in secs.items()
    ]


def agreement(ours: MaskCache, others: MaskCache) -> tuple[float, float, float]:
    """Share of equal pixels over all masks, and mean and least IoU of the masks with the same id."""
    if len(ours.kinds) != len(others.kinds):
        return float("nan"), float("nan"), 0.0
    equal, ious = [], []
    for object_id in ours.object_ids.tolist():
        mine = [ours.mask(view, object_id) for view in range(ours.num_views)]
        theirs = [others.mask(view, object_id) for view in range(ours.num_views)]
        equal.append(np.mean([(a == b).mean() for a, b in zip(mine, theirs, strict=True)]))
        ious.append(pooled_iou(theirs, mine))
    return float(np.mean(equal)), float(np.mean(ious)), float(np.min(ious))


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    other: str = "",
    rounds: int = 3,
    result: str = "maxflow",
) -> None:
    """Measure solvers on captures.

    Args:
        captures: Capture folders.
        workspace: Where reconstructions are kept between runs.
        other: MODULE:FUNCTION of one more solver.
        rounds: Times each solver builds the masks.
        result: Name of the table in benchmarks/results.
    """
    solvers: dict[str, Cut] = {"grid_cut": grid_cut}
    if other:
        module, _, function = other.partition(":")
        solvers = {module: getattr(importlib.import_module(module), function), **solvers}
    warm_up()
    base, rows, replayed, lab = next(iter(solvers)), [], [], Lab(workspace)
    try:
        for folder in captures:  # the table is written after each
            imported = lab.import_capture(folder / "images", folder.name)
            scene = lab.reconstruct(folder.name, capture=imported.name)
            times, caches, problems = measure(scene, solvers, rounds)
            for name, took in times.items():
                medians = [float(np.median(t)) for t in (took.step_secs, took.cpu_secs, took.cut_secs)]
                ratio = medians[1] / float(np.median(times[base].cpu_secs))
                same = [f"{share:.7f}" for share in agreement(caches[name], caches[base])]
                rows.append([folder.name, name, *medians, ratio, float(np.median(took.click_ms)), *same])
            replayed += [[folder.name, *row] for row in replay(problems, {**solvers, "scipy": scipy_cut})]
            write_result(result, "Minimum cuts of outlines", _sections(base, rounds, rows, replayed))
    finally:
        lab.close()


def _sections(
    base: str, rounds: int, rows: Sequence[Sequence[object]], replayed: Sequence[Sequence[object]]
) -> list[str]:
    """The two tables and what they are of."""
    head = ["capture", "solver", "masks step s", "CPU s", "of it cuts, CPU s", f"CPU over {base}"]
    head += ["correction ms", "equal pixels", "mean IoU", "least IoU"]
    note = (
        f"Medians of {rounds} rounds, solvers in turn. Corrections: per round the median over {CLICKED} objects of one "
        f"negative click, the same for all, on the masks of {base}. Masks are compared with those of {base}, by id."
    )
    again = f"One in {EVERY} of those cuts solved again by every solver, on one thread."
    table = markdown(["capture", "solver", "cuts", "CPU s", f"over {base}", "equal pixels"], replayed)
    return [note, markdown(head, rows), again, table]


if __name__ == "__main__":
    tyro.cli(main)
