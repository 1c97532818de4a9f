"""A world frame people can live in: scale, centre, the direction up."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from liftlab.components.sfm.model import FoundModel
from liftlab.components.types import Array, Plane

LEVEL_COS = 0.94
"""A plane is taken for the ground when its normal is this near to what the cameras call up (20 degrees)."""


def normalised(model: FoundModel) -> FoundModel:
    """The model moved and scaled so that the median point is the origin and the median depth of points is 1.

    Structure from motion leaves scale and origin open; viewers and half-precision buffers like scenes of
    size one.
    """
    depths = [
        (points @ pose[2, :3] + pose[2, 3])
        for pose, points in zip(
            model.world_to_camera, (model.points[seen] for seen in model.visible), strict=True
        )
    ]
    scale = 1.0 / float(np.median(np.concatenate(depths)))
    origin = np.median(model.points, axis=0)
    poses = model.world_to_camera.copy()
    poses[:, :3, 3] = scale * (poses[:, :3, 3] + poses[:, :3, :3] @ origin)
    return replace(model, world_to_camera=poses, points=scale * (model.points - origin))


def up_direction(world_to_camera: Float[Array, "V 4 4"], planes: Sequence[Plane]) -> Float[Array, "3"]:
    """Unit vector up in the world frame.

    People hold cameras level: up is perpendicular to all image rows, as far as possible. A dominant plane
    that agrees (table, floor, lawn) makes it exact.
    """
    rows, ups = world_to_camera[:, 0, :3], -world_to_camera[:, 1, :3]
    mean_up = ups.mean(axis=0)
    mean_up = mean_up / max(float(np.linalg.norm(mean_up)), 1e-12)
    # A single direction of view leaves the direction undetermined; a little of the mean decides then.
    _, vectors = np.linalg.eigh(rows.T @ rows - 0.05 * len(rows) * np.outer(mean_up, mean_up))
    up = vectors[:, 0]
    up = up if up @ mean_up > 0 else -up
    level = [plane for plane in planes if abs(float(plane.normal @ up)) > LEVEL_COS]
    if level:
        normal = max(level, key=lambda plane: plane.support).normal
        up = normal if normal @ up > 0 else -normal
    return np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
