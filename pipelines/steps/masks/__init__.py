"""The mask cache of a scene: proposals per view, one id over all views, and what later clicks need."""

from liftlab.pipelines.steps.masks.build import build_masks
from liftlab.pipelines.steps.masks.config import STEP_VERSION, MasksConfig

__all__ = ["STEP_VERSION", "MasksConfig", "build_masks"]
