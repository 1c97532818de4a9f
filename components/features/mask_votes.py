"""Masks of all photos that mean the same thing, by the Gaussians they stand for, and what a text says of them.

Source: "Segment Any 3D Gaussians", AAAI 2025 (arXiv:2312.00860), section on open-vocabulary segmentation; equation
numbers are those of docs/methods/saga.md.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.types import Array

RELEVANT = 0.45
"""Mean relevancy above which a cluster is what a text names."""


def mask_distances(anchors: Bool[Array, "M A"]) -> Float[Array, "M M"]:
    """1 - |A1 n A2| / |A1 u A2| of the anchors that masks stand for; 1 where both have none.

    Source: the authors' code; the paper prints the ratio itself and calls it a distance.
    """
    held = anchors.astype(np.float32)
    both = held @ held.T
    sizes = held.sum(axis=1)
    either = sizes[:, None] + sizes[None] - both
    return np.where(either > 0, 1 - both / np.maximum(either, 1), 1.0).astype(np.float64)


@dataclass(frozen=True)
class Elected:
    """A cluster that a text names."""

    cluster: int
    score: float
    """Mean relevancy of its masks (eq. 15)."""
    member: int
    """Its most relevant mask, whose feature asks for the Gaussians."""


def categories_of(relevancies: Float[Array, "T M"], clusters: Int[Array, "M"]) -> Int[Array, "C"]:
    """The category of each cluster: that to which its masks are most relevant on average (ties: the first).

    So the paper's 3D-OVS protocol reads eq. (15): every cluster belongs to one of the categories, however relevant.

    Args:
        relevancies: Of every mask to every category.
        clusters: Of every mask, -1 = noise.
    """
    found = [
        relevancies[:, clusters == one].mean(axis=1).argmax()
        for one in range(int(clusters.max(initial=-1)) + 1)
    ]
    return np.array(found, np.int64)


def elect(
    relevancies: Float[Array, "M"], clusters: Int[Array, "M"], *, least: float = RELEVANT
) -> tuple[Elected, ...]:
    """Clusters whose masks are relevant on average, best first; where none is, the best alone; none without clusters.

    Args:
        relevancies: Of every mask to the text.
        clusters: Of every mask, -1 = noise, which is never a target (the authors' notebook keeps it).
    """
    found = []
    for cluster in range(int(clusters.max(initial=-1)) + 1):
        members = np.flatnonzero(clusters == cluster)
        best = int(members[np.argmax(relevancies[members])])
        found.append(Elected(cluster, float(relevancies[members].mean()), best))
    found.sort(key=lambda one: (-one.score, one.cluster))
    return tuple(one for one in found if one.score > least) or tuple(found[:1])
