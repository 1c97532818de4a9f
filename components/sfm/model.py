"""What goes into camera estimation and what comes out of it."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, UInt8

from liftlab.components.geometry.projection import camera_centers
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
    keep_doubtful: bool = False
    """Keep photos whose place the other photos do not confirm, named in `SparseModel.doubtful`."""


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
    used: Bool[Array, "h w"] | None = None
    """What of the image may be matched; None: all of it."""


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
    shares: tuple[float, ...] = ()
    """Per view, how much of what the other views know it shows (`liftlab.components.sfm.confirmation`)."""
    tried: tuple[str, ...] = ()
    """How the cameras were found, for people."""
    doubtful: tuple[str, ...] = ()
    """Photos that were kept though the others do not confirm their place."""

    @property
    def centers(self) -> Float[Array, "V 3"]:
        """Camera centres in the world frame."""
        return camera_centers(self.world_to_camera)


@dataclass(frozen=True)
class FoundModel:
    """Cameras and points that a mapper made of the matches, in pixels of the reduced copies."""

    photos: tuple[int, ...]
    """Indices of the photos that were placed, ascending."""
    params: tuple[tuple[float, ...], ...]
    """Per view, SIMPLE_RADIAL: f, cx, cy, k."""
    world_to_camera: Float[Array, "V 4 4"]
    points: Float[Array, "N 3"]
    visible: Bool[Array, "V N"]
    reprojection_error_px: float


@dataclass(frozen=True)
class Matches:
    """Details that look alike in two photos; not all of them are the same thing."""

    pairs: Int[Array, "P 2"]
    """Indices of photos, the lower first."""
    offsets: Int[Array, "_"]
    """Where each pair's rows begin in `xy`; P + 1 numbers."""
    xy: Float[Array, "M 4"]
    """x and y in the first photo, then in the second; pixels of the reduced copies, float32."""

    def of(self, photo: int) -> dict[int, tuple[Float[Array, "m 2"], Float[Array, "m 2"]]]:
        """By other photo: where its details are in `photo`, and where in the other."""
        out = {}
        for (first, second), start, stop in zip(self.pairs, self.offsets, self.offsets[1:], strict=False):
            rows = self.xy[start:stop]
            if photo == first:
                out[int(second)] = rows[:, :2], rows[:, 2:]
            elif photo == second:
                out[int(first)] = rows[:, 2:], rows[:, :2]
        return out


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
    still: float = 0.0
    """Share of the details that stand at one pixel while the rest moves; they were left out."""
