"""Photos to a scene by pairs of them: by MASt3R or DUSt3R, then global alignment; or in WildSeg3D's order, where masks
of the photos come between the two, and pairs may be by stereo as well.

Source: DUSt3R (CVPR 2024, arXiv:2312.14132), section 3.4; WildSeg3D (ICCV 2025, arXiv:2503.08407); the alignment is
`liftlab.components.pointmaps.alignment.solve` or, by matches alone, `liftlab.components.pointmaps.alignment.sparse`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from liftlab.components.captures.capture import Capture, load_photo
from liftlab.components.errors import InputError
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import undistort_photo
from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.choices import WeightsConfig, dense_config, soft_masks_of
from liftlab.components.pointmaps.alignment.sift import with_sift_matches
from liftlab.components.pointmaps.alignment.solve import Alignment, align
from liftlab.components.pointmaps.alignment.sparse import SparseAlignmentConfig, align_sparse
from liftlab.components.pointmaps.pair_focal import shared_focal
from liftlab.components.pointmaps.pairs import (
    Edge,
    PairPredictor,
    PairResult,
    pair_graph,
    predict_pairs,
    shrunk,
)
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.sfm.frame import up_direction
from liftlab.components.sfm.undistort import covered_by_photo, working_camera
from liftlab.components.types import Array, Camera, Lens, Pointmap, Scene, View
from liftlab.pipelines.steps.reconstruct.config import ReconstructConfig
from liftlab.pipelines.steps.reconstruct.photo_masks import masks_of_photos
from liftlab.pipelines.steps.reconstruct.photos import used_in_view
from liftlab.pipelines.steps.reconstruct.report import Clock, ReconstructReport, depth_warnings

COMPLETE_VIEWS = 10
"""Up to this many photos every pair is looked at; of more, each photo with its neighbours in order."""
WINDOW = 4
ITERATIONS, PIXEL_STRIDE = 300, 2
FEWEST, MOST = 3, 9
"""Photos in WildSeg3D's order, as in its Table 4."""
GUESSED_FOCAL = 1.2
"""Focal length as a share of the longer side where neither EXIF data nor cameras tell; only where to start."""


def reconstruct_by_pairs(
    capture: Capture,
    config: ReconstructConfig,
    predictor: PairPredictor,
    *,
    key: str,
    device: str = "cpu",
    clock: Clock,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[Scene, ReconstructReport]:
    """Build the scene of a capture without structure from motion; few photos with little overlap will do.

    Cameras that came with the capture are kept, and depths are fitted to them. Without, lenses are taken as free of
    distortion. Pairs by stereo know their own relative pose from details of the two photos, and no more of cameras.

    Raises:
        InputError: The pairs do not connect the photos, no masks agree, or hardly any depth is confident.
        Cancelled: `cancel` was set.
    """
    known = config.cameras == "auto" and capture.known_cameras is not None
    with clock.stage("working images"):
        seen = _views(capture, known, _side(config, predictor), cancel)
        fixed = _fixed(capture, known)
        if config.pointmaps == "stereo" and fixed == "unknown":
            seen = _of_one_lens(seen, shared_focal(seen))
            fixed = "known_focal"  # pairs by stereo hold the lens they were made with, and tell nothing else of it
        views = tuple(shrunk(view, predictor.max_side) for view in seen)
    with clock.stage("pairs"):
        pairs, failures = predict_pairs(
            seen, graph_of(len(views)), predictor, progress=part_of(progress, 0.05, 0.6), cancel=cancel
        )
    masks = None
    if config.in_order_of_masks:
        with clock.stage("masks of the photos"):
            masks = masks_of_photos(
                views, pairs, config.photo_masks, key=key, threshold=predictor.conf_valid_threshold, device=device,
                progress=part_of(progress, 0.6, 0.75), cancel=cancel,
            )  # fmt: skip
    with clock.stage("alignment"):
        rest = part_of(progress, 0.75, 0.95)
        alignment = _align(views, pairs, config, fixed, predictor, masks, rest, cancel)
    with clock.stage("planes"):
        views, pointmap = _world(views, alignment, keep_frame=known)
        share = float(pointmap.valid.sum() / sum(view.camera.width * view.camera.height for view in views))
        warnings = depth_warnings(share)
        if failures:
            warnings.append(f"{len(failures)} of {len(failures) + len(pairs)} pairs of photos gave nothing.")
        progress(0.97, "Looking for the table, the floor and walls")
        centers = np.stack([view.camera.center for view in views])
        planes = find_planes(pointmap.points, centers, seed=config.seed)
    placed = {view.name for view in views}
    missing = tuple(photo.name for photo in capture.photos if photo.name not in placed)
    scene = Scene(
        views=views,
        pointmap=pointmap,
        key=key,
        planes=planes,
        units=capture.known_cameras.units if known and capture.known_cameras else "arbitrary",
        up=up_direction(np.stack([view.camera.world_to_camera for view in views]), planes),
        missing=missing,
        photo_sizes={photo.name: (photo.width, photo.height) for photo in capture.photos},
        photo_masks=masks,
    )
    progress(1.0, "The scene is ready")
    report = ReconstructReport(
        registered=tuple(view.name for view in views),
        missing=missing,
        cameras_known=known,
        sparse_points=0,
        reprojection_error_px=0.0,
        median_angle_deg=_widest_angle(centers, np.median(pointmap.points, axis=0)),
        confirmed_share=share,
        stages=tuple(clock.stages),
        warnings=tuple(warnings),
    )
    return scene, report


def _fixed(capture: Capture, known: bool) -> Literal["known", "known_focal", "unknown"]:
    """What of the cameras is not to be estimated."""
    if known:
        return "known"
    focals_known = all(photo.exif_focal_px is not None for photo in capture.photos)
    return "known_focal" if focals_known else "unknown"


def _align(
    views: tuple[View, ...],
    pairs: Mapping[Edge, PairResult],
    config: ReconstructConfig,
    cameras: Literal["known", "known_focal", "unknown"],
    predictor: PairPredictor,
    masks: MaskCache | None,
    progress: Progress,
    cancel: CancelToken,
) -> Alignment:
    """Put the pairs together as the configuration says; `masks` are there where they come first."""
    threshold = predictor.conf_valid_threshold
    if config.aligning.matching == "sift" and masks is not None:
        pairs = with_sift_matches(views, pairs)
    if config.alignment == "sparse_ga":
        sparse = SparseAlignmentConfig(
            cameras=cameras, matching_threshold=threshold, valid_confidence=threshold
        )
        return align_sparse(views, pairs, sparse, progress=progress, cancel=cancel)
    iterations, stride, method = ITERATIONS, PIXEL_STRIDE, config.alignment
    if masks is not None:
        iterations, stride = config.aligning.iterations, config.aligning.pixel_stride
    weights = config.aligning if masks is not None else WeightsConfig()
    dense = dense_config(
        weights, method, cameras=cameras, iterations=iterations, pixel_stride=stride, threshold=threshold
    )
    soft = None
    if method == "dga" and masks is not None:
        soft = soft_masks_of(masks, [(v.camera.height, v.camera.width) for v in views], weights)
    return align(views, pairs, dense, soft_masks=soft, progress=progress, cancel=cancel)


def check_number(capture: Capture) -> None:
    """Raise InputError where a capture has too few or too many photos for WildSeg3D's order."""
    count = len(capture.photos)
    takes = f"Masks first (WildSeg3D) takes {FEWEST} to {MOST} photos; '{capture.name}' has {count}"
    if count < FEWEST:
        raise InputError(f"{takes}: bring more that overlap.")
    if count > MOST:
        raise InputError(
            f"{takes}: bring some of them as a capture of their own, or reconstruct all of them without masks first "
            "(alignment=ga)."
        )


def _side(config: ReconstructConfig, predictor: PairPredictor) -> int:
    """Longer side of the photos that pairs are predicted from: stereo looks for details in larger ones than it matches
    densely."""
    return config.max_side if config.pointmaps == "stereo" else min(config.max_side, predictor.max_side)


def _of_one_lens(views: tuple[View, ...], share: float | None) -> tuple[View, ...]:
    """The views with a focal length of this share of the longer side; as they are where it is not known."""
    if share is None:
        return views
    out = []
    for view in views:
        camera, lens = view.camera, view.lens
        K, own = camera.K.copy(), lens.K.copy()
        K[0, 0] = K[1, 1] = share * max(camera.width, camera.height)
        own[0, 0] = own[1, 1] = share * max(lens.width, lens.height)
        placed = Camera(K, camera.world_to_camera, camera.width, camera.height)
        out.append(replace(view, camera=placed, lens=Lens(lens.width, lens.height, own)))
    return tuple(out)


def graph_of(num_views: int) -> list[Edge]:
    """Pairs to look at, each in both orders as the networks were trained."""
    if num_views <= COMPLETE_VIEWS:
        return pair_graph(num_views, "complete")
    return pair_graph(num_views, "window", window=WINDOW)


def _views(capture: Capture, known: bool, max_side: int, cancel: CancelToken) -> tuple[View, ...]:
    """Working images; cameras where they came with the capture, else only guessed focal lengths."""
    frames = capture.known_cameras.frames if known and capture.known_cameras is not None else {}
    views = []
    for photo in capture.photos:
        cancel.check()
        if known and photo.name not in frames:
            continue
        if known:
            lens, pose = frames[photo.name].lens, frames[photo.name].world_to_camera
        else:
            focal = photo.exif_focal_px or GUESSED_FOCAL * max(photo.width, photo.height)
            K = np.array([[focal, 0, photo.width / 2], [0, focal, photo.height / 2], [0, 0, 1.0]])
            lens, pose = Lens(photo.width, photo.height, K), np.eye(4)
        camera = working_camera(lens, pose, max_side)
        image = undistort_photo(load_photo(photo), lens, camera)
        views.append(View(photo.name, camera, image, lens, used_in_view(photo, lens, camera)))
    if len(views) < 2:
        raise InputError(
            "A scene needs at least two photos: bring more (with cameras, if you bring cameras)."
        )
    return tuple(views)


def _world(
    views: tuple[View, ...], alignment: Alignment, *, keep_frame: bool
) -> tuple[tuple[View, ...], Pointmap]:
    """Views with the cameras found and their points; without given cameras moved and scaled to a scene of size one."""
    points = [alignment.points(v) for v in range(len(views))]
    scale, origin = 1.0, np.zeros(3)
    if not keep_frame:
        seen = [p[valid] for p, valid in zip(points, alignment.valid, strict=True)]
        depths = [d[valid] for d, valid in zip(alignment.depths, alignment.valid, strict=True)]
        if sum(map(len, depths)) == 0:
            depth_warnings(0.0)
        scale = 1 / float(np.median(np.concatenate(depths)))
        origin = np.median(np.concatenate(seen), axis=0)
    shape = (len(views), *np.max([p.shape[:2] for p in points], axis=0))
    pts3d = np.zeros((*shape, 3), np.float32)
    conf, valid = np.ones(shape, np.float32), np.zeros(shape, bool)
    placed = []
    for v, (view, camera) in enumerate(zip(views, alignment.cameras, strict=True)):
        height, width = points[v].shape[:2]
        pts3d[v, :height, :width] = scale * (points[v] - origin)
        conf[v, :height, :width] = alignment.conf[v]
        valid[v, :height, :width] = alignment.valid[v] & covered_by_photo(view.lens, view.camera)
        if view.used is not None:
            valid[v, :height, :width] &= view.used
        pose = camera.world_to_camera.copy()
        pose[:3, 3] = scale * (pose[:3, 3] + pose[:3, :3] @ origin)
        moved = Camera(camera.K, pose, camera.width, camera.height)
        placed.append(
            replace(view, camera=moved, lens=_lens_of(view, camera) if not keep_frame else view.lens)
        )
    return tuple(placed), Pointmap(pts3d, conf, valid)


def _lens_of(view: View, camera: Camera) -> Lens:
    """The photo's intrinsics by the camera that was found for its working image."""
    grown = np.diag([view.lens.width / camera.width, view.lens.height / camera.height, 1.0])
    return Lens(view.lens.width, view.lens.height, grown @ camera.K)


def _widest_angle(centers: Float[Array, "V 3"], target: Float[Array, "3"]) -> float:
    """Degrees between the two cameras that see the middle of the scene from farthest apart."""
    rays = centers - target
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    return float(np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1))).max())
