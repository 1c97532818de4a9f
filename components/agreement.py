"""How far several segmentations of one scene agree, without a truth."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32

from components.metrics import pooled_iou
from components.types import Array, Pointmap

ViewMasks = Sequence[Bool[Array, "_ _"]]
"""One mask per view of the scene, view pixels."""


def pairwise_iou(answers: Sequence[ViewMasks]) -> Float[Array, "M M"]:
    """IoU of every two answers, pooled over the views; symmetric, 1 on the diagonal.

    Two answers that both select nothing agree: 1.

    Raises:
        ValueError: The answers differ in the number or size of their views.
    """
    table = np.eye(len(answers))
    for first in range(len(answers)):
        for second in range(first + 1, len(answers)):
            table[first, second] = table[second, first] = pooled_iou(answers[first], answers[second])
    return table


def agreement(answers: Sequence[ViewMasks]) -> float:
    """Mean IoU of every two answers; 1 for fewer than two."""
    table = pairwise_iou(answers)
    others = ~np.eye(len(answers), dtype=bool)
    return float(table[others].mean()) if others.any() else 1.0


def disagreement(masks: Sequence[Bool[Array, "H W"]]) -> Float32[Array, "H W"]:
    """Per pixel of one view, how split the answers are: 0 when all say the same, 1 when half say the opposite.

    Raises:
        ValueError: There is no mask, or they differ in size.
    """
    if not masks or any(mask.shape != masks[0].shape for mask in masks):
        raise ValueError(
            f"masks must be at least one, all of one size; got sizes {[m.shape for m in masks]}. Pass one view's masks."
        )
    share = np.mean(np.stack(masks), axis=0, dtype=np.float32)
    return 1 - np.abs(2 * share - 1)


def disagreement_of_points(pointmap: Pointmap, answers: Sequence[ViewMasks]) -> Float32[Array, "N"]:
    """`disagreement` at every point of the geometry "points", in its order."""
    views, rows, columns = pointmap.point_index.T
    out = np.zeros(len(views), np.float32)
    for view in range(len(pointmap.valid)):
        here = views == view
        out[here] = disagreement([masks[view] for masks in answers])[rows[here], columns[here]]
    return out
