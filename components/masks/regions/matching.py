"""One id over all photos from the matches of pairs alone, before any camera is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from liftlab.components.masks.judging.relations import INSIDE
from liftlab.components.masks.regions.agreeing import AT_ONCE, distinct_sets
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.pointmaps.pairs import Edge, PairResult
from liftlab.components.types import Array, MaskSet

MATCHES_KEPT = 20_000
"""Of a pair, evenly among them: as many as the start of the alignment looks at."""
STRIDE = 4
"""Every so manieth pixel both ways stands for its surroundings where masks are compared."""


@dataclass(frozen=True)
class MatchedObject:
    """Masks of single photos that pairs say show one thing."""

    masks: tuple[Bool[Array, "_ _"], ...]
    """One per photo; empty where it is not found."""
    members: dict[int, int]
    """The proposal that it is, by photo; of a photo that shows it in pieces, none."""
    support: float
    """Mean agreement of the photos that could have a say, in [0, 1]."""


@dataclass(frozen=True)
class _Votes:
    """What pairs say of all proposals, numbered through over the photos."""

    photo: Int[Array, "M"]
    """Of each proposal."""
    common: Float[Array, "M M"]
    """Matches that run from one to the other."""
    seen: Float[Array, "M V"]
    """Matches of a proposal with each photo."""
    able: Bool[Array, "M V"]
    """Whether enough of it is matched for that photo to have a say."""


def objects_of_matches(
    proposals: Sequence[MaskSet], pairs: Mapping[Edge, PairResult], config: AgreementConfig
) -> list[MatchedObject]:
    """Join proposals of photos whose matched pixels fall into each other, best supported first.

    Source: the view consensus of MaskClustering (Yan et al., CVPR 2024). We differ: agreement is intersection over
        union of the pixels that a pair matches, and a cluster is a proposal with its best match in every other photo. A
        photo that shows the thing in pieces gives all its proposals that lie inside.

    Args:
        proposals: One set per photo, of the size of the pairs' pointmaps; they may overlap.
        pairs: By the photos' numbers; of two orders of a pair one is looked at.
        config: `min_voxels` are matched pixels here.
    """
    counts = [len(found.masks) for found in proposals]
    if sum(counts) == 0:
        return []
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    votes = _votes(proposals, pairs, starts, config)
    iou = _agreement(votes, config)
    parts = [iou[:, a:b].max(axis=1, initial=0) for a, b in pairwise(starts.tolist())]
    best = np.stack(parts, axis=1)
    asked = votes.able.sum(axis=1)
    support = (best * votes.able).sum(axis=1) / np.maximum(asked, 1)
    support *= np.minimum(asked, config.enough_photos) / config.enough_photos
    order = np.argsort(-support, kind="stable")
    order = order[support[order] >= config.min_support]
    kept: list[MatchedObject] = []
    for start in range(0, len(order), AT_ONCE):
        for index in order[start : start + AT_ONCE].tolist():
            members = _members(index, iou, votes, config)
            if len(members) >= 2 and votes.seen[index].sum() >= config.min_voxels:
                masks = _masks(members, proposals, votes, starts)
                own = {v: int(m - starts[v]) for v, m in members.items()}
                kept.append(MatchedObject(masks, own, float(support[index])))
        kept = _distinct(kept, config)
        if len(kept) >= config.max_regions:
            break
    return kept


def _votes(
    proposals: Sequence[MaskSet],
    pairs: Mapping[Edge, PairResult],
    starts: Int[Array, "V_plus_1"],
    config: AgreementConfig,
) -> _Votes:
    total, photos = int(starts[-1]), len(proposals)
    common = np.zeros((total, total), np.float32)
    seen, able = np.zeros((total, photos), np.float32), np.zeros((total, photos), bool)
    for (n, m), pair in pairs.items():
        if n > m and (m, n) in pairs:
            continue
        step = max(1, len(pair.matches) // MATCHES_KEPT)
        xy = np.floor(pair.matches[::step]).astype(np.int64)
        inside = []
        for side, photo in enumerate((n, m)):
            masks = proposals[photo].masks
            column = np.clip(xy[:, 2 * side], 0, masks.shape[2] - 1)
            row = np.clip(xy[:, 2 * side + 1], 0, masks.shape[1] - 1)
            inside.append(scipy.sparse.csr_array(masks[:, row, column].astype(np.float32)))
        first, second = slice(starts[n], starts[n + 1]), slice(starts[m], starts[m + 1])
        both = (inside[0] @ inside[1].T).toarray()
        common[first, second] += both
        common[second, first] += both.T
        for here, own, other, phi in zip((first, second), inside, (m, n), pair.matched(), strict=True):
            masks = proposals[n if other == m else m].masks[:, ::STRIDE, ::STRIDE]
            seen[here, other] = np.asarray(own.sum(axis=1)).ravel()
            matched = (masks & phi[::STRIDE, ::STRIDE]).sum(axis=(1, 2))
            able[here, other] = (matched > 0) & (matched >= config.seen * masks.sum(axis=(1, 2)))
    photo = np.repeat(np.arange(photos), np.diff(starts))
    return _Votes(photo, common, seen, able)


def _agreement(votes: _Votes, config: AgreementConfig) -> Float[Array, "M M"]:
    """Intersection over union of every two proposals of different photos, of the pixels their pair matches; 0 where
    these are few. A pixel without a match may be seen all the same, so that their share is not asked here."""
    own = votes.seen[:, votes.photo]  # [M, M]: matches of the row's proposal with the column's photo
    enough = own >= config.min_voxels
    return np.where(enough & enough.T, votes.common / np.maximum(own + own.T - votes.common, 1), 0)


def _members(
    index: int,
    iou: Float[Array, "M M"],
    votes: _Votes,
    config: AgreementConfig,
) -> dict[int, int]:
    """By photo the proposal that agrees best with those found so far, from the surest photo on."""
    members = {int(votes.photo[index]): index}
    reach = iou[index].copy()
    while True:
        free = ~np.isin(votes.photo, list(members))
        if not free.any() or (value := (reach * free).max()) < config.same or value == 0:
            return members
        chosen = int((reach * free).argmax())
        members[int(votes.photo[chosen])] = chosen
        reach = np.maximum(reach, iou[chosen])


def _masks(
    members: Mapping[int, int],
    proposals: Sequence[MaskSet],
    votes: _Votes,
    starts: Int[Array, "V_plus_1"],
) -> tuple[Bool[Array, "_ _"], ...]:
    """The members' masks; in a photo without one, all of its proposals whose matches lie inside the members."""
    ids = list(members.values())
    inside = votes.common[:, ids].sum(axis=1)
    seen = votes.seen[:, list(members)].sum(axis=1)
    held = (seen > 0) & (inside >= INSIDE * seen)
    out = []
    for view, own in enumerate(proposals):
        if view in members:
            out.append(own.masks[members[view] - starts[view]])
        else:
            pieces = own.masks[held[starts[view] : starts[view + 1]]]
            out.append(pieces.any(axis=0) if len(pieces) else np.zeros(own.masks.shape[1:], bool))
    return tuple(out)


def _distinct(found: list[MatchedObject], config: AgreementConfig) -> list[MatchedObject]:
    """Without those that nearly equal a better supported one."""
    if not found:
        return []
    flat = [
        np.flatnonzero(np.concatenate([mask[::STRIDE, ::STRIDE].ravel() for mask in one.masks]))
        for one in found
    ]
    width = sum(mask[::STRIDE, ::STRIDE].size for mask in found[0].masks)
    return [found[index] for index in distinct_sets(flat, width, config)]
