"""Large things: chairs, stools, bins, floor lamps, armchairs."""

import numpy as np

from assets.training_maker.coverings import surfaces
from assets.training_maker.coverings.surfaces import pick
from assets.training_maker.meshes import Material, Part, box, cylinder, lathe, rounded, tube
from assets.training_maker.things.base import (
    Thing,
    cloth,
    colour,
    family,
    matte,
    metal,
    plain,
    plastic,
    timber,
)  # fmt: skip
from assets.training_maker.things.turned import vessel


def leg(top: np.ndarray, foot: np.ndarray, radius: float, material: Material) -> Part:
    return tube(np.linspace(foot, top, 4), np.linspace(radius * 0.75, radius, 4), material, segments=10)


@family("chair", "large")
def chair(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    if rng.random() < 0.4:
        tint, rgb = colour(rng)
        wood = matte(rng, rgb, contrast=0.06)
    w, d, seat, high = (
        rng.uniform(0.38, 0.46),
        rng.uniform(0.38, 0.44),
        rng.uniform(0.43, 0.47),
        rng.uniform(0.8, 0.98),
    )
    thick = rng.uniform(0.016, 0.024)
    cover = cloth(rng, colour(rng)[1]) if rng.random() < 0.4 else wood
    parts = [p.moved((0, 0, seat - 0.03)) for p in box((w, d, 0.035), cover, radius=0.012)]
    for s in (-1, 1):
        parts.append(
            leg(
                np.array([s * (w / 2 - 0.03), -d / 2 + 0.03, seat - 0.01]),
                np.array([s * (w / 2 - 0.02), -d / 2 + 0.02, 0.0]),
                thick,
                wood,
            )
        )
        post = np.array(
            [
                [s * (w / 2 - 0.02), d / 2 + 0.02, 0.0],
                [s * (w / 2 - 0.03), d / 2 - 0.02, seat],
                [s * (w / 2 - 0.03), d / 2 + 0.05, high],
            ]
        )
        parts.append(tube(post, thick, wood, segments=10))
        parts += [p.moved((s * (w / 2 - 0.03), 0, seat * 0.45)) for p in box((0.016, d - 0.05, 0.022), wood)]
    if rng.random() < 0.5:
        for k in range(int(rng.integers(2, 5))):
            z = seat + (high - seat) * (0.35 + 0.16 * k)
            parts += [
                p.moved((0, d / 2 + 0.02 + 0.07 * (z - seat) / (high - seat) - 0.02, z))
                for p in box((w - 0.06, 0.016, 0.04), wood, radius=0.005)
            ]
    else:
        parts += [
            p.turned("x", -0.14).moved((0, d / 2, seat + 0.14))
            for p in box((w - 0.05, 0.02, high - seat - 0.16), cover, radius=0.008)
        ]
    return Thing(name, tint, parts)


@family("stool", "large")
def stool(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    r, h = rng.uniform(0.14, 0.19), rng.uniform(0.42, 0.66)
    parts = [cylinder(r, 0.035, wood, bevel=0.01).moved((0, 0, h - 0.035))]
    steel = pick(rng, [wood, metal(rng), plain((30, 30, 32))])
    count = int(rng.integers(3, 5))
    for k in range(count):
        a = 2 * np.pi * k / count + 0.4
        ray = np.array([np.cos(a), np.sin(a), 0])
        parts.append(leg(ray * r * 0.65 + [0, 0, h - 0.02], ray * r * 1.05, 0.016, steel))
    return Thing(name, tint, parts, flat_top=True)


@family("armchair", "large")
def armchair(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    skin = cloth(rng, rgb, size_m=0.3)
    w, d = rng.uniform(0.7, 0.9), rng.uniform(0.7, 0.82)
    parts = [p.moved((0, 0, 0.08)) for p in box((w, d, 0.2), skin, radius=0.04)]
    parts += [p.moved((0, -0.04, 0.26)) for p in box((w - 0.3, d - 0.14, 0.16), skin, radius=0.06)]
    parts += [
        p.turned("x", -0.15).moved((0, d / 2 - 0.12, 0.22)) for p in box((w, 0.2, 0.62), skin, radius=0.08)
    ]
    for s in (-1, 1):
        parts += [
            p.moved((s * (w / 2 - 0.08), -0.02, 0.1)) for p in box((0.17, d - 0.06, 0.46), skin, radius=0.07)
        ]
        parts += [
            p.moved((s * (w / 2 - 0.1), t * (d / 2 - 0.1), 0))
            for t in (-1, 1)
            for p in box((0.05, 0.05, 0.1), plain((60, 40, 28)))
        ]
    return Thing(name, tint, parts)


@family("waste bin", "floor", "large")
def waste_bin(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.1, 0.15), rng.uniform(0.25, 0.36)
    material = pick(rng, [plastic(rng, rgb), metal(rng)])
    outer = rounded([(r * 0.75, 0.0), (r * 0.78, 0.006), (r, h)], 0.004)
    return Thing(name, "metal" if material.metal else tint, vessel(outer, 0.004, 0.005, material))


@family("pouf", "floor", "large")
def pouf(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.2, 0.28), rng.uniform(0.3, 0.42)
    t = np.linspace(-np.pi / 2, np.pi / 2, 18)
    line = np.stack([r * np.cos(t) ** 0.4, h / 2 + h / 2 * np.sin(t)], axis=1)
    line[[0, -1], 0] = 0
    return Thing(name, tint, [lathe(line, cloth(rng, rgb))])


@family("floor lamp", "large")
def floor_lamp(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["white", "cream", "beige", "red", "grey", "black"])
    h, steel = rng.uniform(1.2, 1.6), pick(rng, [metal(rng), plain((28, 28, 30)), timber(rng)[1]])
    parts = [cylinder(0.14, 0.02, steel, bevel=0.006), cylinder(0.011, h, steel)]
    wide, narrow = rng.uniform(0.16, 0.22), rng.uniform(0.1, 0.2)
    parts.append(lathe([(wide, h - 0.12), (narrow, h + 0.14)], cloth(rng, rgb)))
    parts.append(
        lathe([(narrow - 0.002, h + 0.14), (wide - 0.002, h - 0.12)], plain((240, 232, 214), roughness=0.9))
    )
    return Thing(name, tint, parts)


@family("side table", "large")
def side_table(rng: np.random.Generator, name: str) -> Thing:
    tint, wood = timber(rng)
    w, h = rng.uniform(0.35, 0.5), rng.uniform(0.4, 0.55)
    parts = [p.moved((0, 0, h - 0.03)) for p in box((w, w, 0.03), wood, radius=0.006)]
    for sx in (-1, 1):
        for sy in (-1, 1):
            parts += [
                p.moved((sx * (w / 2 - 0.03), sy * (w / 2 - 0.03), 0))
                for p in box((0.035, 0.035, h - 0.02), wood)
            ]
    if rng.random() < 0.5:
        parts += [p.moved((0, 0, h * 0.4)) for p in box((w - 0.08, w - 0.08, 0.016), wood)]
    return Thing(name, tint, parts, flat_top=True)


@family("barrel", "large")
def barrel(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.2, 0.28), rng.uniform(0.5, 0.75)
    z = np.linspace(0, 1, 20)
    radius = r * (0.78 + 0.88 * z * (1 - z))
    staves = Material(
        np.rot90(surfaces.wood(rng, *pick(rng, surfaces.WOODS), planks=16)).copy(), roughness=0.6
    )
    parts = [
        lathe(
            np.concatenate(
                [
                    [(0, 0)],
                    np.stack([radius, z * h], 1),
                    [(radius[-1] - 0.02, h), (radius[-1] - 0.02, h - 0.02), (0, h - 0.02)],
                ]
            ),
            staves,
        )
    ]
    iron = metal(rng, (110, 108, 104), roughness=0.5)
    for k in (0.08, 0.3, 0.7, 0.92):
        at = np.interp(k, z, radius) + 0.003
        parts.append(lathe([(at, k * h - 0.018), (at, k * h + 0.018)], iron))
    return Thing(name, "wooden", parts)
