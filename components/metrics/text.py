"""Text relevancy, localisation and open-vocabulary IoU (docs/methods/metrics.md section 8)."""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.metrics.masks import pooled_iou
from liftlab.components.types import Array

CANONICAL_PHRASES = ("object", "things", "stuff", "texture")
RELEVANCY_SCALE = 10.0
"""Belongs to unit vectors of OpenCLIP ViT-B/16 (laion2b_s34b_b88k); another encoder may need another."""
FILTER_PX, FILTER_WIDTH = 29, 988
"""Side of the mean filter at this image width."""


def relevancy(
    image: Float[Array, "N D"],
    query: Float[Array, "D"],
    canonical: Float[Array, "C D"],
    *,
    scale: float = RELEVANCY_SCALE,
) -> Float[Array, "N"]:
    """How much closer embeddings are to the query than to the closest canonical phrase; 0.5 = as close.

    Args:
        image: Unit embeddings.
        query: Unit text embedding; for several templates their mean, made unit again.
        canonical: Unit embeddings of the canonical phrases.
        scale: Factor on the dot products.

    Source: Kerr et al., "LERF", ICCV 2023, eq. 2; docs/methods/metrics.md eq. 20.
    """
    return relevancy_of_similarities(image @ query, image @ canonical.T, scale=scale)


def relevancy_of_similarities(
    to_query: Float[Array, "N"], to_canonical: Float[Array, "N C"], *, scale: float = RELEVANCY_SCALE
) -> Float[Array, "N"]:
    """`relevancy` from the dot products themselves."""
    closest = to_canonical.max(axis=-1)
    return 1 / (1 + np.exp(-scale * (to_query - closest)))


def localisation_hit(
    relevancy_map: Float[Array, "H W"] | None, boxes: Sequence[Float[Array, "4"]], *, smooth: bool = False
) -> bool:
    """Whether the most relevant pixel lies inside one of the boxes, border included.

    Args:
        relevancy_map: None (no prediction) is a miss. Ties: first in row order.
        boxes: Annotated boxes, xyxy in pixels of the map (a pixel's centre is at +0.5).
        smooth: Mean filter of 29 x 29 px, scaled to image width / 988, first.
    """
    if relevancy_map is None or relevancy_map.size == 0:
        return False
    values = np.asarray(relevancy_map, np.float64)
    if smooth:
        side = max(1, round(FILTER_PX * values.shape[1] / FILTER_WIDTH))
        values = cv2.blur(values, (side, side))
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    x, y = column + 0.5, row + 0.5
    return any(bool(x0 <= x <= x1 and y0 <= y <= y1) for x0, y0, x1, y1 in boxes)


def localisation_accuracy(
    maps: Sequence[Float[Array, "_ _"] | None],
    boxes: Sequence[Sequence[Float[Array, "4"]]],
    *,
    smooth: bool = False,
) -> float:
    """Share of queries whose most relevant pixel is right (docs/methods/metrics.md eq. 21); NaN without queries."""
    hits = [localisation_hit(m, b, smooth=smooth) for m, b in zip(maps, boxes, strict=True)]
    return float(np.mean(hits)) if hits else math.nan


def open_vocabulary_iou(
    truths: Mapping[str, Sequence[Bool[Array, "_ _"]]],
    predictions: Mapping[str, Sequence[Bool[Array, "_ _"]]],
) -> float:
    """Mean over categories of the IoU pooled over all annotated views (3D-OVS, docs/methods/metrics.md eq. 22).

    A category without prediction counts 0; NaN without categories.
    """
    scores = [
        pooled_iou(views, predictions[name]) if name in predictions else 0.0 for name, views in truths.items()
    ]
    return float(np.mean(scores)) if scores else math.nan
