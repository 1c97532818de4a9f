"""In the child process: models of the matches in the database, or of poses that are given."""

from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from liftlab.components.progress import Progress
from liftlab.components.sfm.worker.features import MIN_PAIR_MATCHES

RELAXED_MAPPER = {"init_min_num_inliers": 30, "init_min_tri_angle": 4.0, "abs_pose_min_num_inliers": 15}
"""For few photos with little in common: about half of what the library asks for."""
REFINEMENTS = 2
"""Rounds of triangulation and bundle adjustment of poses that were put together."""


def incremental(
    request: dict[str, Any], folder: Path, database: Path, relaxed: bool, progress: Progress
) -> pycolmap.Reconstruction | None:
    """The largest model of the incremental mapper."""
    total, placed = len(request["photos"]), 2

    def report() -> None:
        nonlocal placed
        placed += 1
        progress(min(placed / total, 1), f"Placing camera {min(placed, total)} of {total}")

    options = _options(request)
    if relaxed:
        options.min_num_matches = MIN_PAIR_MATCHES
        options.triangulation.ignore_two_view_tracks = False
        for name, value in RELAXED_MAPPER.items():
            setattr(options.mapper, name, value)
    progress(0.0, f"Placing {total} cameras")
    models = pycolmap.incremental_mapping(
        database, folder / "images", _output(folder), options, next_image_callback=report
    )
    return _largest(models)


def all_at_once(request: dict[str, Any], folder: Path, database: Path) -> pycolmap.Reconstruction | None:
    """The largest model of the global mapper (GLOMAP)."""
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = request["num_threads"]
    options.random_seed = request["seed"]
    options.min_model_size = 2
    options.mapper.num_threads = request["num_threads"]
    options.mapper.random_seed = request["seed"]
    options.mapper.rotation_averaging.random_seed = request["seed"]
    options.mapper.global_positioning.random_seed = request["seed"]
    options.mapper.retriangulation.random_seed = request["seed"]
    return _largest(pycolmap.global_mapping(database, folder / "images", _output(folder), options))


def of_poses(
    request: dict[str, Any],
    folder: Path,
    database: Path,
    views: list[dict[str, Any]],
    *,
    refine: bool,
) -> pycolmap.Reconstruction:
    """Points of the matches under given cameras; `refine` adjusts cameras and points to each other.

    Args:
        views: Per camera `photo` (index), `params` of its lens and `world_to_camera`.
        refine: False leaves the cameras as they are.
    """
    reconstruction = pycolmap.Reconstruction()
    path_of = {index: photo["path"] for index, photo in enumerate(request["photos"])}
    with pycolmap.Database.open(database) as db:
        image_of = {image.name: image for image in db.read_all_images()}
        for view in views:
            image = image_of[path_of[view["photo"]]]
            if not reconstruction.exists_camera(image.camera_id):
                camera = db.read_camera(image.camera_id)
                if view["params"] is not None:
                    camera.params = view["params"]
                reconstruction.add_camera_with_trivial_rig(camera)
            pose = pycolmap.Rigid3d(np.array(view["world_to_camera"])[:3])
            reconstruction.add_image_with_trivial_frame(
                pycolmap.Image(name=image.name, camera_id=image.camera_id, image_id=image.image_id), pose
            )
    options = _options(request)
    options.triangulation.ignore_two_view_tracks = False
    for _ in range(REFINEMENTS if refine else 1):
        reconstruction = pycolmap.triangulate_points(
            reconstruction,
            database,
            folder / "images",
            _output(folder),
            options=options,
            refine_intrinsics=False,
        )
        if refine and reconstruction.num_points3D():
            pycolmap.bundle_adjustment(reconstruction, _adjustment(request))
    return reconstruction


def description(
    request: dict[str, Any], reconstruction: pycolmap.Reconstruction | None, path: Path
) -> dict[str, Any] | None:
    """Cameras of a model as JSON, its points in `path`; None for a model of fewer than two photos."""
    if reconstruction is None or reconstruction.num_reg_images() < 2:
        return None
    _write_points(reconstruction, _indices(request), path)
    error = reconstruction.compute_mean_reprojection_error() if reconstruction.num_points3D() else 0.0
    return {
        "views": views_of(request, reconstruction),
        "reprojection_error_px": float(error),
        "points": path.name,
    }


def views_of(request: dict[str, Any], reconstruction: pycolmap.Reconstruction) -> list[dict[str, Any]]:
    """Per placed photo `photo` (index), `params` of its lens and `world_to_camera`, in the order of the photos."""
    index_of = _indices(request)
    views = [
        {
            "photo": index_of[image.name],
            "params": [float(value) for value in reconstruction.cameras[image.camera_id].params],
            "world_to_camera": np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]]).tolist(),
        }
        for image in reconstruction.images.values()
        if image.has_pose
    ]
    return sorted(views, key=lambda view: view["photo"])


def _indices(request: dict[str, Any]) -> dict[str, int]:
    return {photo["path"]: index for index, photo in enumerate(request["photos"])}


def _write_points(reconstruction: pycolmap.Reconstruction, index_of: dict[str, int], path: Path) -> None:
    points = list(reconstruction.points3D.values())
    visible = np.zeros((len(index_of), len(points)), bool)
    photo_of_id = {image_id: index_of[image.name] for image_id, image in reconstruction.images.items()}
    for column, point in enumerate(points):
        for element in point.track.elements:
            visible[photo_of_id[element.image_id], column] = True
    np.savez(path, points=np.array([point.xyz for point in points]).reshape(-1, 3), visible=visible)


def _options(request: dict[str, Any]) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = 2
    options.num_threads = request["num_threads"]
    options.random_seed = request["seed"]
    options.mapper.random_seed = request["seed"]
    options.triangulation.random_seed = request["seed"]
    options.extract_colors = False
    return options


def _adjustment(request: dict[str, Any]) -> pycolmap.BundleAdjustmentOptions:
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.solver_options.num_threads = request["num_threads"]
    return options


def _largest(models: dict[int, pycolmap.Reconstruction]) -> pycolmap.Reconstruction | None:
    return max(
        models.values(), key=lambda model: (model.num_reg_images(), model.num_points3D()), default=None
    )


def _output(folder: Path) -> Path:
    """A fresh folder that the library may fill."""
    output = folder / f"model{len(list(folder.glob('model*')))}"
    output.mkdir()
    return output
