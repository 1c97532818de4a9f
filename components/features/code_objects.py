"""Objects from binary codes: one per code, or per place a code is found in; for Gaussians and for rendered pixels.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32, Int64, UInt16
from numba import njit
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from liftlab.components.features.codes import (
    CodeBook,
    code_book,
    codes_of,
    components_by_code,
    enough_gaussians,
    hamming,
)
from liftlab.components.features.losses.cluster_loss import bounded
from liftlab.components.types import Array

OTHER_PLACE = 0.5
"""Distance of two objects with one code, in bits: not the same object, yet nearer than any other code."""


@dataclass(frozen=True)
class CodeObjects:
    """How codes are read. Objects are numbered 1..O, 0 is none."""

    book: CodeBook
    labels: Int32[Array, "N"]
    """Object of every Gaussian."""
    place: Int32[Array, "N"]
    """Which place of its code a Gaussian is in, 0 = the largest; -1 for crumbs, which take a neighbour's object."""
    objects: Int32[Array, "B S"]
    """Object of every code of the book in each of its places; 0 where it has fewer."""

    @property
    def count(self) -> int:
        """Objects O."""
        return int(self.objects.max(initial=0))

    @cached_property
    def codes(self) -> Int64[Array, "O_plus_1"]:
        """Code of every object; entry 0 means nothing."""
        out = np.zeros(self.count + 1, np.int64)
        for position, own in enumerate(self.objects):
            out[own[own > 0]] = self.book.codes[position]
        return out

    def channels(self, V: Float32[Array, "N D"]) -> Float32[Array, "N _"]:
        """What to render for `objects_of`: the vectors and, where codes have several places, which place it is."""
        S = self.objects.shape[1]
        if S == 1:
            return V
        return np.concatenate([V, (self.place[:, None] == np.arange(S)).astype(np.float32)], axis=1)

    def objects_of(self, rendered: Float32[Array, "P _"]) -> Int32[Array, "P"]:
        """Objects of blended `channels`: one comparison per channel and a table.

        Where a code has several places, the one that blends most into the pixel is meant.

        Source: UniC-Lift, eqs. 8 and 9; snapping and places are ours (docs/methods/unic_lift.md sections 5 and 8).
        """
        S = self.objects.shape[1]
        D = rendered.shape[1] - (S if S > 1 else 0)
        codes, shares = codes_of(rendered[:, :D]), rendered[:, D:]
        position = self.book.position(codes)
        strange = np.flatnonzero(position < 0)
        if len(strange):
            Y = bounded(torch.from_numpy(rendered[strange, :D])).numpy()
            position[strange] = self.book.position(self.book.snap(codes[strange], Y))
        return _place_objects(position, shares, self.objects)

    def bits_from(self, objects: list[int]) -> Float[Array, "K O_plus_1"]:
        """Differing bits between the codes of some objects and of all; `OTHER_PLACE` for one code in two objects."""
        bits = hamming(self.codes[objects][:, None], self.codes[None]).astype(np.float64)
        same_object = np.array(objects)[:, None] == np.arange(len(self.codes))[None]
        return np.where((bits == 0) & ~same_object, OTHER_PLACE, bits)


@njit(cache=True, nogil=True)
@no_type_check  # the run-time type checker of the tests would wrap it, and a wrapper cannot be compiled
def _place_objects(position, shares, objects):
    """Per pixel the object of its code (-1 = none) in the place with the largest share; ties go to the first."""
    out = np.zeros(position.shape[0], np.int32)
    for i in range(position.shape[0]):
        p = position[i]
        if p < 0:
            continue
        best = 0
        for s in range(1, shares.shape[1]):
            if objects[p, s] > 0 and shares[i, s] > shares[i, best]:
                best = s
        out[i] = objects[p, best]
    return out


def read_objects(
    V: Float32[Array, "N D"],
    means: Float[Array, "N 3"],
    opaque: Bool[Array, "N"],
    *,
    snap: bool = True,
    radius: float | None = None,
) -> CodeObjects:
    """Turn the vectors of Gaussians into objects.

    Args:
        V: Vectors before the sigmoid.
        means: Centres, world frame.
        opaque: Gaussians that count when codes are; when none is, all do.
        snap: Rare codes become the nearest frequent one. Without, every one of the 2^D codes is an object.
        radius: Gap between parts of one code that makes them two objects, scene units; None keeps them one. Parts of
            too few Gaussians to be an object go to that of their nearest neighbour.

    Source: docs/methods/unic_lift.md sections 5 and 8.
    """
    opaque = opaque if opaque.any() else np.ones_like(opaque)
    codes, Y = codes_of(V), bounded(torch.from_numpy(V)).numpy()
    if snap:
        book = code_book(codes, Y, opaque)
        codes = book.snap(codes, Y)
    else:
        every = 1 << V.shape[1]
        book = CodeBook(np.arange(every), np.zeros((every, V.shape[1])))
    position = book.position(codes)
    place = np.zeros(len(V), np.int64)
    if radius is not None and len(V):
        part = components_by_code(means, codes, radius=radius)
        place = _places(position, part, opaque)
    return _numbered(book, position, place, means)


def _places(
    position: Int64[Array, "N"], part: Int64[Array, "N"], opaque: Bool[Array, "N"]
) -> Int64[Array, "N"]:
    """Parts with enough opaque Gaussians, and the largest of every code, are places; the others are crumbs, -1."""
    pairs, of_pair = np.unique(np.stack([position, part], axis=1), axis=0, return_inverse=True)
    of_pair = of_pair.ravel()
    sizes = np.bincount(of_pair[opaque], minlength=len(pairs))
    kept = (sizes >= enough_gaussians(int(opaque.sum()))) | (pairs[:, 1] == 0)
    number = np.where(kept, pairs[:, 1], -1)
    for code in np.unique(pairs[:, 0]):  # a part of few opaque Gaussians may lie between larger ones
        own = np.flatnonzero((pairs[:, 0] == code) & kept)
        number[own] = np.arange(len(own))
    return number[of_pair]


def _numbered(
    book: CodeBook, position: Int64[Array, "N"], place: Int64[Array, "N"], means: Float[Array, "N 3"]
) -> CodeObjects:
    """Objects by code and place: the first place of a code has its position in the book, further ones come behind."""
    objects = np.zeros((len(book), max(int(place.max(initial=0)) + 1, 1)), np.int32)
    objects[:, 0] = np.arange(1, len(book) + 1)
    inside = place >= 0
    further = np.unique(np.stack([position[inside], place[inside]], axis=1), axis=0)
    further = further[further[:, 1] > 0]
    objects[further[:, 0], further[:, 1]] = len(book) + 1 + np.arange(len(further))
    labels = objects[position, np.maximum(place, 0)] if len(position) else np.zeros(0, np.int32)
    crumbs = np.flatnonzero(~inside)
    if len(crumbs):
        kept = np.flatnonzero(inside)
        labels[crumbs] = labels[kept[KDTree(means[kept]).query(means[crumbs])[1]]]
    return CodeObjects(book, labels, place.astype(np.int32), objects)


def merged(objects: CodeObjects, thing: Bool[Array, "O_plus_1"], tolerance: int) -> UInt16[Array, "O_plus_1"]:
    """Table from object to the first thing that a chain of codes within the tolerance joins it with."""
    owner = np.arange(objects.count + 1)
    ids = np.flatnonzero(thing).tolist()
    if ids:
        near = objects.bits_from(ids)[:, ids] <= tolerance
        _, group = connected_components(near, directed=False)
        for number in range(group.max() + 1):
            members = np.array(ids)[group == number]
            owner[members] = members.min()
    return owner.astype(np.uint16)
