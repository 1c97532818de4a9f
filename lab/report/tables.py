"""The tables of a report, independent of how they are written."""

from collections.abc import Sequence
from dataclasses import dataclass

from liftlab.report.summary import BY_NAME, METRICS, Entry, Metric, Row, entries, ranks, scenes_of


@dataclass(frozen=True)
class Cell:
    """One value."""

    text: str
    rank: int | None = None
    """1 = best, 2 = second best of the column."""
    value: float | None = None
    """The number behind the text, in its own unit (fractions, seconds)."""


@dataclass(frozen=True)
class Table:
    """One table; the first column names the row."""

    name: str
    """For file names."""
    title: str
    note: str
    headers: tuple[str, ...]
    meanings: tuple[str, ...]
    """What each column says; same length as `headers`."""
    rows: tuple[tuple[Cell, ...], ...]


def shown(metric: Metric, value: float | None) -> str:
    """A value for people: fractions in percent with one decimal."""
    if value is None:
        return "–"
    if metric.kind == "percent":
        return f"{100 * value:.1f}"
    if metric.kind == "number":
        return f"{value:.2f}"
    if metric.kind == "milliseconds":
        return f"{1000 * value:.0f} ms"
    if metric.kind == "mebibytes":
        return f"{value:.0f} MiB"
    return f"{value:.1f} s"


def all_tables(rows: Sequence[Row]) -> list[Table]:
    """Overview, one table per scene, and objects of each scene."""
    return [overview(rows), *(scene_table(rows, scene) for scene in scenes_of(rows)), *ablations(rows)]


def overview(rows: Sequence[Row]) -> Table:
    """Every method with its settings, mean over scenes."""
    lines = entries(rows)
    scenes = scenes_of(rows)
    note = f"Mean over {len(scenes)} scene{'s' * (len(scenes) != 1)} ({', '.join(scenes)}).{_rankers(rows)}"
    if any(not line.complete for line in lines):
        note += (
            " Methods that lack a scene are not ranked; the number of failed cases stands behind their name."
        )
    return _table("overview", "Overview", note, lines)


def scene_table(rows: Sequence[Row], scene: str) -> Table:
    """Every method on one scene."""
    own = [row for row in rows if row["scene"] == scene]
    counts = [len(row["objects"]) for row in own if row["status"] == "ok"]
    note = f"Mean over {counts[0]} objects." if counts else "No case of this scene has a result."
    left_out = sorted({photo for row in own if row["status"] == "ok" for photo in row["unregistered"]})
    note += _rankers(own)
    if left_out:
        note += f" Photos that could not be placed, and count as empty: {', '.join(left_out)}."
    return _table(f"scene-{scene}", scene, note, entries(own))


def _rankers(rows: Sequence[Row]) -> str:
    """Who ranked objects where words were the prompt, as a sentence; empty where none were."""
    names = {
        "attributes": "measured attributes",
        "open_clip": "an image-text model (open_clip)",
        "votes": "votes of masks by an image-text model (votes)",
    }
    used = sorted({str(row["ranker"]) for row in rows if row["status"] == "ok" and row.get("ranker")})
    return f" Words were ranked by {' and '.join(names.get(name, name) for name in used)}." if used else ""


def ablations(rows: Sequence[Row]) -> list[Table]:
    """One table per method that ran with several settings or masks, against its defaults on the same scenes."""
    out = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        lines = entries(own)
        if len(lines) > 1:
            out.append(
                _table(
                    f"ablation-{method}",
                    f"Ablation: {method}",
                    "One line per setting, mean over scenes.",
                    lines,
                )
            )
    return out


def object_table(row: Row) -> Table:
    """The objects of one case."""
    metrics = [BY_NAME[name] for name in ("iou_first", "iou_last", "view_iou", "accuracy", "boundary")]
    lines = []
    for entry in row["objects"]:
        last = entry["last"]
        values = [
            entry["ious"][0],
            entry["ious"][-1],
            last["view_iou"],
            last["accuracy"],
            last["boundary_iou"],
        ]
        cells = [Cell(shown(m, v), None, v) for m, v in zip(metrics, values, strict=True)]
        lines.append(
            (Cell(entry["name"]), *cells, Cell(str(len(entry["clicks"])), None, len(entry["clicks"])))
        )
    return Table(
        name=f"objects-{row['scene']}-{row['key']}",
        title=f"{row['scene']}, {row['label']}, seed {row['seed']}",
        note="",
        headers=("object", *(m.title for m in metrics), "clicks"),
        meanings=("", *(m.meaning for m in metrics), "Prompts that were given"),
        rows=tuple(lines),
    )


def _table(name: str, title: str, note: str, lines: Sequence[Entry]) -> Table:
    """One line per entry; columns that nobody has are left out."""
    metrics = [m for m in METRICS if any(m.name in line.numbers for line in lines)]
    columns = []
    for metric in metrics:
        values = [line.numbers.get(metric.name) for line in lines]
        texts = [shown(metric, value) for value in values]
        # Values that look the same share a rank, so that no table marks a difference it does not show.
        rounded = [
            _shown_value(metric, v) if line.complete else None for v, line in zip(values, lines, strict=True)
        ]
        places = ranks(rounded, metric.better)
        columns.append([Cell(t, p, v) for t, p, v in zip(texts, places, values, strict=True)])
    body = []
    for index, line in enumerate(lines):
        label = line.label + (f" ({line.failed} failed)" if line.failed else "")
        body.append((Cell(label), *(column[index] for column in columns)))
    return Table(
        name,
        title,
        note,
        ("method", *(m.title for m in metrics)),
        ("", *(m.meaning for m in metrics)),
        tuple(body),
    )


def _shown_value(metric: Metric, value: float | None) -> float | None:
    if value is None:
        return None
    digits = {"percent": 3, "number": 2, "milliseconds": 3, "mebibytes": 0, "seconds": 1}[metric.kind]
    return round(value, digits)
