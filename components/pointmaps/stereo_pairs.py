"""Two-view pointmaps without weights: relative pose from features, then dense stereo on the rectified pair.

Only the two images and their intrinsics are used, never the cameras of the scene: the baseline of every pair is 1, so
pairs have scales of their own, as those of a network do.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Float, UInt8

from liftlab.components.bounds import within
from liftlab.components.geometry.projection import pixel_centers, transform
from liftlab.components.pointmaps.pair_pose import (
    RelativePose,
    detect_features,
    estimate_pose,
    match_features,
    rays_of,
)
from liftlab.components.pointmaps.pair_rectify import Rectified, depth_range, rectify
from liftlab.components.pointmaps.pairs import PairFailure, PairResult, shrunk
from liftlab.components.types import Array, View

STEP_VERSION = 1
FILLED_CONF = 1.001
"""Confidence of pixels whose depth was only copied from their nearest matched neighbour."""
MIN_AGREED = 0.01
"""Pairs where a smaller share of a view's pixels matches in both directions fail."""
CALIBRATION = np.array([-3.097, 0.83, -2.286, 1.752, -0.21])
"""Log-odds that a depth is within 1 %, as weights of `StereoDepth.evidence`. Fitted by
`benchmarks/geometry/stereo_calibration.py` to the photos of SceauxCastle, which is not scored."""
_FEATURES_KEPT = 32


@dataclass(frozen=True)
class StereoPairConfig:
    """Choices of the stereo provider."""

    min_matches: Annotated[int, within(0, 100_000)] = 25
    """Pairs with fewer geometrically verified feature matches fail."""
    min_parallax_deg: Annotated[float, within(0, 180)] = 1.5
    """Pairs whose matches triangulate under a smaller median angle fail."""
    min_baseline_angle_deg: Annotated[float, within(0, 180)] = 30.0
    """Pairs whose baseline is closer than this to a viewing direction fail: the camera moved forward."""
    max_side: Annotated[int, within(64, 4096)] = 480
    """Dense matching runs on photos shrunk to this, pixels; the pose comes from the photos as they are."""
    max_features: Annotated[int, within(64, 100_000)] = 3000
    block_size: Annotated[int, within(1, 99)] = 5
    """Matching window in pixels, odd."""
    max_disparities: Annotated[int, within(16, 4096)] = 192
    """Search range; a pair that needs more is searched in its nearer part only. Multiple of 16."""
    left_right_px: Annotated[float, within(0, 1000)] = 1.0
    """Both directions of matching must agree to this."""
    pose_error_px: Annotated[float, within(1e-3, 1000)] = 1.5
    """Largest distance of a feature from its epipolar line."""


class StereoPairPredictor:
    """`PairPredictor` by SIFT, an essential matrix and semi-global block matching."""

    conf_valid_threshold = 1.5
    symmetric = True

    def __init__(self, config: StereoPairConfig | None = None) -> None:
        self.config = config or StereoPairConfig()
        self.max_side = self.config.max_side
        self._features: OrderedDict[str, tuple[Array, Array]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, view_1: View, view_2: View) -> PairResult | PairFailure:
        """Pointmaps of both views; a typed failure with too few matches, too little parallax or forward motion."""
        pose = self.relative_pose(view_1, view_2)
        if isinstance(pose, PairFailure):
            return pose
        return dense_stereo(view_1, view_2, pose, self.config)

    def relative_pose(self, view_1: View, view_2: View) -> RelativePose | PairFailure:
        """Pose from features of the two images and their focal lengths."""
        config = self.config
        xy_1, xy_2 = match_features(self._features_of(view_1), self._features_of(view_2))
        if len(xy_1) < config.min_matches:
            return PairFailure("few_matches", f"{len(xy_1)} features match; {config.min_matches} are needed.")
        found = estimate_pose(view_1, view_2, xy_1, xy_2, config.pose_error_px)
        if found is None or found[1].sum() < config.min_matches:
            count = 0 if found is None else int(found[1].sum())
            return PairFailure(
                "few_matches", f"{count} matches fit one pose; {config.min_matches} are needed."
            )
        second_from_first, inliers = found
        pose = RelativePose(second_from_first, xy_1[inliers], xy_2[inliers])
        return _motion_failure(view_1, view_2, pose, config) or pose

    def _features_of(self, view: View) -> tuple[Array, Array]:
        """Keypoint positions (centres at +0.5) and root-SIFT descriptors; the last few images are remembered."""
        key = hashlib.blake2b(np.ascontiguousarray(view.image).tobytes(), digest_size=16).hexdigest()
        with self._lock:
            if key in self._features:
                self._features.move_to_end(key)
                return self._features[key]
        features = detect_features(view.image, self.config.max_features)
        with self._lock:
            self._features[key] = features
            while len(self._features) > _FEATURES_KEPT:
                self._features.popitem(last=False)
        return features


def _motion_failure(
    view_1: View, view_2: View, pose: RelativePose, config: StereoPairConfig
) -> PairFailure | None:
    """Why the motion between the views cannot be used for stereo, if so."""
    R, t = pose.second_from_first[:3, :3], pose.second_from_first[:3, 3]
    rays_1, rays_2 = rays_of(view_1, pose.xy_1) @ R.T, rays_of(view_2, pose.xy_2)
    cosine = (rays_1 * rays_2).sum(-1) / np.linalg.norm(rays_1, axis=-1) / np.linalg.norm(rays_2, axis=-1)
    parallax = float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))
    if parallax < config.min_parallax_deg:
        return PairFailure(
            "no_parallax",
            f"Matches triangulate under {parallax:.1f} degrees; {config.min_parallax_deg} are needed.",
        )
    baseline = -R.T @ t  # direction of the second camera, in the first
    angle = float(np.degrees(min(np.arccos(abs(baseline[2])), np.arccos(abs(t[2])))))
    if angle < config.min_baseline_angle_deg:
        return PairFailure(
            "forward_motion", f"The camera moved {angle:.0f} degrees off its viewing direction."
        )
    return None


@dataclass(frozen=True)
class StereoDepth:
    """What matching says about one view of a pair."""

    rays: Float[Array, "h w 3"]
    """Rectified rays of the pixels."""
    depth: Float[Array, "h w"]
    """Along the rectified Z axis, in baselines; NaN where nothing matches."""
    agreed: Bool[Array, "h w"]
    """True where both directions of matching give the same depth."""
    evidence: Float[Array, "h w 5"]
    """What speaks for the depth: 1, ln(parallax in px), disagreement of the directions in px, correlation of 7x7
    windows, ln(contrast)."""

    @property
    def conf(self) -> Float[Array, "h w"]:
        """1 + half the odds of a depth within 1 %, so 1.5 at even odds; `FILLED_CONF` where not agreed."""
        log_odds = np.clip(self.evidence @ CALIBRATION, -6, 6)
        return np.where(self.agreed, 1 + 0.5 * np.exp(log_odds), FILLED_CONF).astype(np.float32)

    @property
    def filled(self) -> Float[Array, "h w"]:
        """The depth where agreed; elsewhere that of the nearest agreed pixel."""
        nearest = scipy.ndimage.distance_transform_edt(
            ~self.agreed, return_distances=False, return_indices=True
        )
        rows, columns = np.asarray(nearest)
        return self.depth[rows, columns]


def stereo_depths(
    view_1: View, view_2: View, pose: RelativePose, config: StereoPairConfig
) -> tuple[Rectified, StereoDepth, StereoDepth] | PairFailure:
    """Depth of both views, shrunk, by semi-global block matching of the rectified pair in both directions."""
    near, far = depth_range(view_1, view_2, pose)
    view_1, view_2 = shrunk(view_1, config.max_side), shrunk(view_2, config.max_side)
    rectified = rectify(view_1, view_2, pose, near, far)
    if isinstance(rectified, PairFailure):
        return rectified
    left, right = _disparities(rectified, near, config)
    first = _measured(view_1, 0, rectified, left, right, config)
    second = _measured(view_2, 1, rectified, right, left, config)
    share = min(float(first.agreed.mean()), float(second.agreed.mean()))
    if share < MIN_AGREED:
        return PairFailure("no_overlap", f"Only {100 * share:.1f} % of the pixels match in both directions.")
    return rectified, first, second


def dense_stereo(
    view_1: View, view_2: View, pose: RelativePose, config: StereoPairConfig
) -> PairResult | PairFailure:
    """Pointmaps of a posed pair. Pixels that nothing matches take the depth of their nearest matched neighbour."""
    found = stereo_depths(view_1, view_2, pose, config)
    if isinstance(found, PairFailure):
        return found
    rectified, *depths = found
    view_1, view_2 = shrunk(view_1, config.max_side), shrunk(view_2, config.max_side)
    points = [
        (depth.rays / np.maximum(depth.rays[..., 2:], 1e-6) * depth.filled[..., None]) @ R
        for depth, R in zip(depths, rectified.rotations, strict=True)
    ]
    first_from_second = np.linalg.inv(pose.second_from_first)
    matches = np.concatenate(
        [
            _matches_of(view_1, view_2, points[0], depths[0].agreed, pose.second_from_first),
            _matches_of(view_2, view_1, points[1], depths[1].agreed, first_from_second)[:, [2, 3, 0, 1]],
        ]
    )
    return PairResult(
        pts3d_1=points[0].astype(np.float32),
        pts3d_2=transform(first_from_second, points[1]).astype(np.float32),
        conf_1=depths[0].conf,
        conf_2=depths[1].conf,
        matches=matches.astype(np.float32),
        second_from_first=pose.second_from_first,
    )


def _disparities(
    rectified: Rectified, near: float, config: StereoPairConfig
) -> tuple[Float[Array, "H W"], Float[Array, "H W"]]:
    """Disparity of each rectified image towards the other, positive, infinity shift included; NaN where none."""
    span = rectified.focal / near + rectified.shift
    count = int(np.clip(np.ceil(span / 16) * 16, 16, config.max_disparities))
    width = rectified.images[0].shape[1]
    count = min(count, max(16, (width - config.block_size - 1) // 16 * 16))
    block = config.block_size
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=count,
        blockSize=block,
        P1=8 * block * block,
        P2=32 * block * block,
        disp12MaxDiff=-1,
        preFilterCap=31,
        uniquenessRatio=0,
        mode=cv2.STEREO_SGBM_MODE_HH,
    )
    # Pad on the left: block matching gives nothing in the first `count` columns.
    images = [
        cv2.copyMakeBorder(image, 0, 0, count, count, cv2.BORDER_REPLICATE) for image in rectified.images
    ]
    left = matcher.compute(images[0], images[1])[:, count:-count].astype(np.float32) / 16
    mirrored = matcher.compute(images[1][:, ::-1].copy(), images[0][:, ::-1].copy())
    right = mirrored[:, ::-1][:, count:-count].astype(np.float32) / 16
    for disparity, mask in zip((left, right), rectified.masks, strict=True):
        disparity[(disparity < 0) | ~mask] = np.nan
    return left, right


def _measured(
    view: View,
    which: int,
    rectified: Rectified,
    own: Float[Array, "H W"],
    other: Float[Array, "H W"],
    config: StereoPairConfig,
) -> StereoDepth:
    """Read the rectified disparities at the pixels of a view (`which`: 0 the first, 1 the second)."""
    camera = view.camera
    rays = rays_of(view, pixel_centers(camera.width, camera.height)) @ rectified.rotations[which].T
    tangents = rays[..., :2] / np.maximum(rays[..., 2:], 1e-6)
    xy = (rectified.focal * tangents + rectified.centers[which]).astype(np.float32)
    disparity = _sample(own, xy)
    sign = -1.0 if which == 0 else 1.0
    there = np.stack([xy[..., 0] + sign * disparity, xy[..., 1]], axis=-1)
    gap = np.abs(_sample(other, np.nan_to_num(there, nan=-1e4)) - disparity)
    parallax = disparity - rectified.shift
    depth = rectified.focal / np.where(parallax > 0.25, parallax, np.nan)
    agreed = np.isfinite(depth) & (rays[..., 2] > 0) & (gap <= config.left_right_px)
    left, right = rectified.images
    images = (left, right) if which == 0 else (right, left)
    return StereoDepth(rays, depth, agreed, _evidence(images, xy, there, gap, parallax))


def _sample(image: Float[Array, "H W"], xy: Float[Array, "h w 2"]) -> Float[Array, "h w"]:
    """Bilinear where that is smooth, nearest across steps and beside holes; NaN outside and in holes."""
    x, y = np.ascontiguousarray(xy[..., 0], np.float32), np.ascontiguousarray(xy[..., 1], np.float32)
    border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": float("nan")}
    nearest = cv2.remap(image, x, y, cv2.INTER_NEAREST, **border)
    smooth = cv2.remap(image, x, y, cv2.INTER_LINEAR, **border)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(smooth - nearest) < 1.0, smooth, nearest)


def _evidence(
    images: tuple[UInt8[Array, "H W"], UInt8[Array, "H W"]],
    xy: Float[Array, "h w 2"],
    there: Float[Array, "h w 2"],
    gap: Float[Array, "h w"],
    parallax: Float[Array, "h w"],
) -> Float[Array, "h w 5"]:
    """The features of `StereoDepth.evidence`."""
    grid = [np.nan_to_num(p, nan=-1.0).astype(np.float32) for p in (xy, there)]
    a, b = (
        cv2.remap(image, p[..., 0].copy(), p[..., 1].copy(), cv2.INTER_LINEAR).astype(np.float32)
        for image, p in zip(images, grid, strict=True)
    )
    blur = {"ksize": (7, 7), "borderType": cv2.BORDER_REFLECT}
    mean_a, mean_b = cv2.blur(a, **blur), cv2.blur(b, **blur)
    var_a = np.maximum(cv2.blur(a * a, **blur) - mean_a**2, 0)
    var_b = np.maximum(cv2.blur(b * b, **blur) - mean_b**2, 0)
    correlation = (cv2.blur(a * b, **blur) - mean_a * mean_b) / np.sqrt(var_a * var_b + 1.0)
    return np.stack(
        [
            np.ones_like(a),
            np.log(np.clip(np.nan_to_num(parallax, nan=0.1), 0.1, 1e3)),
            np.clip(np.nan_to_num(gap, nan=3.0), 0, 3),
            np.clip(correlation, -1, 1),
            0.5 * np.log(var_a + 1.0),
        ],
        axis=-1,
    )


def _matches_of(
    view: View, other: View, points: Float[Array, "h w 3"], sure: Bool[Array, "h w"], other_from_view: Array
) -> Float[Array, "K 4"]:
    """Pixels of `view` with an agreed match and where that lies in `other`, as x, y, x', y'."""
    camera = view.camera
    here = pixel_centers(camera.width, camera.height)[sure]
    moved = transform(other_from_view, points[sure])
    K = other.camera.K
    there = moved[:, :2] / moved[:, 2:] * np.array([K[0, 0], K[1, 1]]) + K[:2, 2]
    return np.concatenate([here, there], axis=1)
