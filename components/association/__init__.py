"""Association of masks over views through the Gaussians they cover."""

from liftlab.components.association.bank import Association, MemoryBank, associate
from liftlab.components.association.cover import covered, front, likely, union
from liftlab.components.association.masks import AssociationConfig, associate_masks, gaussians_of_masks

__all__ = [
    "Association",
    "AssociationConfig",
    "MemoryBank",
    "associate",
    "associate_masks",
    "covered",
    "front",
    "gaussians_of_masks",
    "likely",
    "union",
]
