"""Finds the photos and cameras in what a person brings, without decoding the photos yet."""

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from liftlab.components.captures.known_cameras import KnownCamera, KnownCameras, read_cameras_json
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.readers.archive import is_zip, unpack
from liftlab.components.captures.readers.colmap import find_colmap_model, read_colmap_model
from liftlab.components.captures.readers.nerfstudio import read_transforms_json
from liftlab.components.captures.readers.photos import looks_like_image
from liftlab.components.captures.readers.video import VIDEO_SUFFIXES, extract_frames
from liftlab.components.errors import InputError, shown
from liftlab.components.progress import Progress

_IMAGE_SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif",
}  # fmt: skip
_SPLAT_SUFFIXES = {".ply", ".spz"}
_OTHER_SPLAT_SUFFIXES = {".splat", ".ksplat"}
_MAX_DEPTH = 64
"""Folders with nothing but a folder in them."""
_NEVER_ENTERED = ("truth", "test")
"""Ground truth and held-out photos beside `images/`."""


@dataclass(frozen=True)
class Source:
    """Photos as they were found, with the cameras that name them."""

    photos: tuple[tuple[str, Path], ...]
    """(path below the image folder, by which cameras know it; file), in natural order."""
    cameras: KnownCameras | None = None
    notes: tuple[str, ...] = ()
    """Sentences for the person."""
    has_truth: bool = False
    splats: Path | None = None
    """A splat file that was brought in place of photos."""
    drawn: bool = False
    """Whether the photos are pictures of splats."""


@dataclass(frozen=True)
class _Search:
    """What every step of a search needs."""

    scratch: Path
    limits: ImportLimits
    with_cameras: bool
    progress: Progress


def find_source(
    source: Path | Sequence[Path],
    scratch: Path,
    limits: ImportLimits,
    *,
    with_cameras: bool = True,
    progress: Progress,
) -> Source:
    """Photos and cameras of a folder, a zip, a video, a splat file or a list of image files.

    In a folder the photos lie in `images/` or directly in it. Cameras come from a `cameras.json` (beside
    `images/` or with the photos), else from a nerfstudio `transforms.json`, else from a COLMAP model. Folders
    `truth/` and `test/` beside `images/` are not entered.

    Args:
        scratch: An existing empty folder for what is unpacked; it must live until the photos are read.
        with_cameras: False leaves cameras beside the photos unread.

    Raises:
        InputError: Nothing usable is there.
    """
    if not isinstance(source, Path):
        missing = [path.name for path in source if not path.is_file()]
        if missing:
            raise InputError(f"There is no file called {missing[0]}; choose the photos again.")
        if len(source) != 1:
            return Source(_sorted((path.name, path) for path in source))
        source = source[0]
    if not _exists(source):
        raise InputError(f"There is no file or folder at this place: {source}")
    search = _Search(scratch, limits, with_cameras, progress)
    if source.is_dir():
        return _from_folder(_entered(source), search)
    return _from_file(source, search)


def _exists(path: Path) -> bool:
    """False also for what can be the name of no file."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts "img2" before "img10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def check_json_size(path: Path, limits: ImportLimits) -> None:
    """Raises InputError when a camera file is larger than any real one."""
    if path.stat().st_size > limits.max_json_bytes:
        raise InputError(
            f"{path.name} is larger than {limits.max_json_bytes / 2**20:.0f} MiB; it cannot be right."
        )


def _from_file(path: Path, search: _Search) -> Source:
    if is_zip(path):
        unpacked = search.scratch / "unpacked"
        unpacked.mkdir()
        unpack(path, unpacked, search.limits, progress=search.progress)
        return _from_folder(_entered(unpacked), search)
    if path.suffix.lower() == ".zip":
        raise InputError(f"{path.name} is damaged or no zip that can be read; make it again.")
    if path.suffix.lower() in _SPLAT_SUFFIXES:
        return Source((), splats=path)
    if path.suffix.lower() in _OTHER_SPLAT_SUFFIXES:
        raise InputError(f"{path.name} is in a splat format that is not read; save it as PLY or SPZ.")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _from_video(path, search)
    return Source(((path.name, path),))


def _from_video(path: Path, search: _Search) -> Source:
    frames = search.scratch / "frames"
    frames.mkdir()
    written = extract_frames(path, frames, search.limits, progress=search.progress)
    note = f"{len(written)} frames were chosen from {path.name}."
    return Source(_sorted((frame.name, frame) for frame in written), notes=(note,))


def _from_folder(folder: Path, search: _Search) -> Source:
    images = folder / "images" if (folder / "images").is_dir() else folder
    photos = {path.name: path for path in _image_files(images)}
    videos = [path for path in images.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
    if not photos and len(videos) == 1:
        return _from_video(videos[0], search)
    splats = [path for path in images.iterdir() if path.suffix.lower() in _SPLAT_SUFFIXES and path.is_file()]
    if not photos and len(splats) == 1:
        return Source((), splats=splats[0])
    if search.with_cameras:
        found = _with_cameras(folder, images, photos, search.limits)
    else:
        found = Source(_sorted(photos.items()))
    return replace(found, has_truth=(folder / "truth").is_dir())


def _with_cameras(folder: Path, images: Path, photos: dict[str, Path], limits: ImportLimits) -> Source:
    for path in dict.fromkeys((folder / "cameras.json", images / "cameras.json")):
        if path.is_file():
            check_json_size(path, limits)
            return Source(_sorted(photos.items()), read_cameras_json(path))
    transforms = folder / "transforms.json"
    if transforms.is_file():
        check_json_size(transforms, limits)
        return _joined(photos, read_transforms_json(transforms), folder, images)
    model = find_colmap_model(folder)
    if model is not None:
        return _joined(photos, read_colmap_model(model), images, images)
    return Source(_sorted(photos.items()))


def _joined(photos: dict[str, Path], cameras: KnownCameras, root: Path, images: Path) -> Source:
    """Photos found and photos that the cameras name.

    A photo directly in `images` goes by its file name, any other by the path that the cameras give it.
    """
    by_name = dict(photos)
    frames: dict[str, KnownCamera] = {}
    missing = []
    for name, camera in cameras.frames.items():
        path = _named_file(root, name)
        if path is None:
            missing.append(name)
            continue
        short = path.name if path.parent == images.resolve() else name
        by_name[short] = path
        frames[short] = camera
    notes = (
        [f"{len(missing)} photos that the cameras name are missing, such as {shown(missing[0])}."]
        if missing
        else []
    )
    if not frames:
        raise InputError(
            f"None of the photos that the cameras name is here, such as {shown(missing[0])}; add them."
        )
    return Source(_sorted(by_name.items()), replace(cameras, frames=frames), tuple(notes))


def _named_file(root: Path, name: str) -> Path | None:
    """The file `name` below `root`, its ending guessed if it has none; None if it is outside or nowhere."""
    parts = PurePosixPath(name).parts
    if not parts or parts[0] in _NEVER_ENTERED:
        return None
    for suffix in ("", ".png", ".jpg", ".jpeg"):
        # Names that no disk takes (NUL, lone surrogates, 300 letters), and links in a circle.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            path = (root / (name + suffix)).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path
    return None


def _entered(folder: Path) -> Path:
    """The folder itself, or the only folder inside it while there is nothing else (as zips often are)."""
    for _ in range(_MAX_DEPTH):
        inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
        if (
            len(inside) != 1
            or not inside[0].is_dir()
            or inside[0].name in ("images", "sparse", *_NEVER_ENTERED)
        ):
            return folder
        folder = inside[0]
    raise InputError("The photos lie too deep in folders within folders; bring the folder that holds them.")


def _image_files(folder: Path) -> list[Path]:
    """Files that are images by name or by content; hidden files are not opened."""
    visible = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return [path for path in visible if path.suffix.lower() in _IMAGE_SUFFIXES or _has_image_content(path)]


def _has_image_content(path: Path) -> bool:
    with path.open("rb") as file:
        return looks_like_image(file.read(16))


def _sorted(photos: Iterable[tuple[str, Path]]) -> tuple[tuple[str, Path], ...]:
    return tuple(sorted(photos, key=lambda pair: natural_key(pair[0])))
