"""In the child process: details of every photo, and matches between all pairs, in the database."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from liftlab.components.geometry.photo_masks import MASKS_FOLDER, load_mask
from liftlab.components.progress import Progress

MIN_PAIR_MATCHES = 12
"""Fewest matches that agree with one relative motion for a pair to count. The mappers ask for more of their own;
placing a single photo does not, since the pictures themselves must confirm its place."""


def extract(request: dict[str, Any], folder: Path, database: Path, progress: Progress) -> None:
    """SIFT details of all photos, the photos' lenses as far as they are known."""
    photos, images = request["photos"], folder / "images"
    model = "OPENCV" if request["cameras_known"] else "SIMPLE_RADIAL"
    names = [photo["path"] for photo in photos]
    pycolmap.Database.open(database).close()
    reader = pycolmap.ImageReaderOptions(camera_model=model)
    if (folder / MASKS_FOLDER).is_dir():
        reader.mask_path = folder / MASKS_FOLDER
    pycolmap.import_images(database, images, pycolmap.CameraMode.PER_FOLDER, names, reader)
    with pycolmap.Database.open(database) as db:
        camera_of = {image.name: image.camera_id for image in db.read_all_images()}
        for photo in photos:
            camera = db.read_camera(camera_of[photo["path"]])
            if photo["params"] is not None:
                camera.params = photo["params"]
            elif photo["focal_px"] is not None:
                camera.focal_length = photo["focal_px"]
            camera.has_prior_focal_length = photo["params"] is not None or photo["focal_px"] is not None
            db.update_camera(camera)
    options = pycolmap.FeatureExtractionOptions()
    options.num_threads = request["num_threads"]
    options.sift.max_num_features = request["max_features"]
    options.sift.peak_threshold = request["peak_threshold"]
    batch = max(request["num_threads"], 1)
    for start in range(0, len(names), batch):
        progress(start / len(names), f"Looking for details in photo {start + 1} of {len(names)}")
        pycolmap.extract_features(
            database,
            images,
            names[start : start + batch],
            pycolmap.CameraMode.PER_FOLDER,
            reader,
            options,
            pycolmap.Device.cpu,
        )


def in_sight(folder: Path, path: str, xy: np.ndarray) -> np.ndarray:
    """Which places [N, 2] (pixels, centres at whole numbers) of a photo its mask does not leave out."""
    mask = folder / MASKS_FOLDER / f"{path}.png"
    if not mask.is_file():
        return np.ones(len(xy), bool)
    used = load_mask(mask)
    at = np.clip(np.round(xy).astype(int), 0, np.array(used.shape[::-1]) - 1)
    return used[at[:, 1], at[:, 0]]


def places_of(db: pycolmap.Database, image_id: int) -> np.ndarray:
    """Places [N, 2] of a photo's details; the library gives those of a photo without any no columns."""
    return db.read_keypoints(image_id)[:, :2].reshape(-1, 2)


def match(request: dict[str, Any], database: Path) -> None:
    """Match all pairs of photos and keep what agrees with one relative motion."""
    matching = pycolmap.FeatureMatchingOptions()
    matching.num_threads = request["num_threads"]
    pycolmap.match_exhaustive(
        database, matching, verification_options=verification(request), device=pycolmap.Device.cpu
    )


def verification(request: dict[str, Any]) -> pycolmap.TwoViewGeometryOptions:
    """How matches of a pair are checked."""
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.random_seed = request["seed"]
    options.min_num_inliers = MIN_PAIR_MATCHES
    return options


def write_matches(request: dict[str, Any], database: Path, path: Path) -> None:
    """All matches, unchecked ones too, as arrays: `pairs` [P, 2] indices of photos, `offsets` [P + 1] into `xy`
    [M, 4], pixels of the reduced copies, first photo then second.

    A pair that shows two equal things has two motions; the check keeps one, and it may be the wrong one.
    """
    index_of = {photo["path"]: index for index, photo in enumerate(request["photos"])}
    pairs, parts = [], []
    with pycolmap.Database.open(database) as db:
        ids = {index_of[image.name]: image.image_id for image in db.read_all_images()}
        keypoints = {index: places_of(db, image_id) for index, image_id in ids.items()}
        for first in range(len(ids)):
            for second in range(first + 1, len(ids)):
                if not db.exists_matches(ids[first], ids[second]):
                    continue
                matches = np.asarray(db.read_matches(ids[first], ids[second]))
                if len(matches):
                    pairs.append((first, second))
                    parts.append(
                        np.hstack([keypoints[first][matches[:, 0]], keypoints[second][matches[:, 1]]])
                    )
    np.savez(
        path,
        pairs=np.array(pairs, np.int64).reshape(-1, 2),
        offsets=np.cumsum([0, *map(len, parts)]),
        xy=np.concatenate([np.zeros((0, 4)), *parts]).astype(np.float32),
    )


def add_matches(
    request: dict[str, Any],
    folder: Path,
    database: Path,
    keypoints: list[np.ndarray],
    found: dict[tuple[int, int], np.ndarray],
) -> None:
    """Append details to those of the photos, and matches of pairs to those that are there; then check these pairs.

    Args:
        keypoints: Per photo [N, 2], pixels of the reduced copies, centres at whole numbers.
        found: By pair of photos, rows [M, 2] of indices of `keypoints`.
    """
    with pycolmap.Database.open(database) as db:
        id_of = {image.name: image.image_id for image in db.read_all_images()}
        ids = [id_of[photo["path"]] for photo in request["photos"]]
        offsets = []
        for image_id, xy in zip(ids, keypoints, strict=True):
            before = db.read_keypoints(image_id)
            before = before.reshape(-1, before.shape[1] or 4)
            offsets.append(len(before))
            rows = np.zeros((len(xy), before.shape[1]), np.float32)
            rows[:, :2] = xy + 0.5  # pixel centres are at .5 in COLMAP
            if before.shape[1] == 6:  # x, y and an affine shape
                rows[:, [2, 5]] = 1
            db.update_keypoints(image_id, np.concatenate([before, rows]).astype(np.float32))
        for (first, second), matches in found.items():
            key = ids[first], ids[second]
            rows = matches + np.array([offsets[first], offsets[second]], np.uint32)
            if db.exists_matches(*key):
                rows = np.concatenate([db.read_matches(*key), rows])
                db.delete_matches(*key)
            if db.exists_two_view_geometry(*key):
                db.delete_two_view_geometry(*key)
            db.write_matches(*key, rows.astype(np.uint32))
    listing = folder / "pairs.txt"
    paths = [photo["path"] for photo in request["photos"]]
    listing.write_text(
        "\n".join(f"{paths[first]} {paths[second]}" for first, second in found), encoding="utf-8"
    )
    pycolmap.verify_matches(database, listing, verification(request))


def followed_only(request: dict[str, Any], folder: Path, database: Path, path: Path) -> Path:
    """A copy of the database with the matches of `path` instead of its own: `details` [N, 2] with `starts` per photo,
    `pairs` [P, 2] with `offsets` into `rows` [M, 2] (`liftlab.components.sfm.dense`).
    """
    copy = path.with_suffix(".db")
    shutil.copyfile(database, copy)
    with pycolmap.Database.open(copy) as db:
        db.clear_matches()
        db.clear_two_view_geometries()
    with np.load(path) as arrays:
        details = np.split(arrays["details"] - 0.5, arrays["starts"][1:-1])
        rows = np.split(arrays["rows"].astype(np.uint32), arrays["offsets"][1:-1])
        found = {(int(a), int(b)): part for (a, b), part in zip(arrays["pairs"], rows, strict=True)}
    add_matches(request, folder, copy, details, found)
    return copy
