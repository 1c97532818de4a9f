"""Things that lie in or hang on a surface: papers, cards, pictures, clocks, rugs."""

import numpy as np

from assets.capture_maker.textures import noise
from assets.training_maker.coverings import prints, surfaces
from assets.training_maker.coverings.surfaces import pick, shade
from assets.training_maker.meshes import Material, Part, box, cylinder, lathe, prism, sheet
from assets.training_maker.things.base import (
    Thing,
    cloth,
    colour,
    family,
    glaze,
    matte,
    metal,
    paper,
    picture,
    plain,
    plastic,
    timber,
)  # fmt: skip


def bumps(rng: np.random.Generator, amount: float, *, side: int = 12) -> np.ndarray:
    """A gently uneven sheet [side, side] in metres that touches zero."""
    field = noise(rng, side, side, slope=1.2)
    return (field - field.min()) * amount


@family("magazine")
def magazine(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d = rng.uniform(0.18, 0.23), rng.uniform(0.25, 0.3)
    front = picture(prints.cover(rng, rgb), roughness=0.25)
    h = rng.uniform(0.002, 0.007)
    return Thing(
        name,
        tint,
        sheet(w, d, front, thickness=h, back=paper(rng), heights=bumps(rng, 0.004)),
        piles=True,
        flat_top=False,
    )


@family("open book")
def open_book(rng: np.random.Generator, name: str) -> Thing:
    w, d, h = rng.uniform(0.12, 0.17), rng.uniform(0.18, 0.25), rng.uniform(0.012, 0.025)
    x = np.linspace(0, 1, 12)
    rise = h * (0.35 + 1.3 * np.sqrt(x) - 1.1 * x)
    parts: list[Part] = []
    for side in (-1, 1):
        heights = np.tile(rise if side > 0 else rise[::-1], (3, 1))
        half = sheet(w, d, picture(prints.page(rng), roughness=0.8), thickness=0.0005, heights=heights)
        parts += [p.moved((side * w / 2, 0, 0)) for p in half]
        outline = np.concatenate([[[0, 0], [w, 0]], np.stack([x[::-1] * w, rise[::-1]], axis=1)])
        if side < 0:
            outline = (outline * [-1, 1])[::-1]
        body = prism(outline, d, paper(rng))
        parts += [p.moved((0, 0, -d / 2)).turned("x", np.pi / 2) for p in body]
    return Thing(name, "white", parts)


@family("leaflet")
def leaflet(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d = rng.uniform(0.09, 0.15), rng.uniform(0.18, 0.23)
    image = prints.cover(rng, rgb) if rng.random() < 0.6 else prints.page(rng)
    heights = np.abs(np.linspace(-1, 1, 9))[None, :] ** 1.5 * rng.uniform(0.0, 0.014) * np.ones((4, 1))
    return Thing(
        name,
        tint,
        sheet(w, d, picture(image, roughness=0.35), thickness=0.0008, back=paper(rng), heights=heights),
    )


@family("paper")
def sheet_of_paper(rng: np.random.Generator, name: str) -> Thing:
    image = pick(
        rng, [prints.page(rng), prints.page(rng), surfaces.mottled(rng, (240, 239, 233), contrast=0.02)]
    )
    return Thing(
        name,
        "white",
        sheet(
            0.21,
            0.297,
            picture(image, roughness=0.85),
            thickness=0.0006,
            back=paper(rng),
            heights=bumps(rng, 0.003),
        ),
    )


@family("card")
def playing_card(rng: np.random.Generator, name: str) -> Thing:
    image = (
        prints.card(rng)
        if rng.random() < 0.7
        else prints.motif_print(rng, colour(rng)[1], height=240, width=160)
    )
    return Thing(
        name, "white", sheet(0.063, 0.09, picture(image, roughness=0.3), thickness=0.0008, back=paper(rng))
    )


@family("photo print")
def photo_print(rng: np.random.Generator, name: str) -> Thing:
    image = np.full((220, 300, 3), 240, np.uint8)
    image[10:-10, 10:-10] = prints.scenery(rng, 200, 280)
    return Thing(
        name,
        "colourful",
        sheet(
            0.15,
            0.11,
            picture(image, gloss=0.05, roughness=0.2),
            thickness=0.0007,
            back=paper(rng),
            heights=bumps(rng, 0.002),
        ),
    )


@family("coaster")
def coaster(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    face = pick(
        rng, [picture(prints.motif_print(rng, rgb, width=256)), matte(rng, rgb), timber(rng, size_m=0.15)[1]]
    )
    if rng.random() < 0.5:
        return Thing(name, tint, [cylinder(rng.uniform(0.042, 0.052), 0.005, face)])
    return Thing(name, tint, box((0.095, 0.095, 0.005), face, radius=0.002))


@family("label")
def label(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d = rng.uniform(0.06, 0.12), rng.uniform(0.035, 0.08)
    return Thing(
        name,
        tint,
        sheet(
            w,
            d,
            picture(prints.label(rng, rgb, height=200, width=320, fronts=1), roughness=0.3),
            thickness=0.0004,
            back=paper(rng),
        ),
        hangs=True,
    )


@family("placemat")
def placemat(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    material = pick(rng, [cloth(rng, rgb, size_m=0.15), picture(prints.motif_print(rng, rgb), roughness=0.5)])
    return Thing(name, tint, sheet(0.42, 0.3, material, thickness=0.003, heights=bumps(rng, 0.002)))


@family("cutting board")
def cutting_board(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    w, d, h = rng.uniform(0.16, 0.26), rng.uniform(0.25, 0.38), rng.uniform(0.012, 0.022)
    parts = box((w, d, h), wood, radius=0.005)
    if rng.random() < 0.5:
        parts += [p.moved((0, d / 2 + 0.05, 0)) for p in box((0.05, 0.11, h), wood, radius=0.005)]
    return Thing(name, tint, parts, leans=True, hangs=True, flat_top=True)


@family("tray")
def tray(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.28, 0.42), rng.uniform(0.2, 0.28), rng.uniform(0.02, 0.04)
    material = pick(
        rng, [timber(rng)[1], plastic(rng, rgb), picture(prints.motif_print(rng, rgb), roughness=0.3)]
    )
    rim = plastic(rng, shade(rgb, 0.8)) if material.size_m is None else material
    parts = box((w, d, 0.006), material)
    for s in (-1, 1):
        parts += [p.moved((0, s * d / 2, 0)) for p in box((w, 0.008, h), rim)]
        parts += [p.moved((s * w / 2, 0, 0)) for p in box((0.008, d, h), rim)]
    return Thing(name, tint, parts)


@family("rug", "floor", "large")
def rug(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d = rng.uniform(0.9, 1.6), rng.uniform(0.6, 1.0)
    face = Material(prints.rug(rng, rgb), gloss=0.0, roughness=1.0)
    return Thing(
        name, tint, sheet(w, d, face, thickness=rng.uniform(0.005, 0.012), back=matte(rng, shade(rgb, 0.7)))
    )


@family("doormat", "floor")
def doormat(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["brown", "grey", "black", "beige", "dark red", "dark green"])
    image = surfaces.carpet(rng, [rgb, shade(rgb, 0.7)])
    return Thing(
        name, tint, sheet(0.6, 0.4, Material(image, size_m=0.3, gloss=0.0, roughness=1.0), thickness=0.012)
    )


@family("newspaper", "table", "floor")
def newspaper(rng: np.random.Generator, name: str) -> Thing:
    image = prints.page(rng, height=420, width=400)
    grey = image.mean(axis=2, keepdims=True) * 0.8 + image * 0.2
    return Thing(
        name,
        "grey",
        sheet(
            0.29,
            0.38,
            picture(surfaces.finished(grey * [0.97, 0.96, 0.93]), roughness=0.9),
            thickness=rng.uniform(0.003, 0.01),
            back=paper(rng, (206, 204, 196)),
            heights=bumps(rng, 0.006),
        ),
    )


def frame(
    rng: np.random.Generator, w: float, d: float, image: np.ndarray, *, glossy: bool = True
) -> list[Part]:
    """A framed picture that lies on its back."""
    _, rgb = colour(rng, ["black", "white", "brown", "grey"])
    rim = pick(rng, [timber(rng)[1], plain(rgb, roughness=0.3), metal(rng, (196, 160, 90))])
    bar, high = rng.uniform(0.012, 0.04), rng.uniform(0.012, 0.03)
    parts = box((w, d, high * 0.6), plain((60, 50, 44)))
    mat = rng.uniform(0.0, 0.16) * min(w, d)
    board = box((w - bar, d - bar, 0.002), paper(rng, (240, 238, 230)))
    inner = box(
        (w - 2 * bar - 2 * mat, d - 2 * bar - 2 * mat, 0.001),
        picture(image, roughness=0.12 if glossy else 0.6),
    )
    parts += [p.moved((0, 0, high * 0.6)) for p in board] + [
        p.moved((0, 0, high * 0.6 + 0.002)) for p in inner
    ]
    for s in (-1, 1):
        parts += [p.moved((0, s * (d - bar) / 2, 0)) for p in box((w, bar, high), rim, radius=0.003)]
        parts += [
            p.moved((s * (w - bar) / 2, 0, 0)) for p in box((bar, d - 1.9 * bar, high), rim, radius=0.003)
        ]
    return parts


@family("picture frame", "table", "wall")
def framed(rng: np.random.Generator, name: str) -> Thing:
    w, d = rng.uniform(0.12, 0.5, 2)
    ratio = float(np.clip(w / d, 0.6, 1.6))
    w = d * ratio
    image = prints.scenery(rng, int(300 / max(ratio, 1)), int(300 / max(ratio, 1) * ratio))
    return Thing(
        name, "colourful", frame(rng, w, d, image, glossy=rng.random() < 0.5), leans=True, hangs=True
    )


@family("poster", "wall")
def poster(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d = rng.uniform(0.25, 0.6), rng.uniform(0.35, 0.8)
    return Thing(
        name,
        tint,
        sheet(
            w,
            d,
            picture(prints.cover(rng, rgb, height=640, width=460), roughness=0.4),
            thickness=0.0012,
            back=paper(rng),
        ),
        hangs=True,
    )


@family("calendar", "wall")
def calendar(rng: np.random.Generator, name: str) -> Thing:
    image = prints.Image.fromarray(np.full((500, 320, 3), 244, np.uint8))
    image.paste(prints.Image.fromarray(prints.scenery(rng, 250, 320)), (0, 0))
    draw = prints.ImageDraw.Draw(image)
    for day in range(31):
        x, y = 28 + 44 * (day % 7), 310 + 40 * (day // 7)
        prints.write(
            draw,
            (x, y),
            str(day + 1),
            width=26,
            height=20,
            ink=(190, 30, 30) if day % 7 == 6 else (40, 40, 44),
        )
    return Thing(
        name,
        "white",
        sheet(0.3, 0.46, picture(np.asarray(image)), thickness=0.003, back=paper(rng)),
        hangs=True,
    )


@family("wall clock", "wall")
def wall_clock(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r = rng.uniform(0.1, 0.18)
    face = pick(rng, [(240, 238, 230), (30, 30, 34), rgb])
    disc = Material(prints.dial(rng, face), gloss=0.04, roughness=0.2)
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = np.stack([np.cos(t), np.sin(t)], 1) * r * 0.93
    parts = prism(ring, 0.022, disc)
    rim = [(r * 0.92, 0.0), (r, 0.0), (r, 0.028), (r * 0.96, 0.034), (r * 0.92, 0.024)]
    parts.append(lathe(rim, pick(rng, [plastic(rng, rgb), metal(rng), timber(rng)[1]])))
    return Thing(name, tint, parts, hangs=True)


@family("mirror", "wall")
def mirror(rng: np.random.Generator, name: str) -> Thing:
    w, d = rng.uniform(0.2, 0.4), rng.uniform(0.3, 0.6)
    parts = box((w, d, 0.012), timber(rng)[1], radius=0.004)
    glass = Material(surfaces.plain((214, 218, 218)), gloss=0.9, roughness=0.02, metal=True)
    return Thing(
        name,
        "wooden",
        [*parts, *(p.moved((0, 0, 0.012)) for p in box((w * 0.86, d * 0.9, 0.001), glass))],
        hangs=True,
    )


@family("wall plate", "wall")
def wall_plate(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r = rng.uniform(0.08, 0.15)
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    disc = np.stack([np.cos(t), np.sin(t)], 1) * r * 0.66
    face = picture(prints.motif_print(rng, rgb, width=256), roughness=0.1)
    rim = [(0.0, 0.0), (r * 0.6, 0.0), (r, 0.02), (r * 0.98, 0.022), (r * 0.65, 0.006)]
    return Thing(
        name, tint, [lathe(rim, glaze(rng, rgb, printed=0.2)), *prism(disc, 0.0062, face)], hangs=True
    )


@family("shield", "wall")
def shield(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    w, d = rng.uniform(0.2, 0.32), rng.uniform(0.28, 0.42)
    t = np.linspace(0, np.pi, 20)
    low = np.stack([-np.cos(t) * w / 2, -(np.sin(t) ** 0.8) * d * 0.6], axis=1)
    outline = np.concatenate(
        [
            low,
            [[w / 2, d * 0.36], [w * 0.25, d * 0.4], [0, d * 0.36], [-w * 0.25, d * 0.4], [-w / 2, d * 0.36]],
        ]
    )
    parts = prism(outline, 0.025, wood, bevel=0.01)
    if rng.random() < 0.7:
        badge = prism(outline * 0.45, 0.012, metal(rng, (200, 166, 90)), bevel=0.004)
        parts += [p.moved((0, 0, 0.025)) for p in badge]
    return Thing(name, tint, parts, hangs=True)


@family("wall hooks", "wall")
def hooks(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    count, steel = int(rng.integers(3, 6)), metal(rng)
    w = 0.11 * count
    parts = box((w, 0.08, 0.018), wood, radius=0.003)
    for k in range(count):
        x = (k + 0.5) * 0.11 - w / 2
        peg = cylinder(0.007, 0.05, steel, bevel=0.002)
        parts += [peg.moved((x, 0, 0.018)), cylinder(0.013, 0.006, steel, bevel=0.002).moved((x, 0, 0.064))]
    return Thing(name, tint, parts, hangs=True).scaled(rng.uniform(0.85, 1.2))
