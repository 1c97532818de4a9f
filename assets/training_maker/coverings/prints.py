"""What is printed on things: pictures, labels, covers, pages, dials, rugs. uint8 [H, W, 3] sRGB, row 0 is the top."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from assets.capture_maker.textures import noise
from assets.training_maker.coverings.pictures import scenery
from assets.training_maker.coverings.surfaces import (
    Rgb,
    finished,
    mix,
    mottled,
    palette,
    pick,
    random_colour,
    shade,
    varied,
)

SYLLABLES = [
    "ba", "ko", "ri", "ten", "mar", "lo", "sun", "vel", "pi", "do", "ca", "nut", "fre", "sh", "oli", "gra",
    "mi", "el", "tor", "qua", "zen", "bru", "lem", "ona", "ist", "par", "wel", "hy", "ju", "ce",
]  # fmt: skip


def word(rng: np.random.Generator, *, upper: bool = True) -> str:
    text = "".join(pick(rng, SYLLABLES) for _ in range(int(rng.integers(1, 4))))
    return text.upper() if upper else text.capitalize()


def write(
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    text: str,
    *,
    width: float,
    height: float,
    ink: Rgb,
) -> None:
    """A word fitted into a box round `centre`."""
    size = max(6, int(min(height, 1.7 * width / max(1, len(text)))))
    draw.text(centre, text, fill=ink, font=ImageFont.load_default(size), anchor="mm")


def small_print(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    area: tuple[float, float, float, float],
    size: float,
    ink: Rgb,
) -> None:
    """Rows of text-like words in the rectangle x0 y0 x1 y1."""
    x0, y, x1, y1 = area
    font = ImageFont.load_default(max(5, int(size)))
    while y + size < y1:
        line = " ".join(word(rng, upper=False).lower() for _ in range(max(1, int((x1 - x0) / size / 2.2))))
        keep = int((x1 - x0) / size * 2.0 * (1.0 if rng.random() < 0.8 else rng.uniform(0.3, 0.9)))
        draw.text((x0, y), line[:keep], fill=ink, font=font)
        y += size * 1.4


def label(
    rng: np.random.Generator, colour: Rgb, *, height: int = 256, width: int = 512, fronts: int = 2
) -> np.ndarray:
    """A wrap-around label: ground, bands, an emblem or picture with a brand, small print between."""
    inks = palette(rng, colour, 4)
    ground = mix(colour, pick(rng, [colour, *inks]), np.linspace(0, 1, height)[:, None] * np.ones((1, width)))
    image = Image.fromarray(finished(ground * (0.97 + 0.06 * noise(rng, height, width)[..., None])))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 4))):
        at, thick = rng.uniform(0, 1) * height, rng.uniform(0.02, 0.12) * height
        draw.rectangle([0, at, width, at + thick], fill=pick(rng, inks))
    brand, kind = word(rng), int(rng.integers(4))
    paper = pick(rng, [(245, 242, 232), (30, 28, 32), *inks])
    ink = (20, 20, 24) if sum(paper) > 380 else (248, 244, 235)
    for front in range(fronts):
        middle, half = (front + 0.5) * width / fronts, width / fronts * 0.36
        area = [middle - half, height * 0.14, middle + half, height * 0.86]
        if kind == 0:
            draw.ellipse(area, fill=paper, outline=ink, width=3)
        elif kind == 1:
            draw.rounded_rectangle(area, radius=height * 0.08, fill=paper)
        elif kind == 2:
            picture = scenery(rng, int(height * 0.42), int(half * 2))
            image.paste(Image.fromarray(picture), (int(middle - half), int(height * 0.5)))
        else:
            angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
            star = np.stack([half * np.cos(angles), height * 0.42 * np.sin(angles)], axis=1)
            star *= np.tile([1.0, 0.72], 12)[:, None]
            points = [(middle + float(x), height * 0.5 + float(y)) for x, y in star]
            draw.polygon(points, fill=paper)
        shown = ink if kind != 2 else ((250, 246, 235) if sum(colour) < 400 else (24, 24, 28))
        write(
            draw,
            (middle, height * (0.42 if kind != 2 else 0.28)),
            brand,
            width=half * 1.7,
            height=height * 0.24,
            ink=shown,
        )
        if kind != 2:
            write(
                draw,
                (middle, height * 0.6),
                word(rng, upper=False),
                width=half * 1.2,
                height=height * 0.1,
                ink=pick(rng, inks),
            )
        edge = (middle + half + 4, height * 0.2, (front + 1) * width / fronts - 2, height * 0.9)
        small_print(rng, draw, edge, height / 26, (24, 24, 28) if sum(colour) > 400 else (240, 238, 230))
    return np.asarray(image)


def carton_sides(
    rng: np.random.Generator, colour: Rgb, size: tuple[float, float, float]
) -> dict[str, np.ndarray]:
    """Textures of the six sides of a printed box of `size` (x, y, z): fronts alike, sides with facts."""
    per_m = 300 / max(size)
    pixels = {
        "front": (size[2], size[0]), "back": (size[2], size[0]), "left": (size[2], size[1]),
        "right": (size[2], size[1]), "top": (size[1], size[0]), "bottom": (size[1], size[0]),
    }  # fmt: skip
    brand, inks = word(rng), palette(rng, colour, 4)
    seed = int(rng.integers(1 << 31))
    out = {}
    for side, (high, wide) in pixels.items():
        h, w = max(24, int(high * per_m)), max(24, int(wide * per_m))
        if side in ("front", "back"):
            out[side] = front(np.random.default_rng(seed), colour, brand, inks, h, w)
            continue
        image = Image.fromarray(finished(np.ones((h, w, 3)) * colour))
        draw = ImageDraw.Draw(image)
        if side in ("top", "bottom"):
            draw.rectangle([0, h * 0.42, w, h * 0.58], fill=inks[0])
            write(draw, (w / 2, h / 2), brand, width=w * 0.8, height=h * 0.5, ink=(245, 242, 232))
        else:
            draw.rectangle([w * 0.08, h * 0.3, w * 0.92, h * 0.7], fill=(240, 238, 230))
            small_print(rng, draw, (w * 0.12, h * 0.32, w * 0.9, h * 0.68), max(5, h / 40), (30, 30, 34))
            write(draw, (w / 2, h * 0.15), brand, width=w * 0.85, height=h * 0.12, ink=inks[1])
            barcode(rng, draw, (w * 0.2, h * 0.78, w * 0.8, h * 0.92))
        out[side] = np.asarray(image)
    return out


def front(
    rng: np.random.Generator, colour: Rgb, brand: str, inks: list[Rgb], height: int, width: int
) -> np.ndarray:
    """The front of a carton or a cover: gradient, big shapes, a picture, a brand, a few words."""
    target = pick(rng, [colour, shade(colour, 1.8), shade(colour, 0.6), inks[0]])
    ground = mix(colour, target, np.linspace(0, 1, height)[:, None] * np.ones((1, width)))
    image = Image.fromarray(finished(ground))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 5))):
        cx, cy, r = rng.uniform(0, 1) * width, rng.uniform(0, 1) * height, rng.uniform(0.1, 0.5) * width
        shape = int(rng.integers(3))
        ink = pick(rng, inks)
        if shape == 0:
            draw.ellipse([cx - r, cy - r, cx + r, cy + r], fill=ink)
        elif shape == 1:
            draw.polygon([(0, cy), (width, cy - r), (width, cy + r * 0.5), (0, cy + r)], fill=ink)
        else:
            draw.rectangle([0, cy, width, cy + r * 0.4], fill=ink)
    if rng.random() < 0.75:
        h, w = int(height * rng.uniform(0.3, 0.5)), int(width * rng.uniform(0.6, 0.95))
        picture = Image.fromarray(scenery(rng, max(h, 8), max(w, 8)))
        image.paste(picture, (int((width - w) / 2), int(height * rng.uniform(0.4, 0.5))))
    at = rng.uniform(0.14, 0.3) * height
    if rng.random() < 0.6:
        draw.rounded_rectangle(
            [width * 0.06, at - height * 0.1, width * 0.94, at + height * 0.1], radius=8, fill=pick(rng, inks)
        )
    write(
        draw,
        (width / 2, at),
        brand,
        width=width * 0.84,
        height=height * 0.18,
        ink=pick(rng, [(250, 248, 240), (22, 22, 26)]),
    )
    write(draw, (width / 2, at + height * 0.14), word(rng, upper=False) + " " + word(rng, upper=False).lower(),
          width=width * 0.7, height=height * 0.06, ink=pick(rng, [(250, 248, 240), (22, 22, 26)]))  # fmt: skip
    small_print(
        rng,
        draw,
        (width * 0.08, height * 0.92, width * 0.7, height * 0.99),
        max(5, height / 40),
        (245, 240, 230),
    )
    return np.asarray(image)


def barcode(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, area: tuple[float, float, float, float]
) -> None:
    x0, y0, x1, y1 = area
    draw.rectangle(area, fill=(250, 250, 248))
    x = x0 + 2
    while x < x1 - 3 and y1 - y0 > 2:  # a flat box has no room for bars
        width = int(rng.integers(1, 4))
        draw.rectangle(
            [x, y0 + 1, x + (width - 1), y1 - 1], fill=(10, 10, 10)
        )  # never left of x, even rounded
        x += width + int(rng.integers(1, 4))


def page(rng: np.random.Generator, *, height: int = 420, width: int = 300) -> np.ndarray:
    """A printed page: head line, columns of small print, one or two pictures."""
    image = Image.fromarray(
        mottled(rng, varied(rng, (238, 236, 230), 4), contrast=0.02, side=max(height, width))[:height, :width]
    )
    draw = ImageDraw.Draw(image)
    columns = int(rng.integers(1, 4))
    top = height * 0.05
    if rng.random() < 0.7:
        write(
            draw,
            (width / 2, height * 0.07),
            word(rng) + " " + word(rng),
            width=width * 0.9,
            height=height * 0.07,
            ink=random_colour(rng),
        )
        top = height * 0.13
    for column in range(columns):
        x0, x1 = width * (0.06 + 0.9 * column / columns), width * (0.06 + 0.9 * (column + 1) / columns - 0.03)
        y = top
        while y < height * 0.9:
            block = rng.uniform(0.1, 0.35) * height
            if rng.random() < 0.35 and x1 - x0 > 20:
                h = int(min(block, height * 0.95 - y))
                if h > 10:
                    image.paste(Image.fromarray(scenery(rng, h, int(x1 - x0))), (int(x0), int(y)))
            else:
                small_print(
                    rng, draw, (x0, y, x1, min(y + block, height * 0.96)), max(5, height / 60), (40, 40, 46)
                )
            y += block + height * 0.02
    return np.asarray(image)


def cover(rng: np.random.Generator, colour: Rgb, *, height: int = 420, width: int = 300) -> np.ndarray:
    """A magazine or book cover; some carry one picture over the whole page."""
    if rng.random() < 0.4:
        image = Image.fromarray(scenery(rng, height, width))
        draw = ImageDraw.Draw(image)
        write(
            draw,
            (width / 2, height * 0.1),
            word(rng),
            width=width * 0.9,
            height=height * 0.15,
            ink=pick(rng, [(250, 248, 244), shade(colour, 0.7)]),
        )
        for k in range(3):
            write(
                draw,
                (width * 0.3, height * (0.6 + 0.1 * k)),
                word(rng, upper=False) + " " + word(rng, upper=False),
                width=width * 0.5,
                height=height * 0.05,
                ink=(248, 246, 240),
            )
        return np.asarray(image)
    return front(rng, colour, word(rng), palette(rng, colour, 4), height, width)


def card(rng: np.random.Generator, *, height: int = 240, width: int = 160) -> np.ndarray:
    """A playing card: white with coloured pips and numbers in the corners."""
    image = Image.new("RGB", (width, height), (246, 245, 240))
    draw = ImageDraw.Draw(image)
    ink = pick(rng, [(190, 24, 30), (24, 24, 28)])
    number = str(int(rng.integers(2, 11)))
    for x, y in ((0.14, 0.1), (0.86, 0.9)):
        write(draw, (width * x, height * y), number, width=width * 0.2, height=height * 0.13, ink=ink)
    for k in range(int(number)):
        x, y = width * (0.34 + 0.32 * (k % 2)), height * (0.18 + 0.64 * (k // 2) / 4)
        r = width * 0.07
        draw.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], fill=ink)
    draw.rectangle([1, 1, width - 2, height - 2], outline=(190, 188, 180), width=2)
    return np.asarray(image)


def dial(rng: np.random.Generator, colour: Rgb, *, side: int = 320) -> np.ndarray:
    """A clock face with marks, numbers and hands."""
    image = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(image)
    ink = (28, 28, 32) if sum(colour) > 380 else (240, 238, 230)
    middle = side / 2
    for hour in range(1, 13):
        angle = np.pi * hour / 6 - np.pi / 2
        inner, outer = side * 0.38, side * 0.45
        a, b = (
            np.array([np.cos(angle), np.sin(angle)]) * inner + middle,
            np.array([np.cos(angle), np.sin(angle)]) * outer + middle,
        )
        draw.line([tuple(a), tuple(b)], fill=ink, width=side // 60)
        at = np.array([np.cos(angle), np.sin(angle)]) * side * 0.31 + middle
        write(draw, (at[0], at[1]), str(hour), width=side * 0.1, height=side * 0.09, ink=ink)
    for length, width in ((0.22, 10), (0.33, 6)):
        angle = rng.uniform(0, 2 * np.pi)
        tip = middle + np.array([np.cos(angle), np.sin(angle)]) * length * side
        draw.line([(middle, middle), tuple(tip)], fill=ink, width=max(2, side * width // 640))
    return np.asarray(image)


def rug(rng: np.random.Generator, colour: Rgb, *, height: int = 400, width: int = 600) -> np.ndarray:
    """A woven carpet: borders and mirrored figures, or plain stripes."""
    inks = [colour, *palette(rng, colour, 4)]
    image = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:
        x = 0.0
        while x < width:
            step = rng.uniform(0.02, 0.1) * width
            draw.rectangle([x, 0, x + step, height], fill=pick(rng, inks))
            x += step
    else:
        for k, inset in enumerate((0.02, 0.06, 0.1, 0.13)):
            draw.rectangle(
                [height * inset, height * inset, width - height * inset, height * (1 - inset)],
                fill=inks[(k + 1) % 5],
            )
        for _ in range(26):
            cx, cy, r = (
                rng.uniform(0.2, 0.5) * width,
                rng.uniform(0.22, 0.5) * height,
                rng.uniform(0.02, 0.1) * height,
            )
            ink, kind = pick(rng, inks), int(rng.integers(2))
            for sx, sy in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
                x, y = width / 2 + sx * (cx - width / 2), height / 2 + sy * (cy - height / 2)
                if kind:
                    draw.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], fill=ink)
                else:
                    draw.rectangle([x - r * 0.7, y - r * 0.7, x + r * 0.7, y + r * 0.7], fill=ink)
    pile = 0.7 + 0.5 * noise(rng, height, width, slope=-0.1)[..., None]
    return finished(np.asarray(image, float) * pile)


def motif_print(rng: np.random.Generator, colour: Rgb, *, height: int = 256, width: int = 512) -> np.ndarray:
    """Scattered shapes or bands in a few inks, as on mugs, bowls, cushions and wrapping paper."""
    inks = palette(rng, colour, 3)
    image = Image.new("RGB", (width * 2, height * 2), colour)
    draw = ImageDraw.Draw(image)
    style = int(rng.integers(4))
    if style == 0:
        y = rng.uniform(0, 0.3) * height
        while y < 2 * height:
            thick = rng.uniform(0.02, 0.14) * 2 * height
            draw.rectangle([0, y, 2 * width, y + thick], fill=pick(rng, inks))
            y += thick + rng.uniform(0.03, 0.25) * 2 * height
    else:
        size = rng.uniform(0.05, 0.16) * height * 2
        for _ in range(int(2.2 * width * height / size**2)):
            centre, ink = rng.random(2) * (2 * width, 2 * height), pick(rng, inks)
            t = np.linspace(0, 2 * np.pi, 24, endpoint=False) + rng.uniform(0, 6)
            petals = int(rng.integers(3, 7))
            radius = {1: np.ones(24), 2: 0.6 + 0.4 * np.cos(petals * t), 3: rng.uniform(0.4, 1, 24)}[style]
            outline = (
                np.stack([np.cos(t), np.sin(t)], 1) * (radius * size * rng.uniform(0.3, 0.6))[:, None]
                + centre
            )
            draw.polygon([tuple(p) for p in outline], fill=ink)
    small = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), float)
    return finished(small * (0.94 + 0.1 * noise(rng, height, width, slope=0.6)[..., None]))
