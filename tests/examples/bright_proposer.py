"""An example proposer, as a package of its own would offer it: connected bright spots."""

from dataclasses import dataclass

import cv2
import numpy as np

from liftlab.components.types import MaskSet
from liftlab.pipelines.choices.proposers import PROPOSERS, ProposerRecord


@dataclass(frozen=True)
class BrightConfig:
    """Choices of the example."""

    level: int = 90
    """Grey value from which on a pixel is bright, 0 to 255."""


class BrightProposer:
    def __init__(self, config, *, device):
        self.config = config

    def propose(self, photo, *, cancel):
        bright = (photo.image.mean(axis=2) >= self.config.level).astype(np.uint8)
        count, labels = cv2.connectedComponents(bright)
        masks = np.stack([labels == i for i in range(count)])  # what is dark is the first
        return MaskSet(masks=masks, scores=np.ones(count, np.float32))


PROPOSERS.register(
    ProposerRecord(
        name="bright",
        label="connected bright spots",
        summary="What is brighter than a grey value.",
        licence="MIT",
        config=BrightConfig,
        make=BrightProposer,
    )
)
