"""How a reconstruction went, for people and for benchmarks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from liftlab.components.errors import InputError

RELIABLE_SHARE, USELESS_SHARE = 0.2, 0.02
"""Share of pixels with confirmed depth below which depth is called unreliable, and below which there is no
scene."""


@dataclass(frozen=True)
class StageTime:
    """How long one stage took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class ReconstructReport:
    """What happened, for people and for benchmarks."""

    registered: tuple[str, ...]
    missing: tuple[str, ...]
    cameras_known: bool
    sparse_points: int
    reprojection_error_px: float
    median_angle_deg: float
    confirmed_share: float
    """Share of view pixels whose depth other views confirm."""
    filled_share: float = field(default=0.0, kw_only=True)
    """Share of view pixels on bare surfaces that got their depth from what is measured around them."""
    stages: tuple[StageTime, ...]
    warnings: tuple[str, ...] = ()
    """Sentences for people."""
    shares: tuple[float, ...] = ()
    """Per registered photo, how much of what the others know it shows; empty where cameras were not judged."""
    tried: tuple[str, ...] = ()
    """How the cameras were found."""


@dataclass
class Clock:
    """Stages with their wall times, in order."""

    stages: list[StageTime] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.stages.append(StageTime(name, time.perf_counter() - start))


def depth_warnings(share: float) -> list[str]:
    """What to say when few pixels have a depth to trust. Raises InputError when almost none has."""
    if share < USELESS_SHARE:
        raise InputError(
            f"Cameras were found but their depth is unreliable ({share:.0%} of the picture is confirmed by other "
            "photos); add sharp photos from places between these."
        )
    if share < RELIABLE_SHARE:
        return [
            f"Cameras were found but depth is unreliable ({share:.0%} of the picture is confirmed by other photos)."
        ]
    return []
