"""Masks of photos, and maps of labels, from files of unknown origin."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt32
from PIL import Image, ImageOps

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.readers.mask_files import INVERTED
from liftlab.components.captures.readers.photos import FORMATS
from liftlab.components.errors import InputError
from liftlab.components.geometry.photo_masks import shrunk_mask
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array

_LEAST_FLAT_PX = 9
"""Of one value between black and white, surrounded by itself: from so many pixels on it is a label and no soft edge."""
_LOSSY = {".jpg", ".jpeg", ".jpe", ".jfif"}
_JPEG_NOISE = 40
"""Grey values around black and white in a JPEG of both."""
_TURNS = {6: 3, 3: 2, 8: 1}
"""EXIF's orientations: quarter turns to the left that make a picture upright."""


def read_mask(
    path: Path, size: tuple[int, int], limits: ImportLimits, *, orientation: int = 1
) -> Bool[Array, "h w"]:
    """The mask of a photo from a file of unknown origin.

    Args:
        size: Width and height of the upright photo, pixels; a mask of the same shape is enlarged or reduced to it.
        orientation: How the photo was turned to be upright (EXIF's number): masks made for the photo as it is stored
            are turned with it, where their shape tells.

    Raises:
        InputError: One sentence that says why this mask cannot be used.
    """
    values = _values(path, limits, "masks")
    used = values > values.max(initial=0) / 2  # of 0 and 1, or 0 and 255, and halfway where edges are soft
    if INVERTED.fullmatch(path.name):
        used = values == 0
    used = upright(used, path.name, size, orientation)
    if not used.any():
        raise InputError(
            f"{path.name} is black all over, which would leave nothing of its photo; it masks nothing."
        )
    return shrunk_mask(used, *size)


def read_labels(path: Path, limits: ImportLimits) -> UInt32[Array, "h w"]:
    """The values of a map of labels: grey values, places in the palette, or colours as 0xRRGGBB. Black is 0.

    Of a JPEG only black and white are told apart.

    Raises:
        InputError: One sentence that says why it cannot be used; also for labels in a JPEG, which mixes them.
    """
    values = _values(path, limits, "shows", labels=True).astype(np.uint32)
    if path.suffix.lower() not in _LOSSY:
        return values
    grey = _values(path, limits, "shows").astype(np.int64)
    dark, light = grey <= grey.min(initial=0) + _JPEG_NOISE, grey >= grey.max(initial=0) - _JPEG_NOISE
    clean = np.where(dark, 0, np.where(light, 255, grey)).astype(np.uint32)
    if holds_labels(clean):
        raise InputError(
            f"{path.name} tells several things apart, but JPEG mixes their values; save such pictures as PNG."
        )
    return clean


def holds_labels(values: UInt32[Array, "h w"]) -> bool:
    """Whether values tell things apart: one that is neither the least nor the greatest fills an area.

    Soft edges, and what JPEG makes of hard ones, have such values too, but nowhere surrounded by themselves.
    """
    if values.size == 0 or values.min() == values.max():
        return False
    between = (values != values.min()) & (values != values.max())
    if not between.any():
        return False
    same = between.copy()
    for axis in (0, 1):
        ahead = np.diff(values.astype(np.int64), axis=axis) == 0
        pad = [(0, 0), (0, 0)]
        pad[axis] = (1, 0)
        same &= np.pad(ahead, pad)
        pad[axis] = (0, 1)
        same &= np.pad(ahead, pad)
    return int(same.sum()) >= _LEAST_FLAT_PX


def upright(
    picture: Bool[Array, "h w"], name: str, size: tuple[int, int], orientation: int
) -> Bool[Array, "H W"]:
    """A mask turned as its photo was; InputError when its shape is neither that of the photo nor of the stored one."""
    width, height = size
    if _fits(picture.shape, (height, width)):
        return picture
    if orientation in _TURNS and _fits(picture.shape, (width, height)):
        return np.ascontiguousarray(np.rot90(picture, _TURNS[orientation]))
    raise InputError(
        f"{name} is {picture.shape[1]}x{picture.shape[0]} but its photo {width}x{height}, so it masks nothing."
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int, int]) -> bool:
    return abs(shape[1] * wanted[0] - shape[0] * wanted[1]) <= max(wanted)


def _values(path: Path, limits: ImportLimits, does: str, *, labels: bool = False) -> np.ndarray:
    """Grey values; for labels places in the palette and colours, too."""
    with reading(path.name, f"{path.name} is no picture that can be read, so it {does} nothing."):
        if path.stat().st_size > limits.max_photo_bytes:
            raise InputError(f"{path.name} is larger than any mask, so it {does} nothing.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS)
        if image.width * image.height > limits.max_megapixels * 1e6:
            raise InputError(
                f"{path.name} has more than {limits.max_megapixels:g} megapixels; make it smaller."
            )
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode in ("RGBA", "LA", "PA"):
            image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
        if not labels:
            return np.array(image if image.mode in ("L", "I;16", "I", "F", "1") else image.convert("L"))
        if image.mode == "P" and len(image.getcolors(256) or ()) > 2:
            return np.array(image)
        if image.mode in ("L", "I;16", "I", "1"):
            return np.clip(np.array(image).astype(np.int64), 0, None)
        red, green, blue = (
            channel.astype(np.uint32) for channel in cv2.split(np.array(image.convert("RGB")))
        )
        grey = bool((red == green).all() and (green == blue).all())
        return red if grey else red << 16 | green << 8 | blue
