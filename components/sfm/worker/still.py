"""In the child process: content that stands at one pixel while the rest moves.

Text burned into the photos is such, and the still background of a turntable. Its matches say that the camera never
moved, so they are dropped.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycolmap

from liftlab.components.sfm.worker.features import MIN_PAIR_MATCHES, places_of, verification

STILL_PX = 1.0
"""Matches that moved less stand still."""
FEWEST_PARTNERS = 2
"""Photos in which a detail stands where it stands in a third one: two alone may be copies of each other."""
LEAST_SHARE = 0.02
"""Of the details, so many must stand still for something to be done."""
AGREEING = 0.5
"""Share of the matches that move, of a pair, that must agree with one motion for the pair to count; where hardly a
pair does, the camera stood still and not the content."""
COPY_LEVELS, THUMBNAIL = 4.0, (64, 48)
"""Photos whose small grey versions differ by less, in the mean, are copies: everything in them stands still."""
MARK = "still"


def drop_still_matches(request: dict[str, Any], folder: Path, database: Path) -> float:
    """Drop the matches of content that stands still, and check the pairs without them.

    Returns:
        The share of the matched details that stand still; 0 where nothing was dropped.
    """
    names = [photo["path"] for photo in request["photos"]]
    if len(names) <= FEWEST_PARTNERS:
        return 0.0
    small = [_thumbnail(folder / "images" / name) for name in names]
    copies = {
        pair for pair in combinations(range(len(names)), 2)
        if np.abs(small[pair[0]] - small[pair[1]]).mean() < COPY_LEVELS
    }  # fmt: skip
    with pycolmap.Database.open(database) as db:
        id_of = {image.name: image.image_id for image in db.read_all_images()}
        ids = [id_of[name] for name in names]
        places = [places_of(db, image_id) for image_id in ids]
        matches = {
            (a, b): np.asarray(db.read_matches(ids[a], ids[b])).reshape(-1, 2)
            for a, b in combinations(range(len(ids)), 2)
            if (a, b) not in copies and db.exists_matches(ids[a], ids[b])
        }
        stays = {pair: _stays(places, pair, rows) for pair, rows in matches.items()}
        still, share = _still_details(places, matches, stays)
        if share < LEAST_SHARE or not _rest_moves(request, places, matches, stays):
            return 0.0
        changed = []
        for (a, b), rows in matches.items():
            drop = stays[a, b] & (still[a][rows[:, 0]] | still[b][rows[:, 1]])
            if drop.any():
                db.delete_matches(ids[a], ids[b])
                if db.exists_two_view_geometry(ids[a], ids[b]):
                    db.delete_two_view_geometry(ids[a], ids[b])
                if (~drop).sum() >= MIN_PAIR_MATCHES:  # fewer could not count
                    db.write_matches(ids[a], ids[b], rows[~drop].astype(np.uint32))
                    changed.append(f"{names[a]} {names[b]}")
    listing = folder / f"{MARK}.txt"
    listing.write_text("\n".join(changed), encoding="utf-8")
    if changed:
        pycolmap.verify_matches(database, listing, verification(request))
    return share


def moving_only(folder: Path, first: np.ndarray, second: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """Matches [M, 2] of details at `first` and `second` [N, 2]; where still ones were dropped, without such."""
    if not (folder / f"{MARK}.txt").exists() or not len(matches):
        return matches
    return matches[np.linalg.norm(first[matches[:, 0]] - second[matches[:, 1]], axis=1) >= STILL_PX]


def _stays(places: list[np.ndarray], pair: tuple[int, int], rows: np.ndarray) -> np.ndarray:
    first, second = (places[photo][rows[:, side]] for side, photo in enumerate(pair))
    return np.linalg.norm(first - second, axis=1) < STILL_PX


def _still_details(
    places: list[np.ndarray],
    matches: dict[tuple[int, int], np.ndarray],
    stays: dict[tuple[int, int], np.ndarray],
) -> tuple[list[np.ndarray], float]:
    """Per photo, which details stand still; and their share of the matched ones."""
    standing, moving = ([np.zeros(len(place), int) for place in places] for _ in range(2))
    for pair, rows in matches.items():
        for side, photo in enumerate(pair):
            np.add.at(standing[photo], rows[stays[pair], side], 1)
            np.add.at(moving[photo], rows[~stays[pair], side], 1)
    still = [(s >= FEWEST_PARTNERS) & (s > m) for s, m in zip(standing, moving, strict=True)]
    matched = sum(int(((s + m) > 0).sum()) for s, m in zip(standing, moving, strict=True))
    return still, sum(int(one.sum()) for one in still) / max(matched, 1)


def _rest_moves(
    request: dict[str, Any],
    places: list[np.ndarray],
    matches: dict[tuple[int, int], np.ndarray],
    stays: dict[tuple[int, int], np.ndarray],
) -> bool:
    """Whether what does not stand still moves as one, in pairs that hold most of the photos."""
    cv2.setRNGSeed(request["seed"])
    held: set[int] = set()
    for (a, b), rows in matches.items():
        moving = rows[~stays[a, b]]
        if len(moving) < MIN_PAIR_MATCHES:
            continue
        first, second = (places[photo][moving[:, side]] for side, photo in enumerate((a, b)))
        _, agrees = cv2.findFundamentalMat(first, second, cv2.FM_RANSAC, 2.0, 0.99)
        if agrees is not None and agrees.sum() >= max(MIN_PAIR_MATCHES, AGREEING * len(moving)):
            held |= {a, b}
    return len(held) > len(places) / 2


def _thumbnail(path: Path) -> np.ndarray:
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    return cv2.resize(grey, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
