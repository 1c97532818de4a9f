"""Things made on a wheel: cups, bottles, bowls, jars, candles, cans."""

import numpy as np

from assets.training_maker.coverings import prints, surfaces
from assets.training_maker.coverings.surfaces import Rgb, pick, shade
from assets.training_maker.meshes import Material, Part, ball, cylinder, lathe, rounded, spline, tube
from assets.training_maker.things.base import (
    Thing,
    clear,
    cloth,
    colour,
    family,
    glaze,
    matte,
    metal,
    picture,
    plain,
    plastic,
    timber,
)  # fmt: skip


def vessel(
    outer: np.ndarray, wall: float, floor: float, material: Material, inner: Material | None = None
) -> list[Part]:
    """A hollow form: `outer` is the profile from the foot's rim to the lip; the inside is that much smaller."""
    inside = np.stack(
        [np.maximum(outer[:, 0] - wall, 0.001), np.maximum(outer[:, 1], outer[0, 1] + floor)], axis=1
    )
    foot = np.array([[0.0, outer[0, 1]]])
    lip = np.array([[outer[-1, 0] - wall / 2, outer[-1, 1] + wall * 0.4]])
    bottom = np.array([[0.0, outer[0, 1] + floor]])
    down = np.concatenate([lip, inside[::-1], bottom])
    return [
        lathe(np.concatenate([foot, outer[:1]]), inner or material),
        lathe(np.concatenate([outer, lip]), material),
        lathe(down, inner or material),
    ]


def smooth(points: list[tuple[float, float]], count: int = 24) -> np.ndarray:
    line = spline(points, count)
    line[:, 0] = np.maximum(line[:, 0], 0.0)
    return line


def handle(material: Material, radius: float, low: float, high: float, out: float, thick: float) -> Part:
    """A bow on the +X side from height `low` to `high`, standing on a wall at `radius`."""
    knots = [(radius - 0.002, 0, high), (radius + out * 0.75, 0, high + 0.04 * (high - low)),
             (radius + out, 0, (low + high) / 2), (radius + out * 0.6, 0, low), (radius - 0.002, 0, low)]  # fmt: skip
    return tube(spline(knots, 22), thick, material, segments=10, flatten=1.3)


@family("mug")
def mug(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.034, 0.048), rng.uniform(0.075, 0.12)
    flare = rng.uniform(0.8, 1.05)
    outer = rounded(
        [(r * 0.7, 0.0), (r * flare, 0.004), (r * rng.uniform(0.95, 1.06), h * 0.5), (r, h)], 0.012
    )
    body = glaze(rng, rgb, printed=0.5)
    side = plain(rgb, roughness=0.2) if body.size_m is None else body
    inner = pick(rng, [side, plain((235, 232, 224), roughness=0.15)])
    grip = handle(side, r * 0.98, h * 0.2, h * 0.82, rng.uniform(0.022, 0.034), rng.uniform(0.004, 0.007))
    return Thing(name, tint, [*vessel(outer, 0.004, 0.006, body, inner), grip], piles=True)


@family("cup and saucer")
def teacup(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    body = glaze(rng, rgb, printed=0.3)
    r, h = rng.uniform(0.038, 0.05), rng.uniform(0.05, 0.068)
    cup = vessel(smooth([(r * 0.5, 0.0), (r * 0.62, 0.006), (r * 0.9, h * 0.4), (r, h)]), 0.003, 0.005, body)
    grip = handle(plain(rgb, roughness=0.2), r * 0.95, h * 0.35, h * 0.85, 0.022, 0.004)
    plate = _dish(r * 1.75, 0.016, body)
    return Thing(name, tint, [*plate, *(p.moved((0, 0, 0.006)) for p in [*cup, grip])])


def _dish(r: float, h: float, material: Material, *, well: float = 0.6) -> list[Part]:
    outer = smooth([(r * well * 0.9, 0.0), (r * well, 0.002), (r * 0.85, h * 0.55), (r, h)], 16)
    return vessel(outer, 0.005, 0.004, material)


@family("plate")
def plate(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    return Thing(
        name,
        tint,
        _dish(rng.uniform(0.08, 0.14), rng.uniform(0.014, 0.03), glaze(rng, rgb, printed=0.3)),
        flat_top=False,
        piles=True,
    )


@family("bowl")
def bowl(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.055, 0.12), rng.uniform(0.045, 0.085)
    body = glaze(rng, rgb, printed=0.45) if rng.random() < 0.8 else metal(rng)
    outer = smooth([(r * 0.45, 0.0), (r * 0.5, 0.006), (r * rng.uniform(0.75, 0.95), h * 0.45), (r, h)])
    return Thing(name, tint if not body.metal else "metal", vessel(outer, 0.004, 0.007, body), piles=True)


@family("ramekin")
def ramekin(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["white", "cream", "brown", "light blue", "red"])
    r, h = rng.uniform(0.035, 0.05), rng.uniform(0.035, 0.05)
    outer = rounded([(r * 0.9, 0.0), (r * 0.95, 0.005), (r * 0.95, h - 0.008), (r, h - 0.006), (r, h)], 0.003)
    return Thing(name, tint, vessel(outer, 0.004, 0.005, plain(rgb, roughness=0.15)), piles=True)


@family("bottle", "table", "floor")
def bottle(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["dark green", "brown", "green", "black", "navy", "red", "white", "teal"])
    r, h, neck = rng.uniform(0.03, 0.042), rng.uniform(0.2, 0.31), rng.uniform(0.011, 0.016)
    shoulder = rng.uniform(0.5, 0.68)
    line = rounded(
        [
            (0, 0),
            (r, 0),
            (r, h * shoulder),
            (neck, h * (shoulder + rng.uniform(0.1, 0.2))),
            (neck, h),
            (0, h),
        ],
        0.03,
    )
    parts = [lathe(line, Material(surfaces.plain(rgb), gloss=0.06, roughness=0.08))]
    low, high = h * rng.uniform(0.1, 0.2), h * shoulder * rng.uniform(0.75, 0.95)
    band = prints.label(rng, colour(rng)[1], height=256, width=560, fronts=int(rng.integers(1, 3)))
    parts.append(lathe([(r + 0.0004, low), (r + 0.0004, high)], picture(band)))
    _, cap = colour(rng)
    parts.append(cylinder(neck + 0.002, h * 0.07, plastic(rng, cap)).moved((0, 0, h * 0.96)))
    return Thing(name, tint, parts)


@family("squeeze bottle")
def squeeze_bottle(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h, squash = rng.uniform(0.028, 0.042), rng.uniform(0.13, 0.23), rng.uniform(0.55, 0.85)
    waist = rng.uniform(0.82, 1.0)
    line = smooth([(r * 0.85, 0.0), (r, 0.012), (r * waist, h * 0.45), (r, h * 0.7), (r * 0.4, h * 0.86)], 26)
    line = np.concatenate([[(0, 0)], line])
    image = prints.label(rng, rgb, height=384, width=512) if rng.random() < 0.8 else surfaces.plain(rgb)
    body = lathe(line, picture(image, roughness=0.2)).scaled((1, squash, 1))
    _, cap = colour(rng)
    nozzle = lathe(
        rounded([(0, 0), (r * 0.5, 0), (r * 0.45, h * 0.08), (r * 0.15, h * 0.14), (0, h * 0.14)], 0.004),
        plastic(rng, cap),
    )
    return Thing(name, tint, [body, nozzle.moved((0, 0, h * 0.855))])


@family("jar")
def jar(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["orange", "dark red", "yellow", "brown", "green", "cream", "purple"])
    r, h = rng.uniform(0.03, 0.045), rng.uniform(0.07, 0.13)
    line = rounded([(0, 0), (r, 0), (r, h * 0.85), (r * 0.85, h * 0.95), (0, h * 0.95)], 0.01)
    fill = surfaces.speckled(rng, rgb, shade(rgb, 0.6), share=0.2, side=128)
    parts = [lathe(line, Material(fill, size_m=0.06, gloss=0.06, roughness=0.06))]
    parts.append(
        lathe([(r + 0.0004, h * 0.2), (r + 0.0004, h * 0.7)], picture(prints.label(rng, colour(rng)[1])))
    )
    parts.append(
        cylinder(
            r * 0.92, h * 0.13, pick(rng, [metal(rng), plastic(rng, colour(rng)[1])]), bevel=0.002
        ).moved((0, 0, h * 0.9))
    )
    return Thing(name, tint, parts, flat_top=True, piles=True)


@family("can")
def can(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.03, 0.052), rng.uniform(0.06, 0.125)
    steel = metal(rng, (190, 190, 192), roughness=0.25)
    rim = rounded([(r * 0.97, 0), (r, 0.001), (r, 0.004), (r * 0.985, 0.005)], 0.002)
    top = [
        (r * 0.985, h - 0.004),
        (r, h - 0.003),
        (r, h),
        (r * 0.96, h),
        (r * 0.95, h - 0.003),
        (0, h - 0.003),
    ]
    label = prints.label(rng, rgb, height=256, width=640, fronts=2)
    parts = [
        lathe(np.concatenate([[(0, 0.0)], rim]), steel),
        lathe([(r * 0.985, 0.005), (r * 0.985, h - 0.004)], picture(label, roughness=0.3)),
        lathe(top, steel, smooth=False),
    ]
    return Thing(name, tint, parts, flat_top=True, piles=True)


@family("vase", "table", "floor")
def vase(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    h = rng.uniform(0.13, 0.3)
    r = h * rng.uniform(0.2, 0.36)
    knots = [
        (r * 0.55, 0.0),
        (r, h * rng.uniform(0.25, 0.5)),
        (r * rng.uniform(0.35, 0.6), h * 0.82),
        (r * rng.uniform(0.45, 0.8), h),
    ]
    return Thing(name, tint, vessel(smooth(knots, 32), 0.005, 0.008, glaze(rng, rgb)))


@family("candle")
def candle(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["white", "cream", "red", "dark red", "green", "light blue", "purple", "yellow"])
    r, h = rng.uniform(0.018, 0.04), rng.uniform(0.06, 0.16)
    wax = Material(surfaces.mottled(rng, rgb, contrast=0.06), size_m=0.2, gloss=0.035, roughness=0.35)
    line = rounded([(0, 0), (r, 0), (r, h), (r * 0.8, h - 0.002), (0, h - 0.006)], 0.003)
    wick = tube(
        np.array([[0, 0, h - 0.008], [0.001, 0, h + 0.004], [0.003, 0, h + 0.01]]),
        0.0012,
        plain((40, 34, 30)),
    )
    return Thing(name, tint, [lathe(line, wax), wick], piles=True)


@family("candlestick")
def candlestick(rng: np.random.Generator, name: str) -> Thing:
    h = rng.uniform(0.1, 0.2)
    tint, material = timber(rng) if rng.random() < 0.5 else ("metal", metal(rng))
    knots = [
        (0.045, 0.0),
        (0.04, 0.01),
        (0.012, 0.025),
        (rng.uniform(0.012, 0.024), h * 0.4),
        (0.009, h * 0.6),
        (0.016, h * 0.85),
        (0.02, h),
    ]
    _, wax = colour(rng, ["white", "cream", "red", "navy"])
    stick = cylinder(0.0105, rng.uniform(0.05, 0.18), plain(wax, roughness=0.4), bevel=0.002).moved((0, 0, h))
    base = lathe(np.concatenate([[(0, 0)], smooth(knots, 40), [(0, h)]]), material)
    return Thing(name, tint, [base, stick])


@family("tumbler")
def tumbler(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = pick(
        rng,
        [
            ("clear", (236, 244, 240)),
            ("green", (150, 214, 170)),
            ("blue", (150, 190, 226)),
            ("amber", (230, 180, 110)),
        ],
    )
    r, h = rng.uniform(0.03, 0.042), rng.uniform(0.08, 0.14)
    outer = rounded([(r * 0.8, 0.0), (r * 0.85, 0.004), (r, h)], 0.004)
    return Thing(name, tint, vessel(outer, 0.0025, 0.008, clear(rgb)))


@family("wine glass")
def wine_glass(rng: np.random.Generator, name: str) -> Thing:
    r, stem, h = rng.uniform(0.03, 0.042), rng.uniform(0.06, 0.1), rng.uniform(0.08, 0.11)
    glass = clear()
    foot = lathe(
        np.concatenate(
            [
                [(0, 0)],
                rounded([(r, 0), (r, 0.002), (0.005, 0.008), (0.004, stem), (0.008, stem + 0.006)], 0.008),
                [(0, stem + 0.006)],
            ]
        ),
        glass,
    )
    outer = smooth([(0.006, stem), (r * 0.8, stem + h * 0.2), (r, stem + h * 0.5), (r * 0.8, stem + h)])
    parts = [foot, *vessel(outer, 0.002, 0.004, glass)]
    if rng.random() < 0.5:
        inside = smooth([(0.004, stem + 0.005), (r * 0.77, stem + h * 0.21), (r * 0.94, stem + h * 0.48)])
        parts.append(
            lathe(
                np.concatenate([[(0, stem + 0.005)], inside, [(0, inside[-1, 1])]]),
                plain(pick(rng, [(84, 10, 24), (214, 190, 110)]), roughness=0.1),
            )
        )
    return Thing(name, "clear", parts)


@family("ball", "table", "floor")
def toy_ball(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    image = pick(
        rng,
        [
            prints.motif_print(rng, rgb),
            surfaces.mottled(rng, rgb, contrast=0.05),
            surfaces.weave(rng, [rgb], style="linen"),
        ],
    )
    material = Material(image, gloss=0.04, roughness=rng.uniform(0.1, 0.7))
    return Thing(
        name,
        tint,
        [
            ball(rng.uniform(0.022, 0.07), material, segments=40)
            .turned("x", rng.uniform(0, 3))
            .turned("z", rng.uniform(0, 6))
        ],
    )


@family("tape roll")
def tape(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng, ["beige", "brown", "grey", "black", "red", "blue", "yellow"])
    r, h, hole = rng.uniform(0.03, 0.055), rng.uniform(0.015, 0.05), rng.uniform(0.5, 0.8)
    line = [(r * hole, 0.0), (r, 0.0), (r, h), (r * hole, h), (r * hole, 0.0)]
    core = [(r * hole, h * 1.0), (r * hole - 0.002, h * 1.0), (r * hole - 0.002, 0.0), (r * hole, 0.0)]
    return Thing(
        name,
        tint,
        [lathe(line, plastic(rng, rgb), smooth=True), lathe(core, matte(rng, (170, 140, 100)))],
        piles=True,
    )


@family("shaker")
def shaker(rng: np.random.Generator, name: str) -> Thing:
    tint, material = timber(rng) if rng.random() < 0.4 else colour(rng)
    body = material if isinstance(material, Material) else glaze(rng, material)
    h, r = rng.uniform(0.07, 0.2), rng.uniform(0.018, 0.03)
    knots = [(r, 0.0), (r * 0.95, h * 0.1), (r * 0.6, h * 0.45), (r * 0.85, h * 0.72), (r * 0.5, h * 0.8)]
    low = lathe(np.concatenate([[(0, 0)], smooth(knots, 30), [(0, h * 0.8)]]), body)
    return Thing(
        name,
        tint,
        [low, ball((r * 0.75, r * 0.75, h * 0.11), pick(rng, [body, metal(rng)])).moved((0, 0, h * 0.89))],
    )


@family("bucket", "floor")
def bucket(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    r, h = rng.uniform(0.11, 0.16), rng.uniform(0.22, 0.3)
    material = pick(rng, [plastic(rng, rgb), metal(rng, (176, 178, 180))])
    body = vessel(
        rounded(
            [(r * 0.72, 0), (r * 0.75, 0.005), (r * 0.97, h * 0.94), (r * 1.03, h * 0.95), (r, h)], 0.004
        ),
        0.004,
        0.006,
        material,
    )
    t = np.linspace(0, np.pi, 30)
    drop = rng.uniform(-0.6, 0.5)
    bow = np.stack(
        [r * np.cos(t), -np.sin(t) * r * np.cos(drop) * 1.02, h * 0.93 + np.sin(t) * r * np.sin(drop)], axis=1
    )
    return Thing(name, "metal" if material.metal else tint, [*body, tube(bow, 0.004, metal(rng))])


@family("table lamp")
def lamp(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    h, r = rng.uniform(0.18, 0.3), rng.uniform(0.04, 0.07)
    foot = smooth(
        [(r, 0.0), (r * 0.9, 0.012), (r * rng.uniform(0.4, 1.1), h * 0.35), (0.012, h * 0.62), (0.01, h)], 36
    )
    base = lathe(
        np.concatenate([[(0, 0)], foot, [(0, h)]]), pick(rng, [glaze(rng, rgb), metal(rng), timber(rng)[1]])
    )
    wide, narrow, tall = rng.uniform(0.09, 0.14), rng.uniform(0.05, 0.1), rng.uniform(0.11, 0.17)
    _, shade_rgb = colour(rng, ["white", "cream", "beige", "red", "grey", "yellow"])
    top = vessel(np.array([[wide, h * 0.85], [narrow, h * 0.85 + tall]]), 0.002, 1.0, cloth(rng, shade_rgb))[
        1:2
    ]
    inner = lathe(
        [(narrow - 0.002, h * 0.85 + tall), (wide - 0.002, h * 0.85)], plain((240, 232, 214), roughness=0.9)
    )
    cap = lathe(
        [(narrow, h * 0.85 + tall - 0.01), (0, h * 0.85 + tall - 0.01)], plain((240, 232, 214), roughness=0.9)
    )
    return Thing(name, tint, [base, *top, inner, cap])


@family("ring")
def ring(rng: np.random.Generator, name: str) -> Thing:
    tint, rgb = colour(rng)
    big, thin = rng.uniform(0.02, 0.06), rng.uniform(0.003, 0.012)
    t = np.linspace(0, 2 * np.pi, 24)
    line = np.stack([big + thin * np.cos(t), thin * np.sin(t)], axis=1)
    line[-1] = line[0]
    material = pick(rng, [plastic(rng, rgb), metal(rng), timber(rng)[1]])
    return Thing(name, tint if not material.metal else "metal", [lathe(line, material)], piles=True)


def tinted(rgb: Rgb, factor: float) -> Material:
    """A plain material lighter or darker than `rgb`."""
    return plain(shade(rgb, factor))
