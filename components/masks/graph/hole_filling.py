"""Pixels without depth take the surface around them: a plain cloth has no depth, but its patterned rim has."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt16

from liftlab.components.masks.graph.scene_graph import SceneGraph
from liftlab.components.masks.graph.segmentation import compact_labels
from liftlab.components.types import Array

RING_PX = 3
"""How far around a hole its surroundings are looked at."""
MIN_SHARE = 0.4
"""Share of the known pixels around a hole that must lie on one surface: things stand in front of it elsewhere. Of the
pixels so filled on the bundled captures, 0.1 % are of things."""
MIN_RING = 20
"""Known pixels that there must be around a hole."""


def fill_surfaces(graph: SceneGraph, regions: UInt16[Array, "V H W"]) -> SceneGraph:
    """The graph with holes in surfaces closed: `voxel_of_pixel` of a hole's pixels is the surface's nearest voxel.

    A hole is a connected stretch of pixels without a voxel inside one colour region. It belongs to the surface that
    most known pixels around it lie on; a thing without texture keeps its hole, as its rim lies on no surface.

    Args:
        graph: Scene graph.
        regions: Finest colour regions of every view.
    """
    voxel_of_pixel = np.array(graph.voxel_of_pixel)
    for view, ids in enumerate(voxel_of_pixel):
        unknown = ids < 0
        if not unknown.any():
            continue
        surface = np.where(unknown, -1, np.asarray(graph.surface)[ids])
        holes = _pieces(unknown, np.asarray(regions[view]))
        owner = _surrounding_surface(holes, unknown, surface)
        for index in np.unique(owner[owner >= 0]):
            filled = np.isin(holes, np.flatnonzero(owner == index)) & unknown
            on = surface == index
            nearest = cv2.distanceTransformWithLabels(
                (~on).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
            )[1]
            table = np.zeros(int(nearest.max()) + 1, ids.dtype)
            table[nearest[on]] = ids[on]
            voxel_of_pixel[view][filled] = table[nearest[filled]]
    return replace(graph, voxel_of_pixel=voxel_of_pixel)


def _pieces(unknown: Bool[Array, "H W"], region: UInt16[Array, "H W"]) -> Int32[Array, "H W"]:
    """Connected stretches of unknown pixels of one region, numbered from 1; 0 where a pixel is known."""
    labels = cv2.connectedComponents(unknown.astype(np.uint8), connectivity=4)[1]
    both = labels.astype(np.int64) * (int(region.max()) + 1) + region
    both[~unknown] = -1
    return compact_labels(np.append(-1, both.ravel()))[1:].reshape(unknown.shape).astype(np.int32)


def _surrounding_surface(holes: Int32[Array, "H W"], unknown: Bool[Array, "H W"], surface: Array) -> Array:
    """Per hole the surface that at least `MIN_SHARE` of the known pixels around it lie on, else -1."""
    count = int(holes.max()) + 1
    kinds = int(surface.max()) + 2
    votes = np.zeros((count, kinds), np.int64)
    height, width = holes.shape
    for dy, dx in ((0, RING_PX), (0, -RING_PX), (RING_PX, 0), (-RING_PX, 0)):
        rows, columns = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
        beside = slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx))
        meets = unknown[rows, columns] & ~unknown[beside]
        np.add.at(votes, (holes[rows, columns][meets], surface[beside][meets] + 1), 1)
    total = votes.sum(axis=1)
    best = votes[:, 1:].argmax(axis=1) if kinds > 1 else np.zeros(count, np.int64)
    share = votes[np.arange(count), best + 1] if kinds > 1 else np.zeros(count, np.int64)
    owner = np.where((total >= MIN_RING) & (share >= MIN_SHARE * total), best, -1)
    owner[0] = -1
    return owner
