"""Masks and selections as they are kept: a bit per pixel or primitive instead of a byte, unpacked when asked for."""

from collections.abc import Sequence
from typing import overload

import numpy as np
from jaxtyping import Bool

from liftlab.components.types import Array


class PackedBits:
    """A bool array of any shape, an eighth of its size."""

    def __init__(self, values: Bool[Array, "..."]) -> None:
        self._bits = np.packbits(values)
        self._shape = values.shape
        self.count = int(np.count_nonzero(values))
        """How many are True."""

    @property
    def nbytes(self) -> int:
        return self._bits.nbytes

    def unpacked(self) -> Bool[Array, "..."]:
        """A new array each time."""
        size = int(np.prod(self._shape))
        return np.unpackbits(self._bits, count=size).view(bool).reshape(self._shape)


class PackedMasks(Sequence[np.ndarray]):
    """The masks of all views, bool [H, W] each; every access unpacks."""

    def __init__(self, masks: Sequence[Bool[Array, "_ _"]]) -> None:
        self._masks = tuple(PackedBits(mask) for mask in masks)

    @overload
    def __getitem__(self, view: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, view: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, view: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(view, slice):
            return tuple(packed.unpacked() for packed in self._masks[view])
        return self._masks[view].unpacked()

    def __len__(self) -> int:
        return len(self._masks)

    @property
    def counts(self) -> tuple[int, ...]:
        """Per view: pixels in the mask."""
        return tuple(packed.count for packed in self._masks)

    @property
    def nbytes(self) -> int:
        return sum(packed.nbytes for packed in self._masks)
