"""How far several segmentations of one scene agree, without a truth."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from liftlab.components.metrics import pooled_iou
from liftlab.components.types import Array

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


NOBODY, OTHERS, SELF, EVERYBODY = range(4)
"""Who selects a primitive: no answer; others but not this one; this one but not all; all of them."""


def who_selects(selections: Sequence[Bool[Array, "N"]], own: int) -> UInt8[Array, "N"]:
    """Per primitive of one geometry, how the answer `own` stands to all: NOBODY, OTHERS, SELF or EVERYBODY.

    A lone answer agrees with itself: EVERYBODY where it selects.

    Args:
        selections: At least one, each over the same primitives. Answers of another geometry have to be carried to
            this one first.
        own: Index of the answer whose view this is.

    Raises:
        ValueError: There is no selection, or they differ in length.
    """
    if not selections or any(len(selected) != len(selections[0]) for selected in selections):
        lengths = [len(selected) for selected in selections]
        raise ValueError(
            f"selections must be at least one, all over the same primitives; got lengths {lengths}. "
            "Carry them to one geometry first."
        )
    votes = np.sum(np.stack(selections), axis=0)
    out = np.where(selections[own], SELF, np.where(votes > 0, OTHERS, NOBODY))
    return np.where(votes == len(selections), EVERYBODY, out).astype(np.uint8)
