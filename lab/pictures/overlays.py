"""Masks as pictures for the browser: one small palette PNG per photo with every object in its colour."""

import base64
import io
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from liftlab.components.geometry.projection import view_from_picture
from liftlab.components.types import Array, View

Layer = tuple[Bool[Array, "h w"], tuple[int, int, int], bool]
"""Mask, RGB colour, and whether it is the object being worked on."""

MAX_LAYERS = 126
"""A palette has 256 entries, each object takes two."""
RIM = 1
"""Palette entry of the light rim, so that an outline stands out on any photo."""
RIM_ALPHA = 210
FILL_ALPHA = {True: 104, False: 76}
EDGE_ALPHA = {True: 255, False: 200}


def picture_size(view: View, width: int) -> tuple[int, int]:
    """Width and height of the photo drawn at most `width` across."""
    full, high = view.lens.width, view.lens.height
    return (full, high) if width >= full else (width, max(round(high * width / full), 1))


def photo_lookup(view: View, width: int) -> Int[Array, "h w"]:
    """For every pixel of the photo drawn `width` across, the flat index of its view pixel; -1 outside the view.

    Straightening the lens is slow, so this is made once per photo and size and kept by the caller.
    """
    w, h = picture_size(view, width)
    column, row = np.moveaxis(np.floor(view_from_picture(view, w, h)), -1, 0)
    height, across = view.image.shape[:2]
    inside = (column >= 0) & (column < across) & (row >= 0) & (row < height)
    return np.where(inside, row * across + column, -1).astype(np.int32)


def drawn(mask: Bool[Array, "H W"], lookup: Int[Array, "h w"]) -> Bool[Array, "h w"]:
    """A mask in view pixels as the photo shows it."""
    return mask.ravel()[np.maximum(lookup, 0)] & (lookup >= 0)


def overlay_png(layers: Sequence[Layer], width: int, height: int) -> bytes:
    """Palette PNG: translucent inside, solid along the edge, a light rim around; later layers over earlier.

    Args:
        layers: At most `MAX_LAYERS`, each mask of shape [height, width]; further ones are left out.
    """
    index = np.zeros((height, width), np.uint8)
    palette, alpha = [0, 0, 0, 255, 255, 255], [0, RIM_ALPHA]
    edge_px = max(round(width / 400), 1)
    for mask, colour, current in layers[:MAX_LAYERS]:
        inner, outer = _eroded(mask, edge_px), ~_eroded(~mask, max(edge_px // 2, 1))
        if current:
            index[outer] = RIM
        index[mask] = len(alpha) + 1
        index[inner] = len(alpha)
        palette += [*colour, *colour]
        alpha += [FILL_ALPHA[current], EDGE_ALPHA[current]]
    image = Image.fromarray(index, "P")
    image.putpalette(palette)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=bytes(alpha), compress_level=1)
    return out.getvalue()


def disagreement_png(values: Float[Array, "H W"], lookup: Int[Array, "h w"]) -> bytes:
    """Values in [0, 1] of view pixels over a photo: nothing at 0, then violet over orange to yellow at 1.

    Args:
        lookup: See `photo_lookup`.
    """
    level = (np.clip(values, 0, 1) * 255).astype(np.uint8).ravel()[np.maximum(lookup, 0)]
    level[lookup < 0] = 0
    image = Image.fromarray(level, "P")
    scale = cv2.applyColorMap(np.linspace(90, 255, 256).astype(np.uint8)[:, None], cv2.COLORMAP_PLASMA)
    image.putpalette(scale[:, 0, ::-1].tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", transparency=bytes(min(value, 220) for value in range(256)), compress_level=1)
    return out.getvalue()


def _eroded(mask: Bool[Array, "h w"], radius: int) -> Bool[Array, "h w"]:
    """The mask without its rim; the border of the picture does not eat into it."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    return cv2.erode(pixels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1).view(bool)


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
