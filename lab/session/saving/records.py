"""What LiftLab writes about its results, as types: docs/formats.md and its JSON Schemas come from here."""

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal

from liftlab.session.prompts import ObjectPrompts

SEGMENTATION_VERSION = 1
DECOMPOSITION_VERSION = 1


@dataclass(frozen=True)
class PhotoRecord:
    """One photo of the capture and the object in it."""

    image: str
    """File name of the photo."""
    width: int
    """Photo pixels, after EXIF rotation."""
    height: int
    registered: bool
    """False: the photo could not be placed in the scene; its masks are all zero."""
    pixels: int = 0
    """Pixels of the object, photo pixels."""


@dataclass(frozen=True)
class ObjectRecord:
    """One segmented object."""

    prompts: ObjectPrompts
    """What was asked, photo pixels."""
    colour: str
    """#RRGGBB."""
    points: int
    """Selected 3D points or splats; written to OBJECT.ply."""
    server_ms: tuple[float | None, ...]
    """Per prompt: milliseconds from the parsed prompt to masks and point ids in memory; null where not
    measured.
    """
    slow_path: bool
    """True when the answer was computed rather than looked up."""
    message: str
    """One sentence for the person, or nothing."""
    photos: tuple[PhotoRecord, ...]
    geometry: Literal["points", "gaussians"] = "points"
    """What was selected: points of the photos, or Gaussian splats."""
    method: str = ""
    """What answered it."""
    config: dict[str, Any] = field(default_factory=dict)
    """Configuration of its method."""
    size: tuple[float, float, float] | None = None
    """Length and width on the ground and height, `units`; null without a place in 3D."""


@dataclass(frozen=True)
class SegmentationRecord:
    """segmentation.json: what was segmented, in what, by what, and how long it took."""

    schema_version: int
    scene: str
    """Name of the scene."""
    scene_key: str
    """Content key of the reconstruction."""
    units: str
    """"metres" or "arbitrary": unit of the coordinates in PLY and GLB."""
    method: str
    """Of the object that clicks went to last; each object says its own."""
    config: dict[str, Any]
    """The configuration of the first object's method."""
    backend: str
    objects: tuple[ObjectRecord, ...]
    missing: tuple[str, ...]
    """Photos that could not be placed in the scene."""
    wall_secs: float | None
    """Seconds of the whole command, loading and writing included; null when written from the page."""
    versions: dict[str, str]
    """Of LiftLab and the packages that matter."""
    metres_per_unit: float | None = None
    """Metres of one unit of the coordinates; null while the scene's scale is not known."""


@dataclass(frozen=True)
class DecompositionRecord:
    """decomposition.json: what the label maps of "segment everything" mean."""

    schema_version: int
    scene: str
    scene_key: str
    method: str
    config: dict[str, Any]
    granularity: float | None
    ids: tuple[int, ...]
    """Labels that occur; 0 means none and is not listed."""
    photos: tuple[PhotoRecord, ...]
    missing: tuple[str, ...]
    wall_secs: float
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """Versions of LiftLab, Python and the packages that results depend on."""
    packages = ("liftlab", "numpy", "opencv-python-headless", "pycolmap", "torch", "numba")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
