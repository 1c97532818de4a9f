"""A toy scene with exact geometry: textured boxes on a plane, ray-cast from four cameras."""

import functools
from dataclasses import dataclass, replace

import numpy as np

from liftlab.components.gaussians.training.initialise import gaussians_from_points
from liftlab.components.geometry.projection import pixel_centers, unproject
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Camera, Gaussians, Lens, Pointmap, Scene, View

WIDTH, HEIGHT = 96, 72
FOCAL = 90.0
BOXES = (
    (np.array([-0.55, -0.30, 0.0]), np.array([-0.15, 0.10, 0.35]), (200, 60, 50)),
    (np.array([0.05, -0.35, 0.0]), np.array([0.40, 0.00, 0.25]), (60, 90, 200)),
    (np.array([0.40, -0.35, 0.0]), np.array([0.70, 0.00, 0.45]), (60, 180, 80)),
)
"""Low corner, high corner, colour; the second and third touch."""
FLOOR = 201
TOP_OF_FIRST, GROUP, PLANE = 4, 5, 6
"""Cached objects beside the three boxes, whose ids are 1, 2, 3."""


@dataclass(frozen=True)
class Toy:
    """The scene, its mask cache, and the truth they were made from."""

    scene: Scene
    masks: MaskCache
    instance: np.ndarray
    """[V, H, W] 1 to 3 for the boxes, `FLOOR` for the plane."""
    depth: np.ndarray
    """[V, H, W] along +Z."""

    @property
    def gaussians(self) -> Gaussians:
        """Those of the scene, which always has them."""
        assert self.scene.gaussians is not None
        return self.scene.gaussians


def look_at(eye: np.ndarray, target: np.ndarray, *, width: int = WIDTH, height: int = HEIGHT) -> Camera:
    """An OpenCV camera at `eye`, world +Z up."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    world_to_camera[:3, 3] = -world_to_camera[:3, :3] @ eye
    focal = FOCAL * width / WIDTH
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    return Camera(K, world_to_camera, width, height)


def toy_cameras(count: int = 4, *, width: int = WIDTH, height: int = HEIGHT) -> list[Camera]:
    """Cameras on an arc in front of the boxes."""
    angles = np.deg2rad(np.linspace(-24, 24, count)) if count > 1 else np.zeros(1)
    eyes = [np.array([1.8 * np.sin(a), -1.8 * np.cos(a), 1.0 + 0.1 * (i % 2)]) for i, a in enumerate(angles)]
    return [look_at(eye, np.array([0.05, -0.1, 0.12]), width=width, height=height) for eye in eyes]


def render_toy(camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ray-cast the boxes: image [H, W, 3], depth [H, W], instance [H, W], and face axis [H, W] (2 = top)."""
    xy = pixel_centers(camera.width, camera.height)
    focal = np.array([camera.K[0, 0], camera.K[1, 1]])
    in_camera = np.concatenate([(xy - camera.K[:2, 2]) / focal, np.ones((*xy.shape[:2], 1))], axis=-1)
    rays = in_camera @ camera.world_to_camera[:3, :3]  # length 1 along +Z, so ray parameter = depth
    eye = camera.center
    depth = np.where(rays[..., 2] < 0, -eye[2] / np.minimum(rays[..., 2], -1e-9), np.inf)
    instance = np.full(depth.shape, FLOOR)
    axis = np.full(depth.shape, 2)
    for number, (low, high, _) in enumerate(BOXES, start=1):
        with np.errstate(divide="ignore"):
            near, far = (low - eye) / rays, (high - eye) / rays
        enter, leave = np.minimum(near, far), np.maximum(near, far)
        t = enter.max(axis=-1)
        hit = (t <= leave.min(axis=-1)) & (t > 0) & (t < depth)
        depth = np.where(hit, t, depth)
        instance = np.where(hit, number, instance)
        axis = np.where(hit, enter.argmax(axis=-1), axis)
    return _shade(eye + depth[..., None] * rays, instance, axis), depth, instance, axis


def _shade(points: np.ndarray, instance: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """A smooth, never repeating texture on every face, so that pixels can be matched between views."""
    base = np.full((*instance.shape, 3), 150.0)
    for number, (_, _, colour) in enumerate(BOXES, start=1):
        base[instance == number] = colour
    grain = sum(weight * _noise(points / cell) for cell, weight in ((0.2, 0.5), (0.07, 0.5), (0.03, 0.7)))
    light = np.array([0.7, 0.8, 0.95])[axis] + 0.35 * grain
    return np.clip(base * light[..., None], 0, 255).astype(np.uint8)


def _noise(points: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] of a random lattice with unit cells, trilinearly interpolated."""
    cell = np.floor(points).astype(np.int64)
    inside = points - cell
    out = np.zeros(points.shape[:-1])
    for corner in np.ndindex(2, 2, 2):
        x, y, z = np.moveaxis(cell + corner, -1, 0)
        hashed = (x * 73856093 ^ y * 19349663 ^ z * 83492791) * 2654435761 & 0xFFFFFFFF
        weight = np.where(np.array(corner) == 1, inside, 1 - inside).prod(axis=-1)
        out += weight * ((hashed >> 8 & 0xFFFF) / 32767.5 - 1)
    return out


@functools.cache
def _rendered(
    views: int, width: int, height: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """What `render_toy` gives for each camera: nearly all that a toy costs, and asked for by hundreds of tests."""
    return [render_toy(camera) for camera in toy_cameras(views, width=width, height=height)]


def make_toy(
    *, key: str = "toy-scene", views: int = 4, width: int = WIDTH, height: int = HEIGHT, photo_scale: int = 1
) -> Toy:
    """Scene and cache of the toy; photos are `photo_scale` times as large as the working images."""
    cameras = toy_cameras(views, width=width, height=height)
    rendered = _rendered(views, width, height)
    depth = np.stack([depth for _, depth, _, _ in rendered])
    instance = np.stack([instance for _, _, instance, _ in rendered])
    top = np.stack([(instance == 1) & (axis == 2) for _, _, instance, axis in rendered])
    pts3d = np.stack([_points(camera, d) for camera, d in zip(cameras, depth, strict=True)]).astype(
        np.float32
    )
    pointmap = Pointmap(pts3d, np.full(depth.shape, 3.0, np.float32), np.isfinite(depth) & (depth < 6))
    lens_K = np.diag([photo_scale, photo_scale, 1.0]) @ cameras[0].K
    scene = Scene(
        views=tuple(
            View(
                f"{i:03d}.png", camera, image.copy(), Lens(width * photo_scale, height * photo_scale, lens_K)
            )
            for i, (camera, (image, *_)) in enumerate(zip(cameras, rendered, strict=True))
        ),
        pointmap=pointmap,
        key=key,
        up=np.array([0.0, 0.0, 1.0]),
        photo_sizes={f"{i:03d}.png": (width * photo_scale, height * photo_scale) for i in range(views)},
    )
    objects = [
        instance == 1,
        instance == 2,
        instance == 3,
        top,
        (instance == 2) | (instance == 3),
        instance == FLOOR,
    ]
    masks = MaskCache.build(
        key,
        [list(per_view) for per_view in objects],
        sizes=[(height, width)] * views,
        kinds=["object", "object", "object", "part", "group", "plane"],
        foreground=[True, True, True, True, True, False],
        scores=[0.9, 0.9, 0.9, 0.7, 0.6, 0.5],
    )
    return Toy(scene, masks, instance, depth)


def with_gaussians(toy: Toy, *, every: int = 4) -> Toy:
    """The toy with opaque round Gaussians on its exact surfaces, about a pixel wide; nothing is trained.

    One of `every` points becomes a Gaussian.
    """
    scene, pointmap = toy.scene, toy.scene.pointmap
    index = np.random.default_rng(0).permutation(pointmap.point_index)[::every]
    points = pointmap.pts3d[tuple(index.T)]
    colours = np.stack([scene.views[v].image[row, column] for v, row, column in index])
    started = gaussians_from_points(points, colours)
    pixel = toy.depth[tuple(index.T)] / scene.views[0].camera.K[0, 0]
    gaussians = replace(
        started,
        scales=np.repeat(0.7 * pixel[:, None], 3, axis=1).astype(np.float32),
        opacities=np.full(len(points), 0.95, np.float32),
    )
    return replace(toy, scene=replace(scene, gaussians=gaussians, gaussians_key=f"{scene.key}-gaussians"))


@functools.cache
def gaussian_toy() -> Toy:
    """The default toy with Gaussians: made once, read by many tests."""
    return with_gaussians(make_toy())


def box_of_gaussians(toy: Toy) -> np.ndarray:
    """[N] 1 to 3 for Gaussians on a box, 0 for the others."""
    assert toy.scene.gaussians is not None
    means, owner = toy.scene.gaussians.means, np.zeros(len(toy.scene.gaussians.means), int)
    for number, (low, high, _) in enumerate(BOXES, start=1):
        inside = np.all((means > low - 1e-3) & (means < high + 1e-3), axis=1)
        owner[inside & (means[:, 2] > 0.01)] = number
    return owner


def _points(camera: Camera, depth: np.ndarray) -> np.ndarray:
    """World points of a depth map in float64, where it is finite; elsewhere the camera centre."""
    safe = np.where(np.isfinite(depth), depth, 0.0)
    return unproject(camera, pixel_centers(camera.width, camera.height), safe)
