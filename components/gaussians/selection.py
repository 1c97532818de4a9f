"""Take some Gaussians of a scene: by row, or by what lies under masks."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from liftlab.components.rasterize import Votes, lift, tensors_from_gaussians
from liftlab.components.types import Array, Camera, Gaussians

NEIGHBOURS = 8
SPECK_SHARE = 0.03
"""A group of splats apart from the others with less than this share of their weight is a speck."""
SPECK_GAP = 4.0
"""Splats farther from each other than this many times the usual spacing are apart."""
SHARE_MIN = 0.5
"""A Gaussian lies under the masks when this share of its blending weight does."""


def subset(gaussians: Gaussians, rows: Bool[Array, "N"] | Int[Array, "K"]) -> Gaussians:
    """The chosen rows, copied."""
    return Gaussians(**{field.name: getattr(gaussians, field.name)[rows] for field in _FIELDS})


def joined(first: Gaussians, second: Gaussians) -> Gaussians:
    """Rows of `first`, then those of `second`; both have the same harmonic degree."""
    return Gaussians(
        **{
            field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
            for field in _FIELDS
        }
    )


def mask_votes(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    masks: Sequence[Bool[Array, "_ _"]],
    *,
    device: torch.device | str = "cpu",
) -> Votes:
    """How much of each Gaussian's blending weight lies inside one object's masks, M = 1; see `lift`.

    Args:
        gaussians: World frame; all of the scene, so that what is hidden does not vote.
        cameras: One per mask, of any size.
        masks: Of the cameras' sizes; all False where the object is not seen.

    Raises:
        ValueError: A mask is not of its camera's size.
    """
    tensors = dataclasses.replace(tensors_from_gaussians(gaussians, device=device), sh=None)
    inside, seen = torch.zeros(len(tensors), 1), torch.zeros(len(tensors))
    for camera, mask in zip(cameras, masks, strict=True):
        votes = lift(tensors, [camera], torch.from_numpy(mask).to(device)[None, ..., None])
        inside += votes.inside.cpu()
        seen += votes.seen.cpu()
    return Votes(inside=inside, seen=seen)


def under_masks(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    masks: Sequence[Bool[Array, "_ _"]],
    *,
    share_min: float = SHARE_MIN,
    device: torch.device | str = "cpu",
) -> Bool[Array, "N"]:
    """Which Gaussians one object's masks hold; those no camera sees are not held, nor specks far from the others.

    Arguments as in `mask_votes`.
    """
    votes = mask_votes(gaussians, cameras, masks, device=device)
    held = np.asarray(votes.shares()[:, 0].nan_to_num(nan=-1.0) >= share_min)
    return without_specks(gaussians, held, votes.seen.numpy())


def without_specks(
    gaussians: Gaussians, selected: Bool[Array, "N"], weights: Float[Array, "N"]
) -> Bool[Array, "N"]:
    """The selection without small groups apart from the rest.

    Masks hold a little of what lies behind an object and shines through it or past its rim: in the picture that is
    nothing, in 3D it is a spot far away.

    Args:
        weights: What each Gaussian counts, for example its blending weight.
    """
    rows = np.flatnonzero(selected)
    if len(rows) <= NEIGHBOURS:
        return selected
    distances, near = KDTree(gaussians.means[rows]).query(gaussians.means[rows], k=NEIGHBOURS)
    near = np.asarray(near)
    gap = SPECK_GAP * float(np.median(distances[:, NEIGHBOURS // 2]))
    linked = distances <= np.maximum(gap, gaussians.scales[rows].max(axis=1))[:, None]
    starts = np.repeat(np.arange(len(rows)), linked.sum(axis=1))
    graph = coo_matrix((np.ones(len(starts)), (starts, near[linked])), shape=(len(rows), len(rows)))
    count, group = connected_components(graph, directed=False)
    share = np.bincount(group, weights[rows], count) / max(float(weights[rows].sum()), 1e-12)
    out = np.zeros_like(selected)
    out[rows] = share[group] >= SPECK_SHARE
    return out


_FIELDS = dataclasses.fields(Gaussians)
