"""When regions of several photos are one thing: the choices alone, which a configuration needs without the work."""

from dataclasses import dataclass
from typing import Annotated

from liftlab.components.bounds import Share, within


@dataclass(frozen=True)
class AgreementConfig:
    """When regions of several photos are one thing."""

    same: Share = 0.5
    """Intersection over union, of the voxels both photos see, from which two regions are one."""
    seen: Share = 0.3
    """Share of a region's voxels that another photo must see to have a say."""
    enough_photos: Annotated[int, within(1, 1000)] = 3
    """Photos whose agreement counts in full."""
    min_support: Share = 0.25
    """Mean agreement over the photos that have a say, below which a region is chance."""
    min_voxels: Annotated[int, within(1, 1_000_000)] = 30
    """Voxels of the smallest region."""
    duplicate: Share = 0.85
    """Candidates that share this much (intersection over union in voxels) are one."""
    max_regions: Annotated[int, within(0, 5000)] = 300
    """Best supported kept."""
