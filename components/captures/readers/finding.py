"""What lies in what a person brings: photos, videos, splats, camera files; and what of it is none of these.

Nothing is decoded here. Files are told apart by their names, and by their first bytes where the name says nothing.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from liftlab.components.captures.matching import Parts, without_ending
from liftlab.components.captures.readers.colmap import model_files
from liftlab.components.captures.readers.kinds import CAMERAS, PICTURES, SOG_META, kind_of
from liftlab.components.errors import InputError, listed

_MAX_FILES = 50_000
_MAX_DEPTH = 64
"""Folders within folders."""
_NEVER = {"truth"}
"""Ground truth: neither entered nor opened."""
_HELD_OUT = {"test", "val"}
"""Photos kept apart from training: taken only when there are no others."""
_UNSEEN = {"__macosx", "@eadir", "$recycle.bin", "thumbs.db", "desktop.ini"}
_NO_PHOTOS = re.compile(
    r"(.*[_-])?(masks?|depths?|depth_?maps?|normals?|thumb(nail)?s?|previews?|segmentations?|segs?|alphas?|mattes?|"
    r"flows?|disparity|disparities|confidences?|semantics?|instances?|labels?|label_?maps?|panoptic|"
    r"instance_?(ids?|maps?))(_\d+)?"
)
_SMALLER = re.compile(r"(images?|rgb)_(\d+)")
"""nerfstudio's copies, so many times smaller."""
PHOTO_FOLDERS = ("images", "image", "input", "rgb", "color", "photos", "frames", "train")
"""Where photos lie when they do not lie about, best first."""
_OF_A_PHOTO = re.compile(
    r"(.+?)([._ -](mask|matte|alpha|depth|normal|seg|segmentation|disp|thumb|thumbnail)(_?\d+)?)"
)
"""Names of what belongs to a photo of a shorter name: NAME_mask.png, NAME_depth_0001.png."""
_BEFORE_A_PHOTO = re.compile(r"(?:dynamic_mask|mask|depth|normal|thumb)[._ -](.+)")
"""The same, in front: dynamic_mask_NAME.png."""
_CAMERAS_UNREAD = {"cameras.xml", "doc.xml", "bundle.out", "reconstruction.json", "scene.mvs", "cameras.out"}
_CAMERAS_UNREAD_ENDINGS = (".nvm", ".rcproj", ".psx", ".psz", ".p4d")
"""Of Metashape, Bundler, OpenSfM, OpenMVS, VisualSFM, RealityCapture and Pix4D."""


@dataclass(frozen=True)
class Item:
    """A file."""

    path: Path
    parts: Parts
    """Its path below what was brought."""

    @property
    def name(self) -> str:
        return "/".join(self.parts)

    @property
    def folders(self) -> Parts:
        """Names of the folders that it lies in, in small letters."""
        return tuple(part.casefold() for part in self.parts[:-1])


@dataclass(frozen=True)
class Holdings:
    """What was found."""

    photos: tuple[Item, ...] = ()
    home: Parts = ()
    """The folder that the photos lie below."""
    others: tuple[Item, ...] = ()
    """Further pictures that may be photos, outside `home`."""
    videos: tuple[Item, ...] = ()
    splats: tuple[Item, ...] = ()
    archives: tuple[Item, ...] = ()
    camera_files: tuple[Item, ...] = ()
    """`cameras.json`, `transforms.json`; the nearest first."""
    models: tuple[Item, ...] = ()
    """Folders with a COLMAP model; the nearest first."""
    masks: tuple[Item, ...] = ()
    """Pictures that belong to photos: masks, depth and the like."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Names of files by why: "as masks"."""
    has_truth: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each kind of files that were left out."""
        return tuple(f"Left out {why}: {listed(names)}." for why, names in self.left_out.items() if names)


def holdings(items: Sequence[Item], has_truth: bool = False) -> Holdings:
    """Sort files by what they are, and choose the folder that the photos are in."""
    in_sight = [item for item in items if not _HELD_OUT & set(item.folders)]
    by_kind: dict[str, list[Item]] = {}
    for item in in_sight:
        by_kind.setdefault(kind_of(item.path), []).append(item)
    of_splats = {item.folders for item in by_kind.get("splats", []) if item.path.name.casefold() == SOG_META}
    pictures, masks = _without_masks(
        [item for item in by_kind.get("picture", []) if item.folders not in of_splats]
    )
    small = [item for item in pictures if any(_SMALLER.fullmatch(part) for part in item.folders)]
    full = [item for item in pictures if item not in set(small)]
    raws, developed = by_kind.get("raw", []), {_stem_of(item) for item in full}
    undeveloped = [item for item in raws if _stem_of(item) not in developed]
    chosen, home = _at_home([*full, *undeveloped])
    if not chosen:
        chosen, home = _largest(small)
    if not (chosen or by_kind.keys() & {"video", "splats"} or len(in_sight) == len(items)):
        return holdings([replace(item, parts=_freed(item.parts)) for item in items], has_truth)
    held_out = [
        item for item in items if _HELD_OUT & set(item.folders) and item.path.suffix.lower() in PICTURES
    ]
    taken = set(chosen)
    others = [item for item in full if item not in taken]
    return Holdings(
        photos=tuple(chosen),
        home=home,
        others=tuple(others),
        videos=tuple(by_kind.get("video", ())),
        splats=tuple(by_kind.get("splats", ())),
        archives=tuple(by_kind.get("archive", ())),
        camera_files=tuple(_nearest(by_kind.get("cameras", []))),
        models=tuple(_models(in_sight)),
        masks=tuple(masks),
        left_out={
            "as photos for tests": [item.name for item in held_out],
            "as raw files beside their pictures": [item.name for item in raws if item not in undeveloped],
            "as cameras are read from COLMAP, nerfstudio and cameras.json only": _unread_cameras(
                in_sight, by_kind
            ),
        },
        has_truth=has_truth,
    )


def _unread_cameras(items: Sequence[Item], by_kind: dict[str, list[Item]]) -> list[str]:
    """Files of cameras of other programs, where no others are here."""
    if by_kind.get("cameras") or _models(items):
        return []
    names = [(item, item.parts[-1].casefold()) for item in items]
    return [
        item.name for item, name in names if name in _CAMERAS_UNREAD or name.endswith(_CAMERAS_UNREAD_ENDINGS)
    ]


def items_below(root: Path, *, links: bool) -> tuple[list[Item], bool]:
    """Every visible file below a folder, and whether ground truth lies there (which is not entered).

    Args:
        links: Whether links are followed. They may lead out of the folder, so only for a folder that the person at the
            machine named.

    Raises:
        InputError: More files or deeper folders than any capture has.
    """
    items: list[Item] = []
    has_truth = False
    for place, folders, names in _walked(root, links):
        has_truth |= any(name.casefold() in _NEVER for name in folders)
        folders[:] = [name for name in folders if _is_seen(name) and name.casefold() not in _NEVER]
        for name in names:
            path = place / name
            if _is_seen(name) and (links or not path.is_symlink()) and path.is_file():
                items.append(Item(path, path.relative_to(root).parts))
        if len(items) > _MAX_FILES:
            raise InputError(f"There are more than {_MAX_FILES} files here; bring the folder of one capture.")
    return items, has_truth


def items_of(paths: Iterable[Path]) -> list[Item]:
    """Files that were chosen one by one."""
    return [Item(path, (path.name,)) for path in paths]


def _walked(root: Path, links: bool) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`; a folder that links lead to again is entered once."""
    seen: set[str] = set()
    for place, folders, names in os.walk(root, followlinks=links):
        if len(Path(place).relative_to(root).parts) > _MAX_DEPTH:
            raise InputError(
                "The photos lie too deep in folders within folders; bring the folder that holds them."
            )
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield Path(place), folders, sorted(names)


def _is_seen(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in _UNSEEN


def _without_masks(pictures: list[Item]) -> tuple[list[Item], list[Item]]:
    """Photos, and what belongs to photos: by the folder's name, or by the name of a picture beside it."""
    beside = {(*item.folders, item.parts[-1].casefold()) for item in pictures} | {*map(_stem_of, pictures)}

    def belongs(item: Item) -> bool:
        *folders, stem = _stem_of(item)
        matches = (pattern.fullmatch(stem) for pattern in (_OF_A_PHOTO, _BEFORE_A_PHOTO))
        of_another = any(match is not None and (*folders, match[1]) in beside for match in matches)
        doubled = (*folders, stem) in beside and without_ending(stem) != stem  # COLMAP's masks: NAME.jpg.png
        return of_another or doubled or any(_NO_PHOTOS.fullmatch(part) for part in folders)

    masks = [item for item in pictures if belongs(item)]
    left = set(masks)
    return [item for item in pictures if item not in left], masks


def _stem_of(item: Item) -> Parts:
    return (*item.folders, without_ending(item.parts[-1].casefold()))


def _at_home(pictures: list[Item]) -> tuple[list[Item], Parts]:
    """The photos of the best folder for photos, else all of them; and the folder they have in common.

    Folders of one name at one depth go together (`left/images`, `right/images`).
    """
    homes: dict[tuple[int, int], set[Parts]] = {}
    for item in pictures:
        for depth, name in enumerate(item.folders):
            if name in PHOTO_FOLDERS:
                rank = (depth, PHOTO_FOLDERS.index(name))
                homes.setdefault(rank, set()).add(item.parts[: depth + 1])
    for rank in sorted(homes):
        chosen = [item for item in pictures if item.parts[: rank[0] + 1] in homes[rank]]
        if len(chosen) > 1 or len(chosen) == len(pictures):
            return chosen, common_folder([(*home, "") for home in homes[rank]])
    return pictures, common_folder([item.parts for item in pictures])


def _largest(small: list[Item]) -> tuple[list[Item], Parts]:
    """Of copies in several sizes (`images_2`, `images_4`) the largest."""

    def shrunk_by(item: Item) -> int:
        return min(int(match[2]) for part in item.folders if (match := _SMALLER.fullmatch(part)))

    best = min(map(shrunk_by, small), default=0)
    chosen = [item for item in small if shrunk_by(item) == best]
    return chosen, common_folder([item.parts for item in chosen])


def common_folder(paths: Sequence[Parts]) -> Parts:
    """The deepest folder that all files lie below."""
    shortest = min((parts[:-1] for parts in paths), key=len, default=())
    for depth in range(len(shortest), 0, -1):
        if all(parts[:depth] == shortest[:depth] for parts in paths):
            return shortest[:depth]
    return ()


def _freed(parts: Parts) -> Parts:
    """A path without the folder that says that photos are held out."""
    return (*(part for part in parts[:-1] if part.casefold() not in _HELD_OUT), parts[-1])


def _nearest(items: list[Item]) -> list[Item]:
    """Camera files: the best kind first, and of one kind the one in the fewest folders."""
    return sorted(
        items, key=lambda item: (CAMERAS.index(item.parts[-1].casefold()), len(item.parts), item.parts)
    )


def _models(items: Sequence[Item]) -> list[Item]:
    """Folders with a COLMAP model, in the order of their depth and name."""
    names: dict[Path, list[str]] = {}
    parts: dict[Path, Parts] = {}
    for item in items:
        names.setdefault(item.path.parent, []).append(item.path.name)
        parts[item.path.parent] = item.parts[:-1]
    found = [Item(folder, parts[folder]) for folder, there in names.items() if model_files(there) is not None]
    return sorted(found, key=lambda model: (len(model.parts), model.parts))
