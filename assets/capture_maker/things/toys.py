"""What is played with."""

import numpy as np

from assets.capture_maker import textures
from assets.capture_maker.shapes import Finish, Thing, ball, box, cylinder, extrusion, lathe, rounded
from assets.capture_maker.things.base import COLOURS, pick, printed, speckled, wooden


def toy_ball(rng: np.random.Generator, name: str) -> Thing:
    kind = pick(rng, ["terrazzo", "stripes", "dots", "brush"])
    r = rng.uniform(0.034, 0.055)
    skin = ball(r, printed(rng, COLOURS[name], kind, height=340)).turned("x", rng.uniform(0.4, 1.2))
    return Thing("ball", name, kind, [skin.turned("z", rng.uniform(0, 6)).moved((0, 0, r))], light=True)


def car(rng: np.random.Generator, name: str) -> Thing:
    paint = speckled(COLOURS[name], roughness=0.3, grain_per_m=120)
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


def duck(rng: np.random.Generator, name: str) -> Thing:
    skin = speckled(COLOURS[name], roughness=0.35, grain_per_m=110)
    beak = speckled(COLOURS["orange"], roughness=0.4)
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


def house(rng: np.random.Generator, name: str) -> Thing:
    width, depth, height = rng.uniform(0.08, 0.1), rng.uniform(0.07, 0.09), rng.uniform(0.06, 0.075)
    wall = box((width, depth, height), wooden(rng, (196, 160, 112)))
    tiles = printed(rng, COLOURS[name], "stripes", height=240, width=240)
    eave, ridge = 0.012, rng.uniform(0.04, 0.055)
    outline = [(-depth / 2 - eave, 0), (depth / 2 + eave, 0), (0, ridge)]
    roof = extrusion(outline, width + 2 * eave, tiles).turned("z", np.pi / 2).moved((0, 0, height))
    dark = Finish((70, 54, 44), (40, 30, 26))
    door = box((0.022, depth + 0.002, 0.036), dark).moved((-0.012, 0, 0))
    pane = box((0.018, depth + 0.002, 0.018), Finish((120, 160, 186), (230, 232, 220))).moved(
        (0.024, 0, 0.024)
    )
    chimney = box((0.016, 0.016, 0.03), speckled((140, 74, 58))).moved((0.026, 0.02, height + ridge * 0.42))
    return Thing("toy house", name, "wood", [wall, roof, door, pane, chimney])


def mushroom(rng: np.random.Generator, name: str) -> Thing:
    h = rng.uniform(0.05, 0.065)
    stalk = lathe(
        rounded([(0, 0), (0.024, 0), (0.017, h * 0.5), (0.02, h), (0, h)], 0.01),
        wooden(rng, (214, 186, 146), along_y=True),
    )
    t = np.linspace(0, np.pi / 2, 14)
    cap = [
        (0.0, 0.0),
        *[(float(0.046 * np.cos(a)), float(0.004 + 0.036 * np.sin(a))) for a in t[:-1]],
        (0.0, 0.04),
    ]
    top = lathe(cap, printed(rng, COLOURS[name], "dots", height=300)).moved((0, 0, h - 0.002))
    return Thing("toy mushroom", name, "dots", [stalk, top])


def blocks(rng: np.random.Generator, name: str) -> Thing:
    """A small arch of glued wooden blocks."""
    paint = wooden(rng, COLOURS[name])
    pale = wooden(rng, (206, 170, 120))
    parts = [box((0.03, 0.035, 0.06), pale).moved((side * 0.035, 0, 0)) for side in (-1, 1)]
    parts.append(box((0.11, 0.037, 0.026), paint).moved((0, 0, 0.06)))
    parts.append(box((0.035, 0.033, 0.03), pale).moved((rng.uniform(-0.02, 0.02), 0, 0.086)))
    return Thing("block arch", name, "wood", parts)
