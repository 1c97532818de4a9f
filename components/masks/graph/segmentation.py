"""Graph-based segmentation, one kernel for pixels and for voxels."""

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from liftlab.components.types import Array


def segment_graph(
    edges: Int[Array, "E 2"], weights: Float[Array, "E"], count: int, *, scale: float, min_size: int
) -> Int32[Array, "N"]:
    """Segments of a graph: two join where the edge between them is no stronger than what they hold inside.

    Args:
        edges: Pairs of nodes 0..count-1.
        weights: Dissimilarity of each pair, at least 0.
        count: Number of nodes N.
        scale: Larger gives larger segments (k of the paper, in units of `weights`).
        min_size: Segments below this size join their most similar neighbour, if they have one.

    Returns:
        Label 0..S-1 per node, numbered by first appearance.

    Source: Felzenszwalb and Huttenlocher, IJCV 2004, algorithm 1. Ties are broken by edge order.
    """
    from liftlab.components.masks.graph.graph_kernels import join

    order = np.argsort(weights, kind="stable")
    roots = join(
        np.ascontiguousarray(edges[order, 0], np.int32),
        np.ascontiguousarray(edges[order, 1], np.int32),
        np.ascontiguousarray(weights[order], np.float32),
        count,
        np.float32(scale),
        min_size,
    )
    return compact_labels(roots)


def compact_labels(labels: Int[Array, "N"]) -> Int32[Array, "N"]:
    """Renumber labels 0..S-1 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


def connected(edges: Int[Array, "E 2"], keep: Bool[Array, "E"], count: int) -> Int32[Array, "N"]:
    """Connected components over the edges to `keep`: label 0..S-1 per node, by first appearance."""
    kept = edges[keep]
    return segment_graph(kept, np.zeros(len(kept), np.float32), count, scale=1.0, min_size=0)


def grid_edges(height: int, width: int) -> Int32[Array, "E 2"]:
    """Pairs of touching pixels (8 neighbours) of an image, pixels numbered row by row."""
    ids = np.arange(height * width, dtype=np.int32).reshape(height, width)
    pairs = [
        (ids[:, :-1], ids[:, 1:]),
        (ids[:-1], ids[1:]),
        (ids[:-1, :-1], ids[1:, 1:]),
        (ids[:-1, 1:], ids[1:, :-1]),
    ]
    return np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs])
