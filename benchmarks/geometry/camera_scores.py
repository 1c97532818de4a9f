"""How many estimated cameras are right: within 3 % of the extent and 3 degrees of the truth, after the best
similarity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.geometry.projection import camera_centers, register_similarity
from liftlab.components.types import Array

MAX_SHIFT, MAX_TURN_DEG = 0.03, 3.0
"""A camera is right when its centre lies within this share of the extent (the largest side of the box round all true
camera centres) and its direction within these degrees."""


@dataclass(frozen=True)
class CameraScore:
    """What became of the cameras of a capture."""

    photos: int
    placed: int
    right: int
    wrong: dict[str, tuple[float, float]]
    """Of the photos that were placed elsewhere: by how much of the extent, and by how many degrees."""


def score_cameras(
    estimated: Mapping[str, Float[Array, "4 4"]], true: Mapping[str, Float[Array, "4 4"]]
) -> CameraScore:
    """Count right and wrong cameras under the similarity that makes most of them right.

    Args:
        estimated: World-to-camera by photo, in any frame and scale; photos without a true camera are left out.
        true: World-to-camera of every photo of the capture.
    """
    names = sorted(set(estimated) & set(true))
    extent = float(np.ptp(camera_centers(np.stack(list(true.values()))), axis=0).max())
    if len(names) < 2:
        return CameraScore(len(true), len(names), 0, {name: (np.inf, 180.0) for name in names})
    measured, expected = (np.stack([poses[name] for name in names]) for poses in (estimated, true))
    best = np.full((2, len(names)), np.inf)
    for first, second in combinations(range(len(names)), 2):
        found = _errors(measured, expected, _similarity_of_two(measured, expected, first, second), extent)
        best = max(best, found, key=lambda errors: _right(errors).sum())
    right = _right(best)
    if right.sum() >= 3:
        aligned = register_similarity(camera_centers(measured[right]), camera_centers(expected[right]))
        best = max(
            best, _errors(measured, expected, aligned, extent), key=lambda errors: _right(errors).sum()
        )
        right = _right(best)
    wrong = {name: (float(best[0, v]), float(best[1, v])) for v, name in enumerate(names) if not right[v]}
    return CameraScore(len(true), len(names), int(right.sum()), wrong)


def _similarity_of_two(
    measured: Float[Array, "V 4 4"], expected: Float[Array, "V 4 4"], first: int, second: int
) -> tuple[float, Float[Array, "3 3"], Float[Array, "3"]]:
    """The similarity that two cameras give: mean rotation of both, scale by their distance, midpoint on midpoint."""
    turn = sum(expected[i, :3, :3].T @ measured[i, :3, :3] for i in (first, second))
    u, _, vt = np.linalg.svd(turn)
    R = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    here, there = camera_centers(measured[[first, second]]), camera_centers(expected[[first, second]])
    scale = float(np.linalg.norm(there[1] - there[0]) / max(np.linalg.norm(here[1] - here[0]), 1e-12))
    return scale, R, there.mean(axis=0) - scale * R @ here.mean(axis=0)


def _right(errors: Float[Array, "2 V"]) -> Bool[Array, "V"]:
    return (errors[0] <= MAX_SHIFT) & (errors[1] <= MAX_TURN_DEG)


def _errors(
    measured: Float[Array, "V 4 4"],
    expected: Float[Array, "V 4 4"],
    similarity: tuple[float, Float[Array, "3 3"], Float[Array, "3"]],
    extent: float,
) -> Float[Array, "2 V"]:
    """Distance as a share of the extent, and degrees."""
    scale, R, t = similarity
    shift = np.linalg.norm(scale * camera_centers(measured) @ R.T + t - camera_centers(expected), axis=1)
    turned = np.trace(measured[:, :3, :3] @ R.T @ expected[:, :3, :3].transpose(0, 2, 1), axis1=1, axis2=2)
    angle = np.degrees(np.arccos(np.clip((turned - 1) / 2, -1, 1)))
    return np.stack([shift / extent, angle])
