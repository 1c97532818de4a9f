"""A posed pair of photos turned so that rows correspond, as block matching needs it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from liftlab.components.geometry.projection import opencv_from_centered_intrinsics, pixel_centers
from liftlab.components.pointmaps.pair_pose import RelativePose, rays_of
from liftlab.components.pointmaps.pairs import PairFailure
from liftlab.components.types import Array, View

MAX_TANGENT = 2.2
"""Rectified rays flatter than this (about 65 degrees off axis) are cut off: stereo there is all distortion."""


@dataclass(frozen=True)
class Rectified:
    """A pair turned so that rows correspond: image 1 is on the left and disparities are positive."""

    rotations: tuple[Float[Array, "3 3"], Float[Array, "3 3"]]
    """Rectified frame from camera 1, and from camera 2."""
    focal: float
    centers: tuple[Float[Array, "2"], Float[Array, "2"]]
    """Principal points of the two rectified images, centres counted from 0 as OpenCV does."""
    images: tuple[UInt8[Array, "H W"], UInt8[Array, "H W"]]
    masks: tuple[Bool[Array, "H W"], Bool[Array, "H W"]]
    """True where the rectified image shows the photo."""

    @property
    def shift(self) -> float:
        """Disparity of a point at infinity."""
        return float(self.centers[0][0] - self.centers[1][0])


def _rectifying_rotations(second_from_first: Float[Array, "4 4"]) -> tuple[Array, Array]:
    """Rotations into the frame whose X axis runs from camera 1 to camera 2 and whose Z axis looks ahead."""
    R = second_from_first[:3, :3]
    x = -R.T @ second_from_first[:3, 3]
    x /= np.linalg.norm(x)
    ahead = np.array([0.0, 0.0, 1.0]) + R.T @ np.array([0.0, 0.0, 1.0])
    z = ahead - (ahead @ x) * x
    z /= np.linalg.norm(z)
    first = np.stack([x, np.cross(z, x), z])
    return first, first @ R.T


def depth_range(view_1: View, view_2: View, pose: RelativePose) -> tuple[float, float]:
    """Nearest and farthest depth to search in the rectified frame, from the feature matches with a margin."""
    to_1, to_2 = _rectifying_rotations(pose.second_from_first)
    a, b = rays_of(view_1, pose.xy_1) @ to_1.T, rays_of(view_2, pose.xy_2) @ to_2.T
    disparity = a[:, 0] / a[:, 2] - b[:, 0] / b[:, 2]
    disparity = disparity[(disparity > 1e-4) & (a[:, 2] > 0) & (b[:, 2] > 0)]
    low, high = np.percentile(disparity, [2, 98]) if len(disparity) else (0.05, 0.5)
    return float(1 / (1.25 * high)), float(1 / (0.6 * low))


def rectify(
    view_1: View, view_2: View, pose: RelativePose, near: float, far: float
) -> Rectified | PairFailure:
    """Both photos as a camera with the mean focal length would take them; fails where they share no rows."""
    rotations = _rectifying_rotations(pose.second_from_first)
    focal = 0.5 * sum(float(np.sqrt(v.camera.K[0, 0] * v.camera.K[1, 1])) for v in (view_1, view_2))
    extents = [_extent(view, R) for view, R in zip((view_1, view_2), rotations, strict=True)]
    top, bottom = max(e[1] for e in extents), min(e[3] for e in extents)
    left = min(extents[0][0], extents[1][0] + 1 / far)
    right = max(extents[0][2], extents[1][2] + 1 / near)
    if bottom - top < 0.05 or right - left < 0.05:
        return PairFailure("no_overlap", "The two photos share no rows after rectification.")
    width, height = int(np.ceil(focal * (right - left))), int(np.ceil(focal * (bottom - top)))
    width, height = min(width, 3 * view_1.camera.width), min(height, 3 * view_1.camera.height)
    center_1 = np.array([-focal * left, -focal * top])
    # The second image is moved by the smallest disparity, so that the search starts at 0.
    center_2 = center_1 + np.array([np.floor(focal / far), 0.0])
    images, masks = [], []
    for view, R, center in zip((view_1, view_2), rotations, (center_1, center_2), strict=True):
        target_K = np.array([[focal, 0, center[0]], [0, focal, center[1]], [0, 0, 1.0]])
        H = target_K @ R @ np.linalg.inv(opencv_from_centered_intrinsics(view.camera.K))
        grey = cv2.cvtColor(view.image, cv2.COLOR_RGB2GRAY)
        images.append(cv2.warpPerspective(grey, H, (width, height), flags=cv2.INTER_CUBIC))
        full = np.full(grey.shape, 255, np.uint8)
        masks.append(cv2.warpPerspective(full, H, (width, height), flags=cv2.INTER_NEAREST) > 0)
    return Rectified(rotations, focal, (center_1, center_2), (images[0], images[1]), (masks[0], masks[1]))


def _extent(view: View, R: Float[Array, "3 3"]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom tangents that the image covers in the rectified frame."""
    camera = view.camera
    edge = pixel_centers(camera.width, camera.height)[
        :: max(camera.height // 16, 1), :: max(camera.width // 16, 1)
    ]
    rays = rays_of(view, edge.reshape(-1, 2)) @ R.T
    tangents = rays[:, :2] / np.maximum(rays[:, 2:], 0.2)
    (x0, y0), (x1, y1) = tangents.min(axis=0), tangents.max(axis=0)
    limit = MAX_TANGENT
    return max(x0, -limit), max(y0, -limit), min(x1, limit), min(y1, limit)
