"""The focal length that photos share, from what pairs of them have in common, where nothing else tells.

Source: Mendonca and Cipolla, "A Simple Technique for Self-Calibration", CVPR 1999: K^T F K of a pair is an essential
matrix, whose two singular values are equal, for the right K alone. We differ: one focal length is looked for on a grid.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from liftlab.components.pointmaps.pair_pose import detect_features, match_features
from liftlab.components.types import Array, View

SHORTEST, LONGEST, STEPS = 0.5, 3.0, 120
"""Shares of the longer side that are tried, in equal ratios: from a very wide lens to a long one."""
MIN_MATCHES = 50
"""Of pairs with fewer matches that fit one fundamental matrix nothing is asked."""
ERROR_PX = 1.0


def shared_focal(views: Sequence[View], max_features: int = 3000) -> float | None:
    """Focal length as a share of the photos' longer side; None where no pair tells, or only that it is out of range.

    Pairs whose cameras look at one point from equal distances tell nothing: their cost is flat, and the others decide.

    Args:
        views: Of one lens; principal points in the middle.
    """
    from liftlab.components.sfm.colmap_library import pycolmap

    options = pycolmap.RANSACOptions()
    options.max_error, options.random_seed = ERROR_PX, 0
    features = [detect_features(view.image, max_features) for view in views]
    sides = [max(view.image.shape[:2]) for view in views]
    shares = np.geomspace(SHORTEST, LONGEST, STEPS)
    total, weight = np.zeros(STEPS), 0.0
    for n, m in itertools.combinations(range(len(views)), 2):
        xy_1, xy_2 = match_features(features[n], features[m])
        if len(xy_1) < MIN_MATCHES:
            continue
        centred = [
            xy - np.array(view.image.shape[1::-1]) / 2 for xy, view in ((xy_1, views[n]), (xy_2, views[m]))
        ]
        found = pycolmap.estimate_fundamental_matrix(centred[0], centred[1], options)
        if found is None or (count := int(np.sum(found["inlier_mask"]))) < MIN_MATCHES:
            continue
        scaled = np.diag([sides[m], sides[m], 1.0]) @ found["F"] @ np.diag([sides[n], sides[n], 1.0])
        total += count * _inequality(scaled, shares)
        weight += count
    best = int(total.argmin())
    return float(shares[best]) if weight and 0 < best < STEPS - 1 else None


def _inequality(F: Float[Array, "3 3"], shares: Float[Array, "S"]) -> Float[Array, "S"]:
    """How unequal the singular values of K^T F K are, in [0, 1], for K of each focal length."""
    K = np.zeros((len(shares), 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = shares
    K[:, 2, 2] = 1
    values = np.linalg.svd(K @ F @ K, compute_uv=False)
    return (values[:, 0] - values[:, 1]) / values[:, 0]
