"""The merge tree of a scene's pieces: proposals of the views vote, through the pointmaps, on which of them belong
together."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float, Int, Int32

from liftlab.components.bounds import Amount
from liftlab.components.masks.graph.borders import LeafBorders
from liftlab.components.masks.graph.scene_graph import SceneGraph, crease
from liftlab.components.types import Array, MaskSet

BOND_FALL = 6.0
"""How fast a bond weakens with the cost of the border."""
NECK = (0.3, 30.0)
"""Voxel pairs across a border, as a multiple of the square root of the smaller side's voxels: a neck, and none."""
FEW_PX, USUAL_SHARE = 20.0, 0.4
"""A border of few pixels says little: its share of one surface counts as if this many pixels more had the usual one."""


@dataclass(frozen=True)
class Track:
    """One object over all views."""

    leaves: Int[Array, "K"]
    """Leaves of the scene graph that make it up, ascending."""
    kind: str
    """"part", "object", "group" or "plane"."""
    score: float
    """Quality in [0, 1]."""
    foreground: bool
    """A thing rather than surroundings."""


@dataclass(frozen=True)
class Hierarchy:
    """A merge tree over the L leaves of a scene graph: nodes 0..L-1 are leaves, each later node joins two
    earlier ones."""

    children: Int32[Array, "M 2"]
    """Of node L + m."""
    cost: Float[Array, "L_plus_M"]
    """Cost at which the node came to be, never below its children's; 0 for leaves."""
    parent: Int32[Array, "L_plus_M"]
    """-1 for roots."""
    voxels: Int[Array, "L_plus_M"]
    """Size of each node."""
    pairs: Int[Array, "P 2"]
    """Leaves that touch or face each other over a gap."""
    bond: Float[Array, "P"]
    """How strongly two leaves hold together: length of their border in voxels, less where something separates them."""

    @property
    def num_leaves(self) -> int:
        return len(self.parent) - len(self.children)

    def leaves_of(self, node: int) -> Int[Array, "K"]:
        """Leaves below a node, ascending."""
        stack, leaves = [int(node)], []
        while stack:
            top = stack.pop()
            if top < self.num_leaves:
                leaves.append(top)
            else:
                stack.extend(self.children[top - self.num_leaves].tolist())
        return np.array(sorted(leaves), np.int64)

    def path(self, leaf: int) -> list[int]:
        """The leaf and all its ancestors, smallest first."""
        nodes = [int(leaf)]
        while self.parent[nodes[-1]] >= 0:
            nodes.append(int(self.parent[nodes[-1]]))
        return nodes

    def level(self, threshold: float) -> Int32[Array, "L"]:
        """The largest node with cost at most `threshold` above each leaf."""
        top = np.arange(len(self.parent), dtype=np.int32)
        for node in range(len(self.parent) - 1, -1, -1):
            above = self.parent[node]
            if above >= 0 and self.cost[above] <= threshold:
                top[node] = top[above]
        return top[: self.num_leaves]


@dataclass(frozen=True)
class MergeTreeConfig:
    """How pieces are joined; every term of the cost is a share in [0, 1] times its weight."""

    disagreement: Amount = 0.7
    """Weight of: the views' proposals keep the two apart."""
    color: Amount = 0.3
    """Weight of: their colour distributions differ."""
    crease: Amount = 0.25
    """Weight of: the surface between them is a concave crease."""
    crease_full: Amount = 0.5
    """Mean concavity that counts as a full crease."""
    bridge: Amount = 8.0
    """Gap in voxels over which pieces of different components may still be joined: stereo leaves holes."""
    bridge_cost: Amount = 0.1
    """Price of a gap."""
    neck: Amount = 0.32
    """Weight of: their border is short for their size. Things that only touch hang together by a neck."""
    apart: Amount = 0.5
    """Weight of: where they meet in the photos, depth makes a step or an inner corner. A dial or a lid of another
    colour continues the surface it is on; a thing that touches another does not."""


class MergeTreeBuilder:
    """Association through the pointmaps: leaves that the views' proposals put together are joined first.

    Source: the view consensus of MaskClustering (Yan et al., CVPR 2024). We differ: the pieces are voxel
        segments instead
    of masks, and colour and creases vote too; joining is by average linkage.
    """

    def __init__(self, config: MergeTreeConfig) -> None:
        self.config = config

    def build(self, graph: SceneGraph, proposals: Sequence[MaskSet], borders: LeafBorders) -> Hierarchy:
        """Merge tree of the scene's leaves; surfaces and components are never joined with each other.

        Args:
            graph: Of the scene.
            proposals: Of views 0..V-1.
            borders: How the leaves meet in the photos.
        """
        pairs, lengths, creases = _touching_leaves(graph)
        near, gaps = _leaves_over_gaps(graph, self.config.bridge)
        pairs, lengths = np.concatenate([pairs, near]), np.concatenate([lengths, gaps])
        fixed = self.config.disagreement * (1 - _agreement(graph, proposals, pairs))
        fixed[: len(creases)] += self.config.crease * np.minimum(creases / self.config.crease_full, 1)
        fixed[len(creases) :] += self.config.bridge_cost
        sums = np.stack([lengths, lengths * fixed, *borders.of(pairs)], axis=1)
        return _merge(pairs, sums, _color_histograms(graph), _sizes(graph), self.config)


def _sizes(graph: SceneGraph) -> Int[Array, "L"]:
    return np.bincount(graph.leaf[graph.leaf >= 0], minlength=graph.num_leaves)


def _touching_leaves(
    graph: SceneGraph,
) -> tuple[Int[Array, "P 2"], Float[Array, "P"], Float[Array, "P"]]:
    """Pairs of touching leaves of one component or one surface, the length of their border, its mean
    concavity."""
    a, b = graph.edges[:, 0], graph.edges[:, 1]
    first, second = graph.leaf[a], graph.leaf[b]
    border = (first >= 0) & (second >= 0) & (first != second) & (graph.surface[a] == graph.surface[b])
    edges = np.asarray(graph.edges)[border]
    low = np.minimum(first[border], second[border]).astype(np.int64)
    high = np.maximum(first[border], second[border]).astype(np.int64)
    keys, inverse, lengths = np.unique(low * graph.num_leaves + high, return_inverse=True, return_counts=True)
    bends = crease(np.asarray(graph.points), np.asarray(graph.normals), edges)
    means = np.bincount(inverse, bends, len(keys)) / lengths
    return np.stack([keys // graph.num_leaves, keys % graph.num_leaves], axis=1), lengths.astype(float), means


def _leaves_over_gaps(graph: SceneGraph, reach: float) -> tuple[Int[Array, "P 2"], Float[Array, "P"]]:
    """Pairs of leaves of different components within `reach` voxels, and how many voxels face each other."""
    things = np.flatnonzero(graph.component >= 0)
    none = np.zeros((0, 2), np.int64), np.zeros(0)
    if reach <= 1 or len(things) == 0:
        return none
    points = np.asarray(graph.points, np.float64)[things]
    found = scipy.spatial.KDTree(points).query_pairs(reach * graph.voxel * graph.scale, output_type="ndarray")
    first, second = things[found[:, 0]], things[found[:, 1]]
    apart = graph.component[first] != graph.component[second]
    a, b = graph.leaf[first[apart]].astype(np.int64), graph.leaf[second[apart]].astype(np.int64)
    if len(a) == 0:
        return none
    voxels = np.where(a < b, first[apart], second[apart])  # of the lower leaf: each counts once per pair
    keys = np.minimum(a, b) * graph.num_leaves + np.maximum(a, b)
    facing = np.unique(np.stack([keys, voxels], axis=1), axis=0)[:, 0]
    keys, lengths = np.unique(facing, return_counts=True)
    return np.stack([keys // graph.num_leaves, keys % graph.num_leaves], axis=1), lengths.astype(float)


def _agreement(
    graph: SceneGraph, proposals: Sequence[MaskSet], pairs: Int[Array, "P 2"]
) -> Float[Array, "P"]:
    """Share of the proposals over two leaves that hold both, averaged over the views that see both; 0.5
    unseen."""
    total, weight = np.zeros(len(pairs)), np.zeros(len(pairs))
    for view, proposal in enumerate(proposals):
        height, width = proposal.masks.shape[1:]
        leaf = graph.labels_in_view(view, np.asarray(graph.leaf), -1)[:height, :width]
        pixels = np.bincount(leaf[leaf >= 0], minlength=graph.num_leaves)
        columns = []
        for mask in proposal.masks:
            held = leaf[mask]
            columns.append(
                scipy.sparse.csc_array(np.bincount(held[held >= 0], minlength=graph.num_leaves)[:, None])
            )
        share = (
            scipy.sparse.hstack(columns, format="csr")
            if columns
            else scipy.sparse.csr_array((graph.num_leaves, 0))
        )
        share = scipy.sparse.csr_array(scipy.sparse.diags_array(1 / np.maximum(pixels, 1)) @ share)
        first, second = share[pairs[:, 0]], share[pairs[:, 1]]
        common = first.minimum(second).sum(axis=1)
        either = first.maximum(second).sum(axis=1)
        both = np.minimum(pixels[pairs[:, 0]], pixels[pairs[:, 1]]).astype(float)
        seen = np.where((both >= 8) & (either > 0), np.sqrt(both), 0)
        total += seen * common / np.maximum(either, 1e-9)
        weight += seen
    return np.where(weight > 0, total / np.maximum(weight, 1e-9), 0.5)


def _color_histograms(graph: SceneGraph) -> Float[Array, "L 384"]:
    """Smoothed Lab histogram of each leaf (6 x 8 x 8 bins), rows summing to the leaf's voxels."""
    shape = np.array([6, 8, 8])
    colors = np.asarray(graph.colors, np.float64)
    place = (colors - [0, -50, -50]) / [100, 100, 100] * shape - 0.5
    place = np.clip(place, 0, shape - 1.001)
    base, part = np.floor(place).astype(int), place - np.floor(place)
    out = np.zeros((graph.num_leaves, int(shape.prod())))
    member = np.flatnonzero(graph.leaf >= 0)
    for corner in np.ndindex(2, 2, 2):  # trilinear: a small change of light moves little between bins
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)[member]
        cell = base[member] + np.array(corner)
        column = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
        np.add.at(out, (graph.leaf[member], column), weight)
    return out


def _narrowness(length: float, voxels: int) -> float:
    """How much of a neck a border is: from 1 for `NECK` times the square root of the smaller side's voxels, to 0."""
    narrow, wide = NECK
    reach = np.clip(length / np.sqrt(voxels), narrow, wide)
    return float(1 - np.log(reach / narrow) / np.log(wide / narrow))


def _merge(
    pairs: Int[Array, "P 2"],
    sums: Float[Array, "P 4"],
    histograms: Float[Array, "L 384"],
    sizes: Int[Array, "L"],
    config: MergeTreeConfig,
) -> Hierarchy:
    """Average-linkage agglomeration, cheapest border first (ties: lower node numbers first).

    Args:
        pairs: Leaves with a border.
        sums: What adds up when borders do: length in voxels, length times cost, pixels of the border in the photos,
            those of them that are one surface.
        histograms: Colours of the leaves.
        sizes: Voxels of the leaves.
        config: Weights.
    """
    count = len(sizes)
    lengths, fixed = sums[:, 0], sums[:, 1] / np.maximum(sums[:, 0], 1e-9)
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    borders: list[dict[int, tuple[float, float, float, float]]] = [{} for _ in range(count)]
    apart = 1 - np.minimum(shares[pairs[:, 0]], shares[pairs[:, 1]]).sum(axis=1)
    bond = lengths * np.exp(-BOND_FALL * (fixed + config.color * apart))
    for (a, b), border in zip(pairs.tolist(), sums.tolist(), strict=True):
        borders[a][b] = borders[b][a] = tuple(border)
    color = list(shares)
    voxels = sizes.tolist()
    parent, cost_of = [-1] * count, [0.0] * count
    children: list[tuple[int, int]] = []

    def price(a: int, b: int) -> float:
        length, cost, meeting, one_surface = borders[a][b]
        apart = 1 - np.minimum(color[a], color[b]).sum()
        neck = _narrowness(length, min(voxels[a], voxels[b]))
        surface = (one_surface + USUAL_SHARE * FEW_PX) / (meeting + FEW_PX)
        return float(cost / length + config.color * apart + config.neck * neck + config.apart * (1 - surface))

    heap = [(price(a, b), a, b) for a, b in pairs.tolist()]
    heapq.heapify(heap)
    while heap:
        cost, a, b = heapq.heappop(heap)
        if parent[a] >= 0 or parent[b] >= 0:
            continue
        node = len(parent)
        parent.append(-1)
        parent[a] = parent[b] = node
        children.append((a, b))
        cost_of.append(max(cost, cost_of[a], cost_of[b]))
        voxels.append(voxels[a] + voxels[b])
        color.append((color[a] * voxels[a] + color[b] * voxels[b]) / voxels[node])
        joined: dict[int, tuple[float, float, float, float]] = {}
        for old in (a, b):
            for other, border in borders[old].items():
                if other not in (a, b):
                    before = joined.get(other, (0.0, 0.0, 0.0, 0.0))
                    joined[other] = (
                        before[0] + border[0], before[1] + border[1],
                        before[2] + border[2], before[3] + border[3],
                    )  # fmt: skip
                    del borders[other][old]
        borders.append(joined)
        for other, value in joined.items():
            borders[other][node] = value
            heapq.heappush(heap, (price(other, node), other, node))
        borders[a], borders[b] = {}, {}
    return Hierarchy(
        children=np.array(children, np.int32).reshape(-1, 2),
        cost=np.array(cost_of),
        parent=np.array(parent, np.int32),
        voxels=np.array(voxels),
        pairs=pairs,
        bond=bond,
    )
