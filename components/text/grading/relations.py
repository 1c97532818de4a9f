"""How well objects stand in a relation to a landmark: left of it, on it, between two of them, ..."""

import numpy as np

from liftlab.components.text.grading.grades import Scores, rising
from liftlab.components.text.grading.layout import Layout, with_reference


def relation_grade(layout: Layout, relation: str, j: int) -> Scores:
    """How well every object stands in a relation to object `j`."""
    o = layout.objects
    match relation:
        case "left_of":
            return _direction(layout, j, sideways=-1)
        case "right_of":
            return _direction(layout, j, sideways=+1)
        case "in_front_of":
            return _direction(layout, j, away=-1)
        case "behind":
            return _direction(layout, j, away=+1)
        case "on":
            return _rests(layout, np.arange(o.count), j)
        case "under":
            return np.array([_rests(layout, np.array([j]), i)[0] for i in range(o.count)])
        case "above":
            return rising(
                o.low[:, 2] - o.high[j, 2], -0.2 * layout.scale, 0.1 * layout.scale
            ) * layout.overlap(j)
        case "next_to":
            gap = layout.gaps(j)
            return np.exp(-gap / (0.6 * layout.scale)) * (1 - 0.5 * _rests(layout, np.arange(o.count), j))
        case "far_from":
            return layout.rank(layout.gaps(j))
        case "inside":
            inside = ((o.center > o.low[j]) & (o.center < o.high[j] + 0.3 * layout.scale)).mean(axis=1)
            return inside * (layout.size < layout.size[j])
    raise AssertionError(f"no measure for the relation '{relation}'")


def _direction(layout: Layout, j: int, *, sideways: int = 0, away: int = 0) -> Scores:
    """Grade of lying to one side of object `j`, in the photo meant and in most others, and rather near it."""
    o = layout.objects
    across = (o.center - o.center[j]) @ np.array([1.0, 0, 0])
    dx = sideways * (o.image_x - o.image_x[:, [j]])
    dz = away * (o.depth - o.depth[:, [j]])
    per_view = rising(dx, 0.02, 0.015) if sideways else rising(dz, 0.25 * layout.scale, 0.15 * layout.scale)
    sure = with_reference(np.where(np.isfinite(per_view), per_view, np.nan), layout.view)
    offset = o.center - o.center[j]
    distance = np.linalg.norm(offset[:, :2], axis=1)
    apart = np.abs(o.depth - o.depth[:, [j]])
    both = np.isfinite(apart)
    deep = np.where(both, apart, 0.0).sum(axis=0) / np.maximum(both.sum(axis=0), 1)
    main = deep if away else np.abs(across)
    straight = np.clip(main / np.maximum(distance, 1e-9), 0, 1)
    return np.nan_to_num(sure) * (0.6 + 0.25 * straight + 0.15 * np.exp(-distance / (4 * layout.scale)))


def between_grade(layout: Layout, a: int, b: int) -> Scores:
    """How well every object stands between objects `a` and `b`, near the line that joins them on the ground."""
    center = layout.objects.center[:, :2]
    line = center[b] - center[a]
    length = max(float(np.linalg.norm(line)), 1e-9)
    along = (center - center[a]) @ line / length**2
    aside = np.abs((center - center[a]) @ np.array([-line[1], line[0]])) / length**2
    grade = rising(along, 0.15, 0.05) * rising(1 - along, 0.15, 0.05) * np.exp(-((aside / 0.35) ** 2))
    grade[[a, b]] = 0.0
    return np.nan_to_num(grade)


def _rests(layout: Layout, above: np.ndarray, below: int) -> Scores:
    """How well objects stand on object `below`: their underside is at its top, over its footprint."""
    o = layout.objects
    step = np.abs(o.low[above, 2] - o.high[below, 2]) / layout.scale
    higher = rising((o.center[above, 2] - o.center[below, 2]) / layout.scale, 0.15, 0.08)
    grade = np.exp(-((step / 0.5) ** 2)) * higher * layout.overlap(below)[above]
    return np.where(above == below, 0.0, np.nan_to_num(grade))


def on_ground_grade(layout: Layout) -> Scores:
    """How well objects stand on the ground; a half where there is none."""
    if not np.isfinite(layout.objects.ground):
        return np.full(layout.objects.count, 0.5)
    step = np.abs(layout.objects.low[:, 2] - layout.objects.ground) / layout.scale
    return np.nan_to_num(np.exp(-((step / 0.6) ** 2)))
