"""All photos side by side: their colours on one exposure, and how alike two of them show the same point."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from liftlab.components.geometry.projection import opencv_from_centered_intrinsics, project
from liftlab.components.types import Array, Camera, Pointmap

BLUR_PX = 1.5
"""Colours are compared a little blurred: depth is known to about a pixel."""
WEIGHT = np.array([0.5, 1.0, 1.0], np.float32)
"""Of lightness and the two axes of chroma: lightness changes with the direction of view."""
SAMPLES = 2000
"""Measured points per photo that say how alike photos are."""
SAME = 0.01
"""Relative difference of depth within which two photos show the same point."""
ALIKE = 2.0
"""Two pixels are alike when they differ by at most so many medians of what shows the same point."""
SOURCES = 8
"""Other photos that a photo is compared with: those that show most of what it shows."""


@dataclass(frozen=True)
class Photos:
    """What all comparisons need, padded to one size for compiled code."""

    colours: Float32[Array, "V H W 3"]
    """CIE Lab on the exposure of all, blurred and weighted: the sum of differences is one number."""
    depths: Float32[Array, "V H W"]
    """Measured along +Z, 0 where unknown."""
    cameras: tuple[Camera, ...]
    K: Float[Array, "V 3 3"]
    """Counting pixel centres from 0."""
    sizes: Int[Array, "V 2"]
    """Width and height."""
    limit: float
    """Difference of colours up to which two pixels may show the same point."""
    shared: Int[Array, "V V"]
    """Sampled points of photo v that photo w shows, too."""

    def others(self, view: int) -> Int[Array, "S"]:
        """The `SOURCES` photos that show most of what a photo shows, most first."""
        order = np.argsort(-self.shared[view], kind="stable")[:SOURCES]
        return order[self.shared[view][order] > 0]

    def from_view(self, view: int, others: Int[Array, "S"]) -> Float[Array, "S 4 4"]:
        """Camera frame of `view` to those of the others."""
        back = self.cameras[view].camera_to_world
        return np.stack([self.cameras[other].world_to_camera @ back for other in others])


def photos_side_by_side(
    images: Sequence[UInt8[Array, "_ _ 3"]], cameras: Sequence[Camera], pointmap: Pointmap
) -> Photos | None:
    """Photos ready to be compared; None where no two of them show the same measured point.

    Args:
        images: RGB of the cameras' sizes.
        cameras: In the frame of the pointmap.
        pointmap: Of the same views.
    """
    depths = np.zeros(pointmap.valid.shape, np.float32)
    for view, camera in enumerate(cameras):
        inside = np.s_[view, : camera.height, : camera.width]
        depths[inside] = np.where(pointmap.valid[inside], project(camera, pointmap.pts3d[inside])[1], 0)
    pairs = _same_points(cameras, pointmap, depths)
    if not pairs:
        return None
    gains = _gains(images, pairs)
    colours = np.zeros((*depths.shape, 3), np.float32)
    for view, (image, gain) in enumerate(zip(images, gains, strict=True)):
        light = np.clip(image.astype(np.float32) / 255 * gain, 0, 1)
        lab = cv2.cvtColor(cv2.GaussianBlur(light, (0, 0), BLUR_PX), cv2.COLOR_RGB2LAB)
        colours[view, : image.shape[0], : image.shape[1]] = lab * WEIGHT
    shared = np.zeros((len(cameras), len(cameras)), np.int64)
    differences = []
    for (view, other), (here, there) in pairs.items():
        shared[view, other] = len(here)
        differences.append(np.abs(colours[view][tuple(here.T)] - colours[other][tuple(there.T)]).sum(axis=1))
    return Photos(
        colours=colours,
        depths=depths,
        cameras=tuple(cameras),
        K=np.stack([opencv_from_centered_intrinsics(camera.K) for camera in cameras]),
        sizes=np.array([[camera.width, camera.height] for camera in cameras], np.int64),
        limit=max(ALIKE * float(np.median(np.concatenate(differences))), 1e-3),
        shared=shared,
    )


def _same_points(
    cameras: Sequence[Camera], pointmap: Pointmap, depths: Float32[Array, "V H W"]
) -> dict[tuple[int, int], tuple[Int[Array, "N 2"], Int[Array, "N 2"]]]:
    """Per ordered pair of photos the pixels, (row, column), of measured points that both show."""
    out = {}
    for view in range(len(cameras)):
        here = np.argwhere(depths[view] > 0)
        if len(here) > SAMPLES:
            here = here[np.random.default_rng(view).choice(len(here), SAMPLES, replace=False)]
        points = pointmap.pts3d[view][tuple(here.T)]
        for other, camera in enumerate(cameras):
            if other == view or not len(here):
                continue
            xy, depth = project(camera, points)
            inside = (depth > 0) & (xy >= 0).all(axis=1) & (xy < [camera.width, camera.height]).all(axis=1)
            there = np.floor(xy[inside][:, ::-1]).astype(np.int64)
            same = np.abs(depths[other][tuple(there.T)] - depth[inside]) < SAME * depth[inside]
            if same.any():
                out[view, other] = here[inside][same], there[same]
    return out


def _gains(
    images: Sequence[UInt8[Array, "_ _ 3"]],
    pairs: dict[tuple[int, int], tuple[Int[Array, "N 2"], Int[Array, "N 2"]]],
) -> Float32[Array, "V 3"]:
    """Factor of each channel of each photo that brings all to one exposure and white balance."""
    rows, wanted = (
        [np.eye(len(images)) * 0.1],
        [np.zeros((len(images), 3))],
    )  # no photo moves without a reason
    for (view, other), (here, there) in pairs.items():
        weight = np.sqrt(len(here) / SAMPLES)
        row = np.zeros((1, len(images)))
        row[0, view], row[0, other] = weight, -weight
        ratio = np.log((images[other][tuple(there.T)] + 1.0) / (images[view][tuple(here.T)] + 1.0))
        rows.append(row)
        wanted.append(weight * np.median(ratio, axis=0)[None])
    found = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)[0]
    return np.exp(found).astype(np.float32)
