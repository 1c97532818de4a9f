"""`liftlab bench`: measure methods on captures with truth, and write a report someone can send."""

import os
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from liftlab.bench.plan import FULL, SHORT, BenchRequest, Case, Effort, Limits, make_plan
from liftlab.bench.provenance import command_line
from liftlab.bench.runner import RESULTS, Outcome, ResultsFolder, run_case, run_plan
from liftlab.cli.commands import Bench
from liftlab.cli.support import say, working
from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress
from liftlab.files.locks import FileLock
from liftlab.machine.device import render_device
from liftlab.pipelines.choices.record import missing
from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS

REPORT = "report.html"
RANKER, MODEL_RANKER = "attributes", "open_clip"
"""Who ranks objects for words without weights, and with them."""


def run_bench(command: Bench) -> dict[str, Any]:
    """Plan, run what has no row yet, and write the report."""
    started = time.monotonic()
    out = command.out.expanduser().resolve()
    workspace = (command.workspace or out / "workspace").expanduser().resolve()
    plan = make_plan(_asked(command))
    limits = _limits(command)
    threads = command.threads or max(1, _cores() // max(command.jobs, 1))
    with ExitStack() as stack:
        _sole_owner(out, stack)
        results = ResultsFolder(out)
        there = sum(case.key in results.rows for case in plan)
        if there:
            say(f"{there} of {len(plan)} cases have results already; the others are run.")
        run = run_case
        if command.cluster is not None:
            from liftlab.bench.cluster import Cluster

            run = stack.enter_context(Cluster(command.cluster, workers=command.jobs)).run

        def run_one(case: Case, progress: Progress, cancel: CancelToken) -> Outcome:
            return run(case, workspace, limits, threads=threads, progress=progress, cancel=cancel)

        with working(f"{len(plan)} cases") as (progress, cancel):
            rows = run_plan(
                plan, results, run_one, jobs=command.jobs, retry_failed=command.retry_failed,
                progress=progress.report, cancel=cancel,
            )  # fmt: skip
            failed = [row for row in rows if row["status"] == "failed"]
            progress.done(f"{len(rows) - len(failed)} cases measured, {len(failed)} failed")
    for row in failed:
        say(f"{row['scene']}, {row['label']}, seed {row['seed']}: {row['sentence']}")
    files = _write_reports(command, out, rows)
    return {
        "out": str(out), "results": str(out / RESULTS), "cases": len(rows), "failed": len(failed),
        "earlier": there, "files": [str(path) for path in files], "seconds": round(time.monotonic() - started, 3),
    }  # fmt: skip


def _asked(command: Bench) -> BenchRequest:
    base = FULL if command.full else SHORT
    effort = Effort(
        clicks=command.clicks or base.clicks,
        train_steps=command.train_steps or base.train_steps,
        splat_steps=command.splat_steps or base.splat_steps,
        max_side=command.max_side,
        device=_device(command.device),
        encoder=_encoder(command.encoder),
    )
    return BenchRequest(
        folders=(*command.captures, *((command.data,) if command.data else ())),
        layout=command.layout,
        methods=command.methods,
        variants=command.variants,
        masks=command.masks,
        seeds=command.seeds or ((0, 1, 2) if command.full else (0,)),
        effort=effort,
        photos=_photos(command.photos),
        prompts=command.prompts,
    )


def _limits(command: Bench) -> Limits:
    limits = Limits(memory_gib=command.memory_gib)
    if command.full:
        limits = replace(limits, prepare_secs=24 * 3600.0, case_secs=48 * 3600.0)
    return replace(
        limits,
        prepare_secs=command.prepare_secs or limits.prepare_secs,
        case_secs=command.case_secs or limits.case_secs,
    )


def _device(wanted: str) -> str:
    return render_device() if wanted == "auto" else wanted


def _photos(text: str | None) -> tuple[int, ...]:
    """Numbers of photos: "3,4,5" is (3, 4, 5)."""
    try:
        return tuple(int(count) for count in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise InputError(
            f"--photos takes numbers with commas between them, as in 3,4,5; got '{text}'."
        ) from error


def _encoder(wanted: str) -> str:
    """Who ranks objects for words: the image-text model, when it is there and nobody else was asked for."""
    if wanted == "auto":
        return MODEL_RANKER if not missing(TEXT_ENCODERS.get(MODEL_RANKER)) else RANKER
    if wanted != RANKER and not TEXT_ENCODERS.get(wanted).by_model:
        raise InputError(f"--encoder takes {RANKER} or an image-text model; got '{wanted}'.")
    lacking = missing(TEXT_ENCODERS.get(wanted))
    if lacking:
        raise InputError(lacking)
    return wanted


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sole_owner(out: Path, stack: ExitStack) -> None:
    """Two benchmarks in one folder would overwrite each other's rows."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock")
        free = lock.acquire()
    except OSError as error:
        raise InputError(f"The output folder cannot be written ({error.strerror}): {out}") from error
    if not free:
        raise InputError(f"Another benchmark is running in this folder; wait for it or choose another: {out}")
    stack.callback(lock.release)


def _write_reports(command: Bench, out: Path, rows: list[dict[str, Any]]) -> list[Path]:
    from liftlab.report import write_csv, write_html, write_latex

    made_by = command_line(["liftlab", *sys.argv[1:]])
    files = [write_html(rows, out, out / REPORT, command=made_by)]
    if command.csv is not None:
        files += write_csv(rows, command.csv.expanduser())
    if command.latex is not None:
        files += write_latex(rows, command.latex.expanduser())
    for path in files:
        say(f"Written: {path}")
    return files
