"""What lies about a house: books, boxes, a clock, a radio, fruit."""

import numpy as np

from assets.capture_maker import textures
from assets.capture_maker.shapes import Finish, Part, Thing, arc, ball, box, cylinder, extrusion, lathe, tube
from assets.capture_maker.things.base import COLOURS, GOODS, Rgb, pick, printed, speckled, wooden

TITLES = [
    "RIVERS", "THE ATLAS", "NORTH", "GARDENS", "ORBIT", "TIDES", "FABLES", "STONE", "KITCHEN", "MOTH",
    "LANTERN", "HARBOUR", "WINTER", "BIRDS", "PAPER", "SIGNAL",
]  # fmt: skip


def book(rng: np.random.Generator, name: str) -> Thing:
    width, height, thick = rng.uniform(0.13, 0.17), rng.uniform(0.19, 0.24), rng.uniform(0.022, 0.042)
    title = pick(rng, TITLES)
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
    word = pick(rng, GOODS)
    cells = [textures.cover(rng, 300, 300, colour, word) for _ in range(2)]
    cells += [textures.label(rng, 300, 300, colour, [word]) for _ in range(2)]
    cells += [
        textures.motif(rng, 300, 300, colour, textures.neighbours(rng, colour, 4), "leaves") for _ in range(2)
    ]
    image = np.vstack([np.hstack(cells[:3]), np.hstack(cells[3:])])
    body = box((width, depth, height), Finish(colour, image=image, roughness=0.5), atlas=True)
    return Thing("box", name, "print", [body], flat_top=depth > 0.06)


def gift(rng: np.random.Generator, name: str) -> Thing:
    x, y, z = rng.uniform(0.08, 0.12), rng.uniform(0.08, 0.12), rng.uniform(0.055, 0.08)
    wrap = printed(rng, COLOURS[name], pick(rng, ["dots", "stripes", "leaves"]), height=300, width=300)
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


def clock(rng: np.random.Generator, name: str) -> Thing:
    paint = speckled(COLOURS[name], roughness=0.3)
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


def tape(rng: np.random.Generator, name: str) -> Thing:
    r, width = rng.uniform(0.042, 0.05), rng.uniform(0.03, 0.045)
    band = printed(rng, COLOURS[name], pick(rng, ["stripes", "dots", "brush"]), height=300)
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


def radio(rng: np.random.Generator, name: str) -> Thing:
    width, depth, height = rng.uniform(0.15, 0.18), 0.06, rng.uniform(0.09, 0.11)
    parts = [box((width, depth, height), wooden(rng, COLOURS[name]))]
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
        knob = cylinder(0.012, 0.014, speckled((196, 178, 130)), segments=32).turned("x", np.pi / 2)
        parts.append(knob.moved((width * shift, -depth / 2, height * 0.32)))
    parts.append(
        tube(arc((0, 0, height - 0.002), width * 0.36, 0.03, 0, np.pi), 0.0042, Finish((70, 52, 40)))
    )
    return Thing("radio", name, "wood", parts)


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
