"""What holds something: cups, bottles, pots, and the plant in one."""

import numpy as np

from assets.capture_maker import textures
from assets.capture_maker.shapes import Finish, Thing, arc, ball, cylinder, lathe, rounded, tube
from assets.capture_maker.things.base import COLOURS, GOODS, KINDS, pick, printed, speckled


def mug(rng: np.random.Generator, name: str) -> Thing:
    kind = pick(rng, KINDS)
    r, h = rng.uniform(0.038, 0.045), rng.uniform(0.085, 0.105)
    profile = rounded(
        [(0, 0), (r * 0.86, 0), (r, 0.012), (r, h), (r - 0.004, h), (r - 0.004, 0.01), (0, 0.008)], 0.004
    )
    glaze = printed(rng, COLOURS[name], kind)
    handle = tube(
        arc((r - 0.003, 0, h * 0.5), 0.027, h * 0.3, -np.pi / 2, np.pi / 2), 0.0055, speckled(COLOURS[name])
    )
    return Thing("mug", name, kind, [lathe(profile, glaze), handle], light=True)


def bottle(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.03, 0.038), rng.uniform(0.2, 0.26)
    colour = COLOURS[name]
    neck = 0.0125
    profile = rounded(
        [(0, 0), (r, 0), (r, h * 0.58), (neck, h * 0.8), (neck, h * 0.95), (0, h * 0.95)], 0.012
    )
    paper = Finish(
        image=textures.label(rng, 220, 620, colour, [pick(rng, GOODS), pick(rng, GOODS)]), roughness=0.6
    )
    band = lathe([(r + 0.0006, h * 0.12), (r + 0.0006, h * 0.5)], paper)
    cap = cylinder(neck + 0.003, h * 0.09, speckled(COLOURS["black"])).moved((0, 0, h * 0.91))
    glass = Finish(textures.shade(colour, 0.6), textures.shade(colour, 0.85), roughness=0.18, grain_per_m=160)
    return Thing("bottle", name, "label", [lathe(profile, glass), band, cap])


def bowl(rng: np.random.Generator, name: str) -> Thing:
    kind = pick(rng, KINDS)
    r, h = rng.uniform(0.07, 0.09), rng.uniform(0.055, 0.075)
    outer = [(0.0, 0.0), (r * 0.42, 0.0), (r * 0.45, 0.006)]
    t = np.linspace(0.1, 1, 12)
    outer += [
        (float(r * np.sin(a * np.pi / 2) ** 0.8), float(h * (1 - np.cos(a * np.pi / 2)) + 0.004))
        for a in t
        if r * np.sin(a * np.pi / 2) ** 0.8 > r * 0.45
    ]
    inner = [(max(q - 0.005, 0.0), z + 0.004) for q, z in outer[:2:-1]]
    profile = [*outer, (outer[-1][0] - 0.0025, outer[-1][1] + 0.002), *inner, (0.0, 0.011)]
    return Thing("bowl", name, kind, [lathe(profile, printed(rng, COLOURS[name], kind, height=420))])


def can(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.034, 0.042), rng.uniform(0.095, 0.12)
    tin = Finish((176, 176, 172), (120, 120, 118), roughness=0.42, metallic=0.6)
    profile = [
        (0, 0.002),
        (r - 0.002, 0.002),
        (r, 0),
        (r, h),
        (r - 0.002, h),
        (r - 0.003, h - 0.004),
        (0, h - 0.004),
    ]
    paper = Finish(
        image=textures.label(rng, 300, 720, COLOURS[name], [pick(rng, GOODS), pick(rng, GOODS)]),
        roughness=0.5,
    )
    band = lathe([(r + 0.0005, 0.008), (r + 0.0005, h - 0.008)], paper)
    return Thing("can", name, "label", [lathe(profile, tin), band], flat_top=True)


def jar(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.038, 0.046), rng.uniform(0.09, 0.12)
    filling = Finish(COLOURS[name], textures.shade(COLOURS[name], 0.5), roughness=0.2, grain_per_m=200)
    body = lathe(rounded([(0, 0), (r, 0), (r, h * 0.8), (r * 0.82, h * 0.86), (0, h * 0.86)], 0.008), filling)
    cloth = textures.cloth(
        rng, 160, 400, [COLOURS[name], COLOURS["white"], textures.shade(COLOURS[name], 0.6)]
    )
    lid = cylinder(r * 0.9, h * 0.16, Finish(image=cloth, roughness=0.9)).moved((0, 0, h * 0.84))
    paper = Finish(
        image=textures.label(rng, 150, 560, COLOURS["white"], [pick(rng, GOODS)] * 2), roughness=0.7
    )
    band = lathe([(r + 0.0006, h * 0.2), (r + 0.0006, h * 0.62)], paper)
    return Thing("jar", name, "label", [body, lid, band], flat_top=True)


def teapot(rng: np.random.Generator, name: str) -> Thing:
    kind = pick(rng, ["leaves", "dots", "brush", "terrazzo"])
    s = rng.uniform(0.9, 1.08)
    profile = rounded(
        [
            (0, 0),
            (0.04, 0),
            (0.044, 0.006),
            (0.068, 0.045),
            (0.056, 0.085),
            (0.032, 0.095),
            (0.03, 0.1),
            (0, 0.108),
        ],
        0.016,
    )
    plain = speckled(COLOURS[name])
    spout = tube(
        np.array([[0.055, 0, 0.035], [0.075, 0, 0.045], [0.088, 0, 0.065], [0.102, 0, 0.088]]), 0.0095, plain
    )
    handle = tube(arc((-0.055, 0, 0.058), 0.042, 0.03, 0.5 * np.pi, 1.5 * np.pi), 0.0055, plain)
    knob = ball(0.0095, plain).moved((0, 0, 0.114))
    body = lathe(profile, printed(rng, COLOURS[name], kind, height=340))
    return Thing("teapot", name, kind, [part.scaled((s, s, s)) for part in (body, spout, handle, knob)])


def vase(rng: np.random.Generator, name: str) -> Thing:
    kind = pick(rng, KINDS)
    h, r = rng.uniform(0.17, 0.23), rng.uniform(0.034, 0.042)
    z = np.linspace(0, 1, 24)
    radius = r * (
        0.75 + 0.55 * np.sin(np.pi * (z * 0.95 + 0.02)) ** 1.5 + 0.12 * np.cos(5 * z + rng.uniform(0, 1))
    )
    outer = [(float(q), float(t * h)) for q, t in zip(radius, z, strict=True)]
    inner = [(q - 0.004, t) for q, t in outer[:2:-1]]
    profile = [(0.0, 0.0), *outer, *inner, (0.0, inner[-1][1])]
    return Thing("vase", name, kind, [lathe(profile, printed(rng, COLOURS[name], kind, height=420))])


def pencil_cup(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.034, 0.04), rng.uniform(0.09, 0.105)
    kind = pick(rng, KINDS)
    profile = [(0, 0), (r, 0), (r, h), (r - 0.003, h), (r - 0.003, 0.006), (0, 0.006)]
    parts = [lathe(profile, printed(rng, COLOURS[name], kind))]
    paints = list(COLOURS.values())
    for i in range(6):
        around, lean = 2 * np.pi * i / 6 + rng.uniform(-0.3, 0.3), rng.uniform(0.08, 0.2)
        length = rng.uniform(0.15, 0.18)
        paint = paints[int(rng.integers(len(paints)))]
        shaft = cylinder(
            0.0038, length, Finish(paint, textures.shade(paint, 0.6), grain_per_m=150), segments=6
        )
        tip = lathe([(0.0038, 0), (0.0008, 0.013), (0, 0.014)], Finish((206, 170, 126)), segments=6).moved(
            (0, 0, length)
        )
        for part in (shaft, tip):
            leaned = part.turned("x", lean).turned("z", around)
            parts.append(leaned.moved((-0.010 * np.sin(around), 0.010 * np.cos(around), 0.008)))
    return Thing("pencil cup", name, kind, parts)


def candle(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.028, 0.034), rng.uniform(0.09, 0.13)
    dish = lathe(
        rounded(
            [(0, 0), (r * 1.5, 0), (r * 1.8, 0.014), (r * 1.7, 0.014), (r * 1.35, 0.005), (0, 0.005)], 0.003
        ),
        speckled(COLOURS["brown"]),
    )
    wax = Finish(COLOURS[name], textures.shade(COLOURS[name], 1.7), roughness=0.5, grain_per_m=60, mottle=0.2)
    body = lathe(rounded([(0, 0.005), (r, 0.005), (r, h), (r * 0.7, h - 0.006), (0, h - 0.007)], 0.003), wax)
    wick = cylinder(0.0012, 0.016, Finish((40, 34, 30)), segments=8).moved((0, 0, h - 0.008))
    return Thing("candle", name, "wax", [dish, body, wick])


def plant(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.04, 0.05), rng.uniform(0.065, 0.08)
    profile = rounded(
        [
            (0, 0),
            (r * 0.72, 0),
            (r, h * 0.8),
            (r * 1.1, h * 0.8),
            (r * 1.1, h),
            (r * 0.95, h),
            (r * 0.93, h * 0.86),
            (0, h * 0.88),
        ],
        0.003,
    )
    pot = lathe(profile, printed(rng, COLOURS[name], pick(rng, ["terrazzo", "brush", "stripes"])))
    soil = cylinder(r * 0.93, 0.004, Finish((62, 44, 32), (24, 18, 14), roughness=1, grain_per_m=300)).moved(
        (0, 0, h * 0.87)
    )
    parts = [pot, soil]
    leaf_colour = (74, 122, 62)
    for layer, (count, tilt, size) in enumerate([(8, 1.15, 1.0), (7, 0.75, 0.95), (5, 0.35, 0.8)]):
        for i in range(count):
            tint = textures.shade(leaf_colour, rng.uniform(0.75, 1.5))
            leaf = ball(
                0.02,
                Finish(tint, textures.shade(tint, 0.6), roughness=0.5, grain_per_m=130),
                squash=2.4,
                segments=24,
            )
            leaf = (
                leaf.scaled((0.62 * size, 0.26, size))
                .moved((0, 0, 0.044 * size))
                .turned("x", tilt + rng.uniform(-0.1, 0.1))
            )
            parts.append(
                leaf.turned("z", 2 * np.pi * (i + 0.5 * layer) / count + rng.uniform(-0.15, 0.15)).moved(
                    (0, 0, h * 0.84)
                )
            )
    return Thing("potted plant", name, "leaves", parts)
