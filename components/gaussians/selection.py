"""Take some Gaussians of a scene: by row, or by what lies under masks."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int

from components.rasterize import Votes, lift, tensors_from_gaussians
from components.types import Array, Camera, Gaussians

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
    """Which Gaussians one object's masks hold; those no camera sees are not held. Arguments as in `mask_votes`."""
    shares = mask_votes(gaussians, cameras, masks, device=device).shares()[:, 0]
    return np.asarray(shares.nan_to_num(nan=-1.0) >= share_min)


_FIELDS = dataclasses.fields(Gaussians)
