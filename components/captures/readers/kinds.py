"""What a file is: by its ending, and by its first bytes where the ending does not tell or may lie."""

from pathlib import Path
from typing import Literal

from liftlab.components.captures.readers.photos import OTHER_PICTURES, RAW, looks_like_image

Kind = Literal["picture", "raw", "video", "splats", "cloud", "cameras", "archive", "other"]

PICTURES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif",
    *OTHER_PICTURES,
}  # fmt: skip
"""Also those that are refused, by name."""
VIDEOS = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".3gp", ".3g2", ".insv", ".360"}
SPLATS = {".spz", ".sog", ".splat", ".ksplat"}
SOG_META = "meta.json"
"""Beside the pictures that hold the splats of an unpacked SOG."""
CAMERAS = ("cameras.json", "transforms.json", "transforms_train.json")
"""Best first."""
_ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".7z", ".rar", ".xz", ".bz2", ".zst"}
_ARCHIVE_SIGNATURES = (
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\xfd7zXZ",
    b"BZh",
    b"\x28\xb5\x2f\xfd",
)
_OTHER = {
    ".txt", ".json", ".xml", ".csv", ".md", ".db", ".bin", ".npy", ".npz", ".xmp", ".thm", ".lrv", ".pdf", ".html",
    ".py", ".sh", ".yml", ".yaml", ".log", ".obj", ".glb", ".mtl", ".pt", ".pth", ".ckpt", ".srt", ".gpx",
}  # fmt: skip
"""Not opened."""
_HEAD_BYTES = 512
_HEADER_BYTES = 1 << 16


def kind_of(path: Path) -> Kind:
    """What the file is. One that cannot be opened is an other."""
    suffix = path.suffix.lower()
    for kind, suffixes in (("raw", RAW), ("picture", PICTURES), ("splats", SPLATS)):
        if suffix in suffixes:
            return kind  # type: ignore[return-value]
    if path.name.casefold() in CAMERAS:
        return "cameras"
    if path.name.casefold() == SOG_META and _describes_sog(path):
        return "splats"
    if suffix in _OTHER:
        return "other"
    if suffix == ".ply":
        return "splats" if _holds_splats(path) else "cloud"
    head = _head(path, _HEAD_BYTES)
    if looks_like_image(head[:16]):
        return "picture"
    if suffix in VIDEOS or looks_like_video(head):
        return "video"
    return "archive" if suffix in _ARCHIVES or looks_like_archive(head) else "other"


def looks_like_video(head: bytes) -> bool:
    """MP4 and its relatives, Matroska, AVI."""
    boxes = (b"ftyp", b"moov", b"mdat", b"wide")
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return head[4:8] in boxes or head.startswith(b"\x1a\x45\xdf\xa3") or riff


def looks_like_archive(head: bytes) -> bool:
    """An archive of whatever kind; `head` are the first 512 bytes."""
    return head.startswith(_ARCHIVE_SIGNATURES) or head[257:262] == b"ustar"


def _holds_splats(path: Path) -> bool:
    header = _head(path, _HEADER_BYTES).partition(b"end_header")[0]
    return any(name in header for name in (b" scale_0", b" packed_scale"))


def _describes_sog(path: Path) -> bool:
    head = _head(path, _HEADER_BYTES)
    return all(word in head for word in (b'"means"', b'"quats"', b'"sh0"'))


def _head(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""
