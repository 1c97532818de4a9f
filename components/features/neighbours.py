"""Neighbours of Gaussians in space, and the loss that holds their features together.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist
from torch import Tensor

from liftlab.components.types import Array, Camera


def unit_length(cameras: Sequence[Camera], means: Float[Array, "N 3"]) -> float:
    """What counts as 1 in a scene: half the largest distance between two cameras, so that their hull has diameter 2.

    With cameras all in one place, half the diagonal of the box around the middle 90 % of the Gaussians.

    Source: docs/methods/unic_lift.md section 8, item 7 (our rule; the papers give radii in their own scenes' units).
    """
    centers = np.stack([camera.center for camera in cameras])
    diameter = float(pdist(centers).max()) if len(centers) > 1 else 0.0
    if diameter <= 1e-9 and len(means):
        diameter = float(np.linalg.norm(np.ptp(np.quantile(means, [0.05, 0.95], axis=0), axis=0)))
    return diameter / 2 if diameter > 1e-9 else 1.0


def neighbour_pairs(points: Float[Array, "N 3"], *, radius: float, at_most: int = 8) -> Int64[Tensor, "E 2"]:
    """Pairs (i, j), j one of the `at_most` nearest of i within `radius` and not i; sorted by i, then distance.

    Source: UniC-Lift, Nb(i) of eq. 6, limited to the nearest as docs/methods/unic_lift.md section 3 says.
    """
    if len(points) < 2:
        return torch.zeros((0, 2), dtype=torch.int64)
    k = min(at_most + 1, len(points))
    _, near = KDTree(points).query(points, k=k, distance_upper_bound=radius * (1 + 1e-12), workers=-1)
    near = np.asarray(near).reshape(len(points), k)
    own = np.broadcast_to(np.arange(len(points))[:, None], near.shape)
    known = (near < len(points)) & (near != own)
    # among coinciding points the query may leave the point itself out: then the last of its k is one too many
    known &= np.cumsum(known, axis=1) <= at_most
    return torch.from_numpy(np.stack([own[known], near[known]], axis=1).astype(np.int64))


def sample_pairs(pairs: Int64[Tensor, "E 2"], count: int, generator: torch.Generator) -> Int64[Tensor, "S 2"]:
    """At most `count` of the pairs, drawn with replacement when there are more."""
    if len(pairs) <= count:
        return pairs
    return pairs[torch.randint(len(pairs), (count,), generator=generator)]


def neighbour_loss(v: Float[Tensor, "N D"], pairs: Int64[Tensor, "S 2"]) -> Float[Tensor, ""]:
    """Mean of |v_i - v_j|^2 over pairs; 0 without pairs. Source: UniC-Lift, eq. 6."""
    difference = v[pairs[:, 0]] - v[pairs[:, 1]]
    return (difference**2).sum() / max(len(pairs), 1)
