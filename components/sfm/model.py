"""What goes into camera estimation and what comes out of it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from liftlab.components.types import Array, Lens


@dataclass(frozen=True)
class SfmOptions:
    """How hard to look for matching details."""

    max_side: int = 1000
    """Longer side in pixels of the copies in which details are looked for."""
    max_features: int = 4096
    """Most details kept per photo."""
    num_threads: int = 0
    """Threads of the child process; 0 means one per core."""
    seed: int = 0
    """Of every random choice in matching and mapping."""


@dataclass(frozen=True)
class SfmPhoto:
    """A photo for camera estimation, usually a reduced copy made by `reduced_photo`."""

    name: str
    """File name of the photo."""
    image: UInt8[Array, "h w 3"]
    """RGB; any size with the photo's proportions."""
    width: int
    """Of the photo, pixels; the returned `Lens` is in this frame."""
    height: int
    focal_px: float | None = None
    """Focal length by EXIF in photo pixels, a starting value; None when unknown."""


@dataclass(frozen=True)
class SparseModel:
    """Cameras and sparse points. Views are in the order of the photos given, without those that failed."""

    names: tuple[str, ...]
    lenses: tuple[Lens, ...]
    """One per view, photo pixels."""
    world_to_camera: Float[Array, "V 4 4"]
    points: Float[Array, "N 3"]
    """Triangulated details, world frame."""
    visible: Bool[Array, "V N"]
    """Which views saw which point."""
    missing: tuple[str, ...]
    """Photos without a camera."""
    reprojection_error_px: float
    """Mean over points, in pixels of the reduced copies."""
    median_angle_deg: float
    """Median over points of the widest angle between two rays to it."""
    warnings: tuple[str, ...] = ()
    """Sentences for people."""

    @property
    def centers(self) -> Float[Array, "V 3"]:
        """Camera centres in the world frame."""
        R, t = self.world_to_camera[:, :3, :3], self.world_to_camera[:, :3, 3]
        return -np.einsum("vji,vj->vi", R, t)


@dataclass(frozen=True)
class PairEvidence:
    """What matching found between two photos."""

    first: int
    """Index of a photo."""
    second: int
    matches: int
    """Details that agree with one relative motion."""
    panoramic: bool
    """Explained by turning the camera (or by a flat scene) alone."""
    median_shift_px: float
    """Median distance that a detail moved between the photos, in pixels of the reduced copies."""
    rotation_error_px: float
    """Median distance of a detail from where a mere rotation would take it: the parallax."""
    epipolar_error_px: float | None = None
    """With known cameras: median distance of a detail from its epipolar line."""


@dataclass(frozen=True)
class SfmEvidence:
    """Everything the child process reports, before it is judged."""

    num_features: Int[Array, "n"]
    """Details found per photo."""
    pairs: tuple[PairEvidence, ...]
    model: SparseModel | None
    """None when no two photos could be placed."""
