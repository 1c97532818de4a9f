"""Objects of a scene whose photos had masks before it was made: those masks, and what of the scene each of them is."""

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.masks.judging.relations import voxels_of_masks
from liftlab.components.masks.protocols import TrackedMasks, TrackingInput
from liftlab.components.masks.regions.following import leaves_within
from liftlab.components.progress import CancelToken, Progress


class PhotoTracker:
    """`Tracker` that keeps `Scene.photo_masks` as they are: eq. (11) lifts them by the scene's own depth."""

    def track(self, given: TrackingInput, *, progress: Progress, cancel: CancelToken) -> list[TrackedMasks]:
        """The objects that the alignment was solved with, in their order.

        Raises:
            InputError: The scene was made without masks.
            Cancelled: `cancel` was set.
        """
        cancel.check()
        masks = given.scene.photo_masks
        if masks is None:
            raise InputError(
                "This scene was made without masks of its photos: reconstruct it with alignment=dga, or look for "
                "objects with following=geometry."
            )
        nothing = np.zeros(0, np.int64)
        tracked = [
            TrackedMasks(
                tuple(masks.mask(view, number) for view in range(len(given.scene.views))),
                kind, bool(masks.foreground[number - 1]), float(masks.scores[number - 1]), nothing,
                # regions of even colour: what only colour tells apart is agreed, not seen as a thing of its own
                agreement=float(masks.scores[number - 1]) if kind == "part" else 0.0,
            )
            for number, kind in enumerate(masks.kinds, start=1)
        ]  # fmt: skip
        progress(0.5, "Finding where the objects lie")
        graph = given.state.graph
        held = voxels_of_masks(np.asarray(graph.voxel_of_pixel), len(graph.points), tracked)
        return [
            TrackedMasks(
                one.masks, one.kind, one.foreground, one.score,
                leaves_within(graph, held.indices[held.indptr[row] : held.indptr[row + 1]]),
                one.agreement, one.certainty,
            )
            for row, one in enumerate(tracked)
        ]  # fmt: skip
