"""In the child process: what the matches of a pair say about the motion between two photos."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycolmap

from liftlab.components.geometry.projection import epipolar_errors


def pair_evidence(request: dict[str, Any], database: Path) -> tuple[list[int], list[dict[str, Any]]]:
    """Number of details per photo, and one entry (`liftlab.components.sfm.model.PairEvidence`) per verified pair."""
    index_of = {photo["path"]: index for index, photo in enumerate(request["photos"])}
    with pycolmap.Database.open(database) as db:
        images = db.read_all_images()
        photo_of_id = {image.image_id: index_of[image.name] for image in images}
        features = [0] * len(index_of)
        for image in images:
            features[photo_of_id[image.image_id]] = db.num_keypoints_for_image(image.image_id)
        pairs = [
            _evidence(db, request, photo_of_id, pycolmap.pair_id_to_image_pair(pair_id), geometry)
            for pair_id, geometry in _verified_pairs(db)
        ]
    return features, pairs


def _verified_pairs(db: pycolmap.Database) -> list[tuple[int, pycolmap.TwoViewGeometry]]:
    pair_ids, geometries = db.read_two_view_geometries()
    return [(i, g) for i, g in zip(pair_ids, geometries, strict=True) if len(g.inlier_matches)]


def _evidence(
    db: pycolmap.Database,
    request: dict[str, Any],
    photo_of_id: dict[int, int],
    image_ids: tuple[int, int],
    geometry: pycolmap.TwoViewGeometry,
) -> dict[str, Any]:
    kinds = pycolmap.TwoViewGeometryConfiguration
    flat = (kinds.PLANAR, kinds.PANORAMIC, kinds.PLANAR_OR_PANORAMIC)
    matches = np.asarray(geometry.inlier_matches)
    first, second = (
        db.read_keypoints(image_id)[matches[:, side], :2].astype(np.float64)
        for side, image_id in enumerate(image_ids)
    )
    indices = [photo_of_id[image_id] for image_id in image_ids]
    error = None
    if request["cameras_known"]:
        photos = [request["photos"][index] for index in indices]
        error = float(np.median(_epipolar_errors_px(first, second, *photos)))
    return {
        "first": indices[0],
        "second": indices[1],
        "matches": len(matches),
        "panoramic": geometry.config in flat,
        "rotation_error_px": rotation_error(first, second, *(request["photos"][i]["size"] for i in indices)),
        "median_shift_px": float(np.median(np.linalg.norm(first - second, axis=1))),
        "epipolar_error_px": error,
    }


def rotation_error(first: np.ndarray, second: np.ndarray, size_1: list[int], size_2: list[int]) -> float:
    """Median distance in pixels of matches [M, 2] from where a mere rotation of the camera would take them.

    The focal length that explains most is taken: 0.5 to 3 times the longer side, principal point in the
    middle.
    """
    best = np.inf
    for factor in np.geomspace(0.5, 3.0, 16):
        focal_1, focal_2 = factor * max(size_1), factor * max(size_2)
        rays_1 = _unit_rays(first, focal_1, size_1)
        rays_2 = _unit_rays(second, focal_2, size_2)
        u, _, vt = np.linalg.svd(rays_2.T @ rays_1)
        turned = rays_1 @ (u * [1, 1, np.sign(np.linalg.det(u @ vt))] @ vt).T
        expected = turned[:, :2] / np.maximum(turned[:, 2:], 1e-6) * focal_2 + np.array(size_2) / 2
        best = min(best, float(np.median(np.linalg.norm(expected - second, axis=1))))
    return best


def _unit_rays(xy: np.ndarray, focal: float, size: list[int]) -> np.ndarray:
    rays = np.concatenate([(xy - np.array(size) / 2) / focal, np.ones((len(xy), 1))], axis=1)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def _epipolar_errors_px(
    first: np.ndarray, second: np.ndarray, photo_1: dict[str, Any], photo_2: dict[str, Any]
) -> np.ndarray:
    """Distance in pixels of matches [M, 2] from their epipolar lines for given cameras."""
    rays = []
    for xy, photo in ((first, photo_1), (second, photo_2)):
        fx, fy, cx, cy, *distortion = photo["params"]
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        rays.append(cv2.undistortPoints(xy.reshape(-1, 1, 2), K, np.array(distortion))[:, 0])
    motion = np.array(photo_2["world_to_camera"]) @ np.linalg.inv(np.array(photo_1["world_to_camera"]))
    focal = 0.5 * (photo_1["params"][0] + photo_2["params"][0])
    return focal * epipolar_errors(rays[0], rays[1], motion)
