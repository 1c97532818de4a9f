"""Photo masks: what of a photo takes no part, since it moves, is sky, or does not belong to the scene.

True is what counts. In files white counts and black does not, as for COLMAP and nerfstudio.
"""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from liftlab.components.png import png_bytes
from liftlab.components.types import Array

MASKS_FOLDER = "masks"
"""Beside `images`: one picture for each photo that has a mask."""


def shrunk_mask(used: Bool[Array, "h w"], width: int, height: int) -> Bool[Array, "H W"]:
    """A mask in another size, pixels: what lies mostly in what counts, counts."""
    if used.shape == (height, width):
        return used
    kind = cv2.INTER_AREA if height < used.shape[0] else cv2.INTER_NEAREST
    return cv2.resize(as_picture(used), (width, height), interpolation=kind)[..., 0] > 127


def as_picture(used: Bool[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """White where it counts: a mask goes through whatever its photo goes through."""
    return np.repeat(used[..., None].astype(np.uint8) * np.uint8(255), 3, axis=2)


def write_mask(path: Path, used: Bool[Array, "h w"]) -> None:
    """As a PNG; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(as_picture(used)))


def load_mask(path: Path) -> Bool[Array, "h w"]:
    """What `write_mask` wrote. Raises OSError when it is not there or damaged."""
    with Image.open(path) as image:
        return np.array(image.convert("L")) > 127
