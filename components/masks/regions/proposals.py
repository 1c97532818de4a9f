"""Object proposals of one view, from colour and geometry, without weights."""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from liftlab.components.bounds import Amount, Share, few, within
from liftlab.components.masks.graph.scene_graph import lab_image
from liftlab.components.masks.graph.segmentation import grid_edges, segment_graph
from liftlab.components.masks.protocols import ProposalInput
from liftlab.components.progress import CancelToken
from liftlab.components.types import Array, MaskSet


@dataclass(frozen=True)
class RegionConfig:
    """Choices of `RegionProposer`."""

    scales: Annotated[tuple[Amount, ...], few(1, 16)] = (60.0, 150.0, 400.0, 1000.0)
    """Sizes of the regions, finest first (k of the graph segmentation, in Lab units)."""
    smoothing_px: Annotated[float, within(0, 50)] = 0.8
    """Gaussian that takes noise from the colours."""
    min_share: Share = 0.0004
    """Smallest region, share of the image."""
    depth_weight: Amount = 300.0
    """Lab units per unit of relative depth step."""
    normal_weight: Amount = 8.0
    """Lab units per unit of 1 - cosine between normals."""
    max_masks: Annotated[int, within(1, 5000)] = 240
    """Largest regions kept per view."""


class RegionProposer:
    """`Proposer` of regions of even colour, depth and slope: connected segments of the pixel graph at several scales.

    Source: Felzenszwalb and Huttenlocher, IJCV 2004. We differ: edge weights add geometry to colour.
    """

    def __init__(self, config: RegionConfig) -> None:
        self.config = config

    def levels(
        self,
        image: UInt8[Array, "H W 3"],
        depth: Float32[Array, "H W"],
        normals: Float32[Array, "H W 3"],
    ) -> Int32[Array, "G H W"]:
        """One label map per scale, finest first."""
        height, width = depth.shape
        lab = cv2.GaussianBlur(lab_image(image), (0, 0), self.config.smoothing_px).reshape(-1, 3)
        edges = grid_edges(height, width)
        a, b = edges[:, 0], edges[:, 1]
        weights = np.linalg.norm(lab[a] - lab[b], axis=1)
        log_depth = np.log(np.maximum(depth, 1e-12)).ravel()
        known = np.ravel(depth > 0)
        step = np.minimum(np.abs(log_depth[a] - log_depth[b]), 0.1)
        weights += np.where(known[a] & known[b], self.config.depth_weight * step, 0).astype(np.float32)
        flat = normals.reshape(-1, 3)
        turned = 1 - np.einsum("ed,ed->e", flat[a], flat[b])
        faced = np.any(flat != 0, axis=1)
        weights += np.where(faced[a] & faced[b], self.config.normal_weight * turned, 0).astype(np.float32)
        order = np.argsort(weights, kind="stable")
        edges, weights = edges[order], weights[order]
        least = max(20, round(self.config.min_share * height * width))
        return np.stack(
            [
                segment_graph(edges, weights, height * width, scale=scale, min_size=least).reshape(
                    height, width
                )
                for scale in self.config.scales
            ]
        )

    def propose(self, photo: ProposalInput, *, cancel: CancelToken) -> MaskSet:
        """Every region of every scale of the photo as a mask, read off its levels."""
        cancel.check()
        return masks_of_levels(photo.levels, self.config.max_masks)


def masks_of_levels(levels: Int32[Array, "G H W"], max_masks: int) -> MaskSet:
    """The distinct regions of several label maps, largest first; a region that survives coarser scales scores
    higher."""
    seen: dict[tuple[int, int, int], int] = {}
    chosen: list[tuple[int, int, int]] = []
    repeats: list[int] = []
    for level, labels in enumerate(levels):
        flat = labels.ravel()
        areas = np.bincount(flat)
        first = np.unique(flat, return_index=True)[1]
        for label, (area, start) in enumerate(zip(areas.tolist(), first.tolist(), strict=True)):
            signature = (area, start, 0)
            if signature in seen:
                repeats[seen[signature]] += 1
                continue
            seen[signature] = len(chosen)
            chosen.append((area, level, label))
            repeats.append(1)
    order = sorted(range(len(chosen)), key=lambda i: (-chosen[i][0], chosen[i][1], chosen[i][2]))[:max_masks]
    masks = np.stack([levels[chosen[i][1]] == chosen[i][2] for i in order])
    scores = np.array([repeats[i] / len(levels) for i in order], np.float32)
    return MaskSet(masks=masks, scores=scores)
