"""Soft masks: how sure it is that a pixel belongs to something that matters, one map per photo.

Source: docs/methods/wildseg3d.md sections 3.1 and 8, S of eq. (1); WildSeg3D, ICCV 2025 (arXiv:2503.08407).
"""

from collections.abc import Sequence

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Float, Float16

from liftlab.components.masks.protocols import TrackedMasks
from liftlab.components.types import Array

SOFT_SIGMA_PX = 5.0
"""Spread of the edge of a soft mask, pixels: of the blur, and of the logistic curve over distance."""
SOFT_CUT = 0.05
"""Soft values below this are background."""


def soft_by_distance(inside: Bool[Array, "H W"]) -> Float[Array, "H W"]:
    """Logistic curve over the signed distance to the outline, with the standard deviation of the blur; 0 for an empty
    mask. The photo's border is no outline: things go on behind it.
    """
    covered = inside.astype(np.uint8)
    if not covered.any():
        return np.zeros(inside.shape)
    if covered.all():
        return np.ones(inside.shape)
    within = cv2.distanceTransform(covered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = cv2.distanceTransform(1 - covered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # the outline runs between two pixels, half a pixel from the centre of either
    signed = np.where(covered, within - 0.5, 0.5 - beyond).astype(np.float64)
    return scipy.special.expit(signed * np.pi / (np.sqrt(3) * SOFT_SIGMA_PX))


def soft_views(
    tracked: Sequence[TrackedMasks], sizes: Sequence[tuple[int, int]]
) -> tuple[Float16[Array, "_ _"], ...]:
    """One soft mask per view: how sure the surest of the foreground objects is, cut to 0 where that is faint.

    An object of a network is as sure as the sigmoid of its logits; the others, as one mask, fall off by distance.

    Args:
        tracked: All objects; what is no thing does not count.
        sizes: (height, width) of every view.
    """
    out = []
    for view, (height, width) in enumerate(sizes):
        drawn, soft = np.zeros((height, width), bool), np.zeros((height, width))
        for one in tracked:
            if not one.foreground:
                continue
            sure = one.certainty[view] if one.certainty else None
            if sure is None:
                drawn |= one.masks[view]
            else:
                grown = cv2.resize(sure, (width, height), interpolation=cv2.INTER_LINEAR) / 255
                soft = np.maximum(soft, grown)
        out.append(cut_soft(np.maximum(soft, soft_by_distance(drawn))).astype(np.float16))
    return tuple(out)


def cut_soft(soft: Float[Array, "H W"]) -> Float[Array, "H W"]:
    """The map with 0 where it is faint."""
    return np.where(soft < SOFT_CUT, 0, soft)
