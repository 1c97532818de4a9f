"""Regions of single photos that agree over photos: colour tells apart what geometry cannot, a paper on a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int, Int32

from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.types import Array, MaskSet

AT_ONCE = 512
"""Regions that are gathered before those that nearly equal a better one are left out again."""


@dataclass(frozen=True)
class AgreedRegion:
    """One thing that photos show as a region of its own."""

    voxels: Int[Array, "K"]
    """Those that most of the photos which show them put inside, ascending."""
    members: dict[int, int]
    """The proposal that is this region, by view."""
    support: float
    """Mean agreement of the photos that could have a say, in [0, 1]."""


def agreed_regions(
    held: Sequence[scipy.sparse.csr_array], visible: Bool[Array, "V N"], config: AgreementConfig
) -> list[AgreedRegion]:
    """Find the regions that photos agree on, best supported first.

    Each proposal of each photo is compared, through the voxels that two photos both see, with those of every other.

    Source: the view consensus of MaskClustering (Yan et al., CVPR 2024). We differ: agreement is intersection over
        union of co-visible voxels, and a cluster is a proposal with its best match in every other photo.

    Args:
        held: Voxels of the proposals of each view, by `voxels_of_proposals`; proposals may overlap.
        visible: Voxels that each view sees.
        config: See there.
    """
    counts = [masks.shape[0] for masks in held]
    starts = np.cumsum([0, *counts])
    if starts[-1] == 0:
        return []
    every = scipy.sparse.vstack(held, format="csr")
    seen = every @ visible.T.astype(np.float32)
    best, partner = _best_matches(held, seen, starts)
    able = seen >= config.seen * np.asarray(every.sum(axis=1)).reshape(-1, 1)
    able[np.arange(len(seen)), np.repeat(np.arange(len(counts)), counts)] = False
    asked = able.sum(axis=1)
    support = (best * able).sum(axis=1) / np.maximum(asked, 1)
    support *= np.minimum(asked, config.enough_photos) / config.enough_photos
    order = np.argsort(-support, kind="stable")
    order = order[support[order] >= config.min_support]
    kept: list[AgreedRegion] = []
    for start in range(0, len(order), AT_ONCE):
        for index in order[start : start + AT_ONCE].tolist():
            region = _gathered(index, best[index], partner[index], every, visible, starts, config)
            if region is not None:
                kept.append(AgreedRegion(*region, float(support[index])))
        distinct = distinct_sets([region.voxels for region in kept], visible.shape[1], config)
        kept = [kept[index] for index in distinct]
        if len(kept) >= config.max_regions:
            break
    return kept


def voxels_of_proposals(
    voxel_of_pixel: Int32[Array, "H W"], proposal: MaskSet, num_voxels: int
) -> tuple[scipy.sparse.csr_array, Bool[Array, "N"]]:
    """Which voxels each mask holds (more than half of the pixels that see them), and which the view sees."""
    height, width = proposal.masks.shape[1:]
    ids = voxel_of_pixel[:height, :width]
    known = ids >= 0
    pixels = np.bincount(ids[known], minlength=num_voxels)
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for index, mask in enumerate(proposal.masks):
        voxels, times = np.unique(ids[mask & known], return_counts=True)
        voxels = voxels[2 * times > pixels[voxels]]
        rows.append(np.full(len(voxels), index))
        columns.append(voxels.astype(np.int64))
    row, column = np.concatenate(rows), np.concatenate(columns)
    held = scipy.sparse.csr_array(
        (np.ones(len(row), np.float32), (row, column)), shape=(len(proposal.masks), num_voxels)
    )
    return held, pixels > 0


def _best_matches(
    held: Sequence[scipy.sparse.csr_array], seen: Float[Array, "M V"], starts: Int[Array, "V_plus_1"]
) -> tuple[Float[Array, "M V"], Int[Array, "M V"]]:
    """Per region and view, the largest agreement with a region of that view, and which it is.

    Args:
        held: Voxels of the regions of each view.
        seen: Voxels of each region that each view sees.
        starts: First region of each view.
    """
    best = np.zeros((starts[-1], len(held)), np.float32)
    partner = np.full((starts[-1], len(held)), -1)
    parts = [slice(start, stop) for start, stop in pairwise(starts.tolist())]
    for first, mine in enumerate(parts):
        for second, theirs in enumerate(parts[:first]):
            common = (held[first] @ held[second].T).toarray()
            if common.size == 0 or not common.any():
                continue
            either = seen[mine, second][:, None] + seen[theirs, first][None, :] - common
            iou = common / np.maximum(either, 1)
            best[mine, second], partner[mine, second] = iou.max(axis=1), theirs.start + iou.argmax(axis=1)
            best[theirs, first], partner[theirs, first] = iou.max(axis=0), mine.start + iou.argmax(axis=0)
    return best, partner


def _gathered(
    index: int,
    best: Float[Array, "V"],
    partner: Int[Array, "V"],
    every: scipy.sparse.csr_array,
    visible: Bool[Array, "V N"],
    starts: Int[Array, "V_plus_1"],
    config: AgreementConfig,
) -> tuple[Int[Array, "K"], dict[int, int]] | None:
    """The voxels that a region and its matches put inside, and the proposal of each view; None without any match."""
    own = int(np.searchsorted(starts, index, side="right")) - 1
    views = [own, *np.flatnonzero(best >= config.same).tolist()]
    members = [index, *partner[views[1:]].tolist()]
    if len(members) < 2:
        return None
    held = [every.indices[every.indptr[member] : every.indptr[member + 1]] for member in members]
    voxels, votes = np.unique(np.concatenate(held), return_counts=True)
    inside = voxels[2 * votes >= visible[views][:, voxels].sum(axis=0)]
    if len(inside) < config.min_voxels:
        return None
    return inside, {view: member - int(starts[view]) for view, member in zip(views, members, strict=True)}


def voxel_rows(voxels: Sequence[Int[Array, "_"]], num_voxels: int) -> scipy.sparse.csr_array:
    """Sets of voxels as the rows of a matrix of ones."""
    starts = np.cumsum([0, *(len(one) for one in voxels)])
    held = np.concatenate([np.zeros(0, np.int64), *voxels])
    return scipy.sparse.csr_array(
        (np.ones(len(held), np.float32), held, starts), shape=(len(voxels), num_voxels)
    )


def distinct_sets(sets: Sequence[Int[Array, "_"]], size: int, config: AgreementConfig) -> list[int]:
    """Which sets of numbers below `size` do not nearly equal one before them; at most `config.max_regions`."""
    held = voxel_rows(sets, size)
    common = (held @ held.T).toarray()
    count = common.diagonal()
    same = common > config.duplicate * (count[:, None] + count[None, :] - common)
    kept: list[int] = []
    for index in range(len(sets)):
        if len(kept) >= config.max_regions:
            break
        if not same[index, kept].any():
            kept.append(index)
    return kept
