"""Masks of objects that come with photos, as maps of labels or one picture for each: taken in, and read again.

They are kept in `objects/`: for each photo that has some, NAME.gz with their numbers and packed masks, upright and
undistorted as the photo was, and what they are called in `names.json`.
"""

import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8, UInt32

from liftlab.components.captures.capture import Photo
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.matching import natural_key
from liftlab.components.captures.read_masks import holds_labels, read_labels, upright
from liftlab.components.captures.readers.mask_files import ObjectPicture
from liftlab.components.errors import InputError, counted, listed, told_once
from liftlab.components.files import write_json
from liftlab.components.geometry.photo_masks import as_picture
from liftlab.components.types import Array

OBJECTS_FOLDER = "objects"
NAMES_FILE = "names.json"
ENDING = ".gz"
MOST_OBJECTS = 400
"""Of a capture; further ones are left out."""
MOST_SIDE = 1024
"""Longer side in pixels of the masks that are kept."""
LEAST_PX = 16
"""What covers less is none."""
LOOKED_AT = 12
"""Pictures of a folder, spread over it, by which maps of labels are known."""
VOID = 255
"""Of 8 bits, "to be ignored" for many programs, where the value before it is not used."""

Undistort = Callable[[UInt8[Array, "h w 3"]], UInt8[Array, "H W 3"]]


@dataclass
class ObjectsTaken:
    """Masks of objects on their way into a capture."""

    of_photo: Mapping[str, Sequence[ObjectPicture]]
    """By the photo's name."""
    limits: ImportLimits
    folder: Path
    """Where they are kept; made when there are some."""
    labelled: set[str] = field(default_factory=set)
    """Folders whose pictures are maps of labels."""
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    """Number of each object, from 1, by its group and label."""
    photos: int = 0
    """That have objects."""
    left_out: set[tuple[str, str]] = field(default_factory=set)
    """Groups and labels of what is too much."""
    refused: list[tuple[str, str]] = field(default_factory=list)

    def take(
        self, name: str, stem: str, size: tuple[int, int], orientation: int, undistort: Undistort | None
    ) -> None:
        """Keep the objects of one photo.

        Args:
            name: Of the photo in the source; `stem`: what it is kept as.
            size: Width and height of the upright photo, pixels.
            orientation: How it was turned to be upright (EXIF's number).
            undistort: What the photo went through then; None for nothing.
        """
        found: list[tuple[int, Bool[Array, "h w"]]] = []
        for picture in self.of_photo.get(name, ()):
            try:
                for label, whole in self._masks_in(picture):
                    mask = _reduced(upright(whole, picture.name, size, orientation), size)
                    flat = mask if undistort is None else undistort(as_picture(mask))[..., 0] > 127
                    number = self._number(picture.group, label) if np.count_nonzero(flat) >= LEAST_PX else 0
                    if number:
                        found.append((number, flat))
            except InputError as error:
                self.refused.append((picture.name, str(error)))
        if found:
            self.photos += 1
            self._keep(stem, [number for number, _ in found], [mask for _, mask in found])

    def _keep(self, stem: str, numbers: list[int], masks: list[Bool[Array, "h w"]]) -> None:
        self.folder.mkdir(exist_ok=True)
        bits = np.stack([np.packbits(mask) for mask in masks])
        data = io.BytesIO()
        for array in (np.array(numbers, np.int32), np.array(masks[0].shape, np.int32), bits):
            np.save(data, array, allow_pickle=False)
        # without the time, so that the same masks are the same file
        (self.folder / f"{stem}{ENDING}").write_bytes(gzip.compress(data.getvalue(), 6, mtime=0))

    def _masks_in(self, picture: ObjectPicture) -> list[tuple[str, Bool[Array, "h w"]]]:
        values = read_labels(picture.path, self.limits)
        if picture.label:
            return [(picture.label, values > values.max(initial=0) / 2)]
        if picture.group not in self.labelled and not holds_labels(values):
            return [(Path(picture.group).name, values > values.max(initial=0) / 2)]
        found = set(np.unique(values).tolist()) - {0}
        if max(found, default=0) == VOID and VOID - 1 not in found:
            found -= {VOID}
        return [(str(value), values == value) for value in sorted(found)]

    def _number(self, group: str, label: str) -> int:
        """Of an object, from 1; 0 for one too many."""
        key = (group, label)
        if key not in self.numbers and len(self.numbers) >= MOST_OBJECTS:
            self.left_out.add(key)
            return 0
        return self.numbers.setdefault(key, len(self.numbers) + 1)

    def finish(self) -> list[str]:
        """Write what the objects are called; sentences about all that was taken."""
        notes = told_once(self.refused)
        if not self.photos:
            return notes
        labels = {str(number): label for (_, label), number in self.numbers.items()}
        write_json(self.folder / NAMES_FILE, {"names": labels})
        said = listed(sorted(dict.fromkeys(labels.values()), key=natural_key))
        left = f" {len(self.left_out)} more were left out, as too many." if self.left_out else ""
        count, photos = counted(len(labels), "object"), counted(self.photos, "photo")
        return [*notes, f"Masks of {count} came with {photos} ({said}); a click on one finds it.{left}"]


class BroughtMasks(NamedTuple):
    """The objects that came with one photo."""

    numbers: tuple[int, ...]
    """Of the objects, the same in all photos where their labels were."""
    masks: Bool[Array, "M h w"]
    """In the shape of the photo, at most `MOST_SIDE` pixels long."""


def load_objects(photo: Photo) -> BroughtMasks | None:
    """The masks of objects that came with a photo; None without any."""
    path = photo.path.parent.parent / OBJECTS_FOLDER / f"{photo.stem}{ENDING}"
    if not path.is_file():
        return None
    data = io.BytesIO(gzip.decompress(path.read_bytes()))
    numbers, (height, width), bits = (np.load(data, allow_pickle=False) for _ in range(3))
    masks = np.unpackbits(bits, axis=1, count=int(height) * int(width)).astype(bool)
    return BroughtMasks(tuple(numbers.tolist()), masks.reshape(-1, height, width))


def load_labels(capture: Path) -> dict[int, str]:
    """What each object that came with a capture is called in its files; {} without any."""
    path = capture / OBJECTS_FOLDER / NAMES_FILE
    if not path.is_file():
        return {}
    names = json.loads(path.read_text(encoding="utf-8"))["names"]
    return {int(number): name for number, name in names.items()}


def label_folders(pictures: Mapping[str, Sequence[Path]], limits: ImportLimits) -> set[str]:
    """Which folders of masks hold maps of labels, by some of their pictures.

    Args:
        pictures: By folder. Those that cannot be read say nothing.
    """
    return {
        group for group, paths in pictures.items() if any(_is_labelled(path, limits) for path in _some(paths))
    }


def _some(paths: Sequence[Path]) -> list[Path]:
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), LOOKED_AT)).round().astype(int)
    return [paths[index] for index in chosen]


def _is_labelled(path: Path, limits: ImportLimits) -> bool:
    try:
        values: UInt32[Array, "h w"] = read_labels(path, limits)
    except InputError:
        return False
    return holds_labels(values)


def _reduced(mask: Bool[Array, "h w"], size: tuple[int, int]) -> Bool[Array, "H W"]:
    """A mask in the shape of its photo, not longer than what is kept."""
    shrink = min(1.0, MOST_SIDE / max(size))
    width, height = (max(1, round(side * shrink)) for side in size)
    if mask.shape == (height, width):
        return mask
    way = cv2.INTER_AREA if height < mask.shape[0] else cv2.INTER_NEAREST
    return cv2.resize(as_picture(mask), (width, height), interpolation=way)[..., 0] > 127
