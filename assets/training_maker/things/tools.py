"""Tools, cutlery and other thin or small metal things."""

import numpy as np

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
    spline,
    tube,
)
from assets.training_maker.things.base import Thing, colour, family, metal, plain, plastic, timber


def lying(part: Part, *, height: float) -> Part:
    """A part made along +Z laid along +X at a height."""
    return part.turned("y", np.pi / 2).moved((0, 0, height))


def grip(rng: np.random.Generator) -> tuple[str, Material]:
    tint, rgb = colour(rng)
    return timber(rng, size_m=0.1) if rng.random() < 0.4 else (tint, plastic(rng, rgb))


@family("hammer")
def hammer(rng: np.random.Generator, name: str) -> Thing:
    tint, stick = grip(rng)
    length, r = rng.uniform(0.22, 0.32), rng.uniform(0.011, 0.015)
    steel = metal(rng, (120, 120, 124), roughness=0.35)
    line = rounded(
        [(0, 0), (r, 0), (r * 1.25, length * 0.2), (r * 0.8, length * 0.6), (r * 0.8, length), (0, length)],
        0.01,
    )
    head = rounded(
        [
            (0, -0.055),
            (0.014, -0.055),
            (0.016, -0.03),
            (0.011, -0.02),
            (0.013, 0.02),
            (0.004, 0.06),
            (0, 0.06),
        ],
        0.004,
    )
    parts = [lying(lathe(line, stick), height=0.016)]
    parts.append(lathe(head, steel).turned("x", np.pi / 2).moved((length, 0, 0.016)))
    return Thing(name, tint, parts)


@family("screwdriver")
def screwdriver(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["red", "yellow", "orange", "blue", "green", "black"])
    length, r = rng.uniform(0.08, 0.15), rng.uniform(0.011, 0.016)
    hold = rounded(
        [(0, 0), (r * 0.8, 0), (r, 0.02), (r * 0.75, 0.07), (r * 0.9, 0.085), (0.006, 0.1), (0, 0.1)], 0.006
    )
    shaft = lathe(
        [(0, 0.1), (0.0032, 0.1), (0.0032, 0.1 + length * 0.9), (0.0012, 0.1 + length), (0, 0.1 + length)],
        metal(rng, roughness=0.2),
        segments=16,
    )
    return Thing(
        name, tint, [lying(lathe(hold, plastic(rng, rgb), segments=8), height=r), lying(shaft, height=r)]
    )


@family("spanner")
def spanner(rng: np.random.Generator, name: str) -> Thing:
    length, w, steel = rng.uniform(0.12, 0.24), rng.uniform(0.006, 0.009), metal(rng)
    r = w * 2.2
    t = np.linspace(0.5, 2 * np.pi - 0.5, 20)
    jaw = np.stack([length + r * np.cos(t), r * np.sin(t)], axis=1)
    inner = np.array(
        [
            [length + r * 0.5, -r * 0.42],
            [length - r * 0.2, -r * 0.42],
            [length - r * 0.2, r * 0.42],
            [length + r * 0.5, r * 0.42],
        ]
    )
    head = np.concatenate([jaw, inner])
    parts = prism(head, 0.006, steel)
    parts += [p.moved((length / 2, 0, 0.001)) for p in box((length, 2 * w, 0.004), steel, radius=0.0015)]
    ring = [(r * 0.55, 0.0), (r, 0.0), (r, 0.006), (r * 0.55, 0.006), (r * 0.55, 0.0)]
    parts.append(lathe(ring, steel, smooth=False))
    return Thing(name, "metal", parts)


@family("scissors")
def scissors(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["red", "orange", "black", "blue", "green", "grey"])
    steel, hold = metal(rng), plastic(rng, rgb)
    length, opening = rng.uniform(0.07, 0.11), rng.uniform(0.05, 0.4)
    parts: list[Part] = []
    for side in (-1, 1):
        blade = np.array([[-0.012, -0.006], [0.004, -0.008], [length, 0.0], [0.004, 0.006], [-0.012, 0.006]])
        half = [
            p.moved((0, 0, 0.003 if side > 0 else 0.0055))
            for p in prism(blade * [1, side] if side > 0 else (blade * [1, -1])[::-1], 0.002, steel)
        ]
        t = np.linspace(0, 2 * np.pi, 24)
        bow = np.stack(
            [-0.06 - 0.024 * np.cos(t), -side * 0.012 + 0.016 * np.sin(t), np.full(24, 0.0055)], axis=1
        )
        half.append(tube(bow, 0.004, hold, segments=8))
        half.append(
            tube(np.array([[-0.04, -side * 0.008, 0.0055], [-0.01, 0, 0.0055]]), 0.004, hold, segments=8)
        )
        parts += [p.turned("z", side * opening / 2) for p in half]
    return Thing(name, tint, [*parts, cylinder(0.004, 0.009, steel)])


def cutlery(rng: np.random.Generator, length: float) -> tuple[np.ndarray, Material]:
    """The bent middle line [N, 3] of a piece of cutlery along +X, and its metal."""
    x = np.linspace(0, length, 18)
    z = 0.004 + 0.012 * np.exp(-(((x / length - 0.72) / 0.13) ** 2)) + 0.004 * (x / length < 0.1)
    return np.stack([x, 0 * x, z], axis=1), metal(rng, (204, 204, 206), roughness=0.14)


@family("spoon")
def spoon(rng: np.random.Generator, name: str) -> Thing:
    length = rng.uniform(0.1, 0.17)
    line, steel = cutlery(rng, length)
    stem = tube(line, np.linspace(0.0045, 0.0022, 18) * length / 0.15, steel, flatten=0.35)
    long, wide = length * 0.16, length * 0.105
    t = np.linspace(-np.pi / 2, 0, 10)
    cup = [
        (0.0, -0.006),
        *[(float(np.cos(a)), float(np.sin(a) * 0.4)) for a in t[1:]],
        (0.93, 0.02),
        (0.5, -0.22),
        (0.0, -0.3),
    ]
    bowl = lathe(cup, steel, segments=32).scaled((long, wide, 0.018)).moved((length + long * 0.9, 0, 0.009))
    return Thing(name, "metal", [stem, bowl])


@family("fork")
def fork(rng: np.random.Generator, name: str) -> Thing:
    length = rng.uniform(0.14, 0.18)
    line, steel = cutlery(rng, length * 0.7)
    parts = [tube(line, np.linspace(0.005, 0.0025, 18), steel, flatten=0.35)]
    start, wide = line[-1], 0.011
    palm = np.array([[0, -0.003], [0.02, -wide], [0.03, -wide], [0.03, wide], [0.02, wide], [0, 0.003]])
    parts += [p.moved(start - [0, 0, 0.001]) for p in prism(palm, 0.002, steel)]
    for k in range(4):
        y = (k - 1.5) / 1.5 * (wide - 0.0016)
        prong = start + np.array([[0.028, y, 0], [0.05, y, -0.003], [0.072, y, 0.002]])
        parts.append(tube(prong, np.array([0.0016, 0.0014, 0.0007]), steel, segments=8))
    return Thing(name, "metal", parts)


@family("knife")
def knife(rng: np.random.Generator, name: str) -> Thing:
    tint, hold = grip(rng)
    length, blade, w = rng.uniform(0.09, 0.13), rng.uniform(0.1, 0.2), rng.uniform(0.008, 0.018)
    outline = np.array(
        [[0, -w * 0.6], [blade * 0.85, -w * 0.6], [blade, w * 0.4], [blade * 0.7, w], [0, w * 0.8]]
    )
    parts = [p.moved((0, 0, 0.005)) for p in prism(outline, 0.0018, metal(rng, roughness=0.15))]
    parts += [p.moved((-length / 2, 0, 0)) for p in box((length, 0.02, 0.012), hold, radius=0.005)]
    return Thing(name, tint, parts)


@family("pencil")
def pencil(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["red", "yellow", "blue", "green", "black", "orange", "purple"])
    length, r = rng.uniform(0.1, 0.18), 0.0037
    body = lathe([(0, 0), (r, 0), (r, length)], plastic(rng, rgb), segments=6, smooth=False)
    tip = lathe([(r, length), (0.001, length + 0.018)], plain((214, 176, 128), roughness=0.8), segments=12)
    lead = lathe([(0.001, length + 0.018), (0, length + 0.022)], plain((40, 40, 44)), segments=8)
    return Thing(name, tint, [lying(p, height=r) for p in (body, tip, lead)], piles=True)


@family("pen")
def pen(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    length, r = rng.uniform(0.12, 0.145), rng.uniform(0.004, 0.0065)
    line = rounded(
        [(0, 0), (r * 0.8, 0), (r, 0.01), (r, length * 0.8), (r * 0.25, length), (0, length)], 0.004
    )
    body = lying(lathe(line, plastic(rng, rgb), segments=20), height=r)
    clip = [p.moved((0.022, 0, 2 * r)) for p in box((0.036, 0.003, 0.0012), metal(rng))]
    band = lying(lathe([(r * 1.04, length * 0.3), (r * 1.04, length * 0.32)], metal(rng)), height=r)
    return Thing(name, tint, [body, band, *clip], piles=True)


@family("marker")
def marker(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, length = rng.uniform(0.007, 0.01), rng.uniform(0.11, 0.14)
    body = lathe(
        rounded([(0, 0), (r, 0), (r, length * 0.62), (r * 0.8, length * 0.64)], 0.002),
        plastic(rng, pick(rng, [(235, 235, 232), (40, 40, 42), rgb])),
        segments=24,
    )
    cap = lathe(
        rounded([(r * 1.02, length * 0.62), (r * 0.95, length), (0, length)], 0.002),
        plastic(rng, rgb),
        segments=24,
    )
    return Thing(name, tint, [lying(p, height=r * 1.02) for p in (body, cap)], piles=True)


@family("paintbrush")
def paintbrush(rng: np.random.Generator, name: str) -> Thing:
    tint, stick = grip(rng)
    length, w = rng.uniform(0.12, 0.2), rng.uniform(0.01, 0.028)
    hold = lathe(
        rounded([(0, 0), (0.006, 0), (0.009, length * 0.5), (0.006, length * 0.9), (0, length)], 0.01),
        stick,
        segments=16,
    )
    parts = [lying(hold, height=0.009)]
    parts += [p.moved((length + 0.012, 0, 0.004)) for p in box((0.03, w, 0.01), metal(rng), radius=0.003)]
    hair = plain(pick(rng, [(60, 42, 30), (200, 180, 140), (30, 30, 32)]), roughness=0.9)
    parts += [p.moved((length + 0.05, 0, 0.0045)) for p in box((0.05, w * 0.95, 0.009), hair, radius=0.004)]
    return Thing(name, tint, parts)


@family("key")
def key(rng: np.random.Generator, name: str) -> Thing:
    steel = metal(rng, pick(rng, [(196, 166, 100), (190, 190, 192)]))
    t = np.linspace(0, 2 * np.pi, 28)
    bow = np.stack([0.011 * np.cos(t), 0.011 * np.sin(t)], axis=1)[:-1]
    parts = prism(bow, 0.0022, steel)
    blade = [[0, 0.004], [0, -0.004], [0.05, -0.004], [0.054, 0.0], [0.05, 0.004]]
    for k in range(5):
        x = 0.048 - 0.007 * k
        blade += [[x, 0.004], [x - 0.002, rng.uniform(0.0, 0.003)], [x - 0.004, 0.004]]
    parts += [p.moved((0.009, 0, 0)) for p in prism(np.array(blade[1:] + blade[:1]), 0.0022, steel)]
    ring = np.stack([-0.02 + 0.013 * np.cos(t), 0.013 * np.sin(t), 0.002 + 0.001 * np.sin(t / 2)], axis=1)
    parts.append(tube(ring, 0.0009, metal(rng), segments=8))
    return Thing(name, "metal", parts)


@family("nut")
def nut(rng: np.random.Generator, name: str) -> Thing:
    r, h, steel = rng.uniform(0.008, 0.02), rng.uniform(0.006, 0.014), metal(rng)
    line = [(r * 0.55, 0.0), (r, 0.0), (r, h), (r * 0.55, h), (r * 0.55, 0.0)]
    return Thing(name, "metal", [lathe(line, steel, segments=6, smooth=False)], piles=True)


@family("coin")
def coin(rng: np.random.Generator, name: str) -> Thing:
    copper = metal(rng, pick(rng, [(190, 120, 84), (204, 170, 100), (190, 190, 192)]))
    return Thing(
        name, "metal", [cylinder(rng.uniform(0.009, 0.013), 0.002, copper, bevel=0.0004)], piles=True
    )


@family("spectacles")
def spectacles(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "brown", "red", "navy", "grey"])
    material = plastic(rng, rgb) if rng.random() < 0.6 else metal(rng)
    r, t = rng.uniform(0.019, 0.024), np.linspace(0, 2 * np.pi, 28)
    parts: list[Part] = []
    for s in (-1, 1):
        rim = np.stack([s * 0.032 + r * 1.15 * np.cos(t), 0 * t, 0.023 + r * np.sin(t)], axis=1)
        parts.append(tube(rim, 0.0018, material, segments=8))
        arm = np.array(
            [
                [s * (0.034 + r * 1.15), 0, 0.03],
                [s * 0.066, 0.06, 0.028],
                [s * 0.064, 0.11, 0.02],
                [s * 0.062, 0.135, 0.002],
            ]
        )
        parts.append(tube(spline(arm, 14), 0.0017, material, segments=8))
    parts.append(
        tube(
            np.array([[-0.012, 0, 0.027], [0, -0.002, 0.03], [0.012, 0, 0.027]]), 0.0018, material, segments=8
        )
    )
    return Thing(name, tint, parts)


@family("cable")
def cable(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["white", "black", "grey", "red", "blue"])
    turns, r = rng.uniform(1.2, 2.6), rng.uniform(0.025, 0.06)
    t = np.linspace(0, 2 * np.pi * turns, int(60 * turns))
    thick = rng.uniform(0.0018, 0.0032)
    reach = r * (1 + 0.12 * np.sin(3 * t + 1)) + 0.03 * (t / t[-1]) ** 8
    path = np.stack(
        [reach * np.cos(t), 0.8 * reach * np.sin(t), thick + thick * 1.9 * (t / t[-1]) * turns], axis=1
    )
    rubber = plastic(rng, rgb, roughness=0.5)
    parts = [tube(path, thick, rubber, segments=8)]
    parts += [p.moved(path[-1] - [0, 0, 0.003]) for p in box((0.024, 0.012, 0.007), rubber, radius=0.002)]
    return Thing(name, tint, parts)


@family("basket", "table", "floor")
def basket(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.08, 0.15), rng.uniform(0.07, 0.14)
    if rng.random() < 0.5:
        tint, wire = "metal", pick(rng, [metal(rng), plain((30, 30, 32))])
    else:
        tint, wire = "brown", plain((158, 112, 66), roughness=0.8)
    thick = 0.0025 if tint == "metal" else 0.004
    flare = rng.uniform(0.65, 0.95)
    t = np.linspace(0, 2 * np.pi, 48)
    parts: list[Part] = []
    rings = 5 if tint == "metal" else 9
    for k in range(rings):
        share = k / (rings - 1)
        at = r * (flare + (1 - flare) * share)
        parts.append(
            tube(
                np.stack([at * np.cos(t), at * np.sin(t), np.full(48, thick + h * share)], 1),
                thick,
                wire,
                segments=6,
            )
        )
    for a in np.linspace(0, 2 * np.pi, 20, endpoint=False):
        low, high = (
            np.array([r * flare * np.cos(a), r * flare * np.sin(a), thick]),
            np.array([r * np.cos(a), r * np.sin(a), h]),
        )
        parts.append(
            tube(np.stack([low * [0.1, 0.1, 1], low, (low + high) / 2, high]), thick * 0.8, wire, segments=6)
        )
    return Thing(name, tint, parts)


@family("wire rack")
def wire_rack(rng: np.random.Generator, name: str) -> Thing:
    steel, w, d, h = metal(rng), rng.uniform(0.16, 0.3), rng.uniform(0.12, 0.2), rng.uniform(0.02, 0.09)
    parts: list[Part] = []
    for x in np.linspace(-0.49, 0.49, int(rng.integers(6, 13))) * w:
        bow = np.array([[x, -d / 2, 0.003], [x, -d / 2, h], [x, d / 2, h], [x, d / 2, 0.003]])
        parts.append(
            tube(
                np.repeat(bow, 2, axis=0) + np.tile([[0, 0, 0], [0, 1e-4, 1e-4]], (4, 1)),
                0.0016,
                steel,
                segments=6,
            )
        )
    for y in (-d / 2, 0, d / 2):
        parts.append(tube(np.array([[-w / 2, y, h], [0, y, h], [w / 2, y, h]]), 0.002, steel, segments=6))
    return Thing(name, "metal", parts)


@family("clothes hanger", "table", "wall")
def hanger(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    material = pick(rng, [metal(rng), plastic(rng, rgb), timber(rng, size_m=0.1)[1]])
    r = 0.0022 if material.metal else 0.005
    shoulder = np.array([[-0.2, 0, r], [0, 0.09, r], [0.2, 0, r]])
    hook = np.array([[0, 0.09, r], [0, 0.13, r], [0.022, 0.155, r], [0.0, 0.178, r], [-0.02, 0.16, r]])
    parts = [
        tube(spline(shoulder, 20), r, material, segments=8),
        tube(np.linspace(shoulder[0], shoulder[2], 6), r, material, segments=8),
    ]
    return Thing(name, tint, [*parts, tube(spline(hook, 20), 0.0018, metal(rng), segments=8)], hangs=True)


@family("spring")
def spring(rng: np.random.Generator, name: str) -> Thing:
    turns, r, h = rng.uniform(5, 9), rng.uniform(0.012, 0.025), rng.uniform(0.03, 0.07)
    t = np.linspace(0, 2 * np.pi * turns, int(24 * turns))
    path = np.stack([r * np.cos(t), r * np.sin(t), 0.002 + h * t / t[-1]], axis=1)
    return Thing(name, "metal", [tube(path, 0.0016, metal(rng), segments=8)])


@family("necklace")
def necklace(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    material = plastic(rng, rgb, roughness=0.1)
    count, r = int(rng.integers(18, 34)), rng.uniform(0.004, 0.007)
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    reach = count * r * 2.05 / (2 * np.pi) * (1 + 0.05 * np.sin(2 * t))
    return Thing(
        name,
        tint,
        [
            ball(r, material, segments=14).moved((a * np.cos(b), a * np.sin(b), r))
            for a, b in zip(reach, t, strict=True)
        ],
    )
