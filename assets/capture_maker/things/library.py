"""Every kind of thing by its name, and the colours it comes in."""

from collections.abc import Callable

import numpy as np

from assets.capture_maker.shapes import Thing
from assets.capture_maker.things import household, toys, vessels
from assets.capture_maker.things.base import COLOURS

THINGS: dict[str, Callable[[np.random.Generator, str], Thing]] = {
    "mug": vessels.mug,
    "book": household.book,
    "box": household.carton,
    "bottle": vessels.bottle,
    "bowl": vessels.bowl,
    "ball": toys.toy_ball,
    "toy car": toys.car,
    "teddy bear": toys.bear,
    "potted plant": vessels.plant,
    "apple": household.apple,
    "can": vessels.can,
    "jar": vessels.jar,
    "gift": household.gift,
    "teapot": vessels.teapot,
    "vase": vessels.vase,
    "rubber duck": toys.duck,
    "pencil cup": vessels.pencil_cup,
    "alarm clock": household.clock,
    "toy house": toys.house,
    "tape roll": household.tape,
    "candle": vessels.candle,
    "radio": household.radio,
    "toy mushroom": toys.mushroom,
    "block arch": toys.blocks,
}

USUAL_COLOURS: dict[str, list[str]] = {
    "teddy bear": ["brown", "grey", "white", "pink"],
    "apple": ["red", "green", "yellow"],
    "rubber duck": ["yellow", "blue", "pink", "green"],
    "radio": ["brown", "red", "teal", "blue"],
    "jar": ["red", "orange", "purple", "brown", "yellow"],
}
"""Colours a kind comes in; any colour for the others."""


def colours_of(category: str) -> list[str]:
    return USUAL_COLOURS.get(category, [colour for colour in COLOURS if colour not in ("grey", "black")])


def make_thing(rng: np.random.Generator, category: str, colour: str) -> Thing:
    """One thing standing on z = 0 with its footprint centred on the origin."""
    thing = THINGS[category](rng, colour)
    low, high = thing.vertices.min(axis=0), thing.vertices.max(axis=0)
    offset = [-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]]
    parts = [part.moved(offset) for part in thing.parts]
    return Thing(thing.category, thing.colour, thing.pattern, parts, thing.flat_top, thing.light)
