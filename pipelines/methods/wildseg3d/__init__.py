"""WildSeg3D: a click looks up cached masks of all views and lifts their pixels."""

from liftlab.pipelines.methods.wildseg3d.lookup import choose, union_mask
from liftlab.pipelines.methods.wildseg3d.method import WildSeg3D
from liftlab.pipelines.methods.wildseg3d.points import eroded, points_in_masks
from liftlab.pipelines.methods.wildseg3d.state import WildSeg3DConfig, WildSeg3DPrepared

__all__ = [
    "WildSeg3D", "WildSeg3DConfig", "WildSeg3DPrepared", "choose", "eroded", "points_in_masks", "union_mask",
]  # fmt: skip
