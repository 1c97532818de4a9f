"""GA, DGA or sparse GA over the photos of a reconstructed scene, as a second opinion on its pointmap.

Every pair is predicted from its two photos alone; the alignment then ties the pairs to the scene's cameras. Where its
depth and the reconstruction's contradict each other, the point is not to be trusted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import project
from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.choices import (
    SceneAlignmentConfig,
    dense_config,
    soft_masks_of,
)
from liftlab.components.pointmaps.alignment.sift import with_sift_matches
from liftlab.components.pointmaps.alignment.solve import Alignment, align
from liftlab.components.pointmaps.alignment.sparse import SparseAlignmentConfig, align_sparse
from liftlab.components.pointmaps.pairs import (
    Edge,
    PairFailure,
    PairPredictor,
    nearby_graph,
    pair_graph,
    predict_pairs,
    shrunk,
)
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, Scene


@dataclass(frozen=True)
class SceneAlignment:
    """The aligned depths of a scene, and what they say about its points."""

    alignment: Alignment
    contradicted: Bool[Array, "N"]
    """Points of `Pointmap.points` whose depth differs from a valid aligned depth."""
    failures: Mapping[Edge, PairFailure]
    """Pairs that gave nothing, and why."""


def align_scene(
    scene: Scene,
    masks: MaskCache,
    predictor: PairPredictor,
    *,
    method: Literal["ga", "dga", "sparse_ga"],
    config: SceneAlignmentConfig,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> SceneAlignment:
    """Predict pairs of neighbouring photos and align them to the scene's cameras.

    GA weighs by ln C, as DUSt3R's optimiser does: many pixels of weight-free pairs know nothing (C close to 1). Sparse
    GA moves nothing but depths then, and does not look at what `config` says of iterations and pixels.

    Raises:
        InputError: No pair of photos could be matched.
        Cancelled: `cancel` was set.
    """
    views = [shrunk(view, predictor.max_side) for view in scene.views]
    cameras = [view.camera for view in views]
    points = scene.pointmap.points
    if len(points) == 0:
        raise InputError("The scene has no points: reconstruct it again with more photos that overlap.")
    target = np.median(points[:: max(1, len(points) // 20000)], axis=0).astype(np.float64)
    if config.graph == "complete":
        edges = pair_graph(len(cameras), "complete")
    else:
        edges = nearby_graph(cameras, target, neighbours=config.neighbours)
    pairs, failures = predict_pairs(
        scene.views, edges, predictor, progress=part_of(progress, 0.0, 0.5), cancel=cancel
    )
    if config.matching == "sift":
        pairs = with_sift_matches(views, pairs)
    sizes = [(camera.height, camera.width) for camera in cameras]
    rest = part_of(progress, 0.5, 1.0)
    threshold = predictor.conf_valid_threshold
    if method == "sparse_ga":
        sparse = SparseAlignmentConfig(
            cameras="known", matching_threshold=threshold, valid_confidence=threshold
        )
        alignment = align_sparse(views, pairs, sparse, progress=rest, cancel=cancel)
    else:
        dense = dense_config(
            config, method, cameras="known", iterations=config.iterations, pixel_stride=config.pixel_stride,
            threshold=threshold,
        )  # fmt: skip
        soft = soft_masks_of(masks, sizes, config) if method == "dga" else None
        alignment = align(views, pairs, dense, soft_masks=soft, progress=rest, cancel=cancel)
    return SceneAlignment(alignment, contradicted_points(scene, alignment, config.contradiction), failures)


def contradicted_points(scene: Scene, alignment: Alignment, tolerance: float) -> Bool[Array, "N"]:
    """Points of the scene whose depth in their own view differs from a valid aligned depth by more than `tolerance`.

    The aligned depth is read at the nearest pixel; at depth steps within one of its pixels either side may be right.
    """
    pointmap = scene.pointmap
    out = np.zeros(int(pointmap.offsets[-1]), bool)
    for v, view in enumerate(scene.views):
        start, end = pointmap.offsets[v], pointmap.offsets[v + 1]
        _, depth = project(view.camera, pointmap.points[start:end])
        rows, columns = pointmap.point_index[start:end, 1:].T
        height, width = alignment.depths[v].shape
        low, high = _range_around(alignment.depths[v], alignment.valid[v])
        row = np.minimum(((rows + 0.5) * height / view.camera.height).astype(int), height - 1)
        column = np.minimum(((columns + 0.5) * width / view.camera.width).astype(int), width - 1)
        known = alignment.valid[v][row, column]
        nearer = depth < (1 - tolerance) * low[row, column]
        farther = depth > (1 + tolerance) * high[row, column]
        out[start:end] = known & (nearer | farther)
    return out


def _range_around(
    depth: Float[Array, "H W"], valid: Bool[Array, "H W"]
) -> tuple[Float[Array, "H W"], Float[Array, "H W"]]:
    """Smallest and largest valid depth in the 3x3 neighbourhood; infinite and 0 where there is none."""
    kernel = np.ones((3, 3), np.uint8)
    low = cv2.erode(np.where(valid, depth, np.inf).astype(np.float32), kernel)
    high = cv2.dilate(np.where(valid, depth, 0).astype(np.float32), kernel)
    return low, high
