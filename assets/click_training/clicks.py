"""Clicks on made photos, with what they mean, and how far a network is from it."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from assets.boundary_training.samples import boundary_of
from benchmarks.common.truth_scenes import STRUCTURE_ID
from liftlab.components.click_network.network import STRIDE, SeenPhotos
from liftlab.components.types import Array

LEAST_PX = 60
"""Of the smallest thing in a crop that is clicked."""
STRUCTURE_CHANCE = 0.25
"""Of a wall or a table to be clicked, beside a thing: people mean things more often."""
BOUNDARY_WEIGHT = 0.3
"""Of the boundaries, which only teach, beside the masks."""


@dataclass(frozen=True)
class Asked:
    """Q clicks in B crops, and what they mean."""

    crop: Tensor
    """int64 [Q]."""
    at: Tensor
    """float32 [Q, 2], (x, y) in pixels."""
    meant: Tensor
    """float32 [Q, H/2, W/2]."""
    boundary: Tensor
    """float32 [B, H/2, W/2]."""


def asked(ids: list[Array], rng: np.random.Generator, clicks: int) -> Asked:
    """Click on things of some crops, up to `clicks` in each; anywhere in a thing, more often far from its outline."""
    crop, at, meant = [], [], []
    for index, labels in enumerate(ids):
        names, counts = np.unique(labels, return_counts=True)
        chance = np.where(names >= STRUCTURE_ID, STRUCTURE_CHANCE, 1.0) * (names > 0) * (counts >= LEAST_PX)
        if not chance.any():
            continue
        small = labels[::STRIDE, ::STRIDE]
        for name in rng.choice(names, clicks, p=chance / chance.sum()).tolist():
            inside = labels == name
            if not (small == name).any():
                continue
            depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
            rows, columns = np.nonzero(depth >= rng.uniform(0, 0.9) * depth.max())
            chosen = int(rng.integers(len(rows)))
            crop.append(index)
            at.append((columns[chosen] + 0.5, rows[chosen] + 0.5))
            meant.append(small == name)
    boundary = np.stack(
        [cv2.dilate(boundary_of(one).astype(np.uint8), np.ones((2, 2), np.uint8)) for one in ids]
    )
    return Asked(
        torch.tensor(crop),
        torch.tensor(at, dtype=torch.float32),
        torch.from_numpy(np.stack(meant)).float(),
        torch.from_numpy(boundary[:, ::STRIDE, ::STRIDE].copy()).float(),
    )


def ious(odds: Tensor, meant: Tensor) -> Tensor:
    """Intersection over union of each mask with what was meant: [Q]."""
    found = (odds > 0).float()
    shared = (found * meant).sum(dim=(1, 2))
    return shared / ((found + meant).clamp(max=1).sum(dim=(1, 2)) + 1e-6)


def loss_of(seen: SeenPhotos, odds: Tensor, quality: Tensor, given: Asked) -> Tensor:
    """Focal loss and one less Dice of each mask, how far its quality is misjudged, and the boundaries.

    Source: focal loss and Dice as in Kirillov et al., Segment Anything, ICCV 2023; weights 5 to 1 here, since things
    are larger in these crops.
    """
    single = F.binary_cross_entropy_with_logits(odds, given.meant, reduction="none")
    chance = torch.sigmoid(odds)
    right = chance * given.meant + (1 - chance) * (1 - given.meant)
    focal = (single * (1 - right) ** 2).mean(dim=(1, 2))
    shared = (chance * given.meant).sum(dim=(1, 2))
    dice = 1 - (2 * shared + 1) / (chance.sum(dim=(1, 2)) + given.meant.sum(dim=(1, 2)) + 1)
    expected = F.binary_cross_entropy_with_logits(quality, ious(odds.detach(), given.meant))
    edges = F.binary_cross_entropy_with_logits(seen.boundary, given.boundary, weight=1 + 3 * given.boundary)
    return (5 * focal + dice).mean() + 0.2 * expected + BOUNDARY_WEIGHT * edges
