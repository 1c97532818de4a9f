"""A room, a table with things on it, and where the photographer stood: a capture but for its pixels."""

from dataclasses import dataclass

import numpy as np

from assets.capture_maker import textures
from assets.capture_maker.arrangement import Arranger, Placed
from assets.capture_maker.shapes import Finish, Part, Thing, box
from assets.capture_maker.things.base import COLOURS
from assets.capture_maker.things.library import THINGS, colours_of, make_thing

WIDTH, HEIGHT = 640, 480
NUM_PHOTOS, NUM_TEST = 12, 4
TABLE, FLOOR, WALL, PICTURES, BOOKCASE, RISER = 201, 202, 203, 204, 205, 206


@dataclass(frozen=True)
class Structure:
    """Part of the room: what nobody picks up."""

    structure_id: int
    name: str
    parts: list[Part]


@dataclass(frozen=True)
class Shot:
    """One photo: OpenCV camera in the room's frame, metres, +Z up."""

    name: str
    K: np.ndarray
    world_to_camera: np.ndarray
    test: bool


@dataclass(frozen=True)
class Room:
    """A whole capture before rendering."""

    name: str
    seed: int
    placed: list[Placed]
    structures: list[Structure]
    shots: list[Shot]
    light_angle_rad: float
    """Direction of the window seen from the table, from -Y (behind the photographer) towards -X."""
    warmth: float
    """0 = daylight only, 1 = strong warm lamp."""


@dataclass(frozen=True)
class Recipe:
    """What stands in a scene."""

    seed: int
    categories: list[str]
    top: tuple[float, float]
    """Width and depth of the table top in metres."""
    area: tuple[float, float]
    """Where things stand."""
    twins: str
    """Category of the pair of identical twins."""
    num_touching: int
    num_stacked: int
    spacing: float
    cloth: bool


def desk_recipe(seed: int) -> Recipe:
    categories = ["mug", "book", "bottle", "box", "teddy bear", "toy car", "bowl", "mug"]
    return Recipe(seed, categories, (1.3, 0.8), (0.72, 0.46), "mug", 3, 0, 0.02, cloth=False)


def shelf_recipe(seed: int) -> Recipe:
    categories = list(THINGS)
    categories.remove("block arch")
    return Recipe(
        seed, [*categories, "can", "book"], (1.6, 0.85), (1.12, 0.6), "can", 9, 4, 0.004, cloth=False
    )


def random_recipe(seed: int) -> Recipe:
    rng = np.random.default_rng([seed, 1])
    count = int(rng.integers(8, 15))
    categories = [str(c) for c in rng.permutation(list(THINGS))[: count - 1]]
    twins = categories[int(rng.integers(len(categories)))]
    area = (float(rng.uniform(0.68, 0.85)), float(rng.uniform(0.42, 0.52)))
    top = (float(rng.uniform(1.2, 1.5)), float(rng.uniform(0.75, 0.9)))
    touching, stacked = int(rng.integers(2, 5)), int(rng.integers(0, 3))
    return Recipe(
        seed, [*categories, twins], top, area, twins, touching, stacked, 0.012, bool(rng.random() < 0.4)
    )


RECIPES = {"desk": desk_recipe, "shelf": shelf_recipe, "random": random_recipe}


def make_room(name: str, seed: int) -> Room:
    """The scene `name` ("desk", "shelf", "random"); the same seed gives the same room."""
    recipe = RECIPES[name](seed)
    rng = np.random.default_rng([seed, 2])
    table_height = float(rng.uniform(0.7, 0.76))
    placed = _arranged(recipe, table_height)
    structures = [_table(rng, recipe, table_height), *_surroundings(rng)]
    shots = _shots(np.random.default_rng([seed, 4]), placed, table_height)
    return Room(
        name, seed, placed, structures, shots, float(rng.uniform(-0.9, 0.9)), float(rng.uniform(0.25, 0.7))
    )


def _arranged(recipe: Recipe, table_height: float) -> list[Placed]:
    """Try arrangements until everything finds its place."""
    things, twin = _chosen_things(np.random.default_rng([recipe.seed, 3]), recipe)
    for attempt in range(200):
        rng = np.random.default_rng([recipe.seed, 3, attempt])
        placed = _arrange_once(rng, recipe, table_height, things, twin)
        if placed is not None:
            return placed
    raise ValueError(f"{len(recipe.categories)} things do not fit on {recipe.area}; enlarge the area.")


def _chosen_things(rng: np.random.Generator, recipe: Recipe) -> tuple[list[Thing], Thing | None]:
    """Things in the order of the recipe, no two but the twins alike, and the thing that comes twice."""
    things: list[Thing] = []
    used: set[tuple[str, str]] = set()
    twin = None
    for category in recipe.categories:
        if category == recipe.twins and twin is not None:
            things.append(twin)
            continue
        fresh = [colour for colour in colours_of(category) if (category, colour) not in used]
        rarest = min(sum(thing.colour == colour for thing in things) for colour in fresh)
        colours = [colour for colour in fresh if sum(thing.colour == colour for thing in things) == rarest]
        thing = make_thing(rng, category, colours[int(rng.integers(len(colours)))])
        used.add((category, thing.colour))
        if category == recipe.twins:
            twin = thing
        things.append(thing)
    return things, twin


def _arrange_once(
    rng: np.random.Generator, recipe: Recipe, table_height: float, things: list[Thing], twin: Thing | None
) -> list[Placed] | None:
    arranger = Arranger(rng, *recipe.area, table_height)
    # What carries others and what is large finds its place first; small light things lean and stack last.
    order = sorted(range(len(things)), key=lambda i: (things[i].light, -float(np.prod(things[i].size[:2]))))
    stacked = (
        [i for i in order if things[i].light and things[i] is not twin][-recipe.num_stacked :]
        if recipe.num_stacked
        else []
    )
    free = [i for i in order if i not in stacked]
    heights = np.sort([things[i].size[2] for i in free])
    leaning = set(free[len(free) - recipe.num_touching :]) if recipe.num_touching else set()
    for i in free:
        group = 1 if things[i] is twin else None
        rank = float(np.searchsorted(heights, things[i].size[2])) / max(1, len(heights) - 1)
        near_y = (rank - 0.5) * 0.8 * recipe.area[1]
        leaned = i in leaning and arranger.put_against(things[i], spacing=recipe.spacing, twin_group=group)
        if not leaned and not arranger.put(
            things[i], near_y=near_y, spacing=recipe.spacing, twin_group=group
        ):
            return None
    for i in stacked:
        if not arranger.put_on(things[i]) and not arranger.put(
            things[i], near_y=None, spacing=recipe.spacing
        ):
            return None
    return arranger.placed


def _table(rng: np.random.Generator, recipe: Recipe, height: float) -> Structure:
    width, depth = recipe.top
    light = [(186, 138, 88), (150, 104, 66), (204, 172, 128)][int(rng.integers(3))]
    dark = textures.shade(light, 0.5)
    pixels = (int(depth * 1500), int(width * 1500))
    if recipe.cloth:
        names = rng.choice([c for c in COLOURS if c != "black"], 3, replace=False)
        face = textures.cloth(rng, *pixels, [*(COLOURS[str(n)] for n in names), COLOURS["white"]])
    else:
        face = textures.wood(rng, *pixels, dark, light, planks=int(rng.integers(5, 8)))
    edge = Finish(light, image=textures.wood(rng, 60, 1200, dark, light), roughness=0.5)
    top = box((width, depth, 0.004), Finish(light, image=face, roughness=0.9 if recipe.cloth else 0.42))
    slab = box((width - 0.002, depth - 0.002, 0.032), edge)
    parts = [top.moved((0, 0, height - 0.004)), slab.moved((0, 0, height - 0.036))]
    leg = Finish(light, image=textures.wood(rng, 500, 60, dark, light, along_y=True), roughness=0.5)
    for x in (-1, 1):
        for y in (-1, 1):
            post = box((0.06, 0.06, height - 0.036), leg)
            parts.append(post.moved((x * (width / 2 - 0.06), y * (depth / 2 - 0.06), 0)))
    return Structure(TABLE, "table", parts)


def _surroundings(rng: np.random.Generator) -> list[Structure]:
    """Floor, three walls with pictures, a bookcase."""
    planks = textures.wood(rng, 1500, 1500, (70, 50, 36), (150, 112, 80), planks=14)
    floor = box((5.0, 5.0, 0.02), Finish((120, 90, 60), image=planks, roughness=0.5)).moved((0, 0.2, -0.02))
    paint = [(178, 188, 176), (196, 184, 160), (160, 178, 190), (200, 186, 178)][int(rng.integers(4))]
    walls, frames = [], []
    for turn, distance in ((0.0, 1.25), (np.pi / 2, 1.9), (-np.pi / 2, 1.9)):
        paper = Finish(paint, image=textures.wallpaper(rng, 1000, 1900, paint), roughness=0.9)
        wall = box((5.0, 0.04, 2.7), paper).moved((0, distance, 0))
        skirting = box((5.0, 0.02, 0.09), Finish((226, 222, 212))).moved((0, distance - 0.03, 0))
        walls += [part.turned("z", turn) for part in (wall, skirting)]
        frames += [part.turned("z", turn) for part in _wall_pictures(rng, distance - 0.035)]
    case = [part.moved((float(rng.choice([-1.25, 1.25])), 1.08, 0)) for part in _bookcase(rng)]
    return [
        Structure(FLOOR, "floor", [floor]),
        Structure(WALL, "wall", walls),
        Structure(PICTURES, "wall pictures", frames),
        Structure(BOOKCASE, "bookcase", case),
    ]


def _wall_pictures(rng: np.random.Generator, y: float) -> list[Part]:
    parts: list[Part] = []
    x = -1.7
    while x < 1.5:
        width, height = float(rng.uniform(0.3, 0.62)), float(rng.uniform(0.3, 0.55))
        pixels = (int(height * 600), int(width * 600))
        if rng.random() < 0.5:
            art = textures.landscape(rng, *pixels)
        else:
            art = textures.abstract(rng, *pixels, list(COLOURS.values())[int(rng.integers(len(COLOURS)))])
        z = float(rng.uniform(0.85, 1.2))
        wood = Finish(image=textures.wood(rng, 80, 300, (60, 42, 30), (130, 96, 62)), roughness=0.4)
        frame = box((width + 0.05, 0.022, height + 0.05), wood)
        mount = box((width, 0.024, height), Finish(image=art, roughness=0.7)).moved((0, 0, 0.025))
        parts += [part.moved((x + width / 2, y, z)) for part in (frame, mount)]
        x += width + float(rng.uniform(0.12, 0.4))
    return parts


def _bookcase(rng: np.random.Generator) -> list[Part]:
    """An open bookcase 0.8 m wide whose books are part of the room."""
    wood = Finish(image=textures.wood(rng, 300, 600, (96, 68, 44), (172, 130, 86)), roughness=0.5)
    parts = [box((0.8, 0.02, 1.5), wood).moved((0, 0.13, 0))]
    parts += [box((0.02, 0.28, 1.5), wood).moved((x, 0, 0)) for x in (-0.4, 0.4)]
    for level in range(5):
        z = 0.06 + level * 0.36
        parts.append(box((0.8, 0.28, 0.02), wood).moved((0, 0, z)))
        x = -0.37
        while x < 0.35 and level < 4:
            thick, tall = float(rng.uniform(0.018, 0.05)), float(rng.uniform(0.2, 0.3))
            colour = list(COLOURS.values())[int(rng.integers(len(COLOURS)))]
            ink = textures.neighbours(rng, colour, 3)
            spine = Finish(colour, image=textures.motif(rng, 200, 60, colour, ink, "stripes"), roughness=0.6)
            parts.append(
                box((thick, 0.2, tall), spine).moved(
                    (x + thick / 2, float(rng.uniform(-0.03, 0.0)), z + 0.02)
                )
            )
            x += thick + (float(rng.uniform(0.03, 0.1)) if rng.random() < 0.12 else 0.002)
    return parts


def _shots(rng: np.random.Generator, placed: list[Placed], table_height: float) -> list[Shot]:
    """An arc by hand round the front of the table; test photos lie between the others."""
    focal = WIDTH / 2 / np.tan(np.radians(rng.uniform(46, 58)) / 2)
    K = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1.0]])
    points = np.concatenate([p.thing.vertices @ p.object_to_world[:3, :3].T + p.position for p in placed])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    middle[2] = table_height + 0.07
    azimuths = np.linspace(-75, 75, NUM_PHOTOS)
    shots = []
    for index in range(NUM_PHOTOS + NUM_TEST):
        test = index >= NUM_PHOTOS
        slot = 1.5 + 2.7 * (index - NUM_PHOTOS) if test else float(index)
        azimuth = np.radians(np.interp(slot, range(NUM_PHOTOS), azimuths) + rng.normal(0, 1.2))
        elevation = np.radians(32 + 9 * np.sin(1.9 * index) + rng.normal(0, 2))
        away = np.array(
            [np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)]
        )
        target = middle + rng.normal(0, 0.012, 3)
        roll = np.radians(rng.normal(0, 1.6))
        distance = 0.7 * float(rng.uniform(0.98, 1.05))
        while True:
            pose = _looking(target + away * distance, target, roll)
            if _in_frame(points, K, pose) or distance > 1.75:
                break
            distance *= 1.02
        name = f"{index - NUM_PHOTOS if test else index:03d}.jpg"
        shots.append(Shot(name, K, pose, test))
    return shots


def _looking(eye: np.ndarray, target: np.ndarray, roll_rad: float) -> np.ndarray:
    """world_to_camera of an OpenCV camera at `eye`."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    turned_right = np.cos(roll_rad) * right + np.sin(roll_rad) * down
    rotation = np.stack([turned_right, np.cross(forward, turned_right), forward])
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = -rotation @ eye
    return out


def _in_frame(points: np.ndarray, K: np.ndarray, world_to_camera: np.ndarray) -> bool:
    in_camera = points @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    if np.any(in_camera[:, 2] < 0.1):
        return False
    xy = in_camera[:, :2] / in_camera[:, 2:] * K[0, 0] / (WIDTH / 2, HEIGHT / 2)
    return bool(np.abs(xy).max() < 0.88)
