"""A selection seen from views that the scene was not made from.

How selections are rendered: docs/methods/metrics.md section 1.
"""

from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from liftlab.components.captures.benchmark_layouts import HeldOut
from liftlab.components.geometry.projection import project, register_similarity
from liftlab.components.metrics import pooled_iou
from liftlab.components.rasterize import tensors_from_gaussians
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Scene, Segmentation

MIN_CAMERAS = 3
SPLAT_PX = 1
"""A point covers the square of this radius around its pixel."""


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
            chosen = torch.from_numpy(result.selected).to(self._device, torch.float32)
            with torch.no_grad():
                return (self._splats[stem].render(chosen[:, None])[..., 0] > 0.5).cpu().numpy()
        nearest = self._nearest_points[stem]
        mask = (nearest >= 0) & result.selected[nearest]
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        return closed > 0

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


def nearest_points(points: Float[Array, "N 3"], camera: Camera) -> Int64[Array, "H W"]:
    """Index of the point that each pixel sees, each point drawn as a square; -1 where there is none."""
    xy, depth = project(camera, points)
    with np.errstate(invalid="ignore"):
        inside = (depth > 0) & (xy >= 0).all(axis=1) & (xy[:, 0] < camera.width) & (xy[:, 1] < camera.height)
    ids = np.flatnonzero(inside)
    ids = ids[np.argsort(-depth[ids], kind="stable")]  # far first: what is written last is nearest
    column, row = xy[ids].astype(np.int64).T
    owner = np.full((camera.height, camera.width), -1, np.int64)
    owner[row, column] = ids
    distance = np.where(owner >= 0, depth[owner], np.inf)
    best, nearest = distance, owner
    for dy in range(-SPLAT_PX, SPLAT_PX + 1):
        for dx in range(-SPLAT_PX, SPLAT_PX + 1):
            shifted = _shifted(distance, dy, dx, np.inf)
            closer = shifted < best
            best = np.where(closer, shifted, best)
            nearest = np.where(closer, _shifted(owner, dy, dx, -1), nearest)
    return nearest


def _shifted(image: np.ndarray, dy: int, dx: int, fill: float | int) -> np.ndarray:
    """The image moved by (dy, dx); what comes in is `fill`."""
    padded = np.pad(image, SPLAT_PX, constant_values=fill)
    top, left = SPLAT_PX - dy, SPLAT_PX - dx
    return padded[top : top + image.shape[0], left : left + image.shape[1]]
