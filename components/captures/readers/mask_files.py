"""Which picture is the mask of which photo: `masks/NAME.png`, `masks/NAME.jpg.png`, `NAME_mask.png`."""

import re
from collections.abc import Sequence
from dataclasses import replace

from liftlab.components.captures.matching import Parts, match_names, without_ending
from liftlab.components.captures.readers.finding import PHOTO_FOLDERS, Holdings, Item

_FOLDER = re.compile(r"masks?|mattes?|alphas?|(dynamic|image|people|photo|sky)[_-]?masks?")
_STEM = re.compile(r"(.+?)[._ -](mask|matte|alpha)", re.IGNORECASE)


def masks_of_photos(pictures: Sequence[Item], photos: Sequence[Item]) -> dict[Item, Item]:
    """Photos with their masks, among pictures that are no photos; one to one, unclear ones are left alone.

    A folder below the masks' own must be one of the photos', too: `masks/mug/000.png` is an object, not a photo's mask.
    """
    named = [(item, *name) for item in pictures if (name := _photo_of(item)) is not None]
    matches = match_names([name for _, name, _ in named], [_bare(item) for item in photos])
    found = {}
    for index, place in matches.photo_of.items():
        item, _, below = named[index]
        folders = photos[place].folders
        if not below or folders[len(folders) - len(below) :] == below:
            found[photos[place]] = item
    return found


def with_named_masks(found: Holdings, paths: set[Parts]) -> tuple[Holdings, dict[Parts, Item]]:
    """What was found without photos that are masks by what a camera file says, and the pictures at these paths."""
    masks = {item.parts: item for item in (*found.masks, *found.photos, *found.others) if item.parts in paths}
    photos, others = (
        tuple(i for i in items if i.parts not in masks) for items in (found.photos, found.others)
    )
    return replace(found, photos=photos, others=others), masks


def _photo_of(item: Item) -> tuple[Parts, Parts] | None:
    """Name of the photo that a mask is for, and the folders below the masks' folder; None for what is no mask."""
    *folders, name = item.parts
    places = [place for place, folder in enumerate(item.folders) if _FOLDER.fullmatch(folder)]
    match = _STEM.fullmatch(without_ending(name))
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
