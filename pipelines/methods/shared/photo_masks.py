"""What a photo's own masks say a click lies on, for methods that read objects off blended pixels.

A blended pixel is one sample. Where splats are under-trained it may show another object, in holes of a hundred pixels
and more, and whoever clicks again clicks the same pixel. The mask that the photo has there is thousands of samples.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Literal, assert_never

import numpy as np
from jaxtyping import Bool, UInt16

from liftlab.components.clicks import Click
from liftlab.components.features.label_maps import LabelMap, paint
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array
from liftlab.pipelines.methods.shared.gaussian_answers import SeenClick

ClickLabel = Literal["mask", "pixel"]
"""What says which object a click means: most pixels of the photo's own mask under it, or the clicked pixel alone."""


class PhotoMasks:
    """The label maps that the photos teach with, painted when first asked for: a click must not wait for all."""

    def __init__(self, masks: MaskCache) -> None:
        self._masks = masks
        self._painted: dict[int, LabelMap] = {}
        self._painting = threading.Lock()

    def under(self, click: Click) -> Bool[Array, "_H _W"] | None:
        """Pixels of the mask that a click lies on, as far as no other mask covers it; None where there is none."""
        with self._painting:
            if click.view not in self._painted:
                self._painted[click.view] = paint(self._masks, click.view)
            labels = self._painted[click.view].labels
        own = labels[int(click.y), int(click.x)]
        return None if own == 0 else labels == own


def clicked_objects(
    positives: Sequence[SeenClick],
    negatives: Sequence[SeenClick],
    at_pixel: Callable[[SeenClick], int],
    maps: Sequence[UInt16[Array, "_ _"]],
    photo_masks: PhotoMasks,
    rule: ClickLabel,
) -> tuple[list[int], list[int]]:
    """The object under every positive and every negative click, 0 = none.

    By masks, the first positive click means the object of most pixels of the photo's mask under it. A correction is
    about what was answered: a further positive click on an object that shows mostly inside that mask means it, for a
    mask may hold two things, and a negative one on an object that was clicked before means that one; else the
    mask decides as well.

    Args:
        at_pixel: The object that the clicked pixel shows.
        maps: Objects of every pixel of every photo, as the method sees them.
        rule: "pixel" asks `at_pixel` alone, as the papers read labels.
    """
    yes, no = ([at_pixel(click) for click in side] for side in (positives, negatives))
    if rule == "pixel":
        return yes, no
    if rule != "mask":
        assert_never(rule)
    meant: list[int] = []
    for shown, click in zip(yes, positives, strict=True):
        mask = photo_masks.under(click.click)
        most = shown if mask is None else _most(maps[click.click.view], mask, shown)
        if meant and mask is not None and _lies_in(maps[click.click.view], shown, mask):
            most = shown
        meant.append(most)
    refused = []
    for shown, click in zip(no, negatives, strict=True):
        mask = photo_masks.under(click.click)
        if mask is None or shown in meant:
            refused.append(shown)
        else:
            refused.append(_most(maps[click.click.view], mask, shown))
    return meant, refused


def _most(image: UInt16[Array, "H W"], mask: Bool[Array, "H W"], otherwise: int) -> int:
    """The object of most of a mask's pixels, of equal ones the smaller number; where most have none, `otherwise`."""
    return int(np.bincount(image[mask]).argmax()) or otherwise


def _lies_in(image: UInt16[Array, "H W"], label: int, mask: Bool[Array, "H W"]) -> bool:
    """Whether most of an object's pixels in a photo lie inside a mask."""
    if label == 0:
        return False
    own = image == label
    return 2 * int((own & mask).sum()) > int(own.sum())
