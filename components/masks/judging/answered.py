"""What the click network answers all over a photo, beside the candidates of the scene."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int

from liftlab.components.types import Array

ANSWERED = ("answered", "answered_best")
"""Of a candidate in a photo: mean and largest, over the clicks inside it, of the intersection over union with what the
click network answers; NaN where no click lies inside."""
ANSWER = ("answer_here", "answer_near", "answer_quality")
"""Of a candidate under a click: intersection over union with the answer to the nearest click of the network, the
largest with those of the nearest four, and how well the network expects the nearest to fit."""
NEAR = 4
"""Clicks of the grid round any place."""


def sampled(
    masks: Sequence[Bool[Array, "H W"]], columns: Int[Array, "C"], rows: Int[Array, "R"]
) -> Bool[Array, "O P"]:
    """Masks read at the pixels where some columns and rows meet."""
    if not masks:
        return np.zeros((0, len(rows) * len(columns)), bool)
    return np.stack([mask[rows[:, None], columns].ravel() for mask in masks])


def ious(answers: Bool[Array, "Q P"], candidates: Bool[Array, "O P"]) -> Float16[Array, "Q O"]:
    """Intersection over union of every answer with every candidate; 0 where both are empty."""
    first, second = answers.astype(np.float32), candidates.astype(np.float32)
    shared = first @ second.T
    either = first.sum(axis=1)[:, None] + second.sum(axis=1) - shared
    return (shared / np.maximum(either, 1)).astype(np.float16)


def answered(found: Float16[Array, "Q O"], inside: Bool[Array, "Q O"]) -> Float32[Array, "O 2"]:
    """`ANSWERED` of every candidate.

    Args:
        found: Of `ious`.
        inside: Whether a click lies in a candidate.
    """
    count = inside.sum(axis=0)
    own = np.where(inside, found.astype(np.float32), 0)
    both = np.stack([own.sum(axis=0) / np.maximum(count, 1), own.max(axis=0, initial=0)], axis=1)
    return np.where(count[:, None] > 0, both, np.nan).astype(np.float32)


def answer_at(
    clicks: Float32[Array, "Q 3"], found: Float16[Array, "Q K"], x: float, y: float
) -> Float32[Array, "K 3"]:
    """`ANSWER` of the candidates under a click at (x, y).

    Args:
        clicks: Where the network was clicked (x, y) in view pixels, and the quality that it expects; NaN rows are none.
        found: Its answers' intersections over union with these candidates.
        x: View pixels.
        y: View pixels.
    """
    away = np.hypot(clicks[:, 0] - x, clicks[:, 1] - y)
    near = np.argsort(away, kind="stable")[: min(NEAR, int(np.isfinite(away).sum()))]
    if len(near) == 0:
        return np.full((found.shape[1], len(ANSWER)), np.nan, np.float32)
    return np.stack(
        [
            found[near[0]],
            found[near].max(axis=0),
            np.full(found.shape[1], clicks[near[0], 2]),
        ],
        axis=1,
    ).astype(np.float32)
