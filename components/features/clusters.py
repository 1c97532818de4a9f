"""Clusters of features by density, and every Gaussian's place among them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from torch import Tensor

from liftlab.components.types import Array

ROWS_AT_ONCE = 65_536
"""Gaussians compared with all cluster means together."""


@dataclass(frozen=True)
class DensityClusters:
    """What HDBSCAN finds."""

    labels: Int[Array, "n"]
    """0 to C - 1, -1 = noise."""
    probabilities: Float[Array, "n"]
    """How firmly each sample belongs to its cluster, in [0, 1]; 0 for noise."""

    @property
    def count(self) -> int:
        """Clusters C."""
        return int(self.labels.max(initial=-1)) + 1


def density_clusters(
    samples: Float[Array, "n D"],
    *,
    smallest: int,
    epsilon: float = 0.0,
    min_samples: int | None = None,
    allow_single: bool = False,
) -> DensityClusters:
    """HDBSCAN, Euclidean; all noise when there are fewer than `smallest` samples.

    Args:
        smallest: Samples a cluster has at least; taken as 2 when smaller.
        epsilon: Clusters nearer than this are not split.
        min_samples: Neighbours that make a sample dense; `smallest` when None.
        allow_single: All samples may be one cluster.
    """
    smallest = max(smallest, 2)
    if len(samples) < smallest:
        return DensityClusters(np.full(len(samples), -1), np.zeros(len(samples)))
    from sklearn.cluster import HDBSCAN  # seconds, and listing the methods needs none of it

    found = HDBSCAN(
        min_cluster_size=smallest,
        min_samples=min_samples,
        allow_single_cluster=allow_single,
        copy=True,  # pyright: ignore[reportArgumentType]  (its default is the text 'warn')
    ).fit(np.asarray(samples, np.float64))
    labels = _joined(np.asarray(samples, np.float64), found.labels_.astype(np.int64), epsilon)
    return DensityClusters(labels, np.asarray(found.probabilities_, np.float64))


def _joined(samples: Float[Array, "n D"], labels: Int[Array, "n"], epsilon: float) -> Int[Array, "n"]:
    """Clusters with members nearer to each other than epsilon as one, numbered anew in the same order.

    scikit-learn's own `cluster_selection_epsilon` fails with NumPy 2.4, which takes an array of one number for none:
    "only 0-dimensional arrays can be converted to Python scalars", as soon as a cluster is that tight.
    """
    count = int(labels.max(initial=-1)) + 1
    if not epsilon or count < 2:
        return labels
    inside = np.flatnonzero(labels >= 0)
    near = np.zeros((count, count), bool)
    for cluster in range(count):
        tree = KDTree(samples[labels == cluster])
        gap, _ = tree.query(samples[inside], distance_upper_bound=epsilon)
        near[cluster, labels[inside[np.isfinite(gap)]]] = True
    _, owner = connected_components(near | near.T, directed=False)
    _, first = np.unique(owner, return_index=True)
    order = np.argsort(np.argsort(first))  # a joined cluster is named after its first
    return np.where(labels >= 0, order[owner[labels]], -1)


def clusters_of_distances(
    distances: Float[Array, "n n"], *, smallest: int, epsilon: float = 0.0
) -> Int[Array, "n"]:
    """HDBSCAN on distances: clusters 0 to C - 1, -1 = noise; all noise when there are fewer than `smallest` rows."""
    smallest = max(smallest, 2)
    if len(distances) < smallest:
        return np.full(len(distances), -1)
    # all that is nearer than epsilon is equally near, so nothing is split there
    clamped = np.where(np.eye(len(distances), dtype=bool), 0.0, np.maximum(distances, epsilon))
    from sklearn.cluster import HDBSCAN  # seconds, and listing the methods needs none of it

    found = HDBSCAN(
        min_cluster_size=smallest,
        metric="precomputed",
        copy=True,  # pyright: ignore[reportArgumentType]  (its default is the text 'warn')
    ).fit(np.asarray(clamped, np.float64))
    return found.labels_.astype(np.int64)


def cluster_means(
    samples: Float[Tensor, "n D"], clusters: DensityClusters, *, weighted: bool = False
) -> Float[Tensor, "C D"]:
    """Mean of the samples of every cluster, weighted by how firmly they belong when asked for; noise is left out."""
    labels = torch.from_numpy(clusters.labels).to(samples.device)
    inside = labels >= 0
    weights = (
        torch.from_numpy(clusters.probabilities).to(samples) if weighted else torch.ones_like(samples[:, 0])
    )
    sums = samples.new_zeros((clusters.count, samples.shape[1]))
    sums.index_add_(0, labels[inside], (samples * weights[:, None])[inside])
    total = samples.new_zeros(clusters.count).index_add_(0, labels[inside], weights[inside])
    return sums / total[:, None].clamp_min(1e-12)


def nearest_mean(values: Float[Tensor, "N D"], means: Float[Tensor, "C D"]) -> Int[Array, "N"]:
    """1 + the mean nearest to each row; 0 without means."""
    out = np.zeros(len(values), np.int64)
    if len(means):
        for start in range(0, len(values), ROWS_AT_ONCE):
            rows = values[start : start + ROWS_AT_ONCE]
            out[start : start + ROWS_AT_ONCE] = torch.cdist(rows, means).argmin(dim=1).cpu().numpy() + 1
    return out


def assigned(values: Float[Tensor, "N D"], means: Float[Tensor, "C D"], *, least: float) -> Int[Array, "N"]:
    """1 + the mean that each unit row is most similar to; 0 where it is less similar than `least` to all."""
    out = np.zeros(len(values), np.int64)
    if len(means) == 0:
        return out
    for start in range(0, len(values), ROWS_AT_ONCE):
        best, which = (values[start : start + ROWS_AT_ONCE] @ means.T).max(dim=1)
        out[start : start + ROWS_AT_ONCE] = torch.where(best >= least, which + 1, 0).cpu().numpy()
    return out
