"""Matching maps from SIFT, for pairs whose network gives no descriptors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from liftlab.components.pointmaps.pair_pose import detect_features, match_features
from liftlab.components.pointmaps.pairs import Edge, PairResult, cells_of_matches
from liftlab.components.types import View

MAX_FEATURES = 8192
"""Of a photo; COLMAP's default."""
CELL_PX = 8
"""Each match stands for a square of this side, as each of MASt3R's does for a cell of its grid."""


def with_sift_matches(views: Sequence[View], pairs: Mapping[Edge, PairResult]) -> dict[Edge, PairResult]:
    """The pairs with matches by SIFT in place of their own: pixels near details that are each other's nearest.

    Args:
        views: Of the pairs' sizes.
        pairs: By their views.

    Source: WildSeg3D (arXiv:2503.08407), the variant D-DGA: DUSt3R has no descriptors, and Phi comes from SIFT. Ratio
    test and mutual neighbours are Lowe's (IJCV 2004); the paper does not say how far around a detail Phi is 1.
    """
    needed = sorted({view for edge in pairs for view in edge})
    features = {view: detect_features(views[view].image, MAX_FEATURES) for view in needed}
    found = {}
    for (n, m), pair in pairs.items():
        xy_1, xy_2 = (np.floor(xy).astype(np.int64) for xy in match_features(features[n], features[m]))
        cells = cells_of_matches(xy_1, xy_2, CELL_PX, pair.conf_1.shape, pair.conf_2.shape)
        found[n, m] = replace(pair, matches=cells)
    return found
