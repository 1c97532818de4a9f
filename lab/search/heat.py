"""Scores of a search as heat: in a photo, and on the points and splats of the 3D view.

Every place takes the colour of the question that the object there fits best, the stronger the better it fits.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int, UInt8
from PIL import Image

from liftlab.components.types import Array, Scene

if TYPE_CHECKING:
    from liftlab.pipelines.search import SearchIndex

FAINT = 0.3
"""Strength of what just passes the threshold of 0; the best of a question has 1."""
ALPHA = 190
"""Of the best, over a photo."""


@dataclass(frozen=True)
class HeatSource:
    """One object that fits a question."""

    object_id: int
    share: float
    """Of the question's best score, in (0, 1]."""
    colour: tuple[int, int, int]
    """Of the question, RGB."""


@dataclass(frozen=True)
class Heat:
    """Of the pixels of one view."""

    strength: Float32[Array, "H W"]
    """0 where nothing fits, up to 1."""
    colours: UInt8[Array, "H W 3"]


def heat_of_view(index: "SearchIndex", hots: Sequence[HeatSource], view: int) -> Heat:
    """Heat of one view: where objects overlap, the one that fits best is shown."""
    shape = index.masks.sizes[view]
    strength = np.zeros(shape, np.float32)
    colours = np.zeros((*shape, 3), np.uint8)
    for hot in hots:
        if index.masks.area(view, hot.object_id) == 0:
            continue
        value = np.float32(FAINT + (1 - FAINT) * hot.share)
        stronger = index.mask(view, hot.object_id) & (strength < value)
        strength[stronger], colours[stronger] = value, hot.colour
    return Heat(strength, colours)


def search_heat_png(heat: Heat, lookup: Int[Array, "h w"]) -> bytes:
    """Heat over a photo, as a translucent PNG.

    Args:
        lookup: `liftlab.pictures.overlays.photo_lookup` of the photo.
    """
    place = np.maximum(lookup, 0)
    alpha = np.where(lookup >= 0, heat.strength.ravel()[place], 0) * ALPHA
    pixels = np.concatenate(
        [heat.colours.reshape(-1, 3)[place], alpha.round().astype(np.uint8)[..., None]], axis=-1
    )
    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "PNG", compress_level=1)
    return out.getvalue()


def heat_of_points(
    scene: Scene, index: "SearchIndex", hots: Sequence[HeatSource], colours: UInt8[Array, "N 3"]
) -> UInt8[Array, "N 3"]:
    """Colours of the scene's points: grey as in an old photo, and the heat over it.

    Args:
        colours: Of the points, as in the photos.
    """
    heats = [heat_of_view(index, hots, view) for view in range(len(scene.views))]
    valid = scene.pointmap.valid
    inside = [valid[v, : heat.strength.shape[0], : heat.strength.shape[1]] for v, heat in enumerate(heats)]
    strength = np.concatenate([heat.strength[own] for heat, own in zip(heats, inside, strict=True)])[:, None]
    hot = np.concatenate([heat.colours[own] for heat, own in zip(heats, inside, strict=True)])
    light = (colours @ np.array([0.299, 0.587, 0.114]))[:, None]
    shaded = hot * (0.6 + 0.4 * light / 255)  # shape stays visible inside what is lit
    return np.clip(strength * shaded + (1 - strength) * light, 0, 255).astype(np.uint8)
