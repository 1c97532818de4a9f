"""Who gives objects one id over all photos."""

from dataclasses import dataclass
from typing import Any

from liftlab.components.registry import Registry
from liftlab.pipelines.choices.record import ChoiceRecord, Needs


@dataclass(frozen=True, kw_only=True)
class TrackerRecord(ChoiceRecord):
    """`make(settings, device=torch.device)` gives a `liftlab.components.masks.protocols.Tracker`."""

    proposer: str | None = None
    """The only proposer whose masks it can follow; None: anybody's."""
    refusal: str = ""
    """Sentence for whoever chose another proposer."""


TRACKERS: Registry[TrackerRecord] = Registry("tracker", group="liftlab.trackers")


def _geometry(config: Any, *, device: Any) -> Any:
    from liftlab.components.masks.regions.following import GeometryTracker

    return GeometryTracker(config.candidates, config.outline, config.agreement)


def _sam2(config: Any, *, device: Any) -> Any:
    from liftlab.components.masks.sam2.following import Sam2Tracker
    from liftlab.pipelines.models import sam2_network

    return Sam2Tracker(sam2_network(config.sam2, device), config.sam2.tracking)


def _photos(config: Any, *, device: Any) -> Any:
    from liftlab.components.masks.photo_tracker import PhotoTracker

    return PhotoTracker()


TRACKERS.register(
    TrackerRecord(
        name="geometry",
        label="association through the pointmaps",
        summary="Pieces of the scene that the photos' masks hold together become objects; without weights.",
        licence="Apache-2.0 (our implementation)",
        make=_geometry,
    )
)
TRACKERS.register(
    TrackerRecord(
        name="photos",
        label="the masks that the photos' alignment was solved with",
        summary="Of a scene that was made with masks first (alignment=dga): its own masks, as they are.",
        licence="Apache-2.0 (our implementation)",
        make=_photos,
    )
)
TRACKERS.register(
    TrackerRecord(
        name="sam2",
        label="SAM 2.1 following objects from photo to photo",
        summary="The memory of SAM 2.1 follows its own proposals through the photos as through a video.",
        licence="Apache-2.0",
        make=_sam2,
        needs=Needs("sam2.1-tiny", task="masks"),
        proposer="sam2",
        refusal="SAM 2.1 follows its own proposals only: set proposer=sam2 as well.",
    )
)
