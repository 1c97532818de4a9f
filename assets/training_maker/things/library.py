"""All families together: importing this module registers them."""

import numpy as np

from assets.training_maker.things import boxes, composed, flat, food, furniture, soft, tools, toys, turned
from assets.training_maker.things.base import FAMILIES, Thing

MODULES = (boxes, composed, flat, food, furniture, soft, tools, toys, turned)


def names_for(place: str) -> list[str]:
    """Families found at "table", "floor", "wall" or "large", in order."""
    return sorted(name for name, entry in FAMILIES.items() if place in entry.places)


def build(name: str, rng: np.random.Generator) -> Thing:
    return FAMILIES[name].build(rng)
