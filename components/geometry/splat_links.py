"""Points and Gaussians of one scene side by side: what is selected of the one, shown and adjusted on the other.

A Gaussian stands for the surface it lies on, so it takes after the point nearest to its centre.
"""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Int, Shaped

from liftlab.components.types import Array, Scene

MOST_POINTS = 400_000
"""Points searched; evenly spread over the views, so the nearest one is never far from the true nearest."""
REACH = 0.03
"""A Gaussian farther from every point than this share of the median distance between cameras and points takes
after none, unless it is so large that it covers one."""
COVERS = 2.0
"""Standard deviations along its longest axis that a Gaussian covers."""


def nearest_points(scene: Scene) -> Int[Array, "G"]:
    """Per Gaussian the index in `Pointmap.points` of the point it takes after; -1 for none in reach.

    Raises:
        ValueError: The scene has no Gaussians.
    """
    gaussians = scene.gaussians
    if gaussians is None:
        raise ValueError("scene must have gaussians; got None. Train them first.")
    points = scene.pointmap.points
    if len(points) == 0 or len(gaussians.means) == 0:
        return np.full(len(gaussians.means), -1)
    tried = np.linspace(0, len(points) - 1, min(len(points), MOST_POINTS)).astype(np.intp)
    distances, found = scipy.spatial.KDTree(points[tried]).query(gaussians.means, workers=-1)
    centers = np.stack([view.camera.center for view in scene.views])
    middle = np.median(points[tried], axis=0)
    reach = REACH * float(np.median(np.linalg.norm(centers - middle, axis=1)))
    near = distances <= np.maximum(reach, COVERS * gaussians.scales.max(axis=1))
    return np.where(near, tried[found], -1)


def values_for_gaussians(
    values: Shaped[Array, "N *D"], nearest: Int[Array, "G"], *, default: object = 0
) -> Shaped[Array, "G *D"]:
    """Values of the points, carried to the Gaussians that take after them; `default` where none does."""
    if len(values) == 0:
        return np.full((len(nearest), *values.shape[1:]), default, values.dtype)
    out = values[np.maximum(nearest, 0)]
    out[nearest < 0] = default
    return out


def points_under(scene: Scene, masks: Sequence[Bool[Array, "_ _"]]) -> Bool[Array, "N"]:
    """Which points come from a pixel inside the mask of their view; view pixels."""
    pointmap = scene.pointmap
    inside = np.zeros(pointmap.valid.shape, bool)
    for view, mask in enumerate(masks):
        inside[view, : mask.shape[0], : mask.shape[1]] = mask
    return inside[pointmap.valid]


def adjusted_splats(
    scene: Scene,
    nearest: Int[Array, "G"],
    selected: Bool[Array, "G"],
    before: Sequence[Bool[Array, "_ _"]],
    after: Sequence[Bool[Array, "_ _"]],
) -> Bool[Array, "G"]:
    """Selected Gaussians after masks changed: those on pixels that joined come in, those on pixels that left go."""
    old = values_for_gaussians(points_under(scene, before), nearest, default=False)
    new = values_for_gaussians(points_under(scene, after), nearest, default=False)
    return (selected | (new & ~old)) & ~(old & ~new)
