"""WildSeg3D: from masks to the points of the scene."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int

from liftlab.components.geometry.view_consensus import agreed_points
from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.scene import SceneAlignment
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array, Scene
from liftlab.pipelines.methods.wildseg3d.lookup import CacheSelection, union_mask
from liftlab.pipelines.methods.wildseg3d.state import AlignedDepths, WildSeg3DPrepared


def eroded(mask: Bool[Array, "H W"]) -> Bool[Array, "H W"]:
    """The mask without its 1 px boundary, where flying pixels sit; one so thin that nothing is left stays.

    The image border is no boundary. Source: docs/methods/wildseg3d.md section 7, item 8.
    """
    inner = cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    return inner if inner.any() else mask


def points_in_masks(scene: Scene, masks_of_views: Sequence[Bool[Array, "_ _"]]) -> Bool[Array, "N"]:
    """P of eq. (11): the points of the scene whose pixel lies inside its view's mask, boundaries left out."""
    pointmap = scene.pointmap
    selected = np.zeros(int(pointmap.offsets[-1]), bool)
    for view, mask in enumerate(masks_of_views):
        if mask.any():
            height, width = mask.shape
            start, end = pointmap.offsets[view], pointmap.offsets[view + 1]
            selected[start:end] = eroded(mask)[pointmap.valid[view, :height, :width]]
    return selected


def select_points(prepared: WildSeg3DPrepared, choice: CacheSelection) -> Bool[Array, "N"]:
    """Looked up where one object is the answer; formed in the views otherwise, so that seams close."""
    if len(choice.add) == 1 and not choice.subtract:
        selected = np.zeros(int(prepared.scene.pointmap.offsets[-1]), bool)
        selected[prepared.point_ids[choice.add[0] - 1]] = True
        return selected
    views = range(prepared.masks.num_views)
    chosen = [union_mask(prepared.masks, choice, view) for view in views]
    return agreed_selection(prepared, points_in_masks(prepared.scene, chosen) & prepared.usable, chosen)


def agreed_selection(
    prepared: WildSeg3DPrepared, selected: Bool[Array, "N"], masks: Sequence[Bool[Array, "_ _"]]
) -> Bool[Array, "N"]:
    """The selection without points that most other views see outside the masks."""
    ids = np.flatnonzero(selected).astype(np.int32)
    agreed = np.zeros_like(selected)
    agreed[ids] = agreed_points(prepared.scene, prepared.depths, ids, masks)
    return agreed


def index_points(
    scene: Scene,
    masks: MaskCache,
    usable: Bool[Array, "N"],
    depths: Float32[Array, "V H W"],
    object_ids: Sequence[int],
    progress: Progress,
    cancel: CancelToken,
) -> tuple[Int[Array, "_"], ...]:
    """Usable points of each object on which the views agree, as indices into `Pointmap.points`."""
    pointmap = scene.pointmap
    number = np.full(pointmap.valid.shape, -1, np.int32)
    number[pointmap.valid] = np.where(usable, np.arange(len(usable), dtype=np.int32), -1)
    found: list[Int[Array, "_"]] = []
    for done, object_id in enumerate(object_ids):
        cancel.check()
        progress(done / len(object_ids), "Indexing the points of every object")
        pieces = [np.zeros(0, np.int32)]
        drawn = [masks.mask(view, object_id) for view in range(masks.num_views)]
        for view, mask in enumerate(drawn):
            if masks.area(view, object_id):
                numbers = number[view, : mask.shape[0], : mask.shape[1]][eroded(mask)]
                pieces.append(numbers[numbers >= 0])
        ids = np.concatenate(pieces)
        found.append(ids[agreed_points(scene, depths, ids, drawn)])
    progress(1.0, "Points indexed")
    return tuple(found)


def aligned_depths(found: SceneAlignment, method: str) -> AlignedDepths:
    """Depths of all views in one array, and what there is to report."""
    alignment = found.alignment
    shape = (len(alignment.depths), *np.max([depth.shape for depth in alignment.depths], axis=0))
    depth, valid = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for view, (d, v) in enumerate(zip(alignment.depths, alignment.valid, strict=True)):
        depth[view, : d.shape[0], : d.shape[1]] = d
        valid[view, : v.shape[0], : v.shape[1]] = v
    report = {
        "method": method,
        "pairs": [list(edge) for edge in alignment.pair_poses],
        "failed_pairs": [
            {"pair": list(edge), "reason": failure.reason, "detail": failure.detail}
            for edge, failure in found.failures.items()
        ],
        "loss": [float(alignment.losses[0]), float(alignment.losses[-1])],
        "seconds": round(alignment.seconds, 3),
        "contradicted": round(float(found.contradicted.mean()), 5),
        "weights": None if alignment.histogram is None else alignment.histogram.plain(),
    }
    return AlignedDepths(depth, valid, report)


def backend_of(prepared: WildSeg3DPrepared) -> str:
    """What the answer was computed with, for the provenance."""
    if prepared.aligned is not None:
        return f"lookup, {prepared.aligned.report['method']} alignment"
    return f"lookup, {prepared.note}" if prepared.note else "lookup, depths of the reconstruction"
