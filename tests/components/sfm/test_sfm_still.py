"""What stands still in the pictures while the rest moves is not matched; where all stands still, nothing changes."""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pycolmap
import pytest

from liftlab.components.sfm.worker.still import drop_still_matches, moving_only

WIDTH, HEIGHT, PHOTOS, THINGS, TEXT = 320, 240, 4, 80, 60


def database(folder: Path, *, moves: bool, still: int, wrong: int = 0) -> tuple[dict, Path]:
    """Photos of things seen from places side by side (or from one), with `still` details at one pixel in all, and the
    matches between them, `wrong` of which are of different things."""
    rng = np.random.default_rng(0)
    points = np.c_[rng.uniform(-1, 1, (THINGS, 2)), rng.uniform(2, 5, THINGS)]
    text = rng.uniform([10, 10], [WIDTH - 10, 40], (still, 2))
    (folder / "images").mkdir()
    names = [f"{index}.png" for index in range(PHOTOS)]
    for name in names:
        noise = rng.integers(0, 256, (12, 16), dtype=np.uint8)
        picture = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "images" / name), picture)
    path = folder / "database.db"
    pycolmap.Database.open(path).close()
    reader = pycolmap.ImageReaderOptions(camera_model="SIMPLE_RADIAL")
    pycolmap.import_images(path, folder / "images", pycolmap.CameraMode.PER_FOLDER, names, reader)
    with pycolmap.Database.open(path) as db:
        ids = {image.name: image.image_id for image in db.read_all_images()}
        for index, name in enumerate(names):
            seen = points - [0.25 * index * moves, 0, 0]
            xy = 300 * seen[:, :2] / seen[:, 2:] + [WIDTH / 2, HEIGHT / 2]
            db.write_keypoints(ids[name], np.r_[xy, text].astype(np.float32))
        for a, b in combinations(names, 2):
            rows = np.repeat(np.arange(THINGS + still)[:, None], 2, axis=1)
            rows[:wrong, 1] = rng.permutation(wrong)
            db.write_matches(ids[a], ids[b], rows.astype(np.uint32))
    request = {"photos": [{"path": name} for name in names], "seed": 0}
    return request, path


def matches(path: Path) -> list[np.ndarray]:
    with pycolmap.Database.open(path) as db:
        ids = [image.image_id for image in db.read_all_images()]
        return [np.asarray(db.read_matches(a, b)) for a, b in combinations(ids, 2)]


@pytest.mark.parametrize("still", [20, 60, 160])
def test_text_in_the_photos_is_left_out(tmp_path: Path, still: int) -> None:
    request, path = database(tmp_path, moves=True, still=still)
    share = drop_still_matches(request, tmp_path, path)
    assert share == pytest.approx(still / (THINGS + still), abs=0.02)
    for rows in matches(path):
        assert len(rows) == THINGS and (rows < THINGS).all()
    with pycolmap.Database.open(path) as db:
        _, geometries = db.read_two_view_geometries()
    assert all(len(geometry.inlier_matches) > 0.8 * THINGS for geometry in geometries)


@pytest.mark.parametrize(
    ("moves", "still", "wrong"), [(True, 0, 0), (True, 1, 0), (False, 60, 0), (False, 60, 40)]
)
def test_nothing_is_dropped_where_nothing_or_everything_stands_still(
    tmp_path: Path, moves: bool, still: int, wrong: int
) -> None:
    request, path = database(tmp_path, moves=moves, still=still, wrong=wrong)
    before = matches(path)
    assert drop_still_matches(request, tmp_path, path) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, matches(path), strict=True))
    first = second = np.zeros((3, 2))
    assert len(moving_only(tmp_path, first, second, np.array([[0, 0], [1, 1]]))) == 2


def test_copies_of_a_photo_are_no_still_content(tmp_path: Path) -> None:
    request, path = database(tmp_path, moves=False, still=0)
    for index in range(1, PHOTOS):
        (tmp_path / "images" / f"{index}.png").write_bytes((tmp_path / "images" / "0.png").read_bytes())
    assert drop_still_matches(request, tmp_path, path) == 0


def test_later_matches_are_without_it_too(tmp_path: Path) -> None:
    request, path = database(tmp_path, moves=True, still=TEXT)
    assert drop_still_matches(request, tmp_path, path) > 0
    first, second = np.array([[5.0, 5], [50, 50]]), np.array([[5.2, 5], [60, 50]])
    np.testing.assert_array_equal(moving_only(tmp_path, first, second, np.array([[0, 0], [1, 1]])), [[1, 1]])
