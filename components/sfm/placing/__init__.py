"""Where a photo may have been taken from, given a trusted model: candidates for its pose, for the pictures to judge."""

from liftlab.components.sfm.placing.poses import (
    MIN_MATCHES,
    Lifted,
    lifted,
    pose_by_other_model,
    poses_from,
    rays_of,
)

__all__ = ["MIN_MATCHES", "Lifted", "lifted", "pose_by_other_model", "poses_from", "rays_of"]
