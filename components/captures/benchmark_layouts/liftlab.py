"""Our own captures with truth: `images/`, `truth/instance/STEM.png`, `truth/objects.json`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from components.captures.benchmark_layouts.scene import (
    BenchmarkScene,
    photos_in,
    read_labels,
    require_file,
    scene_of_labels,
)
from components.errors import InputError
from components.types import Array

NAME = "LiftLab"
STRUCTURE_ID = 201
"""Instance ids from here up are table, floor and walls: background in every score."""
MIN_PIXELS, MIN_VIEWS = 100, 2
"""An object is scored that has so many pixels in so many views."""


def matches(folder: Path) -> bool:
    """Whether a folder looks like one of our captures with truth."""
    return (folder / "truth/instance").is_dir() and (folder / "images").is_dir()


def open_scenes(folder: Path) -> list[BenchmarkScene]:
    """The capture as the only scene. InputError naming what is missing."""
    photos = photos_in(folder / "images")
    truth = folder / "truth"
    labelled = [photo for photo in photos if (truth / "instance" / f"{photo.stem}.png").is_file()]
    if not labelled:
        raise InputError(
            f"No photo of this capture has truth; expected one PNG of ids per photo in: {truth / 'instance'}"
        )
    entries = json.loads(require_file(truth / "objects.json", "object names").read_text(encoding="utf-8"))
    listed = entries["objects"] if isinstance(entries, dict) else entries
    names = {int(entry["id"]): str(entry.get("name", entry["id"])) for entry in listed}

    def labels_of(photo: str) -> Int32[Array, "_ _"]:
        ids = read_labels(truth / "instance" / f"{Path(photo).stem}.png")
        return np.where(ids >= STRUCTURE_ID, 0, ids).astype(np.int32)

    scored = tuple(photo.name for photo in labelled)
    return [
        scene_of_labels(
            folder.resolve().name,
            NAME,
            folder,
            photos=photos,
            scored=scored,
            labels_of=labels_of,
            names=names,
            objects=tuple(scorable_objects([labels_of(photo) for photo in scored])),
        )
    ]


def scorable_objects(labels: Sequence[Int32[Array, "_ _"]]) -> list[int]:
    """Ids above 0 with at least 100 pixels in at least 2 views, ascending."""
    counts: dict[int, int] = {}
    for label_map in labels:
        ids, sizes = np.unique(label_map[label_map > 0], return_counts=True)
        for object_id, size in zip(ids.tolist(), sizes.tolist(), strict=True):
            counts[object_id] = counts.get(object_id, 0) + (size >= MIN_PIXELS)
    return sorted(object_id for object_id, views in counts.items() if views >= MIN_VIEWS)
