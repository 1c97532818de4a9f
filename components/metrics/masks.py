"""Masks of one object against truth: promptable segmentation, boundary IoU, pooled IoU.

Source: docs/methods/metrics.md sections 1 and 2.

All scores are fractions in [0, 1]. Label maps are int32 with -1 = void, which is excluded before anything
else.
"""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool

from liftlab.components.types import Array


def iou(
    truth: Bool[Array, "H W"], prediction: Bool[Array, "H W"], *, void: Bool[Array, "H W"] | None = None
) -> float:
    """Intersection over union; both empty gives 1, one empty gives 0 (docs/methods/metrics.md eq. 1)."""
    return pooled_iou([truth], [prediction], voids=None if void is None else [void])


def accuracy(
    truth: Bool[Array, "H W"], prediction: Bool[Array, "H W"], *, void: Bool[Array, "H W"] | None = None
) -> float:
    """Share of pixels, foreground and background together, that agree (docs/methods/metrics.md eq. 2); 1 when all is
    void.
    """
    counted = np.ones(truth.shape, bool) if void is None else ~void
    return float((truth == prediction)[counted].mean()) if counted.any() else 1.0


def pooled_iou(
    truths: Sequence[Bool[Array, "_ _"]],
    predictions: Sequence[Bool[Array, "_ _"]],
    *,
    voids: Sequence[Bool[Array, "_ _"]] | None = None,
) -> float:
    """Object IoU: intersection over union of all scored views together; both empty gives 1.

    Raises:
        ValueError: The lists differ in length, or a mask's size differs from its truth's.
    """
    if len(truths) != len(predictions) or (voids is not None and len(voids) != len(truths)):
        raise ValueError(
            f"predictions must have one mask per truth mask; got {len(predictions)} for {len(truths)}."
        )
    both, either = 0, 0
    for index, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        if truth.shape != prediction.shape:
            raise ValueError(f"predictions must have the truth's size {truth.shape}; got {prediction.shape}.")
        counted = True if voids is None else ~voids[index]
        both += int((truth & prediction & counted).sum())
        either += int(((truth | prediction) & counted).sum())
    return both / either if either else 1.0


def mean_view_iou(truths: Sequence[Bool[Array, "_ _"]], predictions: Sequence[Bool[Array, "_ _"]]) -> float:
    """Plain mean of the IoU of each view; NaN without views."""
    if not truths:
        return math.nan
    return float(np.mean([iou(t, p) for t, p in zip(truths, predictions, strict=True)]))


def boundary(mask: Bool[Array, "H W"], *, width_share: float = 0.02) -> Bool[Array, "H W"]:
    """The rim of a mask: what d erosions with a full 3 x 3 kernel take away (docs/methods/metrics.md eq. 3).

    d = max(1, round(width_share * diagonal)). The image border counts as outside, so a mask that touches it
    has rim there.
    """
    height, width = mask.shape
    rounds = max(1, round(width_share * math.hypot(height, width)))
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=rounds, borderValue=0)
    return mask & (eroded[1:-1, 1:-1] == 0)


def boundary_iou(
    truth: Bool[Array, "H W"], prediction: Bool[Array, "H W"], *, width_share: float = 0.02
) -> float:
    """IoU of the rims of two masks; both empty gives 1 (docs/methods/metrics.md eq. 4)."""
    return iou(boundary(truth, width_share=width_share), boundary(prediction, width_share=width_share))


def mean_over_prompts(scores: Mapping[str, Sequence[float] | None]) -> tuple[float, int]:
    """LERF-Mask aggregation of one scene: mean over views per prompt, then over prompts.

    A prompt without prediction (None or no view) counts 0 and is reported.

    Returns:
        The mean, NaN without prompts, and the number of prompts without prediction.
    """
    if not scores:
        return math.nan, 0
    means = [float(np.mean(views)) if views is not None and len(views) else 0.0 for views in scores.values()]
    missing = sum(views is None or len(views) == 0 for views in scores.values())
    return float(np.mean(means)), missing
