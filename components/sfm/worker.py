"""Camera estimation in a child process (`liftlab.components.processes.child`).

pycolmap may abort the process it runs in, so it never runs in the lab's own. The folder that the request names holds
`images/`, and `points.npz` afterwards.
"""

import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycolmap

from liftlab.components.progress import Progress

RELAXED_MAPPER = {"init_min_num_inliers": 30, "init_min_tri_angle": 4.0, "abs_pose_min_num_inliers": 15}
"""Second attempt, for few photos with little overlap."""
RELAXED_MIN_MATCHES = 12


def main(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run the `request` (`liftlab.components.sfm.child`) in the `folder`.

    A signal to end goes to everything in a terminal or a service. Only the parent acts on it: it ends this process,
    and what it then says is that it was stopped, not that this process died.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    pycolmap.logging.minloglevel = 2
    request, folder = arguments["request"], Path(arguments["folder"])
    pycolmap.set_random_seed(request["seed"])
    database = folder / "database.db"
    _extract(request, folder, database, progress)
    progress(0.45, f"Comparing {len(request['photos'])} photos with each other")
    _match(request, database)
    if request["cameras_known"]:
        progress(0.75, "Placing points with the given cameras")
        reconstruction = _triangulate(request, folder, database)
    else:
        reconstruction = _map(request, folder, database, progress)
    return _result(request, folder, database, reconstruction)


def _extract(request: dict[str, Any], folder: Path, database: Path, progress: Progress) -> None:
    photos, images = request["photos"], folder / "images"
    model = "OPENCV" if request["cameras_known"] else "SIMPLE_RADIAL"
    names = [photo["path"] for photo in photos]
    pycolmap.Database.open(database).close()
    pycolmap.import_images(
        database,
        images,
        pycolmap.CameraMode.PER_FOLDER,
        names,
        pycolmap.ImageReaderOptions(camera_model=model),
    )
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
        progress(0.45 * start / len(names), f"Looking for details in photo {start + 1} of {len(names)}")
        pycolmap.extract_features(
            database,
            images,
            names[start : start + batch],
            pycolmap.CameraMode.PER_FOLDER,
            pycolmap.ImageReaderOptions(camera_model=model),
            options,
            pycolmap.Device.cpu,
        )


def _match(request: dict[str, Any], database: Path) -> None:
    matching = pycolmap.FeatureMatchingOptions()
    matching.num_threads = request["num_threads"]
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = request["seed"]
    verification.min_num_inliers = RELAXED_MIN_MATCHES
    pycolmap.match_exhaustive(
        database, matching, verification_options=verification, device=pycolmap.Device.cpu
    )


def _mapping_options(request: dict[str, Any]) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = 2
    options.num_threads = request["num_threads"]
    options.random_seed = request["seed"]
    options.mapper.random_seed = request["seed"]
    options.triangulation.random_seed = request["seed"]
    options.extract_colors = False
    return options


def _map(
    request: dict[str, Any], folder: Path, database: Path, progress: Progress
) -> pycolmap.Reconstruction | None:
    """The largest model of the default mapper; when photos are left over, the better of it and a relaxed
    one."""
    total = len(request["photos"])
    placed = 2

    def report() -> None:
        nonlocal placed
        placed += 1
        progress(0.7 + 0.25 * min(placed / total, 1), f"Placing camera {min(placed, total)} of {total}")

    best: pycolmap.Reconstruction | None = None
    for attempt, relaxed in enumerate((False, True)):
        options = _mapping_options(request)
        if relaxed:
            options.min_num_matches = RELAXED_MIN_MATCHES
            options.triangulation.ignore_two_view_tracks = False
            for name, value in RELAXED_MAPPER.items():
                setattr(options.mapper, name, value)
        output = folder / f"attempt{attempt}"
        output.mkdir()
        placed = 2
        progress(0.7, f"Placing {total} cameras")
        models = pycolmap.incremental_mapping(
            database, folder / "images", output, options, next_image_callback=report
        )
        for model in models.values():
            if best is None or _rank(model) > _rank(best):
                best = model
        if best is not None and best.num_reg_images() == total:
            break
    return best


def _rank(model: pycolmap.Reconstruction) -> tuple[int, int]:
    return model.num_reg_images(), model.num_points3D()


def _triangulate(request: dict[str, Any], folder: Path, database: Path) -> pycolmap.Reconstruction:
    """Points of the matches under the given cameras, which stay as they are."""
    reconstruction = pycolmap.Reconstruction()
    pose_of = {photo["path"]: photo["world_to_camera"] for photo in request["photos"]}
    with pycolmap.Database.open(database) as db:
        for image in db.read_all_images():
            camera = db.read_camera(image.camera_id)
            if not reconstruction.exists_camera(camera.camera_id):
                reconstruction.add_camera_with_trivial_rig(camera)
            pose = pycolmap.Rigid3d(np.array(pose_of[image.name])[:3])
            reconstruction.add_image_with_trivial_frame(
                pycolmap.Image(name=image.name, camera_id=image.camera_id, image_id=image.image_id), pose
            )
    output = folder / "triangulated"
    output.mkdir()
    options = _mapping_options(request)
    options.triangulation.ignore_two_view_tracks = False
    return pycolmap.triangulate_points(
        reconstruction, database, folder / "images", output, options=options, refine_intrinsics=False
    )


def _result(
    request: dict[str, Any], folder: Path, database: Path, reconstruction: pycolmap.Reconstruction | None
) -> dict[str, Any]:
    index_of = {photo["path"]: index for index, photo in enumerate(request["photos"])}
    with pycolmap.Database.open(database) as db:
        images = db.read_all_images()
        photo_of_id = {image.image_id: index_of[image.name] for image in images}
        features = [0] * len(index_of)
        for image in images:
            features[photo_of_id[image.image_id]] = db.num_keypoints_for_image(image.image_id)
        pairs = [
            _pair_evidence(db, request, photo_of_id, pycolmap.pair_id_to_image_pair(pair_id), geometry)
            for pair_id, geometry in _verified_pairs(db)
        ]
    result: dict[str, Any] = {"num_features": features, "pairs": pairs, "views": None}
    if reconstruction is not None and reconstruction.num_reg_images() >= 2:
        result["views"] = _views(reconstruction, index_of)
        result["reprojection_error_px"] = (
            float(reconstruction.compute_mean_reprojection_error()) if reconstruction.num_points3D() else 0.0
        )
        _write_points(reconstruction, index_of, folder / "points.npz")
    return result


def _verified_pairs(db: pycolmap.Database) -> list[tuple[int, pycolmap.TwoViewGeometry]]:
    pair_ids, geometries = db.read_two_view_geometries()
    return [(i, g) for i, g in zip(pair_ids, geometries, strict=True) if len(g.inlier_matches)]


def _pair_evidence(
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
        error = float(np.median(epipolar_errors(first, second, *photos)))
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


def epipolar_errors(
    first: np.ndarray, second: np.ndarray, photo_1: dict[str, Any], photo_2: dict[str, Any]
) -> np.ndarray:
    """Distance in pixels of matches [M, 2] from their epipolar lines (root of Sampson's error) for given
    cameras."""
    rays = []
    for xy, photo in ((first, photo_1), (second, photo_2)):
        fx, fy, cx, cy, *distortion = photo["params"]
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        flat = cv2.undistortPoints(xy.reshape(-1, 1, 2), K, np.array(distortion))[:, 0]
        rays.append(np.concatenate([flat, np.ones((len(flat), 1))], axis=1))
    pose_1, pose_2 = np.array(photo_1["world_to_camera"]), np.array(photo_2["world_to_camera"])
    second_from_first = pose_2 @ np.linalg.inv(pose_1)
    tx, ty, tz = second_from_first[:3, 3]
    E = np.array([[0, -tz, ty], [tz, 0, -tx], [-ty, tx, 0]]) @ second_from_first[:3, :3]
    line_2, line_1 = rays[0] @ E.T, rays[1] @ E
    residual = (rays[1] * line_2).sum(axis=1)
    slope = (line_1[:, :2] ** 2).sum(axis=1) + (line_2[:, :2] ** 2).sum(axis=1)
    focal = 0.5 * (photo_1["params"][0] + photo_2["params"][0])
    return np.abs(residual) / np.sqrt(np.maximum(slope, 1e-20)) * focal


def _views(reconstruction: pycolmap.Reconstruction, index_of: dict[str, int]) -> list[dict[str, Any]]:
    views = []
    for image in reconstruction.images.values():
        if image.has_pose:
            camera = reconstruction.cameras[image.camera_id]
            views.append(
                {
                    "photo": index_of[image.name],
                    "params": [float(value) for value in camera.params],
                    "world_to_camera": np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]]).tolist(),
                }
            )
    return sorted(views, key=lambda view: view["photo"])


def _write_points(reconstruction: pycolmap.Reconstruction, index_of: dict[str, int], path: Path) -> None:
    points = list(reconstruction.points3D.values())
    visible = np.zeros((len(index_of), len(points)), bool)
    photo_of_id = {image_id: index_of[image.name] for image_id, image in reconstruction.images.items()}
    for column, point in enumerate(points):
        for element in point.track.elements:
            visible[photo_of_id[element.image_id], column] = True
    xyz = np.array([point.xyz for point in points]).reshape(-1, 3)
    np.savez(path, points=xyz, visible=visible)
