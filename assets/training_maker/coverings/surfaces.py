"""Textures of natural and woven surfaces: plaster, wood, stone, cloth, tiles, wallpaper. uint8 [H, W, 3] sRGB."""

import colorsys
import itertools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from assets.capture_maker.textures import noise

Rgb = tuple[int, int, int]
T = TypeVar("T")

COLOURS: dict[str, Rgb] = {
    "red": (178, 34, 32), "dark red": (110, 26, 34), "orange": (222, 116, 36), "yellow": (226, 186, 52),
    "cream": (228, 214, 180), "green": (58, 128, 66), "dark green": (30, 70, 50), "mint": (150, 200, 176),
    "teal": (28, 120, 126), "light blue": (132, 176, 212), "blue": (40, 84, 168), "navy": (30, 40, 82),
    "purple": (104, 60, 136), "pink": (222, 140, 160), "brown": (112, 72, 44), "beige": (196, 172, 138),
    "grey": (128, 128, 128), "light grey": (188, 188, 186), "white": (232, 230, 224), "black": (32, 32, 34),
}  # fmt: skip
WOODS: list[tuple[Rgb, Rgb]] = [
    ((128, 84, 48), (190, 142, 92)), ((176, 134, 88), (216, 182, 136)), ((70, 42, 28), (120, 78, 50)),
    ((196, 168, 132), (226, 204, 172)), ((110, 52, 34), (160, 88, 58)), ((150, 140, 126), (190, 182, 168)),
]  # fmt: skip


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of them, each as likely."""
    return items[int(rng.integers(len(items)))]


def varied(rng: np.random.Generator, colour: Rgb, amount: float = 10.0) -> Rgb:
    """A colour near another."""
    red, green, blue = np.clip(np.asarray(colour) + rng.normal(0, amount, 3), 4, 250).astype(int)
    return int(red), int(green), int(blue)


def shade(colour: Rgb, factor: float) -> Rgb:
    """Darker below 1; above 1, that much nearer to white."""
    c = np.asarray(colour, float)
    c = c * factor if factor <= 1 else 255 - (255 - c) / factor
    return int(c[0]), int(c[1]), int(c[2])


def random_colour(rng: np.random.Generator) -> Rgb:
    hue, light, saturation = rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.85)
    red, green, blue = colorsys.hls_to_rgb(hue, light, saturation)
    return int(red * 255), int(green * 255), int(blue * 255)


def palette(rng: np.random.Generator, colour: Rgb, count: int) -> list[Rgb]:
    """Colours printed beside `colour`: lighter and darker ones, neighbours and opposites in hue."""
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    out: list[Rgb] = []
    for _ in range(count):
        turned = (hue + pick(rng, [0.0, 0.04, -0.06, 0.12, 0.45, 0.55]) + rng.normal(0, 0.02)) % 1.0
        lightness = float(np.clip(light + pick(rng, [-0.35, -0.2, 0.2, 0.35, 0.5]), 0.08, 0.94))
        r, g, b = colorsys.hls_to_rgb(
            turned, lightness, float(np.clip(saturation * rng.uniform(0.5, 1.3), 0, 1))
        )
        out.append((int(r * 255), int(g * 255), int(b * 255)))
    return out


def plain(colour: Rgb) -> np.ndarray:
    return np.asarray(colour, np.uint8).reshape(1, 1, 3)


def finished(colours: np.ndarray) -> np.ndarray:
    return np.clip(colours, 0, 255).astype(np.uint8)


def mix(low: Rgb, high: Rgb, amount: np.ndarray) -> np.ndarray:
    """Float [H, W, 3] between two colours by `amount` [H, W]."""
    a, b = np.asarray(low, float), np.asarray(high, float)
    return a + amount[..., None] * (b - a)


def mottled(
    rng: np.random.Generator, colour: Rgb, *, contrast: float = 0.12, slope: float = 0.9, side: int = 256
) -> np.ndarray:
    """Plaster, clay, skin of fruit: one colour with 1/f variation of lightness."""
    field = noise(rng, side, side, slope=slope) - 0.5
    grain = noise(rng, side, side, slope=0.0) - 0.5
    return finished(np.asarray(colour, float) * (1 + contrast * field + 0.3 * contrast * grain)[..., None])


def speckled(
    rng: np.random.Generator,
    ground: Rgb,
    ink: Rgb,
    *,
    share: float = 0.12,
    slope: float = 0.2,
    side: int = 512,
) -> np.ndarray:
    """Granite, terrazzo at a distance, salt and pepper glaze."""
    base = mottled(rng, ground, contrast=0.1, side=side).astype(float)
    for part in (1.0, 0.5):
        field = noise(rng, side, side, slope=slope)
        amount = np.clip((field - np.quantile(field, 1 - share * part)) * 30, 0, 1)
        base = base * (1 - amount[..., None]) + amount[..., None] * np.asarray(varied(rng, ink, 14), float)
    return finished(base)


def wood(
    rng: np.random.Generator, dark: Rgb, light: Rgb, *, planks: int = 1, side: int = 768, gap: bool = True
) -> np.ndarray:
    """Boards with grain along u."""
    image = np.empty((side, side, 3))
    edges = np.linspace(0, side, planks + 1).round().astype(int)
    for top, bottom in itertools.pairwise(edges):
        rows = bottom - top
        warp = noise(rng, rows, side, slope=1.2, stretch=rng.uniform(5, 10))
        across = np.linspace(0, 1, rows)[:, None] * rng.uniform(1.0, 4.0)
        rings = np.abs(((warp * rng.uniform(3, 8) + across) % 1) * 2 - 1)
        fibre = noise(rng, rows, side, slope=0.15, stretch=40.0)
        amount = np.clip(0.35 * rings + 0.35 * fibre + 0.3 * warp + rng.uniform(-0.16, 0.16), 0, 1)
        board = mix(dark, light, amount)
        if planks > 1:
            shift = int(rng.integers(side))
            board = np.roll(board, shift, axis=1)
            if gap:
                board[:2] *= 0.45
                board[:, shift : shift + 2] *= 0.45
        image[top:bottom] = board
    return finished(image)


def marble(rng: np.random.Generator, ground: Rgb, vein: Rgb, *, side: int = 512) -> np.ndarray:
    """Cloudy stone with thin veins."""
    warp = noise(rng, side, side, slope=1.2)
    y, x = np.mgrid[0:side, 0:side] / side
    angle = rng.uniform(0, np.pi)
    phase = (np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(1, 3) + warp * rng.uniform(2, 5)
    veins = np.clip(1 - np.abs(np.sin(np.pi * phase)) * rng.uniform(4, 9), 0, 1) ** 1.5
    veins *= noise(rng, side, side, slope=0.8)
    clouds = noise(rng, side, side, slope=1.0)
    base = mix(ground, shade(ground, 0.86), clouds)
    return finished(base * (1 - veins[..., None]) + veins[..., None] * np.asarray(vein, float))


def weave(rng: np.random.Generator, colours: list[Rgb], *, style: str, side: int = 384) -> np.ndarray:
    """Cloth: "plaid", "stripes", "linen" (one colour, visible threads) or "knit"."""
    y, x = np.mgrid[0:side, 0:side]
    ground = np.asarray(colours[0], float)
    if style == "knit":
        pitch = side / 32
        v = np.abs(((x / pitch) % 1) - 0.5) * 2
        loops = 0.5 + 0.5 * np.sin(2 * np.pi * (y / pitch + v * 0.8))
        image = ground * (0.62 + 0.42 * loops * (0.6 + 0.4 * v))[..., None]
    else:
        if style == "linen":
            warp = weft = np.ones((side, 3)) * ground
        else:
            warp = _bands(rng, side, colours)
            weft = warp if style == "plaid" else np.ones((side, 3)) * ground
        over = np.where((x // 2 + y // 2) % 2 == 0, 0.72, 0.28)[..., None]
        if style == "stripes":
            over = np.full_like(over, 1.0)
        image = over * warp[None] + (1 - over) * weft[:, None]
        threads = (
            noise(rng, side, side, slope=0.1, stretch=14) + noise(rng, side, side, slope=0.1, stretch=14).T
        )
        image = image * (0.84 + 0.18 * threads)[..., None]
    return finished(image * (0.92 + 0.16 * noise(rng, side, side, slope=0.8)[..., None]))


def _bands(rng: np.random.Generator, length: int, colours: list[Rgb]) -> np.ndarray:
    out = np.ones((length, 3)) * np.asarray(colours[0], float)
    at = int(rng.integers(4, length // 8))
    while at < length:
        width = int(rng.integers(max(2, length // 90), length // 9))
        out[at : at + width] = pick(rng, colours)
        at += width + int(rng.integers(2, length // 7))
    return out


def carpet(rng: np.random.Generator, colours: list[Rgb], *, side: int = 512) -> np.ndarray:
    """Short pile: fine noise, faint rows of another colour as in woven office carpet."""
    grain = noise(rng, side, side, slope=-0.2)
    rows = noise(rng, side, side, slope=0.2, stretch=rng.uniform(1, 30))
    amount = np.clip((rows - 0.5) * rng.uniform(1, 5) + 0.5, 0, 1)
    return finished(mix(colours[0], colours[1], amount) * (0.7 + 0.6 * grain)[..., None])


def tiles(
    rng: np.random.Generator,
    colours: list[Rgb],
    *,
    count: int = 4,
    same: bool = False,
    motif: bool = False,
    brick: bool = False,
    side: int = 768,
) -> np.ndarray:
    """count x count tiles with grout; with `same` each is an exact copy of the first (a repeating pattern)."""
    cell = side // count
    grout = varied(rng, (168, 164, 156), 14)
    gap = max(1, round(cell * rng.uniform(0.012, 0.03)))
    image = np.empty((cell * count, cell * count, 3))
    first: np.ndarray | None = None
    for row in range(count * (2 if brick else 1)):
        high = cell // 2 if brick else cell
        for column in range(count):
            if first is None or not same:
                first = _tile(rng, pick(rng, colours), colours, cell, motif)[:high]
                first[:gap] = first[-gap:] = np.asarray(grout, float)
                first[:, :gap] = first[:, -gap:] = np.asarray(grout, float)
            at = column * cell
            image[row * high : (row + 1) * high, at : at + cell] = first
        if brick and row % 2:
            image[row * high : (row + 1) * high] = np.roll(
                image[row * high : (row + 1) * high], cell // 2, axis=1
            )
    return finished(image)


def _tile(rng: np.random.Generator, colour: Rgb, colours: list[Rgb], cell: int, motif: bool) -> np.ndarray:
    tile = mottled(rng, varied(rng, colour, 4), contrast=0.08, side=cell).astype(float)
    if motif:
        y, x = np.mgrid[0:cell, 0:cell] / cell - 0.5
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        for _ in range(int(rng.integers(2, 5))):
            petals = int(pick(rng, [4, 4, 8]))
            edge = rng.uniform(0.12, 0.48) * (
                1 + rng.uniform(0, 0.5) * np.cos(petals * angle + pick(rng, [0.0, np.pi]))
            )
            ring = (radius < edge) & (radius > edge * pick(rng, [0.0, 0.5, 0.8]))
            tile[ring] = np.asarray(pick(rng, colours), float)
    return tile


def wallpaper(rng: np.random.Generator, ground: Rgb, *, contrast: float = 0.3, side: int = 512) -> np.ndarray:
    """One period of a printed pattern: stripes, dots, damask, leaves, trellis or flowers."""
    scale = 2
    style = pick(rng, ["stripes", "dots", "damask", "leaves", "trellis", "flowers", "damask", "leaves"])
    lighter = sum(ground) < 380
    inks = [shade(c, 1.0) for c in palette(rng, ground, 3)]
    inks = [
        tuple(int(g + contrast * 2.2 * (i - g)) for g, i in zip(ground, ink, strict=True)) for ink in inks
    ]
    inks.append(shade(ground, 1 + contrast * 2 if lighter else 1 - contrast))
    full = side * scale
    image = Image.new("RGB", (full, full), ground)
    draw = ImageDraw.Draw(image)
    columns = int(pick(rng, [2, 3, 4]))
    step = full / columns
    if style == "stripes":
        for k in range(columns * 2):
            at = k * step / 2
            draw.rectangle([at, 0, at + step * rng.uniform(0.08, 0.3), full], fill=inks[k % 2])
            draw.line([at + step * 0.4, 0, at + step * 0.4, full], fill=inks[2], width=int(step / 40) + 1)
    else:
        shape = _motif(rng, style)
        for row in range(columns):
            for column in range(-1, columns + 1):
                centre = np.array([(column + 0.5 * (row % 2) + 0.25) * step, (row + 0.5) * step])
                for outline, ink in shape:
                    for wrap in (-full, 0, full):
                        points = centre + outline * step * 0.5 + [0, wrap]
                        draw.polygon([tuple(p) for p in points], fill=inks[ink])
    soft = image.resize((side, side), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.6))
    paper = 0.95 + 0.1 * (noise(rng, side, side, slope=0.3)[..., None])
    return finished(np.asarray(soft, float) * paper)


def _motif(rng: np.random.Generator, style: str) -> list[tuple[np.ndarray, int]]:
    """Outlines in [-1, 1] with the number of their ink."""
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([np.cos(t), np.sin(t)], axis=1)
    out: list[tuple[np.ndarray, int]] = []
    if style == "dots":
        return [(circle * rng.uniform(0.2, 0.5), 3), (circle * rng.uniform(0.05, 0.15), 0)]
    if style == "trellis":
        width = rng.uniform(0.04, 0.1)
        bar = np.array([[-1.0, -width], [1.0, -width], [1.0, width], [-1.0, width]])
        for angle in (np.pi / 4, -np.pi / 4):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            out.append((bar * 1.42 @ turn.T, 3))
        return [*out, (circle * 0.2, 0)]
    if style == "flowers":
        petals = int(rng.integers(5, 9))
        radius = 0.35 + 0.15 * np.cos(petals * t)
        out = [(circle * radius[:, None] * rng.uniform(1.0, 1.5), 0), (circle * 0.14, 1)]
        for side in (-1, 1):
            out.append((_leaf(0.6, 0.14, side * rng.uniform(0.6, 1.2)) + np.array([side * 0.3, 0.3]), 2))
        return out
    if style == "damask":
        height = np.linspace(-0.95, 0.95, 60)
        waves = sum(
            rng.uniform(0.1, 0.35) * np.cos(k * np.pi * height + rng.uniform(0, 1)) for k in (1, 2, 3, 5)
        )
        width = np.clip(0.1 + np.abs(waves), 0, 0.75) * np.cos(np.pi / 2 * height) ** 0.6
        body = np.concatenate([np.stack([width, height], 1), np.stack([-width, height], 1)[::-1]])
        out = [(body, 3), (body * [0.7, 0.82], 0), (body * [0.45, 0.5], 3)]
        for side in (-1, 1):
            for angle in (0.5, 1.0, -0.6):
                leaf = _leaf(rng.uniform(0.4, 0.7), 0.1, angle) * [side, 1]
                out.append((leaf + np.array([side * 0.35, rng.uniform(-0.6, 0.4)]), 3))
        return out
    for _ in range(int(rng.integers(4, 8))):
        leaf = _leaf(rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.2), rng.uniform(0, 2 * np.pi))
        out.append((leaf + rng.uniform(-0.5, 0.5, 2), int(rng.integers(4))))
    return out


def _leaf(length: float, breadth: float, angle: float) -> np.ndarray:
    t = np.linspace(0, 1, 14)
    upper = np.stack([t * length, np.sin(np.pi * t**0.8) * breadth], axis=1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([upper, upper[::-1] * [1, -1]]) @ turn.T
