"""A textured wall and floor with a box in front, rendered exactly by ray casting: photos with known truth."""

from dataclasses import dataclass

import cv2
import numpy as np

from liftlab.components.geometry.projection import pixel_centers
from liftlab.components.types import Camera


@dataclass(frozen=True)
class Rectangle:
    """A textured piece of a plane: points origin + a * right + b * down with a, b in [0, 1]."""

    origin: np.ndarray
    right: np.ndarray
    down: np.ndarray
    texture: np.ndarray
    """[h, w, 3] uint8."""


def noise_texture(seed: int, size: int = 512) -> np.ndarray:
    """Coloured noise with structure at several sizes, so that corners are found at every distance."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size, 3), np.float32)
    for cells, strength in ((6, 60), (16, 50), (48, 45), (128, 35)):
        coarse = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(total + 128, 0, 255).astype(np.uint8)


def room(seed: int = 0) -> list[Rectangle]:
    """Wall at z = 5, floor at y = 1, and the front and side of a box standing on the floor."""
    vector = lambda *values: np.array(values, dtype=np.float64)  # noqa: E731
    return [
        Rectangle(vector(-6, -5, 5), vector(12, 0, 0), vector(0, 6, 0), noise_texture(seed)),
        Rectangle(vector(-6, 1, 5), vector(12, 0, 0), vector(0, 0, -5), noise_texture(seed + 1)),
        Rectangle(vector(-0.6, -0.3, 2.6), vector(1.2, 0, 0), vector(0, 1.3, 0), noise_texture(seed + 2)),
        Rectangle(vector(0.6, -0.3, 2.6), vector(0, 0, 1.0), vector(0, 1.3, 0), noise_texture(seed + 3)),
        Rectangle(vector(-0.6, -0.3, 3.6), vector(1.2, 0, 0), vector(0, 0, -1.0), noise_texture(seed + 4)),
    ]


def looking_at(
    center: tuple[float, float, float], target: tuple[float, float, float], width: int, height: int
) -> Camera:
    """Camera at `center` that sees `target` in its middle, level, 60 degrees wide."""
    forward = np.array(target, dtype=np.float64) - center
    forward /= np.linalg.norm(forward)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    world_to_camera[:3, 3] = -world_to_camera[:3, :3] @ center
    focal = 0.5 * width / np.tan(np.radians(30))
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera(K, world_to_camera, width, height)


def walk(count: int, width: int, height: int, span: float = 1.6) -> list[Camera]:
    """Cameras on a line across the room, all looking at the box."""
    return [
        looking_at((x, -0.5 - 0.08 * (i % 2), 0.1 * (i % 3)), (0, 0, 3.2), width, height)
        for i, x in enumerate(np.linspace(-span / 2, span / 2, count))
    ]


def render(rectangles: list[Rectangle], camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photo [H, W, 3] uint8, depth along +Z [H, W] float32 (0 = nothing), and number of the rectangle (0 = none)."""
    fine = 2  # 2 x 2 rays per pixel, so that edges look like a camera's
    K = np.diag([fine, fine, 1.0]) @ camera.K
    dense = Camera(K, camera.world_to_camera, camera.width * fine, camera.height * fine)
    image, _, _ = _cast(rectangles, dense)
    photo = cv2.resize(image, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    _, depth, label = _cast(rectangles, camera)
    return np.clip(photo + 0.5, 0, 255).astype(np.uint8), depth, label


def _cast(rectangles: list[Rectangle], camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    xy = pixel_centers(camera.width, camera.height)
    rays = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1) @ np.linalg.inv(camera.K).T
    rays = rays @ camera.world_to_camera[:3, :3]
    best = np.full(xy.shape[:2], np.inf)
    label = np.zeros(xy.shape[:2], np.uint8)
    image = np.full((*xy.shape[:2], 3), 90, np.float32)
    for index, piece in enumerate(rectangles):
        normal = np.cross(piece.right, piece.down)
        slope = rays @ normal
        offset = float((piece.origin - camera.center) @ normal)
        depth = offset / np.where(np.abs(slope) > 1e-12, slope, np.inf)
        from_origin = camera.center + depth[..., None] * rays - piece.origin
        a = from_origin @ piece.right / (piece.right @ piece.right)
        b = from_origin @ piece.down / (piece.down @ piece.down)
        hit = (a >= 0) & (a <= 1) & (b >= 0) & (b <= 1) & (depth > 0.05) & (depth < best)
        size = piece.texture.shape[0] - 1
        colour = cv2.remap(
            piece.texture.astype(np.float32), (a * size).astype(np.float32), (b * size).astype(np.float32),
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        best = np.where(hit, depth, best)
        label = np.where(hit, index + 1, label).astype(np.uint8)
        image = np.where(hit[..., None], colour, image)
    return image, np.where(np.isfinite(best), best, 0).astype(np.float32), label
