"""Fruit, vegetables, bread, eggs."""

import numpy as np

from assets.capture_maker.textures import noise
from assets.training_maker.coverings.surfaces import Rgb, finished, mix, pick, shade
from assets.training_maker.meshes import (
    Material,
    Part,
    ball,
    lathe,
    rotation,
    spline,
    tube,
)
from assets.training_maker.things.base import Thing, family, matte, plain, settled


def lumpy(rng: np.random.Generator, part: Part, amount: float, *, waves: float = 3.0) -> Part:
    """Pushed in and out along rays from the origin by smooth noise of so many waves; `amount` is relative."""
    points = part.triangles.reshape(-1, 3)
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    push = np.zeros(len(points))
    for k in range(10):
        direction = rng.normal(size=3) * waves * (1 + k / 4)
        push += np.sin(unit @ direction + rng.uniform(0, 6)) / (1 + k / 2)
    return part.bent(points * (1 + amount * push / 3)[:, None])


def skin(
    rng: np.random.Generator, low: Rgb, high: Rgb, *, roughness: float = 0.3, spots: float = 0.0
) -> Material:
    """Fruit skin between two colours with patches and specks."""
    image = mix(low, high, noise(rng, 256, 256, slope=1.1))
    if spots:
        image *= 1 - spots * (noise(rng, 256, 256, slope=0.0) > 0.93)[..., None]
    return Material(finished(image), gloss=0.04, roughness=roughness)


@family("apple")
def apple(rng: np.random.Generator, name: str) -> Thing:
    tint, low, high = pick(
        rng,
        [
            ("red", (150, 22, 26), (216, 130, 60)),
            ("green", (110, 150, 40), (190, 200, 90)),
            ("yellow", (220, 180, 60), (220, 110, 60)),
        ],
    )
    r = rng.uniform(0.032, 0.042)
    line = (
        spline(
            [(0.001, 0.2), (0.35, 0.04), (0.9, 0.6), (0.95, 1.2), (0.5, 1.68), (0.14, 1.6), (0.001, 1.45)], 40
        )
        * r
    )
    stem = tube(np.array([[0, 0, 1.45], [0.04, 0, 1.75], [0.16, 0, 1.95]]) * r, 0.0015, plain((74, 52, 34)))
    return Thing(
        name,
        tint,
        [
            lumpy(rng, lathe(line, skin(rng, low, high, spots=0.1)).moved((0, 0, -r)), 0.02).moved((0, 0, r)),
            stem,
        ],
    )


@family("pear")
def pear(rng: np.random.Generator, name: str) -> Thing:
    r = rng.uniform(0.03, 0.038)
    line = (
        spline(
            [(0.001, 0.05), (0.6, 0.0), (1.0, 0.75), (0.75, 1.6), (0.42, 2.3), (0.2, 2.7), (0.001, 2.68)], 40
        )
        * r
    )
    stem = tube(np.array([[0, 0, 2.6], [0.05, 0, 3.0], [0.2, 0, 3.2]]) * r, 0.0016, plain((74, 52, 34)))
    return Thing(name, "green", [lathe(line, skin(rng, (150, 160, 50), (200, 180, 80), spots=0.25)), stem])


@family("orange")
def orange(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = pick(rng, [("orange", (226, 120, 22)), ("yellow", (236, 200, 50)), ("green", (120, 160, 50))])
    stretch = 1.3 if tint == "yellow" else 0.95
    body = ball((0.035, 0.035, 0.035 * stretch), skin(rng, rgb, shade(rgb, 0.86), spots=0.12, roughness=0.4))
    return settled(Thing(name, tint, [lumpy(rng, body.scaled(rng.uniform(0.85, 1.2)), 0.015)])).moved_by(
        rotation("x", np.pi / 2 if stretch > 1 else 0.3)
    )


@family("banana")
def banana(rng: np.random.Generator, name: str) -> Thing:
    t = np.linspace(-0.75, 0.75, 24)
    r = rng.uniform(0.09, 0.13)
    path = np.stack([r * np.sin(t), r * (1 - np.cos(t)), 0 * t + 0.018], axis=1)
    thick = 0.019 * np.clip(1.15 - (np.abs(t) / 0.75) ** 4, 0.28, 1)
    return Thing(
        name, "yellow", [tube(path, thick, skin(rng, (230, 196, 60), (214, 176, 40), spots=0.5), segments=6)]
    )


@family("egg")
def egg(rng: np.random.Generator, name: str) -> Thing:
    rgb = pick(rng, [(236, 226, 210), (206, 160, 120), (200, 214, 210)])
    a = np.linspace(-np.pi / 2, np.pi / 2, 24)
    line = np.stack([0.022 * np.cos(a) * (1 - 0.12 * np.sin(a)), 0.029 * np.sin(a)], axis=1)
    line[[0, -1], 0] = 0
    return (
        settled(Thing(name, "white", [lathe(line, matte(rng, rgb, contrast=0.05))]))
        .moved_by(rotation("x", np.pi / 2))
        .scaled(rng.uniform(0.9, 1.15))
    )


@family("pumpkin", "table", "floor")
def pumpkin(rng: np.random.Generator, name: str) -> Thing:
    r = rng.uniform(0.06, 0.12)
    body = ball((r, r, r * 0.75), skin(rng, (214, 116, 30), (226, 150, 60)), segments=64)
    points = body.triangles.reshape(-1, 3)
    angle = np.arctan2(points[:, 1], points[:, 0])
    ribs = 1 - 0.09 * (1 - np.abs(np.sin(angle * 5))) ** 2
    dent = 1 - 0.35 * np.exp(-((np.hypot(points[:, 0], points[:, 1]) / (0.3 * r)) ** 2))
    body = body.bent(points * np.stack([ribs, ribs, dent], axis=1))
    stem = tube(
        np.array([[0, 0, 0.5 * r], [0.02, 0, 0.8 * r], [0.1 * r, 0, r]]),
        np.array([0.014, 0.01, 0.012]),
        plain((98, 100, 50), roughness=0.9),
    )
    return Thing(name, "orange", [body, stem])


@family("bread")
def bread(rng: np.random.Generator, name: str) -> Thing:
    long, wide = rng.uniform(0.08, 0.14), rng.uniform(0.045, 0.06)
    crust = skin(rng, (128, 72, 30), (206, 150, 86), roughness=0.7, spots=0.15)
    return Thing(name, "brown", [lumpy(rng, ball((long, wide, 0.04), crust, segments=48), 0.04, waves=5)])


@family("carrot")
def carrot(rng: np.random.Generator, name: str) -> Thing:
    length = rng.uniform(0.12, 0.18)
    x = np.linspace(0, length, 20)
    path = np.stack([x, 0.006 * np.sin(x * 20), 0 * x + 0.016], axis=1)
    parts = [
        tube(
            path,
            0.016 * np.linspace(1, 0.12, 20) ** 0.7,
            skin(rng, (222, 110, 30), (230, 140, 60), spots=0.2),
        )
    ]
    for _ in range(5):
        tip = np.array([-rng.uniform(0.03, 0.07), rng.uniform(-0.03, 0.03), rng.uniform(0.006, 0.04)])
        parts.append(
            tube(
                np.stack([[0.004, 0, 0.016], tip * [0.5, 0.4, 1], tip]),
                0.002,
                plain((70, 120, 44), roughness=0.8),
                segments=6,
            )
        )
    return Thing(name, "orange", parts)
