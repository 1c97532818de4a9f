"""Choices of the reconstruction of a scene."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from liftlab.components.bounds import Seed, within
from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY
from liftlab.components.registry import chosen_from
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import check_settings

STEP_VERSION = 4
"""Raised when the computation changes; part of the key of a scene."""
SPLAT_STEP_VERSION = 1
"""The same of the scene of a splat file; part of its key as well."""


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
    seed: Seed = 0
    """Of every random choice."""
    doubtful: Literal["leave_out", "keep"] = field(default="leave_out", metadata=OMIT_DEFAULT_FROM_KEY)
    """What becomes of photos whose place the other photos do not confirm: they are left out and named, or kept and
    marked."""
    pointmaps: str = field(default="stereo", metadata=OMIT_DEFAULT_FROM_KEY | chosen_from(PAIR_PREDICTORS))
    """Where depth comes from: structure from motion and multi-view stereo, without weights, or pairs by a network and
    their global alignment."""
    alignment: Literal["ga", "sparse_ga"] = field(default="ga", metadata=OMIT_DEFAULT_FROM_KEY)
    """How a network's pairs are put together: by all their pixels (DUSt3R), or by their matches alone (MASt3R)."""
    options: dict[str, dict[str, Any]] = field(
        default_factory=dict, metadata=OMIT_DEFAULT_FROM_KEY, hash=False
    )
    """Settings of pair predictors of other packages, by their names."""

    def __post_init__(self) -> None:
        check_settings(self)
