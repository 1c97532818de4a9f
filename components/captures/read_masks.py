"""Masks of photos from files of unknown origin."""

import io
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageOps

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.readers.photos import FORMATS
from liftlab.components.errors import InputError
from liftlab.components.geometry.photo_masks import shrunk_mask
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array


def read_mask(path: Path, size: tuple[int, int], limits: ImportLimits) -> Bool[Array, "h w"]:
    """The mask of a photo from a file of unknown origin.

    Args:
        size: Width and height of the upright photo, pixels; a mask of the same shape is enlarged or reduced to it.

    Raises:
        InputError: One sentence that says why this mask cannot be used.
    """
    with reading(path.name, f"{path.name} is no picture that can be read, so it masks nothing."):
        if path.stat().st_size > limits.max_photo_bytes:
            raise InputError(f"{path.name} is larger than any mask, so it masks nothing.")
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
        values = np.array(image if image.mode in ("L", "I;16", "I", "F", "1") else image.convert("L"))
    used = values > values.max(initial=0) / 2  # of 0 and 1, or 0 and 255, and halfway where edges are soft
    width, height = size
    if abs(used.shape[1] * height - used.shape[0] * width) > max(width, height):
        raise InputError(
            f"{path.name} is {used.shape[1]}x{used.shape[0]} but its photo {width}x{height}, so it masks nothing."
        )
    if not used.any():
        raise InputError(
            f"{path.name} is black all over, which would leave nothing of its photo; it masks nothing."
        )
    return shrunk_mask(used, width, height)
