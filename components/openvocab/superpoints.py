"""Superpoints: a point cloud cut into small pieces by geometry and colour, and by instances seen in photos (IBSp).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from typing import Literal, assert_never

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32
from scipy.spatial import KDTree

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
