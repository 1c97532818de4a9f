"""Between which two photos would one more help? Where photos hang together by few details, or by none."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from liftlab.components.geometry.projection import camera_centers
from liftlab.components.sfm.model import PairEvidence, SparseModel
from liftlab.components.types import Array

ENOUGH_MATCHES = 30
"""Details that agree with one motion from which two photos hang together: fewer, and the incremental mapper does not
begin to place a photo (COLMAP's `abs_pose_min_num_inliers`)."""
WIDE_DEG = 20.0
"""Angle between neighbours from which SIFT's matches become few: at 25 degrees it placed 5 of 8 photos
(docs/notes.md 7)."""


def advice(names: Sequence[str], pairs: Sequence[PairEvidence], model: SparseModel | None) -> str | None:
    """A sentence that names the two photos between which one more would help most; None when nothing is missing.

    Photos that were not placed come first: their best link to those that were. Then the widest angle between two
    neighbours of the model, when nothing else joins the photos on its two sides well.

    Args:
        names: Of all photos, in the order of the capture.
        pairs: What matching found; indices of `names`.
        model: The cameras that were found; None when there are none: then the photos hang together, or not, by their
            matches alone.
    """
    agreed = np.zeros((len(names), len(names)), int)
    for pair in pairs:
        agreed[pair.first, pair.second] = agreed[pair.second, pair.first] = pair.matches
    index_of = {name: index for index, name in enumerate(names)}
    placed = [] if model is None else [index_of[name] for name in model.names]
    groups = list(_groups(agreed, placed))
    if len(groups) > 1:
        inside, outside = groups[0], max(groups[1:], key=len)
        first, second = _best_link(agreed, inside, outside)
        return _sentence(names, first, second, int(agreed[first, second]), None)
    return None if model is None else _widest_gap(names, agreed, placed, model)


def _groups(agreed: np.ndarray, placed: list[int]) -> Iterator[list[int]]:
    """The placed photos, or the largest group without them; then the other groups that hang together."""
    rest = [photo for photo in range(len(agreed)) if photo not in set(placed)]
    found = []
    while rest:
        group = [rest.pop(0)]
        for photo in group:  # grows meanwhile
            near = [other for other in rest if agreed[photo, other] >= ENOUGH_MATCHES]
            group += near
            rest = [other for other in rest if other not in near]
        found.append(sorted(group))
    if placed:
        yield placed
    yield from sorted(found, key=lambda group: -len(group))


def _best_link(agreed: np.ndarray, inside: Sequence[int], outside: Sequence[int]) -> tuple[int, int]:
    """The pair with most details in common; of those with as many, the nearest in the order of the capture."""
    links = [(agreed[a, b], -abs(a - b), a, b) for a in inside for b in outside]
    _, _, first, second = max(links)
    return min(first, second), max(first, second)


def _widest_gap(
    names: Sequence[str], agreed: np.ndarray, placed: Sequence[int], model: SparseModel
) -> str | None:
    """The widest angle across which no two photos have enough details in common."""
    angles = view_angles(model.world_to_camera, np.median(model.points, axis=0))
    for angle, first, second, side in reversed(list(_neighbours(angles))):
        across = agreed[np.ix_([placed[view] for view in side], placed)].copy()
        across[:, list(side)] = 0
        if angle >= WIDE_DEG and across.max() < ENOUGH_MATCHES:
            a, b = sorted((placed[first], placed[second]))
            return _sentence(names, a, b, int(agreed[a, b]), angle)
    return None


def view_angles(world_to_camera: Float[Array, "V 4 4"], middle: Float[Array, "3"]) -> Float[Array, "V V"]:
    """Degrees between cameras as the middle of the scene sees them, or between their directions where that is more:
    in a room people turn on the spot.
    """
    rays = camera_centers(world_to_camera) - middle
    out = np.zeros((len(rays), len(rays)))
    for directions in (rays, world_to_camera[:, 2, :3]):
        unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
        out = np.maximum(out, np.degrees(np.arccos(np.clip(unit @ unit.T, -1, 1))))
    return out


def _neighbours(angles: Float[Array, "V V"]) -> Iterator[tuple[float, int, int, frozenset[int]]]:
    """Edges of the smallest spanning tree, the narrowest first: angle, its two views, and the views that are nearer to
    one of the two than so; each edge twice, for either.
    """
    side_of = {view: frozenset([view]) for view in range(len(angles))}
    order = np.dstack(np.unravel_index(np.argsort(angles, axis=None, kind="stable"), angles.shape))[0]
    for first, second in order:
        a, b = side_of[int(first)], side_of[int(second)]
        if a is b:
            continue
        for side in (a, b):
            yield float(angles[first, second]), int(first), int(second), side
        joined = a | b
        side_of |= dict.fromkeys(joined, joined)


def _sentence(names: Sequence[str], first: int, second: int, agreed: int, angle: float | None) -> str:
    common = "detail" if agreed == 1 else "details"
    apart = "" if angle is None else f" are {angle:.0f} degrees apart and"
    return (
        f"One more photo between {names[first]} and {names[second]} would help most: they{apart} have "
        f"{agreed or 'no'} {common} in common."
    )
