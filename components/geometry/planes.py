"""Dominant planes of a point set: table tops, floors, walls, lawns."""

import numpy as np
import scipy
from jaxtyping import Float

from liftlab.components.geometry.voxels import cell_means, voxel_grid
from liftlab.components.types import Array, Plane

MAX_PLANES = 8
HYPOTHESES = 600
SAMPLE = 6000
MIN_POINTS = 300


def find_planes(
    points: Float[Array, "N 3"],
    camera_centers: Float[Array, "V 3"],
    *,
    seed: int = 0,
    tolerance: float = 0.005,
    voxel: float = 0.004,
    min_support: float = 0.03,
) -> tuple[Plane, ...]:
    """Find dominant planes one after the other by RANSAC on voxel-thinned points.

    Lengths are given relative to the median distance between cameras and points, so the answer does not
    depend on the scene's scale. The tolerance is critical: looser swallows the tops of flat objects
    (docs/notes.md section 9: .005 against .008).

    Args:
        points: World frame; finite.
        camera_centers: World frame; the normals look towards their mean.
        seed: Of the sampling; equal input and seed give equal planes.
        tolerance: Largest distance of an inlier from its plane, relative.
        voxel: Edge of a thinning cell, relative to the median distance between cameras and points.
        min_support: Smallest share of all voxels that a plane must hold, in [0, 1].

    Returns:
        At most 8 planes, largest support first. Empty for fewer than 300 occupied voxels.

    Source: Fischler and Bolles, CACM 1981 (RANSAC). We differ: half of the hypotheses are drawn from one
        neighbourhood,
    so small planes are found too, and the winner is refitted by least squares.
    """
    if len(points) == 0 or len(camera_centers) == 0:
        return ()
    scale = scene_scale(points, camera_centers)
    ids, grid = voxel_grid(np.asarray(points, np.float64), voxel * scale)
    count = grid.count
    if count < MIN_POINTS:
        return ()
    cells = cell_means(ids, count, np.asarray(points, np.float64))
    slack = tolerance * viewing_distance(cells, camera_centers)
    rng = np.random.default_rng(seed)
    left = np.ones(count, bool)
    planes: list[Plane] = []
    eye = camera_centers.mean(axis=0)
    while len(planes) < MAX_PLANES and left.sum() >= MIN_POINTS:
        normal, offset = _best_hypothesis(cells[left], slack[left], rng)
        normal, offset = _refit(cells[left], slack[left], normal, offset)
        distance = np.abs(cells @ normal - offset)
        support = float((left & (distance < slack)).sum() / count)
        if support < min_support:
            break
        if normal @ eye < offset:
            normal, offset = -normal, -offset
        planes.append(Plane(normal=normal, offset=float(offset), support=support))
        left &= distance >= 3 * slack  # noise around a plane must not be found again as parallel planes
    return tuple(sorted(planes, key=lambda plane: -plane.support))


def scene_scale(points: Float[Array, "N 3"], camera_centers: Float[Array, "V 3"]) -> float:
    """Median distance between cameras and points: the unit of every relative length of masks and planes."""
    sample = points[:: max(1, len(points) // 4000)]
    distances = np.linalg.norm(sample[None] - camera_centers[:, None], axis=-1)
    return float(max(np.median(distances), 1e-12))


def viewing_distance(points: Float[Array, "N 3"], camera_centers: Float[Array, "V 3"]) -> Float[Array, "N"]:
    """Median over the cameras of the distance to each point."""
    distances = [np.linalg.norm(points - center, axis=1) for center in camera_centers]
    return np.median(np.stack(distances), axis=0)


def _best_hypothesis(
    cells: Float[Array, "C 3"], slack: Float[Array, "C"], rng: np.random.Generator
) -> tuple[Float[Array, "3"], float]:
    """Plane through three sampled points that holds most of a sample of `cells`."""
    chosen = rng.choice(len(cells), min(SAMPLE, len(cells)), replace=False)
    sample, slack = cells[chosen], slack[chosen]
    far = rng.integers(len(sample), size=(HYPOTHESES // 2, 3))
    hubs = rng.integers(len(sample), size=HYPOTHESES - HYPOTHESES // 2)
    near = min(150, len(sample))
    around = np.asarray(scipy.spatial.KDTree(sample).query(sample[hubs], k=near)[1])
    mates = rng.integers(near, size=(len(hubs), 2))
    local = np.stack([hubs, *(around[np.arange(len(hubs)), mates[:, i]] for i in range(2))], axis=1)
    a, b, c = np.moveaxis(sample[np.concatenate([far, local])], 1, 0)
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-12 * max(float(lengths.max()), 1e-300)
    normals, a = normals[usable] / lengths[usable, None], a[usable]
    if len(normals) == 0:  # all sampled points on one line: any plane is as good as another
        return np.array([0.0, 0.0, 1.0]), float(sample[0, 2])
    offsets = np.einsum("hd,hd->h", normals, a)
    counts = np.array([(np.abs(sample @ n - d) < slack).sum() for n, d in zip(normals, offsets, strict=True)])
    best = int(counts.argmax())
    return normals[best], float(offsets[best])


def _refit(
    cells: Float[Array, "C 3"], slack: Float[Array, "C"], normal: Float[Array, "3"], offset: float
) -> tuple[Float[Array, "3"], float]:
    """Least-squares plane of the inliers, three rounds."""
    for _ in range(3):
        inliers = cells[np.abs(cells @ normal - offset) < slack]
        if len(inliers) < 3:
            break
        center = inliers.mean(axis=0)
        normal = np.linalg.eigh(np.cov((inliers - center).T))[1][:, 0]
        offset = float(normal @ center)
    return normal, offset
