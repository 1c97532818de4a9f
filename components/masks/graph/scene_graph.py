"""The scene as a graph of voxels: surfaces set apart, what sticks out of them cut into small pieces."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Float, Float32, Int, Int16, Int32, UInt8

from liftlab.components.bounds import Amount, Share, within
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.components.geometry.planes import find_planes, scene_scale, viewing_distance
from liftlab.components.geometry.projection import project, transform
from liftlab.components.geometry.voxels import cell_means, voxel_grid
from liftlab.components.masks.graph.segmentation import connected, segment_graph
from liftlab.components.types import Array, Plane, Scene


@dataclass(frozen=True)
class SceneGraphConfig:
    """Lengths are relative to the median distance between cameras and points."""

    voxel: Annotated[float, within(1e-4, 1.0)] = 0.004
    """Edge of a voxel."""
    plane_tolerance: Share = 0.005
    """A voxel closer than this (times its distance from the cameras) to a dominant plane belongs to it."""
    depth_jump: Annotated[float, within(0, 10)] = 0.025
    """Relative depth step between neighbouring pixels that counts as an outline."""
    rim_px: Annotated[int, within(0, 100)] = 2
    """Pixels this near to an outline give no voxel: matching windows smear depth there."""
    min_patch: Annotated[float, within(0, 1000)] = 0.3
    """Side of a square with the area of the smallest surface: smaller flat patches are faces of things."""
    min_component: Annotated[int, within(0, 1_000_000)] = 40
    """Voxels below which a connected rest is noise."""
    leaf_scale: Amount = 12.0
    """Size of the pieces of objects (k of the graph segmentation)."""
    patch_scale: Amount = 60.0
    """Size of the pieces of surfaces."""
    min_leaf: Annotated[int, within(0, 1_000_000)] = 25
    """Voxels of the smallest piece."""
    concavity: Amount = 20.0
    """Weight of a concave crease against one unit of Lab distance."""


@dataclass(frozen=True)
class SceneGraph:
    """N voxels of a scene with who touches whom, cut into L leaves, and the way from pixels to voxels."""

    scene_key: str
    scale: float
    """Median distance between cameras and points, scene units."""
    voxel: float
    """Edge of a voxel, relative to `scale`."""
    points: Float32[Array, "N 3"]
    """Mean position of a voxel's points, world frame."""
    colors: Float32[Array, "N 3"]
    """Mean colour, CIE Lab (L 0..100)."""
    normals: Float32[Array, "N 3"]
    """Unit normals towards the cameras."""
    surface: Int16[Array, "N"]
    """Index into `planes`, or -1 off every plane."""
    edges: Int32[Array, "E 2"]
    """Touching voxels."""
    leaf: Int32[Array, "N"]
    """Smallest piece the voxel belongs to, 0..L-1; no leaf spans two surfaces. -1 for noise."""
    component: Int32[Array, "N"]
    """Connected component of what remains without the planes, 0..; -1 on planes and for noise."""
    voxel_of_pixel: Int32[Array, "V H W"]
    """Voxel seen by each view pixel (by its own point, else by projecting voxels into the view); -1 unknown.
    """
    planes: tuple[Plane, ...] = field(default=())

    @property
    def num_leaves(self) -> int:
        return int(self.leaf.max(initial=-1)) + 1

    def labels_in_view(self, view: int, label_of_voxel: Int[Array, "N"], unknown: int) -> Int[Array, "H W"]:
        """A label per voxel as an image of one view; `unknown` where no voxel is seen."""
        ids = self.voxel_of_pixel[view]
        return np.where(ids >= 0, label_of_voxel[ids], np.asarray(unknown, label_of_voxel.dtype))

    def normals_in_view(self, view: int) -> Float32[Array, "H W 3"]:
        """Normal seen by each pixel of one view; zero where no voxel is seen."""
        ids = self.voxel_of_pixel[view]
        return np.where((ids >= 0)[..., None], self.normals[ids], np.float32(0))

    def save(self, folder: Path) -> None:
        """Write one `.npy` per array into an existing folder."""
        for name in _ARRAYS:
            with atomic_write(folder / f"{name}.npy") as file:
                np.save(file, getattr(self, name), allow_pickle=False)
        planes = np.array([[*plane.normal, plane.offset, plane.support] for plane in self.planes])
        with atomic_write(folder / "planes.npy") as file:
            np.save(file, planes.reshape(-1, 5), allow_pickle=False)
        with atomic_write(folder / "scale.npy") as file:
            np.save(file, np.array([self.scale, self.voxel]), allow_pickle=False)

    @staticmethod
    def load(folder: Path, *, scene_key: str) -> "SceneGraph":
        """Memory-map what `save` wrote."""
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS
        }
        planes = np.load(folder / "planes.npy", allow_pickle=False)
        scale, voxel = np.load(folder / "scale.npy", allow_pickle=False)
        return SceneGraph(
            scene_key=scene_key,
            scale=float(scale),
            voxel=float(voxel),
            planes=tuple(Plane(row[:3], float(row[3]), float(row[4])) for row in planes),
            **arrays,
        )


_ARRAYS = ("points", "colors", "normals", "surface", "edges", "leaf", "component", "voxel_of_pixel")


def surface_of_leaves(graph: SceneGraph) -> Int[Array, "L"]:
    """Plane index of each leaf, -1 off planes."""
    surface = np.full(graph.num_leaves, -1, np.int64)
    known = graph.leaf >= 0
    surface[graph.leaf[known]] = graph.surface[known]
    return surface


def lab_image(image: UInt8[Array, "H W 3"]) -> Float32[Array, "H W 3"]:
    """CIE Lab, L in 0..100."""
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def view_depths(scene: Scene, *, filled: bool = False) -> Float32[Array, "V H W"]:
    """Depth along +Z of every pixel's measured point, or also of filled ones; 0 elsewhere.

    Masks come from measured depth alone: a surface that was filled over a thin thing's outline would swallow it.
    """
    known = scene.pointmap.valid if filled else scene.pointmap.measured
    depths = np.zeros(scene.pointmap.valid.shape, np.float32)
    for index, view in enumerate(scene.views):
        in_camera = transform(view.camera.world_to_camera, scene.pointmap.pts3d[index])
        depths[index] = np.where(known[index], in_camera[..., 2], 0)
    return depths


def trusted_pixels(depth: Float32[Array, "H W"], *, jump: float, rim_px: int) -> Bool[Array, "H W"]:
    """Pixels with a depth that lie at least `rim_px` from a relative depth step above `jump`."""
    valid = depth > 0
    near = cv2.erode(np.where(valid, depth, np.float32(np.inf)), np.ones((3, 3), np.uint8))
    far = cv2.dilate(np.where(valid, depth, np.float32(0)), np.ones((3, 3), np.uint8))
    outline = (valid & (far > np.where(valid, near, 0) * (1 + jump))).astype(np.uint8)
    rim = (
        cv2.dilate(outline, np.ones((2 * rim_px - 1,) * 2, np.uint8))
        if rim_px > 0
        else np.zeros_like(outline)
    )
    return valid & (rim == 0)


def build_scene_graph(scene: Scene, config: SceneGraphConfig) -> SceneGraph:
    """Build the graph of a reconstructed scene.

    Raises:
        InputError: Hardly any pixel has a reliable depth.
    """
    depths = view_depths(scene)
    trusted = np.stack([trusted_pixels(d, jump=config.depth_jump, rim_px=config.rim_px) for d in depths])
    pts = scene.pointmap.pts3d[trusted].astype(np.float64)
    if len(pts) < 500:
        raise InputError(
            "Too few pixels have a reliable depth to look for objects: take sharper photos that overlap more."
        )
    centers = np.stack([view.camera.center for view in scene.views])
    scale = scene_scale(pts, centers)
    ids, grid = voxel_grid(pts, config.voxel * scale)
    lab = np.concatenate(
        [
            lab_image(view.image)[mask[: view.camera.height, : view.camera.width]]
            for view, mask in zip(scene.views, trusted, strict=True)
        ]
    )
    owner = np.repeat(np.arange(len(centers)), trusted.sum(axis=(1, 2)))
    points = cell_means(ids, grid.count, pts)
    colors = cell_means(ids, grid.count, lab)
    towards = cell_means(ids, grid.count, centers[owner] - pts)
    edges = grid.edges().astype(np.int32)
    planes = scene.planes or find_planes(pts, centers)
    surface = _surfaces(points, planes, config, viewing_distance(points, centers), scale)
    normals = _normals(points, towards, surface, planes)
    component = _components(edges, surface, config.min_component)
    leaf = _leaves(points, colors, normals, surface, component, edges, config)
    voxel_of_pixel = np.full(trusted.shape, -1, np.int32)
    voxel_of_pixel[trusted] = ids
    _fill_unseen(scene, points, component, voxel_of_pixel, config.voxel * scale)
    return SceneGraph(
        scene_key=scene.key,
        scale=scale,
        voxel=config.voxel,
        points=points.astype(np.float32),
        colors=colors.astype(np.float32),
        normals=normals.astype(np.float32),
        surface=surface,
        edges=edges,
        leaf=leaf,
        component=component,
        voxel_of_pixel=voxel_of_pixel,
        planes=tuple(planes),
    )


def _normals(
    points: Float[Array, "N 3"],
    towards: Float[Array, "N 3"],
    surface: Int16[Array, "N"],
    planes: Sequence[Plane],
) -> Float[Array, "N 3"]:
    """Normals by principal components of the 20 nearest voxels, turned to the cameras that saw them.

    Voxels on a plane take the plane's: it is exact, and most voxels lie on one.
    """
    normals = np.zeros_like(points)
    for index, plane in enumerate(planes):
        normals[surface == index] = plane.normal
    off = np.flatnonzero(surface < 0)
    if len(off):
        neighbours = scipy.spatial.KDTree(points).query(points[off], k=min(20, len(points)), workers=-1)[1]
        around = points[neighbours]
        around = around - around.mean(axis=1, keepdims=True)
        normals[off] = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][:, :, 0]
    return normals * np.where((normals * towards).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)


def _surfaces(
    points: Float[Array, "N 3"],
    planes: Sequence[Plane],
    config: SceneGraphConfig,
    distance: Float[Array, "N"],
    scale: float,
) -> Int16[Array, "N"]:
    """Plane of each voxel, -1 off planes; patches no larger than the face of a thing are not."""
    surface = np.full(len(points), -1, np.int16)
    best = config.plane_tolerance * distance
    for index, plane in enumerate(planes):
        off = np.abs(points @ plane.normal - plane.offset)
        closer = off < best
        surface[closer] = index
        best = np.where(closer, off, best)
    for index in range(len(planes)):
        members = np.flatnonzero(surface == index)
        ids, grid = voxel_grid(points[members], 4 * config.voxel * scale)  # bridges the holes of stereo
        edges = grid.edges()
        patch = connected(edges, np.ones(len(edges), bool), grid.count)[ids]
        for label in range(int(patch.max(initial=-1)) + 1):
            piece = members[patch == label]
            if _side(points[piece]) < config.min_patch * scale:
                surface[piece] = -1
    return surface


def _side(points: Float[Array, "N 3"]) -> float:
    """Side of the square with the area that flat points spread over (exact for a filled rectangle)."""
    if len(points) < 3:
        return 0.0
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(points.T))[1:], 0))
    return float(np.sqrt(12.0 * spread[0] * spread[1]))


def _components(edges: Int32[Array, "E 2"], surface: Int16[Array, "N"], min_size: int) -> Int32[Array, "N"]:
    """Connected components off the planes, numbered 0..; -1 on planes and in components below `min_size`."""
    off = surface < 0
    labels = connected(edges, off[edges[:, 0]] & off[edges[:, 1]], len(surface))
    keep = off & (np.bincount(labels)[labels] >= min_size)
    component = np.full(len(surface), -1, np.int32)
    component[keep] = np.unique(labels[keep], return_inverse=True)[1]
    return component


def crease(
    points: Float[Array, "N 3"], normals: Float[Array, "N 3"], edges: Int[Array, "E 2"]
) -> Float[Array, "E"]:
    """How concave the surface is across each edge: 0 flat or convex, up to 1 for a sharp inner corner."""
    a, b = edges[:, 0], edges[:, 1]
    step = points[b] - points[a]
    step = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    return np.clip(-((normals[b] - normals[a]) * step).sum(axis=1), 0, 1)


def _leaves(
    points: Float[Array, "N 3"],
    colors: Float[Array, "N 3"],
    normals: Float[Array, "N 3"],
    surface: Int16[Array, "N"],
    component: Int32[Array, "N"],
    edges: Int32[Array, "E 2"],
    config: SceneGraphConfig,
) -> Int32[Array, "N"]:
    """Over-segmentation by colour and concave creases; components and surfaces apart; -1 for noise."""
    leaf = np.full(len(points), -1, np.int32)
    a, b = edges[:, 0], edges[:, 1]
    cost = np.linalg.norm(colors[a] - colors[b], axis=1) + config.concavity * crease(points, normals, edges)
    inside = (component[a] >= 0) & (component[a] == component[b])
    on_surface = (surface[a] >= 0) & (surface[a] == surface[b])
    start = 0
    for chosen, members, size in (
        (inside, component >= 0, config.leaf_scale),
        (on_surface, surface >= 0, config.patch_scale),
    ):
        labels = segment_graph(edges[chosen], cost[chosen], len(points), scale=size, min_size=config.min_leaf)
        leaf[members] = start + np.unique(labels[members], return_inverse=True)[1]
        start = int(leaf.max(initial=-1)) + 1
    return leaf


def _fill_unseen(
    scene: Scene,
    points: Float[Array, "N 3"],
    component: Int32[Array, "N"],
    voxel_of_pixel: Int32[Array, "V H W"],
    voxel_size: float,
) -> None:
    """Give pixels without a point of their own the nearest voxel of a thing that projects onto them.

    Surfaces are not projected: where a thing in front of a table has no depth, the table would show.
    """
    from liftlab.components.masks.graph.graph_kernels import splat

    solid = np.flatnonzero(component >= 0)
    for index, view in enumerate(scene.views):
        camera = view.camera
        xy, depth = project(camera, points[solid])
        inside = (
            (depth > 0)
            & (xy > -8).all(axis=1)
            & (xy[:, 0] < camera.width + 8)
            & (xy[:, 1] < camera.height + 8)
        )
        radius = 0.6 * voxel_size * camera.K[0, 0] / np.where(inside, depth, 1)
        splat(
            xy[inside].astype(np.float32),
            depth[inside].astype(np.float32),
            np.minimum(radius[inside], 6).astype(np.float32),
            solid[inside].astype(np.int32),
            voxel_of_pixel[index, : camera.height, : camera.width],
        )
