"""How large, flat, round or far left objects are: a grade for each property of the vocabulary."""

import numpy as np

from liftlab.components.text.grading.grades import Scores, near, rising
from liftlab.components.text.grading.layout import Layout


def property_grade(layout: Layout, name: str) -> Scores:
    """Grade of a size, a shape, a lightness or a place in the photo, by its name in the vocabulary."""
    o = layout.objects
    length, width, height = np.maximum(np.nan_to_num(o.extent), 1e-6).T
    slim = height / np.sqrt(length * width)
    lying = np.sqrt(length * width) / height
    elongated = np.maximum(length, height) / np.maximum(np.minimum(width, height), 1e-6)
    match name:
        case "large":
            return layout.rank(layout.size)
        case "small":
            return layout.rank(-layout.size)
        case "tall":
            return np.maximum(layout.rank(height), 0.8 * rising(slim, 1.3, 0.25))
        case "short":
            return np.maximum(layout.rank(-height), 0.8 * rising(lying, 1.6, 0.3))
        case "wide":
            return layout.rank(length)
        case "thin":
            return np.maximum(rising(slim, 1.6, 0.3), rising(lying, 3.0, 0.4))
        case "flat":
            return rising(lying, 2.6, 0.35)
        case "long" | "stick_like":
            return rising(elongated, 2.3, 0.4)
        case "upright":
            return rising(slim, 1.2, 0.2)
        case "lying":
            return rising(lying, 1.3, 0.2)
        case "round":
            return _round(layout)
        case "ball_like":
            return _round(layout) * near(slim, 1.0, 0.45)
        case "disc_like":
            return _round(layout) * rising(lying, 2.0, 0.4)
        case "ring_like":
            return _round(layout) * rising(lying, 1.3, 0.3)
        case "cylindrical":
            return near(length / width, 1.0, 0.5) * rising(slim, 0.9, 0.2) * rising(o.solidity, 0.88, 0.03)
        case "box_like":
            return rising(o.boxness, 0.88, 0.02) * rising(o.solidity, 0.86, 0.03) * (1 - 0.5 * _round(layout))
        case "dark":
            return layout.rank(-o.lightness)
        case "light":
            return layout.rank(o.lightness)
        case "colourful":
            return layout.rank(-(o.colours**2).sum(axis=1))
        case "plain":
            return layout.rank((o.colours**2).sum(axis=1))
        case "left":
            return layout.rank(-layout.x())
        case "right":
            return layout.rank(layout.x())
        case "front":
            return layout.rank(-layout.depth())
        case "back":
            return layout.rank(layout.depth())
        case "middle":
            return layout.rank(-layout.off_middle())
        case "corner":
            x, y = layout.rank(layout.x()) - 0.5, layout.rank(layout.depth()) - 0.5
            return np.minimum(4 * np.abs(x * y), 1.0)
        case "alone":
            return layout.rank(layout.gap_to_nearest())
    raise AssertionError(f"no measure for the property '{name}'")


def _round(layout: Layout) -> Scores:
    return rising(layout.objects.roundness, 0.66, 0.05)
