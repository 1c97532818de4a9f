"""Photos to a scene: cameras, depth of every view, dominant planes; or the views of a splat file."""

from liftlab.pipelines.steps.reconstruct.build import reconstruct
from liftlab.pipelines.steps.reconstruct.config import STEP_VERSION, ReconstructConfig
from liftlab.pipelines.steps.reconstruct.report import ReconstructReport, StageTime

__all__ = ["STEP_VERSION", "ReconstructConfig", "ReconstructReport", "StageTime", "reconstruct"]
