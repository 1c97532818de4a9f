"""Toys: cars, trucks, planes, houses, robots; and a clock with bells."""

import numpy as np

from assets.training_maker.coverings import prints, surfaces
from assets.training_maker.coverings.surfaces import pick
from assets.training_maker.meshes import (
    Material,
    Part,
    ball,
    box,
    cylinder,
    lathe,
    prism,
    rounded,
    tube,
)
from assets.training_maker.things.base import (
    Thing,
    colour,
    family,
    matte,
    metal,
    picture,
    plain,
    plastic,
)  # fmt: skip
from assets.training_maker.things.turned import smooth


def wheel(radius: float, width: float, hub: Material) -> list[Part]:
    """About the Y axis, centred."""
    tyre = lathe(
        rounded([(0, -width / 2), (radius, -width / 2), (radius, width / 2), (0, width / 2)], width * 0.3),
        plain((28, 28, 30), roughness=0.8),
        segments=28,
    )
    cap = cylinder(radius * 0.55, width * 1.06, hub).moved((0, 0, -width * 0.53))
    return [p.turned("x", np.pi / 2) for p in (tyre, cap)]


@family("toy car", "table", "floor")
def toy_car(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    paint, window = plastic(rng, rgb, roughness=0.1), plain((30, 36, 44), roughness=0.05)
    long, wide = rng.uniform(0.08, 0.16), rng.uniform(0.042, 0.065)
    w, high = long / 2, long * rng.uniform(0.28, 0.36)
    r = long * 0.1
    body = np.array(
        [
            [-w, 0.12],
            [w, 0.12],
            [w, 0.4],
            [w * 0.55, 0.5],
            [w * 0.25, 1.0],
            [-w * 0.5, 1.0],
            [-w * 0.75, 0.55],
            [-w, 0.5],
        ]
    )
    body[:, 1] *= high
    cabin = np.array([[w * 0.42, 0.55], [w * 0.2, 0.93], [-w * 0.45, 0.93], [-w * 0.62, 0.58]])
    cabin[:, 1] *= high
    parts = [p.moved((0, 0, -wide / 2)).turned("x", np.pi / 2) for p in prism(body, wide, paint, bevel=0.003)]
    parts += [
        p.moved((0, 0, -wide / 2 - 0.0006)).turned("x", np.pi / 2)
        for p in prism(cabin, wide + 0.0012, window)
    ]
    hub = metal(rng)
    parts += [
        p.moved((sx * w * 0.6, sy * wide * 0.47, r))
        for sx in (-1, 1)
        for sy in (-1, 1)
        for p in wheel(r, 0.012, hub)
    ]
    lamp = plain((240, 232, 180), roughness=0.1)
    parts += [ball((0.003, 0.006, 0.006), lamp).moved((w, s * wide * 0.3, high * 0.32)) for s in (-1, 1)]
    return Thing(name, tint, parts)


@family("toy truck", "table", "floor")
def toy_truck(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    paint, load = plastic(rng, rgb), plastic(rng, colour(rng)[1])
    s = rng.uniform(0.8, 1.5)
    parts = [p.moved((0.055, 0, 0.018)) for p in box((0.045, 0.06, 0.062), paint, radius=0.006)]
    parts += [p.moved((-0.03, 0, 0.018)) for p in box((0.115, 0.058, 0.008), plain((40, 40, 42)))]
    side = picture(prints.label(rng, colour(rng)[1], height=160, width=300, fronts=1))
    parts += [
        p.moved((-0.03, 0, 0.026))
        for p in box((0.11, 0.062, rng.uniform(0.04, 0.07)), load, sides={"front": side, "back": side})
    ]
    glass = plain((30, 36, 44), roughness=0.05)
    parts += [p.moved((0.0625, 0, 0.05)) for p in box((0.032, 0.0612, 0.02), glass)]
    hub = metal(rng)
    parts += [
        p.moved((x, sy * 0.027, 0.016))
        for x in (-0.065, -0.03, 0.052)
        for sy in (-1, 1)
        for p in wheel(0.016, 0.014, hub)
    ]
    return Thing(name, tint, [p.scaled(s) for p in parts])


@family("toy house")
def toy_house(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    w, d, h = rng.uniform(0.08, 0.14), rng.uniform(0.07, 0.11), rng.uniform(0.06, 0.1)
    parts = box((w, d, h), matte(rng, rgb, contrast=0.08))
    roof = np.array([[-d * 0.62, 0], [d * 0.62, 0], [0, d * rng.uniform(0.4, 0.7)]])
    tiles = Material(surfaces.tiles(rng, [colour(rng)[1]], count=8, brick=True, side=256), size_m=0.08)
    parts += [
        p.moved((0, 0, -w * 0.54)).turned("x", np.pi / 2).turned("z", np.pi / 2).moved((0, 0, h))
        for p in prism(roof, w * 1.08, tiles)
    ]
    window = plain((60, 74, 90), roughness=0.1)
    parts += [
        p.moved((x, -d / 2 - 0.001, h * 0.45))
        for x in (-w * 0.3, w * 0.3)
        for p in box((w * 0.18, 0.003, h * 0.3), window)
    ]
    parts += [
        p.moved((0, -d / 2 - 0.001, 0)) for p in box((w * 0.2, 0.003, h * 0.55), matte(rng, colour(rng)[1]))
    ]
    parts += [
        p.moved((w * 0.25, d * 0.2, h)) for p in box((0.014, 0.014, d * 0.6), matte(rng, (150, 80, 60)))
    ]
    return Thing(name, tint, parts)


@family("robot")
def robot(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    body, steel = plastic(rng, rgb), metal(rng)
    s = rng.uniform(0.8, 1.4)
    parts = [p.moved((0, 0, 0.045)) for p in box((0.06, 0.04, 0.065), body, radius=0.006)]
    parts += [p.moved((0, 0, 0.117)) for p in box((0.044, 0.036, 0.036), body, radius=0.006)]
    parts += [
        p.moved((0, -0.021, 0.06))
        for p in box((0.034, 0.003, 0.028), picture(prints.dial(rng, (240, 238, 230), side=128)))
    ]
    parts.append(cylinder(0.008, 0.01, steel).moved((0, 0, 0.109)))
    for k in (-1, 1):
        parts += [p.moved((k * 0.016, 0, 0)) for p in box((0.018, 0.034, 0.046), steel, radius=0.003)]
        parts.append(
            tube(np.array([[k * 0.03, 0, 0.1], [k * 0.045, 0, 0.09], [k * 0.046, -0.01, 0.05]]), 0.007, steel)
        )
        parts.append(ball(0.005, plain((250, 240, 120), roughness=0.1)).moved((k * 0.01, -0.018, 0.138)))
    parts.append(tube(np.array([[0, 0, 0.15], [0, 0, 0.165], [0, 0, 0.172]]), 0.0015, steel))
    return Thing(name, tint, [p.scaled(s) for p in parts])


@family("toy plane")
def toy_plane(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    paint, second = plastic(rng, rgb), plastic(rng, colour(rng)[1])
    long = rng.uniform(0.07, 0.11)
    hull = tube(
        np.stack([np.linspace(-long, long, 16), np.zeros(16), np.full(16, 0.03)], 1),
        0.016 * np.sin(np.linspace(0.5, np.pi - 0.3, 16)),
        paint,
    )
    parts = [
        hull,
        *(p.moved((long * 0.15, 0, 0.028)) for p in box((0.035, long * 2.1, 0.005), second, radius=0.002)),
    ]
    parts += [p.moved((-long * 0.9, 0, 0.032)) for p in box((0.02, long * 0.7, 0.004), second, radius=0.0015)]
    parts += [p.moved((-long * 0.9, 0, 0.034)) for p in box((0.022, 0.004, 0.03), second, radius=0.0015)]
    parts += [
        p.moved((x, y, 0.009))
        for x, y in ((long * 0.35, -0.02), (long * 0.35, 0.02), (-long * 0.8, 0))
        for p in wheel(0.009, 0.006, second)
    ]
    parts += [
        tube(np.array([[x, y, 0.009], [x, y * 0.7, 0.018], [x, y * 0.4, 0.028]]), 0.002, paint)
        for x, y in ((long * 0.35, -0.02), (long * 0.35, 0.02), (-long * 0.8, 0.001))
    ]
    parts += [p.moved((long, 0, 0.03)) for p in box((0.003, 0.06, 0.006), plain((30, 30, 32)))]
    return Thing(name, tint, parts)


@family("alarm clock")
def alarm_clock(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, shell, steel = rng.uniform(0.035, 0.055), plastic(rng, rgb, roughness=0.15), metal(rng)
    face = Material(prints.dial(rng, pick(rng, [(242, 240, 232), (30, 30, 34)]), side=256), roughness=0.15)
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    disc = np.stack([np.cos(t), np.sin(t)], 1) * r * 0.9
    body = [
        lathe(
            rounded([(0, 0), (r * 0.9, 0), (r, 0.008), (r, 0.036), (r * 0.9, 0.04), (r * 0.9, 0.036)], 0.004),
            shell,
        )
    ]
    body += [p.moved((0, 0, 0.03)) for p in prism(disc, 0.0064, face)]
    parts = [p.turned("x", np.pi / 2).moved((0, 0.02, r + 0.012)) for p in body]
    for k in (-1, 1):
        parts.append(
            tube(
                np.array([[k * r * 0.5, 0, r * 0.3], [k * r * 0.65, 0, 0.008], [k * r * 0.7, 0, 0.0]]),
                0.004,
                steel,
            )
        )
        bell = lathe(smooth([(r * 0.4, 0.0), (r * 0.36, r * 0.2), (0.001, r * 0.34)], 12), steel)
        parts.append(bell.turned("y", k * 0.6).moved((k * r * 0.6, 0, 2 * r + 0.002)))
    return Thing(name, tint, parts)
