"""Kinds of scenes: what stands in them and how photos of them are taken; everything follows from kind and seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assets.training_maker import cameras
from assets.training_maker.placing import Placed, Support
from assets.training_maker.stage import (
    Stage, flooring, table_top, wall_frame, wall_paint, wall_tiles, wallpaper,
)  # fmt: skip
from assets.training_maker.surfaces import pick
from assets.training_maker.things import library
from assets.training_maker.world import World
from liftlab.components.types import Camera


@dataclass(frozen=True)
class Path:
    """How the photographer walks; see `cameras.around`."""

    target: tuple[float, float, float]
    distance: tuple[float, float]
    height: tuple[float, float]
    start_deg: float
    sweep_deg: float
    spread: float = 0.06
    step_deg: tuple[float, float] | None = None
    """Range of angles between neighbouring photos; it sets the sweep from the number of photos."""


Recipe = Callable[[np.random.Generator], tuple[Stage, Path]]
RECIPES: dict[str, Recipe] = {}


def recipe(name: str) -> Callable[[Recipe], Recipe]:
    def keep(function: Recipe) -> Recipe:
        RECIPES[name] = function
        return function

    return keep


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
    rng = np.random.default_rng([seed, sorted(RECIPES).index(kind), 7])
    stage, path = RECIPES[kind](rng)
    world = World(stage.all_parts(), stage.lights, stage.ambient)
    count = photos or int(rng.integers(12, 25))
    K = cameras.intrinsics(rng, width, height)
    sweep = np.deg2rad(path.sweep_deg)
    uneven = 0.35
    if path.step_deg is not None:
        sweep = np.deg2rad(rng.uniform(*path.step_deg)) * (count - 1)
        uneven = 0.06
    angles = cameras.arc_angles(rng, count, np.deg2rad(path.start_deg), sweep, uneven=uneven)
    half = (stage.size[0] / 2, stage.size[1] / 2, stage.size[2])
    taken = cameras.around(
        rng, world, K, (width, height), angles=angles, target=path.target, distance=path.distance,
        height=path.height, spread=path.spread, bounds=half,
    )  # fmt: skip
    return SceneToPhotograph(kind, seed, world, stage.placed, taken)


def things_for(rng: np.random.Generator, place: str, count: int):  # noqa: ANN201
    """Things of different families found at a place."""
    names = library.names_for(place)
    order = rng.permutation(len(names))
    chosen = [names[order[k % len(names)]] for k in range(count)]
    return [library.build(name, rng) for name in chosen]


def furnish(stage: Stage, support: Support, things, *, touching: float = 0.25, piled: float = 0.2, spacing: float = 0.012) -> None:  # noqa: ANN001
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


def hang_pictures(stage: Stage, side: str, count: int, *, width: float, height: float, middle_z: float = 1.5) -> None:
    frame = wall_frame(stage, side)
    frame[2, 3] = middle_z
    for thing in things_for(stage.rng, "wall", count):
        stage.arranger.hang(thing, frame, width, height)


def room_behind(rng: np.random.Generator, *, walls=None, floor=None) -> Stage:  # noqa: ANN001
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
        if min(thing.size[:2]) > 1.2:
            continue
        side = int(rng.integers(4))
        deep = 0.75
        spot = [
            Support(np.array([0, d / 2 - deep / 2, 0]), (w - 0.2, deep)), Support(np.array([w / 2 - deep / 2, 0, 0]), (deep, d - 0.2)),
            Support(np.array([0, -d / 2 + deep / 2, 0]), (w - 0.2, deep)), Support(np.array([-w / 2 + deep / 2, 0, 0]), (deep, d - 0.2)),
        ][side]  # fmt: skip
        stage.arranger.stand(thing, spot, spacing=0.04, yaw=[0, -np.pi / 2, np.pi, np.pi / 2][side] + rng.normal(0, 0.2))


@recipe("table")
def table(rng: np.random.Generator) -> tuple[Stage, Path]:
    stage = room_behind(rng)
    top = stage.table(table_top(rng), centre=(0, stage.size[1] / 2 - rng.uniform(0.6, 1.3)))
    furnish(stage, top, things_for(rng, "table", int(rng.integers(8, 20))))
    hang_pictures(stage, "back", int(rng.integers(0, 4)), width=2.4, height=0.9)
    along_walls(stage, 3)
    x, y, z = top.centre
    sweep = rng.uniform(80, 160)
    return stage, Path((x, y, z + 0.08), (0.75, 1.35), (0.25, 0.75), -90 - sweep / 2, sweep)


@recipe("twins")
def twins(rng: np.random.Generator) -> tuple[Stage, Path]:
    stage = room_behind(rng)
    top = stage.table(table_top(rng))
    group = 0
    for thing in things_for(rng, "table", 9):
        if max(thing.size[:2]) > 0.26:
            continue
        group += 1
        for _ in range(int(pick(rng, [2, 2, 3]))):
            stage.arranger.stand(thing, top, spacing=0.015, twin_group=group)
        if group == 5:
            break
    furnish(stage, top, things_for(rng, "table", 3))
    along_walls(stage, 4)
    hang_pictures(stage, "back", 2, width=2.4, height=0.9)
    x, y, z = top.centre
    return stage, Path((x, y, z + 0.06), (0.7, 1.2), (0.3, 0.75), rng.uniform(0, 360), rng.uniform(150, 330))


def furnished_room(rng: np.random.Generator, walls, floor) -> tuple[Stage, Path]:  # noqa: ANN001
    """A table, a counter, chairs, a rug, pictures: 20 to 30 things; photos go round the table."""
    stage = room_behind(rng, walls=walls, floor=floor)
    top = stage.table(table_top(rng), centre=(rng.uniform(-0.2, 0.2), rng.uniform(-0.1, 0.2)))
    for thing in things_for(rng, "large", 12):
        if thing.family == "rug":
            stage.arranger.stand(thing, Support(np.array([0, -stage.size[1] * 0.28, 0]), (stage.size[0] - 0.4, 1.3)), yaw=rng.normal(0, 0.1))
    counter = stage.counter(side=pick(rng, ["back", "left"]), length=rng.uniform(1.6, 2.6))
    furnish(stage, top, things_for(rng, "table", int(rng.integers(9, 15))))
    furnish(stage, counter, things_for(rng, "table", int(rng.integers(5, 9))))
    x, y, z = top.centre
    for k in range(int(rng.integers(1, 4))):
        chair = library.build("chair", rng)
        angle = np.pi * k / 2 + pick(rng, [0, np.pi])
        near = np.array([x, y]) + np.array([np.cos(angle), np.sin(angle)]) * (np.asarray(top.size) / 2 + 0.28)
        spot = Support(np.array([*near, 0]), (0.9, 0.9))
        stage.arranger.stand(chair, spot, yaw=angle - np.pi / 2 + rng.normal(0, 0.15), spacing=0.02, near=near)
    along_walls(stage, 4)
    for side in ("back", "left", "right", "front"):
        hang_pictures(stage, side, int(rng.integers(0, 4)), width=2.6, height=0.9, middle_z=1.6)
    return stage, Path((x, y, z), (1.0, 2.1), (0.3, 1.0), rng.uniform(0, 360), rng.uniform(200, 350), spread=0.25)


@recipe("room")
def room(rng: np.random.Generator) -> tuple[Stage, Path]:
    walls = [wallpaper(rng), wallpaper(rng)] if rng.random() < 0.6 else [wall_paint(rng), wallpaper(rng)]
    return furnished_room(rng, walls, None)


@recipe("wallpaper")
def wallpapered(rng: np.random.Generator) -> tuple[Stage, Path]:
    return furnished_room(rng, [wallpaper(rng, contrast=rng.uniform(0.25, 0.5))], None)


@recipe("tiles")
def tiled(rng: np.random.Generator) -> tuple[Stage, Path]:
    walls = [wall_tiles(rng, same=True)] if rng.random() < 0.6 else [wall_paint(rng)]
    if rng.random() < 0.5:
        return furnished_room(rng, walls, flooring(rng, "same tiles"))
    stage = room_behind(rng, walls=walls, floor=flooring(rng, "same tiles"))
    ground = Support(np.array([0.0, 0.0, 0.0]), (1.8, 1.5))
    furnish(stage, ground, [*things_for(rng, "floor", 8), *things_for(rng, "table", 5)])
    along_walls(stage, 4)
    return stage, Path((0, 0, 0.12), (1.0, 1.6), (0.6, 1.3), rng.uniform(0, 360), rng.uniform(150, 330), spread=0.15)


@recipe("wide")
def wide(rng: np.random.Generator) -> tuple[Stage, Path]:
    stage = room_behind(rng)
    top = stage.table(table_top(rng))
    furnish(stage, top, things_for(rng, "table", int(rng.integers(8, 16))))
    along_walls(stage, 5)
    for side in ("back", "left", "right", "front"):
        hang_pictures(stage, side, int(rng.integers(1, 3)), width=2.6, height=0.9)
    x, y, z = top.centre
    return stage, Path((x, y, z + 0.06), (0.8, 1.2), (0.35, 0.65), rng.uniform(0, 360), 0, step_deg=(20, 30))
