"""Images of captures as arrays."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

from liftlab.components.types import Array


def read_ids(path: Path) -> Shaped[Array, "H W"]:
    """A label image as it is stored. FileNotFoundError when there is none that can be read."""
    return _read(path, cv2.IMREAD_UNCHANGED)


def read_bgr(path: Path) -> UInt8[Array, "H W 3"]:
    """A photo with OpenCV's order of colours. FileNotFoundError when there is none that can be read."""
    return _read(path, cv2.IMREAD_COLOR)


def read_rgb(path: Path) -> UInt8[Array, "H W 3"]:
    """A photo. FileNotFoundError when there is none that can be read."""
    return cv2.cvtColor(read_bgr(path), cv2.COLOR_BGR2RGB)


def _read(path: Path, flags: int) -> np.ndarray:
    image = cv2.imread(str(path), flags)
    if image is None:
        raise FileNotFoundError(f"No image that can be read: {path}")
    return image
