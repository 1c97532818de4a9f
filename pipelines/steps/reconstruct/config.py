"""Choices of the reconstruction of a scene."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from liftlab.components.bounds import Seed, within
from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY
from liftlab.components.errors import InputError
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.masks.regions.proposals import RegionConfig
from liftlab.components.pointmaps.alignment.choices import PhotoAlignmentConfig
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig
from liftlab.components.registry import chosen_from
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.record import check_settings
from liftlab.pipelines.models import Sam2Config

STEP_VERSION = 4
"""Raised when the computation changes; part of the key of a scene."""
SPLAT_STEP_VERSION = 1
"""The same of the scene of a splat file; part of its key as well."""


@dataclass(frozen=True)
class PhotoMasksConfig:
    """Choices of the masks of photos that are found before cameras and depth.

    Raises:
        InputError: There is no such proposer or option. Whether the two fit is asked when they are used.
    """

    proposer: str = field(default="regions", metadata=chosen_from(PROPOSERS))
    """Who proposes masks in each photo: regions of even colour and depth as pairs know it, without weights, or SAM
    2.1."""
    following: Literal["matches", "sam2"] = "matches"
    """Who gives objects one id over all photos: the pairs' own matches, or SAM 2.1 following its own proposals."""
    regions: RegionConfig = field(default_factory=RegionConfig)
    """Regions of each photo."""
    agreement: AgreementConfig = field(default_factory=AgreementConfig)
    """When regions of several photos are one thing; matched pixels take the place of voxels."""
    min_pixels: Annotated[int, within(0, 10_000_000)] = 100
    """An object must cover this many pixels in one photo at least."""
    sam2: Sam2Config = field(default_factory=Sam2Config)
    """Which SAM 2.1, and how."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)
    """Settings of proposers of other packages, by their names."""

    def __post_init__(self) -> None:
        check_settings(self)

    def check_pair(self) -> None:
        """Raises InputError when SAM 2.1 is to follow what another proposer proposes."""
        if self.following == "sam2" and self.proposer != "sam2":
            raise InputError("SAM 2.1 follows its own proposals only: set photo_masks.proposer=sam2 as well.")


@dataclass(frozen=True)
class ReconstructConfig:
    """Choices of the reconstruction; the same for every capture.

    Raises:
        InputError: There is no such pair predictor or option.
    """

    max_side: Annotated[int, within(64, 8192)] = 640
    """Longer side of the working images, pixels. Time grows with its square."""
    cameras: Literal["auto", "none"] = "auto"
    """"auto" uses the cameras that came with the capture, if any; "none" estimates them from the photos."""
    sfm_max_side: Annotated[int, within(64, 8192)] = 1000
    """Longer side of the copies in which matching details are looked for, pixels."""
    sfm_max_features: Annotated[int, within(64, 100_000)] = 4096
    """Most details kept per photo."""
    num_sources: Annotated[int, within(1, 64)] = 4
    """Views from which the depth of a view is measured."""
    num_planes: Annotated[int, within(2, 2048)] = 128
    """Depths tried per pixel."""
    complete: bool = field(default=True, metadata=OMIT_DEFAULT_FROM_KEY)
    """Whether bare surfaces, where photos show nothing to measure, get depth from what is measured around them."""
    seed: Seed = 0
    """Of every random choice."""
    doubtful: Literal["leave_out", "keep"] = field(default="leave_out", metadata=OMIT_DEFAULT_FROM_KEY)
    """What becomes of photos whose place the other photos do not confirm: they are left out and named, or kept and
    marked."""
    pointmaps: str = field(default="stereo", metadata=OMIT_DEFAULT_FROM_KEY | chosen_from(PAIR_PREDICTORS))
    """Where depth comes from: structure from motion and multi-view stereo, without weights, or pairs by a network and
    their global alignment."""
    alignment: Literal["ga", "sparse_ga", "dga"] = field(default="ga", metadata=OMIT_DEFAULT_FROM_KEY)
    """How pairs are put together: by all their pixels (DUSt3R), by their matches alone (MASt3R), or re-weighted by
    masks and matches (WildSeg3D), for which masks come first. The first two are of a network's pairs; with stereo only
    where masks come first."""
    masks_first: bool = field(default=False, metadata=OMIT_DEFAULT_FROM_KEY)
    """WildSeg3D's order, of 3 to 9 photos: pairs (also by stereo), masks of the photos, then cameras and depth from the
    pairs alone, without structure from motion. Always so with dga; with the other alignments to compare them."""
    photo_masks: PhotoMasksConfig = field(default_factory=PhotoMasksConfig, metadata=OMIT_DEFAULT_FROM_KEY)
    """Those masks."""
    aligning: PhotoAlignmentConfig = field(
        default_factory=PhotoAlignmentConfig, metadata=OMIT_DEFAULT_FROM_KEY
    )
    """The alignment where masks come first."""
    stereo: StereoPairConfig = field(default_factory=StereoPairConfig, metadata=OMIT_DEFAULT_FROM_KEY)
    """Pairs by stereo where masks come first."""
    options: dict[str, dict[str, Any]] = field(
        default_factory=dict, metadata=OMIT_DEFAULT_FROM_KEY, hash=False
    )
    """Settings of pair predictors of other packages, by their names."""

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def in_order_of_masks(self) -> bool:
        """Whether masks come before cameras and depth."""
        return self.masks_first or self.alignment == "dga"
