"""Photos to a scene: cameras, depth of every view, dominant planes; or the views of a splat file."""

from typing import TYPE_CHECKING

from liftlab.components import loaded_when_used
from liftlab.pipelines.steps.reconstruct.config import SPLAT_STEP_VERSION, STEP_VERSION, ReconstructConfig

if TYPE_CHECKING:
    from liftlab.pipelines.steps.reconstruct.build import reconstruct
    from liftlab.pipelines.steps.reconstruct.report import ReconstructReport, StageTime

__all__ = [
    "SPLAT_STEP_VERSION", "STEP_VERSION", "ReconstructConfig", "ReconstructReport", "StageTime", "reconstruct",
]  # fmt: skip

__getattr__ = loaded_when_used(
    __name__, {"reconstruct": "build", "ReconstructReport": "report", "StageTime": "report"}
)
