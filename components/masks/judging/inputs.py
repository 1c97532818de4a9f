"""What the judge is told of the candidates under a click: their measures, and how the click lies in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Int

from liftlab.components.masks.judging.measures import MEASURES, mean_measures
from liftlab.components.types import Array

RELATIONS = ("photo_agreement", "worst_agreement", "consensus", "contained", "containers")
"""Of `liftlab.components.masks.judging.relations`: mean and least, over the photos that see a candidate, of its best
intersection over union with a proposal; how many other candidates are nearly the same (sum of their squared
intersections over union); logarithm of one more than the number of candidates inside it and around it."""
KINDS = ("part", "object", "group", "plane")
STATIC = (*(f"is_{kind}" for kind in KINDS), "score", "agreement", "foreground", "seen_share", *RELATIONS)
"""What is known of a candidate besides measures in photos."""
CLICK = ("centrality", "depth_of_click", "smaller", "larger", "rank", "count")
"""How a click lies in a candidate: distance to its outline as a share of the largest such distance, and of the root of
its area; logarithm of its area over that of the next smaller and next larger candidate; rank by area; logarithm of the
number of candidates."""
OBJECT_INPUTS = (*(f"mean_{name}" for name in MEASURES), *STATIC)
"""What is known of a candidate without a click."""
CLICK_INPUTS = (*OBJECT_INPUTS, *MEASURES, *CLICK)
"""What is known of a candidate under a click."""


@dataclass(frozen=True)
class Measured:
    """Measures of O candidates in V views, kept beside their masks."""

    in_views: Float16[Array, "V O F"]
    """`MEASURES`; NaN where a candidate is not seen or nothing can be said."""
    inradius: Float16[Array, "V O"]
    """Radius in pixels of the largest disc inside a mask."""
    agreement: Float32[Array, "O"]
    """How well regions of single photos agree on each; 0 for what comes from geometry."""
    related: Float32[Array, "O R"]
    """`RELATIONS` of each."""


def object_inputs(
    measured: Measured,
    areas: Int[Array, "V O"],
    kinds: Sequence[str],
    scores: Float[Array, "O"],
    foreground: Bool[Array, "O"],
) -> Float32[Array, "O D"]:
    """`OBJECT_INPUTS` of every candidate; measures are means over the views that see it, by area."""
    count = measured.in_views.shape[1]
    means = mean_measures(np.asarray(measured.in_views), np.asarray(areas))
    one_hot = np.array([[kind == one for one in KINDS] for kind in kinds], np.float32).reshape(
        count, len(KINDS)
    )
    rest = np.stack([scores, measured.agreement, foreground, (areas > 0).mean(axis=0)], axis=1).astype(
        np.float32
    )
    return np.concatenate([means, one_hot, rest, measured.related], axis=1).astype(np.float32)


def click_inputs(
    objects: Float32[Array, "K D"],
    here: Float32[Array, "K F"],
    areas: Int[Array, "K"],
    centrality: Float[Array, "K"],
    depth_px: Float[Array, "K"],
) -> Float32[Array, "K E"]:
    """`CLICK_INPUTS` of the candidates under a click, which ascend by area.

    Args:
        objects: `OBJECT_INPUTS` of them.
        here: Their `MEASURES` in the clicked view.
        areas: Pixels in the clicked view.
        centrality: Distance of the click to each outline as a share of the largest such distance.
        depth_px: The same distance in pixels.
    """
    count = len(areas)
    log_area = np.log(np.maximum(areas, 1).astype(float))
    steps = np.diff(log_area)
    click = np.stack(
        [
            centrality,
            depth_px / np.sqrt(np.maximum(areas, 1)),
            np.concatenate([[np.nan], steps]),
            np.concatenate([steps, [np.nan]]),
            (np.arange(count) + 0.5) / count,
            np.full(count, np.log(count)),
        ],
        axis=1,
    )
    return np.concatenate([objects, here, click], axis=1).astype(np.float32)


def distance_to_outside(inside: Bool[Array, "h w"], row: int, column: int) -> float:
    """Distance in pixels from a pixel of a mask to the nearest pixel outside of it; all around the array is outside."""
    height, width = inside.shape
    frame = min(row + 1, column + 1, height - row, width - column)
    reach = 8
    while True:
        top, left = max(0, row - reach), max(0, column - reach)
        rows, columns = np.nonzero(~inside[top : row + reach + 1, left : column + reach + 1])
        nearest = np.hypot(rows + top - row, columns + left - column).min(initial=np.inf)
        if min(nearest, frame) <= reach:
            return float(min(nearest, frame))
        reach *= 2
