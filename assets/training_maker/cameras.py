"""Where photos are taken from: paths round a scene as people walk, uneven in spacing, distance and height."""

from collections.abc import Sequence

import numpy as np

from assets.training_maker.world import World
from liftlab.components.types import Camera

NEAREST_M = 0.22
"""A camera keeps this distance from everything."""


def look_at(eye: np.ndarray, target: np.ndarray, *, roll_rad: float = 0.0) -> np.ndarray:
    """World-to-camera [4, 4], OpenCV axes, the picture's top towards +Z of the world turned by `roll_rad`."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    R = np.stack([c * right + s * down, c * down - s * right, forward])
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = R, -R @ eye
    return out


def intrinsics(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A pinhole with a focal length of 0.9 to 1.4 of the width and a principal point within 1 % of the middle."""
    focal = rng.uniform(0.9, 1.4) * width
    shift = rng.uniform(-0.01, 0.01, 2) * width
    return np.array([[focal, 0, width / 2 + shift[0]], [0, focal, height / 2 + shift[1]], [0, 0, 1.0]])


def arc_angles(
    rng: np.random.Generator, count: int, start: float, sweep: float, *, uneven: float = 0.35
) -> np.ndarray:
    """Angles [count] in radians from `start` over `sweep`; steps vary by `uneven` of their mean."""
    steps = np.maximum(1 + uneven * rng.normal(size=count), 0.25)
    steps[0] = 0
    at = np.cumsum(steps)
    return start + sweep * at / max(at[-1], 1e-9)


def around(
    rng: np.random.Generator,
    world: World,
    K: np.ndarray,
    size: tuple[int, int],
    *,
    angles: np.ndarray,
    target: Sequence[float],
    distance: tuple[float, float],
    height: tuple[float, float],
    spread: float,
    bounds: tuple[float, float, float],
) -> list[Camera]:
    """Cameras at angles round a target, looking near it.

    Args:
        angles: Of the position about the target, 0 = +X, radians.
        distance, height: Ranges of the horizontal distance and of the height above the target, metres; both change
            smoothly along the path, with a jitter.
        spread: Standard deviation of where they look, metres.
        bounds: Half width, half depth and height of the room that they stay in.
    """
    goal = np.asarray(target, float)
    phase, waves = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.6, 1.8, 2)
    out = []
    for k, angle in enumerate(angles):
        share = k / max(1, len(angles) - 1)
        mixing = 0.5 + 0.42 * np.sin(phase + 2 * np.pi * waves * share) + rng.normal(0, 0.1, 2)
        mixing = np.clip(mixing, 0, 1)
        for attempt in range(40):
            wanted = distance[0] + (distance[1] - distance[0]) * mixing[0]
            reach = wanted * (1 + 0.03 * attempt * rng.uniform(-1, 1))
            turned = angle + 0.004 * attempt * rng.normal()
            high = height[0] + (height[1] - height[0]) * mixing[1] + 0.015 * attempt * rng.random()
            eye = goal + np.array([reach * np.cos(turned), reach * np.sin(turned), high])
            low = np.array([0.25 - bounds[0], 0.25 - bounds[1], 0.15])
            up = np.array(bounds) - np.array([0.25, 0.25, 0.2])
            eye = np.clip(eye, low, up)
            look = goal + rng.normal(0, spread, 3) * [1, 1, 0.5]
            pose = look_at(eye, look, roll_rad=rng.normal(0, 0.025))
            # Rather a hidden target than a gap in the path.
            if is_free(world, eye) and (attempt >= 30 or sees(world, eye, look)):
                out.append(Camera(K, pose, *size))
                break
    return out


def is_free(world: World, eye: np.ndarray) -> bool:
    """Whether nothing is too near, in directions evenly over the sphere."""
    k = np.arange(64) + 0.5
    z, angle = 1 - 2 * k / 64, np.pi * (1 + 5**0.5) * k
    directions = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)
    hits = world.first(np.tile(eye, (64, 1)), directions)
    return bool(np.all((hits.face < 0) | (hits.distance > NEAREST_M)))


def sees(world: World, eye: np.ndarray, look: np.ndarray) -> bool:
    """Whether what it looks at is not hidden by something in the first half of the way."""
    offsets = np.array([[x, 0, z] for x in (-0.08, 0, 0.08) for z in (-0.05, 0.05)])
    directions = look + offsets - eye
    hits = world.first(np.tile(eye, (len(directions), 1)), directions)
    return bool(((hits.face < 0) | (hits.distance > 0.5)).mean() > 0.7)
