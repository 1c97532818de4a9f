"""Things with straight sides: books, cartons, phones, cases, blocks."""

import numpy as np

from assets.training_maker.coverings import prints, surfaces
from assets.training_maker.coverings.surfaces import Rgb, pick, shade, varied
from assets.training_maker.meshes import Material, Part, box, cylinder, patch, prism, tube
from assets.training_maker.things.base import (
    Thing,
    clear,
    colour,
    family,
    matte,
    metal,
    paper,
    picture,
    plain,
    plastic,
    timber,
)  # fmt: skip


def moved(parts: list[Part], x: float, y: float, z: float) -> list[Part]:
    return [p.moved((x, y, z)) for p in parts]


def spine(rng: np.random.Generator, rgb: Rgb) -> np.ndarray:
    """A book's back, its title along it."""
    image = prints.Image.new("RGB", (420, 60), rgb)
    draw = prints.ImageDraw.Draw(image)
    ink = (246, 242, 230) if sum(rgb) < 400 else (24, 24, 28)
    prints.write(draw, (190, 30), prints.word(rng) + " " + prints.word(rng), width=320, height=34, ink=ink)
    draw.rectangle([390, 0, 402, 60], fill=pick(rng, surfaces.palette(rng, rgb, 3)))
    return np.asarray(image)


@family("book", "table", "floor")
def book(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.11, 0.2), rng.uniform(0.16, 0.28), rng.uniform(0.012, 0.05)
    front = picture(prints.cover(rng, rgb)) if rng.random() < 0.8 else matte(rng, rgb, contrast=0.08)
    rest, lid = plain(rgb, roughness=0.45), 0.0025
    pages = Material(
        surfaces.weave(rng, [(232, 226, 208)], style="stripes", side=128),
        size_m=0.03,
        gloss=0.0,
        roughness=0.9,
    )
    parts = box((w, d, lid), rest)
    parts += moved(box((w - 0.006, d - 0.008, h - 2 * lid), pages), -0.002, 0, lid)
    parts += moved(box((w, d, lid), rest, sides={"top": front}), 0, 0, h - lid)
    parts += moved(
        box((lid, d, h), rest, sides={"left": Material(spine(rng, rgb), roughness=0.45), "top": rest}),
        -w / 2,
        0,
        0,
    )
    return Thing(name, tint, parts, flat_top=True, piles=True, leans=True)


@family("carton")
def carton(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    size = (rng.uniform(0.05, 0.2), rng.uniform(0.03, 0.09), rng.uniform(0.06, 0.28))
    sides = {k: picture(v, roughness=0.35) for k, v in prints.carton_sides(rng, rgb, size).items()}
    parts = box(size, plain(rgb), sides=sides)
    thing = Thing(name, tint, parts, flat_top=True, piles=True)
    if rng.random() < 0.35:
        return thing.moved_by(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    return thing


@family("milk carton")
def milk_carton(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    side, h = rng.uniform(0.06, 0.095), rng.uniform(0.12, 0.2)
    sides = {k: picture(v, roughness=0.35) for k, v in prints.carton_sides(rng, rgb, (side, side, h)).items()}
    parts = box((side, side, h), plain(rgb), sides=sides)
    gable = side * rng.uniform(0.4, 0.6)
    outline = np.array(
        [
            [-side / 2, 0],
            [side / 2, 0],
            [0.002, gable],
            [0.002, gable + 0.018],
            [-0.002, gable + 0.018],
            [-0.002, gable],
        ]
    )
    roof = [
        p.moved((0, 0, -side / 2)).turned("x", np.pi / 2).moved((0, 0, h))
        for p in prism(outline, side, plain(rgb, roughness=0.35))
    ]
    parts += roof
    if rng.random() < 0.5:
        _, cap = colour(rng)
        lid = cylinder(0.015, 0.012, plastic(rng, cap), bevel=0.002).turned("y", np.arctan2(gable, side / 2))
        parts.append(lid.moved((side * 0.24, 0, h + gable * 0.52)))
    return Thing(name, tint, parts)


@family("cardboard box", "floor", "large")
def cardboard_box(rng: np.random.Generator, name: str) -> Thing:
    size = rng.uniform(0.12, 0.4, 3)
    rgb = varied(rng, (176, 134, 92), 8)
    image = surfaces.mottled(rng, rgb, contrast=0.08, side=512)
    tape = image.copy()
    tape[235:277] = np.clip(tape[235:277] * 1.06 + 18, 0, 255).astype(np.uint8)
    side = prints.Image.fromarray(image)
    draw = prints.ImageDraw.Draw(side)
    if rng.random() < 0.7:
        prints.write(draw, (256, 180), prints.word(rng), width=330, height=90, ink=shade(rgb, 0.4))
        prints.small_print(rng, draw, (140, 300, 400, 380), 20, shade(rgb, 0.4))
    mats = {
        "top": Material(tape, gloss=0.02, roughness=0.8),
        "front": Material(np.asarray(side), gloss=0.02, roughness=0.8),
    }
    return Thing(
        name,
        "brown",
        box(size, Material(image, gloss=0.02, roughness=0.8), sides=mats),
        flat_top=True,
        piles=True,
    )


@family("phone")
def phone(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "white", "grey", "navy", "red", "mint", "pink"])
    w, d, h = rng.uniform(0.064, 0.078), rng.uniform(0.135, 0.165), rng.uniform(0.007, 0.01)
    body = plastic(rng, rgb, roughness=0.2)
    parts = box((w, d, h), body, radius=0.004)
    if rng.random() < 0.7:
        screen = pick(rng, [surfaces.plain((12, 12, 14)), prints.scenery(rng, 320, 160)])
        parts += moved(
            box((w - 0.006, d - 0.008, 0.0004), Material(screen, gloss=0.05, roughness=0.06)),
            0,
            0,
            h - 0.0001,
        )
    else:
        lens = plain((16, 16, 20), roughness=0.05)
        parts += moved(box((w * 0.36, w * 0.4, 0.0015), body, radius=0.0007), -w * 0.25, d * 0.36, h)
        parts += [
            cylinder(0.006, 0.001, lens).moved((-w * 0.25, d * 0.36 + s * 0.008, h + 0.0015)) for s in (-1, 1)
        ]
    return Thing(name, tint, parts, piles=True)


@family("remote control")
def remote(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "black", "grey", "white", "light grey"])
    w, d, h = rng.uniform(0.036, 0.052), rng.uniform(0.13, 0.21), rng.uniform(0.014, 0.022)
    parts = box((w, d, h), plastic(rng, rgb, roughness=0.4), radius=0.005)
    rows, button = (
        int(rng.integers(6, 11)),
        plastic(rng, pick(rng, [(210, 210, 206), (60, 60, 64), (30, 30, 34)]), roughness=0.5),
    )
    red = plastic(rng, (190, 30, 30))
    for row in range(rows):
        for column in range(3):
            at = ((column - 1) * w * 0.27, d * (0.4 - 0.8 * row / rows), h - 0.001)
            key = red if (row, column) == (0, 0) else button
            parts += moved(box((w * 0.17, d * 0.03, 0.0025), key, radius=0.001), *at)
    return Thing(name, tint, parts, piles=True)


@family("keyboard")
def keyboard(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "grey", "white"])
    w, d, h = rng.uniform(0.28, 0.43), rng.uniform(0.11, 0.14), 0.014
    parts = box((w, d, h), plastic(rng, rgb, roughness=0.5), radius=0.004)
    cap = plastic(rng, shade(rgb, pick(rng, [0.8, 1.4])), roughness=0.5)
    columns, rows = 15, 5
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 0.5) / columns - 0.5, (row + 0.5) / rows - 0.5
            wide = w / columns * 0.82
            parts += moved(box((wide, d / rows * 0.78, 0.005), cap), x * w * 0.95, y * d * 0.88, h - 0.001)
    return Thing(name, tint, parts)


@family("laptop")
def laptop(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["grey", "light grey", "black", "white"])
    w, d = rng.uniform(0.29, 0.36), rng.uniform(0.2, 0.25)
    shell = metal(rng, rgb, roughness=0.4) if rng.random() < 0.5 else plastic(rng, rgb)
    keys = surfaces.tiles(rng, [(30, 30, 34), (36, 36, 40)], count=12, side=384)
    parts = box((w, d, 0.014), shell, radius=0.003)
    parts += moved(box((w * 0.86, d * 0.5, 0.0004), Material(keys, roughness=0.6)), 0, d * 0.12, 0.014)
    screen = pick(
        rng,
        [
            prints.scenery(rng, 240, 384),
            prints.page(rng, height=240, width=384),
            surfaces.plain((10, 10, 12)),
        ],
    )
    lid = box((w, 0.007, d * 0.96), shell, radius=0.002)
    lid += moved(
        box((w * 0.95, 0.0004, d * 0.86), Material(screen, gloss=0.05, roughness=0.1)), 0, -0.0036, d * 0.05
    )
    tilt = -rng.uniform(0.1, 0.5)
    parts += [p.turned("x", tilt).moved((0, d / 2 - 0.003, 0.012)) for p in lid]
    return Thing(name, tint, parts)


@family("binder")
def binder(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "grey", "blue", "red", "green", "yellow"])
    w, d, h = rng.uniform(0.26, 0.29), rng.uniform(0.3, 0.32), rng.uniform(0.05, 0.08)
    rest = matte(rng, rgb, contrast=0.1, size_m=0.05)
    parts = box((w, d, 0.003), rest) + moved(box((w, d, 0.003), rest), 0, 0, h - 0.003)
    parts += moved(
        box(
            (w * 0.86, d * 0.93, h * 0.7),
            Material(surfaces.weave(rng, [(236, 234, 226)], style="stripes", side=128), size_m=0.03),
        ),
        -0.01,
        0,
        0.004,
    )
    tag = picture(prints.page(rng, height=200, width=100))
    parts += moved(box((0.003, d, h), rest), -w / 2, 0, 0) + moved(
        box((0.0006, d * 0.5, h * 0.6), tag), -w / 2 - 0.0018, 0, h * 0.2
    )
    return Thing(name, tint, parts, flat_top=True, piles=True)


@family("gift")
def gift(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.08, 0.2), rng.uniform(0.08, 0.2), rng.uniform(0.05, 0.14)
    parts = box((w, d, h), Material(prints.motif_print(rng, rgb), roughness=0.3))
    band = plastic(rng, pick(rng, surfaces.palette(rng, rgb, 4)), roughness=0.3)
    parts += box((w + 0.001, 0.018, h + 0.001), band) + box((0.018, d + 0.001, h + 0.001), band)
    for side in (-1, 1):
        t = np.linspace(0, 2 * np.pi, 20)
        loop = np.stack(
            [side * 0.022 * (1 - np.cos(t)), 0.012 * np.sin(t), h + 0.012 * np.sin(t / 2)], axis=1
        )
        parts.append(tube(loop, 0.004, band, flatten=2.0))
    return Thing(name, tint, parts, piles=True)


@family("toy block")
def block(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    a = rng.uniform(0.025, 0.05)
    size = (a, a * pick(rng, [1, 2]), a * pick(rng, [1, 1, 0.5]))
    return Thing(
        name,
        tint,
        box(size, pick(rng, [plastic(rng, rgb), timber(rng, size_m=0.1)[1]]), radius=0.003),
        flat_top=True,
        piles=True,
    )


@family("tissue box")
def tissue_box(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.2, 0.25), rng.uniform(0.1, 0.13), rng.uniform(0.07, 0.1)
    parts = box((w, d, h), Material(prints.motif_print(rng, rgb), roughness=0.5))
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    slot = np.stack([0.06 * np.cos(t), 0.018 * np.sin(t)], axis=1)
    parts += moved(prism(slot, 0.0005, plain((20, 20, 22))), 0, 0, h)
    u = np.linspace(-1, 1, 14)
    crest = (
        np.array([(0.05 * a, 0.006 * np.sin(5 * a), h) for a in u]),
        np.array(
            [
                (0.035 * a + 0.01 * np.sin(9 * a), 0.02 * np.cos(7 * a), h + 0.05 + 0.012 * np.sin(6 * a))
                for a in u
            ]
        ),
    )
    middle = (crest[0] + crest[1]) / 2 + rng.normal(0, 0.002, (14, 3))
    parts.append(patch(np.stack([crest[0], middle, crest[1]]), plain((242, 242, 240), roughness=0.9)))
    return Thing(name, tint, parts)


@family("radio")
def radio(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.16, 0.28), rng.uniform(0.06, 0.1), rng.uniform(0.1, 0.17)
    parts = box((w, d, h), pick(rng, [plastic(rng, rgb), timber(rng)[1]]), radius=0.012)
    mesh = surfaces.tiles(rng, [(50, 50, 52), (46, 46, 48)], count=16, same=True, side=256)
    front = -d / 2 - 0.0006
    parts += moved(box((w * 0.5, 0.002, h * 0.7), Material(mesh, roughness=0.7)), -w * 0.2, front, h * 0.15)
    parts += moved(
        box((w * 0.3, 0.002, h * 0.2), picture(prints.page(rng, height=60, width=100))),
        w * 0.28,
        front,
        h * 0.62,
    )
    knob = metal(rng)
    parts += [
        cylinder(h * 0.1, 0.012, knob, bevel=0.002)
        .turned("x", np.pi / 2)
        .moved((w * (0.2 + 0.16 * k), front, h * 0.32))
        for k in range(2)
    ]
    parts.append(
        tube(np.array([[w * 0.4, 0, h - 0.01], [w * 0.42, 0, h * 1.3], [w * 0.46, 0, h * 1.9]]), 0.002, knob)
    )
    return Thing(name, tint, parts)


@family("storage box", "table", "floor")
def storage_box(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.16, 0.34), rng.uniform(0.12, 0.24), rng.uniform(0.08, 0.16)
    body = clear((226, 232, 234)) if rng.random() < 0.3 else plastic(rng, rgb)
    parts = box((w, d, h), body, radius=0.012)
    if body.glass:
        parts += moved(box((w * 0.7, d * 0.7, h * 0.5), picture(prints.scenery(rng, 64, 96))), 0, 0, 0.003)
    parts += moved(
        box((w * 1.04, d * 1.05, 0.014), plastic(rng, colour(rng)[1]), radius=0.005), 0, 0, h - 0.004
    )
    return Thing(name, tint, parts, flat_top=True, piles=True)


@family("crate", "floor", "large")
def crate(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    w, d, h = rng.uniform(0.28, 0.48), rng.uniform(0.22, 0.34), rng.uniform(0.16, 0.3)
    parts = box((w, d, 0.01), wood)
    slats = int(rng.integers(2, 5))
    high = h / slats
    for k in range(slats):
        z = k * high + 0.008
        for s in (-1, 1):
            parts += moved(box((w, 0.01, high * 0.78), wood), 0, s * d / 2, z)
            parts += moved(box((0.01, d, high * 0.78), wood), s * w / 2, 0, z)
    for sx in (-1, 1):
        for sy in (-1, 1):
            parts += moved(box((0.025, 0.025, h), wood), sx * (w / 2 - 0.018), sy * (d / 2 - 0.018), 0.0)
    return Thing(name, tint, parts)


@family("soap")
def soap(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["white", "cream", "pink", "mint", "light blue", "yellow"])
    return Thing(
        name,
        tint,
        box(
            (rng.uniform(0.05, 0.09), rng.uniform(0.035, 0.06), rng.uniform(0.02, 0.035)),
            plastic(rng, rgb, roughness=0.35),
            radius=0.012,
        ),
        piles=True,
    )


@family("suitcase", "floor", "large")
def suitcase(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["brown", "black", "navy", "dark red", "grey", "dark green"])
    w, d, h = rng.uniform(0.4, 0.6), rng.uniform(0.15, 0.22), rng.uniform(0.28, 0.42)
    parts = box((w, d, h), matte(rng, rgb, contrast=0.2, size_m=0.1), radius=0.03)
    brass = metal(rng, (190, 160, 100))
    parts += [
        p.moved((s * w * 0.3, -d / 2 - 0.003, h * 0.8))
        for s in (-1, 1)
        for p in box((0.04, 0.012, 0.03), brass)
    ]
    parts += box((w * 1.002, 0.012, h * 1.002), plain(shade(rgb, 0.5)), radius=0.03)
    t = np.linspace(0, np.pi, 12)
    parts.append(
        tube(
            np.stack([0.07 * np.cos(t), 0 * t, h - 0.005 + 0.04 * np.sin(t)], 1),
            0.009,
            plain(shade(rgb, 0.6)),
        )
    )
    return Thing(name, tint, parts)


@family("envelope")
def envelope(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["white", "cream", "beige", "light blue"])
    image = prints.Image.new("RGB", (320, 200), rgb)
    draw = prints.ImageDraw.Draw(image)
    prints.small_print(rng, draw, (130, 100, 300, 170), 16, (30, 34, 60))
    image.paste(prints.Image.fromarray(prints.scenery(rng, 44, 36)), (270, 12))
    return Thing(
        name,
        tint,
        box(
            (rng.uniform(0.16, 0.24), rng.uniform(0.1, 0.16), 0.002),
            paper(rng, rgb),
            sides={"top": picture(np.asarray(image), roughness=0.9)},
        ),
        piles=True,
    )
