"""A region on a large plane of the scene, or on one that lies as it does, where the photos agree best.

Sheets lie on the table; tops of things lie as the table does, and fronts of cupboards as walls do.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from liftlab.components.pointmaps.completion.comparing import colour_costs
from liftlab.components.pointmaps.completion.photos import Photos
from liftlab.components.pointmaps.completion.surfaces import Surface
from liftlab.components.types import Array, Camera, Plane

STEPS = 64
"""Distances tried first, evenly in 1 / depth."""
FINER = 9
"""Distances tried between the neighbours of the best one, twice."""
AWAY = np.array([0.92, 0.95, 1.05, 1.08])
"""A place that photos can tell has higher costs this much farther and nearer."""
PARALLEL = 0.98
"""Cosine of the angle between planes from which one sweep stands for both."""
MIN_SLANT = 0.1
"""Least cosine between the line of sight and the normal: seen from its edge a plane says nothing."""


@dataclass(frozen=True)
class LargePlane:
    """A plane of the scene for a region, and how the photos like it there."""

    surface: Surface
    rise: float
    """How much higher the colour cost is at the distances of `AWAY` than on it: how well the photos can tell."""
    swept: bool
    """It lies as a plane of the scene does, at a distance that was looked for; else it is that plane."""


def large_planes(
    photos: Photos,
    view: int,
    pixels: Int[Array, "P 2"],
    planes: Sequence[Plane],
    limits: tuple[float, float],
) -> Iterator[LargePlane]:
    """Every plane of the scene that faces a region, and the one parallel to any of them on which the region's pixels
    look most alike in all photos.

    Args:
        photos: All.
        view: The photo of the region.
        pixels: (row, column) of some of its pixels.
        planes: Of the scene.
        limits: Least and largest depth at the middle of the region.
    """
    camera = photos.cameras[view]
    xy = pixels[:, ::-1] + 0.5
    rays, middle = _rays(camera, xy), _rays(camera, xy.mean(axis=0)[None])[0]
    best: tuple[float, LargePlane] | None = None
    swept: list[Float[Array, "3"]] = []
    for plane in planes:
        n = camera.world_to_camera[:3, :3] @ plane.normal
        if abs(n @ middle) < MIN_SLANT * np.linalg.norm(middle):
            continue
        slope = (rays @ n) / (middle @ n)  # 1 / depth of each pixel over that of the middle

        def costs(inverse: Float[Array, "D"], slope: Float[Array, "P"] = slope) -> Float[Array, "D"]:
            depths = np.where(slope > 0.05, 1 / (inverse[:, None] * np.maximum(slope, 0.05)), 0)
            return colour_costs(photos, view, pixels, depths.astype(np.float32)).mean(axis=1)

        def placed(inverse: float, cost: float, *, by_sweep: bool, n: Float[Array, "3"] = n) -> LargePlane:
            rise = float(costs(inverse * AWAY).min()) - cost
            return LargePlane(_plane(camera, n, inverse / (middle @ n)), rise, by_sweep)

        own = float(middle @ n) / (plane.offset - float(plane.normal @ camera.center))
        if 1 / limits[1] < own < 1 / limits[0]:
            yield placed(own, float(costs(np.array([own]))[0]), by_sweep=False)
        if any(abs(float(plane.normal @ other)) > PARALLEL for other in swept):
            continue
        swept.append(plane.normal)
        inverse, cost = _least(costs, 1 / limits[1], 1 / limits[0])
        if best is None or cost < best[0]:
            best = cost, placed(inverse, cost, by_sweep=True)
    if best is not None:
        yield best[1]


def _least(
    costs: Callable[[Float[Array, "D"]], Float[Array, "D"]], low: float, high: float
) -> tuple[float, float]:
    """Where costs are least, and how much."""
    tried = np.linspace(low, high, STEPS)
    for _ in range(3):
        found = costs(tried)
        best, step = int(np.argmin(found)), tried[1] - tried[0]
        at, cost = float(tried[best]), float(found[best])
        tried = np.linspace(at - step, at + step, FINER)
    return at, cost


def _rays(camera: Camera, xy: Float[Array, "N 2"]) -> Float[Array, "N 3"]:
    rays = (xy - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
    return np.concatenate([rays, np.ones((len(rays), 1))], axis=1)


def _plane(camera: Camera, normal: Float[Array, "3"], scale: float) -> Surface:
    """1 / depth = scale * (normal . ray), as a surface over image points."""
    (fx, fy), (cx, cy) = camera.K[[0, 1], [0, 1]], camera.K[:2, 2]
    x, y = scale * normal[0] / fx, scale * normal[1] / fy
    return Surface(np.array([scale * normal[2] - x * cx - y * cy, x, y]), np.zeros(2), 1.0)
