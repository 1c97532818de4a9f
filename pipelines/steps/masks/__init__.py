"""The mask cache of a scene: proposals per view, one id over all views, and what later clicks need."""

from typing import TYPE_CHECKING

from liftlab.components import loaded_when_used
from liftlab.pipelines.steps.masks.config import STEP_VERSION, MasksConfig

if TYPE_CHECKING:
    from liftlab.pipelines.steps.masks.build import build_masks

__all__ = ["STEP_VERSION", "MasksConfig", "build_masks"]

__getattr__ = loaded_when_used(__name__, {"build_masks": "build"})
