"""Plots as inline SVG; colours come from the page's style, so that they follow light and dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 24, 14, 42
NUM_COLOURS = 8
"""Classes s0 to s7 of the style; further series start over with another marker."""
_MARKERS = ("circle", "square", "diamond", "triangle")


@dataclass(frozen=True)
class Series:
    """Points of one method; its colour and marker are those of `number`."""

    number: int
    label: str
    points: tuple[tuple[float, float], ...]


def curves(series: Sequence[Series], *, x_title: str, y_title: str, y_low: float) -> str:
    """Lines with markers over whole numbers along x; y in percent up to 100."""
    last = max((x for s in series for x, _ in s.points), default=1)
    frame = _Frame(0.7, max(last, 2) + 0.3, y_low, 100.0)
    ticks = [x for x in range(1, int(last) + 1) if last <= 10 or x == 1 or x % 5 == 0]
    parts = [frame.axes([(x, str(x)) for x in ticks], _percent_ticks(y_low), x_title, y_title)]
    for one in series:
        places = [frame.place(x, y) for x, y in one.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks = "".join(marker(one.number, x, y) for x, y in places)
        parts.append(
            f'<g class="s{one.number % NUM_COLOURS}"><polyline points="{path}"/>{marks}'
            f"<title>{escape(one.label)}</title></g>"
        )
    return _svg(parts, f"{y_title} against {x_title}")


def scatter(series: Sequence[Series], *, x_title: str, y_title: str, y_low: float) -> str:
    """One marker per point; x logarithmic, y in percent up to 100."""
    values = [x for s in series for x, _ in s.points]
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    start, end = math.floor(math.log10(low) - 0.05), math.ceil(math.log10(high) + 0.05)
    frame = _Frame(float(start), float(max(end, start + 1)), y_low, 100.0)
    ticks = [(float(e), _short(10.0**e)) for e in range(start, max(end, start + 1) + 1)]
    parts = [frame.axes(ticks, _percent_ticks(y_low), x_title, y_title)]
    for one in series:
        marks = "".join(marker(one.number, *frame.place(math.log10(x), y)) for x, y in one.points)
        parts.append(f'<g class="s{one.number % NUM_COLOURS}">{marks}<title>{escape(one.label)}</title></g>')
    return _svg(parts, f"{y_title} against {x_title}")


def key_mark(number: int) -> str:
    """The marker of a series for the legend."""
    shape = marker(number, 7, 7)
    return f'<svg class="key s{number % NUM_COLOURS}" viewBox="0 0 14 14" aria-hidden="true">{shape}</svg>'


def marker(number: int, x: float, y: float) -> str:
    """The shape of a series at a place; shapes change as well as colours."""
    shape = _MARKERS[number % len(_MARKERS)]
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    corners = {
        "square": ((-4, -4), (4, -4), (4, 4), (-4, 4)),
        "diamond": ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)),
        "triangle": ((0, -5.5), (5, 4), (-5, 4)),
    }[shape]
    return '<polygon points="' + " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners) + '"/>'


@dataclass(frozen=True)
class _Frame:
    """The plane of a plot."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies in the picture."""
        along = (x - self.x_low) / (self.x_high - self.x_low)
        up = (min(max(y, self.y_low), self.y_high) - self.y_low) / (self.y_high - self.y_low)
        return LEFT + along * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def axes(
        self, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[int], x_title: str, y_title: str
    ) -> str:
        parts = []
        for value in y_ticks:
            _, y = self.place(self.x_low, value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
            )
        bottom = HEIGHT - BOTTOM
        for value, text in x_ticks:
            x, _ = self.place(value, self.y_low)
            parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{text}</text>'
            )
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_title)}</text>')
        parts.append(
            f'<text transform="translate(13 {(TOP + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle">'
            f"{escape(y_title)}</text>"
        )
        return "".join(parts)


def _percent_ticks(low: float) -> list[int]:
    step = 20 if low < 40 else 10 if low < 80 else 5
    return [value for value in range(0, 101, step) if value >= low]


def _short(value: float) -> str:
    return f"{value:g}"


def _svg(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )
