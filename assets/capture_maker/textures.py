"""Printed and natural surfaces as images: wood, cloth, wallpaper, covers, labels. Nothing repeats exactly."""

import colorsys
import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Rgb = tuple[int, int, int]


def noise(
    rng: np.random.Generator, height: int, width: int, *, slope: float = 1.0, stretch: float = 1.0
) -> np.ndarray:
    """Fractal noise in [0, 1], shape [height, width]; amplitude falls with frequency ** slope.

    `stretch` above 1 draws the noise out along x, as grain.
    """
    fy = np.fft.fftfreq(height)[:, None] * height
    fx = np.fft.rfftfreq(width)[None, :] * width * stretch * height / width
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1.0
    spectrum = np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency ** (slope + 1.0)
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(height, width))
    low, high = np.percentile(field, [1, 99])
    return np.clip((field - low) / (high - low), 0, 1)


def blend(low: Rgb, high: Rgb, amount: np.ndarray) -> np.ndarray:
    """Colours between two, by `amount` [H, W] in [0, 1]; float [H, W, 3] in 0..255."""
    return np.asarray(low, float) + amount[..., None] * (np.asarray(high, float) - np.asarray(low, float))


def finished(colours: np.ndarray) -> np.ndarray:
    return np.clip(colours, 0, 255).astype(np.uint8)


def shade(colour: Rgb, factor: float) -> Rgb:
    """Darker (below 1) or lighter (above 1)."""
    if factor <= 1:
        red, green, blue = (int(c * factor) for c in colour)
    else:
        red, green, blue = (int(255 - (255 - c) / factor) for c in colour)
    return red, green, blue


def neighbours(rng: np.random.Generator, colour: Rgb, count: int) -> list[Rgb]:
    """Colours that go with `colour`: other lightness, some other hues."""
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    found: list[Rgb] = []
    for _ in range(count):
        turned = (hue + rng.choice([0.0, 0.05, -0.05, 0.5, 0.35])) % 1.0
        lightness = float(np.clip(light + rng.uniform(-0.4, 0.45), 0.15, 0.93))
        red, green, blue = colorsys.hls_to_rgb(
            turned, lightness, min(1.0, max(0.25, saturation) * rng.uniform(0.6, 1.1))
        )
        found.append((int(red * 255), int(green * 255), int(blue * 255)))
    return found


def wood(
    rng: np.random.Generator,
    height: int,
    width: int,
    dark: Rgb,
    light: Rgb,
    *,
    planks: int = 1,
    along_y: bool = False,
) -> np.ndarray:
    """Planks with grain along x (or y), uint8 [height, width, 3]."""
    if along_y:
        return np.ascontiguousarray(wood(rng, width, height, dark, light, planks=planks).swapaxes(0, 1))
    image = np.zeros((height, width, 3))
    edges = np.linspace(0, height, planks + 1).round().astype(int)
    for top, bottom in itertools.pairwise(edges):
        rows = bottom - top
        warp = noise(rng, rows, width, slope=1.3, stretch=7.0)
        y = np.linspace(0, 1, rows)[:, None]
        rings = 0.5 + 0.5 * np.sin(2 * np.pi * (warp * rng.uniform(4, 7) + y * rng.uniform(1, 3)))
        fibre = noise(rng, rows, width, slope=0.25, stretch=30.0)
        pores = noise(rng, rows, width, slope=0.1, stretch=14.0)
        amount = np.clip(0.38 * rings + 0.42 * fibre + 0.2 * warp + rng.uniform(-0.14, 0.14), 0, 1)
        plank = blend(dark, light, amount) * (1 - 0.45 * np.clip(pores - 0.72, 0, 1)[..., None] / 0.28)
        for _ in range(int(rng.integers(1, 4))):
            _add_knot(rng, plank, dark)
        if planks > 1:
            plank[:2] *= 0.35
        image[top:bottom] = plank
    return finished(image)


def _add_knot(rng: np.random.Generator, plank: np.ndarray, dark: Rgb) -> None:
    rows, width = plank.shape[:2]
    cy, cx, size = rng.uniform(0.2, 0.8) * rows, rng.uniform(0, width), rng.uniform(0.05, 0.11) * rows
    y, x = np.mgrid[0:rows, 0:width]
    distance = np.hypot((y - cy), (x - cx) / 2.2) / size
    mask = np.exp(-(distance**2)) * (0.65 + 0.35 * np.sin(distance * 9))
    plank += mask[..., None] * (np.asarray(dark, float) * 0.6 - plank) * 0.85


def cloth(rng: np.random.Generator, height: int, width: int, colours: Sequence[Rgb]) -> np.ndarray:
    """Woven plaid with stripes of irregular width, uint8 [height, width, 3]."""
    warp, weft = (_stripes(rng, length, colours) for length in (width, height))
    over = rng.random((height, width)) * 0.5 + 0.25
    y, x = np.mgrid[0:height, 0:width]
    over += 0.25 * np.where((x + y) % 4 < 2, 1, -1)
    image = over[..., None] * warp[None] + (1 - over[..., None]) * weft[:, None]
    return finished(image * (0.8 + 0.35 * noise(rng, height, width, slope=0.8)[..., None]))


def _stripes(rng: np.random.Generator, length: int, colours: Sequence[Rgb]) -> np.ndarray:
    out = np.zeros((length, 3))
    at = 0
    while at < length:
        step = int(rng.integers(max(3, length // 90), max(5, length // 14)))
        out[at : at + step] = colours[int(rng.integers(len(colours)))]
        at += step
    return out


def motif(
    rng: np.random.Generator,
    height: int,
    width: int,
    ground: Rgb,
    inks: Sequence[Rgb],
    kind: str,
    *,
    size: float = 1.0,
) -> np.ndarray:
    """A print of scattered shapes (dots, leaves, stripes, terrazzo, brush strokes); `size` scales them."""
    scale = 2
    image = Image.new("RGB", (width * scale, height * scale), ground)
    draw = ImageDraw.Draw(image)
    side = min(height, width) * scale * size
    if kind == "stripes":
        at = 0.0
        while at < height * scale:
            band = float(rng.uniform(0.03, 0.11) * side)
            draw.rectangle([0, at, width * scale, at + band], fill=inks[int(rng.integers(len(inks)))])
            at += band + float(rng.uniform(0.01, 0.08) * side)
    else:
        count = int(rng.uniform(0.9, 1.2) * 90 * width * height / (size * min(width, height)) ** 2)
        for _ in range(min(count, 2500)):
            centre = rng.random(2) * (width * scale, height * scale)
            _draw_shape(rng, draw, centre, side, inks[int(rng.integers(len(inks)))], kind)
    small = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), float)
    return finished(small * (0.9 + 0.17 * noise(rng, height, width, slope=0.5)[..., None]))


def _draw_shape(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, centre: np.ndarray, side: float, ink: Rgb, kind: str
) -> None:
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if kind == "dots":
        radius = rng.uniform(0.012, 0.05) * side
        draw.ellipse([*(centre - radius), *(centre + radius)], fill=ink)
        return
    if kind == "leaves":
        t = np.linspace(0, 1, 12)
        length, breadth = rng.uniform(0.07, 0.16) * side, rng.uniform(0.018, 0.04) * side
        upper = np.stack([t * length, np.sin(np.pi * t) * breadth], axis=1)
        outline = np.concatenate([upper, upper[::-1] * [1, -1]]) @ turn.T + centre
        draw.polygon([tuple(p) for p in outline], fill=ink)
        draw.line([tuple(centre), tuple(centre + turn @ [length, 0])], fill=shade(ink, 0.6), width=2)
        return
    if kind == "terrazzo":
        corners = np.sort(rng.random(int(rng.integers(4, 7)))) * 2 * np.pi
        radii = rng.uniform(0.4, 1.0, len(corners)) * rng.uniform(0.015, 0.06) * side
        outline = np.stack([np.cos(corners) * radii, np.sin(corners) * radii], axis=1) + centre
        draw.polygon([tuple(p) for p in outline], fill=ink)
        return
    length, breadth = rng.uniform(0.06, 0.2) * side, max(2, int(rng.uniform(0.008, 0.03) * side))
    bend = turn @ np.array([[0, length / 2, length], [0, rng.uniform(-0.4, 0.4) * length, 0]])
    draw.line([tuple(p) for p in bend.T + centre], fill=ink, width=breadth, joint="curve")


def landscape(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A painted landscape: sky, sun, layered ridges."""
    sky_top = (int(rng.integers(60, 160)), int(rng.integers(90, 170)), int(rng.integers(150, 230)))
    image = blend(sky_top, (248, 214, 170), np.linspace(0, 1, height)[:, None] * np.ones((1, width)))
    image += 28 * (noise(rng, height, width, slope=0.7, stretch=2)[..., None] - 0.5)
    y, x = np.mgrid[0:height, 0:width]
    sun = np.hypot(y - rng.uniform(0.15, 0.4) * height, x - rng.uniform(0.15, 0.85) * width) < 0.09 * height
    image[sun] = (252, 236, 190)
    ridge = np.array([rng.integers(50, 120), rng.integers(80, 140), rng.integers(90, 150)], float)
    layers = 5
    for layer in range(layers):
        line = noise(rng, 2, width, slope=0.7)[0] * 0.28 * height + height * (0.38 + 0.12 * layer)
        strokes = 0.75 + 0.5 * noise(rng, height, width, slope=0.3, stretch=3)
        below = y > line[None]
        image[below] = (ridge * (1.15 - 0.19 * layer) * strokes[..., None])[below]
    return finished(image)


def abstract(rng: np.random.Generator, height: int, width: int, colour: Rgb) -> np.ndarray:
    """Overlapping soft fields of colour with brush grain."""
    image = np.full((height, width, 3), 235.0)
    for ink in neighbours(rng, colour, 7):
        field = noise(rng, height, width, slope=1.4)
        edge = np.clip((field - rng.uniform(0.45, 0.75)) * 14, 0, 1)[..., None]
        image = image * (1 - edge) + edge * np.asarray(ink, float)
    return finished(image * (0.82 + 0.3 * noise(rng, height, width, slope=0.2, stretch=6)[..., None]))


def text_line(draw: ImageDraw.ImageDraw, centre: tuple[float, float], text: str, size: int, ink: Rgb) -> None:
    draw.text(centre, text, fill=ink, font=ImageFont.load_default(size), anchor="mm")


def small_print(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, area: Sequence[float], size: int, ink: Rgb
) -> None:
    """Lines of unreadable small words in the rectangle x0 y0 x1 y1."""
    x0, y, x1, y1 = area
    font = ImageFont.load_default(max(6, size))
    while y < y1:
        letters = "".join(rng.choice(list("aeionrstlmdup  "), size=max(4, int((x1 - x0) / size * 1.7))))
        draw.text((x0, y), letters[: int(len(letters) * rng.uniform(0.7, 1))], fill=ink, font=font)
        y += size * 1.35


def cover(rng: np.random.Generator, height: int, width: int, colour: Rgb, title: str) -> np.ndarray:
    """The front of a book or carton: a picture or pattern, a title, a line of small print."""
    style = int(rng.integers(3))
    ink = (250, 246, 236) if sum(colour) < 420 else (30, 28, 34)
    kinds = ["leaves", "terrazzo", "brush", "dots"]
    ground = motif(rng, height, width, colour, neighbours(rng, colour, 4), kinds[int(rng.integers(4))])
    image = Image.fromarray(ground)
    draw = ImageDraw.Draw(image)
    if style == 0:
        picture = landscape(rng, int(height * 0.52), int(width * 0.8))
        image.paste(Image.fromarray(picture), (int(width * 0.1), int(height * 0.36)))
    elif style == 1:
        art = abstract(rng, int(height * 0.5), int(width * 0.76), neighbours(rng, colour, 1)[0])
        image.paste(Image.fromarray(art), (int(width * 0.12), int(height * 0.4)))
    draw.rectangle([width * 0.06, height * 0.07, width * 0.94, height * 0.3], fill=shade(colour, 0.75))
    draw.rectangle(
        [width * 0.06, height * 0.07, width * 0.94, height * 0.3], outline=ink, width=max(2, width // 120)
    )
    size = int(min(height * 0.13, 1.5 * width / max(4, len(title))))
    text_line(
        draw, (width / 2, height * 0.165), title, size, shade(ink, 1.0) if sum(ink) > 300 else (245, 240, 228)
    )
    small_print(
        rng,
        draw,
        (width * 0.14, height * 0.23, width * 0.86, height * 0.28),
        max(7, height // 32),
        (240, 236, 226),
    )
    return np.asarray(image)


def label(rng: np.random.Generator, height: int, width: int, colour: Rgb, words: Sequence[str]) -> np.ndarray:
    """A wrap-around label: bands, an emblem and the word, round the body, each with its own small print."""
    pale = shade(colour, 3.2)
    image = Image.fromarray(
        motif(rng, height, width, pale, [shade(colour, 1.6), shade(colour, 2.2)], "leaves")
    )
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 4))):
        at = rng.choice([rng.uniform(0, 0.12), rng.uniform(0.8, 0.95)]) * height
        draw.rectangle(
            [0, at, width, at + rng.uniform(0.03, 0.07) * height], fill=shade(colour, rng.uniform(0.5, 1))
        )
    for index, word in enumerate(words):
        middle = (index + 0.5) * width / len(words)
        half = width / len(words) * 0.4
        draw.ellipse([middle - half, height * 0.2, middle + half, height * 0.75], fill=colour)
        draw.ellipse(
            [middle - half * 0.9, height * 0.23, middle + half * 0.9, height * 0.72], outline=pale, width=3
        )
        text_line(draw, (middle, height * 0.47), word, int(2.6 * half / max(4, len(word))), (250, 246, 235))
        small_print(
            rng,
            draw,
            (middle - half, height * 0.77, middle + half * 1.1, height * 0.95),
            height // 24,
            (40, 38, 40),
        )
    return np.asarray(image)


def wallpaper(rng: np.random.Generator, height: int, width: int, colour: Rgb) -> np.ndarray:
    """Low-contrast leaves on mottled plaster."""
    inks = [shade(colour, factor) for factor in (0.82, 0.88, 1.2, 1.5)]
    leaves = motif(rng, height, width, colour, inks, "leaves", size=0.4)
    soft = np.asarray(Image.fromarray(leaves).filter(ImageFilter.GaussianBlur(0.7)), float)
    mottle = noise(rng, height, width, slope=1.0)[..., None]
    grain = noise(rng, height, width, slope=0.0)[..., None]
    return finished(soft * (0.9 + 0.14 * mottle + 0.08 * grain))
