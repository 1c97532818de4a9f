"""Choices of the mask cache of a scene."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from liftlab.components.bounds import within
from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY
from liftlab.components.errors import InputError
from liftlab.components.masks.clicks.candidates import CandidateConfig
from liftlab.components.masks.graph.scene_graph import SceneGraphConfig
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.masks.regions.outline import OutlineConfig
from liftlab.components.masks.regions.proposals import RegionConfig
from liftlab.components.masks.regions.tracking import MergeTreeConfig
from liftlab.components.registry import chosen_from
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.record import check_settings
from liftlab.pipelines.choices.trackers import TRACKERS
from liftlab.pipelines.models import Sam2Config

STEP_VERSION = 10
"""Raised when the computation changes; part of the key of a scene's masks."""


@dataclass(frozen=True)
class MasksConfig:
    """Choices of the mask cache.

    Raises:
        InputError: There is no such proposer, tracker or option. Whether the two fit is asked when masks are built.
    """

    graph: SceneGraphConfig = field(default_factory=SceneGraphConfig)
    """Voxels, surfaces and small pieces."""
    regions: RegionConfig = field(default_factory=RegionConfig)
    """Regions of each photo: what clicks flood, and what "regions" proposes."""
    tracker: MergeTreeConfig = field(default_factory=MergeTreeConfig)
    """How pieces become objects."""
    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    """What is kept as part, object, group and plane."""
    agreement: AgreementConfig = field(default_factory=AgreementConfig, metadata=OMIT_DEFAULT_FROM_KEY)
    """When regions of several photos are one thing."""
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    """How outlines are sharpened."""
    min_pixels: Annotated[int, within(0, 10_000_000)] = 100
    """An object must cover this many pixels in one view at least."""
    proposer: str = field(default="regions", metadata=OMIT_DEFAULT_FROM_KEY | chosen_from(PROPOSERS))
    """Who proposes masks in each photo: regions of even colour and geometry, without weights, or SAM 2.1."""
    following: str = field(default="geometry", metadata=OMIT_DEFAULT_FROM_KEY | chosen_from(TRACKERS))
    """Who gives objects one id over all photos: association through the pointmaps, the masks that a scene was made with
    (photos; the default of such a scene), or SAM 2.1 following its own proposals from photo to photo (`proposer` must
    be sam2)."""
    sam2: Sam2Config = field(default_factory=Sam2Config, metadata=OMIT_DEFAULT_FROM_KEY)
    """Which SAM 2.1, and how."""
    options: dict[str, dict[str, Any]] = field(
        default_factory=dict, metadata=OMIT_DEFAULT_FROM_KEY, hash=False
    )
    """Settings of proposers and trackers of other packages, by their names: {"my_proposer": {"size": 3}}."""

    def __post_init__(self) -> None:
        check_settings(self)

    def check_pair(self) -> None:
        """Raises InputError when the tracker cannot follow what the proposer proposes."""
        tracker = TRACKERS.get(self.following)
        if tracker.proposer not in (None, self.proposer):
            raise InputError(
                tracker.refusal
                or f"'{tracker.name}' follows proposals of '{tracker.proposer}' only: set proposer={tracker.proposer}."
            )
