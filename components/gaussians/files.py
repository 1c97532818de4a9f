"""One way in and one way out for every splat file format."""

from pathlib import Path

from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.gaussians.packed import read_compressed_ply, read_spz, write_spz
from liftlab.components.gaussians.ply import is_compressed, read_ply, write_splat_ply
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Gaussians


def read_gaussians(path: Path) -> Gaussians:
    """Read a splat PLY, a PlayCanvas compressed PLY, or SPZ.

    Raises:
        InputError: the format is not one of these, the content is not splats, or the file is damaged.
    """
    suffix = path.suffix.lower()
    with reading(path.name, str(damaged(path, "its data cannot be read"))):
        if suffix == ".spz":
            return read_spz(path)
        if suffix == ".ply":
            return read_compressed_ply(path) if is_compressed(path) else read_ply(path)
    raise not_splats(path, f"files named *{suffix} are not read")


def write_gaussians(path: Path, gaussians: Gaussians) -> None:
    """Write by the suffix of `path`: ".ply" keeps everything, ".spz" is about a tenth of the size and lossy.

    Raises:
        ValueError: another suffix.
    """
    suffix = path.suffix.lower()
    if suffix == ".ply":
        write_splat_ply(path, gaussians)
    elif suffix == ".spz":
        write_spz(path, gaussians)
    else:
        raise ValueError(f"path must end in .ply or .spz; got {path.name}.")
