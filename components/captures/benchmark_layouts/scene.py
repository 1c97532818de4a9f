"""A scene with truth, whatever folder layout it came in: what `liftlab bench` and `liftlab evaluate` score against.

Only scoring opens these folders; nothing that reconstructs, finds masks or segments ever does.
"""

import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt8, UInt16
from PIL import ExifTags, Image

from liftlab.components.errors import InputError
from liftlab.components.processes.untrusted import reading
from liftlab.components.types import Array, Camera

MAX_MEGAPIXELS = 80
"""Pixels of a mask or label map."""
MIN_PIXELS, MIN_VIEWS = 100, 2
"""An object is scored that has so many pixels in so many views."""
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png")
Protocol = Literal["clicks", "points", "text"]
"""How an object is asked for: a simulated user's clicks, points drawn from annotated areas of one photo, or words."""


@dataclass(frozen=True)
class PhotoPoint:
    """A prompt point in photo pixels."""

    photo: str
    x: float
    y: float
    positive: bool


@dataclass(frozen=True)
class BenchmarkObject:
    """Something to be segmented."""

    id: int
    """Label in `BenchmarkScene.labels_of` where the scene has label maps."""
    name: str
    points: Callable[[np.random.Generator], tuple[PhotoPoint, ...]] | None = None
    """Protocol "points": draws the prompt."""
    text: str | None = None
    """Protocol "text": the words."""


@dataclass(frozen=True)
class HeldOut:
    """Photos that only scoring sees, with cameras that tell where they were taken."""

    cameras: dict[str, Camera]
    """Stem of each held-out photo to its true camera, of its truth's size."""
    scene_cameras: dict[str, Camera]
    """Stem of the scene's own photos to their true cameras, in the same frame."""
    labels_of: Callable[[str], Int32[Array, "_ _"]]
    """Stem of a held-out photo to its instance map (0 = background, -1 = void)."""


@dataclass(frozen=True)
class BenchmarkScene:
    """Photos, what is to be found in them, and the truth of the scored ones."""

    name: str
    layout: str
    folder: Path
    photos: tuple[Path, ...]
    """All photos the scene may be reconstructed from."""
    objects: tuple[BenchmarkObject, ...]
    scored: tuple[str, ...]
    """File names of the photos whose truth is scored."""
    truth_of: Callable[[int, str], Int32[Array, "_ _"]]
    """Object id and photo to its map: 1 inside, 0 outside, -1 void (not scored)."""
    labels_of: Callable[[str], Int32[Array, "_ _"]] | None = None
    """Photo to its whole instance map (0 = background, -1 = void), for layouts that label everything."""
    protocol: Protocol = "clicks"
    prompted: tuple[str, ...] = ()
    """File names of photos that points are drawn in, beside the scored ones."""
    cameras: dict[str, Any] | None = None
    """Content of a cameras.json to reconstruct with; None estimates cameras from the photos."""
    held_out: HeldOut | None = None
    """Views that the scene is not reconstructed from, where the layout has any with cameras."""
    class_of: Mapping[int, int] | None = None
    """Class of every instance, from 1; None where the truth has no classes."""

    def object_called(self, name: str) -> BenchmarkObject | None:
        """The object of that name or id; letter case and the space, underscore or dash between words do not matter."""
        wanted = _plain(name)
        for entry in self.objects:
            if wanted in (_plain(entry.name), str(entry.id)):
                return entry
        return None


def thinned(scene: BenchmarkScene, count: int, *, seed: int = 0) -> BenchmarkScene:
    """The scene with at most `count` photos, where a reconstruction of all would take too long.

    Drawn at random where points of a reference photo are the prompt, as WildSeg3D (arXiv:2503.08407) does for its table
    of 3 to 9 photos: the reference, one photo that is scored, and any others; a smaller draw of one seed is part of a
    larger one. Elsewhere evenly chosen, annotated photos first where words are the prompt. Objects that the kept scored
    photos no longer show well are not asked for.

    Args:
        scene: All of it.
        count: At least as many as there are reference photos, and one.
        seed: Of the draw.

    Raises:
        InputError: No scored photo is left, so `count` is too small.
    """
    if len(scene.photos) <= count:
        return scene
    kept = _drawn(scene, count, seed) if scene.protocol == "points" else _even(scene, count)
    scored = tuple(name for name in scene.scored if name in kept)
    if not scored:
        raise InputError(f"None of the {count} photos of {scene.name} would be scored; take more photos.")
    cameras = scene.cameras
    if cameras is not None:
        cameras = cameras | {"frames": [frame for frame in cameras["frames"] if frame["image"] in kept]}
    photos = tuple(photo for photo in scene.photos if photo.name in kept)
    objects = tuple(entry for entry in scene.objects if _shown(scene, entry, scored))
    return replace(scene, photos=photos, scored=scored, cameras=cameras, objects=objects)


def _drawn(scene: BenchmarkScene, count: int, seed: int) -> set[str]:
    """Names of the reference photos, of one scored photo, and of others drawn from all that are left."""
    names = [photo.name for photo in scene.photos if photo.name not in scene.prompted]
    drawn = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    first = [name for name in drawn if name in scene.scored][:1]
    order = [*scene.prompted, *first, *(name for name in drawn if name not in first)]
    return set(order[:count])


def _even(scene: BenchmarkScene, count: int) -> set[str]:
    """Names of evenly chosen photos; where words are the prompt, of annotated ones first."""
    names = [photo.name for photo in scene.photos]
    first = [name for name in names if name in scene.scored] if scene.protocol == "text" else []
    kept = set(_evenly(first, count))
    return kept | set(_evenly([name for name in names if name not in first], count - len(kept)))


def _evenly(names: list[str], count: int) -> list[str]:
    """At most so many of them."""
    if count >= len(names):
        return names
    return [names[place] for place in np.linspace(0, len(names) - 1, max(count, 0)).round().astype(int)]


def _shown(scene: BenchmarkScene, entry: BenchmarkObject, scored: tuple[str, ...]) -> bool:
    """Whether an object has enough pixels in enough of the scored photos."""
    sizes = [int((scene.truth_of(entry.id, photo) == 1).sum()) for photo in scored]
    return sum(size >= MIN_PIXELS for size in sizes) >= min(MIN_VIEWS, len(scored))


def scene_of_labels(
    name: str,
    layout: str,
    folder: Path,
    *,
    photos: tuple[Path, ...],
    scored: tuple[str, ...],
    labels_of: Callable[[str], Int32[Array, "_ _"]],
    names: dict[int, str],
    objects: tuple[int, ...],
    cameras: dict[str, Any] | None = None,
) -> BenchmarkScene:
    """A scene whose truth is one instance map per scored photo; maps stay in memory once read."""
    remembered = functools.lru_cache(maxsize=64)(labels_of)

    def truth_of(object_id: int, photo: str) -> Int32[Array, "_ _"]:
        labels = remembered(photo)
        return np.where(labels < 0, -1, labels == object_id).astype(np.int32)

    return BenchmarkScene(
        name=name, layout=layout, folder=folder, photos=photos, scored=scored, truth_of=truth_of,
        objects=tuple(BenchmarkObject(i, names.get(i, f"object {i}")) for i in objects),
        labels_of=remembered, cameras=cameras,
    )  # fmt: skip


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else " " for c in name.lower()).strip()


def photos_in(folder: Path) -> tuple[Path, ...]:
    """The photos of a folder, by name. InputError when there is no such folder or no photo in it."""
    require_folder(folder, "photos")
    found = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTO_ENDINGS))
    if not found:
        raise InputError(f"There are no photos (JPEG or PNG) in this folder: {folder}")
    return found


def require_folder(folder: Path, content: str) -> Path:
    """Raises InputError that names `content` when the folder is missing."""
    if not folder.is_dir():
        raise InputError(f"The folder of {content} is missing; expected it at: {folder}")
    return folder


def require_file(path: Path, content: str) -> Path:
    """Raises InputError that names `content` when the file is missing."""
    if not path.is_file():
        raise InputError(f"The file of {content} is missing; expected it at: {path}")
    return path


def photo_size(photo: Path) -> tuple[int, int]:
    """(width, height) of a photo, EXIF rotation applied. InputError when it cannot be read."""
    with reading(photo.name, f"This photo cannot be read: {photo}"), Image.open(photo) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return (image.height, image.width) if turned else (image.width, image.height)


def subfolders(folder: Path) -> list[Path]:
    """Visible folders in a folder, by name; none when it is missing."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))


def scenes_below(folder: Path, is_scene: Callable[[Path], bool]) -> list[Path]:
    """The folder itself when it is a scene, else its subfolders that are."""
    return [folder] if is_scene(folder) else [sub for sub in subfolders(folder) if is_scene(sub)]


def points_in(
    mask: Bool[Array, "_ _"], photo: Path, count: int, generator: np.random.Generator, *, positive: bool
) -> list[PhotoPoint]:
    """`count` different pixels (fewer when there are fewer) drawn from a mask, at their centres in photo pixels."""
    rows, columns = np.nonzero(mask)
    drawn = generator.permutation(len(rows))[:count]
    width, height = photo_size(photo)
    scale_x, scale_y = width / mask.shape[1], height / mask.shape[0]
    return [
        PhotoPoint(
            photo.name, float((columns[i] + 0.5) * scale_x), float((rows[i] + 0.5) * scale_y), positive
        )
        for i in drawn
    ]


def read_labels(path: Path) -> Int32[Array, "H W"]:
    """A grey PNG (8 or 16 bit) of ids. InputError when it cannot be read or has colours."""
    image = _read_image(path, f"This label map cannot be read as PNG: {path}")
    if image.ndim == 3:
        if not (image[..., :3] == image[..., :1]).all():
            raise InputError(f"A label map must be grey, one id per pixel, but this one has colours: {path}")
        image = image[..., 0]
    return image.astype(np.int32)


def read_mask(path: Path) -> Bool[Array, "H W"]:
    """A mask image; inside where it is at least half as bright as its format allows, or above 0 when it holds 0 and 1.

    InputError when it cannot be read.
    """
    image = _read_image(path, f"This mask cannot be read as an image: {path}")
    if image.ndim == 3:
        image = image[..., :3].max(axis=2)
    if image.dtype == bool or image.max() <= 1:
        return image > 0
    full = 65536 if image.dtype == np.uint16 else 256
    return image >= full // 2


def _read_image(path: Path, damaged: str) -> UInt8[Array, "..."] | UInt16[Array, "..."]:
    """The pixels as they are stored; the size that the header says is checked before anything is decoded."""
    with reading(path.name, damaged):
        with warnings.catch_warnings(), Image.open(path) as header:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            width, height = header.size
        if width * height > MAX_MEGAPIXELS * 1e6:
            raise InputError(
                f"This picture has more than {MAX_MEGAPIXELS} megapixels; make it smaller: {path}"
            )
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None or not image.size or image.dtype not in (np.uint8, np.uint16):
            raise InputError(damaged)
        return image


def resized_labels(labels: Int32[Array, "_ _"], shape: tuple[int, int]) -> Int32[Array, "_ _"]:
    """Labels at another size, by nearest neighbour (pixel centres at +0.5)."""
    if labels.shape == shape:
        return labels
    rows = ((np.arange(shape[0]) + 0.5) * labels.shape[0] / shape[0]).astype(np.intp)
    columns = ((np.arange(shape[1]) + 0.5) * labels.shape[1] / shape[1]).astype(np.intp)
    return labels[rows[:, None], columns[None, :]]
