"""Captures: import what a person brings, check it, open it."""

from typing import TYPE_CHECKING

from liftlab.components import loaded_when_used
from liftlab.components.captures.capture import Capture, Photo, load_photo, open_capture
from liftlab.components.captures.known_cameras import (
    KnownCamera,
    KnownCameras,
    read_cameras_json,
    write_cameras_json,
)
from liftlab.components.captures.limits import ImportLimits

if TYPE_CHECKING:
    from liftlab.components.captures.importing import ImportReport, import_capture

__all__ = [
    "Capture", "ImportLimits", "ImportReport", "KnownCamera", "KnownCameras", "Photo", "import_capture",
    "load_photo", "open_capture", "read_cameras_json", "write_cameras_json",
]  # fmt: skip

__getattr__ = loaded_when_used(__name__, {"ImportReport": "importing", "import_capture": "importing"})
