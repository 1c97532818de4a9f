"""Draped, stuffed and grown things: plush animals, cushions, towels, plants, stones, shoes."""

import numpy as np

from assets.capture_maker.textures import noise
from assets.training_maker.coverings import surfaces
from assets.training_maker.coverings.surfaces import Rgb, finished, mix, pick, shade, varied
from assets.training_maker.meshes import (
    Material,
    Part,
    ball,
    box,
    cylinder,
    lathe,
    patch,
    prism,
    sheet,
    spline,
    tube,
)
from assets.training_maker.things.base import Thing, cloth, colour, family, glaze, matte, plain
from assets.training_maker.things.food import lumpy, skin
from assets.training_maker.things.turned import vessel


@family("stone", "table", "floor")
def stone(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = pick(
        rng,
        [
            ("grey", (128, 126, 122)),
            ("brown", (122, 104, 86)),
            ("dark grey", (80, 80, 82)),
            ("white", (200, 198, 190)),
        ],
    )
    image = surfaces.speckled(
        rng, varied(rng, rgb), shade(rgb, pick(rng, [0.5, 1.6])), share=0.2, slope=0.5, side=256
    )
    body = ball(
        rng.uniform(0.02, 0.06) * rng.uniform(0.6, 1.3, 3),
        Material(image, size_m=0.1, gloss=0.02, roughness=0.8),
        segments=48,
    )
    return Thing(name, tint, [lumpy(rng, body, 0.14, waves=2.5)])


@family("bust")
def bust(rng: np.random.Generator, name: str) -> Thing:
    rgb = pick(rng, [(214, 210, 200), (150, 146, 140), (96, 84, 70)])
    rock = matte(rng, rgb, contrast=0.25)
    s = rng.uniform(0.8, 1.5)
    parts = [
        cylinder(0.045, 0.03, rock, bevel=0.005),
        tube(np.array([[0, 0, 0.02], [0, 0, 0.06], [0, -0.004, 0.09]]), np.array([0.03, 0.018, 0.022]), rock),
    ]
    parts.append(
        lumpy(rng, ball((0.036, 0.045, 0.055), rock, segments=48), 0.05, waves=4).moved((0, 0, 0.13))
    )
    parts.append(ball((0.007, 0.014, 0.014), rock).moved((0, -0.044, 0.125)))
    parts += [ball((0.006, 0.012, 0.014), rock).moved((k * 0.036, 0.002, 0.13)) for k in (-1, 1)]
    parts.append(
        lumpy(rng, ball((0.04, 0.042, 0.035), rock, segments=48), 0.12, waves=8).moved((0, 0.008, 0.16))
    )
    return Thing(name, "stone", [p.scaled(s) for p in parts])


def plush(rng: np.random.Generator, rgb: Rgb) -> Material:
    image = finished(np.asarray(rgb, float) * (0.72 + 0.5 * noise(rng, 256, 256, slope=0.1))[..., None])
    return Material(image, size_m=0.08, gloss=0.0, roughness=1.0)


@family("plush animal", "table", "floor")
def plush_animal(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["brown", "beige", "grey", "white", "pink", "cream", "yellow", "light blue"])
    fur, pale, dark = plush(rng, rgb), plush(rng, shade(rgb, 1.7)), plain((24, 22, 22), roughness=0.1)
    s = rng.uniform(0.8, 1.6)
    parts = [
        ball((0.05, 0.045, 0.06), fur).moved((0, 0, 0.055)),
        ball((0.034, 0.02, 0.04), pale).moved((0, -0.03, 0.052)),
    ]
    parts += [
        ball((0.042, 0.038, 0.038), fur).moved((0, -0.004, 0.135)),
        ball((0.018, 0.018, 0.015), pale).moved((0, -0.038, 0.126)),
    ]
    parts += [
        ball(0.006, dark).moved((0, -0.055, 0.13)),
        *(ball(0.005, dark).moved((k * 0.016, -0.037, 0.146)) for k in (-1, 1)),
    ]
    rabbit = rng.random() < 0.4
    for k in (-1, 1):
        ear = (
            ball((0.011, 0.008, 0.045), fur).turned("y", k * 0.2).moved((k * 0.02, 0, 0.2))
            if rabbit
            else ball((0.016, 0.008, 0.016), fur).moved((k * 0.032, 0, 0.168))
        )
        parts += [ear, ball((0.018, 0.035, 0.018), fur).turned("z", k * 0.5).moved((k * 0.04, -0.035, 0.02))]
        parts += [ball((0.013, 0.013, 0.034), fur).turned("y", k * 0.7).moved((k * 0.055, -0.012, 0.078))]
    return Thing(name, tint, [p.scaled(s) for p in parts])


@family("cushion", "floor", "table")
def cushion(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    a, high = rng.uniform(0.14, 0.24), rng.uniform(0.05, 0.08)
    u, v = np.meshgrid(np.linspace(-1, 1, 24), np.linspace(-1, 1, 24))
    inside = np.clip((1 - u**2) * (1 - v**2), 0, 1)
    folds = 1 + 0.06 * np.sin(5 * u + 2) * np.sin(4 * v)
    # It sags: nearly flat below, the seam low.
    seam = 0.45 * high
    pinch = 1 - 0.07 * (1 - np.abs(u * v))
    skin_ = cloth(rng, rgb, size_m=0.3)
    top = np.stack([a * u * pinch, a * v * pinch, seam + 1.5 * high * inside**0.45 * folds], axis=-1)
    under = np.stack([a * u * pinch, a * v * pinch, seam * (1 - inside**0.15)], axis=-1)
    return Thing(name, tint, [patch(top, skin_), patch(under[:, ::-1], skin_)])


@family("folded towel", "table", "floor")
def towel(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d = rng.uniform(0.16, 0.3), rng.uniform(0.12, 0.22)
    image = surfaces.carpet(rng, [rgb, shade(rgb, 0.88)], side=256)
    fabric = Material(image, size_m=0.12, gloss=0.0, roughness=1.0)
    parts: list[Part] = []
    z = 0.0
    for _ in range(int(rng.integers(2, 5))):
        thick = rng.uniform(0.012, 0.02)
        parts += [
            p.moved((rng.normal(0, 0.002), rng.normal(0, 0.002), z))
            for p in box((w, d, thick), fabric, radius=thick / 2)
        ]
        z += thick * 0.98
    return Thing(name, tint, parts, flat_top=True, piles=True)


@family("cloth")
def crumpled_cloth(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    side = 28
    heights = (noise(rng, side, side, slope=1.1) - 0.3).clip(0) * rng.uniform(0.03, 0.08)
    return Thing(
        name,
        tint,
        sheet(
            rng.uniform(0.18, 0.3),
            rng.uniform(0.16, 0.26),
            cloth(rng, rgb, size_m=0.15),
            thickness=0.002,
            heights=heights,
        ),
    )


def leaf(length: float, width: float, bend: float, material: Material) -> Part:
    t, s = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-1, 1, 5))
    half = width * np.sin(np.pi * t**0.75) + 0.0005
    x, y = length * np.sin(bend * t) / max(bend, 0.05), s * half
    z = length * (1 - np.cos(bend * t)) / max(bend, 0.05) * -1 + np.abs(s) * half * 0.35
    return patch(np.stack([x, y, z], axis=-1), material)


@family("potted plant", "table", "floor", "large")
def potted_plant(rng: np.random.Generator, name: str) -> Thing:
    _, rgb = colour(rng)
    r, h = rng.uniform(0.035, 0.06), rng.uniform(0.06, 0.1)
    pot = vessel(
        np.array([[r * 0.7, 0.0], [r, h * 0.8], [r * 1.08, h * 0.82], [r * 1.08, h]]),
        0.005,
        h * 0.85,
        pick(rng, [glaze(rng, rgb), matte(rng, (176, 98, 62))]),
    )
    green = varied(rng, pick(rng, [(58, 110, 50), (92, 140, 60), (40, 84, 50), (120, 150, 80)]), 10)
    image = mix(green, shade(green, 1.35), noise(rng, 64, 64, slope=0.6, stretch=4))
    foliage = Material(finished(image), gloss=0.04, roughness=0.4)
    parts = [*pot]
    style, count = int(rng.integers(3)), int(rng.integers(9, 22))
    for k in range(count):
        yaw = 2.4 * k + rng.normal(0, 0.3)
        length = rng.uniform(0.06, 0.13) if style else rng.uniform(0.12, 0.22)
        pitch = rng.uniform(0.3, 1.35)
        blade = leaf(length, length * (0.08 if style == 0 else 0.22), rng.uniform(0.3, 1.4), foliage)
        base = np.array([0.0, 0.0, h])
        if style == 2:
            top = np.array([rng.normal(0, 0.02), rng.normal(0, 0.02), h + rng.uniform(0.04, 0.16)])
            parts.append(
                tube(np.stack([base, (base + top) / 2 + [0.004, 0, 0], top]), 0.0018, foliage, segments=6)
            )
            base, pitch = top, rng.uniform(-0.1, 0.7)
        parts.append(blade.turned("y", -pitch).turned("z", yaw).moved(base))
    return Thing(name, "green", parts)


@family("cactus")
def cactus(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.03, 0.045), rng.uniform(0.045, 0.06)
    pot = vessel(
        np.array([[r * 0.75, 0.0], [r, h]]),
        0.004,
        h * 0.85,
        matte(rng, pick(rng, [(176, 98, 62), (220, 216, 206), (90, 110, 130)])),
    )
    tall = rng.uniform(0.04, 0.12)
    body = ball(
        (r * 0.75, r * 0.75, tall / 2),
        skin(rng, (52, 100, 56), (86, 132, 70), roughness=0.6, spots=-0.5),
        segments=60,
    )
    points = body.triangles.reshape(-1, 3)
    ribs = 1 + 0.08 * np.cos(12 * np.arctan2(points[:, 1], points[:, 0]))
    return Thing(
        name,
        "green",
        [
            *pot,
            body.bent(points * np.stack([ribs, ribs, np.ones_like(ribs)], 1)).moved((0, 0, h + tall * 0.4)),
        ],
    )


@family("shoe", "floor", "table")
def shoe(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    length, wide = rng.uniform(0.24, 0.29), rng.uniform(0.085, 0.1)
    x = np.linspace(0, 1, 26)
    width = (
        wide / 2 * np.interp(x, [0, 0.03, 0.15, 0.4, 0.7, 0.92, 1.0], [0.02, 0.5, 0.72, 0.66, 1.0, 0.7, 0.02])
    )
    height = (
        np.interp(
            x, [0, 0.03, 0.15, 0.42, 0.6, 0.8, 0.95, 1], [0.02, 0.75, 0.95, 0.85, 0.62, 0.5, 0.36, 0.02]
        )
        * 0.1
    )
    a = np.linspace(0, np.pi, 15)
    points = np.stack(
        [
            length * x[:, None] * np.ones(15),
            width[:, None] * np.cos(a),
            0.022 + height[:, None] * np.sin(a) ** 0.8,
        ],
        axis=-1,
    )
    upper = patch(points[:, ::-1], cloth(rng, rgb) if rng.random() < 0.5 else matte(rng, rgb))
    sole = np.stack(
        [np.concatenate([x, x[::-1]]) * length, np.concatenate([-width, width[::-1]]) * 1.06], axis=1
    )
    base = prism(
        sole, 0.025, plain(pick(rng, [(236, 234, 228), (30, 30, 32), (150, 110, 70)]), roughness=0.7)
    )
    laces = []
    for along, up in ((0.5, 0.72), (0.56, 0.66), (0.62, 0.6), (0.68, 0.56)):
        line = np.array([[0, -0.02, 0], [0, 0, 0.006], [0, 0.02, 0]]) + np.array(
            [length * along, 0, 0.03 + 0.1 * up]
        )
        laces.append(tube(line, 0.0025, plain((240, 240, 236), roughness=0.9), segments=6))
    opening = ball((0.045, 0.02, 0.02), plain((40, 36, 34), roughness=0.9)).moved((length * 0.22, 0, 0.108))
    return Thing(name, tint, [upper, *base, *laces, opening])


@family("hat", "table", "floor")
def hat(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    felt = matte(rng, rgb, contrast=0.2)
    r, brim, h = rng.uniform(0.08, 0.095), rng.uniform(0.13, 0.17), rng.uniform(0.08, 0.12)
    line = spline(
        [
            (brim, 0.012),
            (r * 1.15, 0.002),
            (r, 0.02),
            (r * 0.94, h * 0.7),
            (r * 0.75, h),
            (0.001, h * rng.uniform(0.85, 1.0)),
        ],
        40,
    )
    parts = [
        lathe(line, felt).scaled((1, 1.15, 1)),
        lathe([(r * 1.012, 0.02), (r * 0.985, 0.045)], plain(shade(rgb, 0.4))).scaled((1, 1.15, 1)),
    ]
    return Thing(name, tint, parts)


@family("sponge")
def sponge(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["yellow", "blue", "pink", "green", "orange"])
    foam = Material(
        surfaces.speckled(rng, rgb, shade(rgb, 0.6), share=0.25, slope=0.3, side=256),
        size_m=0.06,
        gloss=0.0,
        roughness=1.0,
    )
    scrub = matte(rng, pick(rng, [(40, 96, 60), (60, 60, 64)]), contrast=0.5, size_m=0.03)
    parts = box((0.1, 0.065, 0.025), foam, radius=0.004) + [
        p.moved((0, 0, 0.0252)) for p in box((0.1, 0.065, 0.008), scrub, radius=0.002)
    ]
    return Thing(name, tint, parts, piles=True).scaled(rng.uniform(0.85, 1.2))
