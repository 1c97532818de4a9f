"""One label map per view, painted from overlapping masks; ids mean nothing from one view to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int16, Int32

from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array

MIN_VISIBLE = 0.1
"""A mask of which no more than this share stays visible under the others is left out."""
LAYERS = ("plane", "group", "object", "part")
"""Kinds of masks from the bottom to the top of the painting."""


@dataclass(frozen=True)
class LabelMap:
    """Who owns each pixel of one view."""

    labels: Int32[Array, "H W"]
    """1 to L in an order of the view's own; 0 where no mask is."""
    foreground: Bool[Array, "L_plus_1"]
    """Per label: a thing (True) or surroundings (False); entry 0, no mask, is False."""
    classes: Int16[Array, "L_plus_1"] | None = None
    """Per label its class, 0 = surroundings, -1 = unknown, as entry 0 is; None where masks carry no classes."""

    @property
    def count(self) -> int:
        return len(self.foreground) - 1


def paint(
    masks: MaskCache,
    view: int,
    *,
    kinds: Sequence[str] = ("plane", "object"),
    generator: torch.Generator | None = None,
) -> LabelMap:
    """Paint the masks of a view over each other: planes below objects below parts, better masks on top.

    Within a layer the score decides, then the smaller area is on top, then the larger id. Masks of which 10 % or
    less stays visible are dropped, and the others renumbered.

    Args:
        masks: Cached masks of the scene.
        view: Index of the view.
        kinds: Which kinds of masks take part.
        generator: Shuffles the numbers, so that no id tells an object across views; None numbers in the order of ids.

    Source: Gaga's public code (arXiv:2404.07977) on painting SAM masks in ascending score. We differ: structure is
    painted first, since our proposals say what is structure.
    """
    shown = [i for i in masks.object_ids.tolist() if masks.kinds[i - 1] in kinds and masks.area(view, i)]
    shown.sort(
        key=lambda i: (LAYERS.index(masks.kinds[i - 1]), float(masks.scores[i - 1]), -masks.area(view, i), i)
    )
    owner = np.zeros(masks.sizes[view], np.int32)
    for object_id in shown:
        owner[masks.mask(view, object_id)] = object_id
    visible = np.bincount(owner.ravel(), minlength=len(masks.kinds) + 1)
    kept = [i for i in sorted(shown) if visible[i] > MIN_VISIBLE * masks.area(view, i)]
    if generator is not None:
        kept = [kept[k] for k in torch.randperm(len(kept), generator=generator).tolist()]
    number = np.zeros(len(masks.kinds) + 1, np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    foreground = np.concatenate([[False], masks.foreground[np.array(kept, np.int64) - 1]])
    classes = None
    if masks.classes is not None:
        classes = np.concatenate([[-1], masks.classes[view, np.array(kept, np.int64) - 1]]).astype(np.int16)
    return LabelMap(number[owner], foreground.astype(bool), classes)


def with_rest(label_map: LabelMap) -> LabelMap:
    """The map with its unlabelled pixels as one more label, of surroundings; unchanged when there are none."""
    if (label_map.labels > 0).all():
        return label_map
    labels = np.where(label_map.labels > 0, label_map.labels, np.int32(label_map.count + 1))
    classes = None if label_map.classes is None else np.append(label_map.classes, np.int16(0))
    return LabelMap(labels, np.append(label_map.foreground, False), classes)


def boundary_band(labels: Int32[Array, "H W"], *, width_px: int = 2) -> Bool[Array, "H W"]:
    """Labelled pixels within a band along the borders between labels; the image rim is no border.

    A border pixel has a 4-neighbour of another label (0, no mask, counts as another); the band is the border pixels
    grown `width_px` - 1 times by their 4-neighbours.

    Source: UniC-Lift, section on boundary-mined triplets.
    """
    band = np.zeros(labels.shape, bool)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    band[:, 1:] |= across
    band[:, :-1] |= across
    band[1:] |= down
    band[:-1] |= down
    for _ in range(width_px - 1):
        grown = band.copy()
        grown[:, 1:] |= band[:, :-1]
        grown[:, :-1] |= band[:, 1:]
        grown[1:] |= band[:-1]
        grown[:-1] |= band[1:]
        band = grown
    return band & (labels > 0)
