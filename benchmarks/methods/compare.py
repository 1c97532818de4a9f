"""Every method on the same splats and masks, scored on photos that no step ever saw.

    python -m benchmarks.methods.compare assets/captures/desk assets/captures/shelf --workspace DIR

Each case runs in a process of its own and is kept in DIR/methods.jsonl: a second call does what is missing or out of
date (`cases.state_of`), then writes the table of all. The default is one seed and at most a minute of training
per case, and the papers' ablations on the first capture; `--full` takes three seeds, each method's own length of
training, and the ablations on every capture.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from benchmarks.common.rows import append_row, known_results
from benchmarks.common.tables import markdown, write_result
from benchmarks.methods.cases import ABLATIONS, KEPT, ROUNDS, ROWS, VARIANTS, Case, Masks, run_case, state_of
from benchmarks.methods.pictures import save_pictures
from benchmarks.methods.times import QUERY_CHANNELS, QUERY_GAUSSIANS, decode_times, query_times
from liftlab.components.errors import InputError

SHORT_SECS = 60.0
BEHIND = 0.05
"""IoU by which a method may lie below WildSeg3D on the default proposals."""
BASE, DECODED = "wildseg3d", "unic_lift"
"""What the others are compared with, and the method whose reading of pixels is timed."""


def cases_of(
    captures: Sequence[Path], workspace: Path, variants: Sequence[str], masks: Sequence[Masks], *, full: bool
) -> list[Case]:
    """Cases of a call in the order they are run: all methods first, then the ablations (ORACLE masks).

    WildSeg3D has no case with ORACLE masks: it looks objects up by ids, and those differ from view to view there.
    """
    budget = 0.0 if full else SHORT_SECS
    seeds = range(3 if full else 1)
    chosen = variants or tuple(VARIANTS)
    cases = [
        Case(capture, workspace, variant, source, seed, budget)
        for capture in captures
        for source in masks
        for variant in chosen
        for seed in seeds
        if not (variant == BASE and source == "oracle")
    ]
    if not variants and "oracle" in masks:
        ablated = captures if full else captures[:1]
        cases += [
            Case(capture, workspace, variant, "oracle", seed, budget)
            for capture in ablated
            for variant in ABLATIONS
            for seed in seeds
        ]
    return cases


def missing(cases: Sequence[Case], known: dict[str, dict[str, Any]], *, retry: bool) -> list[Case]:
    """Cases without a row that still holds; those that failed count as done unless `retry`."""
    left = []
    for case in cases:
        row = known.get(case.key)
        if row is None or row.get("state") != state_of(case) or (retry and "failed" in row):
            left.append(case)
    return left


def current(rows: Iterable[dict[str, Any]], workspace: Path) -> list[dict[str, Any]]:
    """Rows that still hold, whichever call made them."""
    held = []
    for row in rows:
        if row["variant"] in ROWS:
            case = Case(
                Path(row["capture"]), workspace, row["variant"], row["masks"], row["seed"], row["budget_secs"]
            )
            if row.get("state") == state_of(case):
                held.append(row)
    return held


def run_apart(case: Case, limit_secs: float) -> dict[str, Any]:
    """The row of a case, made in a process of its own so that its peak memory is its own; a failure is a row too."""
    arguments = [f"--{f.name.replace('_', '-')}={getattr(case, f.name)}" for f in dataclasses.fields(case)]
    command = [sys.executable, "-m", "benchmarks.methods.compare", "case", *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit_secs)
    except subprocess.TimeoutExpired:
        return {**case.blank, "failed": f"longer than {limit_secs:g} s"}
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
        return {**case.blank, "failed": said[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


SOME_HAVE = ("psnr", "pq_classes")
"""Numbers of methods that draw splats, or learn classes."""
NUMBERS = ("pq", "miou", "precision", "recall", "prepare_secs", "click_ms", "peak_mib")


def averaged(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the same case and budget, averaged over seeds; failed ones stay by themselves."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        failed = row["seed"] if "failed" in row else None
        key = (row["capture"], row["masks"], row["variant"], row["budget_secs"], failed)
        groups.setdefault(key, []).append(row)
    order = list(ROWS)
    out = []
    for _, found in sorted(
        groups.items(), key=lambda item: (*item[0][:2], order.index(item[0][2]), item[0][3], str(item[0][4]))
    ):
        first = found[0]
        if "failed" in first:
            out.append(first)
            continue
        numbers: dict[str, float | None] = {
            name: float(np.mean([row[name] for row in found])) for name in NUMBERS
        }
        curves = {
            name: np.mean([row[name] for row in found], axis=0).tolist() for name in ("iou", "accuracy")
        }
        known = {name: [row[name] for row in found if row.get(name) is not None] for name in SOME_HAVE}
        numbers |= {name: float(np.mean(values)) if values else None for name, values in known.items()}
        steps = "/".join(str(row["iterations"]) for row in found if row["iterations"]) or "-"
        out.append({**first, **numbers, **curves, "steps": steps, "seeds": len(found)})
    return out


def table(rows: Sequence[dict[str, Any]]) -> str:
    """One line per capture, masks and variant."""
    lines = []
    for row in averaged(rows):
        head = [
            row["capture"],
            "ORACLE" if row["masks"] == "oracle" else row["masks"],
            row["variant"],
            f"{row['budget_secs']:g} s" if row["budget_secs"] else "own",
        ]
        if "failed" in row:
            lines.append([*head, f"failed: {row['failed']}", *["-"] * (2 * len(ROUNDS) + 10)])
            continue
        lines.append(
            [
                *head,
                row["steps"],
                row["seeds"],
                *(f"{value:.3f}" for value in (*row["iou"], *row["accuracy"])),
                f"{row['pq']:.3f}",
                _or_dash(row["pq_classes"], 3),
                *(f"{row[name]:.3f}" for name in ("miou", "precision", "recall")),
                _or_dash(row["psnr"], 2),
                f"{row['prepare_secs']:.0f}",
                f"{row['click_ms']:.1f}",
                f"{row['peak_mib']:.0f}",
            ]
        )
    head = ["capture", "masks", "method", "training", "steps", "seeds", *(f"IoU {k}" for k in ROUNDS)]
    head += [
        *(f"acc {k}" for k in ROUNDS),
        "PQ_scene",
        "PQ with classes",
        "mIoU",
        "precision",
        "recall",
        "PSNR",
    ]
    return markdown([*head, "prepare s", "ms/click", "peak MiB"], lines)


def _or_dash(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def ablation_table(rows: Sequence[dict[str, Any]]) -> str:
    """What each claim is worth: the whole method minus the method without it, on the same capture, masks and budget."""
    found = [row for row in averaged(rows) if "failed" not in row]
    whole = {(row["capture"], row["masks"], row["budget_secs"], row["variant"]): row for row in found}
    lines = []
    for row in found:
        name, _ = ROWS[row["variant"]]
        base = whole.get((row["capture"], row["masks"], row["budget_secs"], name))
        if row["variant"] not in ABLATIONS or base is None:
            continue
        gains = [a - b for a, b in zip(base["iou"], row["iou"], strict=True)] + [base["pq"] - row["pq"]]
        lines.append([row["capture"], row["variant"], row["seeds"], *(f"{gain:+.3f}" for gain in gains)])
    return markdown(["capture", "taken away", "seeds", *(f"IoU {k}" for k in ROUNDS), "PQ_scene"], lines)


def behind(rows: Sequence[dict[str, Any]]) -> str:
    """Which methods lie below WildSeg3D on the default proposals by more than `BEHIND`, in a sentence."""
    found = [row for row in averaged(rows) if row["masks"] == "proposals" and "failed" not in row]
    best = {row["capture"]: row["iou"] for row in found if row["variant"] == BASE}
    late = [
        f"{row['variant']} on {row['capture']} by {lost:.3f} after {k}"
        for row in found
        if row["variant"] in VARIANTS
        for k, ours, theirs in zip(ROUNDS, row["iou"], best.get(row["capture"], row["iou"]), strict=True)
        if (lost := theirs - ours) > BEHIND
    ]
    says = ", ".join(late) if late else "none"
    return f"Below WildSeg3D by more than {BEHIND:g} IoU with the default proposals (clicks): {says}."


def run(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    variants: tuple[str, ...] = (),
    masks: tuple[Masks, ...] = ("oracle", "proposals"),
    full: bool = False,
    case_secs: float = 3600.0,
    again: tuple[str, ...] = (),
    retry: bool = False,
    pictures: Path | None = None,
    note: str = "",
) -> None:
    """Do the cases that are missing or out of date, then write the table of all.

    Args:
        captures: Capture folders with truth and test photos.
        workspace: Where reconstructions, splats, masks, prepared methods and the results so far are kept.
        variants: Rows to do; when empty all methods, and the ablations on the first capture.
        masks: Where masks come from: the truth of the training photos, spoilt, or the default proposals.
        full: Three seeds, own lengths of training, ablations on every capture.
        case_secs: A case that takes longer is given up and named.
        again: Rows to do anew although nothing about them changed, such as those measured on a busy machine.
        retry: Do cases that failed once more.
        pictures: Folder for a picture per capture of what every method segments by itself (docs/images/methods).
        note: A sentence for the table, such as how busy the machine was.
    """
    for name in (*variants, *again):
        if name not in ROWS:
            raise InputError(f"There is no row '{name}'; there are {', '.join(ROWS)}.")
    workspace.mkdir(parents=True, exist_ok=True)
    path = workspace / "methods.jsonl"
    cases = cases_of(captures, workspace, variants, masks, full=full)
    if again:
        _forget(path, workspace, cases, again)
    waiting = missing(cases, known_results(path), retry=retry)
    for number, case in enumerate(waiting, start=1):
        print(f"{number} of {len(waiting)}: {case.key}", flush=True)
        row = run_apart(case, case_secs)
        append_row(path, row)
        print(f"  {'failed: ' + row['failed'] if 'failed' in row else row['iou']}", flush=True)
    known = known_results(path)
    if pictures is not None:
        shown = [
            case
            for case in cases
            if case.variant in VARIANTS and case.seed == 0 and "failed" not in known[case.key]
        ]
        save_pictures(shown, pictures)
    decoded = next(
        (case for case in cases if case.variant == DECODED and "failed" not in known[case.key]), None
    )
    _write(current(known.values(), workspace), note, decoded)


def _forget(path: Path, workspace: Path, cases: Sequence[Case], again: Sequence[str]) -> None:
    """Leave out rows and prepared states of some variants of a call."""
    keys = {case.key for case in cases if case.variant in again}
    rows = [row for key, row in known_results(path).items() if key not in keys]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for record in (workspace / KEPT).glob("*/benchmark.json"):
        if json.loads(record.read_text(encoding="utf-8"))["key"] in keys:
            shutil.rmtree(record.parent)


def _write(rows: Sequence[dict[str, Any]], note: str, decoded: Case | None) -> None:
    methods = [row for row in rows if row["variant"] in VARIANTS]
    ablations = [row for row in rows if row["variant"] in ABLATIONS]
    sections = [
        "Splats and masks are the same for all. IoU pooled over the test photos, mean over objects, after 1, 3 and 5 "
        "simulated clicks in training photos; accuracy alike. PQ_scene, mIoU, precision and recall of segment "
        "everything on the test photos; PQ with classes by the rule of ScanNet and Replica, for methods that learn the "
        "classes of their masks; PSNR (dB) of the test photos by the method's splats. ORACLE: truth masks of the "
        "training photos, ids shuffled per view, 10 % dropped, boundaries moved by up to 2 px (WildSeg3D looks objects "
        "up by their ids, so it has no such row). Training: seconds at most, or the method's own length.",
        table(methods),
        behind(methods),
    ]
    if ablations:
        sections += [
            "What each key claim of the papers is worth here: the whole method minus the method without it (or with "
            "the alternative named), positive where the claim holds.",
            ablation_table(rows),
            table(ablations),
        ]
    sections += [
        f"SAGA's query over {QUERY_GAUSSIANS:,} splats with {QUERY_CHANNELS} channels, without drawing masks:",
        query_times(),
    ]
    if decoded is not None:
        sections += [
            f"UniC-Lift's objects of a photo of {decoded.capture.name}, drawn and read at 640 x 480:",
            decode_times(decoded),
        ]
    if note:
        sections.insert(1, note)
    write_result("methods", "Methods on the same splats and masks, scored on unseen photos", sections)


def case(case: Annotated[Case, tyro.conf.arg(name="")]) -> None:
    """One case; its row as JSON on the last line."""
    print(json.dumps(run_case(case)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["case"]:
        tyro.cli(case, args=sys.argv[2:])
    else:
        tyro.cli(run)
