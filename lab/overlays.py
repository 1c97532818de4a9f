"""Masks as pictures for the browser: one small palette PNG per photo with every object in its colour."""

import base64
import io
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool
from PIL import Image

from components.types import Array

Layer = tuple[Bool[Array, "h w"], tuple[int, int, int], bool]
"""Mask, RGB colour, and whether it is the object being worked on."""

MAX_LAYERS = 126
"""A palette has 256 entries, each object takes two."""
FILL_ALPHA = {True: 122, False: 84}
EDGE_ALPHA = {True: 255, False: 200}


def shrink_mask(mask: Bool[Array, "h w"], width: int) -> Bool[Array, "h2 w2"]:
    """A mask at `width` pixels across (nearest pixel); unchanged when it is not larger."""
    height, full = mask.shape
    if width >= full:
        return mask
    size = (width, max(round(height * width / full), 1))
    return cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)


def overlay_png(layers: Sequence[Layer], width: int, height: int) -> bytes:
    """Palette PNG: translucent inside, solid along the edge, later layers over earlier ones.

    Args:
        layers: At most `MAX_LAYERS`, each mask of shape [height, width]; further ones are left out.
    """
    index = np.zeros((height, width), np.uint8)
    palette, alpha = [0, 0, 0], [0]
    edge_px = max(round(width / 400), 1)
    kernel = np.ones((2 * edge_px + 1, 2 * edge_px + 1), np.uint8)
    for mask, colour, current in layers[:MAX_LAYERS]:
        pixels = mask.view(np.uint8)
        inner = cv2.erode(pixels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1).view(bool)
        index[mask] = len(alpha) + 1
        index[inner] = len(alpha)
        palette += [*colour, *colour]
        alpha += [FILL_ALPHA[current], EDGE_ALPHA[current]]
    image = Image.fromarray(index, "P")
    image.putpalette(palette)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=bytes(alpha), compress_level=1)
    return out.getvalue()


def data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def photo_jpeg(image: Array, width: int) -> bytes:
    """A photo for the browser, at most `width` pixels across."""
    height, full = image.shape[:2]
    if width < full:
        image = cv2.resize(image, (width, max(round(height * width / full), 1)), interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )
    if not done:
        raise RuntimeError("The photo could not be encoded as JPEG.")
    return encoded.tobytes()
