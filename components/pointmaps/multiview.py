"""Pointmaps of all views by multi-view stereo: sweep each view, keep what the others confirm, fuse, clean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from components.geometry import points_from_depth
from components.pointmaps.consistency import Agreement, agreement_of
from components.pointmaps.planesweep import DepthMap, SweepOptions, grey_image, sweep_depth
from components.pointmaps.sources import depth_range, select_sources
from components.progress import CancelToken, Progress, no_progress
from components.types import Array, Camera, Pointmap

ODDS = (-3.0, 1.1, 3.0)
"""Log odds of a depth within 1 %: constant, per confirming view, per unit of similarity."""


@dataclass(frozen=True)
class MultiviewOptions:
    """How depth is found and what is believed."""

    num_planes: int = 128
    """Depths tried per pixel."""
    num_sources: int = 4
    """Source views per view."""
    min_confirming: int = 2
    """Views that must agree with a depth; 1 where a view has fewer than three sources."""
    min_similarity: float = 0.4


def multiview_pointmap(
    images: Sequence[UInt8[Array, "_ _ 3"]],
    cameras: Sequence[Camera],
    points: Float[Array, "N 3"],
    visible: Bool[Array, "V N"],
    options: MultiviewOptions | None = None,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Pointmap:
    """Depth of every view from the others, as world points with confidence and validity.

    Args:
        images: Undistorted RGB, of the cameras' sizes.
        cameras: World frame and scale of `points`.
        points: Sparse points: they give the depth range and the choice of sources.
        visible: Which views saw which point.
        options: See `MultiviewOptions`.
        progress: Per view.
        cancel: Checked between views.

    Returns:
        `valid` only where other views confirm the depth and nothing speaks against it. Elsewhere `pts3d` holds the
        best guess, at low confidence; pixels without any depth lie at their camera's centre with confidence 1.
    """
    options = options or MultiviewOptions()
    cancel = cancel or CancelToken()
    greys = [grey_image(image) for image in images]
    sources = select_sources(cameras, points, visible, options.num_sources)
    height, width = max(c.height for c in cameras), max(c.width for c in cameras)
    depths = np.zeros((len(cameras), height, width), np.float32)
    similarity = np.zeros_like(depths)
    for index, camera in enumerate(cameras):
        cancel.check()
        progress(0.9 * index / len(cameras), f"Measuring depth in view {index + 1} of {len(cameras)}")
        limits = depth_range(camera, points, visible[index])
        if limits is None or not sources[index]:
            continue
        found = _view_depth(index, greys, cameras, sources[index], limits, options)
        depths[index, : camera.height, : camera.width] = found.depth
        similarity[index, : camera.height, : camera.width] = found.similarity
    out = Pointmap(
        np.zeros((*depths.shape, 3), np.float32), np.ones_like(depths), np.zeros(depths.shape, bool)
    )
    for index, camera in enumerate(cameras):
        cancel.check()
        progress(0.9 + 0.1 * index / len(cameras), f"Checking depth of view {index + 1} of {len(cameras)}")
        agreement = agreement_of(index, depths, cameras, others=range(len(cameras)))
        rows, columns = slice(0, camera.height), slice(0, camera.width)
        out.pts3d[index, rows, columns] = points_from_depth(camera, agreement.fused[rows, columns])
        out.conf[index] = confidence(agreement.confirmed, similarity[index])
        needed = options.min_confirming if len(sources[index]) > 2 else 1
        out.valid[index] = _is_valid(agreement, similarity[index], needed, options)
    progress(1.0, "Depth is done")
    return out


def confidence(confirmed: UInt8[Array, "H W"], similarity: Float[Array, "H W"]) -> Float[Array, "H W"]:
    """1 + odds / 2 of the depth lying within 1 % of the truth, so that even odds give 1.5; at most 51."""
    constant, per_view, per_similarity = ODDS
    log_odds = constant + per_view * np.minimum(confirmed, 4) + per_similarity * similarity
    return np.where(similarity > 0, 1 + 0.5 * np.exp(np.minimum(log_odds, np.log(100))), 1).astype(np.float32)


def _view_depth(
    index: int,
    greys: Sequence[Float[Array, "_ _"]],
    cameras: Sequence[Camera],
    sources: Sequence[int],
    limits: tuple[float, float],
    options: MultiviewOptions,
) -> DepthMap:
    return sweep_depth(
        greys[index],
        cameras[index],
        [greys[j] for j in sources],
        [cameras[j] for j in sources],
        limits,
        SweepOptions(num_planes=options.num_planes),
    )


def _is_valid(
    agreement: Agreement, similarity: Float[Array, "H W"], needed: int, options: MultiviewOptions
) -> Bool[Array, "H W"]:
    return (
        (agreement.confirmed >= needed)
        & (agreement.contradicted <= agreement.confirmed)
        & (similarity >= options.min_similarity)
    )
