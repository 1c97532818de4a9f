"""Photos of a world by ray casting: soft shadows, light bounced once, highlights, reflections, glass; exact truth."""

import numpy as np
import scipy.special

from assets.training_maker.world import Hits, Light, World
from liftlab.components.types import Camera

GRID = 2
"""Samples per side of a pixel: GRID x GRID jittered rays."""
SMOOTHING_STEPS = (1, 2, 3)
"""Distances in pixels of the neighbours that grain is averaged over, one pass each."""
SMOOTHING_CONTRAST = 0.15
"""Neighbours that differ by this share of their light count half: edges of shadows stay."""
DIMENSIONS = 8
LAMP, FILL, MIRROR = 0, 4, 5
"""Choices that every ray makes: a point on each lamp (at most four lamps), a direction for ambient light, the
roughness of a mirror."""
RAYS_AT_ONCE = 1 << 14
"""So many that their arrays stay in the processor's cache: twice as fast as all at once."""
LIGHT_RAYS = 1
AMBIENT_RAYS = 1
"""Shadow and ambient rays of one sample."""
LIFT_M = 4e-4
"""Rays leave a surface this far above it, so that they do not meet it again."""
MIRROR_ROUGHNESS = 0.3
"""Smoother surfaces reflect the room by a ray of their own; rougher ones only show soft highlights."""


def measure(world: World, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Depth [H, W] float32 along +Z through pixel centres and instance ids [H, W] uint16; both 0 where nothing is."""
    origins, directions = rays(camera, 0.5, 0.5)
    hits = world.first(origins, directions)
    seen = hits.face >= 0
    depth = np.where(seen, hits.distance, 0).reshape(camera.height, camera.width)
    ids = np.where(seen, world.instance[hits.face], 0).reshape(camera.height, camera.width)
    return depth.astype(np.float32), ids.astype(np.uint16)


def rays(camera: Camera, dx: float | np.ndarray, dy: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origins and directions [H * W, 3] through pixels at offsets in [0, 1); a direction advances 1 m along +Z."""
    K, R = camera.K, camera.world_to_camera[:3, :3]
    x = np.arange(camera.width)[None] - K[0, 2] + dx
    y = np.arange(camera.height)[:, None] - K[1, 2] + dy
    shape = (camera.height, camera.width)
    x, y = (np.broadcast_to(value, shape).reshape(-1, 1) for value in (x / K[0, 0], y / K[1, 1]))
    directions = (x * R[0] + y * R[1] + R[2]).astype(np.float32)
    centre = (-R.T @ camera.world_to_camera[:3, 3]).astype(np.float32)
    return np.tile(centre, (len(directions), 1)), directions


class Sampler:
    """Pairs of numbers in [0, 1) for every ray, spread evenly over the rays of one pixel (the R2 sequence).

    Source: Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018.
    """

    STEP = np.array([0.7548776662466927, 0.5698402909980532], np.float32)

    def __init__(self, starts: np.ndarray, number: int) -> None:
        """`starts` [N, D, 2]: where the sequences of each pixel begin; `number`: of the ray in its pixel."""
        self.starts, self.number = starts, number

    def take(self, index: np.ndarray) -> "Sampler":
        return Sampler(self.starts[index], self.number)

    def pair(self, dimension: int, k: int = 0, per_ray: int = 1) -> np.ndarray:
        """[N, 2] for the `k`-th of `per_ray` choices of the same sort that each ray makes."""
        at = self.starts[:, dimension] + self.STEP * np.float32(self.number * per_ray + k)
        return at - np.floor(at)


def render(world: World, camera: Camera, rng: np.random.Generator, *, grid: int = GRID) -> np.ndarray:
    """Light [H, W, 3] float32 that reaches the camera, linear, not yet exposed."""
    count, shape = camera.height * camera.width, (camera.height, camera.width)
    total, arriving = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    per_pixel = 1.0 / (float(camera.K[0, 0]) * grid)
    starts = rng.random((count, DIMENSIONS, 2), dtype=np.float32)
    for number in range(grid**2):
        dx = (number % grid + rng.random(shape, dtype=np.float32)) / grid
        dy = (number // grid + rng.random(shape, dtype=np.float32)) / grid
        origins, directions = rays(camera, dx, dy)
        for start in range(0, count, RAYS_AT_ONCE):
            part = slice(start, start + RAYS_AT_ONCE)
            seen, arrives = light_along(
                world, origins[part], directions[part], per_pixel, Sampler(starts[part], number)
            )
            total[part] += seen
            arriving[part] += arrives
    light, arriving = (x.reshape(*shape, 3) / grid**2 for x in (total, arriving))
    return light * smoothed_share(world, camera, arriving)


def smoothed_share(world: World, camera: Camera, arriving: np.ndarray) -> np.ndarray:
    """By how much [H, W, 3] to correct photos so that the grain of few shadow rays goes, edges staying.

    The light that arrives on matt surfaces is averaged over neighbours on the same surface (an a-trous filter:
    Dammertz et al., "Edge-avoiding A-Trous wavelet transform", 2010); textures do not enter it.
    """
    origins, directions = rays(camera, 0.5, 0.5)
    hits = world.first(origins, directions)
    shape = arriving.shape[:2]
    points = (origins + directions * np.minimum(hits.distance, 1e3)[:, None]).reshape(*shape, 3)
    normals = (
        np.where((hits.face >= 0)[:, None], world.shading_normals(hits), 0)
        .reshape(*shape, 3)
        .astype(np.float32)
    )
    tolerance = 0.004 * np.minimum(hits.distance, 1e3).reshape(shape)
    inside = np.ones(shape, bool)
    surfaces = np.concatenate([points, normals], axis=2)
    smooth = np.concatenate([arriving, arriving.mean(axis=2, keepdims=True)], axis=2)
    crease, close_count = smooth.copy(), np.ones(shape, np.float32)
    for step in SMOOTHING_STEPS:
        summed, weights = smooth.copy(), np.ones(shape, np.float32)
        wide, wide_smooth = (
            np.pad(x, ((step, step), (step, step), (0, 0)), mode="edge") for x in (surfaces, smooth)
        )
        for dy, dx in [(a, b) for a in (-step, 0, step) for b in (-step, 0, step) if a or b]:
            window = slice(step + dy, step + dy + shape[0]), slice(step + dx, step + dx + shape[1])
            other, light = wide[window], wide_smooth[window]
            off_plane = np.abs(np.einsum("ijk,ijk->ij", other[..., :3] - points, normals))
            same = (off_plane < tolerance) & (np.einsum("ijk,ijk->ij", other[..., 3:], normals) > 0.9)
            if step == 1:
                inside &= same
                close = (np.linalg.norm(other[..., :3] - points, axis=2) < 4 * tolerance).astype(np.float32)
                crease += close[..., None] * light
                close_count += close
            contrast = np.abs(light[..., 3] - smooth[..., 3]) / (light[..., 3] + smooth[..., 3] + 1e-6)
            weight = same / (1 + (contrast / SMOOTHING_CONTRAST) ** 2)
            summed += weight[..., None] * light
            weights += weight
        smooth = summed / weights[..., None]
    floor = np.maximum(arriving, 1e-4)
    # Pixels at edges mix surfaces: what holds for their middle holds for them in part only.
    at_edges = np.clip((crease / close_count[..., None])[..., :3] / floor, 0.6, 1.7)
    return np.where(inside[..., None], np.clip(smooth[..., :3] / floor, 0.25, 4.0), at_edges)


def light_along(
    world: World, origins: np.ndarray, directions: np.ndarray, per_pixel: float, sampler: Sampler
) -> tuple[np.ndarray, np.ndarray]:
    """Light [N, 3] seen along rays, and light [N, 3] that arrives where they end."""
    hits = world.first(origins, directions)
    out = np.tile(world.ambient, (len(origins), 1))
    index = np.flatnonzero(hits.face >= 0)
    arrives = np.ones((len(origins), 3), np.float32)
    out[index], arrives[index] = _surface(
        world, _take(hits, index), origins[index], directions[index], per_pixel, sampler.take(index)
    )
    glass = index[world.glass[world.material[hits.face[index]]]]
    if len(glass):
        behind = world.first(origins[glass], directions[glass], through_glass=True)
        clear = np.flatnonzero(behind.face >= 0)
        tint = world.mean_colour[world.material[hits.face[glass]]]
        seen = np.tile(world.ambient, (len(glass), 1))
        deep = glass[clear]
        seen[clear], _ = _surface(
            world, _take(behind, clear), origins[deep], directions[deep], per_pixel, sampler.take(deep)
        )
        normal = world.shading_normals(_take(hits, glass))
        slant = np.abs(np.einsum("ij,ij->i", normal, _unit(directions[glass])))
        mirror = 0.06 + 0.94 * (1 - slant) ** 4
        out[glass] = out[glass] * 0.6 + seen * tint * (1 - mirror)[:, None]
        arrives[glass] = 1.0
    return out, arrives


def _surface(
    world: World,
    hits: Hits,
    origins: np.ndarray,
    directions: np.ndarray,
    per_pixel: float,
    sampler: Sampler,
) -> tuple[np.ndarray, np.ndarray]:
    """Light [N, 3] that leaves the surfaces met, towards where the rays come from, and light that arrives there."""
    view = -_unit(directions)
    points = origins + directions * hits.distance[:, None]
    flat = world.face_normal[hits.face]
    facing = np.einsum("ij,ij->i", flat, view)
    flat = np.where(facing[:, None] < 0, -flat, flat)
    normal = world.shading_normals(hits)
    normal = np.where(np.einsum("ij,ij->i", normal, flat)[:, None] < 0, -normal, normal)
    slant = np.maximum(np.einsum("ij,ij->i", normal, view), 0.05)
    footprint = per_pixel * hits.distance / np.sqrt(np.maximum(np.abs(facing), 0.05))
    albedo = world.albedo(hits, footprint)
    material = world.material[hits.face]
    gloss, roughness = world.gloss[material], world.roughness[material]
    metal, glass = world.metal[material], world.glass[material]
    points = points + flat * LIFT_M
    shiny = (roughness >= MIRROR_ROUGHNESS) & (gloss > 0.015)
    direct, highlight = _direct(world, points, normal, flat, view, roughness, shiny, sampler)
    filled = _ambient(world, points, normal, flat, sampler)
    fresnel = gloss + (1 - gloss) * (1 - slant) ** 5 * (1 - roughness)
    diffuse = np.where((metal | glass)[:, None], 0.0, 1 - fresnel[:, None]) * albedo
    tint = np.where(metal[:, None], albedo, fresnel[:, None])
    out = diffuse * (direct + filled) + tint * highlight
    mirror = np.flatnonzero((roughness < MIRROR_ROUGHNESS) & (fresnel > 0.02))
    if len(mirror):
        seen = _reflected(
            world,
            points[mirror],
            normal[mirror],
            flat[mirror],
            view[mirror],
            roughness[mirror],
            sampler.take(mirror),
        )
        out[mirror] += tint[mirror] * seen
    rough_metal = metal & (roughness >= MIRROR_ROUGHNESS)
    out[rough_metal] += albedo[rough_metal] * filled[rough_metal]
    return out, direct + filled


def _direct(
    world: World,
    points: np.ndarray,
    normal: np.ndarray,
    flat: np.ndarray,
    view: np.ndarray,
    roughness: np.ndarray,
    shiny: np.ndarray,
    sampler: Sampler,
) -> tuple[np.ndarray, np.ndarray]:
    """Light of the lamps that arrives [N, 3] over pi, and their highlights on rough surfaces [N, 3]."""
    count = len(points)
    arrives, highlight = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    mirrored = 2 * np.einsum("ij,ij->i", normal, view)[:, None] * normal - view
    for number, light in enumerate(world.lights):
        seen = np.zeros(count, np.float32)
        for k in range(LIGHT_RAYS):
            a, b = sampler.pair(LAMP + number, k, LIGHT_RAYS).T[..., None]
            to_light = a * light.across + b * light.up + light.corner - points
            squared = np.einsum("ij,ij->i", to_light, to_light)
            cosine = np.einsum("ij,ij->i", normal, to_light)
            leaves = -(to_light @ light.front)
            lit = (cosine > 0) & (leaves > 0) & (np.einsum("ij,ij->i", flat, to_light) > 0)
            index = np.flatnonzero(lit)
            index = index[~world.blocked(points[index], to_light[index])]
            share = cosine[index] * leaves[index] * (light.area / (np.pi * LIGHT_RAYS)) / squared[index] ** 2
            arrives[index] += share[:, None] * light.radiance
            seen[index] += 1 / LIGHT_RAYS
        index = np.flatnonzero(shiny & (seen > 0))
        _, covered = _lamp_in_mirror(light, points[index], mirrored[index], roughness[index])
        highlight[index] += (covered * seen[index])[:, None] * light.radiance
    return arrives, highlight


def _lamp_in_mirror(
    light: Light, points: np.ndarray, direction: np.ndarray, roughness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where mirrored rays meet a lamp's plane, and how much [N] of their lobe the lamp fills.

    The lobe is taken as Gaussian with a spread of about the square of the roughness, as that of GGX near its peak.
    """
    towards = direction @ light.front
    t = ((light.corner - points) @ light.front) / np.where(np.abs(towards) < 1e-6, 1e-6, towards)
    at = points + direction * t[:, None] - light.corner
    spread = np.maximum(0.7 * roughness**2, 0.004) * np.abs(t)
    covered = np.where((towards < 0) & (t > 0), 1.0, 0.0).astype(np.float32)
    for side in (light.across, light.up):
        length = float(np.linalg.norm(side))
        along, width = at @ (side / length), spread * np.sqrt(2.0)
        covered *= 0.5 * (scipy.special.erf((length - along) / width) - scipy.special.erf(-along / width))
    return t, covered


def _ambient(
    world: World, points: np.ndarray, normal: np.ndarray, flat: np.ndarray, sampler: Sampler
) -> np.ndarray:
    """Light that fills the room, as far as it reaches these points, tinted by what is near."""
    total = np.zeros((len(points), 3), np.float32)
    for k in range(AMBIENT_RAYS):
        direction = normal + _sphere(sampler.pair(FILL, k, AMBIENT_RAYS))
        below = np.einsum("ij,ij->i", direction, flat)
        direction = _unit(direction - 2 * np.minimum(below, 0)[:, None] * flat)
        total += _room_light(world, world.first(points, direction), direction)
    return total / AMBIENT_RAYS


def _room_light(world: World, hits: Hits, direction: np.ndarray) -> np.ndarray:
    """Rough light from where rays arrive: the ambient light on its colour, less where it is close (and so shaded)."""
    out = np.tile(world.ambient, (len(direction), 1))
    index = np.flatnonzero(hits.face >= 0)
    face = hits.face[index]
    open_share = 1 - np.exp(-hits.distance[index] / 0.25)
    # A surface that looks up gets more of the lamps than a ceiling.
    upwards = 0.75 + 0.35 * np.abs(world.face_normal[face, 2])
    colour = 0.35 + 0.9 * world.mean_colour[world.material[face]]
    out[index] *= colour * (open_share * upwards)[:, None]
    return out


def _reflected(
    world: World,
    points: np.ndarray,
    normal: np.ndarray,
    flat: np.ndarray,
    view: np.ndarray,
    roughness: np.ndarray,
    sampler: Sampler,
) -> np.ndarray:
    """What smooth surfaces mirror: lamps and, roughly lit, the things around."""
    exact = 2 * np.einsum("ij,ij->i", normal, view)[:, None] * normal - view
    direction = _unit(exact + _sphere(sampler.pair(MIRROR)) * (roughness**2)[:, None])
    below = np.einsum("ij,ij->i", direction, flat)
    direction = direction - np.minimum(2 * below, 0)[:, None] * flat
    hits = world.first(points, direction)
    out = np.tile(world.ambient, (len(points), 1))
    index = np.flatnonzero(hits.face >= 0)
    near = _take(hits, index)
    albedo = world.albedo(near, near.distance * 0.004)
    open_share = 0.4 + 0.6 * (1 - np.exp(-near.distance / 0.25))
    out[index] = albedo * world.ambient * (1.25 * open_share)[:, None]
    reach = np.where(hits.face >= 0, hits.distance, 1e3)
    for light in world.lights:
        t, covered = _lamp_in_mirror(light, points, exact, roughness)
        covered = np.where(t < reach + 0.05, covered, 0)[:, None]
        out = out * (1 - covered) + covered * light.radiance
    return out


def _take(hits: Hits, index: np.ndarray) -> Hits:
    return Hits(hits.face[index], hits.distance[index], hits.u[index], hits.v[index])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None], 1e-12)


def _sphere(pairs: np.ndarray) -> np.ndarray:
    """Points evenly on the unit sphere [N, 3] from pairs [N, 2] in [0, 1)."""
    z, angle = pairs[:, 0] * 2 - 1, pairs[:, 1] * np.float32(2 * np.pi)
    r = np.sqrt(np.maximum(1 - z * z, 0))
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)
