"""What the lab measures of itself: Gaussians against truth, codes, consistency over views, latency.

Source: docs/methods/metrics.md section 9.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer
from scipy.spatial import KDTree

from liftlab.components.geometry.projection import pixel_centers, project, unproject
from liftlab.components.metrics.label_maps import VOID
from liftlab.components.types import Array, Camera

NEAR_SHARE = 0.02
"""A Gaussian farther from the true surface than this share of the scene radius has no true label."""
DEPTH_TOLERANCE = 0.02
FRAGMENT_SHARE = 0.05
WARM_UPS = 3


def labels_of_gaussians(
    means: Float[Array, "N 3"], surface: Float[Array, "K 3"], labels: Integer[Array, "K"]
) -> Int[Array, "N"]:
    """True label of each Gaussian: that of the nearest true surface point; void (-1) where none is near.

    Near is within 2 % of the scene radius, the largest distance of a surface point from their mean.

    Raises:
        ValueError: There is no surface point.
    """
    if not len(surface):
        raise ValueError("surface must have at least one point; got none.")
    radius = float(np.linalg.norm(surface - surface.mean(axis=0), axis=1).max())
    distance, nearest = KDTree(surface).query(means)
    return np.where(distance <= NEAR_SHARE * radius, labels[nearest], VOID).astype(np.int64)


def gaussian_iou(
    truth: Integer[Array, "N"],
    selected: Bool[Array, "N"],
    object_id: int,
    *,
    weights: Float[Array, "N"] | None = None,
) -> float:
    """IoU over Gaussians, void ones left out; each weighs 1, or its opacity when given. Both empty: 1."""
    w = np.ones(len(truth)) if weights is None else weights
    counted, target = truth != VOID, truth == object_id
    either = float(w[counted & (target | selected)].sum())
    return float(w[counted & target & selected].sum()) / either if either else 1.0


def collision_rate(truth: Integer[Array, "N"], codes: Integer[Array, "N"]) -> float:
    """Pairs of true objects whose most frequent code is the same, over all pairs (UniC-Lift).

    Ids above 0 are objects. NaN with fewer than two objects; ties of frequency go to the smaller code.
    """
    majority = []
    for label in np.unique(truth[truth > 0]):
        values, sizes = np.unique(codes[truth == label], return_counts=True)
        majority.append(int(values[sizes.argmax()]))
    pairs = len(majority) * (len(majority) - 1) // 2
    if not pairs:
        return math.nan
    _, repeats = np.unique(majority, return_counts=True)
    return float((repeats * (repeats - 1) // 2).sum()) / pairs


def fragmentation(truth: Integer[Array, "N"], codes: Integer[Array, "N"]) -> float:
    """Mean number of codes that cover at least 5 % of an object; 1 is best. NaN without objects (ids above 0)."""
    pieces = []
    for label in np.unique(truth[truth > 0]):
        _, sizes = np.unique(codes[truth == label], return_counts=True)
        pieces.append(int((sizes >= FRAGMENT_SHARE * sizes.sum()).sum()))
    return float(np.mean(pieces)) if pieces else math.nan


def view_consistency(
    cameras: Sequence[Camera],
    depths: Sequence[Float[Array, "_ _"]],
    labels: Sequence[Integer[Array, "_ _"]],
    *,
    pairs: int,
    generator: np.random.Generator,
) -> float:
    """Share of pixels whose label is the same in another view, over random ordered pairs of views.

    A pixel is compared where both views see its surface point: the depth it has in the other view agrees with that
    view's own within 2 %.

    Args:
        cameras: At least two.
        depths: Along +Z, 0 = none; one per camera, of its size.
        labels: Ids that hold over the views; one per camera, of its size.
        pairs: How many ordered pairs are drawn, without repeats.
        generator: Draws them.

    Returns:
        NaN when no pixel is seen by both views of a pair.
    """
    ordered = [(a, b) for a in range(len(cameras)) for b in range(len(cameras)) if a != b]
    drawn = generator.permutation(len(ordered))[:pairs]
    same = seen = 0
    for a, b in (ordered[i] for i in drawn):
        equal = _warped_agreement(cameras[a], depths[a], labels[a], cameras[b], depths[b], labels[b])
        same, seen = same + int(equal.sum()), seen + equal.size
    return same / seen if seen else math.nan


def _warped_agreement(
    camera: Camera,
    depth: Float[Array, "_ _"],
    labels: Integer[Array, "_ _"],
    other: Camera,
    other_depth: Float[Array, "_ _"],
    other_labels: Integer[Array, "_ _"],
) -> Bool[Array, "_"]:
    """Per pixel visible both ways, whether its label in the other view is the same."""
    known = depth > 0
    points = unproject(camera, pixel_centers(camera.width, camera.height)[known], depth[known])
    xy, warped = project(other, points)
    inside = (warped > 0) & (xy[:, 0] >= 0) & (xy[:, 1] >= 0)
    inside &= (xy[:, 0] < other.width) & (xy[:, 1] < other.height)
    column, row = xy[inside].astype(np.int64).T
    there = other_depth[row, column]
    visible = (there > 0) & (np.abs(there - warped[inside]) <= DEPTH_TOLERANCE * there)
    return (other_labels[row, column] == labels[known][inside])[visible]


@dataclass(frozen=True)
class Latency:
    """Seconds of repeated prompts, the first few left out."""

    median: float
    p95: float
    count: int
    """Prompts that were counted."""


def latency(seconds: Sequence[float], *, warm_ups: int = WARM_UPS) -> Latency:
    """Median and 95th percentile after the warm-ups; NaN when nothing is left.

    The caller synchronises the device before each reading of the clock.
    """
    kept = list(seconds)[warm_ups:]
    if not kept:
        return Latency(math.nan, math.nan, 0)
    return Latency(float(np.median(kept)), float(np.percentile(kept, 95)), len(kept))
