"""The 3D-aware memory bank: masks of later views join the entry with whose Gaussians they overlap most.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, Int64

from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array

BankVariant = Literal["paper", "gaga"]


class MemoryBank:
    """Entries of Gaussian sets, numbered from 1. Mutable: it is the working state of `associate`.

    `paper` scores by the shared part of the mask's set and lets sets overlap. `gaga` follows the public code: shared
    part over set size plus shared part, "new" only when below the threshold, and a merge adds only Gaussians that no
    entry owns yet.
    """

    def __init__(self, count: int, *, variant: BankVariant = "paper", threshold: float = 0.1) -> None:
        self.variant = variant
        self.threshold = threshold
        self._member: Bool[Array, "T N"] = np.zeros((8, count), bool)
        self._owned: Bool[Array, "N"] = np.zeros(count, bool)
        self.size = 0

    def entry(self, number: int) -> Int64[Array, "_"]:
        """Gaussians of entry `number` (from 1), ascending."""
        return np.flatnonzero(self._member[number - 1])

    @property
    def sizes(self) -> list[int]:
        """|Bank(e)| of every entry."""
        return [int(n) for n in self._member[: self.size].sum(axis=1)]

    def scores(self, gaussians: Int[Array, "_"]) -> Float[Array, "T"]:
        """Overlap of a set with every entry. Source: Proto-SaGa, eq. 12; `gaga`: its public code."""
        shared = self._member[: self.size][:, gaussians].sum(axis=1).astype(np.float64)
        size = len(gaussians)
        return shared / size if self.variant == "paper" else shared / (size + shared)

    def add(self, gaussians: Int[Array, "_"]) -> int:
        """Open a new entry with a set; returns its number."""
        if self.size == len(self._member):
            self._member = np.concatenate([self._member, np.zeros_like(self._member)])
        self._member[self.size, gaussians] = True
        self._owned[gaussians] = True
        self.size += 1
        return self.size

    def join(self, gaussians: Int[Array, "_"]) -> int:
        """Put a set into the entry it overlaps most, or into a new one; returns the number. An empty set gives 0."""
        if len(gaussians) == 0:
            return 0
        scores = self.scores(gaussians)
        if self.size == 0:
            return self.add(gaussians)
        best = int(np.argmax(scores))
        enough = scores[best] > self.threshold if self.variant == "paper" else scores[best] >= self.threshold
        if not enough:
            return self.add(gaussians)
        added = gaussians if self.variant == "paper" else gaussians[~self._owned[gaussians]]
        self._member[best, added] = True
        self._owned[added] = True
        return best + 1


@dataclass(frozen=True)
class Association:
    """Which object each mask of each view is."""

    objects: tuple[Int32[Array, "_"], ...]
    """Per view: object 1..T of each of its labels, 0 for no object; entry 0 (no mask) is 0."""
    count: int
    """T."""
    sizes: tuple[int, ...]
    """Gaussians in each bank entry."""
    shared: tuple[float, ...]
    """Per view: share of its masks that are not alone in their object, a sign of over-merging."""

    def label_map(self, view: int, labels: Int32[Array, "H W"]) -> Int32[Array, "H W"]:
        """M'_k: the view's map with object numbers in place of its own."""
        return self.objects[view][labels]


def associate(
    sets: Sequence[Sequence[Int[Array, "_"]]],
    count: int,
    *,
    variant: BankVariant = "paper",
    threshold: float = 0.1,
    order: Sequence[int] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Association:
    """Run all masks of all views through a memory bank, view by view, mask by mask.

    Args:
        sets: Per view and label (from 1): the Gaussians that stand for the mask, each at most once.
        count: Gaussians N.
        variant: Rules of the bank; see `MemoryBank`.
        threshold: Overlap above which a mask joins an entry.
        order: Views in the order they are taken; the first founds the bank, one entry per mask. None: as listed.

    Raises:
        ValueError: `order` is not a permutation of the views.
        Cancelled: `cancel` was set.

    Source: Proto-SaGa's semantic-aware association (docs/methods/proto_saga.md section 4); Gaga (arXiv:2404.07977).
    """
    order = list(range(len(sets))) if order is None else list(order)
    if sorted(order) != list(range(len(sets))):
        raise ValueError(f"order must name each of the {len(sets)} views once; got {order}.")
    bank = MemoryBank(count, variant=variant, threshold=threshold)
    found: dict[int, Int32[Array, "_"]] = {}
    for done, view in enumerate(order):
        if cancel is not None:
            cancel.check()
        progress(done / max(len(order), 1), "Associating masks over the views")
        numbers = [0]
        for gaussians in sets[view]:
            founding = done == 0 and len(gaussians) > 0
            numbers.append(bank.add(gaussians) if founding else bank.join(gaussians))
        found[view] = np.array(numbers, np.int32)
    progress(1.0, f"{bank.size} objects")
    objects = tuple(found[view] for view in range(len(sets)))
    return Association(objects, bank.size, tuple(bank.sizes), tuple(_shared(own) for own in objects))


def densest_first(labels: Sequence[Int32[Array, "_ _"]]) -> list[int]:
    """Order of views that starts at the one with the most labelled pixels and keeps the list order otherwise.

    Source: docs/methods/proto_saga.md section 7 (ours): the first view founds the bank and is never repaired.
    """
    first = int(np.argmax([int((image > 0).sum()) for image in labels])) if labels else 0
    return [first, *(view for view in range(len(labels)) if view != first)] if labels else []


def _shared(objects: Int32[Array, "_"]) -> float:
    named = objects[objects > 0]
    if len(named) == 0:
        return 0.0
    return float((np.bincount(named)[named] > 1).mean())
