"""What all kinds of scenes share: paths of photographers, the list of kinds, and how a room is filled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from assets.training_maker import cameras
from assets.training_maker.coverings.finishes import flooring, wall_paint, wallpaper
from assets.training_maker.coverings.surfaces import pick
from assets.training_maker.meshes import Material
from assets.training_maker.placing import Placed, Support
from assets.training_maker.stage import Stage, wall_frame
from assets.training_maker.things import library
from assets.training_maker.things.base import Thing


@dataclass(frozen=True)
class Path:
    """How the photographer walks; see `cameras.around`."""

    target: tuple[float, float, float]
    distance: tuple[float, float]
    height: tuple[float, float]
    middle_deg: float
    """Direction of the path's middle as seen from the target, 0 = +X; -90 is before the back wall."""
    sweep_deg: float
    """At most so far round the target in all."""
    spread: float = 0.06
    step_deg: tuple[float, float] = (7.0, 14.0)
    """Range of the mean angle between neighbouring photos."""
    uneven: float = 0.35
    """Spread of single steps, relative."""

    def angles(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """In radians; fewer than `count` where so many steps would pass the whole sweep and steps must not shrink."""
        step = rng.uniform(*self.step_deg)
        if self.step_deg[0] >= WIDE_DEG:
            count = min(count, 1 + int(self.sweep_deg / step))
        sweep = min(step * (count - 1), self.sweep_deg)
        start = self.middle_deg - sweep / 2
        return cameras.arc_angles(rng, count, np.deg2rad(start), np.deg2rad(sweep), uneven=self.uneven)


WIDE_DEG = 20.0
"""Steps from here up are kept even if that means fewer photos."""
Recipe = Callable[[np.random.Generator], tuple[Stage, Path]]
RECIPES: dict[str, Recipe] = {}


def recipe(name: str) -> Callable[[Recipe], Recipe]:
    def keep(function: Recipe) -> Recipe:
        RECIPES[name] = function
        return function

    return keep


def things_for(rng: np.random.Generator, place: str, count: int) -> list[Thing]:
    """Things of different families found at a place."""
    names = library.names_for(place)
    order = rng.permutation(len(names))
    chosen = [names[order[k % len(names)]] for k in range(count)]
    return [library.build(name, rng) for name in chosen]


def furnish(
    stage: Stage,
    support: Support,
    things: Sequence[Thing],
    *,
    touching: float = 0.25,
    piled: float = 0.2,
    spacing: float = 0.012,
) -> None:
    """Stand things on a support: most free, some against another or on top; large footprints first."""
    rng = stage.rng
    here: list[Placed] = []
    for thing in sorted(things, key=lambda t: -float(np.prod(t.size[:2]))):
        done = None
        draw = rng.random()
        if here and draw < piled and thing.piles:
            for host in rng.permutation(len(here)):
                done = stage.arranger.pile(thing, here[host])
                if done:
                    break
        if done is None and here and draw < piled + touching:
            done = stage.arranger.beside(thing, pick(rng, here), support)
        if done is None:
            done = stage.arranger.stand(thing, support, spacing=spacing)
        if done is not None:
            here.append(done)


def hang_pictures(stage: Stage, side: str, count: int, *, width: float, height: float, middle_z: float = 1.5,
                  keep_off: np.ndarray | None = None) -> None:  # fmt: skip
    """Things on a wall, round its middle at a height; `keep_off` [N, 3] are corners of what is there already."""
    frame = wall_frame(stage, side)
    frame[2, 3] = middle_z
    for thing in things_for(stage.rng, "wall", count):
        stage.arranger.hang(thing, frame, width, height, keep_off=keep_off)


def room_behind(
    rng: np.random.Generator, *, walls: list[Material] | None = None, floor: Material | None = None
) -> Stage:
    """An ordinary room with lamps and a few large things along its walls."""
    stage = Stage(rng, (rng.uniform(3.6, 5.0), rng.uniform(3.4, 4.6), rng.uniform(2.4, 2.8)))
    base = walls or ([wallpaper(rng)] if rng.random() < 0.4 else [wall_paint(rng)])
    stage.shell(floor or flooring(rng), base)
    stage.lamps()
    return stage


def along_walls(stage: Stage, count: int) -> None:
    """Large things on the floor near the walls."""
    w, d, _ = stage.size
    rng = stage.rng
    for thing in things_for(rng, "large", count):
        if thing.family == "rug":
            continue
        side, deep = int(rng.integers(4)), 0.75
        x, y = (w - deep) / 2 * np.array([0, 1, 0, -1])[side], (d - deep) / 2 * np.array([1, 0, -1, 0])[side]
        spot = Support(np.array([x, y, 0]), (deep, d - 0.2) if side % 2 else (w - 0.2, deep))
        stage.arranger.stand(
            thing, spot, spacing=0.04, yaw=[0, -np.pi / 2, np.pi, np.pi / 2][side] + rng.normal(0, 0.2)
        )


def lay_rug(stage: Stage, ground: Support) -> None:
    """A rug that things can stand on: it lies in the floor's plane and is its own thing."""
    rug = library.build("rug", stage.rng)
    stage.arranger.lay(
        rug,
        np.array([*(ground.centre[:2] + stage.rng.normal(0, 0.1, 2)), 0.0]),
        yaw=stage.rng.normal(0, 0.15),
    )
