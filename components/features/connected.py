"""Parts of a selection that hang together in space."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from liftlab.components.types import Array

REACH = 2.0
"""Selected Gaussians this many median neighbour distances apart hang together."""


def connected_to(
    points: Float[Array, "N 3"], selected: Bool[Array, "N"], spots: Float[Array, "S 3"]
) -> Bool[Array, "N"]:
    """The connected parts of a selection that come near a spot; nothing where none does.

    Two selected points are connected, and a point is near a spot, within twice the median distance of selected points
    to their nearest neighbour. Source: docs/methods/saga.md section 8, optional cleaning.
    """
    ids = np.flatnonzero(selected)
    out = np.zeros_like(selected)
    if len(ids) < 2:
        return selected.copy()
    tree = KDTree(points[ids])
    nearest = np.asarray(tree.query(points[ids], k=2)[0])[:, 1]
    radius = REACH * float(np.median(nearest))
    pairs = tree.query_pairs(radius, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(ids), len(ids)))
    _, part = connected_components(links, directed=False)
    near = [i for found in tree.query_ball_point(spots, radius) for i in found]
    out[ids[np.isin(part, part[near])]] = True
    return out
