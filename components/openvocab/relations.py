"""How superpoints stand to each other: what an MLP on points and a dot product of tokens would have to learn first.

In place of the original's boxes and 2D object queries [ours]: whether two superpoints are alike, and how clear a border
any path between them must cross.
"""

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import squareform

from liftlab.components.types import Array

RELATIONS = 7
"""Difference of colour and of chroma, likeness of normals, clearest border on the easiest path (by eq. 1 and by colour
alone), length of the shortest path over borders, whether they touch."""
APART = 1.0
"""Border between superpoints that no path joins, and the most that any counts."""
STEP = 0.02
"""What crossing into the next superpoint costs, whatever the border."""


def relations_of(
    edges: Int[Array, "E 2"],
    weights: Float[Array, "E"],
    superpoint: Int[Array, "N"],
    count: int,
    rgb: Float[Array, "N 3"],
    normals: Float[Array, "N 3"],
) -> Float32[Array, "S S R"]:
    """Relations of every superpoint to every other; symmetric, each about 0 to 1.

    Args:
        edges: Of points.
        weights: Of eq. 1.
        superpoint: Of each point, 0..count-1.
        count: Number of superpoints S.
        rgb: 0..1.
        normals: Unit, of unknown sign.
    """
    out = np.zeros((count, count, RELATIONS), np.float32)
    if count == 0:
        return out
    size = np.maximum(np.bincount(superpoint, minlength=count), 1)

    def mean(values: Float[Array, "N"]) -> Float[Array, "S"]:
        return np.bincount(superpoint, weights=values, minlength=count) / size

    colour = np.stack([mean(rgb[:, channel]) for channel in range(3)], axis=1)
    chroma = colour / (colour.sum(axis=1, keepdims=True) + 0.1)
    turned = normals * np.where(normals[:, 2:] < 0, -1.0, 1.0)
    facing = np.stack([mean(turned[:, axis]) for axis in range(3)], axis=1)
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-9)
    out[..., 0] = np.abs(colour[:, None] - colour).mean(axis=2)
    out[..., 1] = np.abs(chroma[:, None] - chroma).sum(axis=2)
    out[..., 2] = np.abs(facing @ facing.T)
    pairs, border, contrast = borders(edges, weights, superpoint, count, rgb)
    out[..., 3] = clearest_border(pairs, border, count)
    out[..., 4] = clearest_border(pairs, contrast, count)
    graph = coo_matrix((border + STEP, (pairs[:, 0], pairs[:, 1])), shape=(count, count)).tocsr()
    out[..., 5] = np.minimum(dijkstra(graph, directed=False), 3 * APART) / (3 * APART)
    out[..., 6][pairs[:, 0], pairs[:, 1]] = out[..., 6][pairs[:, 1], pairs[:, 0]] = 1.0
    out[..., [0, 1, 3, 4, 5]] = np.sqrt(out[..., [0, 1, 3, 4, 5]])  # most of what matters is small
    return out


def borders(
    edges: Int[Array, "E 2"],
    weights: Float[Array, "E"],
    superpoint: Int[Array, "N"],
    count: int,
    rgb: Float[Array, "N 3"],
) -> tuple[Int[Array, "A 2"], Float[Array, "_"], Float[Array, "_"]]:
    """Superpoints that touch (first below second), the mean weight of the edges between them, and their mean
    difference of colour.
    """
    ends = np.sort(superpoint[edges].astype(np.int64), axis=1)
    across = ends[:, 0] != ends[:, 1]
    ends, own = ends[across], edges[across]
    keys, place = np.unique(ends[:, 0] * count + ends[:, 1], return_inverse=True)
    number = np.bincount(place, minlength=len(keys))
    border = np.bincount(place, weights=weights[across], minlength=len(keys)) / number
    differ = np.abs(rgb[own[:, 0]] - rgb[own[:, 1]]).mean(axis=1)
    contrast = np.bincount(place, weights=differ, minlength=len(keys)) / number
    return np.stack([keys // count, keys % count], axis=1), border, contrast


def clearest_border(pairs: Int[Array, "A 2"], border: Float[Array, "_"], count: int) -> Float[Array, "S S"]:
    """The largest border on the path between each two on which that is smallest (single linkage)."""
    if count < 2:
        return np.zeros((count, count))
    direct = np.full((count, count), APART)
    direct[pairs[:, 0], pairs[:, 1]] = direct[pairs[:, 1], pairs[:, 0]] = np.minimum(border, APART)
    np.fill_diagonal(direct, 0)
    return squareform(cophenet(linkage(squareform(direct, checks=False), "single")))
