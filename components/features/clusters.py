"""Clusters of features by density, and every Gaussian's place among them."""

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.cluster import HDBSCAN
from torch import Tensor
from torch.nn.functional import normalize

from components.types import Array

ROWS_AT_ONCE = 65_536
"""Gaussians compared with all cluster means together."""


def density_clusters(
    samples: Float[Array, "n D"], *, smallest: int, epsilon: float = 0.0, min_samples: int | None = None
) -> Int[Array, "n"]:
    """HDBSCAN, Euclidean: 0 to C - 1, -1 = noise; all noise when there are fewer than `smallest` samples.

    Args:
        smallest: Samples a cluster has at least.
        epsilon: Clusters nearer than this are not split.
        min_samples: Neighbours that make a sample dense; `smallest` when None.
    """
    if len(samples) < max(smallest, 2):
        return np.full(len(samples), -1)
    found = HDBSCAN(
        min_cluster_size=max(smallest, 2),
        min_samples=min_samples,
        cluster_selection_epsilon=epsilon,
        copy=True,
    )
    return found.fit(np.asarray(samples, np.float64)).labels_.astype(np.int64)


def cluster_means(samples: Float[Tensor, "n D"], labels: Int[Array, "n"]) -> Float[Tensor, "C D"]:
    """Unit mean of the samples of every cluster; noise is left out."""
    C = int(labels.max(initial=-1)) + 1
    given = torch.from_numpy(labels).to(samples.device)
    sums = samples.new_zeros((C, samples.shape[1]))
    sums.index_add_(0, given[given >= 0], samples[given >= 0])
    return normalize(sums, dim=1)


def assigned(values: Float[Tensor, "N D"], means: Float[Tensor, "C D"], *, least: float) -> Int[Array, "N"]:
    """1 + the mean that each unit row is most similar to; 0 where it is less similar than `least` to all."""
    out = np.zeros(len(values), np.int64)
    if len(means) == 0:
        return out
    for start in range(0, len(values), ROWS_AT_ONCE):
        best, which = (values[start : start + ROWS_AT_ONCE] @ means.T).max(dim=1)
        out[start : start + ROWS_AT_ONCE] = torch.where(best >= least, which + 1, 0).cpu().numpy()
    return out
