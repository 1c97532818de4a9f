"""Pictures as PNG."""

import cv2
import numpy as np
from jaxtyping import Shaped

from liftlab.components.types import Array


def png_bytes(image: Shaped[Array, "H W *C"], *, level: int = 3) -> bytes:
    """A grey [H,W] or RGB [H,W,3] picture of 8 or 16 bits as PNG, without loss.

    Args:
        image: Row 0 is the top.
        level: Of compression, 0 to 9; higher is smaller and slower.

    Raises:
        ValueError: A PNG cannot hold such an array.
    """
    fits = (
        image.dtype in (np.uint8, np.uint16) and (image.ndim == 2 or image.shape[2:] == (3,)) and image.size
    )
    if not fits:
        raise ValueError(
            f"image must be a grey or RGB array of 8 or 16 bits; got {image.dtype} {image.shape}"
        )
    done, data = cv2.imencode(
        ".png", image[..., ::-1] if image.ndim == 3 else image, [cv2.IMWRITE_PNG_COMPRESSION, level]
    )
    if not done:
        raise ValueError(f"OpenCV could not write a PNG of {image.dtype} {image.shape}")
    return data.tobytes()
