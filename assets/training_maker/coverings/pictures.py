"""Pictures as on posters, covers and screens: landscapes, still lifes, clouds of colour, city blocks."""

import numpy as np

from assets.capture_maker.textures import noise
from assets.training_maker.coverings.surfaces import finished, mix, palette, random_colour, varied


def scenery(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A photograph-like picture: landscape, still life of balls, close-up of clouds of colour, or city blocks."""
    style = int(rng.integers(4))
    y, x = np.mgrid[0:height, 0:width]
    if style == 0:
        sky = mix(varied(rng, (90, 140, 200), 30), varied(rng, (240, 220, 190), 20), (y / height) ** 1.2)
        sky += 40 * (noise(rng, height, width, slope=0.9, stretch=2)[..., None] - 0.5)
        ground = np.array(random_colour(rng), float) * 0.6 + np.array([40, 60, 30])
        for layer in range(4):
            line = (noise(rng, 4, width, slope=0.8)[0] - 0.5) * 0.35 * height + height * (0.45 + 0.13 * layer)
            strokes = 0.6 + 0.7 * noise(rng, height, width, slope=0.4)
            sky = np.where(
                (y > line[None])[..., None], ground * (1.2 - 0.22 * layer) * strokes[..., None], sky
            )
        return finished(sky)
    if style == 1:
        image = mix(random_colour(rng), random_colour(rng), y / height) * 0.8 + 20
        for _ in range(int(rng.integers(3, 9))):
            r = rng.uniform(0.1, 0.28) * min(height, width)
            cy, cx = rng.uniform(0.3, 0.9) * height, rng.uniform(0.05, 0.95) * width
            d2 = ((x - cx) ** 2 + (y - cy) ** 2) / r**2
            light = np.clip(1 - np.hypot(x - cx + 0.35 * r, y - cy + 0.4 * r) / (1.5 * r), 0, 1)
            ball = (
                np.asarray(random_colour(rng), float) * (0.35 + 0.9 * light)[..., None]
                + 90 * light[..., None] ** 6
            )
            shadow = np.clip(1.3 - ((x - cx - 0.4 * r) ** 2 / 2 + (y - cy - 0.8 * r) ** 2 * 4) / r**2, 0, 1)
            image = image * (1 - 0.5 * shadow[..., None])
            image = np.where((d2 < 1)[..., None], ball, image)
        return finished(image * (0.9 + 0.2 * noise(rng, height, width, slope=0.3)[..., None]))
    if style == 2:
        image = np.ones((height, width, 3)) * random_colour(rng)
        for ink in palette(rng, random_colour(rng), 6):
            field = noise(rng, height, width, slope=1.1)
            edge = np.clip((field - rng.uniform(0.45, 0.7)) * rng.uniform(3, 20), 0, 1)[..., None]
            image = image * (1 - edge) + edge * np.asarray(ink, float)
        return finished(image * (0.8 + 0.35 * noise(rng, height, width, slope=0.2)[..., None]))
    image = mix(random_colour(rng), (235, 225, 210), 1 - y / height)
    for _ in range(14):
        w, h = rng.uniform(0.06, 0.2) * width, rng.uniform(0.2, 0.75) * height
        x0 = int(rng.uniform(-0.1, 1) * width)
        block = np.asarray(random_colour(rng), float) * 0.7
        image[int(height - h) :, max(0, x0) : int(x0 + w)] = block
        windows = ((x // max(2, width // 40)) % 2 == 0) & ((y // max(2, height // 30)) % 2 == 0)
        windows &= (y > height - h) & (x >= x0) & (x < x0 + w) & (noise(rng, height, width, slope=0) > 0.45)
        image[windows] = np.minimum(block * 1.8 + 30, 255)
    return finished(image)
