"""Superpoints: a point cloud cut into small pieces by geometry and colour, and by instances seen in photos (IBSp).

And how these stand to each other, in place of the original's boxes and 2D object queries [ours]: whether two are alike,
and how clear a border any path between them must cross.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from typing import Literal, assert_never

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from scipy.spatial.distance import squareform

from liftlab.components.masks.graph.segmentation import segment_graph
from liftlab.components.types import Array

NEIGHBOURS = 10
"""k of the graph [ours]."""
NORMAL_NEIGHBOURS = 16
FAR = 3.0
"""Edges longer than so many medians are dropped."""
COLOUR_WEIGHT = 1.5
"""Of the colour difference in eq. 1 [ours]. With 0.1, where geometry decides first, the best that superpoints of
four made scenes can do is IoU .68 with things (24,000 points, kappa .1), with 1.5 it is .78: stereo rounds off where
things touch."""
CutRule = Literal["majority", "any"]
"""Eq. 2: an edge is cut where at least half of the common views tell its ends apart [ours], or any of them (paper)."""
RELATIONS = 7
"""Difference of colour and of chroma, likeness of normals, clearest border on the easiest path (by eq. 1 and by colour
alone), length of the shortest path over borders, whether they touch."""
APART = 1.0
"""Border between superpoints that no path joins, and the most that any counts."""
STEP = 0.02
"""What crossing into the next superpoint costs, whatever the border."""


def neighbours_of(points: Float[Array, "N 3"], count: int) -> Int32[Array, "N C"]:
    """The `count` nearest other points of each, nearest first; fewer points than that repeat the last one.

    Points at one place are told apart by their index, so that each has others as neighbours and never itself.
    """
    number = len(points)
    if number == 0:
        return np.zeros((0, count), np.int32)
    found = KDTree(points).query(points, k=min(count + 1, number))[1].reshape(number, -1)
    own = found == np.arange(number)[:, None]
    own[~own.any(axis=1), -1] = True  # twins crowd it out of its own list: then the farthest goes
    others = found[~own].reshape(number, -1)
    if others.shape[1] == 0:
        others = np.zeros((number, 1), np.int64)
    short = count - others.shape[1]
    return np.pad(others, ((0, 0), (0, max(short, 0))), mode="edge")[:, :count].astype(np.int32)


def normals_of_points(
    points: Float[Array, "N 3"], neighbours: Int[Array, "N C"], *, smooth: bool = True
) -> Float32[Array, "N 3"]:
    """Unit normals of unknown sign: the direction in which the neighbourhood is thinnest, averaged once over it."""
    if len(points) == 0:
        return np.zeros((0, 3), np.float32)
    around = points[neighbours].astype(np.float64)
    around = np.concatenate([around, points[:, None]], axis=1)
    around -= around.mean(axis=1, keepdims=True)
    normals = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][:, :, 0]
    if smooth:
        near = normals[neighbours]
        sign = np.sign((near * normals[:, None]).sum(axis=2, keepdims=True))
        normals = normals + (near * sign).mean(axis=1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return normals.astype(np.float32)


def graph_edges(
    points: Float[Array, "N 3"], neighbours: Int[Array, "N C"], *, spacing: Float[Array, "N"] | None = None
) -> Int32[Array, "E 2"]:
    """Undirected edges between neighbours, each once, ascending (i, j) with i < j, without far ones.

    Args:
        points: Any unit.
        neighbours: Of each point.
        spacing: How far apart points lie around each, in any unit: lengths are measured in it, for a cloud that photos
            sampled is as dense as they saw it [ours]. None measures all alike.
    """
    pairs = np.stack(
        [np.repeat(np.arange(len(points)), neighbours.shape[1]), neighbours.ravel().astype(np.int64)], axis=1
    )
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    keys = np.unique(pairs[:, 0] * max(len(points), 1) + pairs[:, 1])
    edges = np.stack([keys // max(len(points), 1), keys % max(len(points), 1)], axis=1).astype(np.int32)
    if len(edges) == 0:
        return edges
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    if spacing is not None:
        length = length / np.maximum(spacing[edges[:, 0]] + spacing[edges[:, 1]], 1e-12)
    return edges[length <= FAR * np.median(length)]


def edge_weights(
    normals: Float[Array, "N 3"], rgb: Float[Array, "N 3"], edges: Int[Array, "E 2"]
) -> Float32[Array, "E"]:
    """How unlike the ends of each edge are (eq. 1); colours in 0..1."""
    first, second = edges[:, 0], edges[:, 1]
    turn = 1 - np.abs((normals[first] * normals[second]).sum(axis=1))
    colour = np.abs(rgb[first] - rgb[second]).sum(axis=1) / 3
    return np.maximum(turn + COLOUR_WEIGHT * colour, 0).astype(np.float32)


def cut_between_instances(
    edges: Int[Array, "E 2"],
    visible: Bool[Array, "V N"],
    ids: Int[Array, "V N"],
    rule: CutRule = "majority",
) -> Bool[Array, "E"]:
    """Edges that photos tell apart (eq. 2). Ids of different views are never compared.

    Args:
        edges: Pairs of points.
        visible: Whether a view sees a point.
        ids: Instance of each point in each view, 0 = none; valid inside one view only.
        rule: How many of the common views must tell the ends apart.
    """
    common = np.zeros(len(edges), np.int32)
    differ = np.zeros(len(edges), np.int32)
    for seen, own in zip(visible, ids, strict=True):
        a, b = own[edges[:, 0]], own[edges[:, 1]]
        both = seen[edges[:, 0]] & seen[edges[:, 1]] & ((a > 0) | (b > 0))
        common += both
        differ += both & (a != b)
    if rule == "majority":
        return (common > 0) & (2 * differ >= common)
    if rule == "any":
        return differ > 0
    assert_never(rule)


def superpoints(
    edges: Int[Array, "E 2"],
    weights: Float[Array, "E"],
    count: int,
    *,
    kappa: float,
    min_size: int,
    cut: Bool[Array, "E"] | None = None,
) -> Int32[Array, "N"]:
    """Superpoint 0..S-1 of each of `count` points (eq. 3), numbered by first appearance.

    Args:
        edges: Ascending, so that equal weights merge in their order.
        weights: Of eq. 1.
        count: Number of points N.
        kappa: Larger gives larger superpoints.
        min_size: Smaller ones join along their cheapest edge that is not cut; without any they stay alone.
        cut: Edges that are not used at all (eq. 2).
    """
    kept = np.ones(len(edges), bool) if cut is None else ~cut
    return segment_graph(edges[kept], weights[kept], count, scale=kappa, min_size=min_size)


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
