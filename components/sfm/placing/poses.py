"""Candidates for a photo's pose, from details whose points are known and from other models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.geometry.projection import camera_centers, unproject
from liftlab.components.sfm.confirmation import DepthView
from liftlab.components.types import Array, Lens

MIN_MATCHES = 8
"""Fewest details of known depth from which a pose is guessed, and that must agree with it; three determine one."""
MAX_ERROR = 0.01
"""Largest distance of a detail from its place, as a share of the focal length (half a degree): depths are rough yet."""
ROUNDS = 3
"""Poses looked for in all matches together, each without the details that agreed with those before: look-alike things
give a pose each."""
TRIALS = 2000


@dataclass(frozen=True)
class Lifted:
    """Details of a photo whose points in the world are known from another view."""

    rays: Float[Array, "n 2"]
    """In the photo, x / z and y / z."""
    points: Float[Array, "n 3"]


def rays_of(xy: Float[Array, "m 2"], lens: Lens) -> Float[Array, "m 2"]:
    """x / z and y / z of pixels of the lens."""
    return cv2.undistortPoints(xy.reshape(-1, 1, 2).astype(np.float64), lens.K, lens.distortion)[:, 0]


def lifted(rays: Float[Array, "m 2"], rays_in_view: Float[Array, "m 2"], view: DepthView) -> Lifted:
    """Details matched with those of a view, where the view has depth.

    Args:
        rays: Of the details in the photo, x / z and y / z.
        rays_in_view: Of the same details in the view.
        view: With its camera in the world.
    """
    K = view.camera.K
    xy = rays_in_view * [K[0, 0], K[1, 1]] + K[:2, 2]
    columns, rows = np.floor(xy).astype(int).T
    height, width = view.depth.shape
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    depth = np.zeros(len(xy))
    depth[inside] = view.depth[rows[inside], columns[inside]]
    known = depth > 0
    return Lifted(rays[known], unproject(view.camera, xy[known], depth[known]))


def poses_from(details: Sequence[Lifted]) -> Iterator[Float[Array, "4 4"]]:
    """Candidates for the photo's world-to-camera: from every view's details alone, then from all together.

    The photo's wrong matches are often with one view, or with one of two equal things.
    """
    for each in details:
        pose, _ = pose_of(each)
        if pose is not None:
            yield pose
    left = Lifted(
        np.concatenate([np.zeros((0, 2)), *(each.rays for each in details)]),
        np.concatenate([np.zeros((0, 3)), *(each.points for each in details)]),
    )
    for _ in range(ROUNDS):
        pose, agreed = pose_of(left)
        if pose is None:
            return
        yield pose
        left = Lifted(left.rays[~agreed], left.points[~agreed])


def pose_of(
    details: Lifted, *, max_error: float = MAX_ERROR
) -> tuple[Float[Array, "4 4"] | None, Bool[Array, "n"]]:
    """The pose that most details agree with, to `max_error` of the focal length, and which do; None when fewer than
    `MIN_MATCHES` do.
    """
    agreed = np.zeros(len(details.rays), bool)
    if len(details.rays) < MIN_MATCHES:
        return None, agreed
    found, rotation, translation, inliers = cv2.solvePnPRansac(
        np.ascontiguousarray(details.points, np.float64),
        np.ascontiguousarray(details.rays, np.float64),
        np.eye(3),
        None,
        iterationsCount=TRIALS,
        reprojectionError=max_error,
        confidence=0.9999,
        flags=cv2.SOLVEPNP_AP3P,
    )
    if not found or inliers is None or len(inliers) < MIN_MATCHES:
        return None, agreed
    agreed[np.asarray(inliers[:, 0], np.int64)] = True
    rotation, translation = cv2.solvePnPRefineLM(
        details.points[agreed], details.rays[agreed], np.eye(3), None, rotation, translation
    )
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(rotation)[0]
    pose[:3, 3] = translation[:, 0]
    return pose, agreed


def pose_by_other_model(
    pose: Float[Array, "4 4"],
    others: Float[Array, "V 4 4"],
    others_here: Float[Array, "V 4 4"],
    nearest: int,
) -> Float[Array, "4 4"] | None:
    """A photo's pose in another model, carried to this one by photos that both have; None when they tell no scale.

    Args:
        pose: World-to-camera in the other model.
        others: World-to-camera there of the photos in both.
        others_here: The same photos' world-to-camera in this model.
        nearest: Which of them to keep the photo's position to; models bend, so a near one is best.
    """
    there, here = (camera_centers(poses) for poses in (others, others_here))
    upper = np.triu_indices(len(there), 1)
    distances = [np.linalg.norm(c[:, None] - c[None], axis=2)[upper] for c in (there, here)]
    usable = distances[0] > 1e-9
    if not usable.any():
        return None
    scale = float(np.median(distances[1][usable] / distances[0][usable]))
    relative = pose @ np.linalg.inv(others[nearest])
    relative[:3, 3] *= scale
    return relative @ others_here[nearest]
