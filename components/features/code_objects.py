"""Objects from binary codes: one per code, or per place a code is found in; for Gaussians and for rendered pixels."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32, Int64
from scipy.spatial import KDTree

from components.features.cluster_loss import bounded
from components.features.codes import (
    CodeBook,
    code_book,
    codes_of,
    components_by_code,
    enough_gaussians,
    hamming,
)
from components.types import Array

OTHER_PLACE = 0.5
"""Distance of two objects with one code, in bits: not the same object, yet nearer than any other code."""


@dataclass(frozen=True)
class CodeObjects:
    """How codes are read. Objects are numbered 1..O, 0 is none."""

    book: CodeBook
    labels: Int32[Array, "N"]
    """Object of every Gaussian."""
    codes: Int64[Array, "O_plus_1"]
    """Code of every object; entry 0 means nothing."""
    places: Int64[Array, "S 2"]
    """(position in the book, object) of every code whose Gaussians belong to several objects, ascending."""
    positions: Int64[Array, "N"] = field(repr=False)
    """Position in the book of every Gaussian's code."""

    @property
    def count(self) -> int:
        """Objects O."""
        return len(self.codes) - 1

    def channels(self, V: Float32[Array, "N D"]) -> Float32[Array, "N D_plus_S"]:
        """What to render for `objects_of`: the vectors, and for every entry of `places` which Gaussians it is."""
        marks = [(self.positions == p) & (self.labels == label) for p, label in self.places]
        return np.concatenate([V, *(mark[:, None].astype(np.float32) for mark in marks)], axis=1)

    def objects_of(self, rendered: Float32[Array, "P D_plus_S"]) -> Int32[Array, "P"]:
        """Objects of blended `channels`: one comparison per channel and a table.

        Where a code stands for several places, the one that blends most into the pixel is meant.

        Source: UniC-Lift, eqs. 8 and 9; snapping and places are ours (unic_lift.md sections 5 and 8).
        """
        D = rendered.shape[1] - len(self.places)
        V, shares = rendered[:, :D], rendered[:, D:]
        codes = codes_of(V)
        strange = self.book.position(codes) < 0
        if strange.any():
            Y = bounded(torch.from_numpy(np.ascontiguousarray(V[strange]))).numpy()
            codes[strange] = self.book.snap(codes[strange], Y)
        position = self.book.position(codes)
        out = self._first_object()[position]
        for p in np.unique(self.places[:, 0]):
            rows = np.flatnonzero(position == p)
            own = np.flatnonzero(self.places[:, 0] == p)
            out[rows] = self.places[own, 1][shares[np.ix_(rows, own)].argmax(axis=1)]
        return out

    def bits_from(self, objects: list[int]) -> Float[Array, "K O_plus_1"]:
        """Differing bits between the codes of some objects and of all; `OTHER_PLACE` for one code in two objects."""
        bits = hamming(self.codes[objects][:, None], self.codes[None]).astype(np.float64)
        same_object = np.array(objects)[:, None] == np.arange(len(self.codes))[None]
        return np.where((bits == 0) & ~same_object, OTHER_PLACE, bits)

    def _first_object(self) -> Int32[Array, "B_plus_1"]:
        """Object of every position in the book; the last entry, for position -1, is none."""
        out = np.zeros(len(self.book) + 1, np.int32)
        out[self.positions] = self.labels
        single = np.setdiff1d(np.arange(len(self.book)), self.positions)
        out[single] = single + 1  # a code of no Gaussian: its own number, which nothing else has
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

    Source: unic_lift.md sections 5 and 8.
    """
    opaque = opaque if opaque.any() else np.ones_like(opaque)
    codes, Y = codes_of(V), bounded(torch.from_numpy(V)).numpy()
    if snap:
        book = code_book(codes, Y, opaque)
        codes = book.snap(codes, Y)
    else:
        every = 1 << V.shape[1]
        book = CodeBook(np.arange(every), np.zeros((every, V.shape[1])))
    positions = book.position(codes)
    labels, object_codes = (positions + 1).astype(np.int32), np.concatenate([[0], book.codes])
    if radius is not None and len(V):
        part = components_by_code(means, codes, radius=radius)
        labels, object_codes = _by_place(labels, part, means, opaque, object_codes)
    pairs = np.unique(np.stack([positions, labels], axis=1), axis=0).astype(np.int64)
    several = np.bincount(pairs[:, 0], minlength=1)[pairs[:, 0]] > 1
    return CodeObjects(book, labels, object_codes.astype(np.int64), pairs[several], positions)


def _by_place(
    labels: Int32[Array, "N"],
    part: Int64[Array, "N"],
    means: Float[Array, "N 3"],
    opaque: Bool[Array, "N"],
    codes: Int64[Array, "_"],
) -> tuple[Int32[Array, "N"], Int64[Array, "_"]]:
    """The largest part keeps the label, other large ones get labels of their own, crumbs join their neighbours."""
    new = labels.astype(np.int64)
    codes_by_object = list(codes)
    pairs, of_pair = np.unique(np.stack([labels, part], axis=1), axis=0, return_inverse=True)
    of_pair = of_pair.ravel()
    sizes = np.bincount(of_pair[opaque], minlength=len(pairs))
    enough = enough_gaussians(int(opaque.sum()))
    crumb = np.zeros(len(labels), bool)
    for index, (label, number) in enumerate(pairs.tolist()):
        if number == 0:
            continue
        own = of_pair == index
        if sizes[index] < enough:
            crumb |= own
        else:
            new[own] = len(codes_by_object)
            codes_by_object.append(codes[label])
    if crumb.any():
        kept = np.flatnonzero(~crumb)
        new[crumb] = new[kept[KDTree(means[kept]).query(means[crumb])[1]]]
    return new.astype(np.int32), np.array(codes_by_object, np.int64)
