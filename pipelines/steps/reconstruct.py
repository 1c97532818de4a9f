"""Photos to a scene without weights: cameras, depth of every view, dominant planes.

Cameras come with the capture or from structure from motion; depth from multi-view stereo.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np

from liftlab.components.bounds import Seed, within
from liftlab.components.captures.capture import Capture, load_photo
from liftlab.components.config_keys import LATER
from liftlab.components.errors import InputError
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import undistort_photo
from liftlab.components.pointmaps.stereo.multiview import MultiviewOptions, multiview_pointmap
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.sfm import (
    SfmOptions,
    SfmPhoto,
    SparseModel,
    estimate_cameras,
    reduced_photo,
    triangulate_known,
)
from liftlab.components.sfm.frame import normalised, up_direction
from liftlab.components.sfm.undistort import covered_by_photo, working_camera
from liftlab.components.types import Pointmap, Scene, View

STEP_VERSION = 1
"""Raised when the computation changes; part of the key of a scene."""
RELIABLE_SHARE, USELESS_SHARE = 0.2, 0.02
"""Share of pixels with confirmed depth below which depth is called unreliable, and below which there is no
scene."""


@dataclass(frozen=True)
class ReconstructConfig:
    """Choices of the reconstruction; the same for every capture."""

    max_side: Annotated[int, within(64, 8192)] = 640
    """Longer side of the working images, pixels. Time grows with its square."""
    cameras: Literal["auto", "none"] = "auto"
    """"auto" uses the cameras that came with the capture, if any; "none" estimates them from the photos."""
    sfm_max_side: Annotated[int, within(64, 8192)] = 1000
    """Longer side of the copies in which matching details are looked for, pixels."""
    sfm_max_features: Annotated[int, within(64, 100_000)] = 4096
    """Most details kept per photo."""
    num_sources: Annotated[int, within(1, 64)] = 4
    """Views from which the depth of a view is measured."""
    num_planes: Annotated[int, within(2, 2048)] = 128
    """Depths tried per pixel."""
    seed: Seed = 0
    """Of every random choice."""
    pointmaps: Literal["stereo", "mast3r", "dust3r"] = field(default="stereo", metadata=LATER)
    """Where depth comes from: structure from motion and multi-view stereo, without weights, or pairs by a network and
    their global alignment."""
    alignment: Literal["ga", "sparse_ga"] = field(default="ga", metadata=LATER)
    """How a network's pairs are put together: by all their pixels (DUSt3R), or by their matches alone (MASt3R)."""


@dataclass(frozen=True)
class StageTime:
    """How long one stage took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class ReconstructReport:
    """What happened, for people and for benchmarks."""

    registered: tuple[str, ...]
    missing: tuple[str, ...]
    cameras_known: bool
    sparse_points: int
    reprojection_error_px: float
    median_angle_deg: float
    confirmed_share: float
    """Share of view pixels whose depth other views confirm."""
    stages: tuple[StageTime, ...]
    warnings: tuple[str, ...] = ()
    """Sentences for people."""


@dataclass
class _Clock:
    stages: list[StageTime] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.stages.append(StageTime(name, time.perf_counter() - start))


def reconstruct(
    capture: Capture,
    config: ReconstructConfig | None = None,
    *,
    key: str,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[Scene, ReconstructReport]:
    """Build the scene of a capture.

    Args:
        capture: Photos, and cameras if they came with them.
        config: See `ReconstructConfig`.
        key: Content key of the result, kept in the scene.
        progress: Share of the whole and what is being done.
        cancel: Ends the work within about a second.

    Raises:
        InputError: The photos cannot be reconstructed; one sentence says why and what to do.
        RuntimeError: The camera estimation process died.
        Cancelled: `cancel` was set.
    """
    config, cancel = config or ReconstructConfig(), cancel or CancelToken()
    if config.pointmaps != "stereo":
        from liftlab.pipelines.steps.reconstruct_pairs import reconstruct_by_pairs

        return reconstruct_by_pairs(capture, config, key=key, progress=progress, cancel=cancel)
    clock = _Clock()
    with clock.stage("load photos"):
        photos = _load_reduced(capture, config, part_of(progress, 0.0, 0.05), cancel)
    with clock.stage("cameras"):
        known = config.cameras == "auto" and capture.known_cameras is not None
        model = _cameras(capture, photos, known, config, part_of(progress, 0.05, 0.45), cancel)
    with clock.stage("working images"):
        progress(0.45, "Preparing the working images")
        views = _views(capture, model, config.max_side, cancel)
    with clock.stage("depth"):
        pointmap = _pointmap(views, model, config, part_of(progress, 0.47, 0.95), cancel)
    share = float(pointmap.valid.sum() / sum(view.camera.width * view.camera.height for view in views))
    warnings = [*model.warnings, *depth_warnings(share)]
    with clock.stage("planes"):
        cancel.check()
        progress(0.95, "Looking for the table, the floor and walls")
        centers = np.stack([view.camera.center for view in views])
        planes = find_planes(pointmap.points, centers, seed=config.seed)
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
        stages=tuple(clock.stages),
        warnings=tuple(warnings),
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
            reduced_photo(photo.name, pixels, focal_px=photo.exif_focal_px, max_side=config.sfm_max_side)
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
    options = SfmOptions(config.sfm_max_side, config.sfm_max_features, seed=config.seed)
    if not known:
        return normalised(estimate_cameras(photos, options, progress=progress, cancel=cancel))
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
        views.append(View(name, camera, image, lens))
    return tuple(views)


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
        progress=progress,
        cancel=cancel,
    )
    for index, view in enumerate(views):
        height, width = view.image.shape[:2]
        pointmap.valid[index, :height, :width] &= covered_by_photo(view.lens, view.camera)
    return pointmap


def depth_warnings(share: float) -> list[str]:
    """What to say when few pixels have a depth to trust. Raises InputError when almost none has."""
    if share < USELESS_SHARE:
        raise InputError(
            f"Cameras were found but their depth is unreliable ({share:.0%} of the picture is confirmed by other "
            "photos); add sharp photos from places between these."
        )
    if share < RELIABLE_SHARE:
        return [
            f"Cameras were found but depth is unreliable ({share:.0%} of the picture is confirmed by other photos)."
        ]
    return []


__all__ = ["STEP_VERSION", "ReconstructConfig", "ReconstructReport", "StageTime", "reconstruct"]
