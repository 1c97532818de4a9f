"""Things put together from several forms: pots, devices, bags."""

import numpy as np

from assets.training_maker.coverings.surfaces import pick, shade
from assets.training_maker.meshes import (
    ball,
    box,
    cylinder,
    lathe,
    prism,
    rounded,
    spline,
    tube,
)
from assets.training_maker.things.base import (
    Thing,
    cloth,
    colour,
    family,
    glaze,
    matte,
    metal,
    plain,
    plastic,
    timber,
)  # fmt: skip
from assets.training_maker.things.tools import pencil
from assets.training_maker.things.turned import handle, smooth, vessel


@family("teapot")
def teapot(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    body = glaze(rng, rgb)
    side = body if body.size_m is not None else plain(rgb, roughness=0.2)
    r, h = rng.uniform(0.06, 0.08), rng.uniform(0.09, 0.13)
    outer = smooth(
        [(r * 0.6, 0.0), (r * 0.95, h * 0.25), (r, h * 0.5), (r * 0.72, h * 0.9), (r * 0.45, h)], 30
    )
    parts = [lathe(np.concatenate([[(0, 0)], outer, [(0, h)]]), body)]
    lid = rounded(
        [(r * 0.48, 0), (r * 0.4, 0.012), (0.008, 0.02), (0.006, 0.026), (0.011, 0.034), (0, 0.04)], 0.006
    )
    parts.append(lathe(lid, side).moved((0, 0, h - 0.002)))
    parts.append(handle(side, r * 0.9, h * 0.25, h * 0.82, 0.045, 0.006))
    spout = spline([(-r * 0.85, 0, h * 0.35), (-r * 1.35, 0, h * 0.55), (-r * 1.55, 0, h * 0.95)], 16)
    parts.append(tube(spout, np.linspace(0.018, 0.008, 16), side))
    return Thing(name, tint, parts)


@family("kettle")
def kettle(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["red", "black", "white", "cream", "mint", "navy"])
    body = metal(rng) if rng.random() < 0.5 else plastic(rng, rgb, roughness=0.12)
    black = plastic(rng, (30, 30, 32))
    r, h = rng.uniform(0.075, 0.09), rng.uniform(0.13, 0.19)
    outer = smooth([(r, 0.0), (r * 1.02, h * 0.2), (r * 0.85, h * 0.75), (r * 0.55, h)], 26)
    parts = [
        lathe(np.concatenate([[(0, 0)], outer, [(0, h)]]), body),
        ball((0.012, 0.012, 0.012), black).moved((0, 0, h + 0.012)),
    ]
    bow = spline(
        [(-r * 0.6, 0, h * 0.95), (-r * 0.5, 0, h * 1.4), (r * 0.5, 0, h * 1.4), (r * 0.6, 0, h * 0.95)], 22
    )
    parts.append(tube(bow, 0.008, black))
    spout = spline([(r * 0.85, 0, h * 0.4), (r * 1.3, 0, h * 0.65), (r * 1.5, 0, h * 0.85)], 12)
    parts.append(tube(spout, np.linspace(0.02, 0.011, 12), body))
    return Thing(name, "metal" if body.metal else tint, parts)


@family("moka pot")
def moka_pot(rng: np.random.Generator, name: str) -> Thing:
    steel, black = metal(rng, (200, 200, 202), roughness=0.2), plastic(rng, (28, 28, 30))
    s = rng.uniform(0.8, 1.2)
    low = lathe([(0, 0), (0.05, 0), (0.042, 0.07), (0.036, 0.082)], steel, segments=8, smooth=False)
    ring = lathe([(0.036, 0.08), (0.04, 0.084), (0.04, 0.094), (0.034, 0.098)], steel)
    top = lathe([(0.034, 0.096), (0.047, 0.165), (0.0, 0.182)], steel, segments=8, smooth=False)
    parts = [low, ring, top, ball(0.009, black).moved((0, 0, 0.19))]
    parts.append(
        tube(spline([(0.04, 0, 0.15), (0.085, 0, 0.155), (0.082, 0, 0.1)], 14), 0.007, black, flatten=1.4)
    )
    parts.append(
        tube(
            np.array([[-0.035, 0, 0.14], [-0.055, 0, 0.158], [-0.06, 0, 0.166]]),
            np.array([0.012, 0.007, 0.004]),
            steel,
        )
    )
    return Thing(name, "metal", [p.scaled(s) for p in parts])


@family("saucepan")
def saucepan(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["red", "black", "orange", "grey", "navy"])
    body = metal(rng) if rng.random() < 0.5 else plastic(rng, rgb, roughness=0.15)
    r, h = rng.uniform(0.07, 0.12), rng.uniform(0.05, 0.11)
    outer = rounded([(r * 0.92, 0.0), (r, 0.008), (r, h - 0.004), (r * 1.03, h)], 0.008)
    parts = vessel(outer, 0.003, 0.004, body, pick(rng, [body, plain((40, 40, 42), roughness=0.4)]))
    grip = np.array([[r * 0.98, 0, h * 0.8], [r * 1.5, 0, h * 0.9], [r * 1.0 + 0.16, 0, h]])
    parts.append(
        tube(
            spline(grip, 12),
            np.linspace(0.006, 0.011, 12),
            pick(rng, [plastic(rng, (30, 30, 32)), timber(rng)[1]]),
            flatten=0.7,
        )
    )
    return Thing(name, "metal" if body.metal else tint, parts)


@family("watering can", "floor", "table")
def watering_can(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    material = plastic(rng, rgb) if rng.random() < 0.6 else metal(rng, (170, 172, 174))
    r, h = rng.uniform(0.06, 0.1), rng.uniform(0.12, 0.2)
    parts = vessel(rounded([(r, 0.0), (r * 0.95, h * 0.9), (r * 0.8, h)], 0.02), 0.003, 0.004, material)
    spout = spline([(r * 0.9, 0, h * 0.25), (r * 1.9, 0, h * 0.7), (r * 2.5, 0, h * 1.1)], 14)
    parts.append(tube(spout, np.linspace(0.016, 0.008, 14), material))
    rose = lathe([(0.008, 0), (0.028, 0.03), (0, 0.034)], material).turned("y", 0.7).moved(spout[-1])
    bow = spline(
        [(-r * 0.9, 0, h * 0.3), (-r * 1.6, 0, h * 0.8), (-r * 0.8, 0, h * 1.35), (r * 0.5, 0, h)], 24
    )
    return Thing(name, tint, [*parts, rose, tube(bow, 0.007, material)])


@family("camera")
def camera(rng: np.random.Generator, name: str) -> Thing:
    leather, steel = (
        matte(rng, pick(rng, [(36, 34, 34), (96, 60, 40)]), contrast=0.5, size_m=0.02),
        metal(rng, (180, 180, 182), roughness=0.3),
    )
    w = rng.uniform(0.11, 0.14)
    parts = box((w, 0.036, 0.055), leather, radius=0.006) + [
        p.moved((0, 0, 0.053)) for p in box((w, 0.034, 0.02), steel, radius=0.005)
    ]
    parts += [p.moved((0, -0.004, 0.07)) for p in box((0.035, 0.03, 0.016), steel, radius=0.004)]
    lens = [(0.0, 0.034), (0.016, 0.034), (0.018, 0.042), (0.022, 0.042), (0.024, 0.03), (0.026, 0.0)]
    parts.append(
        lathe(lens[::-1], plain((26, 26, 28), roughness=0.25))
        .turned("x", np.pi / 2)
        .moved((0, -0.018, 0.036))
    )
    parts.append(
        cylinder(0.015, 0.001, plain((24, 30, 50), roughness=0.03))
        .turned("x", np.pi / 2)
        .moved((0, -0.052, 0.036))
    )
    parts += [cylinder(0.009, 0.008, steel, bevel=0.001).moved((x, 0, 0.072)) for x in (-w * 0.34, w * 0.34)]
    return Thing(name, "black", parts)


@family("headphones")
def headphones(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "white", "grey", "red", "navy", "beige"])
    shell, pad = plastic(rng, rgb), matte(rng, shade(rgb, 0.5))
    t = np.linspace(0.1, np.pi - 0.1, 26)
    r = rng.uniform(0.078, 0.09)
    parts = [
        tube(np.stack([r * np.cos(t), r * 1.1 * np.sin(t), np.full(26, 0.035)], 1), 0.007, shell, flatten=2.2)
    ]
    for k in (-1, 1):
        cup = (
            cylinder(0.036, 0.022, shell, bevel=0.008)
            .turned("y", -k * np.pi / 2)
            .moved((k * (r + 0.012), 0, 0.037))
        )
        parts += [
            cup,
            cylinder(0.034, 0.016, pad, bevel=0.007)
            .turned("y", -k * np.pi / 2)
            .moved((k * (r - 0.008), 0, 0.037)),
        ]
    return Thing(name, tint, parts)


@family("computer mouse")
def mouse(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "white", "grey", "red", "navy"])
    body = plastic(rng, rgb)
    parts = box((0.06, 0.105, 0.036), body, radius=0.0175)
    parts.append(
        cylinder(0.009, 0.006, plain((60, 60, 62)))
        .moved((0, 0, -0.003))
        .turned("y", np.pi / 2)
        .moved((0, 0.032, 0.031))
    )
    return Thing(name, tint, parts).scaled(rng.uniform(0.85, 1.1))


@family("game controller")
def controller(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "white", "grey", "blue", "red"])
    body, dark = plastic(rng, rgb, roughness=0.4), plastic(rng, (40, 40, 42))
    parts = [p.moved((0, 0, 0.012)) for p in box((0.12, 0.06, 0.03), body, radius=0.013)]
    for k in (-1, 1):
        grip = spline([(k * 0.045, 0.01, 0.028), (k * 0.068, -0.02, 0.024), (k * 0.06, -0.065, 0.018)], 12)
        parts.append(tube(grip, np.array([0.022] * 4 + [0.021] * 4 + [0.019, 0.018, 0.016, 0.012]), body))
        parts.append(cylinder(0.009, 0.012, dark, bevel=0.002).moved((k * 0.022, -0.012, 0.04)))
    for x, y, tone in (
        (0.042, 0.022, (190, 40, 40)),
        (0.054, 0.01, (50, 140, 60)),
        (0.03, 0.01, (50, 80, 180)),
        (0.042, -0.002, (220, 180, 40)),
    ):
        parts.append(cylinder(0.0045, 0.004, plain(tone, roughness=0.2)).moved((x, y, 0.04)))
    parts += [
        p.moved((-0.042, 0.01, 0.04))
        for size in ((0.024, 0.008, 0.004), (0.008, 0.024, 0.004))
        for p in box(size, dark, radius=0.0015)
    ]
    return Thing(name, tint, parts).scaled(rng.uniform(0.9, 1.15))


@family("pencil cup")
def pencil_cup(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.032, 0.042), rng.uniform(0.085, 0.105)
    body = pick(rng, [glaze(rng, rgb), plastic(rng, rgb), metal(rng), timber(rng, size_m=0.15)[1]])
    parts = vessel(np.array([[r, 0.0], [r, h]]), 0.003, 0.004, body)
    for _ in range(int(rng.integers(2, 7))):
        stick, lean, yaw = pencil(rng), rng.uniform(0.05, 0.2), rng.uniform(0, 6.28)
        parts += [
            p.turned("y", -np.pi / 2 + lean).turned("z", yaw).moved((0, 0, 0.014 + stick.size[0] / 2))
            for p in stick.parts
        ]
    return Thing(name, tint, parts)


@family("desk lamp")
def desk_lamp(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    paint, steel = plastic(rng, rgb, roughness=0.2), metal(rng)
    a, b = rng.uniform(0.16, 0.24), rng.uniform(0.14, 0.2)
    elbow = np.array([-0.05, 0, a])
    head = elbow + np.array([b * 0.8, 0, b * 0.5])
    parts = [
        cylinder(rng.uniform(0.06, 0.08), 0.02, paint, bevel=0.006),
        tube(np.stack([[0, 0, 0.015], elbow * 0.5 + [0, 0, 0.01], elbow]), 0.006, steel),
    ]
    parts += [
        tube(np.stack([elbow, (elbow + head) / 2, head]), 0.006, steel),
        ball(0.011, steel).moved(elbow),
    ]
    cone = vessel(np.array([[0.06, -0.07], [0.05, -0.03], [0.02, 0.02]]), 0.002, 1.0, paint)[1:2]
    inner = lathe([(0.02, 0.018), (0.048, -0.03), (0.058, -0.07)], plain((240, 238, 228), roughness=0.6))
    cap = lathe([(0.02, 0.02), (0.0, 0.026)], paint)
    parts += [p.turned("y", -0.5).moved(head) for p in (*cone, inner, cap)]
    return Thing(name, tint, parts)


@family("stapler")
def stapler(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["red", "black", "blue", "grey", "green"])
    body = plastic(rng, rgb)
    long = rng.uniform(0.11, 0.15)
    side = np.array([[-long / 2, 0.012], [long / 2, 0.018], [long / 2, 0.03], [0, 0.05], [-long / 2, 0.045]])
    parts = [p.moved((0, 0, -0.015)).turned("x", np.pi / 2) for p in prism(side, 0.03, body, bevel=0.004)]
    parts += box((long, 0.034, 0.009), plastic(rng, (36, 36, 38)), radius=0.003)
    return Thing(name, tint, parts)


@family("telephone")
def telephone(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["black", "cream", "grey", "red", "white"])
    body = plastic(rng, rgb, roughness=0.15)
    side = np.array([[-0.09, 0], [0.09, 0], [0.09, 0.02], [-0.02, 0.07], [-0.09, 0.075]])
    parts = [p.moved((0, 0, -0.08)).turned("x", np.pi / 2) for p in prism(side, 0.16, body, bevel=0.008)]
    bar = tube(
        spline(
            [(-0.055, -0.085, 0.085), (-0.055, -0.05, 0.115), (-0.055, 0.05, 0.115), (-0.055, 0.085, 0.085)],
            20,
        ),
        0.014,
        body,
    )
    parts += [bar, *(ball((0.026, 0.026, 0.02), body).moved((-0.055, s * 0.082, 0.084)) for s in (-1, 1))]
    key = plain((240, 238, 230))
    for row in range(4):
        for column in range(3):
            x = 0.02 * row
            z = 0.0612 - 0.4545 * x
            parts += [
                p.turned("y", np.arctan(0.4545)).moved((x, 0.02 * (column - 1), z))
                for p in box((0.013, 0.014, 0.004), key, radius=0.0015)
            ]
    return Thing(name, tint, parts).scaled(rng.uniform(0.9, 1.15))


@family("handbag", "floor", "table")
def handbag(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    skin = pick(rng, [matte(rng, rgb, contrast=0.25, size_m=0.06), cloth(rng, rgb)])
    w, d, h = rng.uniform(0.2, 0.32), rng.uniform(0.08, 0.12), rng.uniform(0.15, 0.22)
    side = np.array([[-w / 2, 0], [w / 2, 0], [w * 0.42, h], [-w * 0.42, h]])
    parts = [p.moved((0, 0, -d / 2)).turned("x", np.pi / 2) for p in prism(side, d, skin, bevel=0.012)]
    for s in (-1, 1):
        bow = spline(
            [
                (-w * 0.22, s * d * 0.35, h * 0.95),
                (-w * 0.16, s * d * 0.3, h * 1.45),
                (w * 0.16, s * d * 0.3, h * 1.45),
                (w * 0.22, s * d * 0.35, h * 0.95),
            ],
            18,
        )
        parts.append(tube(bow, 0.006, matte(rng, shade(rgb, 0.6))))
    return Thing(name, tint, parts)
