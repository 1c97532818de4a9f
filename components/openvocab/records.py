"""A scene to learn from: points, links, masks with names, and perhaps 3D labels; as one file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.components.openvocab.lifting import Links
from liftlab.components.types import Array

SCHEMA_VERSION = 1
_ARRAYS = ("points", "rgb", "normals", "spacing", "neighbours", "truth", "maps", "images")


@dataclass(frozen=True)
class SceneRecord:
    """One scene; +Z is up."""

    name: str
    points: Float32[Array, "N 3"]
    """Any unit."""
    rgb: UInt8[Array, "N 3"]
    normals: Float32[Array, "N 3"]
    """Unit, of unknown sign."""
    spacing: Float32[Array, "N"]
    """How far apart points lie around each: depth over focal length of the view it came from."""
    neighbours: Int32[Array, "N C"]
    links: Links
    maps: UInt8[Array, "V H W"]
    """Instance ids of every view: 0 = unknown, `augmentation.STUFF` = no thing. Valid inside a view only."""
    names: tuple[dict[int, str], ...]
    """Per view, what its ids are called."""
    images: UInt8[Array, "V h w 3"]
    """The photos, small."""
    truth: Int32[Array, "N"]
    """True instance of each point, 0 = none; all 0 where there is no truth."""
    truth_names: dict[int, str]
    """Empty where there is no truth."""
    reconstructor: str
    """Who made the points."""

    @property
    def num_views(self) -> int:
        return len(self.maps)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of the views that `links` count pixels in."""
        return ((self.maps.shape[1], self.maps.shape[2]),) * len(self.maps)


def save_record(record: SceneRecord, file: Path) -> None:
    """Write a record as .npz, without pickles."""
    about = {
        "schema_version": SCHEMA_VERSION, "name": record.name, "reconstructor": record.reconstructor,
        "names": [{str(i): name for i, name in view.items()} for view in record.names],
        "truth_names": {str(i): name for i, name in record.truth_names.items()},
    }  # fmt: skip
    arrays = {name: getattr(record, name) for name in _ARRAYS}
    links = {f"link_{name}": getattr(record.links, name) for name in ("point", "view", "x", "y")}
    text = np.frombuffer(json.dumps(about).encode("utf-8"), np.uint8)
    with atomic_write(file) as handle:
        np.savez_compressed(handle, about=text, **arrays, **links)


def load_record(file: Path) -> SceneRecord:
    """Read what `save_record` wrote.

    Raises:
        InputError: It is no such file, or of another version.
    """
    try:
        with np.load(file, allow_pickle=False) as opened:
            read = {name: opened[name] for name in opened.files}
        about = json.loads(bytes(read["about"]).decode("utf-8"))
        links = Links(*(read[f"link_{name}"] for name in ("point", "view", "x", "y")))
        arrays = {name: read[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"This is no training record ({error}): {file}") from error
    if about["schema_version"] != SCHEMA_VERSION:
        raise InputError(f"This training record has version {about['schema_version']}; make it again: {file}")
    return SceneRecord(
        name=about["name"],
        links=links,
        names=tuple({int(i): name for i, name in view.items()} for view in about["names"]),
        truth_names={int(i): name for i, name in about["truth_names"].items()},
        reconstructor=about["reconstructor"],
        **arrays,
    )


def upright(up: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """A rotation that turns `up` into +Z."""
    up = up / np.linalg.norm(up)
    side = np.cross(up, [1.0, 0.0, 0.0] if abs(up[0]) < 0.9 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(up, side), up])
