"""Which cached masks are things that words can mean: whole objects, with pieces of one thing put together.

Proposals without a model cut a thing where its colour changes: the dial of a clock, the shaded side of a box. Such a
piece meets the rest of its thing along a long line without a step in depth and without an inner corner; two things
that touch do not. Pieces are put together by that, masks that hold several things are taken apart by it, and parts and
groups are kept as second choices.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer
from scipy.ndimage import distance_transform_edt

from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.graph.borders import border_pixels
from liftlab.components.masks.graph.scene_graph import view_depths
from liftlab.components.text.attributes import Attributes
from liftlab.components.text.colours import colour_shares
from liftlab.components.types import Array, Scene, focal_of

JOINED, JOINED_SMALL = 0.23, 0.15
"""Share of the outline of the smaller of two pieces along which they must be one surface; the second holds for a piece
of less than `SMALL` times the area of the other."""
SMALL = 0.35
LIKE_SIZE, ENCLOSED = 0.68, 0.5
"""Pieces of like size (area of the smaller over that of the larger) and different colour, such as the backs of two
books, are one thing only where one surface holds along more than this share of the outline of the smaller."""
JOINED_OF_MEETING, MOSTLY_JOINED = 0.25, 0.6
"""Share of the border between two pieces that must be one surface; above the second, the lower need holds as well."""
APART = 0.05
"""Parts of one thing that are one surface along less than this share of the outline of the smaller are two things when
their colours differ too."""
OTHER_COLOUR = 0.5
"""Half the sum of differences between shares of colours from which two parts differ in colour."""
HALF_OF_THING = 0.15
"""Share of a thing from which a part can be a thing of its own."""
STALK = 0.6
"""Footprint of a stalk, as a share of its cap's; of what stands on a base, as a share of the base's."""
SAME_PLACE = 0.3
"""IoU of the boxes round two pieces from which they are one thing: solid things do not enter each other so far."""
FLAT_BASE, ROUND_BASE, MIDDLE_OF_BASE = 0.3, 1.3, 0.15
"""Height over width, and length over width, of a base such as the plate of a candle at most; how far from its middle
what stands on it may be, as a share of its length."""
SECOND_CHOICE, GROUP = 0.4, 0.2
"""Weight of parts, and of groups, beside that of whole objects."""
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
    depths = view_depths(scene)
    parts = [i for i in usable if kinds[i] == "part"]
    pieces: list[int] = []
    for piece in [i for i in usable if kinds[i] == "object"]:
        masks, halves = _taken_apart(scene, masks, piece, parts, depths)
        pieces += halves
    labels = smallest_at_pixels(masks, pieces)
    clusters = _clusters(
        pieces, meetings(labels, depths, _focals(scene)), _areas(labels),
        {piece: _colours(scene, labels, piece) for piece in pieces},
    )  # fmt: skip
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
    second_weight = [GROUP if masks.kinds[i - 1] == "group" else SECOND_CHOICE for i in second]
    return Things(masks, ids, np.array([*np.ones(len(whole)), *second_weight]))


def pieces_of_one_thing(objects: Attributes, whole: int) -> list[tuple[int, int]]:
    """Pairs of indices among the first `whole` objects that are one thing by how they lie in space.

    The cap of a mushroom stands on a stalk, which nothing that was set down does; a candle stands in the middle of its
    plate; the inside and the outside of a mug take the same place.
    """
    low, high, size, middle = (
        array[:whole] for array in (objects.low, objects.high, objects.extent, objects.center)
    )
    volume, footprint, (length, width, height) = np.prod(high - low, axis=1), size[:, 0] * size[:, 1], size.T
    shared = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    common = np.prod(np.clip(shared, 0, None), axis=2)
    same_place = np.triu(common > SAME_PLACE * (volume[:, None] + volume - common), 1)
    # From here on, rows are what may be below and columns what may stand on it.
    offset = np.linalg.norm(middle[:, None, :2] - middle[:, :2], axis=2)
    over = (shared[:, :, :2] > 0).all(axis=2) & (middle[:, None, 2] < middle[:, 2])
    gap = np.where(over, np.abs(low[:, 2] - high[:, None, 2]), np.inf)
    stalk = (  # its cap hides the top of it, so the two need not meet in what is measured
        (footprint[:, None] < STALK * footprint)
        & (low[:, 2] - low[:, None, 2] > 0.4 * height[:, None])
        & (offset < 0.3 * length)
        & (gap < np.maximum(height[:, None], height))
    )
    round_and_flat = (height < FLAT_BASE * width) & (length < ROUND_BASE * width)
    base = (
        round_and_flat[:, None]
        & (footprint < STALK * footprint[:, None])
        & (height > length)
        & (offset < MIDDLE_OF_BASE * length[:, None])
        & (gap < 0.5 * length[:, None])
    )
    return [(int(a), int(b)) for a, b in np.argwhere(same_place | stalk | base)]


def put_together(things: Things, pairs: Sequence[tuple[int, int]]) -> Things:
    """The things with each pair (by index) made one; what a pair was made of is a second choice now."""
    masks, ids, weight = things.masks, things.object_ids.tolist(), things.weight.copy()
    added: list[int] = []
    for a, b in pairs:
        if weight[a] < 1 or weight[b] < 1:
            continue
        drawn = [masks.mask(v, ids[a]) | masks.mask(v, ids[b]) for v in range(masks.num_views)]
        masks = masks.with_object(drawn, kind="object", score=float(masks.scores[ids[b] - 1]))
        added.append(int(masks.object_ids[-1]))
        weight[[a, b]] = SECOND_CHOICE
    order = np.argsort(-weight, kind="stable")
    return Things(
        masks,
        np.array([*added, *np.array(ids)[order]], np.int64),
        np.concatenate([np.ones(len(added)), weight[order]]),
    )


def smallest_at_pixels(masks: MaskCache, object_ids: Sequence[int]) -> list[Integer[Array, "_ _"]]:
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


def meetings(
    labels: Sequence[Integer[Array, "_ _"]], depths: Float32[Array, "V H W"], focals: Sequence[float]
) -> Meetings:
    """How the pieces of label maps meet.

    Args:
        labels: Per view, 0 = none.
        depths: Along +Z, 0 where unknown; padded at the right and bottom.
        focals: Of the views, pixels: they tell how wide a pixel is at a depth.
    """
    found = Meetings(Counter(), Counter(), Counter())
    for label, padded, focal in zip(labels, depths, focals, strict=True):
        depth = padded[: label.shape[0], : label.shape[1]]
        _count(found, label, depth, focal)
        _count(found, label.T, depth.T, focal)
    return found


def _count(found: Meetings, label: Integer[Array, "H W"], depth: Float32[Array, "H W"], focal: float) -> None:
    """Count the borders between rows."""
    borders = border_pixels(label, depth, focal)
    for side in (borders.above, borders.below):
        found.outline.update(
            dict(zip(*(a.tolist() for a in np.unique(side, return_counts=True)), strict=True))
        )
    profile = (borders.beyond_above == borders.above) & (borders.beyond_below == borders.below)
    inside = (borders.above > 0) & (borders.below > 0) & borders.complete
    joined = (borders.level & ~(borders.corner & profile))[inside]
    above, below = borders.above[inside], borders.below[inside]
    pairs = zip(np.minimum(above, below).tolist(), np.maximum(above, below).tolist(), strict=True)
    for pair, one_surface in zip(pairs, joined.tolist(), strict=True):
        (found.joined if one_surface else found.apart)[pair] += 1


def _taken_apart(
    scene: Scene, masks: MaskCache, piece: int, parts: Sequence[int], depths: Float32[Array, "V H W"]
) -> tuple[MaskCache, list[int]]:
    """The ids that a piece becomes: itself, or new masks when it is several things of different colour."""
    area = masks.placement[:, :, 6].sum(axis=0)
    inside: list[int] = []
    for part in sorted(parts, key=lambda i: -area[i - 1]):
        share = area[part - 1] / area[piece - 1]
        if not HALF_OF_THING <= share < SAME_MASK or _shared(masks, part, piece) < 0.85 * area[part - 1]:
            continue
        if all(_shared(masks, part, other) < 0.5 * area[part - 1] for other in inside):
            inside.append(part)
    if len(inside) < 2:
        return masks, [piece]
    labels = smallest_at_pixels(masks, inside)
    met, home = meetings(labels, depths, _focals(scene)), {part: part for part in inside}
    colours = {part: _colours(scene, labels, part) for part in inside}
    for order, a in enumerate(inside):
        for b in inside[order + 1 :]:
            joined = met.joined[min(a, b), max(a, b)] > APART * min(met.outline[a], met.outline[b])
            if joined or not _differ(colours[a], colours[b]):
                home = {part: home[a] if old == home[b] else old for part, old in home.items()}
    seeds = sorted(set(home.values()))
    if len(seeds) < 2:
        return masks, [piece]
    drawn: list[list[Bool[Array, "_ _"]]] = [[] for _ in seeds]
    for view, label in enumerate(labels):
        whole = masks.mask(view, piece) | (label > 0)
        nearest = _nearest_label(label)
        for masks_of_seed, seed in zip(drawn, seeds, strict=True):
            members = [part for part in inside if home[part] == seed]
            masks_of_seed.append(whole & np.isin(nearest, members))
    for one in drawn:
        masks = masks.with_object(one, kind="object", score=float(masks.scores[piece - 1]))
    return masks, masks.object_ids[-len(seeds) :].tolist()


def _colours(scene: Scene, labels: Sequence[Integer[Array, "_ _"]], part: int) -> Float[Array, "13"]:
    return colour_shares(
        np.concatenate([view.image[label == part] for view, label in zip(scene.views, labels, strict=True)])
    )


def _differ(a: Float[Array, "13"], b: Float[Array, "13"]) -> bool:
    return bool(np.abs(a - b).sum() / 2 >= OTHER_COLOUR)


def _nearest_label(label: Integer[Array, "H W"]) -> Integer[Array, "H W"]:
    """The label of the nearest labelled pixel; all 0 where nothing is labelled."""
    if not label.any():
        return label
    nearest = distance_transform_edt(label == 0, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return label[rows, columns]


def _focals(scene: Scene) -> list[float]:
    return [focal_of(view.camera) for view in scene.views]


def _areas(labels: Sequence[Integer[Array, "_ _"]]) -> Counter[int]:
    areas: Counter[int] = Counter()
    for label in labels:
        areas.update(dict(zip(*(a.tolist() for a in np.unique(label, return_counts=True)), strict=True)))
    return areas


def _clusters(
    pieces: Sequence[int], met: Meetings, areas: Counter[int], colours: dict[int, Float[Array, "13"]]
) -> list[list[int]]:
    """Pieces put together, each list with its largest first."""
    home = {piece: piece for piece in pieces}

    def root(piece: int) -> int:
        while home[piece] != piece:
            piece = home[piece]
        return piece

    for (a, b), joined in met.joined.items():
        small, large = sorted((a, b), key=lambda i: areas[i])
        meeting = joined + met.apart[a, b]
        much_smaller = areas[small] < SMALL * areas[large]
        needed = JOINED_SMALL if much_smaller or joined > MOSTLY_JOINED * meeting else JOINED
        if areas[small] > LIKE_SIZE * areas[large] and _differ(colours[a], colours[b]):
            needed = ENCLOSED
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
    low_a, low_b = masks.placement[:, a - 1, 2:4], masks.placement[:, b - 1, 2:4]
    high_a, high_b = low_a + masks.placement[:, a - 1, 4:6], low_b + masks.placement[:, b - 1, 4:6]
    low, high = np.maximum(low_a, low_b), np.minimum(high_a, high_b)
    total = 0
    for view in np.flatnonzero((low < high).all(axis=1)).tolist():
        (top, left), (bottom, right) = low[view], high[view]
        place = slice(top, bottom), slice(left, right)
        total += int((masks.mask(view, a)[place] & masks.mask(view, b)[place]).sum())
    return total
