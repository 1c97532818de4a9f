"""A scene to photograph: everything follows from its kind and seed."""

import zlib
from dataclasses import dataclass

import numpy as np

from assets.training_maker import cameras
from assets.training_maker.placing import Placed
from assets.training_maker.recipes import RECIPES
from assets.training_maker.world import World
from liftlab.components.types import Camera

KINDS = tuple(sorted(RECIPES))
"""Names of all kinds of scenes."""


@dataclass(frozen=True, eq=False)
class SceneToPhotograph:
    """A world with its things and cameras."""

    kind: str
    seed: int
    world: World
    placed: list[Placed]
    cameras: list[Camera]


def make_scene(kind: str, seed: int, *, photos: int | None, width: int, height: int) -> SceneToPhotograph:
    """Everything but the photos."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), 7])
    stage, path = RECIPES[kind](rng)
    world = World(stage.all_parts(), stage.lights, stage.ambient)
    count = photos or int(rng.integers(12, 25))
    K = cameras.intrinsics(rng, width, height)
    angles = path.angles(rng, count)
    half = (stage.size[0] / 2, stage.size[1] / 2, stage.size[2])
    taken = cameras.around(
        rng, world, K, (width, height), angles=angles, target=path.target, distance=path.distance,
        height=path.height, spread=path.spread, bounds=half,
    )  # fmt: skip
    return SceneToPhotograph(kind, seed, world, stage.placed, taken)
