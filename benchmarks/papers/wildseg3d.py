"""WildSeg3D's Table 3 and 4, its adjustment functions (Figure 5) and its sweep of alpha, by projected 3D.

    python -m benchmarks.papers.wildseg3d assets/captures/desk assets/captures/shelf SPARSE5 --workspace DIR

Rows are kept in DIR/wildseg3d.jsonl: a second call does what is missing or out of date and writes all tables. The
smallest case: `--tables variants --photos 3 --seeds 0 --iterations 20 --side 160` on one capture.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from benchmarks.common.rows import Row, append_row, known_results
from benchmarks.common.tables import markdown, write_result
from benchmarks.papers.wildseg3d_cases import Cameras, Case, Ground, Variant, ground_of, run_case, state_of
from liftlab.components.errors import InputError
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import missing

Table = Literal["variants", "views", "functions", "alphas"]
TABLES: tuple[Table, ...] = ("variants", "views", "functions", "alphas")
LETTERS = {"stereo": "S", "dust3r": "D", "mast3r": "M"}
"""Of the pairs, before the alignment's name as the paper writes it."""
VIEWS = (3, 4, 5, 7, 9)
ALPHAS = (-0.9, -0.5, 0.0, 0.5, 0.9)
STEEPNESS = {"arctan": (2.0, 5.0, 10.0), "logistic": (5.0, 10.0, 20.0), "log": (1.0, 10.0, 100.0)}
"""theta, delta and beta; the paper publishes curves alone."""
WORTH = 0.005
"""Differences of mIoU below this are none."""


def variants_of(pairs: str) -> list[Variant]:
    """What Table 3 has of a kind of pairs, as printed: GA weighs by C, D-DGA matches by SIFT, SGA needs descriptors."""
    letter = LETTERS[pairs]
    ga = Variant(f"{letter}-GA", pairs, "ga")
    log = Variant(f"{letter}-GA, ln C", pairs, "ga", (("conf_transform", "log"),))
    sparse = [] if pairs == "dust3r" else [Variant(f"{letter}-SGA", pairs, "sparse_ga")]
    return [ga, log, *sparse, Variant(f"{letter}-DGA", pairs, "dga", sift=pairs == "dust3r")]


def functions_of(pairs: str) -> list[Variant]:
    """Eq. (4) and the other adjustment functions."""
    letter = LETTERS[pairs]
    return [Variant(f"{letter}-DGA", pairs)] + [
        Variant(f"{letter}-DGA, {kind} {value:g}", pairs, "dga", (("adjustment", kind), ("steepness", value)))
        for kind, values in STEEPNESS.items()
        for value in values
    ]


def alphas_of(pairs: str) -> list[Variant]:
    """Each alpha alone, the other 0."""
    letter = LETTERS[pairs]
    both = [(p, 0.0) for p in ALPHAS] + [(0.0, n) for n in ALPHAS if n]
    return [
        Variant(f"{letter}-DGA, alpha_p {p:g}, alpha_n {n:g}", pairs, "dga", (("alpha_p", p), ("alpha_n", n)))
        for p, n in both
    ]


def best_pairs() -> str:
    """The paper's pairs where their weights are, else stereo."""
    return "stereo" if missing(PAIR_PREDICTORS.get("mast3r")) else "mast3r"


def there() -> list[str]:
    """Pairs that can be predicted here."""
    return [name for name in LETTERS if not missing(PAIR_PREDICTORS.get(name))]


def cases_of(
    captures: Sequence[Path],
    workspace: Path,
    tables: Sequence[Table],
    *,
    photos: int,
    views: Sequence[int],
    seeds: Sequence[int],
    cameras: Sequence[Cameras],
    side: int,
    iterations: int,
) -> dict[Table, list[Case]]:
    """The cases of each table; cases of one draw of photos stand together, so that they share what it takes."""
    plain = Variant("reconstruction", method="reconstruction")
    base = best_pairs()
    full = Variant(f"{LETTERS[base]}-DGA", base)
    kinds: dict[Table, tuple[list[Variant], Sequence[int]]] = {
        "variants": ([plain, *(v for pairs in there() for v in variants_of(pairs))], (photos,)),
        "views": ([plain, full], views),
        "functions": (functions_of(base), (photos,)),
        "alphas": (alphas_of(base), (photos,)),
    }
    out: dict[Table, list[Case]] = {}
    for name in tables:
        variants, counts = kinds[name]
        out[name] = [
            Case(capture, workspace, variant, count, seed, source, side, iterations)
            for capture in captures
            for count in counts
            for seed in seeds
            for variant in variants
            for source in (cameras if variant.method != "reconstruction" else ("known",))
        ]
    return out


def measure(cases: Iterable[Case], path: Path, *, retry: bool) -> dict[str, Row]:
    """Do the cases without a row that holds, each with its ground made once; all rows of the file."""
    known = known_results(path)
    ground: tuple[tuple[Any, ...], Ground | str] | None = None
    for case in cases:
        row = known.get(case.key)
        if row is not None and row["state"] == state_of(case) and not (retry and "failed" in row):
            continue
        draw = (case.capture, case.photos, case.seed)
        if ground is None or ground[0] != draw:
            ground = (draw, _ground(case))
        known[case.key] = row = _row(case, ground[1])
        append_row(path, row)
        print(f"{case.key}: {row.get('miou', row.get('failed'))}", flush=True)
    return known


def _ground(case: Case) -> Ground | str:
    """What cases share, or the sentence that says why there is none."""
    try:
        return ground_of(case)
    except InputError as error:
        return str(error)


def _row(case: Case, ground: Ground | str) -> Row:
    if isinstance(ground, str):
        return {**case.blank, "failed": ground}
    try:
        return run_case(case, ground)
    except InputError as error:
        return {**case.blank, "failed": str(error)}


def table(rows: Sequence[Row]) -> str:
    """One line per capture, variant, number of photos and cameras: means over the seeds that could be measured."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["capture"], row["photos"], row["cameras"], row["variant"]), []).append(row)
    lines = []
    for (capture, photos, cameras, variant), found in groups.items():
        good = [row for row in found if "failed" not in row]
        head = [capture, photos, variant, cameras, f"{len(good)} of {len(found)}"]
        if not good:
            lines.append([*head, f"failed: {found[0]['failed']}", *["-"] * 7])
            continue
        spread = [row["miou"] for row in good]
        lines.append(
            [*head, f"{np.mean(spread):.3f}", f"{np.std(spread):.3f}", f"{_mean(good, 'macc'):.3f}",
             f"{_mean(good, 'masks_miou'):.3f}", f"{_mean(good, 'valid'):.3f}",
             *(f"{np.mean([sum(row['seconds'].get(s, 0.0) for s in steps) for row in good]):.1f}"
               for steps in (("reconstruct", "masks"), ("pairs", "alignment"))),
             f"{np.mean([row['objects'] for row in good]):.1f}"]
        )  # fmt: skip
    return markdown(
        ["capture", "photos", "alignment", "cameras", "seeds", "mIoU, projected 3D", "spread", "mAcc, projected 3D",
         "mIoU, 2D masks", "valid", "photos to masks s", "pairs and alignment s", "objects"],
        lines,
    )  # fmt: skip


def verdict(rows: Sequence[Row]) -> str:
    """Whether DGA beats GA here, in a sentence, over the draws that both could be measured on."""
    found = {
        (row["capture"], row["photos"], row["seed"], row["cameras"], row["variant"]): row for row in rows
    }
    says = []
    for letter in LETTERS.values():
        for cameras in ("known", "solved"):
            gains = [
                row["miou"] - other["miou"]
                for (*draw, source, name), row in found.items()
                if name == f"{letter}-DGA" and source == cameras and "failed" not in row
                and "failed" not in (other := found.get((*draw, source, f"{letter}-GA"), {"failed": ""}))
            ]  # fmt: skip
            if gains:
                gain = float(np.mean(gains))
                word = "beats" if gain > WORTH else "loses to" if gain < -WORTH else "equals"
                says.append(
                    f"{letter}-DGA {word} {letter}-GA with {cameras} cameras ({gain:+.3f} mIoU over {len(gains)} draws)"
                )
    return f"{'; '.join(says)}." if says else "DGA and GA could not be compared."


def _mean(rows: Sequence[Row], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))


TITLES: dict[Table, str] = {
    "variants": "Table 3: alignments",
    "views": "Table 4: number of photos",
    "functions": "Figure 5: adjustment functions",
    "alphas": "Sweep of alpha",
}


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    tables: tuple[Table, ...] = TABLES,
    photos: int = 5,
    views: tuple[int, ...] = VIEWS,
    seeds: tuple[int, ...] = (0, 1, 2),
    cameras: tuple[Cameras, ...] = ("known", "solved"),
    side: int = 320,
    iterations: int = 500,
    retry: bool = False,
    result: str = "wildseg3d",
) -> None:
    """Do the cases that are missing or out of date, then write the tables.

    Args:
        captures: With truth, in the layout of the bundled ones.
        workspace: Where reconstructions, masks and rows are kept.
        tables: Which.
        photos: Of every table but that of the number of photos; the paper takes 5.
        views: Numbers of photos of that table.
        seeds: Of the draw of photos.
        cameras: The reconstruction's, or solved by the alignment, as in the paper.
        side: Long side of stereo's pairs, pixels.
        iterations: Of GA and DGA; the paper takes 500.
        retry: Do cases that failed once more.
        result: Name of the file in benchmarks/results.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    cases = cases_of(
        captures, workspace, tables, photos=photos, views=views, seeds=seeds, cameras=cameras, side=side,
        iterations=iterations,
    )  # fmt: skip
    known = measure(
        (case for own in cases.values() for case in own), workspace / "wildseg3d.jsonl", retry=retry
    )
    lacking = [LETTERS[name] for name in LETTERS if name not in there()]
    sections = [
        "One click per object in the photo that shows most of it; WildSeg3D's masks of all photos are lifted by the "
        "alignment's depths (boundaries left out) and projected into the other photos, each without its own points. "
        "Means over objects and photos, then over draws of neighbouring photos; spread is the standard deviation over "
        f"draws. S: pairs by stereo, D: DUSt3R, M: MASt3R{_lacking(lacking)}. Reconstruction: its own points, without "
        "pairs. Known cameras: the reconstruction's.",
    ]
    for name, own in cases.items():
        rows = [known[case.key] for case in own]
        sections.append(f"## {TITLES[name]}\n\n{table(rows)}")
        if name == "variants":
            sections.append(verdict(rows))
    write_result(result, "WildSeg3D's tables, by projected 3D", sections)


def _lacking(letters: Sequence[str]) -> str:
    return f" (no weights here: {', '.join(letters)})" if letters else ""


if __name__ == "__main__":
    tyro.cli(main)
