"""What a search for photos gives: them, their cameras, their masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from liftlab.components.captures.known_cameras import Units
from liftlab.components.captures.lenses import BroughtCamera
from liftlab.components.captures.readers.mask_files import ObjectPicture


@dataclass(frozen=True)
class BroughtCameras:
    """Cameras that belong to photos of a source."""

    of_photo: Mapping[str, BroughtCamera]
    """By the photo's name."""
    orientation: Mapping[str, int]
    """How the picture that a camera was made for is turned to be the upright photo (EXIF's number)."""
    units: Units = "arbitrary"


@dataclass(frozen=True)
class Source:
    """Photos as they were found, with the cameras that name them."""

    photos: tuple[tuple[str, Path], ...]
    """(path below the image folder; file), in natural order."""
    cameras: BroughtCameras | None = None
    masks: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
    """By the photo's name: name and file of the picture that says what of it counts."""
    may_be_labels: frozenset[str] = frozenset()
    """Photos whose mask may be a map of labels instead."""
    objects: Mapping[str, tuple[ObjectPicture, ...]] = field(default_factory=dict)
    """By the photo's name: the pictures that show objects of it."""
    notes: tuple[str, ...] = ()
    """Sentences for the person."""
    has_truth: bool = False
    splats: Path | None = None
    """A splat file that was brought in place of photos."""
    drawn: bool = False
    """Whether the photos are pictures of splats."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """What to add to the splats' places for the coordinates of their file."""
