"""What the 3D view draws where objects were taken out of the scene and their places filled in."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool

from liftlab.components.gaussians.mending import mend
from liftlab.components.gaussians.selection import subset
from liftlab.components.types import Array, Scene
from liftlab.view3d.drawing import Patch
from liftlab.view3d.frame import frame_of
from liftlab.view3d.surfaces import MAX_SPLATS, SplatSurface


def patch_of(scene: Scene, token: Hashable, chosen: Sequence[Bool[Array, "N"]]) -> Patch:
    """Fill in the places of some objects.

    Args:
        scene: With Gaussians.
        token: Of the patch.
        chosen: Which Gaussians are each object's.
    """
    gaussians = scene.gaussians
    assert gaussians is not None
    stays = ~np.any(chosen, axis=0)
    found = mend(subset(gaussians, stays), [subset(gaussians, rows) for rows in chosen], scene.planes)
    hidden = np.zeros(len(stays), bool)
    hidden[np.flatnonzero(stays)[found.hidden]] = True
    return Patch(token, hidden, SplatSurface(found.added, scene, frame_of(scene), MAX_SPLATS))
