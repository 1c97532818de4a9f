"""A capture on disk: cleaned photos, their description in capture.json and, where known, their cameras."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from liftlab.components.captures.known_cameras import KnownCameras, read_cameras_json
from liftlab.components.errors import InputError
from liftlab.components.files import is_sealed
from liftlab.components.geometry.photo_masks import MASKS_FOLDER, load_mask
from liftlab.components.types import Array

SCHEMA_VERSION = 1
SPLATS_FILE = "splats.ply"


@dataclass(frozen=True)
class Photo:
    """One photo of a capture, upright and without metadata."""

    name: str
    """File name, for example "003.jpg"; its stem is unique in the capture."""
    path: Path
    width: int
    """Pixels, after EXIF rotation."""
    height: int
    exif_focal_px: float | None
    """Focal length in pixels of this photo by its EXIF data; None when it had none that is plausible."""
    sharpness: float
    """Detail that a further blur would destroy, in [0, 1]; comparable between photos of one capture."""

    @property
    def stem(self) -> str:
        return self.name.rsplit(".", 1)[0]

    @property
    def mask_path(self) -> Path:
        """Where its mask is, if it has one."""
        return self.path.parent.parent / MASKS_FOLDER / f"{self.stem}.png"


@dataclass(frozen=True)
class Capture:
    """Photos of one scene, ready for reconstruction."""

    name: str
    folder: Path
    photos: tuple[Photo, ...]
    """In natural order of their names."""
    known_cameras: KnownCameras | None
    """Cameras that came with the photos; frames exist only for photos of this capture."""
    has_truth: bool
    """Whether the imported folder also had a `truth/` folder (which the import does not read)."""
    splats: Path | None = None
    """The splats that were brought in place of photos; the photos are views of them."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """What to add to places in the scene for the coordinates of the splat file, which float32 cannot hold."""


def open_capture(folder: Path) -> Capture:
    """Open a folder that `import_capture` made.

    Raises:
        InputError: The folder is not a complete capture.
    """
    if not is_sealed(folder):
        raise InputError(f"This is not a complete capture; import the photos again: {folder}")
    record = json.loads((folder / "capture.json").read_text(encoding="utf-8"))
    if record["schema_version"] > SCHEMA_VERSION:
        raise InputError(f"This capture was made by a newer LiftLab; update it or import again: {folder}")
    photos = tuple(
        Photo(
            name=entry["name"],
            path=folder / "images" / entry["name"],
            width=entry["width"],
            height=entry["height"],
            exif_focal_px=entry["exif_focal_px"],
            sharpness=entry["sharpness"],
        )
        for entry in record["photos"]
    )
    cameras_path = folder / "cameras.json"
    known_cameras = read_cameras_json(cameras_path) if cameras_path.is_file() else None
    splats = folder / SPLATS_FILE if (folder / SPLATS_FILE).is_file() else None
    offset = tuple(record.get("offset", (0.0, 0.0, 0.0)))
    return Capture(folder.name, folder, photos, known_cameras, record["has_truth"], splats, offset)


def load_photo(photo: Photo) -> UInt8[Array, "h w 3"]:
    """RGB pixels of a photo."""
    with Image.open(photo.path) as image:
        return np.array(image.convert("RGB"))


def load_used(photo: Photo) -> Bool[Array, "h w"] | None:
    """What of a photo counts, by the mask that came with it; None where all of it does."""
    return load_mask(photo.mask_path) if photo.mask_path.is_file() else None
