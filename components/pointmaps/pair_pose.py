"""Relative pose of two photos from their features: what they have in common, and the motion that explains it."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from liftlab.components.types import Array, View


@dataclass(frozen=True)
class RelativePose:
    """Pose of the second camera with a baseline of 1, and the verified matches."""

    second_from_first: Float[Array, "4 4"]
    xy_1: Float[Array, "K 2"]
    xy_2: Float[Array, "K 2"]


def detect_features(image: UInt8[Array, "H W 3"], max_features: int) -> tuple[Array, Array]:
    """Keypoint positions [K,2] (centres at +0.5) and root-SIFT descriptors [K,128] of unit length."""
    detector = cv2.SIFT.create(nfeatures=max_features, contrastThreshold=0.01)
    keypoints, descriptors = detector.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    xy = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float64) + 0.5
    descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
    return xy, descriptors.astype(np.float32)


def match_features(
    features_1: tuple[Array, Array], features_2: tuple[Array, Array], ratio: float = 0.85
) -> tuple[Float[Array, "K 2"], Float[Array, "K 2"]]:
    """Mutual nearest neighbours that pass Lowe's ratio test."""
    (xy_1, d_1), (xy_2, d_2) = features_1, features_2
    if min(len(d_1), len(d_2)) < 2:
        return np.zeros((0, 2)), np.zeros((0, 2))
    similarity = d_1 @ d_2.T  # descriptors have unit length
    forward, backward = similarity.argmax(axis=1), similarity.argmax(axis=0)
    two_best = -np.partition(-similarity, 1, axis=1)[:, :2]
    distance = np.sqrt(np.maximum(2 - 2 * two_best, 0))
    rows = np.arange(len(d_1))
    keep = (backward[forward] == rows) & (distance[:, 0] < ratio * distance[:, 1])
    return xy_1[keep], xy_2[forward[keep]]


def estimate_pose(
    view_1: View, view_2: View, xy_1: Array, xy_2: Array, error_px: float
) -> tuple[Float[Array, "4 4"], Bool[Array, "K"]] | None:
    """Relative pose with unit baseline, and which matches fit it; None when none was found."""
    from liftlab.components.sfm.colmap_library import pycolmap

    cameras = [_pycolmap_camera(view) for view in (view_1, view_2)]
    options = pycolmap.RANSACOptions()
    options.max_error, options.random_seed = error_px, 0
    found = pycolmap.estimate_relative_pose(cameras[0], xy_1, cameras[1], xy_2, options)
    if found is None:
        return None
    inliers = np.asarray(found["inlier_mask"], bool)
    refined = pycolmap.refine_relative_pose(
        found["cam2_from_cam1"], cameras[0], xy_1, cameras[1], xy_2, inliers
    )
    pose = (refined or found)["cam2_from_cam1"]
    out = np.eye(4)
    out[:3] = pose.matrix()
    length = np.linalg.norm(out[:3, 3])
    if length < 1e-9:
        return None
    out[:3, 3] /= length
    return out, inliers


def _pycolmap_camera(view: View) -> Any:
    from liftlab.components.sfm.colmap_library import pycolmap

    K, camera = view.camera.K, view.camera
    return pycolmap.Camera(
        model="PINHOLE",
        width=camera.width,
        height=camera.height,
        params=[K[0, 0], K[1, 1], K[0, 2], K[1, 2]],
    )


def rays_of(view: View, xy: Float[Array, "*N 2"]) -> Float[Array, "*N 3"]:
    """Camera rays with Z = 1 of view pixels."""
    K = view.camera.K
    flat = (xy - K[:2, 2]) / np.array([K[0, 0], K[1, 1]])
    return np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)
