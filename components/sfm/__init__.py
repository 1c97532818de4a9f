"""Structure from motion: cameras and sparse points from photos."""

from typing import TYPE_CHECKING

from liftlab.components import loaded_when_used
from liftlab.components.sfm.model import SfmOptions, SfmPhoto, SparseModel

if TYPE_CHECKING:
    from liftlab.components.sfm.estimate import estimate_cameras, reduced_photo, triangulate_known

__all__ = [
    "SfmOptions",
    "SfmPhoto",
    "SparseModel",
    "estimate_cameras",
    "reduced_photo",
    "triangulate_known",
]

__getattr__ = loaded_when_used(
    __name__,
    {"estimate_cameras": "estimate", "reduced_photo": "estimate", "triangulate_known": "estimate"},
)
