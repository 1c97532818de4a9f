"""Which cached masks are things that words can mean: whole objects, with pieces of one thing put together.

Proposals without a model cut a thing where its colour changes: the dial of a clock, the shaded side of a box. Such a
piece meets the rest of its thing along a long line without a step in depth and without an inner corner; two things
that touch do not. Pieces are put together by that, and parts and groups are kept as second choices.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer

from components.masks.cache import MaskCache
from components.masks.scene_graph import view_depths
from components.types import Array, Scene

NEAR_PX, FAR_PX = 2, 7
"""Depth is compared this far from a border between two masks on both sides."""
STEP = 0.012
"""Relative difference in depth across a border that separates two surfaces."""
INNER_CORNER = 0.0025
"""The border of an inner corner lies deeper than the straight line between its sides by at least this, relative."""
JOINED, JOINED_SMALL = 0.23, 0.15
"""Share of the outline of the smaller of two pieces along which they must be one surface; the second holds for a piece
of less than `SMALL` times the area of the other."""
SMALL = 0.35
JOINED_OF_MEETING = 0.25
"""Share of the border between two pieces that must be one surface."""
SECOND_CHOICE = 0.4
"""Weight of parts and groups beside that of whole objects."""
PART_OF_THING = 0.1
"""Smaller parts, as shares of their thing, are details."""
SAME_MASK = 0.8
"""Masks that overlap by this IoU are one candidate."""


@dataclass(frozen=True)
class Things:
    """Candidates of a search."""

    masks: MaskCache
    object_ids: Integer[Array, "O"]
    """Ids in `masks`; whole things first."""
    weight: Float[Array, "O"]
    """1 for whole things, less for parts and groups."""


def find_things(scene: Scene, masks: MaskCache) -> Things:
    """Whole things among the foreground objects of a cache, then parts and groups as second choices."""
    kinds = dict(zip(masks.object_ids.tolist(), masks.kinds, strict=True))
    usable = [i for i in kinds if masks.foreground[i - 1] and masks.placement[:, i - 1, 6].any()]
    pieces = [i for i in usable if kinds[i] == "object"]
    labels = paint(masks, pieces)
    clusters = _clusters(pieces, meetings(labels, view_depths(scene)), _areas(labels))
    whole: list[int] = []
    for members in clusters:
        if len(members) == 1:
            whole.append(members[0])
            continue
        drawn = [np.isin(label, members) for label in labels]
        masks = masks.with_object(drawn, kind="object", score=float(masks.scores[members[0] - 1]))
        whole.append(int(masks.object_ids[-1]))
    second = _second_choices(masks, whole, [i for i in usable if i not in whole])
    ids = np.array([*whole, *second], np.int64)
    return Things(masks, ids, np.where(np.arange(len(ids)) < len(whole), 1.0, SECOND_CHOICE))


def paint(masks: MaskCache, object_ids: Sequence[int]) -> list[Integer[Array, "_ _"]]:
    """Per view the id of the smallest of some objects at every pixel; 0 = none."""
    chosen = set(object_ids)
    labels = []
    for view in range(masks.num_views):
        label = np.zeros(masks.sizes[view], np.int32)
        for index in masks.order[view][::-1].tolist():
            if index + 1 in chosen and masks.area(view, index + 1):
                label[masks.mask(view, index + 1)] = index + 1
        labels.append(label)
    return labels


@dataclass(frozen=True)
class Meetings:
    """Along how many pixels pieces meet, over all views; pairs have the smaller id first."""

    joined: Counter[tuple[int, int]]
    """As one surface."""
    apart: Counter[tuple[int, int]]
    """With a step, an inner corner or unknown depth."""
    outline: Counter[int]
    """Length of each piece's outline."""


def meetings(labels: Sequence[Integer[Array, "_ _"]], depths: Float32[Array, "V H W"]) -> Meetings:
    """How the pieces of label maps meet.

    Args:
        labels: Per view, 0 = none.
        depths: Along +Z, 0 where unknown; padded at the right and bottom.
    """
    found = Meetings(Counter(), Counter(), Counter())
    for label, padded in zip(labels, depths, strict=True):
        depth = padded[: label.shape[0], : label.shape[1]]
        _count(found, label, depth)
        _count(found, label.T, depth.T)
    return found


def _count(found: Meetings, label: Integer[Array, "H W"], depth: Float32[Array, "H W"]) -> None:
    """Count the borders between rows."""
    rows, columns = np.nonzero(label[:-1] != label[1:])
    above, below = label[rows, columns], label[rows + 1, columns]
    for side in (above, below):
        found.outline.update(
            dict(zip(*(a.tolist() for a in np.unique(side, return_counts=True)), strict=True))
        )
    inside = (above > 0) & (below > 0) & (rows >= FAR_PX) & (rows + 1 + FAR_PX < len(label))
    rows, columns, above, below = rows[inside], columns[inside], above[inside], below[inside]
    offsets = (-FAR_PX, -NEAR_PX, 1 + NEAR_PX, 1 + FAR_PX)
    far_a, near_a, near_b, far_b = (depth[rows + offset, columns] for offset in offsets)
    middle = (near_a + near_b) / 2
    level = (near_a > 0) & (near_b > 0) & (np.abs(near_a - near_b) < STEP * middle)
    profile = (far_a > 0) & (far_b > 0)
    profile &= (label[rows - FAR_PX, columns] == above) & (label[rows + 1 + FAR_PX, columns] == below)
    corner = profile & (middle - (far_a + far_b) / 2 > INNER_CORNER * middle)
    joined = level & ~corner
    pairs = zip(np.minimum(above, below).tolist(), np.maximum(above, below).tolist(), strict=True)
    for pair, one_surface in zip(pairs, joined.tolist(), strict=True):
        (found.joined if one_surface else found.apart)[pair] += 1


def _areas(labels: Sequence[Integer[Array, "_ _"]]) -> Counter[int]:
    areas: Counter[int] = Counter()
    for label in labels:
        areas.update(dict(zip(*(a.tolist() for a in np.unique(label, return_counts=True)), strict=True)))
    return areas


def _clusters(pieces: Sequence[int], met: Meetings, areas: Counter[int]) -> list[list[int]]:
    """Pieces put together, each list with its largest first."""
    home = {piece: piece for piece in pieces}

    def root(piece: int) -> int:
        while home[piece] != piece:
            piece = home[piece]
        return piece

    for (a, b), joined in met.joined.items():
        small, large = sorted((a, b), key=lambda i: areas[i])
        needed = JOINED_SMALL if areas[small] < SMALL * areas[large] else JOINED
        meeting = joined + met.apart[a, b]
        if joined >= needed * met.outline[small] and joined >= JOINED_OF_MEETING * meeting:
            home[root(small)] = root(large)
    clusters: dict[int, list[int]] = {}
    for piece in sorted(pieces, key=lambda i: -areas[i]):
        clusters.setdefault(root(piece), []).append(piece)
    return sorted(clusters.values(), key=lambda members: members[0])


def _second_choices(masks: MaskCache, whole: Sequence[int], others: Sequence[int]) -> list[int]:
    """Parts that are a good share of one thing, and groups, that no whole thing and no larger choice equals."""
    area = masks.placement[:, :, 6].sum(axis=0)
    chosen: list[int] = []
    for candidate in sorted(others, key=lambda i: -area[i - 1]):
        own = area[candidate - 1]
        shared = {i: _shared(masks, candidate, i) for i in [*whole, *chosen]}
        if any(n / (own + area[i - 1] - n) > SAME_MASK for i, n in shared.items()):
            continue
        share = max(
            (n / area[i - 1] for i, n in shared.items() if i in set(whole) and n > 0.5 * own), default=0.0
        )
        if masks.kinds[candidate - 1] == "group" or share >= PART_OF_THING:
            chosen.append(candidate)
    return chosen


def _shared(masks: MaskCache, a: int, b: int) -> int:
    """Pixels that two masks share in all views."""
    total = 0
    for view in range(masks.num_views):
        rows_a, columns_a = masks.box(view, a)
        rows_b, columns_b = masks.box(view, b)
        rows = slice(max(rows_a.start, rows_b.start), min(rows_a.stop, rows_b.stop))
        columns = slice(max(columns_a.start, columns_b.start), min(columns_a.stop, columns_b.stop))
        if rows.start < rows.stop and columns.start < columns.stop:
            both: Bool[Array, "h w"] = masks.mask(view, a)[rows, columns] & masks.mask(view, b)[rows, columns]
            total += int(both.sum())
    return total
