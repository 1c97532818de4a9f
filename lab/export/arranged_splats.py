"""Splats as they stand after a person rearranged the scene: objects taken out, moved and doubled, the crop applied."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from jaxtyping import Bool

from liftlab.components.gaussians.mending import mend
from liftlab.components.gaussians.selection import joined, subset
from liftlab.components.types import Array, Gaussians, Plane
from liftlab.session.arrangement import Offset, Placement


def rearranged_object(thing: Gaussians, placement: Placement) -> Gaussians:
    """An object where it was moved to, and its doubles. One that is taken out of the scene is itself, alone."""
    return reduce(joined, _doubles(thing, placement), _moved(thing, placement.offset))


def add_objects(rest: Gaussians, things: Sequence[tuple[Gaussians, Placement]]) -> Gaussians:
    """`rest`, which lacks the objects that are displaced, with every object and double where it stands now."""
    return reduce(joined, [piece for thing, place in things for piece in _added(thing, place)], rest)


def arranged(
    gaussians: Gaussians,
    objects: Sequence[tuple[Bool[Array, "N"], Placement]],
    crop: tuple[Offset, Offset] | None,
    *,
    mend_on: Sequence[Plane] | None = None,
) -> tuple[Gaussians, list[Bool[Array, "P"]]]:
    """The whole scene as it stands, every Gaussian left whole, as the 3D view shows it.

    Args:
        objects: Which Gaussians are each object's, and what was done with it.
        crop: Lowest and highest corner of what is kept.
        mend_on: Planes of the scene, with which the places that objects left are filled in; None leaves them as they
            are.

    Returns:
        The P Gaussians left or added, and which of them are each object's.
    """
    here = np.ones(len(gaussians.means), bool)
    for chosen, place in objects:
        here &= ~(chosen & place.displaced)
    things = [(subset(gaussians, chosen), place) for chosen, place in objects]
    left = [thing for thing, place in things if place.displaced] if mend_on is not None else []
    patch = mend(subset(gaussians, here), left, mend_on or ())
    here[here] = ~patch.hidden
    whole = add_objects(joined(subset(gaussians, here), patch.added), things)
    new = np.zeros(len(patch.added.means), bool)
    theirs = []
    for number, (chosen, _) in enumerate(objects):
        added = [
            np.full(len(piece.means), number == other)
            for other, thing in enumerate(things)
            for piece in _added(*thing)
        ]
        theirs.append(np.concatenate([chosen[here], new, *added]))
    inside = within(whole, crop)
    return subset(whole, inside), [chosen[inside] for chosen in theirs]


def within(gaussians: Gaussians, crop: tuple[Offset, Offset] | None) -> Bool[Array, "N"]:
    """Which Gaussians have their centre between the two corners; all without a crop."""
    if crop is None:
        return np.ones(len(gaussians.means), bool)
    low, high = np.array(crop)
    return np.all((gaussians.means >= low) & (gaussians.means <= high), axis=1)


def _moved(gaussians: Gaussians, by: Offset) -> Gaussians:
    return replace(gaussians, means=(gaussians.means + np.array(by)).astype(np.float32))


def _doubles(thing: Gaussians, placement: Placement) -> list[Gaussians]:
    if placement.removed:
        return []
    return [_moved(_moved(thing, placement.offset), copy) for copy in placement.copies]


def _added(thing: Gaussians, placement: Placement) -> list[Gaussians]:
    """What stands where the reconstruction has nothing of the object."""
    if placement.removed:
        return []
    own = [_moved(thing, placement.offset)] if placement.displaced else []
    return [*own, *_doubles(thing, placement)]
