"""A comparison as one HTML file to send: the numbers, the outlines in the photos, the prompts and every setting."""

import base64
import io
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from liftlab.bench.pictures import JPEG_QUALITY, MISSED, RIGHT, WIDTH_PX, WRONG, draw
from liftlab.bench.provenance import commit, device_name, versions
from liftlab.compare.comparison import Comparison, PaneScores, PhotoMasks
from liftlab.components.captures.benchmark_layouts import PhotoPoint
from liftlab.components.types import Array, View
from liftlab.files.config_records import to_plain
from liftlab.pictures.overlays import drawn, photo_lookup
from liftlab.report.html import figure_html, page_html, settings_html, table_html
from liftlab.report.tables import Cell, Table
from liftlab.session.markers import marker_of

MOST_PHOTOS = 12
"""Shown, those in which most is selected."""
NO_VALUE = "–"


def report_of(comparison: Comparison, reference: PhotoMasks | None, reference_name: str) -> str:
    """The page as text.

    Args:
        comparison: Something has been asked.
        reference: What counts as right; None leaves the scores out.
        reference_name: What people read for it.
    """
    asked = comparison.asked
    title = f"{asked.object if asked is not None else 'Comparison'} in {comparison.scene_name}"
    rows = comparison.rows(reference)
    sections = [
        ("numbers", "Numbers", table_html(_numbers(comparison, rows, reference_name), level=0)),
        ("agreement", "Agreement", table_html(_agreement(comparison, rows), level=0)),
        ("photos", "Photos", _photos(comparison, rows, reference)),
        ("settings", "Prompts and settings", _settings(comparison)),
    ]
    head = (
        f'<p class="soft">{len(rows)} methods, the same prompts. Right answer: {escape(reference_name)}.</p>'
        f'<p class="soft">Device: {escape(device_name())}. Commit: {escape(commit())}.</p>'
    )
    return page_html(title, head, sections)


def _numbers(comparison: Comparison, rows: Sequence[PaneScores], reference_name: str) -> Table:
    scored = any(row.iou is not None for row in rows)
    score = f"; right: {reference_name}" if scored else "; no right answer was chosen"
    columns = (
        ("IoU", f"All photos together{score}", [_cell(row.iou, "{:.3f}") for row in rows]),
        ("IoU per photo", f"Mean over photos{score}", [_cell(row.view_iou, "{:.3f}") for row in rows]),
        ("outline IoU", f"Along the outline{score}", [_cell(row.boundary_iou, "{:.3f}") for row in rows]),
        (
            "time",
            "Server time from the prompts to masks in memory",
            [_cell(row.ms, "{:.1f} ms") for row in rows],
        ),
        ("selected", "Points or Gaussians", [_cell(row.primitives, "{:,}") for row in rows]),
        ("pixels", "Over all photos", [_cell(row.pixels, "{:,}") for row in rows]),
        (
            "granularity",
            "0 = smallest part, 1 = largest whole",
            [
                Cell("as asked") if c.granularity is None else _cell(c.granularity, "{:.2f}")
                for c in comparison.choices
            ],
        ),
    )
    note = " ".join(f"{row.method}: {row.message}" for row in rows if row.message)
    lines = (
        tuple(cells)
        for cells in zip([Cell(row.method) for row in rows], *(c for *_, c in columns), strict=True)
    )
    headers = ("method", *(header for header, *_ in columns))
    return Table("numbers", "Numbers", note, headers, ("", *(m for _, m, _ in columns)), tuple(lines))


def _cell(value: float | None, form: str) -> Cell:
    return Cell(NO_VALUE) if value is None else Cell(form.format(value), None, value)


def _agreement(comparison: Comparison, rows: Sequence[PaneScores]) -> Table:
    """IoU of every two answers."""
    names = [f"{number} {row.method}" for number, row in enumerate(rows, start=1)]
    lines = [
        (Cell(name), *(_cell(None if np.isnan(value) else float(value), "{:.3f}") for value in values))
        for name, values in zip(names, comparison.agreement_table(), strict=True)
    ]
    meaning = "IoU of the two answers over all photos"
    return Table(
        "agreement", "Agreement", "", ("IoU of", *names), ("", *[meaning] * len(names)), tuple(lines)
    )


def _photos(comparison: Comparison, rows: Sequence[PaneScores], reference: PhotoMasks | None) -> str:
    scene = comparison.sessions[0].scene
    assert scene is not None
    answers = {
        pane: state.masks for pane, state in enumerate(comparison.states) if state is not None and state.masks
    }
    sizes = [sum(int(masks[view].sum()) for masks in answers.values()) for view in range(len(scene.views))]
    most = sorted(range(len(sizes)), key=lambda view: -sizes[view])[:MOST_PHOTOS]
    parts = []
    for index in sorted(view for view in most if sizes[view]):
        view = scene.views[index]
        lookup = photo_lookup(view, WIDTH_PX)
        right = None if reference is None else reference.get(view.name)
        figures = []
        for pane, masks in answers.items():
            picture = _picture(view, drawn(masks[index], lookup), right, lookup, _points(comparison, view))
            name = f"{rows[pane].method} in {view.name}"
            image = f'<img alt="{escape(name)}" src="data:image/jpeg;base64,{_jpeg(picture)}">'
            left_out = reference is not None and right is None
            figures.append(figure_html(image, rows[pane].method + (" (not scored here)" if left_out else "")))
        parts.append(f'<h3>{escape(view.name)}</h3><div class="pictures">{"".join(figures)}</div>')
    known = ((RIGHT, "right"), (MISSED, "missed"), (WRONG, "wrongly taken"))
    meanings = known if reference is not None else ((RIGHT, "selected"),)
    key = "".join(
        f'<li><span class="swatch" style="background:rgb{colour}"></span>{name}</li>'
        for colour, name in meanings
    )
    return f'<ul class="legend">{key}</ul>{"".join(parts)}' if parts else "<p>Nothing is selected.</p>"


def _picture(
    view: View,
    answer: Bool[Array, "h w"],
    right: Bool[Array, "_ _"] | None,
    lookup: Int[Array, "h w"],
    points: list[PhotoPoint],
) -> UInt8[Array, "h w 3"]:
    """The photo with an answer against what is right, as the reports of benchmarks draw it."""
    height, width = lookup.shape
    image = view.image.reshape(-1, 3)[np.maximum(lookup, 0)]
    image[lookup < 0] = 0
    truth = answer
    if right is not None:
        truth = cv2.resize(right.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return draw(image, truth, answer, points)


def _points(comparison: Comparison, view: View) -> list[PhotoPoint]:
    """Clicks of the prompts in a photo, pixels of its picture."""
    scene, asked = comparison.sessions[0].scene, comparison.asked
    assert scene is not None
    scale = min(1.0, WIDTH_PX / view.lens.width)
    markers = [marker_of(scene, click) for click in asked.clicks] if asked is not None else []
    return [
        PhotoPoint(view.name, marker.xy[0] * scale, marker.xy[1] * scale, marker.positive)
        for marker in markers
        if marker.image == view.name and marker.xy is not None
    ]


def _jpeg(picture: UInt8[Array, "h w 3"]) -> str:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(out.getvalue()).decode()


def _settings(comparison: Comparison) -> str:
    parts = [] if comparison.asked is None else [settings_html("Prompts", to_plain(comparison.asked))]
    for choice, state in zip(comparison.choices, comparison.states, strict=True):
        if state is not None and state.result is not None:
            provenance = state.result.provenance
            shown = {"method": provenance.method, "backend": provenance.backend, "config": provenance.config}
            parts.append(settings_html(choice.method, shown))
    return "".join([*parts, settings_html("Versions", versions())])
