"""A splat file's scene: the views that were chosen when it was brought, with a point for every pixel of them."""

import time

import numpy as np

from liftlab.components.captures.capture import Capture, load_photo
from liftlab.components.gaussians.files import read_gaussians
from liftlab.components.gaussians.virtual_views import render_view
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import points_from_depth, undistort_photo
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.rasterize import tensors_from_gaussians, warm_up
from liftlab.components.sfm.frame import up_direction
from liftlab.components.sfm.undistort import working_camera
from liftlab.components.types import Pointmap, Scene, View
from liftlab.pipelines.steps.reconstruct.config import ReconstructConfig
from liftlab.pipelines.steps.reconstruct.report import ReconstructReport, StageTime

ODDS_MAX = 20.0


def scene_of_splats(
    capture: Capture,
    config: ReconstructConfig,
    *,
    key: str,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[Scene, ReconstructReport]:
    """Views, pointmap and planes of a capture that was a splat file; its Gaussians are the scene's own step.

    A pixel's point is the surface that its splats show; its confidence says how opaque and how unanimous they are.

    Raises:
        ValueError: The capture came from photos.
        Cancelled: The token was set.
    """
    if capture.splats is None or capture.known_cameras is None:
        raise ValueError(f"capture must hold splats and their views; '{capture.name}' holds photos only.")
    cancel = cancel or CancelToken()
    started = time.perf_counter()
    tensors = tensors_from_gaussians(read_gaussians(capture.splats))
    warm_up()
    views, points, conf, valid = [], [], [], []
    for number, photo in enumerate(capture.photos):
        cancel.check()
        progress(0.9 * number / len(capture.photos), f"Measuring depth in view {number + 1}")
        known = capture.known_cameras.frames[photo.name]
        camera = working_camera(known.lens, known.world_to_camera, config.max_side)
        views.append(
            View(photo.name, camera, undistort_photo(load_photo(photo), known.lens, camera), known.lens)
        )
        sight = render_view(tensors, camera)
        points.append(points_from_depth(camera, sight.surface.depth.astype(np.float64)))
        sure = sight.surface.alpha * sight.surface.agreement
        conf.append(1 + 0.5 * np.minimum(sure / np.maximum(1 - sure, 1e-6), ODDS_MAX))
        valid.append(sight.solid)
    pointmap = Pointmap(np.stack(points), np.stack(conf).astype(np.float32), np.stack(valid))
    cancel.check()
    progress(0.9, "Looking for the table, the floor and walls")
    centers = np.stack([view.camera.center for view in views])
    planes = find_planes(pointmap.points, centers, seed=config.seed)
    scene = Scene(
        views=tuple(views),
        pointmap=pointmap,
        key=key,
        planes=planes,
        up=up_direction(np.stack([view.camera.world_to_camera for view in views]), planes),
        photo_sizes={photo.name: (photo.width, photo.height) for photo in capture.photos},
    )
    report = ReconstructReport(
        registered=tuple(view.name for view in views),
        missing=(),
        cameras_known=True,
        sparse_points=len(tensors),
        reprojection_error_px=0.0,
        median_angle_deg=0.0,
        confirmed_share=float(pointmap.valid.mean()),
        stages=(StageTime("depth", time.perf_counter() - started),),
    )
    progress(1.0, "The scene is ready")
    return scene, report
