"""What candidates are to each other, and to the proposals of single photos: agreement, nesting."""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Float32, Int32

from liftlab.components.masks.protocols import TrackedMasks
from liftlab.components.types import Array

EVERY_PX = 2
"""Pixels are counted on a grid of this step: voxels are wider than a pixel."""
INSIDE = 0.9
"""Share of its voxels from which one candidate is inside another."""
SEEN = 0.3
"""Share of a candidate's voxels that a photo must see to have a say."""


def voxels_of_masks(
    voxel_of_pixel: Int32[Array, "V H W"], num_voxels: int, tracked: Sequence[TrackedMasks]
) -> scipy.sparse.csr_array:
    """Which voxels each candidate holds, those that photos show inside its masks more often than outside [O, N]."""
    inside = scipy.sparse.csr_array((len(tracked), num_voxels), dtype=np.float32)
    seen = np.zeros(num_voxels, np.int64)
    for view, image in enumerate(voxel_of_pixel):
        ids = np.asarray(image)[::EVERY_PX, ::EVERY_PX]
        seen += np.bincount(ids[ids >= 0], minlength=num_voxels)
        rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for index, one in enumerate(tracked):
            mask = one.masks[view][::EVERY_PX, ::EVERY_PX]
            held = ids[: mask.shape[0], : mask.shape[1]][mask]
            held = held[held >= 0]
            rows.append(np.full(len(held), index))
            columns.append(held.astype(np.int64))
        row, column = np.concatenate(rows), np.concatenate(columns)
        inside += scipy.sparse.csr_array((np.ones(len(row), np.float32), (row, column)), shape=inside.shape)
    inside.data = (2 * inside.data > seen[inside.indices]).astype(np.float32)
    inside.eliminate_zeros()
    return inside


def relations(
    candidates: scipy.sparse.csr_array,
    held: Sequence[scipy.sparse.csr_array],
    visible: Bool[Array, "V N"],
) -> Float32[Array, "O 5"]:
    """`RELATIONS` of every candidate.

    Args:
        candidates: Voxels of each.
        held: Voxels of the proposals of each view.
        visible: Voxels that each view sees.
    """
    size = np.asarray(candidates.sum(axis=1)).ravel()
    seen = candidates @ visible.T.astype(np.float32)
    best = np.full(seen.shape, np.nan, np.float32)
    for view, proposals in enumerate(held):
        if proposals.shape[0] == 0:
            continue
        common = (candidates @ proposals.T).toarray()
        either = seen[:, [view]] + np.asarray(proposals.sum(axis=1)).reshape(1, -1) - common
        best[:, view] = (common / np.maximum(either, 1)).max(axis=1)
    best[seen < SEEN * size[:, None]] = np.nan
    known = np.isfinite(best)
    count = known.sum(axis=1)
    mean = np.where(count > 0, np.where(known, best, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
    worst = np.where(count > 0, np.where(known, best, np.inf).min(axis=1, initial=np.inf), np.nan)
    shared = (candidates @ candidates.T).toarray()
    iou = shared / np.maximum(size[:, None] + size[None, :] - shared, 1)
    np.fill_diagonal(iou, 0)
    within = shared >= INSIDE * np.maximum(size[:, None], 1)  # row inside column
    np.fill_diagonal(within, False)
    return np.stack(
        [mean, worst, (iou**2).sum(axis=1), np.log1p(within.sum(axis=0)), np.log1p(within.sum(axis=1))],
        axis=1,
    ).astype(np.float32)
