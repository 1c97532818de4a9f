"""Objects whose masks came with the photos, in the views of a scene."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.captures.capture import Capture
from liftlab.components.captures.object_masks import BroughtMasks, load_labels, load_objects
from liftlab.components.geometry.photo_masks import as_picture
from liftlab.components.geometry.projection import project, scaled_intrinsics, undistort_photo
from liftlab.components.types import Array, Lens, Scene, View

STEP = 3
"""Every so many pixels a view's points are looked up in others."""
NEIGHBOURS = 6
"""So many of the views that follow a view are asked, so that time grows with their number and not with its square."""
ALIKE_DEPTH = 0.05
"""Relative difference of depth up to which two views see the same place."""
LEAST_POINTS = 20
"""Points that two masks must share to say anything about each other."""
SAME_NUMBERS = 0.5
"""Share of the places numbered in two photos that have the same number in both, from which numbers mean the same in
all photos; at less each photo was numbered by itself."""
OVERLAP = 0.5
"""Share of what both photos see of each of two masks that is common to them, from which they are one object."""

Masks = tuple[Bool[Array, "_ _"], ...]
"""Of one object, one per view, view pixels."""


class _Own(NamedTuple):
    """Objects of one view."""

    numbers: Int[Array, "M"]
    masks: Bool[Array, "M H W"]


class _Pair(NamedTuple):
    """What two views share."""

    first: int
    second: int
    common: Int[Array, "M N"]
    """Points in a mask of the first and one of the second."""
    of_first: Int[Array, "M"]
    """Points of each mask that the other view sees."""
    of_second: Int[Array, "N"]


class Brought(NamedTuple):
    """One object that came with photos."""

    name: str | None
    """What its file or folder calls it; None for a mere number."""
    masks: Masks


def brought_objects(capture: Capture, scene: Scene) -> list[Brought]:
    """Every object that came with the capture's photos, seen in one view at least.

    Numbers that mean the same in all photos are taken so; where every photo was numbered by itself, masks of several
    photos are one object when they cover the same places.
    """
    labels = load_labels(capture.folder)
    if not labels:
        return []
    photos = {photo.name: photo for photo in capture.photos}
    own = [
        _own(view, load_objects(photos[view.name]) if view.name in photos else None) for view in scene.views
    ]
    named = [number for number, label in labels.items() if not label.isdecimal()]
    objects = [Brought(labels[number], _of_number(own, number)) for number in named]
    numbered = [_Own(o.numbers[~np.isin(o.numbers, named)], o.masks[~np.isin(o.numbers, named)]) for o in own]
    pairs = list(_pairs(scene, numbered))
    if _same_numbers(numbered, pairs):
        objects += [Brought(None, _of_number(numbered, number)) for number in labels if number not in named]
    else:
        objects += [Brought(None, masks) for masks in _joined(numbered, pairs)]
    return [one for one in objects if any(mask.any() for mask in one.masks)]


def _own(view: View, brought: BroughtMasks | None) -> _Own:
    shape = (view.camera.height, view.camera.width)
    if brought is None:
        return _Own(np.zeros(0, int), np.zeros((0, *shape), bool))
    numbers, masks = brought
    height, width = masks.shape[1:]
    K = scaled_intrinsics(view.lens.K, width / view.lens.width, height / view.lens.height)
    lens = Lens(width, height, K, view.lens.distortion)
    flat = [undistort_photo(as_picture(mask), lens, view.camera)[..., 0] > 127 for mask in masks]
    if view.used is not None:
        flat = [mask & view.used for mask in flat]
    return _Own(np.array(numbers), np.stack(flat))


def _of_number(own: Sequence[_Own], number: int) -> Masks:
    return tuple(np.asarray(one.masks[one.numbers == number].any(axis=0)) for one in own)


def _pairs(scene: Scene, own: Sequence[_Own]) -> Iterator[_Pair]:
    """Views that follow each other closely enough, both with objects."""
    depths = [_depth(scene, view) for view in range(len(own))]
    for first, one in enumerate(own):
        rows, columns = (STEP * at for at in np.nonzero(depths[first][::STEP, ::STEP]))
        points = scene.pointmap.pts3d[first, rows, columns]
        for second in range(first + 1, min(first + 1 + NEIGHBOURS, len(own))):
            if not (len(one.numbers) and len(own[second].numbers)):
                continue
            xy, depth = project(scene.views[second].camera, points)
            height, width = depths[second].shape
            u, v = (np.nan_to_num(xy[:, axis], nan=-1.0).clip(-1, 1e6).astype(int) for axis in (0, 1))
            seen = (depth > 0) & (xy >= 0).all(axis=1) & (u < width) & (v < height)
            there = depths[second][np.where(seen, v, 0), np.where(seen, u, 0)]
            seen &= np.abs(there - depth) < ALIKE_DEPTH * np.abs(depth)
            here = one.masks[:, rows[seen], columns[seen]].astype(np.int64)
            other = own[second].masks[:, v[seen], u[seen]].astype(np.int64)
            yield _Pair(first, second, here @ other.T, here.sum(axis=1), other.sum(axis=1))


def _depth(scene: Scene, view: int) -> Float[Array, "H W"]:
    """Along +Z, 0 where nothing is known."""
    camera = scene.views[view].camera
    inside = np.s_[view, : camera.height, : camera.width]
    row = camera.world_to_camera[2]
    return np.where(scene.pointmap.valid[inside], scene.pointmap.pts3d[inside] @ row[:3] + row[3], 0.0)


def _same_numbers(own: Sequence[_Own], pairs: Sequence[_Pair]) -> bool:
    """Whether places have the same number in several photos; also where no two photos see the same places."""
    same = total = 0
    for pair in pairs:
        total += int(pair.common.sum())
        alike = own[pair.first].numbers[:, None] == own[pair.second].numbers
        same += int(pair.common[alike].sum())
    return same >= SAME_NUMBERS * total


def _joined(own: Sequence[_Own], pairs: Sequence[_Pair]) -> list[Masks]:
    """Masks that cover the same places as one object, the surest first; of a view an object has one mask at most."""
    links = []
    for pair in pairs:
        least = np.minimum(
            pair.common / np.maximum(pair.of_first, 1)[:, None], pair.common / np.maximum(pair.of_second, 1)
        )
        for i, j in np.argwhere((least >= OVERLAP) & (pair.common >= LEAST_POINTS)).tolist():
            links.append((float(least[i, j]), (pair.first, i), (pair.second, j)))
    group_of = {(view, i): {view: i} for view, one in enumerate(own) for i in range(len(one.numbers))}
    for _, a, b in sorted(links, key=lambda link: -link[0]):
        first, second = group_of[a], group_of[b]
        if first is not second and not first.keys() & second.keys():
            first |= second
            group_of |= {node: first for node in second.items()}
    groups = {id(group): group for group in group_of.values()}.values()
    return [
        tuple(
            one.masks[group[view]] if view in group else np.zeros(one.masks.shape[1:], bool)
            for view, one in enumerate(own)
        )
        for group in groups
    ]
