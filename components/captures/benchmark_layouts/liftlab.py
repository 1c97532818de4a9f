"""Our own captures with truth: images/, truth/{instance/STEM.png,objects.json,cameras.json}, and the same in test/."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32

from liftlab.components.captures.benchmark_layouts.scene import (
    MIN_PIXELS,
    MIN_VIEWS,
    BenchmarkScene,
    HeldOut,
    photos_in,
    read_labels,
    require_file,
    scene_of_labels,
)
from liftlab.components.errors import InputError
from liftlab.components.types import Array, Camera

NAME = "LiftLab"
STRUCTURE_ID = 201
"""Instance ids from here up are table, floor and walls: background in every score."""


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
        return _read_instances(truth, Path(photo).stem)

    scored = tuple(photo.name for photo in labelled)
    objects = tuple(scorable_objects([labels_of(photo) for photo in scored]))
    scene = scene_of_labels(
        folder.resolve().name, NAME, folder, photos=photos, scored=scored, labels_of=labels_of, names=names,
        objects=objects,
    )  # fmt: skip
    return [replace(scene, held_out=_held_out(folder), class_of=classes_of(listed))]


def classes_of(listed: Sequence[Mapping[str, Any]]) -> dict[int, int] | None:
    """Class of every instance of a truth's objects.json, its categories numbered from 1 in order of their names; None
    unless each has one."""
    categories = [entry.get("category") for entry in listed if int(entry["id"]) < STRUCTURE_ID]
    if not categories or not all(categories):
        return None
    number = {name: k for k, name in enumerate(sorted(set(map(str, categories))), start=1)}
    return {
        int(entry["id"]): number[str(entry["category"])]
        for entry in listed
        if int(entry["id"]) < STRUCTURE_ID
    }


def _held_out(folder: Path) -> HeldOut | None:
    """The photos of test/, when they and the scene's own have true cameras."""
    test = folder / "test/truth"
    places = folder / "truth/cameras.json", test / "cameras.json"
    if not all(place.is_file() for place in places):
        return None
    own, held_out = (_true_cameras(place) for place in places)
    labelled = {s: camera for s, camera in held_out.items() if (test / "instance" / f"{s}.png").is_file()}
    return HeldOut(labelled, own, lambda stem: _read_instances(test, stem))


def _true_cameras(path: Path) -> dict[str, Camera]:
    """Cameras of a truth's cameras.json by photo stem."""
    frames = json.loads(path.read_text(encoding="utf-8"))["frames"]
    return {
        Path(frame["image"]).stem: Camera(
            K=np.array(frame["K"], float),
            world_to_camera=np.array(frame["world_to_camera"], float),
            width=int(frame["width"]),
            height=int(frame["height"]),
        )
        for frame in frames
    }


def _read_instances(truth: Path, stem: str) -> Int32[Array, "_ _"]:
    """Instance map of a photo; structure is background."""
    ids = read_labels(truth / "instance" / f"{stem}.png")
    return np.where(ids >= STRUCTURE_ID, 0, ids).astype(np.int32)


def scorable_objects(labels: Sequence[Int32[Array, "_ _"]]) -> list[int]:
    """Ids above 0 with at least 100 pixels in at least 2 views, ascending."""
    counts: dict[int, int] = {}
    for label_map in labels:
        ids, sizes = np.unique(label_map[label_map > 0], return_counts=True)
        for object_id, size in zip(ids.tolist(), sizes.tolist(), strict=True):
            counts[object_id] = counts.get(object_id, 0) + (size >= MIN_PIXELS)
    return sorted(object_id for object_id, views in counts.items() if views >= MIN_VIEWS)
