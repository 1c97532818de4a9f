"""Association of masks over views through the Gaussians they cover."""

from components.association.bank import Association, MemoryBank, associate
from components.association.cover import covered, front, likely, union

__all__ = ["Association", "MemoryBank", "associate", "covered", "front", "likely", "union"]
