"""The report: one HTML file that needs nothing else, with tables, plots, pictures and every setting."""

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from liftlab.bench.pictures import MISSED, RIGHT, WRONG, pictured
from liftlab.bench.runner import PICTURES
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.report.summary import Row, entries, labels_of, mean_curve, scenes_of
from liftlab.report.svg import Series, curves, key_mark, scatter
from liftlab.report.tables import Cell, Table, ablations, object_table, overview, scene_table

STYLE = Path(__file__).with_name("style.css")
PICTURED_SCENES = 4
"""Scenes with pictures, so that a report of a large benchmark can still be sent."""


def write_html(rows: Sequence[Row], folder: Path, path: Path, *, command: str = "") -> Path:
    """Write the report of some rows.

    Args:
        rows: Of one benchmark.
        folder: Where its pictures/ lie.
        path: File to write.
        command: What made it, shown at the top.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            file.write(html_of(rows, folder, command=command))
    except OSError as error:
        raise InputError(f"The report cannot be written ({error.strerror}): {path}") from error
    return path


def html_of(rows: Sequence[Row], folder: Path, *, command: str = "") -> str:
    """The page as text."""
    sections = [
        ("overview", "Overview", _overview(rows)),
        ("curves", "Clicks, time and quality", _plots(rows)),
        (
            "scenes",
            "Scenes",
            "".join(table_html(scene_table(rows, scene), level=3) for scene in scenes_of(rows)),
        ),
        ("ablations", "Ablations", "".join(table_html(table, level=3) for table in ablations(rows))),
        ("pictures", "Best, median and worst", _pictures(rows, folder)),
        ("objects", "Objects", _objects(rows)),
        ("failures", "Failed cases", _failures(rows)),
        ("settings", "Settings", _settings(rows)),
        ("meaning", "What the columns mean", _meanings(rows)),
    ]
    sections = [section for section in sections if section[2]]
    return page_html("LiftLab benchmark", _head(rows, command), sections)


def page_html(title: str, head: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """A page that needs nothing else.

    Args:
        title: Plain text.
        head: HTML under the title.
        sections: Id, title (plain text) and content (HTML) of each.
    """
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in sections)
    body = "".join(f'<section id="{n}"><h2>{escape(t)}</h2>{content}</section>' for n, t, content in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<h1>{escape(title)}</h1>{head}<nav>{links}</nav>{body}</body></html>\n"
    )


def _head(rows: Sequence[Row], command: str) -> str:
    def listed(name: str) -> str:
        return ", ".join(sorted({str(row[name]) for row in rows if row.get(name)}))

    seeds = sorted({row["seed"] for row in rows})
    lines = [
        f"{_counted(labels_of(rows), 'method or setting', 'methods and settings')} on "
        f"{_counted(scenes_of(rows), 'scene', 'scenes')}, {_counted(seeds, 'seed', 'seeds')} "
        f"({', '.join(map(str, seeds))}): {_counted(rows, 'case', 'cases')}.",
        f"Device: {escape(listed('device') or 'unknown')}. Commit: {escape(listed('commit'))}.",
    ]
    if command:
        lines.append(f"Made by <code>{escape(command)}</code>")
    return "".join(f'<p class="soft">{line}</p>' for line in lines)


def _counted(things: Sequence[object], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


def _overview(rows: Sequence[Row]) -> str:
    best, second = '<span class="rank1">&nbsp;best&nbsp;</span>', '<span class="rank2">second</span>'
    return (
        table_html(overview(rows), level=0)
        + f'<p class="soft">Marked: {best} and {second} of each column.</p>'
    )


def table_html(table: Table, *, level: int) -> str:
    """A table that scrolls inside its own box when the page is narrow; level 0 leaves the title out."""
    title = f"<h{level}>{escape(table.title)}</h{level}>" if level else ""
    note = f'<p class="soft">{escape(table.note)}</p>' if table.note else ""
    head = "".join(
        f'<th title="{escape(m)}">{escape(h)}</th>'
        for h, m in zip(table.headers, table.meanings, strict=True)
    )
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
    return (
        f'{title}{note}<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    mark = f' class="rank{cell.rank}"' if cell.rank else ""
    return f"<td{mark}>{escape(cell.text)}</td>"


def _plots(rows: Sequence[Row]) -> str:
    """IoU against clicks, and against the seconds of a preparation and of an answer."""
    lines = {entry.label: entry.numbers for entry in entries(rows) if entry.numbers}
    if not lines:
        return ""
    numbers = {label: index for index, label in enumerate(lines)}
    clicked = [
        Series(
            numbers[label], label, tuple((k + 1.0, 100 * v) for k, v in enumerate(mean_curve(rows, label)))
        )
        for label in lines
    ]
    clicked = [series for series in clicked if series.points]
    figures = []
    if clicked:
        low = _floor([y for series in clicked for _, y in series.points])
        plot = curves(clicked, x_title="clicks", y_title="object IoU, %", y_low=low)
        figures.append(figure_html(plot, "Object IoU after each click, mean over scenes."))
    for name, title, factor, caption in (
        ("prepare", "preparation, s", 1, "Quality against the time of a method's preparation."),
        ("click", "one answer, ms", 1000, "Quality against the median time of an answer."),
    ):
        points = [
            Series(numbers[label], label, ((max(factor * n[name], 1e-3), 100 * n["iou_last"]),))
            for label, n in lines.items()
            if name in n
        ]
        if points:
            low = _floor([y for series in points for _, y in series.points])
            plot = scatter(points, x_title=title, y_title="object IoU, %", y_low=low)
            figures.append(figure_html(plot, caption))
    legend = "".join(f"<li>{key_mark(number)}{escape(label)}</li>" for label, number in numbers.items())
    return f'<ul class="legend">{legend}</ul><div class="plots">{"".join(figures)}</div>'


def _floor(values: Sequence[float]) -> float:
    """Where the percent axis starts: at a round number below everything shown, with room."""
    return float(max(0, int((min(values) - 5) // 10) * 10))


def figure_html(content: str, caption: str) -> str:
    """HTML with a caption of plain text under it."""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def _pictures(rows: Sequence[Row], folder: Path) -> str:
    """Of the first seed of every method on the first scenes."""
    parts = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        place = (row["scene"], row["label"])
        if row["status"] != "ok" or place in seen or row["scene"] not in scenes_of(rows)[:PICTURED_SCENES]:
            continue
        seen.add(place)
        figures = []
        for which, entry in pictured(row["objects"]).items():
            path = folder / PICTURES / f"{row['key']}-{which}.jpg"
            if path.is_file():
                data = base64.b64encode(path.read_bytes()).decode()
                name = f"{which}: {entry['name']}, IoU {100 * entry['ious'][-1]:.1f} %"
                image = f'<img alt="{escape(name)}" src="data:image/jpeg;base64,{data}">'
                figures.append(figure_html(image, f"{name} after {max(len(entry['clicks']), 1)} prompts"))
        if figures:
            parts.append(
                f"<h3>{escape(row['scene'])}, {escape(row['label'])}</h3>"
                f'<div class="pictures">{"".join(figures)}</div>'
            )
    colours = ((RIGHT, "right"), (MISSED, "missed"), (WRONG, "wrongly taken"))
    key = "".join(
        f'<li><span class="swatch" style="background:rgb{colour}"></span>{name}</li>'
        for colour, name in colours
    )
    note = (
        '<p class="soft">The photo in which the object is largest; white line: truth; + and -: the prompts that '
        "fell into this photo.</p>"
    )
    return f'<ul class="legend">{key}</ul>{note}{"".join(parts)}' if parts else ""


def _objects(rows: Sequence[Row]) -> str:
    parts = []
    for row in rows:
        if row["status"] == "ok":
            table = object_table(row)
            parts.append(
                f"<details><summary>{escape(table.title)}</summary>{table_html(table, level=0)}</details>"
            )
    return "".join(parts)


def _failures(rows: Sequence[Row]) -> str:
    failed = [row for row in rows if row["status"] != "ok"]
    lines = "".join(
        f"<li>{escape(row['scene'])}, {escape(row['label'])}, seed {row['seed']}: {escape(row['sentence'])}</li>"
        for row in failed
    )
    return f"<ul>{lines}</ul>" if failed else ""


def _settings(rows: Sequence[Row]) -> str:
    """Every method's configuration, the effort, and the packages, once each."""
    parts = []
    for label in labels_of(rows):
        row = next(row for row in rows if row["label"] == label)
        shown = {"method": row["method"], "masks": row["masks"] or "default", "config": row["config"]}
        parts.append(settings_html(label, shown))
    efforts = {json.dumps(row["effort"]): row["effort"] for row in rows}
    for effort in efforts.values():
        parts.append(settings_html("Effort", effort))
    versions = {json.dumps(row["versions"]): row["versions"] for row in rows}
    for packages in versions.values():
        parts.append(settings_html("Versions", packages))
    return "".join(parts)


def settings_html(title: str, value: object) -> str:
    """A JSON-ready value, folded away under its title."""
    text = escape(json.dumps(value, indent=1, ensure_ascii=False))
    return f"<details><summary>{escape(title)}</summary><pre>{text}</pre></details>"


def _meanings(rows: Sequence[Row]) -> str:
    table = overview(rows)
    pairs = list(zip(table.headers, table.meanings, strict=True))[1:]
    lines = "".join(f"<li><b>{escape(header)}</b>: {escape(meaning)}</li>" for header, meaning in pairs)
    return f'<ul class="soft">{lines}</ul>'


__all__ = ["figure_html", "html_of", "page_html", "settings_html", "table_html", "write_html"]
