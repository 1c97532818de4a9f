"""Masks of hundreds of objects in all photos at once: a bit a pixel of a bounding box, not a byte of the photo."""

from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from jaxtyping import Bool, UInt8

from liftlab.components.types import Array

Box = tuple[int, int, int, int, UInt8[Array, "_"]]
"""First row and column of a box, its height and width, and its bits row by row."""


class PackedMasks(Sequence[Bool[Array, "_ _"]]):
    """Masks of one object, one per view; each is drawn anew when it is asked for."""

    def __init__(self, masks: Iterable[Bool[Array, "_ _"]]) -> None:
        self._packed = [(mask.shape, pack_box(mask)) for mask in masks]

    @overload
    def __getitem__(self, index: int) -> Bool[Array, "_ _"]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Bool[Array, "_ _"]]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [_drawn(*one) for one in self._packed[index]]
        return _drawn(*self._packed[index])

    def __len__(self) -> int:
        return len(self._packed)


def pack_box(mask: Bool[Array, "H W"]) -> Box:
    """The bounding box of a mask, packed; of an empty one nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 0, 0, np.zeros(0, np.uint8)
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    inside = mask[top : top + height, left : left + width]
    return top, left, height, width, np.packbits(inside.ravel())


def _drawn(size: tuple[int, ...], box: Box) -> Bool[Array, "H W"]:
    top, left, height, width, bits = box
    mask = np.zeros(size, bool)
    inside = np.unpackbits(bits, count=height * width).view(bool).reshape(height, width)
    mask[top : top + height, left : left + width] = inside
    return mask
