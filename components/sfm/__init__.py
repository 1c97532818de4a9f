"""Structure from motion: cameras and sparse points from photos."""

from liftlab.components.sfm.estimate import estimate_cameras, reduced_photo, triangulate_known
from liftlab.components.sfm.model import SfmOptions, SfmPhoto, SparseModel

__all__ = [
    "SfmOptions",
    "SfmPhoto",
    "SparseModel",
    "estimate_cameras",
    "reduced_photo",
    "triangulate_known",
]
