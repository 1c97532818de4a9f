"""Who proposes masks in each photo."""

from dataclasses import dataclass
from typing import Any

from liftlab.components.registry import Registry
from liftlab.pipelines.choices.record import ChoiceRecord, Needs


@dataclass(frozen=True, kw_only=True)
class ProposerRecord(ChoiceRecord):
    """`make(settings, device=torch.device)` gives a `liftlab.components.masks.protocols.Proposer`."""


PROPOSERS: Registry[ProposerRecord] = Registry("proposer", group="liftlab.proposers")


def _regions(config: Any, *, device: Any) -> Any:
    from liftlab.components.masks.regions.proposals import RegionProposer

    return RegionProposer(config.regions)


def _sam2(config: Any, *, device: Any) -> Any:
    from liftlab.components.masks.sam2.proposer import Sam2Proposer
    from liftlab.pipelines.models import sam2_network

    return Sam2Proposer(sam2_network(config.sam2, device), config.sam2.proposals)


PROPOSERS.register(
    ProposerRecord(
        name="regions",
        label="regions of even colour and geometry",
        summary="Connected regions of even colour, depth and slope at several scales; without weights.",
        licence="Apache-2.0 (our implementation)",
        make=_regions,
    )
)
PROPOSERS.register(
    ProposerRecord(
        name="sam2",
        label="SAM 2.1 automatic masks",
        summary="A grid of clicks in each photo, answered by SAM 2.1; what is sure and new is kept.",
        licence="Apache-2.0",
        make=_sam2,
        needs=Needs("sam2.1-tiny", task="masks"),
    )
)
