"""Prototypes: the mean feature of an object over the views, used as classifier without training.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from typing import Any

import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from liftlab.components.types import Array

NORM_FLOOR = 1e-8


def view_means(
    F: Float[Tensor, "P D"], labels: Int[Tensor, "P"], count: int
) -> tuple[Float[Tensor, "T D"], Int64[Tensor, "T"]]:
    """Mean rendered feature of each object in one view, features as they are (not normalised).

    Args:
        F: Rendered features of the view's pixels.
        labels: Object 1..T of each pixel; 0 is left out.
        count: T.

    Returns:
        Means, zero where the object is not in the view, and the objects' pixels.

    Source: Proto-SaGa, eq. 13.
    """
    inside = labels > 0
    number = labels[inside].long() - 1
    pixels = torch.bincount(number, minlength=count)
    sums = F.new_zeros((count, F.shape[1])).index_add(0, number, F[inside])
    return sums / pixels.clamp_min(1)[:, None].to(F.dtype), pixels


def ensemble(
    means: Float[Tensor, "V T D"], pixels: Int[Tensor, "V T"], *, min_views: int = 1, min_pixels: int = 1
) -> tuple[Float[Tensor, "T D"], Bool[Tensor, "T"]]:
    """Prototype of every object: the mean over the views that contain it, each view counting the same.

    Args:
        means: Of `view_means`, view by view.
        pixels: Its pixel counts.
        min_views: Objects in fewer views have no prototype.
        min_pixels: Views with fewer pixels of the object do not count.

    Returns:
        Prototypes (zero where there is none), and which exist.

    Source: Proto-SaGa, eq. 14. `min_views` and `min_pixels` are ours (docs/methods/proto_saga.md section 7): one tiny
    mask should not win arbitrary pixels.
    """
    seen = pixels >= max(min_pixels, 1)  # [V, T]
    views = seen.sum(dim=0)
    prototypes = (means * seen[..., None]).sum(dim=0) / views.clamp_min(1)[:, None].to(means.dtype)
    exists = views >= max(min_views, 1)
    return prototypes * exists[:, None], exists


def cosine_labels(
    prototypes: Float[Tensor, "T D"], exists: Bool[Tensor, "T"], F: Float[Tensor, "*P D"]
) -> tuple[Int64[Tensor, "*P"], Float[Tensor, "*P"]]:
    """Object 1..T with the largest cosine to each feature, and that cosine; label 0 where no prototype exists.

    Source: Proto-SaGa, eq. 15.
    """
    if not bool(exists.any()):
        return torch.zeros(F.shape[:-1], dtype=torch.int64), torch.zeros(F.shape[:-1], dtype=F.dtype)
    number = torch.nonzero(exists).flatten()
    unit = torch.nn.functional.normalize(prototypes[number], dim=1, eps=NORM_FLOOR)
    similarity = F @ unit.T
    best, winner = similarity.max(dim=-1)
    return number[winner] + 1, best / (F.norm(dim=-1) + NORM_FLOOR)


def kmeans_centers(
    samples: Float[Array, "S D"], owner: Int[Array, "S"], *, seed: int, restarts: int = 10
) -> Float[Array, "T D"]:
    """Centres of as many clusters as there are owners, the best of some k-means++ starts, numbered like the owners.

    Nothing of the owners enters the clustering; afterwards clusters and owners are paired so that most samples agree.

    Args:
        samples: Means of objects in single views.
        owner: Object of each, 0 to T - 1; every object has at least one.
        seed: Of the starts.
        restarts: Starts; the one with the least sum of squared distances counts.

    Source: the K-Means baseline of Proto-SaGa; how it starts is open there. A start at the prototypes would stay near
    them wherever masks were associated wrongly.
    """
    count = int(owner.max(initial=-1)) + 1
    from sklearn.cluster import KMeans  # seconds, and listing the methods needs none of it

    starts: Any = restarts  # its stubs know strings only
    fitted = KMeans(count, init="k-means++", n_init=starts, random_state=seed).fit(samples)
    shared = np.zeros((count, count))
    np.add.at(shared, (owner, fitted.predict(samples)), 1)
    _, cluster = scipy.optimize.linear_sum_assignment(shared, maximize=True)
    return fitted.cluster_centers_[cluster]


def merge_alike(
    prototypes: Float[Array, "T D"], exists: Bool[Array, "T"], *, threshold: float
) -> Int64[Array, "T_plus_1"]:
    """Table from object (0..T) to the smallest object it is joined with: chains of cosine above `threshold`.

    With a threshold of 1 nothing is joined. Source: docs/methods/proto_saga.md section 5 (our granularity).
    """
    unit = prototypes / (np.linalg.norm(prototypes, axis=1, keepdims=True) + NORM_FLOOR)
    alike = (unit @ unit.T > threshold) & exists[:, None] & exists[None]
    owner = np.arange(len(prototypes) + 1)
    for i, j in np.argwhere(np.triu(alike, 1)) + 1:
        low, high = sorted((int(owner[i]), int(owner[j])))
        owner[owner == high] = low
    return owner
