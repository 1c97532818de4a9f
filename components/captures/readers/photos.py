"""One image file of unknown origin becomes one upright 8-bit RGB photo without metadata."""

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.errors import InputError
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array

_MAX_SIDE_PX = 32_000
"""Beyond it OpenCV cannot warp a picture, and beyond 65,500 JPEG cannot hold it."""
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"BM", b"GIF8",
)  # fmt: skip
"""Two of TIFF are of its form for large files."""
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
_DIAGONAL_35MM = math.hypot(36.0, 24.0)
_NEW_SUBFILE_TYPE, _BITS_PER_SAMPLE, _SUB_IFDS = 254, 258, 330
"""TIFF tags."""
_BRIGHTEST_FLOAT = 2.0
"""Floats beyond it count in steps of 8 or 16 bits; up to it highlights are a little above white."""
RAW = {
    ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw",
    ".x3f", ".3fr", ".fff", ".iiq", ".mrw", ".kdc", ".dcr", ".erf", ".mef", ".mos", ".rwl", ".gpr",
}  # fmt: skip
OTHER_PICTURES = {".exr", ".hdr", ".jp2", ".jxl", ".psd"}
"""Pictures that are refused by name."""
_UNIT_MM = {2: 25.4, 3: 10.0}
"""FocalPlaneResolutionUnit: inch, centimetre."""


@dataclass(frozen=True)
class CleanPhoto:
    """A decoded photo and the file to keep of it."""

    pixels: UInt8[Array, "h w 3"]
    """RGB, upright."""
    encoded: bytes
    """PNG when the source was PNG, else JPEG; no metadata."""
    suffix: str
    exif_focal_px: float | None
    of_several: bool = False
    """Whether the file holds further pictures, which were not taken."""
    used: Bool[Array, "h w"] | None = None
    """Where it is opaque; None where all of it is."""


@contextlib.contextmanager
def _too_large_explained(name: str, limits: ImportLimits) -> Iterator[None]:
    try:
        yield
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {limits.max_megapixels:g} megapixels; make it smaller."
        ) from error


def looks_like_image(head: bytes) -> bool:
    """Whether the first 16 bytes are those of an image we read, or of one we know and refuse (HEIC, AVIF)."""
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or is_heif(head)


def is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def read_photo(data: bytes, name: str, limits: ImportLimits) -> CleanPhoto:
    """Decode, turn upright, convert to 8-bit RGB (sRGB), and encode without metadata.

    Transparent pixels become white. Of 16 bits the high byte counts, of 12 bits in 16 the highest of those.

    Raises:
        InputError: One sentence that starts with `name` and says why this file cannot be used.
    """
    if is_heif(data[:16]):
        raise InputError(f"{name} is a HEIC or AVIF picture, which is not supported; export it as JPEG.")
    suffix = name[name.rfind(".") :].lower()
    if suffix in RAW:
        raise InputError(f"{name} is a raw file of a camera, which is not read; export it as JPEG or PNG.")
    if suffix in OTHER_PICTURES:
        raise InputError(f"{name} is a picture of a kind that is not read; export it as JPEG or PNG.")
    if not looks_like_image(data[:16]):
        kind = "an empty file" if not data else "not a picture"
        raise InputError(f"{name} is {kind}, whatever its name says; remove it or export it again.")
    damaged = f"{name} is damaged or cut short and cannot be decoded; copy it again."
    with reading(name, damaged), _too_large_explained(name, limits):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            try:
                image = Image.open(io.BytesIO(data), formats=FORMATS)
            except UnidentifiedImageError:
                image = _deep_tiff(data, name, limits)
        _check_size(image, name, limits)
        if is_raw_preview(image):
            raise InputError(f"{name} holds the preview of a raw picture alone; export that as JPEG or PNG.")
        image.load()
        focal_px = _exif_focal_px(image)
        keeps_bytes = _is_plain_jpeg(image, data)
        lossless = image.format == "PNG"
        upright = ImageOps.exif_transpose(_in_8_bits(image, data))
        used, pixels = _opaque(upright), np.array(_to_rgb(upright))
        if keeps_bytes:
            return CleanPhoto(pixels, data, ".jpg", focal_px)
        clean = clean_photo(pixels, focal_px, lossless=lossless)
        several = image.format in ("GIF", "WEBP", "PNG", "TIFF") and _is_animated(image)
        return replace(clean, of_several=several, used=used)


def clean_photo(
    pixels: UInt8[Array, "h w 3"], exif_focal_px: float | None = None, *, lossless: bool
) -> CleanPhoto:
    """A photo of these pixels with the file to keep of it."""
    return CleanPhoto(pixels, *encode_photo(pixels, lossless=lossless), exif_focal_px)


@dataclass(frozen=True)
class Stored:
    """A picture as its file holds it."""

    size: tuple[int, int]
    """Width and height before it is turned upright."""
    orientation: int
    """EXIF's number, 1 to 8."""


def stored_as(path: Path) -> Stored | None:
    """Size and orientation from a picture's header; None when it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
                known = orientation in range(1, 9) and image.format != "GIF"
                return Stored(image.size, int(orientation) if known else 1)
    except (
        Exception
    ):  # of whatever type the library meets nonsense with; reading the photo says what is wrong
        return None


def encode_photo(pixels: UInt8[Array, "h w 3"], *, lossless: bool) -> tuple[bytes, str]:
    """File content without metadata and its suffix: PNG when lossless, else JPEG of quality 95."""
    buffer = io.BytesIO()
    if lossless:
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=4)
        return buffer.getvalue(), ".png"
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue(), ".jpg"


def _check_size(image: Image.Image, name: str, limits: ImportLimits) -> None:
    width, height = image.size
    if width * height > limits.max_megapixels * 1e6:
        raise InputError(
            f"{name} has {width * height / 1e6:.0f} megapixels, more than {limits.max_megapixels:g}; "
            "make it smaller."
        )
    if max(width, height) > _MAX_SIDE_PX:
        raise InputError(f"{name} is {width}x{height} pixels, longer than {_MAX_SIDE_PX}; cut it.")
    if min(width, height) < limits.min_side_px:
        raise InputError(
            f"{name} is only {width}x{height} pixels; use a photo of at least {limits.min_side_px}."
        )


def _is_animated(image: Image.Image) -> bool:
    return bool(getattr(image, "is_animated", False))


def _is_plain_jpeg(image: Image.Image, data: bytes) -> bool:
    """Whether a JPEG is RGB and carries nothing but the picture, so that its bytes can be kept."""
    if image.format != "JPEG" or image.mode != "RGB":
        return False
    segments = {marker for marker, _ in getattr(image, "applist", [])}
    # An end-of-image marker cannot occur inside entropy-coded data: a second one means appended data.
    return segments <= {"APP0", "APP14"} and data.count(b"\xff\xd9") == 1 and data.endswith(b"\xff\xd9")


def is_raw_preview(image: Image.Image) -> bool:
    """Whether a TIFF's first picture is a small copy of one that follows, as in the raw files of most cameras."""
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(_NEW_SUBFILE_TYPE, 0) & 1) and _SUB_IFDS in tags


def _deep_tiff(data: bytes, name: str, limits: ImportLimits) -> Image.Image:
    """A TIFF that Pillow does not know, such as one of floats, in 8 bits."""
    import tifffile

    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    if page.size > 4 * limits.max_megapixels * 1e6:
        raise InputError(f"{name} has more than {limits.max_megapixels:g} megapixels; make it smaller.")
    return Image.fromarray(_eight_bits(_decoded_deep(data)))


def _in_8_bits(image: Image.Image, data: bytes) -> Image.Image:
    """The picture itself, or one with 8 bits per colour in place of more; turned no further than it was."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
    elif _bits(image, data) > 8:  # of which Pillow keeps the high byte
        values = _decoded_deep(data)
    else:
        return image
    converted = Image.fromarray(_eight_bits(values))
    converted.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    if converted.mode == "RGB" and "icc_profile" in image.info:
        converted.info["icc_profile"] = image.info["icc_profile"]
    return converted


def _bits(image: Image.Image, data: bytes) -> int:
    """Bits of a colour, as far as the formats that may have more than 8 tell."""
    if image.format == "PNG":
        return data[24]  # of the header, which is always first
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 8)
    return max(bits) if isinstance(bits, tuple) else int(bits)


def _decoded_deep(data: bytes) -> Shaped[Array, "h w *C"]:
    """Values as they are stored: grey, RGB or RGBA."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise InputError("This TIFF is of a kind that is not read; export it with 8 bits.")
    if values.ndim == 3:
        values = values[..., {3: [2, 1, 0], 4: [2, 1, 0, 3]}[values.shape[2]]]
    return values


def _eight_bits(values: Shaped[Array, "*N"]) -> UInt8[Array, "*N"]:
    """Of floats up to 1 that is white, of whole numbers 255, 4095 (12 bits) or 65535, whichever holds them."""
    if values.dtype == np.uint8:
        return values
    values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0) if values.dtype.kind == "f" else values
    colours = values[..., :3] if values.ndim == 3 else values
    highest = float(colours.max(initial=0))
    if values.dtype.kind == "f" and highest <= _BRIGHTEST_FLOAT:
        return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    shift = 1.0 if highest < 256 and values.dtype.kind != "u" else 16.0 if highest < 4096 else 256.0
    eight = np.clip(values // shift, 0, 255).astype(np.uint8)
    if values.ndim == 3 and values.shape[2] == 4:  # opacity always has all bits
        eight[..., 3] = np.clip(values[..., 3] // 256, 0, 255)
    return eight


def _opaque(image: Image.Image) -> Bool[Array, "h w"] | None:
    """Where a picture with an alpha channel is opaque; None where that is everywhere, or nowhere."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return None
    opaque = np.array(image.convert("RGBA"))[..., 3] > 127
    return opaque if opaque.any() and not opaque.all() else None


def _to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if image.mode == "RGB" and profile:
        return _to_srgb(image, profile)
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours in sRGB; a profile that cannot be used (damaged, wrong kind) leaves them as they are."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except Exception:  # of whatever type the library meets nonsense with
        return image
    return image if converted is None else converted


def _exif_focal_px(image: Image.Image) -> float | None:
    """Focal length in pixels: 35 mm equivalent (by diagonal, CIPA DCG-001), else by the sensor."""
    try:
        tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
        diagonal_px = math.hypot(*image.size)
        focal_35mm = float(tags.get(ExifTags.Base.FocalLengthIn35mmFilm) or 0)
        focal_px = focal_35mm / _DIAGONAL_35MM * diagonal_px
        if focal_px == 0:
            focal_px = _focal_px_from_sensor(tags, image.width)
    except Exception:  # of whatever type the library meets nonsense with; the picture does not need it
        return None
    plausible = math.isfinite(focal_px) and 0.25 < focal_px / max(image.size) < 20
    return focal_px if plausible else None


def _focal_px_from_sensor(tags: dict, width: int) -> float:
    """FocalLength in mm times the sensor's pixels per mm; 0 when a tag is missing."""
    focal_mm = float(tags.get(ExifTags.Base.FocalLength) or 0)
    per_unit = float(tags.get(ExifTags.Base.FocalPlaneXResolution) or 0)
    unit_mm = _UNIT_MM.get(int(tags.get(ExifTags.Base.FocalPlaneResolutionUnit) or 2), 25.4)
    sensor_width = float(tags.get(ExifTags.Base.ExifImageWidth) or width)
    return focal_mm * per_unit / unit_mm * width / sensor_width
