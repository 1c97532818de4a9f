"""Augmentation of training scenes: turned, mirrored, scaled and shaken points; masks as a 2D model would spoil them.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from liftlab.components.types import Array

STUFF = 255
"""Id of what is known to be no thing: floor, table, walls."""


@dataclass(frozen=True)
class MaskNoise:
    """How masks of photos are spoilt (section 5)."""

    drop: float = 0.1
    """Share of instances that are missed."""
    split: float = 0.05
    """Share that is cut in two."""
    merge: float = 0.05
    """Share that is joined with a neighbour."""
    border_px: int = 1
    """Borders move by at most so many pixels of the small photos (256 pixels; 2 of photos twice that size)."""
    label_swap: float = 0.05
    """Share that is called something else."""


NO_NOISE = MaskNoise(0.0, 0.0, 0.0, 0, 0.0)


@dataclass(frozen=True)
class GeometryNoise:
    """How points are moved."""

    scale: tuple[float, float] = (0.8, 1.2)
    """Of the whole scene, as the normalised radius is."""
    jitter: float = 0.003
    """Standard deviation of each point, in scene radii (5 mm in a scene of 1.7 m)."""
    brightness: float = 0.15
    """Of photos and points alike, most change of a channel."""


def moved(
    places: Float[Array, "N 3"],
    normals: Float[Array, "N 3"],
    noise: GeometryNoise,
    rng: np.random.Generator,
) -> tuple[Float32[Array, "N 3"], Float32[Array, "N 3"]]:
    """Points and normals turned about the up axis (+Z), perhaps mirrored, scaled and shaken."""
    angle = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    out = places @ turn.T * rng.uniform(*noise.scale)
    out = out + rng.normal(0, noise.jitter, out.shape)
    return out.astype(np.float32), (normals @ turn.T).astype(np.float32)


def spoilt_map(
    ids: UInt8[Array, "H W"],
    names: Mapping[int, str],
    noise: MaskNoise,
    vocabulary: Sequence[str],
    rng: np.random.Generator,
) -> tuple[UInt8[Array, "H W"], dict[int, str]]:
    """One view's id map and names as an imperfect 2D model would give them; what is missed becomes 0 (unknown).

    `STUFF` stays what it is, but for moved borders.
    """
    out, called = ids.copy(), dict(names)
    kept: set[int] = set()  # what another was joined to, which is not joined on
    free = [i for i in range(1, STUFF) if i not in names]
    for i in sorted(int(k) for k in np.unique(ids) if 0 < k < STUFF):
        own = ids == i
        draw = rng.random()
        if draw < noise.drop:
            out[own & (out == i)] = 0
        elif draw < noise.drop + noise.split and free and own.sum() > 1:
            called[free[-1]] = called.get(i, "")
            out[own & _half(own, rng)] = free.pop()
        elif draw < noise.drop + noise.split + noise.merge:
            beside = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~own
            others = [int(k) for k in np.unique(ids[beside]) if 0 < k < STUFF]
            if others and i not in kept:
                joined = others[int(rng.integers(len(others)))]
                kept.add(joined)
                out[own & (out == i)] = joined
        if i in called and len(vocabulary) > 0 and rng.random() < noise.label_swap:
            called[i] = vocabulary[int(rng.integers(len(vocabulary)))]
    if noise.border_px:
        out = _moved_borders(out, noise.border_px, rng)
    return out, called


def _half(own: Array, rng: np.random.Generator) -> Array:
    """The pixels on one side of a random line through a mask's middle."""
    rows, columns = np.nonzero(own)
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[: own.shape[0], : own.shape[1]]
    return (x - columns.mean()) * np.cos(angle) + (y - rows.mean()) * np.sin(angle) > 0


def _moved_borders(ids: UInt8[Array, "H W"], most: int, rng: np.random.Generator) -> UInt8[Array, "H W"]:
    """Instances grow or shrink by up to `most` pixels; what one leaves goes to what lies beside it."""
    out = ids.copy()
    for i in rng.permutation([int(k) for k in np.unique(ids) if 0 < k < STUFF]):
        by = int(rng.integers(-most, most + 1))
        if by == 0:
            continue
        own = (out == i).astype(np.uint8)
        kernel = np.ones((2 * abs(by) + 1,) * 2, np.uint8)
        if by > 0:
            out[cv2.dilate(own, kernel).astype(bool)] = i
        else:
            lost = own.astype(bool) & ~cv2.erode(own, kernel).astype(bool)
            without = np.where(own.astype(bool), 0, out)
            out[lost] = cv2.dilate(without, kernel)[lost]
    return out
