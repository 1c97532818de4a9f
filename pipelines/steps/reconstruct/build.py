"""The scene of a capture: of photos from all at once or from pairs of them, as the configuration says; or of a splat
file.
"""

import torch

from liftlab.components.captures.capture import Capture
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Scene
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import settings_for
from liftlab.pipelines.steps.reconstruct.config import ReconstructConfig
from liftlab.pipelines.steps.reconstruct.pairs import check_number, reconstruct_by_pairs
from liftlab.pipelines.steps.reconstruct.photos import reconstruct_by_photos
from liftlab.pipelines.steps.reconstruct.report import Clock, ReconstructReport
from liftlab.pipelines.steps.reconstruct.splat_scene import scene_of_splats


def reconstruct(
    capture: Capture,
    config: ReconstructConfig | None = None,
    *,
    key: str,
    device: str = "cpu",
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[Scene, ReconstructReport]:
    """Build the scene of a capture.

    Args:
        capture: Photos, and cameras if they came with them; or splats with the views that were chosen for them.
        config: See `ReconstructConfig`.
        key: Content key of the result, kept in the scene.
        device: Where a network computes, for torch.
        progress: Share of the whole and what is being done.
        cancel: Ends the work within about a second.

    Raises:
        InputError: The photos cannot be reconstructed, or a model is asked for and not here; one sentence says why
            and what to do.
        RuntimeError: The camera estimation process died.
        Cancelled: `cancel` was set.
    """
    config, cancel = config or ReconstructConfig(), cancel or CancelToken()
    if capture.splats is not None:
        return scene_of_splats(capture, config, key=key, progress=progress, cancel=cancel)
    chosen, clock = PAIR_PREDICTORS.get(config.pointmaps), Clock()
    if config.in_order_of_masks:
        check_number(capture)
        config.photo_masks.check_pair()
    elif not chosen.makes_scenes:
        return reconstruct_by_photos(capture, config, key=key, clock=clock, progress=progress, cancel=cancel)
    with clock.stage("load network"):
        predictor = chosen.make(settings_for(chosen, config), device=torch.device(device))
    return reconstruct_by_pairs(
        capture, config, predictor, key=key, device=device, clock=clock, progress=progress, cancel=cancel
    )
