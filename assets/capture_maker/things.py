"""The objects of the captures: each function makes one kind of thing in a colour, varied by its generator."""

from collections.abc import Callable

import numpy as np

from assets.capture_maker import textures
from assets.capture_maker.shapes import (
    Finish,
    Part,
    Thing,
    arc,
    ball,
    box,
    cylinder,
    extrusion,
    lathe,
    rounded,
    tube,
)  # fmt: skip

Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (176, 38, 34),
    "orange": (214, 112, 30),
    "yellow": (222, 178, 44),
    "green": (62, 122, 58),
    "teal": (32, 124, 124),
    "blue": (44, 84, 160),
    "purple": (104, 62, 132),
    "pink": (214, 124, 148),
    "brown": (116, 72, 42),
    "grey": (128, 128, 126),
    "white": (206, 201, 188),
    "black": (44, 42, 44),
}

TITLES = [
    "RIVERS", "THE ATLAS", "NORTH", "GARDENS", "ORBIT", "TIDES", "FABLES", "STONE", "KITCHEN", "MOTH",
    "LANTERN", "HARBOUR", "WINTER", "BIRDS", "PAPER", "SIGNAL",
]  # fmt: skip
GOODS = [
    "TEA",
    "OATS",
    "RICE",
    "COCOA",
    "FLOUR",
    "CRISP",
    "MALT",
    "SPICE",
    "HONEY",
    "BEANS",
    "LIME",
    "PLUM",
    "CORN",
]
KINDS = ["dots", "leaves", "stripes", "terrazzo", "brush"]


def _pick(rng: np.random.Generator, items: list[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _printed(
    rng: np.random.Generator, colour: Rgb, kind: str, *, height: int = 256, width: int = 640
) -> Finish:
    inks = textures.neighbours(rng, colour, 4)
    return Finish(colour, image=textures.motif(rng, height, width, colour, inks, kind), roughness=0.4)


def _speckled(colour: Rgb, *, roughness: float = 0.45, grain_per_m: float = 260.0) -> Finish:
    return Finish(colour, textures.shade(colour, 0.72), roughness=roughness, grain_per_m=grain_per_m)


def _wooden(rng: np.random.Generator, colour: Rgb = (168, 118, 70), *, along_y: bool = False) -> Finish:
    image = textures.wood(
        rng, 300, 300, textures.shade(colour, 0.55), textures.shade(colour, 1.4), along_y=along_y
    )
    return Finish(colour, image=image, roughness=0.55)


def mug(rng: np.random.Generator, name: str) -> Thing:
    kind = _pick(rng, KINDS)
    r, h = rng.uniform(0.038, 0.045), rng.uniform(0.085, 0.105)
    profile = rounded(
        [(0, 0), (r * 0.86, 0), (r, 0.012), (r, h), (r - 0.004, h), (r - 0.004, 0.01), (0, 0.008)], 0.004
    )
    glaze = _printed(rng, COLOURS[name], kind)
    handle = tube(
        arc((r - 0.003, 0, h * 0.5), 0.027, h * 0.3, -np.pi / 2, np.pi / 2), 0.0055, _speckled(COLOURS[name])
    )
    return Thing("mug", name, kind, [lathe(profile, glaze), handle], light=True)


def book(rng: np.random.Generator, name: str) -> Thing:
    width, height, thick = rng.uniform(0.13, 0.17), rng.uniform(0.19, 0.24), rng.uniform(0.022, 0.042)
    title = _pick(rng, TITLES)
    colour = COLOURS[name]
    front = textures.cover(rng, 480, 340, colour, title)
    board = 0.003
    parts = [
        _flat_cover((width, height, board), front, colour).moved((0, 0, thick - board)),
        box((width, height, board), Finish(colour, mottle=0.2)),
        box((board, height, thick - 2 * board), _spine(rng, colour, title)).moved(
            (-width / 2 + board / 2, 0, board)
        ),
        box((width - 0.008, height - 0.008, thick - 2 * board), _paper(rng)).moved((0, 0, board)),
    ]
    return Thing("book", name, "cover", parts, flat_top=True, light=True)


def _flat_cover(size: tuple[float, float, float], picture: np.ndarray, colour: Rgb) -> Part:
    """A board with the picture on its top face and plain sides."""
    cells = np.full((picture.shape[0] * 2, picture.shape[1] * 3, 3), np.asarray(colour, np.uint8))
    cells[picture.shape[0] :, picture.shape[1] : 2 * picture.shape[1]] = picture
    return box(size, Finish(colour, image=cells, roughness=0.35), atlas=True)


def _spine(rng: np.random.Generator, colour: Rgb, title: str) -> Finish:
    return Finish(colour, image=textures.label(rng, 120, 500, colour, [title]), roughness=0.4)


def _paper(rng: np.random.Generator) -> Finish:
    lines = textures.noise(rng, 200, 200, slope=0.0, stretch=60.0)
    return Finish(
        (232, 226, 208),
        image=textures.finished(textures.blend((196, 188, 164), (240, 236, 222), lines)),
        roughness=0.9,
    )


def carton(rng: np.random.Generator, name: str) -> Thing:
    width, depth, height = rng.uniform(0.08, 0.13), rng.uniform(0.045, 0.075), rng.uniform(0.11, 0.19)
    colour = COLOURS[name]
    word = _pick(rng, GOODS)
    cells = [textures.cover(rng, 300, 300, colour, word) for _ in range(2)]
    cells += [textures.label(rng, 300, 300, colour, [word]) for _ in range(2)]
    cells += [
        textures.motif(rng, 300, 300, colour, textures.neighbours(rng, colour, 4), "leaves") for _ in range(2)
    ]
    image = np.vstack([np.hstack(cells[:3]), np.hstack(cells[3:])])
    body = box((width, depth, height), Finish(colour, image=image, roughness=0.5), atlas=True)
    return Thing("box", name, "print", [body], flat_top=depth > 0.06)


def bottle(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.03, 0.038), rng.uniform(0.2, 0.26)
    colour = COLOURS[name]
    neck = 0.0125
    profile = rounded(
        [(0, 0), (r, 0), (r, h * 0.58), (neck, h * 0.8), (neck, h * 0.95), (0, h * 0.95)], 0.012
    )
    paper = Finish(
        image=textures.label(rng, 220, 620, colour, [_pick(rng, GOODS), _pick(rng, GOODS)]), roughness=0.6
    )
    band = lathe([(r + 0.0006, h * 0.12), (r + 0.0006, h * 0.5)], paper)
    cap = cylinder(neck + 0.003, h * 0.09, _speckled(COLOURS["black"])).moved((0, 0, h * 0.91))
    glass = Finish(textures.shade(colour, 0.6), textures.shade(colour, 0.85), roughness=0.18, grain_per_m=160)
    return Thing("bottle", name, "label", [lathe(profile, glass), band, cap])


def bowl(rng: np.random.Generator, name: str) -> Thing:
    kind = _pick(rng, KINDS)
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
    return Thing("bowl", name, kind, [lathe(profile, _printed(rng, COLOURS[name], kind, height=420))])


def toy_ball(rng: np.random.Generator, name: str) -> Thing:
    kind = _pick(rng, ["terrazzo", "stripes", "dots", "brush"])
    r = rng.uniform(0.034, 0.055)
    skin = ball(r, _printed(rng, COLOURS[name], kind, height=340)).turned("x", rng.uniform(0.4, 1.2))
    return Thing("ball", name, kind, [skin.turned("z", rng.uniform(0, 6)).moved((0, 0, r))], light=True)


def car(rng: np.random.Generator, name: str) -> Thing:
    paint = _speckled(COLOURS[name], roughness=0.3, grain_per_m=120)
    length, wheel = rng.uniform(0.13, 0.16), 0.0165
    s = length / 0.15
    outline = [
        (-0.075, 0.014),
        (0.075, 0.014),
        (0.077, 0.036),
        (0.048, 0.043),
        (0.024, 0.066),
        (-0.034, 0.067),
        (-0.056, 0.046),
        (-0.077, 0.042),
    ]
    windows = [(0.038, 0.044), (0.02, 0.062), (-0.03, 0.063), (-0.048, 0.046)]
    parts = [extrusion([(x * s, z) for x, z in outline], 0.062, paint)]
    parts.append(extrusion([(x * s, z) for x, z in windows], 0.0635, Finish((58, 72, 84), roughness=0.2)))
    stripe = Finish(
        image=textures.motif(rng, 60, 400, COLOURS["white"], [COLOURS["black"], COLOURS[name]], "stripes")
    )
    parts.append(box((0.152 * s, 0.063, 0.006), stripe).moved((0, 0, 0.028)))
    for x in (-0.046 * s, 0.046 * s):
        for y in (-0.034, 0.034):
            tyre = cylinder(wheel, 0.014, Finish((38, 36, 36), (80, 78, 76), roughness=0.8), segments=32)
            hub = cylinder(wheel * 0.55, 0.0152, Finish((200, 198, 190), (150, 148, 140)), segments=24)
            for disc, shift in ((tyre, 0.007), (hub, 0.0076)):
                parts.append(disc.turned("x", np.pi / 2).moved((x, y + shift, wheel)))
    return Thing("toy car", name, "paint", parts, light=True)


def bear(rng: np.random.Generator, name: str) -> Thing:
    fur = Finish(
        COLOURS[name], textures.shade(COLOURS[name], 0.55), roughness=0.95, grain_per_m=420, bump=0.5
    )
    pale = Finish(
        textures.shade(COLOURS[name], 2.2),
        textures.shade(COLOURS[name], 1.3),
        roughness=0.95,
        grain_per_m=420,
        bump=0.5,
    )
    dark = Finish((30, 26, 26), roughness=0.3)
    s = rng.uniform(0.9, 1.1)
    parts = [
        ball(0.042, fur, squash=1.15).moved((0, 0, 0.05)),
        ball(0.03, pale, squash=1.1).moved((0, -0.017, 0.05)),
        ball(0.033, fur).moved((0, -0.004, 0.118)),
        ball(0.0155, pale, squash=0.8).moved((0, -0.03, 0.11)),
        ball(0.0052, dark).moved((0, -0.0455, 0.114)),
    ]
    for side in (-1, 1):
        parts.append(ball(0.013, fur).moved((side * 0.026, 0, 0.145)))
        parts.append(ball(0.0042, dark).moved((side * 0.012, -0.033, 0.126)))
        parts.append(ball(0.016, fur, squash=1.9).turned("y", side * 0.9).moved((side * 0.046, -0.01, 0.07)))
        parts.append(
            ball(0.019, fur, squash=1.7).turned("x", np.pi / 2.3).moved((side * 0.027, -0.036, 0.0195))
        )
        parts.append(
            ball(0.0135, pale, squash=0.4).turned("x", np.pi / 2).moved((side * 0.027, -0.063, 0.022))
        )
    return Thing("teddy bear", name, "fur", [part.scaled((s, s, s)) for part in parts])


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
    pot = lathe(profile, _printed(rng, COLOURS[name], _pick(rng, ["terrazzo", "brush", "stripes"])))
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


def apple(rng: np.random.Generator, name: str) -> Thing:
    r = rng.uniform(0.036, 0.042)
    t = np.linspace(0, np.pi, 28)
    profile = [
        (
            float(r * np.sin(a) * (1.05 + 0.06 * np.cos(a))),
            float(
                r
                * (
                    1
                    - 0.93 * np.cos(a)
                    - 0.2 * np.exp(-(((a - np.pi) / 0.4) ** 2))
                    + 0.1 * np.exp(-((a / 0.35) ** 2))
                )
            ),
        )
        for a in t
    ]
    profile[0], profile[-1] = (0.0, profile[0][1]), (0.0, profile[-1][1])
    base = COLOURS[name]
    skin = textures.finished(
        textures.blend(
            base,
            textures.neighbours(rng, base, 1)[0],
            textures.noise(rng, 400, 200, slope=0.35, stretch=12).T * 0.8,
        )
    )
    body = lathe(profile, Finish(base, image=skin, roughness=0.3))
    top = profile[-1][1]
    stem = tube(
        np.array([[0, 0, top - 0.004], [0.002, 0, top + 0.008], [0.006, 0, top + 0.018]]),
        0.0016,
        Finish((84, 58, 34)),
        segments=8,
    )
    return Thing("apple", name, "skin", [body, stem], light=True)


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
        image=textures.label(rng, 300, 720, COLOURS[name], [_pick(rng, GOODS), _pick(rng, GOODS)]),
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
        image=textures.label(rng, 150, 560, COLOURS["white"], [_pick(rng, GOODS)] * 2), roughness=0.7
    )
    band = lathe([(r + 0.0006, h * 0.2), (r + 0.0006, h * 0.62)], paper)
    return Thing("jar", name, "label", [body, lid, band], flat_top=True)


def gift(rng: np.random.Generator, name: str) -> Thing:
    x, y, z = rng.uniform(0.08, 0.12), rng.uniform(0.08, 0.12), rng.uniform(0.055, 0.08)
    wrap = _printed(rng, COLOURS[name], _pick(rng, ["dots", "stripes", "leaves"]), height=300, width=300)
    ribbon = Finish(
        textures.neighbours(rng, COLOURS[name], 1)[0], roughness=0.4, mottle=0.25, grain_per_m=500
    )
    parts = [
        box((x, y, z), wrap),
        box((x + 0.0015, 0.018, z + 0.001), ribbon),
        box((0.018, y + 0.0015, z + 0.0012), ribbon),
    ]
    for side in (-1, 1):
        loop = arc((side * 0.02, 0, z + 0.012), 0.019, 0.011, 0, 2 * np.pi, steps=24)
        parts.append(tube(loop, 0.0035, ribbon, flatten=2.2).turned("z", 0.5))
    return Thing("gift", name, "print", parts)


def teapot(rng: np.random.Generator, name: str) -> Thing:
    kind = _pick(rng, ["leaves", "dots", "brush", "terrazzo"])
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
    plain = _speckled(COLOURS[name])
    spout = tube(
        np.array([[0.055, 0, 0.035], [0.075, 0, 0.045], [0.088, 0, 0.065], [0.102, 0, 0.088]]), 0.0095, plain
    )
    handle = tube(arc((-0.055, 0, 0.058), 0.042, 0.03, 0.5 * np.pi, 1.5 * np.pi), 0.0055, plain)
    knob = ball(0.0095, plain).moved((0, 0, 0.114))
    body = lathe(profile, _printed(rng, COLOURS[name], kind, height=340))
    return Thing("teapot", name, kind, [part.scaled((s, s, s)) for part in (body, spout, handle, knob)])


def vase(rng: np.random.Generator, name: str) -> Thing:
    kind = _pick(rng, KINDS)
    h, r = rng.uniform(0.17, 0.23), rng.uniform(0.034, 0.042)
    z = np.linspace(0, 1, 24)
    radius = r * (
        0.75 + 0.55 * np.sin(np.pi * (z * 0.95 + 0.02)) ** 1.5 + 0.12 * np.cos(5 * z + rng.uniform(0, 1))
    )
    outer = [(float(q), float(t * h)) for q, t in zip(radius, z, strict=True)]
    inner = [(q - 0.004, t) for q, t in outer[:2:-1]]
    profile = [(0.0, 0.0), *outer, *inner, (0.0, inner[-1][1])]
    return Thing("vase", name, kind, [lathe(profile, _printed(rng, COLOURS[name], kind, height=420))])


def duck(rng: np.random.Generator, name: str) -> Thing:
    skin = _speckled(COLOURS[name], roughness=0.35, grain_per_m=110)
    beak = _speckled(COLOURS["orange"], roughness=0.4)
    parts = [
        ball(0.04, skin, squash=0.8).scaled((1.25, 1, 1)).moved((0, 0, 0.032)),
        ball(0.027, skin).moved((0.026, 0, 0.078)),
        ball(0.016, skin, squash=0.8).scaled((1.5, 1, 1)).turned("y", 0.6).moved((-0.05, 0, 0.046)),
        ball(0.011, beak, squash=0.5).scaled((1.4, 1.1, 1)).moved((0.056, 0, 0.073)),
    ]
    for side in (-1, 1):
        parts.append(ball(0.0042, Finish((24, 22, 22), roughness=0.2)).moved((0.045, side * 0.0155, 0.087)))
        parts.append(
            ball(0.022, skin, squash=0.7)
            .scaled((1.5, 0.45, 1))
            .turned("y", 0.25)
            .moved((-0.006, side * 0.036, 0.04))
        )
    return Thing("rubber duck", name, "plain", parts, light=True)


def pencil_cup(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.034, 0.04), rng.uniform(0.09, 0.105)
    kind = _pick(rng, KINDS)
    profile = [(0, 0), (r, 0), (r, h), (r - 0.003, h), (r - 0.003, 0.006), (0, 0.006)]
    parts = [lathe(profile, _printed(rng, COLOURS[name], kind))]
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


def clock(rng: np.random.Generator, name: str) -> Thing:
    paint = _speckled(COLOURS[name], roughness=0.3)
    r, depth, up = 0.05, 0.04, 0.064
    parts = [cylinder(r, depth, paint).turned("x", np.pi / 2).moved((0, depth / 2, up))]
    parts.append(_dial(rng, r * 0.88).moved((0, -depth / 2 - 0.0006, up)))
    for side in (-1, 1):
        parts.append(
            ball(0.02, Finish((186, 160, 92), (120, 96, 50), metallic=0.7), squash=0.7)
            .turned("y", side * 0.6)
            .moved((side * 0.031, 0, up + r + 0.002))
        )
        parts.append(
            cylinder(0.0055, 0.03, paint, segments=16)
            .moved((0, 0, -0.03))
            .turned("y", -side * 0.5)
            .moved((side * 0.026, 0, 0.0262))
        )
    parts.append(tube(arc((0, 0, up + r + 0.012), 0.03, 0.022, 0, np.pi), 0.0028, paint))
    return Thing("alarm clock", name, "dial", parts)


def _dial(rng: np.random.Generator, radius: float) -> Part:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (300, 300), (240, 234, 218))
    draw = ImageDraw.Draw(image)
    for hour in range(1, 13):
        angle = 2 * np.pi * hour / 12
        textures.text_line(
            draw, (150 + 112 * np.sin(angle), 150 - 112 * np.cos(angle)), str(hour), 34, (36, 32, 32)
        )
    for length, wide, angle in ((70, 9, rng.uniform(0, 6)), (104, 6, rng.uniform(0, 6))):
        draw.line(
            [150, 150, 150 + length * np.sin(angle), 150 - length * np.cos(angle)],
            fill=(34, 30, 30),
            width=wide,
        )
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return extrusion(
        [(radius * np.cos(a), radius * np.sin(a)) for a in t], 0.002, Finish(image=np.asarray(image))
    )


def house(rng: np.random.Generator, name: str) -> Thing:
    width, depth, height = rng.uniform(0.08, 0.1), rng.uniform(0.07, 0.09), rng.uniform(0.06, 0.075)
    wall = box((width, depth, height), _wooden(rng, (196, 160, 112)))
    tiles = _printed(rng, COLOURS[name], "stripes", height=240, width=240)
    eave, ridge = 0.012, rng.uniform(0.04, 0.055)
    outline = [(-depth / 2 - eave, 0), (depth / 2 + eave, 0), (0, ridge)]
    roof = extrusion(outline, width + 2 * eave, tiles).turned("z", np.pi / 2).moved((0, 0, height))
    dark = Finish((70, 54, 44), (40, 30, 26))
    door = box((0.022, depth + 0.002, 0.036), dark).moved((-0.012, 0, 0))
    pane = box((0.018, depth + 0.002, 0.018), Finish((120, 160, 186), (230, 232, 220))).moved(
        (0.024, 0, 0.024)
    )
    chimney = box((0.016, 0.016, 0.03), _speckled((140, 74, 58))).moved((0.026, 0.02, height + ridge * 0.42))
    return Thing("toy house", name, "wood", [wall, roof, door, pane, chimney])


def tape(rng: np.random.Generator, name: str) -> Thing:
    r, width = rng.uniform(0.042, 0.05), rng.uniform(0.03, 0.045)
    band = _printed(rng, COLOURS[name], _pick(rng, ["stripes", "dots", "brush"]), height=300)
    profile = [(r, 0), (r, width), (r * 0.72, width), (r * 0.72, 0), (r, 0)]
    core = lathe(
        [
            (r * 0.73, -0.0005),
            (r * 0.73, width + 0.0005),
            (r * 0.68, width + 0.0005),
            (r * 0.68, -0.0005),
            (r * 0.73, -0.0005),
        ],
        Finish((176, 142, 100), (140, 108, 70), roughness=0.9),
    ).moved((0, 0, 0.0005))
    return Thing("tape roll", name, "print", [lathe(profile, band), core], light=True)


def candle(rng: np.random.Generator, name: str) -> Thing:
    r, h = rng.uniform(0.028, 0.034), rng.uniform(0.09, 0.13)
    dish = lathe(
        rounded(
            [(0, 0), (r * 1.5, 0), (r * 1.8, 0.014), (r * 1.7, 0.014), (r * 1.35, 0.005), (0, 0.005)], 0.003
        ),
        _speckled(COLOURS["brown"]),
    )
    wax = Finish(COLOURS[name], textures.shade(COLOURS[name], 1.7), roughness=0.5, grain_per_m=60, mottle=0.2)
    body = lathe(rounded([(0, 0.005), (r, 0.005), (r, h), (r * 0.7, h - 0.006), (0, h - 0.007)], 0.003), wax)
    wick = cylinder(0.0012, 0.016, Finish((40, 34, 30)), segments=8).moved((0, 0, h - 0.008))
    return Thing("candle", name, "wax", [dish, body, wick])


def radio(rng: np.random.Generator, name: str) -> Thing:
    width, depth, height = rng.uniform(0.15, 0.18), 0.06, rng.uniform(0.09, 0.11)
    parts = [box((width, depth, height), _wooden(rng, COLOURS[name]))]
    mesh = textures.cloth(rng, 200, 240, [(208, 190, 150), (160, 138, 100), (90, 74, 56)])
    parts.append(
        box((width * 0.52, depth + 0.004, height * 0.74), Finish(image=mesh, roughness=0.9)).moved(
            (-width * 0.2, 0, height * 0.13)
        )
    )
    parts.append(
        box(
            (width * 0.3, depth + 0.004, height * 0.24),
            Finish(image=textures.label(rng, 120, 200, COLOURS["white"], ["FM"]), roughness=0.4),
        ).moved((width * 0.27, 0, height * 0.6))
    )
    for shift in (0.17, 0.36):
        knob = cylinder(0.012, 0.014, _speckled((196, 178, 130)), segments=32).turned("x", np.pi / 2)
        parts.append(knob.moved((width * shift, -depth / 2, height * 0.32)))
    parts.append(
        tube(arc((0, 0, height - 0.002), width * 0.36, 0.03, 0, np.pi), 0.0042, Finish((70, 52, 40)))
    )
    return Thing("radio", name, "wood", parts)


def mushroom(rng: np.random.Generator, name: str) -> Thing:
    h = rng.uniform(0.05, 0.065)
    stalk = lathe(
        rounded([(0, 0), (0.024, 0), (0.017, h * 0.5), (0.02, h), (0, h)], 0.01),
        _wooden(rng, (214, 186, 146), along_y=True),
    )
    t = np.linspace(0, np.pi / 2, 14)
    cap = [
        (0.0, 0.0),
        *[(float(0.046 * np.cos(a)), float(0.004 + 0.036 * np.sin(a))) for a in t[:-1]],
        (0.0, 0.04),
    ]
    top = lathe(cap, _printed(rng, COLOURS[name], "dots", height=300)).moved((0, 0, h - 0.002))
    return Thing("toy mushroom", name, "dots", [stalk, top])


def blocks(rng: np.random.Generator, name: str) -> Thing:
    """A small arch of glued wooden blocks."""
    paint = _wooden(rng, COLOURS[name])
    pale = _wooden(rng, (206, 170, 120))
    parts = [box((0.03, 0.035, 0.06), pale).moved((side * 0.035, 0, 0)) for side in (-1, 1)]
    parts.append(box((0.11, 0.037, 0.026), paint).moved((0, 0, 0.06)))
    parts.append(box((0.035, 0.033, 0.03), pale).moved((rng.uniform(-0.02, 0.02), 0, 0.086)))
    return Thing("block arch", name, "wood", parts)


THINGS: dict[str, Callable[[np.random.Generator, str], Thing]] = {
    "mug": mug, "book": book, "box": carton, "bottle": bottle, "bowl": bowl, "ball": toy_ball, "toy car": car,
    "teddy bear": bear, "potted plant": plant, "apple": apple, "can": can, "jar": jar, "gift": gift,
    "teapot": teapot, "vase": vase, "rubber duck": duck, "pencil cup": pencil_cup, "alarm clock": clock,
    "toy house": house, "tape roll": tape, "candle": candle, "radio": radio, "toy mushroom": mushroom,
    "block arch": blocks,
}  # fmt: skip

USUAL_COLOURS: dict[str, list[str]] = {
    "teddy bear": ["brown", "grey", "white", "pink"],
    "apple": ["red", "green", "yellow"],
    "rubber duck": ["yellow", "blue", "pink", "green"],
    "radio": ["brown", "red", "teal", "blue"],
    "jar": ["red", "orange", "purple", "brown", "yellow"],
}
"""Colours a kind comes in; any colour for the others."""


def colours_of(category: str) -> list[str]:
    return USUAL_COLOURS.get(category, [colour for colour in COLOURS if colour not in ("grey", "black")])


def make_thing(rng: np.random.Generator, category: str, colour: str) -> Thing:
    """One thing standing on z = 0 with its footprint centred on the origin."""
    thing = THINGS[category](rng, colour)
    low, high = thing.vertices.min(axis=0), thing.vertices.max(axis=0)
    offset = [-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]]
    parts = [part.moved(offset) for part in thing.parts]
    return Thing(thing.category, thing.colour, thing.pattern, parts, thing.flat_top, thing.light)
