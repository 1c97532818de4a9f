"""One way in and one way out for every splat file format."""

from collections.abc import Callable
from pathlib import Path

from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.gaussians.packed import read_compressed_ply, read_spz, write_spz
from liftlab.components.gaussians.ply import is_compressed, read_ply, write_splat_ply
from liftlab.components.gaussians.sog import SOG_META, read_sog
from liftlab.components.gaussians.storage import SplatFile
from liftlab.components.gaussians.web_formats import read_ksplat, read_splat
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Gaussians

READERS: dict[str, Callable[[Path], SplatFile]] = {
    ".ply": lambda path: read_compressed_ply(path) if is_compressed(path) else read_ply(path),
    ".spz": read_spz,
    ".sog": read_sog,
    ".splat": read_splat,
    ".ksplat": read_ksplat,
}
"""By the suffix; a folder's `meta.json` is read as the SOG that it describes."""
_SIGNATURES = {
    b"ply\n": ".ply",
    b"ply\r": ".ply",
    b"NGSP": ".spz",
    b"PK\x03\x04": ".sog",
    b"\x1f\x8b": ".spz",
}
"""How files of some formats begin, whatever they are called."""


def read_gaussians(path: Path) -> Gaussians:
    """The splats of a file, as `read_splat_file` reads them."""
    return read_splat_file(path).gaussians


def read_splat_file(path: Path) -> SplatFile:
    """Read a splat PLY, a PlayCanvas compressed PLY, SPZ, SOG, .splat or .ksplat, and say what is to be said of it.

    What a file holds goes before what it is called.

    Raises:
        InputError: the format is not one of these, the content is not splats, or the file is damaged.
    """
    suffix = path.suffix.lower()
    read = read_sog if path.name.casefold() == SOG_META else READERS.get(suffix)
    if read is not None and path.name.casefold() != SOG_META:
        read = READERS[_by_content(path) or suffix]
    if read is None:
        raise not_splats(path, f"files named *{suffix} are not read")
    with reading(path.name, str(damaged(path, "its data cannot be read"))):
        return read(path)


def _by_content(path: Path) -> str:
    """Suffix of the format that a file begins like; "" when that does not tell."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((suffix for start, suffix in _SIGNATURES.items() if head.startswith(start)), "")


def write_gaussians(
    path: Path, gaussians: Gaussians, *, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> None:
    """Write by the suffix of `path`: ".ply" keeps everything, ".spz" is about a tenth of the size and lossy.

    Args:
        offset: Added to the means in a PLY; SPZ has no digits for it.

    Raises:
        ValueError: another suffix.
    """
    suffix = path.suffix.lower()
    if suffix == ".ply":
        write_splat_ply(path, gaussians, offset=offset)
    elif suffix == ".spz":
        write_spz(path, gaussians)
    else:
        raise ValueError(f"path must end in .ply or .spz; got {path.name}.")
