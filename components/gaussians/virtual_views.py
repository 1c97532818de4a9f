"""Pictures of splats that came without photos: from where to look, and what is seen from there.

Everything else of the lab (masks, clicks, exports) works on views with a point per pixel; these are such views.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from liftlab.components.gaussians.selection import subset
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import looking_at
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.rasterize import GaussianTensors, lift, rasterize, tensors_from_gaussians
from liftlab.components.rasterize.surface import SurfaceMaps, surface_of
from liftlab.components.types import Array, Camera, Gaussians

FIELD_OF_VIEW = math.radians(55)
"""Across the longer side."""
TRIAL_SIDE = 96
"""Candidates are judged in pictures of this longer side, pixels."""
MAX_TRIED = 120_000
"""Splats used to judge candidates: those that cover most."""
DISTANCES = (1.3, 1.9, 2.8)
"""From the middle of the scene, in reaches (the weighted median distance of the splats from the middle)."""
ELEVATIONS = (15, 35, 60)
"""Degrees above the ground."""
AZIMUTHS = 12
WANTED_SIGHTINGS = 3
"""A splat seen by so many chosen views gains nothing from another: it is matched between views by then."""
SEEN_PX = 0.3
"""Blending weight in a trial picture from which a splat counts as seen, pixels."""
SOLID, AGREEING, NEAR = 0.8, 0.7, 0.25
"""A pixel is good with at least this alpha, this agreement on its depth, and nothing nearer than this share of the
reach."""
ENCLOSED_SHARE = 0.75
"""Share of good pixels all around, seen from the middle, from which the scene is a room to be looked at from inside."""
LEVEL_COS = 0.5
"""A plane whose normal is this near to -Y is taken for the ground with -Y up."""
GROUND_SUPPORT = 0.1
"""Share of the scene that a plane must hold to be taken for the ground."""
FAINT = 0.1
"""Opacity below which a splat tells nothing about where the scene is."""


@dataclass(frozen=True)
class RenderedView:
    """What one camera sees of the splats."""

    camera: Camera
    image: UInt8[Array, "H W 3"]
    """Over black."""
    surface: SurfaceMaps

    @property
    def solid(self) -> Bool[Array, "H W"]:
        """Pixels whose depth is that of a surface."""
        return (self.surface.alpha >= SOLID) & (self.surface.agreement >= AGREEING)


def render_view(gaussians: GaussianTensors, camera: Camera) -> RenderedView:
    """Render colour, and the surface behind every pixel."""
    with torch.no_grad():
        colour = rasterize(gaussians, [camera]).colour
    assert colour is not None
    image = (colour[0].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    return RenderedView(camera, image, surface_of(gaussians, camera))


def choose_cameras(
    gaussians: Gaussians,
    *,
    count: int = 12,
    width: int = 640,
    height: int = 480,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> list[Camera]:
    """Cameras that together see most of the scene, most of it several times.

    Around the scene looking in, or, where its middle is enclosed, inside looking around. Each next camera is the
    one that adds most; neighbours come one after the other.

    Raises:
        ValueError: No splat is opaque enough to be seen.
        Cancelled: The token was set.
    """
    cancel = cancel or CancelToken()
    solid = gaussians.opacities >= FAINT
    if not solid.any():
        raise ValueError(f"gaussians must have opacities of at least {FAINT}; got none. Nothing can be seen.")
    gaussians = _weightiest(subset(gaussians, solid))
    tensors = tensors_from_gaussians(gaussians)
    middle, reach = _middle(gaussians)
    up = estimate_up(gaussians)
    scale = TRIAL_SIDE / max(width, height)
    trial_size = max(round(width * scale), 1), max(round(height * scale), 1)
    K = _intrinsics(*trial_size)
    inside = _is_enclosed(tensors, middle, reach, up, K, trial_size)
    poses = _poses_inside(middle, reach, up) if inside else _poses_around(middle, reach, up)
    qualities, seen = [], []
    for number, pose in enumerate(poses):
        cancel.check()
        progress(number / len(poses), f"Looking for good views, {number + 1} of {len(poses)}")
        camera = Camera(K, pose, *trial_size)
        sight = render_view(tensors, camera)
        qualities.append(_quality(sight, reach))
        ones = torch.ones(1, trial_size[1], trial_size[0], 1)
        seen.append(lift(replace(tensors, sh=None), [camera], ones).seen.numpy() >= SEEN_PX)
    chosen = _greedy(np.array(qualities), np.stack(seen), count)
    progress(1.0, f"{len(chosen)} views chosen")
    return [Camera(_intrinsics(width, height), poses[index], width, height) for index in sorted(chosen)]


def estimate_up(gaussians: Gaussians) -> Float[Array, "3"]:
    """Unit vector up: normal of the dominant plane (table, floor, lawn), else -Y, as in most splat files.

    A guess: a wall that is larger than the floor is taken for it, unless -Y speaks against it.
    """
    habit = np.array([0.0, -1.0, 0.0])
    points = gaussians.means[gaussians.opacities >= FAINT].astype(np.float64)
    if len(points) == 0:
        return habit
    middle, reach = _middle(gaussians)
    eyes = middle + 2 * reach * np.concatenate([np.eye(3), -np.eye(3)])
    planes = find_planes(points, eyes, tolerance=0.01, min_support=GROUND_SUPPORT)
    if not planes:
        return habit
    plane = max(planes, key=lambda one: one.support * (1 + abs(float(one.normal @ habit))))
    upright = float(plane.normal @ habit)
    if abs(upright) < LEVEL_COS:  # a file with another habit: things stand on their floor, not under it
        heights = points @ plane.normal - plane.offset
        upright = float(np.sign(heights[np.abs(heights) > 0.05 * reach]).sum())
    return plane.normal if upright >= 0 else -plane.normal


def _middle(gaussians: Gaussians) -> tuple[Float[Array, "3"], float]:
    """Middle of the scene and how far half of it reaches, both as medians weighted by opacity."""
    points, weights = gaussians.means.astype(np.float64), gaussians.opacities.astype(np.float64)
    middle = np.array([_weighted_median(points[:, axis], weights) for axis in range(3)])
    reach = _weighted_median(np.linalg.norm(points - middle, axis=1), weights)
    return middle, max(reach, 1e-9)


def _weighted_median(values: Float[Array, "N"], weights: Float[Array, "N"]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])


def _weightiest(gaussians: Gaussians) -> Gaussians:
    if len(gaussians.means) <= MAX_TRIED:
        return gaussians
    ordered = np.sort(gaussians.scales, axis=1)
    weight = gaussians.opacities * ordered[:, 1] * ordered[:, 2]
    return subset(gaussians, np.sort(np.argpartition(weight, -MAX_TRIED)[-MAX_TRIED:]))


def _intrinsics(width: int, height: int) -> Float[Array, "3 3"]:
    focal = max(width, height) / (2 * math.tan(FIELD_OF_VIEW / 2))
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])


def _poses_around(
    middle: Float[Array, "3"], reach: float, up: Float[Array, "3"]
) -> list[Float[Array, "4 4"]]:
    """Candidates that look at the middle, neighbours in azimuth one after the other."""
    poses = []
    for azimuth in np.arange(AZIMUTHS) * 2 * math.pi / AZIMUTHS:
        for elevation in np.deg2rad(ELEVATIONS):
            outward = math.cos(elevation) * _level(azimuth, up) + math.sin(elevation) * up
            poses += [looking_at(middle + d * reach * outward, middle, up) for d in DISTANCES]
    return poses


def _poses_inside(
    middle: Float[Array, "3"], reach: float, up: Float[Array, "3"]
) -> list[Float[Array, "4 4"]]:
    """Candidates near the middle that look outward, level and a little down, from places beside each other."""
    poses = []
    for azimuth in np.arange(AZIMUTHS) * 2 * math.pi / AZIMUTHS:
        for aside in (-0.2, 0.0, 0.2):
            eye = middle + reach * aside * _level(azimuth + math.pi / 2, up)
            for dip in np.deg2rad([0, 25]):
                poses.append(looking_at(eye, eye + _level(azimuth, up) - math.tan(dip) * up, up))
    return poses


def _level(azimuth: float, up: Float[Array, "3"]) -> Float[Array, "3"]:
    """Unit vector of the ground plane."""
    first = np.cross(up, np.eye(3)[int(np.abs(up).argmin())])
    first /= np.linalg.norm(first)
    return math.cos(azimuth) * first + math.sin(azimuth) * np.cross(up, first)


def _is_enclosed(
    tensors: GaussianTensors,
    middle: Float[Array, "3"],
    reach: float,
    up: Float[Array, "3"],
    K: Float[Array, "3 3"],
    size: tuple[int, int],
) -> bool:
    """Whether somebody at the middle sees walls all around and nothing near."""
    shares = []
    for azimuth in np.arange(8) * math.pi / 4:
        pose = looking_at(middle, middle + _level(azimuth, up), up)
        shares.append(_quality(render_view(tensors, Camera(K, pose, *size)), reach))
    return float(np.mean(shares)) >= ENCLOSED_SHARE


def _quality(sight: RenderedView, reach: float) -> float:
    """Share of pixels that see a surface and are not right in front of one."""
    return float((sight.solid & (sight.surface.depth >= NEAR * reach)).mean())


def _greedy(qualities: Float[Array, "C"], seen: Bool[Array, "C N"], count: int) -> list[int]:
    """Indices of views, each the one that adds most good sightings."""
    sightings = np.zeros(seen.shape[1], np.int32)
    left = list(range(len(qualities)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        short = np.maximum(WANTED_SIGHTINGS - sightings, 0).astype(np.float32)
        gains = [qualities[index] * float(seen[index] @ short) for index in left]
        best = left[int(np.argmax(gains))]
        if max(gains) <= 0 and len(chosen) >= 2:
            break
        left.remove(best)
        chosen.append(best)
        sightings += seen[best]
    return chosen
