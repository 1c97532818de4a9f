"""What is lifted, seen from the photos of its own scene: the protocol of NVOS and SPIn-NeRF.

A score of cached 2D masks says nothing about the 3D answer. Here the answer is projected, and a photo never scores what
it gave itself: the points that a photo's own mask selected are left out of its picture.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Int64

from liftlab.components.rasterize import tensors_from_gaussians
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Scene, Segmentation
from liftlab.pipelines.benchmarking.rendering import gaussians_mask, nearest_points, points_mask

VIEWS_IN_MEMORY = 16
"""Views whose projections are kept; each holds a few MiB of indices or lists of Gaussians."""


class ProjectedViews:
    """A selection projected into the views of its scene; what each view sees is computed once.

    Source: WildSeg3D (arXiv:2503.08407): the photo that is scored is among those of the scene, as it needs a pose, but
    its own cached mask gives no points. Methods of Gaussians learn from the masks of all photos, as their papers do;
    their answer has no points of one photo, and is rendered as it is.

    Args:
        scene: With the geometry of the selections to come.
        device: Of the Gaussians' rendering.
    """

    def __init__(self, scene: Scene, device: torch.device) -> None:
        self._scene, self._device = scene, device
        self._nearest = lru_cache(VIEWS_IN_MEMORY)(self._nearest_of_others)
        self._splats = lru_cache(VIEWS_IN_MEMORY)(self._splats_of)

    def mask(self, view: int, result: Segmentation) -> Bool[Array, "H W"]:
        """The selection in a view's pixels, without what that view gave itself.

        Gaussians: blended over the others, above one half. Points: those of the other views; the nearest of a pixel
        decides, each drawn as a square of 3 pixels; then a 3 x 3 closing.
        """
        if result.geometry == "gaussians":
            return gaussians_mask(self._splats(view), result.selected, self._device)
        return points_mask(self._nearest(view), result.selected)

    def _splats_of(self, view: int) -> FrozenView:
        assert self._scene.gaussians is not None
        gaussians = tensors_from_gaussians(self._scene.gaussians, device=self._device)
        return FrozenView(gaussians, self._scene.views[view].camera)

    def _nearest_of_others(self, view: int) -> Int64[Array, "_ _"]:
        pointmap = self._scene.pointmap
        own = slice(int(pointmap.offsets[view]), int(pointmap.offsets[view + 1]))
        others = np.delete(np.arange(int(pointmap.offsets[-1])), own)
        nearest = nearest_points(pointmap.points[others], self._scene.views[view].camera)
        return np.append(others, -1)[nearest]  # -1, no point, stays -1


def points_of_masks(scene: Scene, masks: Sequence[Bool[Array, "_ _"]]) -> Bool[Array, "N"]:
    """The scene's points whose pixel lies in its view's mask: what 2D masks come to in 3D.

    Args:
        scene: Its points are the geometry "points".
        masks: One per view, view pixels.
    """
    pointmap = scene.pointmap
    pieces = [mask[pointmap.valid[view, : mask.shape[0], : mask.shape[1]]] for view, mask in enumerate(masks)]
    return np.concatenate([np.zeros(0, bool), *pieces])
