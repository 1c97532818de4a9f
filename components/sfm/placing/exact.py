"""A rough pose of a photo made exact by details of known depth that are followed into it, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from liftlab.components.geometry.projection import project, unproject
from liftlab.components.sfm.confirmation import DepthView
from liftlab.components.sfm.dense import FineView, details_of, fine_view, followed, rays_in
from liftlab.components.sfm.model import SfmPhoto
from liftlab.components.sfm.placing.poses import Lifted, pose_of
from liftlab.components.types import Array, Camera

ROUNDS = 5
"""Of following details and correcting the pose, at most: from a better pose more of them are found."""
MIN_MORE = 1.1
"""So many times the details of the round before must agree for one more round."""
MAX_ERROR = 0.005
"""Largest distance of a detail from its place, as a share of the focal length: depths of a hundredth's error, seen 25
degrees aside."""


@dataclass(frozen=True)
class ExactPose:
    """A pose that followed details agree with."""

    world_to_camera: Float[Array, "4 4"]
    agreeing: int
    """How many details agree."""
    asked: int
    """How many lie in the photo's picture; some of them are hidden there."""


def exact_pose(
    photo: SfmPhoto,
    params: Sequence[float],
    camera: Camera,
    views: Sequence[FineView],
) -> ExactPose | None:
    """The pose that details of the views agree with most when they are followed into the photo.

    Where depth leads, the pictures say where a detail is: matches of SIFT are asked for nothing here, so those between
    look-alike things have no say.

    Args:
        photo: Whose pose is looked for.
        params: Its lens, SIMPLE_RADIAL, of its copy.
        camera: With a rough pose (`confirmation.DepthView` of the photo), right to a few pixels of `dense.SIDE`.
        views: Of the model, with depth.

    Returns:
        None where so few details agree that they do not determine a pose.
    """
    fine = fine_view(photo, params, DepthView.unknown(camera))
    details = [(view, details_of(view)) for view in views]
    best = None
    for _ in range(ROUNDS):
        known = [_known(xy, view, fine) for view, xy in details]
        together = Lifted(
            np.concatenate([np.zeros((0, 2)), *(each.rays for each in known)]),
            np.concatenate([np.zeros((0, 3)), *(each.points for each in known)]),
        )
        pose, agreed = pose_of(together, max_error=MAX_ERROR)
        if pose is None or (best is not None and agreed.sum() < MIN_MORE * best.agreeing):
            break
        fine = replace(fine, camera=replace(fine.camera, world_to_camera=pose))
        best = ExactPose(pose, int(agreed.sum()), sum(_inside(xy, view, fine) for view, xy in details))
    return best


def _known(xy: Float[Array, "n 2"], view: FineView, fine: FineView) -> Lifted:
    """Details of the view as they are found in the photo."""
    kept, there = followed(xy, view, fine)
    return Lifted(rays_in(fine, there), _points(xy[kept], view))


def _inside(xy: Float[Array, "n 2"], view: FineView, fine: FineView) -> int:
    """How many details of the view lie in the photo's picture."""
    seen, z = project(fine.camera, _points(xy, view))
    return int(
        (
            (z > 0) & (seen >= 0).all(axis=1) & (seen < [fine.camera.width, fine.camera.height]).all(axis=1)
        ).sum()
    )


def _points(xy: Float[Array, "n 2"], view: FineView) -> Float[Array, "n 3"]:
    columns, rows = np.floor(xy).astype(int).T
    return unproject(view.camera, xy, view.depth[rows, columns].astype(np.float64))
