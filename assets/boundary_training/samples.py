"""Crops of made photos with their boundaries, changed as cameras, lenses and stereo change them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common.images import read_ids, read_rgb
from liftlab.components.boundaries.network import boundary_inputs
from liftlab.components.types import Array

SCALES = (0.75, 1.9)
"""Least and largest factor by which photos are scaled before a crop."""
WITHOUT_DEPTH = 0.12
"""Share of crops that are told no depth at all."""
FATTEN_PX = 3
"""Most pixels by which near things grow over what is behind them."""
NOISE = 0.005
"""Most relative noise of depth."""
KEEP = (0.25, 1.0)
"""Least and largest share of depth that stays."""
TEXTURELESS = 0.6
"""Share of crops that lose depth where there is no texture rather than anywhere."""


@dataclass(frozen=True)
class MadePhoto:
    """One photo with truth."""

    image: Array
    """uint8 [H, W, 3] RGB."""
    ids: Array
    """int32 [H, W], of things and of surroundings."""
    depth: Array
    """float32 [H, W] along +Z, 0 = none."""


def made_photos(captures: Path) -> Iterator[MadePhoto]:
    """Every photo with truth of every capture in a folder."""
    for file in sorted(captures.glob("*/truth/instance/*.png")):
        capture = file.parents[2]
        if not (capture / "truth/objects.json").exists():  # still being made
            continue
        depth = np.load(capture / "truth/depth" / f"{file.stem}.npz")["depth"].astype(np.float32)
        ids = cv2.resize(read_ids(file).astype(np.int32), depth.shape[::-1], interpolation=cv2.INTER_NEAREST)
        yield MadePhoto(read_rgb(next((capture / "images").glob(f"{file.stem}.*"))), ids, depth)


def boundary_of(ids: Array) -> Array:
    """Pixels that touch another id: bool [H, W]."""
    found = np.zeros(ids.shape, bool)
    down, right = ids[1:] != ids[:-1], ids[:, 1:] != ids[:, :-1]
    found[1:] |= down
    found[:-1] |= down
    found[:, 1:] |= right
    found[:, :-1] |= right
    return found


def crop(photo: MadePhoto, rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """What the network is told of a random crop, and its boundary: float32 [C, size, size], bool [size, size]."""
    factor = float(np.exp(rng.uniform(*np.log(SCALES))))
    part = [max(1, min(side, round(size / factor))) for side in photo.ids.shape]
    part = [min(part)] * 2
    row, column = (int(rng.integers(0, side - part[0] + 1)) for side in photo.ids.shape)
    cut = np.s_[row : row + part[0], column : column + part[1]]
    way = cv2.INTER_AREA if part[0] > size else cv2.INTER_LINEAR
    image = cv2.resize(photo.image[cut], (size, size), interpolation=way)
    ids = cv2.resize(photo.ids[cut], (size, size), interpolation=cv2.INTER_NEAREST)
    depth = cv2.resize(photo.depth[cut], (size, size), interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        image, ids, depth = (np.ascontiguousarray(one[:, ::-1]) for one in (image, ids, depth))
    image = _another_camera(image, rng)
    return boundary_inputs(image, spoilt(image, depth, rng)), boundary_of(ids)


def _another_camera(image: Array, rng: np.random.Generator) -> Array:
    """Other light, white balance, saturation, sharpness and noise."""
    light = image.astype(np.float32) / 255
    if rng.random() < 0.3:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 1.6))
    light = light ** rng.uniform(0.6, 1.6) * rng.uniform(0.75, 1.25, 3 if rng.random() < 0.5 else 1)
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * rng.uniform(0.3, 1.4)
    light = light + rng.normal(size=light.shape) * rng.uniform(0, 0.03)
    return (np.clip(light, 0, 1) * 255).astype(np.uint8)


def spoilt(image: Array, depth: Array, rng: np.random.Generator) -> Array:
    """Depth as stereo would have it: near things fattened, noise, holes (often where there is no texture), or none."""
    if rng.random() < WITHOUT_DEPTH:
        return np.zeros(depth.shape, np.float32)
    far = np.where(depth > 0, depth, np.float32(np.inf))
    width = 2 * int(rng.integers(0, FATTEN_PX + 1)) + 1
    far = cv2.erode(far, np.ones((width, width), np.uint8))
    out = np.where(np.isfinite(far), far, 0)
    out = out * (1 + rng.uniform(0, NOISE) * _field(out.shape, 1.5, rng))
    chance = _field(out.shape, rng.uniform(2, 8), rng)
    if rng.random() < TEXTURELESS:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        variance = cv2.GaussianBlur(grey**2, (0, 0), 3) - cv2.GaussianBlur(grey, (0, 0), 3) ** 2
        texture = np.log(np.maximum(variance, 0.1))
        chance = chance + rng.uniform(0.5, 2.5) * (texture - texture.mean()) / (texture.std() + 1e-6)
    return np.where(chance < np.quantile(chance, 1 - rng.uniform(*KEEP)), 0, out).astype(np.float32)


def _field(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Array:
    """Smooth noise of standard deviation 1."""
    field = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), width)
    return field / field.std()
