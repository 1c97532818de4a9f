"""Pointmaps of all views by multi-view stereo: sweep each view, keep what the others confirm, fuse, clean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from liftlab.components.geometry.photo_masks import shrunk_mask
from liftlab.components.geometry.projection import points_from_depth, scaled_intrinsics
from liftlab.components.pointmaps.stereo.consistency import Agreement, agreement_of
from liftlab.components.pointmaps.stereo.planesweep import SweepOptions, grey_image, sweep_depth
from liftlab.components.pointmaps.stereo.refinement import (
    RefineOptions,
    SlantedDepth,
    enlarged,
    refine_depth,
    slanted_from_sweep,
)
from liftlab.components.pointmaps.stereo.sources import depth_range, select_sources
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, Camera, Pointmap

ODDS = (-3.0, 1.1, 3.0)
"""Log odds of a depth within 1 %: constant, per confirming view, per unit of similarity."""


@dataclass(frozen=True)
class MultiviewOptions:
    """How depth is found and what is believed."""

    num_planes: int = 128
    """Depths tried per pixel in the first sweep."""
    num_sources: int = 4
    """Source views per view."""
    refine: RefineOptions = field(default_factory=RefineOptions)
    coarse_turns: int = 1
    """Rounds at half size in which views compare their depth maps."""
    fine_turns: int = 1
    """Rounds at full size."""
    min_confirming: int = 2
    """Views that must agree with a depth; 1 where a view has fewer than three sources."""
    min_similarity: float = 0.4


@dataclass(frozen=True)
class _Level:
    """All views at one size."""

    images: tuple[UInt8[Array, "_ _ 3"], ...]
    cameras: tuple[Camera, ...]
    refine: RefineOptions
    used: Sequence[Bool[Array, "_ _"] | None]
    """What of each image counts; None: all of it."""

    def depth(self, index: int, slanted: dict[int, SlantedDepth]) -> Float[Array, "H W"]:
        """Of a view, 0 where it is unknown or masked away: such depths say nothing to other views."""
        camera, used = self.cameras[index], self.used[index]
        if index not in slanted:
            return np.zeros((camera.height, camera.width), np.float32)
        depth = slanted[index].depth
        return depth if used is None else np.where(used, depth, np.float32(0))


@dataclass(frozen=True)
class CoarseDepths:
    """Depth of all views before the rounds at full size."""

    slanted: dict[int, SlantedDepth]
    """By view, where sparse points gave a range to look in."""
    sources: Sequence[Sequence[int]]
    """Per view the views it was measured from, best first."""


def coarse_depths(
    images: Sequence[UInt8[Array, "_ _ 3"]],
    cameras: Sequence[Camera],
    points: Float[Array, "N 3"],
    visible: Bool[Array, "V N"],
    options: MultiviewOptions | None = None,
    *,
    used: Sequence[Bool[Array, "_ _"] | None] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> CoarseDepths:
    """The first part of `multiview_pointmap`, which it does at half size: a sweep per view, then rounds.

    By itself, on small images, it is a quick look at how well cameras fit.
    """
    options, cancel = options or MultiviewOptions(), cancel or CancelToken()
    level = _Level(tuple(images), tuple(cameras), _coarse_refinement(options), used or [None] * len(images))
    sources = select_sources(cameras, points, visible, options.num_sources)
    reports = _reports(progress, len(cameras), 1 + options.coarse_turns, "roughly")
    slanted: dict[int, SlantedDepth] = {}
    for index, camera in enumerate(cameras):
        cancel.check()
        next(reports)
        limits = depth_range(camera, points, visible[index])
        if limits is not None and sources[index]:
            slanted[index] = _first_depth(index, level, sources[index], limits, options)
    for turn in range(options.coarse_turns):
        slanted = _compared(slanted, level, sources, turn + 1, reports, cancel)
    return CoarseDepths(slanted, sources)


def confirmed_depths(
    coarse: CoarseDepths,
    cameras: Sequence[Camera],
    options: MultiviewOptions | None = None,
    *,
    used: Sequence[Bool[Array, "_ _"] | None] | None = None,
    cancel: CancelToken | None = None,
) -> Pointmap:
    """Points of the coarse depths, valid where other views confirm them, as in `multiview_pointmap`."""
    options = options or MultiviewOptions()
    level = _Level((), tuple(cameras), options.refine, used or [None] * len(cameras))
    return _confirmed(coarse.slanted, level, coarse.sources, options, cancel or CancelToken())


def multiview_pointmap(
    images: Sequence[UInt8[Array, "_ _ 3"]],
    cameras: Sequence[Camera],
    points: Float[Array, "N 3"],
    visible: Bool[Array, "V N"],
    options: MultiviewOptions | None = None,
    *,
    used: Sequence[Bool[Array, "_ _"] | None] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Pointmap:
    """Depth of every view from the others, as world points with confidence and validity.

    At half size: a plane sweep per view, slanted windows, then rounds in which the views compare depths. At
    full size only the last rounds. At the end every depth is kept that other views confirm, averaged with
    theirs.

    Args:
        images: Undistorted RGB, of the cameras' sizes.
        cameras: World frame and scale of `points`.
        points: Sparse points: they give the depth range and the choice of sources.
        visible: Which views saw which point.
        options: See `MultiviewOptions`.
        used: What of each image counts, of its size; elsewhere no depth is kept, and none confirms another. None: all.
        progress: Per view.
        cancel: Checked between views.

    Returns:
        `valid` only where other views confirm the depth and nothing speaks against it. Elsewhere `pts3d`
        holds the best guess, at low confidence; pixels without any depth lie at their camera's centre with
        confidence 1.
    """
    options, cancel = options or MultiviewOptions(), cancel or CancelToken()
    halved = [_halved_camera(camera) for camera in cameras]
    small = [
        cv2.resize(image, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
        for image, camera in zip(images, halved, strict=True)
    ]
    first, used = part_of(progress, 0.0, 0.4), used or [None] * len(images)
    few = [
        None if mask is None else shrunk_mask(mask, camera.width, camera.height)
        for mask, camera in zip(used, halved, strict=True)
    ]
    coarse = coarse_depths(small, halved, points, visible, options, used=few, progress=first, cancel=cancel)
    fine = _Level(tuple(images), tuple(cameras), replace(options.refine, only_best_sources=True), used)
    slanted = {
        index: enlarged(found, fine.cameras[index].width, fine.cameras[index].height)
        for index, found in coarse.slanted.items()
    }
    reports = _reports(part_of(progress, 0.4, 0.95), len(cameras), options.fine_turns, "finely")
    for turn in range(options.fine_turns):
        seed = options.coarse_turns + turn + 1
        slanted = _compared(slanted, fine, coarse.sources, seed, reports, cancel)
    progress(0.95, "Keeping what several views confirm")
    return _confirmed(slanted, fine, coarse.sources, options, cancel)


def _halved_camera(camera: Camera) -> Camera:
    """The camera of the coarse level."""
    width, height = (camera.width + 1) // 2, (camera.height + 1) // 2
    K = scaled_intrinsics(camera.K, width / camera.width, height / camera.height)
    return Camera(K, camera.world_to_camera, width, height)


def _reports(progress: Progress, count: int, rounds: int, detail: str) -> Iterator[None]:
    """Report once per view and round."""
    for turn in range(rounds):
        for index in range(count):
            share = (turn * count + index) / (rounds * count)
            progress(share, f"Measuring depth {detail}, view {index + 1} of {count}")
            yield


def _coarse_refinement(options: MultiviewOptions) -> RefineOptions:
    """The window covers about as much of the scene as at full size."""
    sigma = options.refine.space_sigma / 2
    return replace(options.refine, radius=2, stride=1, space_sigma=sigma, only_best_sources=False)


def _first_depth(
    index: int, level: _Level, sources: Sequence[int], limits: tuple[float, float], options: MultiviewOptions
) -> SlantedDepth:
    """Sweep and refinement of one view by its pictures alone."""
    source_images, source_cameras = [level.images[j] for j in sources], [level.cameras[j] for j in sources]
    found = sweep_depth(
        grey_image(level.images[index]),
        level.cameras[index],
        [grey_image(image) for image in source_images],
        source_cameras,
        limits,
        SweepOptions(num_planes=options.num_planes),
    )
    start = slanted_from_sweep(found, limits, options.num_planes)
    return refine_depth(
        start, level.images[index], level.cameras[index], source_images, source_cameras, level.refine
    )


def _compared(
    slanted: dict[int, SlantedDepth],
    level: _Level,
    sources: Sequence[Sequence[int]],
    seed: int,
    reports: Iterator[None],
    cancel: CancelToken,
) -> dict[int, SlantedDepth]:
    """One round: every view refined with the depth maps that its sources had before the round."""
    depths = [level.depth(index, slanted) for index in range(len(level.cameras))]
    out = {}
    for index in range(len(level.cameras)):
        cancel.check()
        next(reports)
        if index not in slanted:
            continue
        out[index] = refine_depth(
            slanted[index],
            level.images[index],
            level.cameras[index],
            [level.images[j] for j in sources[index]],
            [level.cameras[j] for j in sources[index]],
            level.refine,
            source_depths=[depths[j] for j in sources[index]],
            seed=seed,
        )
    return out


def _confirmed(
    slanted: dict[int, SlantedDepth],
    level: _Level,
    sources: Sequence[Sequence[int]],
    options: MultiviewOptions,
    cancel: CancelToken,
) -> Pointmap:
    """Fuse the depth maps and judge every pixel."""
    cameras = level.cameras
    shape = (len(cameras), max(c.height for c in cameras), max(c.width for c in cameras))
    depths, similarity = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for index, found in slanted.items():
        rows, columns = slice(0, cameras[index].height), slice(0, cameras[index].width)
        depths[index, rows, columns] = level.depth(index, slanted)
        similarity[index, rows, columns] = np.clip(1 - found.cost, 0, 1)
        used = level.used[index]
        if used is not None:
            similarity[index, rows, columns][~used] = 0
    out = Pointmap(np.zeros((*shape, 3), np.float32), np.ones(shape, np.float32), np.zeros(shape, bool))
    for index, camera in enumerate(cameras):
        cancel.check()
        agreement = agreement_of(index, depths, cameras, others=range(len(cameras)))
        rows, columns = slice(0, camera.height), slice(0, camera.width)
        out.pts3d[index, rows, columns] = points_from_depth(camera, agreement.fused[rows, columns])
        out.conf[index] = confidence(agreement.confirmed, similarity[index])
        needed = options.min_confirming if len(sources[index]) > 2 else 1
        out.valid[index] = _is_valid(agreement, similarity[index], needed, options)
    return out


def confidence(confirmed: UInt8[Array, "H W"], similarity: Float[Array, "H W"]) -> Float[Array, "H W"]:
    """1 + odds / 2 of the depth lying within 1 % of the truth, so that even odds give 1.5; at most 51."""
    constant, per_view, per_similarity = ODDS
    log_odds = constant + per_view * np.minimum(confirmed, 4) + per_similarity * similarity
    return np.where(similarity > 0, 1 + 0.5 * np.exp(np.minimum(log_odds, np.log(100))), 1).astype(np.float32)


def _is_valid(
    agreement: Agreement, similarity: Float[Array, "H W"], needed: int, options: MultiviewOptions
) -> Bool[Array, "H W"]:
    return (
        (agreement.confirmed >= needed)
        & (agreement.contradicted <= agreement.confirmed)
        & (similarity >= options.min_similarity)
    )


def warm_up(*, progress: Progress = no_progress, cancel: CancelToken | None = None) -> None:
    """Compile every kernel on a tiny scene, so that the first reconstruction does not wait for it.

    About 20 seconds on a fresh installation, then loaded from numba's cache.
    """
    progress(0.0, "Preparing depth measurement (once after installation)")
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    cameras = []
    for shift in (0.0, 0.1, 0.2):
        pose = np.eye(4)
        pose[0, 3] = -shift
        cameras.append(Camera(K, pose, 64, 48))
    points = rng.uniform([-0.5, -0.4, 1], [0.5, 0.4, 2], (40, 3))
    multiview_pointmap([image] * 3, cameras, points, np.ones((3, 40), bool), cancel=cancel)
    progress(1.0, "Depth measurement is ready")
