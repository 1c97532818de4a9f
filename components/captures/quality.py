"""What can be said of photos before reconstruction: sharpness, copies, how long it will take."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from liftlab.components.types import Array

_SIDE_PX = 640
"""Sharpness is judged at this longer side, the size that matching works at."""
_BLUR_TAPS = 11
"""Width of the comparison blur (Crete et al. use 9 to 11)."""
_HASH_SIDE = 16
COPY_BITS = 12
"""Two photos are copies when at most so many of the 256 bits of their hashes differ."""
BLURRED_BELOW = 0.6
"""A photo is called blurred below this share of the capture's median sharpness."""
DETAIL_FLOOR = 0.2
"""A photo below this sharpness is blurred whatever the others are."""


def sharpness_of(photo: UInt8[Array, "h w 3"]) -> float:
    """Share of local detail that a further blur destroys, in [0, 1]; small when it is blurred already.

    The lesser of both image axes, so that motion blur in one direction shows. No detail at all gives 0.

    Source: Crete et al., SPIE 2007, "The blur effect": 1 minus their measure, on grey at 640 px.
    """
    grey = _shrunk_grey(photo, _SIDE_PX)
    shares = []
    for axis, kernel in ((0, (1, _BLUR_TAPS)), (1, (_BLUR_TAPS, 1))):  # OpenCV: (width, height)
        detail = np.abs(np.diff(grey, axis=axis))
        kept = np.abs(np.diff(cv2.blur(grey, kernel), axis=axis))
        total = float(detail.sum())
        shares.append(float(np.maximum(detail - kept, 0).sum()) / total if total > 0 else 0.0)
    return min(shares)


def picture_hash(photo: UInt8[Array, "h w 3"]) -> Bool[Array, "256"]:
    """Perceptual hash: does brightness rise to the right at each place of a 16x16 grid?"""
    grey = cv2.resize(_shrunk_grey(photo, 128), (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    return (grey[:, 1:] > grey[:, :-1]).ravel()


def groups_of_copies(hashes: Sequence[Bool[Array, "256"]]) -> list[list[int]]:
    """Indices of photos that show the same picture, one ascending list per group of at least two.

    A photo joins the first earlier photo it resembles, so that a slow pan does not chain into one group.
    """
    groups: dict[int, list[int]] = {}
    for index, bits in enumerate(hashes):
        for first, members in groups.items():
            if np.count_nonzero(bits != hashes[first]) <= COPY_BITS:
                members.append(index)
                break
        else:
            groups[index] = [index]
    return [members for members in groups.values() if len(members) > 1]


def blurred_photos(sharpness: Sequence[float]) -> list[int]:
    """Indices of photos that are much less sharp than the others, or not sharp at all."""
    if not sharpness:
        return []
    bound = max(BLURRED_BELOW * float(np.median(sharpness)), DETAIL_FLOOR)
    return [index for index, value in enumerate(sharpness) if value < bound]


def expected_reconstruction_secs(num_photos: int) -> float:
    """Rough time of reconstruction on two cores at the default working size, linear in the photos."""
    return 8.0 + 4.0 * num_photos


def _shrunk_grey(photo: UInt8[Array, "h w 3"], side_px: int) -> Float[Array, "H W"]:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    scale = side_px / max(grey.shape)
    if scale < 1:
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return grey.astype(np.float32)
