"""Choices of the click network's proposals, apart from torch."""

from dataclasses import dataclass
from typing import Annotated

from liftlab.components.bounds import Share, within


@dataclass(frozen=True)
class ClickProposalConfig:
    """Choices of `ClickProposer`."""

    enabled: bool = True
    """Whether the network is asked."""
    longer_side: Annotated[int, within(64, 4096)] = 480
    """Photos are shown to the network no larger than this: it learned from photos of this size."""
    every_px: Annotated[int, within(4, 512)] = 20
    """Pixels between clicks in what the network is shown."""
    min_quality: Share = 0.5
    """Masks that the network expects to fit worse are left out."""
    duplicate: Share = 0.75
    """Of masks that share this much (intersection over union) the better one stays."""
    max_masks: Annotated[int, within(1, 5000)] = 150
    """Best ones kept per view."""
