"""Colours, words and finishes that kinds of things share."""

import numpy as np

from assets.capture_maker import textures
from assets.capture_maker.shapes import Finish

Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (176, 38, 34),
    "orange": (214, 112, 30),
    "yellow": (222, 178, 44),
    "green": (62, 122, 58),
    "teal": (32, 124, 124),
    "blue": (44, 84, 160),
    "purple": (104, 62, 132),
    "pink": (214, 124, 148),
    "brown": (116, 72, 42),
    "grey": (128, 128, 126),
    "white": (206, 201, 188),
    "black": (44, 42, 44),
}

GOODS = [
    "TEA",
    "OATS",
    "RICE",
    "COCOA",
    "FLOUR",
    "CRISP",
    "MALT",
    "SPICE",
    "HONEY",
    "BEANS",
    "LIME",
    "PLUM",
    "CORN",
]

KINDS = ["dots", "leaves", "stripes", "terrazzo", "brush"]


def pick(rng: np.random.Generator, items: list[str]) -> str:
    return items[int(rng.integers(len(items)))]


def printed(
    rng: np.random.Generator, colour: Rgb, kind: str, *, height: int = 256, width: int = 640
) -> Finish:
    inks = textures.neighbours(rng, colour, 4)
    return Finish(colour, image=textures.motif(rng, height, width, colour, inks, kind), roughness=0.4)


def speckled(colour: Rgb, *, roughness: float = 0.45, grain_per_m: float = 260.0) -> Finish:
    return Finish(colour, textures.shade(colour, 0.72), roughness=roughness, grain_per_m=grain_per_m)


def wooden(rng: np.random.Generator, colour: Rgb = (168, 118, 70), *, along_y: bool = False) -> Finish:
    image = textures.wood(
        rng, 300, 300, textures.shade(colour, 0.55), textures.shade(colour, 1.4), along_y=along_y
    )
    return Finish(colour, image=image, roughness=0.55)
