"""How much of a person's input the lab takes in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportLimits:
    """Bounds on what one import may read, unpack and keep."""

    min_photos: int = 2
    """Photos of different pictures that a reconstruction needs."""
    max_photos: int = 300
    """Photos kept in one capture."""
    max_photo_bytes: int = 200 * 2**20
    """Size of one image file."""
    max_megapixels: float = 80.0
    """Pixels of one photo; larger ones are left out."""
    min_side_px: int = 64
    """Shorter side of a photo; smaller ones are left out."""
    max_archive_files: int = 5000
    """Entries of a zip."""
    max_archive_bytes: int = 4 * 2**30
    """Unpacked size of a zip, counted while unpacking and not believed from its table."""
    max_archive_ratio: float = 200.0
    """Unpacked over packed size of one entry above 1 MiB."""
    max_json_bytes: int = 64 * 2**20
    """Size of cameras.json or transforms.json."""
    max_video_secs: float = 900.0
    """Length of a video."""
    max_video_frames: int = 24
    """Frames kept of a video."""
    max_memory_bytes: int = 2 * 2**30
    """Memory for reading a small file; a large one may take more."""
    max_stall_secs: float = 60.0
    """Time that reading a small file may stand still; a large one may take longer."""
    max_secs: float = 1200.0
    """Time for reading what is small; what is large may take longer."""
