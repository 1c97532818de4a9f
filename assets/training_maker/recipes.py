"""The kinds of scenes, each another layout per seed."""

from dataclasses import replace

import numpy as np

from assets.training_maker.coverings.finishes import flooring, table_top, wall_paint, wall_tiles, wallpaper
from assets.training_maker.coverings.surfaces import pick
from assets.training_maker.kinds import (
    RECIPES,
    Path,
    along_walls,
    furnish,
    hang_pictures,
    lay_rug,
    recipe,
    room_behind,
    things_for,
)  # fmt: skip
from assets.training_maker.meshes import Material
from assets.training_maker.placing import Placed, Support
from assets.training_maker.stage import Stage
from assets.training_maker.things import library
from assets.training_maker.things.base import Thing

__all__ = ["RECIPES"]


@recipe("table")
def table(rng: np.random.Generator) -> tuple[Stage, Path]:
    stage = room_behind(rng)
    top = stage.table(table_top(rng), centre=(0, stage.size[1] / 2 - rng.uniform(0.6, 1.3)))
    furnish(stage, top, things_for(rng, "table", int(rng.integers(10, 24))))
    hang_pictures(stage, "back", int(rng.integers(0, 4)), width=2.4, height=0.9)
    along_walls(stage, 3)
    x, y, z = top.centre
    return stage, Path((x, y, z + 0.08), (0.75, 1.35), (0.25, 0.75), -90, 150)


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
    return stage, Path((x, y, z + 0.06), (0.7, 1.2), (0.3, 0.75), rng.uniform(0, 360), 350)


def furnished_room(
    rng: np.random.Generator, walls: list[Material], floor: Material | None
) -> tuple[Stage, Path]:
    """A table, a counter, chairs, a rug, pictures: 20 to 30 things; photos go round the table."""
    stage = room_behind(rng, walls=walls, floor=floor)
    top = stage.table(table_top(rng), centre=(rng.uniform(-0.2, 0.2), rng.uniform(-0.1, 0.2)))
    if rng.random() < 0.7:
        lay_rug(stage, Support(np.array([0, -stage.size[1] * 0.22, 0]), (1.0, 1.0)))
    counter = stage.counter(side=pick(rng, ["back", "left"]), length=rng.uniform(1.6, 2.6))
    furnish(stage, top, things_for(rng, "table", int(rng.integers(11, 17))))
    furnish(stage, counter, things_for(rng, "table", int(rng.integers(5, 9))))
    x, y, z = top.centre
    for k in range(int(rng.integers(1, 4))):
        chair = library.build("chair", rng)
        angle = np.pi * k / 2 + pick(rng, [0, np.pi])
        near = np.array([x, y]) + np.array([np.cos(angle), np.sin(angle)]) * (np.asarray(top.size) / 2 + 0.28)
        spot = Support(np.array([*near, 0]), (0.9, 0.9))
        stage.arranger.stand(
            chair, spot, yaw=angle - np.pi / 2 + rng.normal(0, 0.15), spacing=0.02, near=near
        )
    along_walls(stage, 4)
    for side in ("back", "left", "right", "front"):
        hang_pictures(stage, side, int(rng.integers(0, 4)), width=2.6, height=0.9, middle_z=1.6)
    return stage, Path((x, y, z), (1.0, 2.1), (0.3, 1.0), rng.uniform(0, 360), 350, spread=0.25)


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
    return stage, Path((0, 0, 0.12), (1.0, 1.6), (0.6, 1.3), rng.uniform(0, 360), 350, spread=0.15)


@recipe("wide")
def wide(rng: np.random.Generator) -> tuple[Stage, Path]:
    stage = room_behind(rng)
    top = stage.table(table_top(rng))
    furnish(stage, top, things_for(rng, "table", int(rng.integers(10, 18))))
    along_walls(stage, 5)
    for side in ("back", "left", "right", "front"):
        hang_pictures(stage, side, int(rng.integers(1, 3)), width=2.6, height=0.9)
    x, y, z = top.centre
    return stage, Path(
        (x, y, z + 0.06), (0.8, 1.2), (0.35, 0.65), rng.uniform(0, 360), 345, step_deg=(21, 29), uneven=0.05
    )


@recipe("shelf")
def shelf(rng: np.random.Generator) -> tuple[Stage, Path]:
    """Boards against the back wall: rows of books, things before them, some leaning at the back."""
    stage = room_behind(rng)
    deep, wide, boards = rng.uniform(0.26, 0.36), rng.uniform(1.0, 1.7), int(rng.integers(2, 5))
    high, low = boards * rng.uniform(0.3, 0.38), rng.uniform(0.25, 0.6)
    y = stage.size[1] / 2 - deep / 2 - 0.02
    backed = rng.random() < 0.7
    for board in stage.shelf(centre=(0, y, low), size=(wide, deep, high), boards=boards, backed=backed):
        if rng.random() < 0.6:
            row_of_books(stage, board)
        fitting = [
            t for t in things_for(rng, "table", 14) if t.size[2] < board.headroom_m and max(t.size[:2]) < 0.35
        ]
        wall = y + deep / 2 - (0.012 if backed else 0.0)
        for thing in [t for t in fitting if t.leans][:1]:
            stage.arranger.lean_on_wall(thing, board, wall, slant=rng.uniform(0.08, 0.2))
        furnish(stage, board, [t for t in fitting if not t.leans][: int(rng.integers(3, 8))], spacing=0.006)
    along_walls(stage, 3)
    return stage, Path((0, y, low + high / 2), (0.9, 1.8), (-0.1, 0.6), -90, 100, spread=0.15)


def row_of_books(stage: Stage, board: Support) -> None:
    """Books upright side by side, their backs to the front."""
    rng = stage.rng
    # x to y, y to z, z to x: a lying book stands up with its back towards -Y.
    upright = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    x = board.centre[0] + rng.uniform(-0.5, 0.1) * board.size[0]
    for _ in range(int(rng.integers(3, 10))):
        book = library.build("book", rng).moved_by(upright)
        if book.size[2] > board.headroom_m or book.size[1] > board.size[1]:
            continue
        spot = np.array([x + book.size[0] / 2, board.centre[1] - board.size[1] / 2 + book.size[1] / 2 + 0.01])
        here = Support(
            np.array([*spot, board.centre[2]]), (book.size[0] + 0.001, book.size[1] + 0.001), board.headroom_m
        )
        if board.holds(book.outline + spot):
            stage.arranger.stand(book, here, spacing=0.0002, yaw=0.0, tries=2)
        x += book.size[0] + 0.0008


@recipe("wall")
def wall(rng: np.random.Generator) -> tuple[Stage, Path]:
    """Flat things on a wall, a shelf board with a few things, furniture below."""
    stage = room_behind(rng)
    d, before = stage.size[1], len(stage.parts)
    boards = stage.shelf(
        centre=(rng.uniform(-0.4, 0.4), d / 2 - 0.1, rng.uniform(1.0, 1.7)),
        size=(rng.uniform(0.6, 1.1), 0.18, 0.26),
        boards=1,
        backed=False,
    )
    for board in boards:
        small = [
            t for t in things_for(rng, "table", 12) if max(t.size[:2]) < 0.16 and t.size[2] < board.headroom_m
        ]
        furnish(stage, board, small[:6], spacing=0.006)
    block = np.concatenate([part.triangles.reshape(-1, 3) for part, _ in stage.parts[before:]])
    hang_pictures(
        stage, "back", int(rng.integers(7, 14)), width=2.6, height=1.3, middle_z=1.45, keep_off=block
    )
    hang_pictures(stage, "left", 3, width=2.0, height=1.0)
    along_walls(stage, 4)
    return stage, Path((0, d / 2, 1.35), (1.1, 2.3), (-0.2, 0.5), -90, 90, spread=0.3)


@recipe("floor")
def floor(rng: np.random.Generator) -> tuple[Stage, Path]:
    """Shoes, boxes, cushions and toys on the floor, often on a rug."""
    stage = room_behind(rng)
    ground = Support(np.array([0.0, 0.0, 0.0]), (1.9, 1.6))
    if rng.random() < 0.5:
        lay_rug(stage, ground)
    furnish(
        stage, ground, [t for t in things_for(rng, "floor", int(rng.integers(8, 14))) if t.family != "rug"]
    )
    furnish(stage, ground, things_for(rng, "table", int(rng.integers(3, 7))))
    along_walls(stage, 5)
    return stage, Path((0, 0, 0.1), (0.8, 1.6), (0.6, 1.4), rng.uniform(0, 360), 350, spread=0.15)


@recipe("stack")
def stack(rng: np.random.Generator) -> tuple[Stage, Path]:
    """Piles of cartons, books, cans, boxes and plates that touch."""
    stage = room_behind(rng)
    top = stage.table(table_top(rng))
    names = [
        "carton",
        "book",
        "can",
        "toy block",
        "storage box",
        "folded towel",
        "binder",
        "jar",
        "cardboard box",
        "soap",
        "magazine",
        "gift",
        "milk carton",
        "carton",
        "book",
        "can",
    ]
    small = [t for t in (library.build(pick(rng, names), rng) for _ in range(34)) if max(t.size) < 0.36]
    piles: list[Placed] = []
    for thing in sorted(small, key=lambda t: -float(np.prod(t.size[:2])))[:26]:
        done = None
        if piles and thing.piles and rng.random() < 0.65:
            for k in rng.permutation(len(piles))[:8]:
                done = stage.arranger.pile(thing, piles[k])
                if done:
                    break
        if done is None and piles and rng.random() < 0.7:
            done = stage.arranger.beside(thing, pick(rng, piles), top)
        done = done or stage.arranger.stand(thing, top, near=top.centre[:2], spacing=0.004)
        if done:
            piles.append(done)
    plate = library.build("plate", rng)
    lowest = stage.arranger.stand(plate, top, spacing=0.006)
    for _ in range(int(rng.integers(1, 5)) if lowest else 0):
        assert lowest is not None
        lowest = stage.arranger.nest(lowest.thing, lowest, 0.013)
    furnish(stage, top, things_for(rng, "table", 3))
    along_walls(stage, 4)
    x, y, z = top.centre
    return stage, Path((x, y, z + 0.12), (0.7, 1.25), (0.2, 0.7), rng.uniform(0, 360), 350)


@recipe("bare")
def bare(rng: np.random.Generator) -> tuple[Stage, Path]:
    """Things without any texture on a table without any, before plain walls."""
    stage = room_behind(rng, walls=[untextured(wall_paint(rng))], floor=flooring(rng))
    top = stage.table(untextured(table_top(rng, "plain")))
    furnish(stage, top, [without_texture(t) for t in things_for(rng, "table", int(rng.integers(9, 16)))])
    along_walls(stage, 3)
    x, y, z = top.centre
    return stage, Path((x, y, z + 0.06), (0.7, 1.2), (0.25, 0.75), rng.uniform(0, 360), 350)


def untextured(material: Material) -> Material:
    mean = material.texture.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    return replace(material, texture=mean.reshape(1, 1, 3))


def without_texture(thing: Thing) -> Thing:
    return replace(thing, parts=[replace(p, material=untextured(p.material)) for p in thing.parts])


@recipe("big")
def big(rng: np.random.Generator) -> tuple[Stage, Path]:
    """One large thing that fills the photos, a few small ones about."""
    stage = room_behind(rng)
    names = [n for n in library.names_for("large") if n not in ("rug", "floor lamp")]
    thing = library.build(pick(rng, names), rng)
    middle = stage.arranger.lay(thing, np.array([0.0, 0.0, 0.0]), yaw=rng.uniform(0, 6.28))
    ground = Support(np.array([0.0, 0.0, 0.0]), (2.0, 1.8))
    furnish(stage, ground, [t for t in things_for(rng, "floor", 4) if t.family != "rug"])
    along_walls(stage, 5)
    reach = float(np.linalg.norm(middle.thing.size)) / 2
    return stage, Path(
        (0, 0, float(middle.thing.size[2]) / 2),
        (1.5 * reach + 0.25, 2.2 * reach + 0.35),
        (0.3 * reach, 1.3 * reach + 0.2),
        rng.uniform(0, 360),
        350,
        spread=0.05,
    )
