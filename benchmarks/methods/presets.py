"""Every method with its presets on the same captures: what the defaults cost and gain beside the papers' settings.

    python -m benchmarks.methods.presets assets/captures/desk assets/captures/shelf CAPTURE --out DIR

Cases are those of `liftlab bench`, each in a process of its own; DIR/results.jsonl has their rows: a second call
does what is missing, and the table is of all. The first capture takes all seeds, the others the first one. The smallest
case: one capture, `--methods wildseg3d --presets default --seeds 0 --photos 3 --clicks 1`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tyro

from benchmarks.common.tables import markdown, write_result
from liftlab.bench.plan import BenchRequest, Case, Effort, Limits, make_plan
from liftlab.bench.runner import Outcome, ResultsFolder, run_case, run_plan
from liftlab.components.progress import CancelToken, Progress
from liftlab.machine.device import render_device
from liftlab.pipelines.base import get_method, list_methods
from liftlab.report.summary import BY_NAME, Row, case_numbers, mean_numbers
from liftlab.report.tables import shown

DEFAULT = "default"
COLUMNS = (
    "iou_first", "iou_last", "view_iou", "projected", "projected_accuracy", "new_views", "pq", "prepare", "click",
    "peak",
)  # fmt: skip
"""Of the metrics of `liftlab bench`."""


def plan_of(
    captures: Sequence[Path],
    methods: Sequence[str],
    presets: Sequence[str],
    seeds: Sequence[int],
    effort: Effort,
) -> list[Case]:
    """The cases, presets of each method that has them; the first capture with all seeds.

    Raises:
        InputError: No capture, or an unknown method.
    """
    names = [get_method(name).name for name in methods] or [entry.name for entry in list_methods()]
    others = [preset for preset in presets if preset != DEFAULT]
    variants = tuple(
        f"{name}:preset={preset}" for name in names for preset in others if preset in get_method(name).presets
    )
    asked = BenchRequest((), methods=tuple(names), variants=variants, effort=effort)
    plan = [
        case
        for number, capture in enumerate(captures)
        for case in make_plan(
            replace(asked, folders=(capture,), seeds=tuple(seeds if number == 0 else seeds[:1]))
        )
    ] or make_plan(asked)
    return plan if DEFAULT in presets else [case for case in plan if case.settings]


def table(rows: Sequence[Row]) -> str:
    """One line per capture, method and preset: means over the seeds that have a result."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        preset = next((s.partition("=")[2] for s in row["settings"] if s.startswith("preset=")), DEFAULT)
        groups.setdefault((row["scene"], row["method"], preset), []).append(row)
    lines = []
    for head, found in groups.items():
        good = [row for row in found if row["status"] == "ok"]
        counted = f"{len(good)} of {len(found)}"
        if not good:
            said = found[0]["sentence"]
            lines.append([*head, counted, f"failed: {said}", *["-"] * (len(COLUMNS) - 1)])
            continue
        numbers = mean_numbers([case_numbers(row) for row in good])
        lines.append([*head, counted, *(shown(BY_NAME[name], numbers.get(name)) for name in COLUMNS)])
    titles = [BY_NAME[name].title for name in COLUMNS]
    return markdown(["capture", "method", "preset", "seeds", *titles], lines)


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    methods: tuple[str, ...] = (),
    presets: tuple[str, ...] = (DEFAULT, "paper", "quick"),
    seeds: tuple[int, ...] = (0, 1, 2),
    clicks: int = 5,
    photos: int | None = None,
    train_steps: int | None = None,
    splat_steps: int | None = None,
    prepare_secs: float = 24 * 3600.0,
    case_secs: float = 48 * 3600.0,
    memory_gib: float = 8.0,
    threads: int = 2,
    retry_failed: bool = False,
    result: str = "presets",
) -> None:
    """Do the cases that are missing, then write the table of all.

    Args:
        captures: With truth.
        out: Rows, pictures and the workspace.
        methods: All when empty.
        presets: A method without one of them has no such row.
        seeds: Of the first capture; the others take the first of them.
        clicks: Simulated clicks per object, at most.
        photos: At most so many photos of each capture.
        train_steps: Trainings of methods are cut to; their own lengths when not given.
        splat_steps: Steps of the splats, which all methods share; the device's default when not given.
        prepare_secs: Longest preparation; a case that takes longer is a row that says so.
        case_secs: Longest case.
        memory_gib: Most memory of a case.
        threads: Of each case; one runs at a time.
        retry_failed: Run failed cases again.
        result: Name of the file in benchmarks/results.
    """
    effort = Effort(
        clicks=clicks, train_steps=train_steps, splat_steps=splat_steps, photos=photos, device=render_device()
    )
    plan = plan_of(captures, methods, presets, seeds, effort)
    limits = Limits(prepare_secs, case_secs, memory_gib)

    def run_one(case: Case, progress: Progress, cancel: CancelToken) -> Outcome:
        print(f"{case.scene}: {case.label}, seed {case.seed}", flush=True)
        return run_case(case, out / "workspace", limits, threads=threads, progress=progress, cancel=cancel)

    rows = run_plan(plan, ResultsFolder(out), run_one, retry_failed=retry_failed)
    note = (
        "Cases of `liftlab bench`: a simulated user, IoU in percent, means over objects, then seeds. Projected 3D: the "
        "answer in photos without clicks, without what they gave themselves; new views: in photos that no step sees. "
        f"Trainings {_length(train_steps)}, splats {_length(splat_steps)}. A preset that needs weights that are not "
        "here fails, and says so."
    )
    write_result(result, "Methods and their presets", [note, table(rows)])


def _length(steps: int | None) -> str:
    return "of their own length" if steps is None else f"cut to {steps} steps"


if __name__ == "__main__":
    tyro.cli(main)
