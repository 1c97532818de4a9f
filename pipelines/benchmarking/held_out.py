"""A selection seen from views that the scene was not made from.

How selections are rendered: docs/methods/metrics.md section 1.
"""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from liftlab.components.captures.benchmark_layouts import HeldOut
from liftlab.components.geometry.projection import register_similarity
from liftlab.components.metrics import pooled_iou
from liftlab.components.rasterize import tensors_from_gaussians
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Scene, Segmentation
from liftlab.pipelines.benchmarking.rendering import gaussians_mask, nearest_points, points_mask

MIN_CAMERAS = 3


class HeldOutViews:
    """The held-out views of a scene, placed in its reconstruction; what each sees is computed once.

    Args:
        scene: Reconstructed in a frame and scale of its own.
        held_out: True cameras of the held-out views and of the scene's photos.
        device: Of the Gaussians' rendering.
    """

    def __init__(self, scene: Scene, held_out: HeldOut, device: torch.device) -> None:
        self._scene, self._truth, self._device = scene, held_out, device
        self.cameras = cameras_in_scene(scene, held_out)
        """Stem of each held-out view to its camera; empty when too few of the scene's cameras are known."""

    def iou(self, object_id: int, result: Segmentation) -> float | None:
        """Object IoU pooled over the held-out views; None when no view can be placed or none shows the object."""
        maps = {stem: self._truth.labels_of(stem) for stem in self.cameras}
        if not any((labels == object_id).any() for labels in maps.values()):
            return None
        masks = [self.mask(stem, result) & (labels >= 0) for stem, labels in maps.items()]
        return pooled_iou([labels == object_id for labels in maps.values()], masks)

    def mask(self, stem: str, result: Segmentation) -> Bool[Array, "H W"]:
        """The selection in a held-out view.

        Gaussians: blended over the others, above one half. Points: the nearest point of a pixel decides, each
        drawn as a square of 3 pixels; then a 3 x 3 closing.
        """
        if result.geometry == "gaussians":
            return gaussians_mask(self._splats[stem], result.selected, self._device)
        return points_mask(self._nearest_points[stem], result.selected)

    @cached_property
    def _splats(self) -> dict[str, FrozenView]:
        assert self._scene.gaussians is not None
        gaussians = tensors_from_gaussians(self._scene.gaussians, device=self._device)
        return {stem: FrozenView(gaussians, camera) for stem, camera in self.cameras.items()}

    @cached_property
    def _nearest_points(self) -> dict[str, Int64[Array, "_ _"]]:
        points = self._scene.pointmap.points
        return {stem: nearest_points(points, camera) for stem, camera in self.cameras.items()}


def cameras_in_scene(scene: Scene, held_out: HeldOut) -> dict[str, Camera]:
    """True cameras of the held-out views in the frame of the reconstruction.

    The similarity is the one that takes the true centres of the scene's photos to the estimated ones. Empty with
    fewer than three of them.
    """
    own = [view for view in scene.views if view.stem in held_out.scene_cameras]
    if len(own) < MIN_CAMERAS:
        return {}
    true_centers = np.stack([held_out.scene_cameras[view.stem].center for view in own])
    scale, R, t = register_similarity(true_centers, np.stack([view.camera.center for view in own]))
    return {stem: moved(camera, scale, R, t) for stem, camera in held_out.cameras.items()}


def moved(camera: Camera, scale: float, R: Float[Array, "3 3"], t: Float[Array, "3"]) -> Camera:
    """The camera after its world was scaled, turned and shifted: x becomes scale * R @ x + t."""
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = camera.world_to_camera[:3, :3] @ R.T
    world_to_camera[:3, 3] = scale * camera.world_to_camera[:3, 3] - world_to_camera[:3, :3] @ t
    return Camera(camera.K, world_to_camera, camera.width, camera.height)
