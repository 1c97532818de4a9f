"""The bundled captures are frozen and complete; their truth agrees with itself and with the photos."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from liftlab.components.captures.known_cameras import read_cameras_json
from liftlab.components.geometry.projection import points_from_depth, project
from liftlab.components.types import Camera

CAPTURES = Path(__file__).resolve().parent.parent / "assets" / "captures"
NAMES = ("desk", "shelf")
NUM_OBJECTS = {"desk": 8, "shelf": 25}
FIRST_STRUCTURE_ID = 201


def files_of(capture: str) -> list[Path]:
    return sorted(path for path in (CAPTURES / capture).rglob("*") if path.is_file())


def load_view(folder: Path, index: int) -> tuple[Camera, np.ndarray, np.ndarray, np.ndarray]:
    """Camera, depth, ids and photo of one view of a folder with images/ and truth/."""
    known = read_cameras_json(folder / "truth" / "cameras.json").frames[f"{index:03d}.jpg"]
    camera = Camera(known.lens.K, known.world_to_camera, known.lens.width, known.lens.height)
    depth = np.load(folder / "truth" / "depth" / f"{index:03d}.npz")["depth"].astype(np.float64)
    ids = np.array(Image.open(folder / "truth" / "instance" / f"{index:03d}.png"))
    photo = np.array(Image.open(folder / "images" / f"{index:03d}.jpg"))
    return camera, depth, ids, photo


def objects_of(folder: Path) -> list[dict]:
    return json.loads((folder / "truth" / "objects.json").read_text())["objects"]


def test_every_file_is_the_frozen_one() -> None:
    listed = dict(line.split("  ")[::-1] for line in (CAPTURES / "SHA256SUMS").read_text().splitlines())
    found = {path.relative_to(CAPTURES).as_posix(): path for name in NAMES for path in files_of(name)}
    assert set(found) == set(listed)
    for name, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_they_stay_small() -> None:
    assert sum(path.stat().st_size for name in NAMES for path in files_of(name)) < 6_000_000


@pytest.mark.parametrize("name", NAMES)
def test_contents(name: str) -> None:
    folder = CAPTURES / name
    for part, count in ((folder, 12), (folder / "test", 4)):
        stems = [f"{index:03d}" for index in range(count)]
        assert sorted(path.name for path in (part / "images").iterdir()) == [f"{stem}.jpg" for stem in stems]
        assert sorted(path.stem for path in (part / "truth" / "depth").iterdir()) == stems
        assert sorted(path.stem for path in (part / "truth" / "instance").iterdir()) == stems
        assert set(read_cameras_json(part / "truth" / "cameras.json").frames) == {f"{s}.jpg" for s in stems}
        for stem in stems:
            with Image.open(part / "images" / f"{stem}.jpg") as photo:
                assert photo.size == (640, 480) and not photo.getexif()
    assert not (folder / "cameras.json").exists(), "cameras must be found from the photos alone"


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_named_and_seen(name: str) -> None:
    objects = objects_of(CAPTURES / name)
    assert [entry["id"] for entry in objects] == list(range(1, NUM_OBJECTS[name] + 1))
    for entry in objects:
        assert entry["name"] and min(entry["size_m"]) > 0.005
        assert entry["views_visible"] >= 4 and entry["max_pixels"] >= 400, entry["name"]
    twins = [entry for entry in objects if entry["twin_group"] is not None]
    assert (
        len(twins) == 2 and twins[0]["size_m"] == twins[1]["size_m"] and twins[0]["name"] == twins[1]["name"]
    )
    assert sum(bool(entry["touching"]) for entry in objects) >= (4 if name == "desk" else 12)
    others = [entry["name"] for entry in objects if entry["twin_group"] is None]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("part", ["", "test"])
@pytest.mark.parametrize("name", NAMES)
def test_every_pixel_has_a_depth_and_a_listed_id(name: str, part: str) -> None:
    folder = CAPTURES / name / part
    record = json.loads((folder / "truth" / "objects.json").read_text())
    listed = {entry["id"] for entry in record["objects"]} | {entry["id"] for entry in record["structure"]}
    for index in range(4 if part else 12):
        _, depth, ids, _ = load_view(folder, index)
        assert depth.shape == ids.shape == (480, 640) and ids.dtype == np.uint16
        assert set(np.unique(ids)) <= listed | {0}
        assert np.array_equal(depth > 0, ids > 0)
        assert (ids > 0).mean() > 0.98
        assert depth[depth > 0].min() > 0.1 and depth.max() < 8


@pytest.mark.parametrize("name", NAMES)
def test_depth_and_ids_agree_between_views(name: str) -> None:
    """A point of one view lies on a surface of the other or behind one; on it, the id is the same."""
    folder = CAPTURES / name
    pairs = [(folder, a, folder, a + 1) for a in range(0, 11, 2)] + [(folder, 4, folder / "test", 1)]
    for source, a, target, b in pairs:
        camera, depth, ids, _ = load_view(source, a)
        other, other_depth, other_ids, _ = load_view(target, b)
        xy, expected = project(other, points_from_depth(camera, depth))
        column, row = np.floor(np.nan_to_num(xy, nan=-1)).astype(int).transpose(2, 0, 1)
        seen = (depth > 0) & (expected > 0) & (column >= 0) & (column < 640) & (row >= 0) & (row < 480)
        assert seen.mean() > 0.4
        there, expected = other_depth[row[seen], column[seen]], expected[seen]
        # Slanted surfaces change within a pixel, so the bound is on shares.
        assert (expected < there * 0.985).mean() < 0.02
        same = np.abs(expected / there - 1) < 0.004
        assert same.mean() > 0.6
        assert (ids[seen][same] == other_ids[row[seen], column[seen]][same]).mean() > 0.995


@pytest.mark.parametrize("name", NAMES)
def test_photos_agree_with_the_cameras_to_a_fraction_of_a_pixel(name: str) -> None:
    """Colours carried from view to view by depth fit best where the cameras say, not half a pixel beside."""
    camera, depth, _, photo = load_view(CAPTURES / name, 5)
    other, other_depth, _, other_photo = load_view(CAPTURES / name, 6)
    xy, expected = project(other, points_from_depth(camera, depth))
    x, y = (xy - 0.5).astype(np.float32).transpose(2, 0, 1)
    there = cv2.remap(other_depth.astype(np.float32), x, y, cv2.INTER_NEAREST)
    same = (there > 0) & (np.abs(expected / np.maximum(there, 1e-6) - 1) < 0.005)
    errors = {}
    for dx in (-0.5, 0.0, 0.5):
        for dy in (-0.5, 0.0, 0.5):
            at = (xy - 0.5 + (dx, dy)).astype(np.float32)
            carried = cv2.remap(other_photo, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
            errors[dx, dy] = np.abs(carried.astype(float) - photo)[same].mean()
    assert min(errors, key=lambda shift: errors[shift]) == (0.0, 0.0), errors
    assert errors[0.0, 0.0] < 10
