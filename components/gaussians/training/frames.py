"""Photos as training targets: colour, camera, and depth from the pointmap, at any size."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from liftlab.components.geometry.photo_masks import shrunk_mask
from liftlab.components.geometry.projection import scaled_intrinsics, transform
from liftlab.components.types import Array, Camera, Pointmap, View


@dataclass(frozen=True)
class TrainingImage:
    """One view at one size."""

    camera: Camera
    image: Float[Tensor, "H W 3"]
    """RGB in [0, 1]."""
    depth: Float[Tensor, "H W"] | None
    """Along +Z, scene units; 0 where the pointmap has no confirmed point. None without a pointmap."""
    used: Bool[Tensor, "H W"] | None = None
    """What of the image is to be fitted; None: all of it."""

    def target(self, rendered: Float[Tensor, "H W 3"]) -> Float[Tensor, "H W 3"]:
        """The image, with what is rendered itself where the image does not count: there nothing is wrong."""
        return self.image if self.used is None else self.image.where(self.used[..., None], rendered.detach())


def depth_of_view(pointmap: Pointmap, index: int, camera: Camera) -> Float[Array, "H W"]:
    """Depth of the measured points of view `index` along +Z; 0 elsewhere."""
    crop = (index, slice(camera.height), slice(camera.width))
    depth = transform(camera.world_to_camera, pointmap.pts3d[crop].astype(np.float64))[..., 2]
    return np.where(pointmap.measured[crop] & (depth > 0), depth, 0).astype(np.float32)


def make_frames(
    views: Sequence[View],
    *,
    max_side: int,
    pointmap: Pointmap | None = None,
    device: torch.device | str = "cpu",
) -> tuple[TrainingImage, ...]:
    """Frames with the longer side at most `max_side` pixels; images are averaged down, depth is sampled."""
    frames = []
    for index, view in enumerate(views):
        camera = view.camera
        scale = min(1.0, max_side / max(camera.width, camera.height))
        width, height = max(1, round(camera.width * scale)), max(1, round(camera.height * scale))
        image, depth = view.image, None
        used = None if view.used is None else shrunk_mask(view.used, width, height)
        if pointmap is not None:
            depth = depth_of_view(pointmap, index, camera)
        if (width, height) != (camera.width, camera.height):
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            if depth is not None:
                rows = ((np.arange(height) + 0.5) * camera.height / height).astype(np.intp)
                columns = ((np.arange(width) + 0.5) * camera.width / width).astype(np.intp)
                depth = depth[rows[:, None], columns]
        frames.append(
            TrainingImage(
                camera=Camera(
                    K=scaled_intrinsics(camera.K, width / camera.width, height / camera.height),
                    world_to_camera=camera.world_to_camera,
                    width=width,
                    height=height,
                ),
                image=torch.tensor(image, dtype=torch.float32, device=device) / 255,
                depth=None if depth is None else torch.tensor(depth, device=device),
                used=None if used is None else torch.tensor(used, device=device),
            )
        )
    return tuple(frames)


def camera_extent(cameras: Sequence[Camera]) -> float:
    """Reach of the cameras around their mean, times 1.1: the unit of position learning rates and of
    splitting."""
    centers = np.stack([camera.center for camera in cameras])
    return max(1.1 * float(np.linalg.norm(centers - centers.mean(axis=0), axis=1).max()), 1e-6)
