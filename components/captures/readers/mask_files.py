"""Which picture is a mask of which photo: what of it counts (`masks/NAME.png`, `NAME_mask.png`), or its objects."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from liftlab.components.captures.matching import Parts, match_names, without_ending
from liftlab.components.captures.readers.finding import PHOTO_FOLDERS, Holdings, Item

_FOLDER = re.compile(r"(masks?|mattes?|alphas?|(dynamic|image|people|photo|sky)[_-]?masks?)(?:_(\d+))?")
"""nerfstudio's copies, so many times smaller, are called `masks_2` and so on."""
_STEM = re.compile(r"(.+?)[._ -](mask|matte|alpha)", re.IGNORECASE)
INVERTED = re.compile(r"dynamic_mask_(.+)", re.IGNORECASE)
"""instant-ngp's `dynamic_mask_NAME.png` beside NAME: what is not black takes no part."""
_OPACITY = re.compile(r"mattes?|alphas?")
"""Folders whose greys are how opaque a pixel is."""
_OF_OBJECTS = re.compile(
    r"(.*[_-])?(masks?|labels?|label_?maps?|segmentations?|segs?|semantics?|instances?|panoptic|"
    r"instance_?(ids?|maps?))"
)
"""Folders whose pictures may be of objects."""
_JOINT = re.compile(r"[._ -]")


@dataclass(frozen=True)
class ObjectPicture:
    """A picture that shows objects of a photo."""

    name: str
    """Its path below what was brought."""
    path: Path
    group: str
    """The folder of pictures whose values mean the same."""
    label: str = ""
    """Of the one object that it shows; empty: its values tell objects apart, or it shows the only one."""


def masks_of_photos(pictures: Sequence[Item], photos: Sequence[Item]) -> dict[Item, Item]:
    """Photos with their masks, among pictures that are no photos; one to one, unclear ones are left alone.

    A folder below the masks' own must be one of the photos', too: `masks/mug/000.png` is an object, not a photo's mask.
    """
    named = [(item, *name) for item in _largest(pictures) if (name := _photo_of(item)) is not None]
    matches = match_names([name for _, name, _ in named], [_bare(item) for item in photos])
    found = {}
    for index, place in matches.photo_of.items():
        item, _, below = named[index]
        folders = photos[place].folders
        if not below or folders[len(folders) - len(below) :] == below:
            found[photos[place]] = item
    return found


def _largest(pictures: Sequence[Item]) -> list[Item]:
    """Without smaller copies, where there are larger ones."""
    shrunk = {item: _shrunk_by(item) for item in pictures}
    best = min((by for item, by in shrunk.items() if _is_in_masks(item)), default=1)
    return [item for item in pictures if shrunk[item] == best or not _is_in_masks(item)]


def _is_in_masks(item: Item) -> bool:
    return any(_FOLDER.fullmatch(folder) for folder in item.folders)


def _shrunk_by(item: Item) -> int:
    matches = (_FOLDER.fullmatch(folder) for folder in item.folders)
    return max((int(match[3]) for match in matches if match is not None and match[3]), default=1)


def may_hold_labels(mask: Item) -> bool:
    """Whether a photo's mask may be a map of labels instead: not where greys are opacities."""
    return not any(_OPACITY.fullmatch(folder) for folder in mask.folders)


def object_pictures(pictures: Iterable[Item], photos: Sequence[Item]) -> dict[Item, list[ObjectPicture]]:
    """Photos with the pictures of their objects: `labels/NAME.png`, `masks/OBJECT/NAME.png`, `masks/NAME/OBJECT.png`,
    `masks/NAME_OBJECT.png`.

    Args:
        pictures: That are no photos, nor masks of what counts.
    """
    named = _Photos(photos)
    found: dict[Item, list[ObjectPicture]] = {}
    for item in pictures:
        places = [place for place, folder in enumerate(item.folders) if _OF_OBJECTS.fullmatch(folder)]
        if not places:
            continue
        top, below = item.parts[: places[-1]], item.parts[places[-1] + 1 : -1]
        photo, label = named.shown_in(top, below, item.parts[-1])
        if photo is not None:
            group = "/".join(item.parts[: places[-1] + 1])
            found.setdefault(photo, []).append(ObjectPicture(item.name, item.path, group, label))
    return found


def with_named_masks(found: Holdings, paths: set[Parts]) -> tuple[Holdings, dict[Parts, Item]]:
    """What was found without photos that are masks by what a camera file says, and the pictures at these paths."""
    masks = {item.parts: item for item in (*found.masks, *found.photos, *found.others) if item.parts in paths}
    photos, others = (
        tuple(i for i in items if i.parts not in masks) for items in (found.photos, found.others)
    )
    return replace(found, photos=photos, others=others), masks


class _Photos:
    """Photos by their path, and by their name where only one has it; endings and capitals do not count."""

    def __init__(self, photos: Sequence[Item]) -> None:
        self._by_path: dict[Parts, Item] = {}
        self._by_name: dict[str, Item | None] = {}
        for photo in photos:
            path = _folded(_bare(photo))
            self._by_path[path] = photo
            self._by_name[path[-1]] = None if path[-1] in self._by_name else photo

    def shown_in(self, top: Parts, below: Parts, name: str) -> tuple[Item | None, str]:
        """The photo of a picture, and the label of the one object that it shows.

        Args:
            top: Folders above the one of masks.
            below: Folders in that.
        """
        if (photo := self._named((*top, *below, name), whole=bool(below))) is not None:
            return photo, ""
        if below and (photo := self._named((*top, name))) is not None:
            return photo, "/".join(below)
        if below and (photo := self._named((*top, below[-1]), ending=False)) is not None:
            return photo, without_ending(name)
        if not below:
            stem = without_ending(name)
            for joint in reversed(list(_JOINT.finditer(stem))):
                photo = self._named((*top, stem[: joint.start()]), ending=False)
                if photo is not None and stem[joint.end() :].casefold() not in ("mask", "label", "labels"):
                    return photo, stem[joint.end() :]
        return None, ""

    def _named(self, parts: Parts, *, whole: bool = False, ending: bool = True) -> Item | None:
        for path in (
            _folded(parts) if ending else _folded((*parts[:-1], f"{parts[-1]}.x")),
            _folded(parts, 2),
        ):
            photo = self._by_path.get(path) or (None if whole else self._by_name.get(path[-1]))
            if photo is not None:
                return photo
        return None


def _folded(parts: Parts, endings: int = 1) -> Parts:
    name = parts[-1].casefold()
    for _ in range(endings):
        name = without_ending(name)
    match = _STEM.fullmatch(name)
    return (*(part.casefold() for part in parts[:-1]), match[1] if match is not None else name)


def _photo_of(item: Item) -> tuple[Parts, Parts] | None:
    """Name of the photo that a mask is for, and the folders below the masks' folder; None for what is no mask."""
    *folders, name = item.parts
    places = [place for place, folder in enumerate(item.folders) if _FOLDER.fullmatch(folder)]
    match = INVERTED.fullmatch(without_ending(name)) or _STEM.fullmatch(without_ending(name))
    if places:
        below = item.folders[places[-1] + 1 :]
        folders = folders[: places[-1]] + folders[places[-1] + 1 :]
    elif match is not None:
        below = ()
    else:
        return None
    stem = match[1] if match is not None else without_ending(name)
    return (*folders, stem), below


def _bare(photo: Item) -> Parts:
    """A photo's path without the folder that says that photos lie there: `left/images/0.jpg` is `left/0.jpg`."""
    kept = [
        part for part, folder in zip(photo.parts, photo.folders, strict=False) if folder not in PHOTO_FOLDERS
    ]
    return (*kept, photo.parts[-1])
