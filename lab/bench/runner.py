"""Runs cases in processes of their own, with limits, and keeps their rows."""

import concurrent.futures
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from liftlab.bench.pictures import PLACES
from liftlab.bench.plan import Case, Limits, prompts_record
from liftlab.bench.provenance import commit, versions
from liftlab.components.files import atomic_write, write_json
from liftlab.components.processes.scratch import scratch_folder
from liftlab.components.progress import CancelToken, Progress, no_progress

RESULTS, PICTURES, PROMPTS, LOGS = "results.jsonl", "pictures", "prompts", "logs"
SCHEMA_VERSION = 1
_WATCH_SECS = 0.4
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a case left: its row, its pictures, and the log of its process."""

    row: Row
    pictures: dict[str, bytes]
    """Place ("best", "median", "worst") to JPEG."""
    log: str


def run_case(
    case: Case,
    workspace: Path,
    limits: Limits,
    *,
    threads: int,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Outcome:
    """Run one case in a child process and end it when it exceeds a limit.

    Args:
        case: What to run.
        workspace: Shared by all cases; locks keep them apart.
        limits: Of time and memory.
        threads: Of every thread pool of the child.
        progress: What the child reports.
        cancel: Ends the child.

    Raises:
        Cancelled: `cancel` was set; the case leaves nothing.
    """
    cancel = cancel or CancelToken()
    with scratch_folder("liftlab-bench-") as folder:
        (folder / "case.json").write_text(case.to_json(), encoding="utf-8")
        log_path = folder / "log.txt"
        started = time.monotonic()
        with log_path.open("wb") as log:
            ended = _supervise(folder, workspace, limits, threads, log.fileno(), progress, cancel)
        log_text = log_path.read_text(encoding="utf-8", errors="replace")
        result = _result_of(folder, ended, log_text)
        result.setdefault("timing", {})
        result["timing"] |= {
            "total": round(time.monotonic() - started, 3), "peak_mib": round(ended.peak_bytes / 2**20, 1),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        pictures = {place: folder / f"{place}.jpg" for place in PLACES}
        found = {place: path.read_bytes() for place, path in pictures.items() if path.is_file()}
        return Outcome(_row(case, result, threads), found, log_text)


@dataclass(frozen=True)
class _Ended:
    """How a child ended."""

    code: int
    limit: str
    """The sentence of the limit it ran into; empty when it ended by itself."""
    peak_bytes: int
    """Largest resident memory of the child and its children, sampled."""


def _supervise(
    folder: Path,
    workspace: Path,
    limits: Limits,
    threads: int,
    log: int,
    progress: Progress,
    cancel: CancelToken,
) -> _Ended:
    words = [sys.executable, "-m", "liftlab.bench.worker", folder / "case.json", workspace, folder]
    count = str(threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": count, "NUMBA_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count,
    }  # fmt: skip
    process = subprocess.Popen(
        [*map(str, words), str(limits.prepare_secs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        env=environment, cwd=folder, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    reports: queue.Queue[tuple[float, str]] = queue.Queue()
    reader = threading.Thread(target=_read_reports, args=(process.stdout, reports), daemon=True)
    reader.start()
    watched = psutil.Process(process.pid)
    started, peak, limit = time.monotonic(), 0, ""
    try:
        while process.poll() is None:
            cancel.check()
            with contextlib.suppress(queue.Empty):
                progress(*reports.get(timeout=_WATCH_SECS))
            peak = max(peak, _resident_bytes(watched))
            if peak > limits.memory_gib * 2**30:
                limit = f"The case needed more than {limits.memory_gib:g} GiB; allow more with --memory-gib."
            elif time.monotonic() - started > limits.case_secs:
                limit = f"The case took longer than {limits.case_secs:g} s; allow more with --case-secs."
            if limit:
                break
        return _Ended(_end(process), limit, peak)
    finally:
        _end(process)
        reader.join()
        process.stdout.close()
        process.stdin.close()


def _read_reports(stream: Any, reports: "queue.Queue[tuple[float, str]]") -> None:
    for line in stream:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # native code may print to stdout, too
            report = json.loads(line)
            reports.put((report["fraction"], report["message"]))


def _resident_bytes(process: psutil.Process) -> int:
    """Of a process and its children; 0 when it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill the child and whatever it started, when it still runs; its exit code."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:  # Windows knows no groups of processes
                for member in [*psutil.Process(process.pid).children(recursive=True), process]:
                    member.kill()
    return process.wait()


def _result_of(folder: Path, ended: _Ended, log: str) -> Row:
    path = folder / "result.json"
    if ended.code == 0 and path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    if ended.limit:
        return {"status": "failed", "sentence": ended.limit}
    how = f"was ended by signal {-ended.code}" if ended.code < 0 else "stopped on a defect of ours"
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "no message")
    return {"status": "failed", "sentence": f"The case {how}: {last[:200]} (logs/ has all of it)"}


def _row(case: Case, result: Row, threads: int) -> Row:
    effort = asdict(case.effort)
    timing = result.pop("timing")
    return {
        "schema_version": SCHEMA_VERSION,
        "key": case.key, "scene": case.scene, "layout": case.layout, "method": case.method, "label": case.label,
        "settings": list(case.settings), "masks": list(case.masks), "seed": case.seed, "effort": effort,
        "same_prompts": case.prompts is not None, "config": case.config, "threads": threads, **result,
        "commit": commit(), "versions": versions(), "timing": timing,
    }  # fmt: skip


Runner = Callable[[Case, Progress, CancelToken], Outcome]
"""Runs one case somewhere."""


class ResultsFolder:
    """Rows, pictures, prompts and logs of a benchmark on disk; every file is whole at any moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self.rows = self._read()

    def _read(self) -> dict[str, Row]:
        path = self.folder / RESULTS
        if not path.is_file():
            return {}
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {row["key"]: row for row in rows}

    def add(self, outcome: Outcome, plan: Sequence[Case]) -> None:
        """Keep an outcome. Rows stand in the plan's order, so that a run that was interrupted gives the same file."""
        key = outcome.row["key"]
        with self._lock:
            for place, data in outcome.pictures.items():
                with atomic_write(self.folder / PICTURES / f"{key}-{place}.jpg") as file:
                    file.write(data)
            log = self.folder / LOGS / f"{key}.txt"
            log.unlink(missing_ok=True)  # of an earlier, failed run
            if outcome.row["status"] == "failed" and outcome.log:
                with atomic_write(log, "w") as file:
                    file.write(outcome.log)
            self.rows[key] = outcome.row
            self.write(plan)

    def write(self, plan: Sequence[Case]) -> None:
        """results.jsonl: the plan's rows in its order, then those of earlier plans; and the clicks of every method."""
        order = {case.key: place for place, case in enumerate(plan)}
        rows = sorted(self.rows.values(), key=lambda row: order.get(row["key"], len(order)))
        with atomic_write(self.folder / RESULTS, "w") as file:
            file.writelines(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        by_label: dict[str, list[Row]] = {}
        for row in rows:
            by_label.setdefault(_file_name(f"{row['label']} seed {row['seed']}"), []).append(row)
        for name, of_label in by_label.items():
            write_json(self.folder / PROMPTS / f"{name}.json", prompts_record(of_label))


def _file_name(text: str) -> str:
    return "-".join("".join(c if c.isalnum() or c in "._=" else " " for c in text).split())


def run_plan(
    plan: Sequence[Case],
    results: ResultsFolder,
    run: Runner,
    *,
    jobs: int = 1,
    retry_failed: bool = False,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> list[Row]:
    """Run the cases that have no row yet, `jobs` at a time.

    Returns:
        The rows of the plan, in its order.

    Raises:
        Cancelled: `cancel` was set; finished cases are kept.
    """
    cancel = cancel or CancelToken()
    waiting = [
        case
        for case in plan
        if case.key not in results.rows or (retry_failed and results.rows[case.key]["status"] == "failed")
    ]
    shares = {case.key: 0.0 for case in waiting}
    done_before = len(plan) - len(waiting)

    def work(case: Case) -> None:
        cancel.check()

        def report(fraction: float, message: str = "") -> None:
            shares[case.key] = fraction
            total = (done_before + sum(shares.values())) / max(len(plan), 1)
            progress(total, f"{case.scene}, {case.label}, seed {case.seed}: {message}")

        outcome = run(case, report, cancel)
        shares[case.key] = 1.0
        results.add(outcome, plan)

    with concurrent.futures.ThreadPoolExecutor(max_workers=max(jobs, 1)) as pool:
        futures = [pool.submit(work, case) for case in waiting]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            cancel.cancel()
            pool.shutdown(cancel_futures=True)
            raise
    results.write(plan)
    return [results.rows[case.key] for case in plan]
