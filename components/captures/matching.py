"""Which name in a camera file means which photo: tools change folders, endings, case and Unicode form."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

Parts = tuple[str, ...]
"""Of a path, the file name last."""
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")


@dataclass(frozen=True)
class Matches:
    """Which photo each name belongs to."""

    photo_of: dict[int, int]
    """Index of a name to that of its photo; one to one."""
    ambiguous: tuple[int, ...]
    """Names that fit several photos, or photos that several of these names fit: left alone."""
    whole: int
    """How many were found by their whole path, whatever the ending."""


def match_names(names: Sequence[Parts], photos: Sequence[Parts]) -> Matches:
    """Names to photos: by the whole path, else by the longest common tail of it, down to the file name, then the stem.

    Exact writing goes before case and Unicode form, and these before the ending. Where a folder of names has its photos
    in one folder, its other names are not looked for elsewhere: `cam1/3.jpg` is not `cam2/3.jpg`.
    """
    photo_of: dict[int, int] = {}
    homes: dict[Parts, set[Parts]] = defaultdict(set)
    unsure: set[int] = set()
    whole = 0
    deepest = min(max(map(len, names), default=0), max(map(len, photos), default=0))
    for written in (_as_it_is, _folded, _stem):
        sought = [written(parts) for parts in names]
        there = [written(parts) for parts in photos]
        for depth in (0, *range(deepest, 0, -1)):  # 0: whole paths
            taken = set(photo_of.values())
            keys: dict[Parts, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for side, paths, done in ((0, sought, photo_of), (1, there, taken)):
                for index, parts in enumerate(paths):
                    if index not in done and len(parts) >= depth:
                        keys[parts[-depth:]][side].append(index)
            found: dict[int, int] = {}
            for these, those in keys.values():
                fitting = {n: [p for p in those if _at_home(names[n], photos[p], homes)] for n in these}
                if len(these) == 1 and len(fitting[these[0]]) == 1:
                    found[these[0]] = fitting[these[0]][0]
                elif len(these) > 1 or len(those) > 1:
                    unsure |= {n for n, fit in fitting.items() if fit}
            for name, photo in found.items():
                homes[names[name][:-1]].add(photos[photo][:-1])
            photo_of |= found
            whole += len(found) if depth == 0 else 0
    return Matches(photo_of, tuple(sorted(unsure - photo_of.keys())), whole)


def name_parts(name: str) -> Parts:
    """Parts of a path as any system writes it, without drive, dots and doubled slashes."""
    parts: list[str] = []
    for part in re.sub(r"^[A-Za-z]:", "", name.replace("\\", "/")).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts "img2" before "img10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def without_ending(name: str) -> str:
    """A file name without its ending; what has no letter first is none (`frame.0001`)."""
    return _ENDING.sub("", name)


def _at_home(name: Parts, photo: Parts, homes: dict[Parts, set[Parts]]) -> bool:
    known = homes.get(name[:-1])
    return not known or photo[:-1] in known


def _as_it_is(parts: Parts) -> Parts:
    return parts


def _folded(parts: Parts) -> Parts:
    return tuple(
        unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in parts
    )


def _stem(parts: Parts) -> Parts:
    folded = _folded(parts)
    return (*folded[:-1], without_ending(folded[-1])) if folded else ()
