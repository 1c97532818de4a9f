"""Photos to a scene without weights: cameras, depth of every view, dominant planes.

Cameras come with the capture or from structure from motion; depth from multi-view stereo.
"""

import numpy as np
from jaxtyping import Bool

from liftlab.components.captures.capture import Capture, Photo, load_photo, load_used
from liftlab.components.errors import InputError
from liftlab.components.geometry.photo_masks import as_picture
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import undistort_photo
from liftlab.components.pointmaps.completion.completion import completed
from liftlab.components.pointmaps.stereo.multiview import MultiviewOptions, multiview_pointmap
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.sfm import (
    SfmOptions,
    SfmPhoto,
    SparseModel,
    estimate_cameras,
    reduced_photo,
    triangulate_known,
)
from liftlab.components.sfm.frame import up_direction
from liftlab.components.sfm.undistort import covered_by_photo, working_camera
from liftlab.components.types import Array, Camera, Lens, Plane, Pointmap, Scene, View
from liftlab.pipelines.steps.reconstruct.config import ReconstructConfig
from liftlab.pipelines.steps.reconstruct.report import Clock, ReconstructReport, depth_warnings


def reconstruct_by_photos(
    capture: Capture,
    config: ReconstructConfig,
    *,
    key: str,
    clock: Clock,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[Scene, ReconstructReport]:
    """`reconstruct` from all photos at once: cameras by structure from motion or as given, depth by multi-view stereo.

    Raises:
        InputError: The photos cannot be reconstructed; one sentence says why and what to do.
        RuntimeError: The camera estimation process died.
        Cancelled: `cancel` was set.
    """
    with clock.stage("load photos"):
        photos = _load_reduced(capture, config, part_of(progress, 0.0, 0.05), cancel)
    with clock.stage("cameras"):
        known = config.cameras == "auto" and capture.known_cameras is not None
        model = _cameras(capture, photos, known, config, part_of(progress, 0.05, 0.45), cancel)
    with clock.stage("working images"):
        progress(0.45, "Preparing the working images")
        views = _views(capture, model, config.max_side, cancel)
    with clock.stage("depth"):
        pointmap = _pointmap(views, model, config, part_of(progress, 0.47, 0.85), cancel)
    pixels = sum(view.camera.width * view.camera.height for view in views)
    share = float(pointmap.valid.sum() / pixels)
    warnings = [*model.warnings, *depth_warnings(share)]
    with clock.stage("planes"):
        cancel.check()
        progress(0.85, "Looking for the table, the floor and walls")
        centers = np.stack([view.camera.center for view in views])
        planes = find_planes(pointmap.points, centers, seed=config.seed)
    if config.complete:
        with clock.stage("bare surfaces"):
            pointmap = _completed(views, pointmap, planes, part_of(progress, 0.86, 0.99), cancel)
    missing = tuple(photo.name for photo in capture.photos if photo.name not in set(model.names))
    units = capture.known_cameras.units if known and capture.known_cameras is not None else "arbitrary"
    scene = Scene(
        views=views,
        pointmap=pointmap,
        key=key,
        planes=planes,
        units=units,
        up=up_direction(model.world_to_camera, planes),
        missing=missing,
        doubtful=model.doubtful,
        photo_sizes={photo.name: (photo.width, photo.height) for photo in capture.photos},
    )
    progress(1.0, "The scene is ready")
    report = ReconstructReport(
        registered=model.names,
        missing=missing,
        cameras_known=known,
        sparse_points=len(model.points),
        reprojection_error_px=model.reprojection_error_px,
        median_angle_deg=model.median_angle_deg,
        confirmed_share=share,
        filled_share=0.0 if pointmap.filled is None else float(pointmap.filled.sum() / pixels),
        stages=tuple(clock.stages),
        warnings=tuple(warnings),
        shares=model.shares,
        tried=model.tried,
    )
    return scene, report


def _load_reduced(
    capture: Capture, config: ReconstructConfig, progress: Progress, cancel: CancelToken
) -> list[SfmPhoto]:
    photos = []
    for index, photo in enumerate(capture.photos):
        cancel.check()
        progress(index / len(capture.photos), f"Reading photo {index + 1} of {len(capture.photos)}")
        pixels = load_photo(photo)
        photos.append(
            reduced_photo(
                photo.name,
                pixels,
                focal_px=photo.exif_focal_px,
                max_side=config.sfm_max_side,
                used=load_used(photo),
            )
        )
    return photos


def _cameras(
    capture: Capture,
    photos: list[SfmPhoto],
    known: bool,
    config: ReconstructConfig,
    progress: Progress,
    cancel: CancelToken,
) -> SparseModel:
    options = SfmOptions(
        config.sfm_max_side,
        config.sfm_max_features,
        seed=config.seed,
        keep_doubtful=config.doubtful == "keep",
    )
    if not known:
        return estimate_cameras(photos, options, progress=progress, cancel=cancel)
    assert capture.known_cameras is not None
    frames = capture.known_cameras.frames
    usable = [photo for photo in photos if photo.name in frames]
    if len(usable) < 2:
        raise InputError(
            f"The cameras given cover {len(usable)} of {len(photos)} photos; bring cameras for at least two, or "
            "reconstruct without them (--cameras none)."
        )
    return triangulate_known(
        usable,
        [frames[photo.name].lens for photo in usable],
        np.stack([frames[photo.name].world_to_camera for photo in usable]),
        options,
        progress=progress,
        cancel=cancel,
    )


def _views(capture: Capture, model: SparseModel, max_side: int, cancel: CancelToken) -> tuple[View, ...]:
    photo_of = {photo.name: photo for photo in capture.photos}
    views = []
    for name, lens, world_to_camera in zip(model.names, model.lenses, model.world_to_camera, strict=True):
        cancel.check()
        camera = working_camera(lens, world_to_camera, max_side)
        image = undistort_photo(load_photo(photo_of[name]), lens, camera)
        views.append(View(name, camera, image, lens, used_in_view(photo_of[name], lens, camera)))
    return tuple(views)


def used_in_view(photo: Photo, lens: Lens, camera: Camera) -> Bool[Array, "H W"] | None:
    """What of a working image counts by the photo's mask; None where all of it does."""
    used = load_used(photo)
    return None if used is None else undistort_photo(as_picture(used), lens, camera)[..., 0] > 127


def _pointmap(
    views: tuple[View, ...],
    model: SparseModel,
    config: ReconstructConfig,
    progress: Progress,
    cancel: CancelToken,
) -> Pointmap:
    options = MultiviewOptions(num_sources=config.num_sources, num_planes=config.num_planes)
    pointmap = multiview_pointmap(
        [view.image for view in views],
        [view.camera for view in views],
        model.points,
        model.visible,
        options,
        used=[view.used for view in views],
        progress=progress,
        cancel=cancel,
    )
    for index, view in enumerate(views):
        height, width = view.image.shape[:2]
        pointmap.valid[index, :height, :width] &= covered_by_photo(view.lens, view.camera)
    return pointmap


def _completed(
    views: tuple[View, ...],
    pointmap: Pointmap,
    planes: tuple[Plane, ...],
    progress: Progress,
    cancel: CancelToken,
) -> Pointmap:
    """Depth on bare surfaces as well, where the photos cover and count."""
    allowed = np.zeros(pointmap.valid.shape, bool)
    for index, view in enumerate(views):
        height, width = view.image.shape[:2]
        counts = covered_by_photo(view.lens, view.camera)
        allowed[index, :height, :width] = counts if view.used is None else counts & view.used
    return completed(
        pointmap,
        [view.image for view in views],
        [view.camera for view in views],
        planes,
        allowed=allowed,
        progress=progress,
        cancel=cancel,
    )
