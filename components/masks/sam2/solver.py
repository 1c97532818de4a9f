"""Clicks and boxes to one object in all views by SAM 2.1: the decoder answers in the clicked photos, the scene's voxels
carry the answer into the others."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int8

from liftlab.components.bounds import Share, within
from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.solver import Solution
from liftlab.components.masks.regions.outline import (
    OutlineConfig,
    ViewColors,
    color_histogram,
    outline,
    view_colors,
)
from liftlab.components.masks.sam2.network import Sam2Network, masks_of_logits
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array, Scene

HISTOGRAM_BINS = 1568
SURE_LOGIT = 10.0
"""What the decoder is told of pixels that geometry puts inside; the negative outside."""


@dataclass(frozen=True)
class Sam2ClickConfig:
    """How clicks are put to the network and its answer into the scene."""

    inside_share: Share = 0.5
    """A voxel, or a piece of the scene, is inside when this share of its clicked-photo pixels is."""
    bleed_share: Share = 0.1
    """Voxels of a piece that is inside by less than this are left out: masks bleed over outlines by a pixel."""
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    """How outlines are drawn in photos without clicks."""
    remembered: Annotated[int, within(0, 10_000)] = 32
    """Answers of the decoder kept, so that one click more costs one pass of the decoder."""


@dataclass(frozen=True)
class _Asked:
    """All that was said about one photo."""

    view: int
    clicks: tuple[Click, ...]
    box: Box | None
    start: bytes = b""
    """Names the mask that geometry starts the decoder from; empty without one."""


class Sam2ClickSolver:
    """`ClickSolver` by SAM 2.1's decoder.

    In a photo with a positive click or a box the decoder draws the mask from all its clicks. A photo with negative
    clicks alone starts from what the others' masks, carried over by the voxels, show there. Photos without clicks get
    that, with outlines sharpened by colour. A single click may mean a part, an object or a whole: its granularity
    picks one of the decoder's three masks by size, without one the surest is taken.
    """

    def __init__(
        self, scene: Scene, cache: MaskCache, network: Sam2Network, config: Sam2ClickConfig | None = None
    ) -> None:
        self.cache, self.network, self.config = cache, network, config or Sam2ClickConfig()
        self._views = scene.views
        self._colors: dict[int, ViewColors] = {}
        self._answers: OrderedDict[_Asked, Bool[Array, "_ _"]] = OrderedDict()
        self._lock = threading.Lock()

    def solve(self, given: ClickList) -> Solution:
        """Answer the clicks and boxes of one object. Without a box or a positive click every mask is empty."""
        sizes = [view.image.shape[:2] for view in self._views]
        leading = sorted({c.view for c in given.positives} | {b.view for b in given.boxes})
        if not leading:
            return Solution(tuple(np.zeros(size, bool) for size in sizes), np.zeros(0, np.int64), ())
        drawn = {view: self._drawn(view, given, None) for view in leading}
        values, leaves = self._carried(drawn)
        for view in sorted({c.view for c in given.negatives} - set(leading)):
            votes = self._votes(view, values)
            if votes is not None and (votes == 1).any():
                drawn[view] = self._drawn(view, given, votes)
        if len(drawn) > len(leading):
            values, leaves = self._carried(drawn)
        others = self._outlined(values, drawn)
        masks = tuple(drawn[v] if v in drawn else others[v] for v in range(len(self._views)))
        return Solution(masks, leaves, ())

    def _drawn(self, view: int, given: ClickList, votes: Int8[Array, "H W"] | None) -> Bool[Array, "H W"]:
        """The decoder's mask in one photo; boxes are drawn one by one, clicks count for all of them."""
        clicks = tuple(click for click in given.clicks if click.view == view)
        boxes = tuple(box for box in given.boxes if box.view == view) or (None,)
        start = b"" if votes is None else np.packbits(votes + 1).tobytes()
        out = np.zeros(self._views[view].image.shape[:2], bool)
        for box in boxes:
            out |= self._answer(_Asked(view, clicks, box, start), votes)
        return out

    def _answer(self, asked: _Asked, votes: Int8[Array, "H W"] | None) -> Bool[Array, "H W"]:
        with self._lock:
            if asked in self._answers:
                self._answers.move_to_end(asked)
                return self._answers[asked]
        embedding = self.network.embed(self._views[asked.view].image)
        points = np.array([[c.x, c.y] for c in asked.clicks], np.float64).reshape(1, -1, 2)
        labels = np.array([[int(c.positive) for c in asked.clicks]], np.int64).reshape(1, -1)
        alone = len(asked.clicks) == 1 and asked.box is None and votes is None
        box = asked.box and np.array([[asked.box.x0, asked.box.y0, asked.box.x1, asked.box.y1]])
        if votes is not None:
            middle = _middle(votes == 1)
            points = np.concatenate([points, middle[None, None]], axis=1)
            labels = np.concatenate([labels, [[1]]], axis=1)
        logits, quality = self.network.decode(
            embedding, points, labels, box=box, several=alone,
            mask_logits=None if votes is None else self._logits_of(votes),
        )  # fmt: skip
        masks = masks_of_logits(logits[0], embedding.size)
        mask = masks[_choice(masks, quality[0], asked.clicks[0].granularity if alone else None)]
        with self._lock:
            self._answers[asked] = mask
            while len(self._answers) > self.config.remembered:
                self._answers.popitem(last=False)
        return mask

    def _logits_of(self, votes: Int8[Array, "H W"]) -> torch.Tensor:
        """Votes as a mask to start the decoder from; unknown pixels are undecided."""
        side = self.network.mask_side
        value = np.where(votes == 1, SURE_LOGIT, np.where(votes == 0, -SURE_LOGIT, 0.0)).astype(np.float32)
        small = cv2.resize(value, (side, side), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(small)[None, None].to(self.network.device)

    def _carried(
        self, drawn: dict[int, Bool[Array, "_ _"]]
    ) -> tuple[Int8[Array, "N_plus_1"], Int[Array, "K"]]:
        """Which voxels are inside (1), outside (0) or unknown (-1, also the last entry), and the leaves inside."""
        state = self.cache.solver_state
        if state is None:
            return np.full(1, -1, np.int8), np.zeros(0, np.int64)
        graph = state.graph
        inside, seen = np.zeros(len(graph.points)), np.zeros(len(graph.points))
        for view, mask in drawn.items():
            ids = graph.voxel_of_pixel[view, : mask.shape[0], : mask.shape[1]]
            inside += np.bincount(ids[mask & (ids >= 0)], minlength=len(seen))
            seen += np.bincount(ids[ids >= 0], minlength=len(seen))
        leaf = np.asarray(graph.leaf)
        owned = leaf >= 0
        leaf_inside = np.bincount(leaf[owned], inside[owned], graph.num_leaves)
        leaf_seen = np.bincount(leaf[owned], seen[owned], graph.num_leaves)
        share = leaf_inside / np.maximum(leaf_seen, 1)
        leaves = np.flatnonzero(share >= self.config.inside_share)
        value = np.full(len(seen) + 1, -1, np.int8)
        known = np.flatnonzero(seen > 0)
        value[known] = inside[known] >= self.config.inside_share * seen[known]
        bleeding = owned & (share[leaf] < self.config.bleed_share)
        value[:-1][bleeding & (value[:-1] == 1)] = 0
        unseen = (seen == 0) & owned
        value[:-1][unseen] = np.isin(leaf[unseen], leaves)
        return value, leaves

    def _votes(self, view: int, values: Int8[Array, "N_plus_1"]) -> Int8[Array, "H W"] | None:
        """What the voxels say about the pixels of one photo; None without a scene graph."""
        state = self.cache.solver_state
        if state is None:
            return None
        height, width = self._views[view].image.shape[:2]
        return values[state.graph.voxel_of_pixel[view, :height, :width]]

    def _outlined(
        self, values: Int8[Array, "N_plus_1"], drawn: dict[int, Bool[Array, "_ _"]]
    ) -> dict[int, Bool[Array, "_ _"]]:
        """Masks of the photos that the decoder did not draw; empty without a scene graph."""
        inside: Float[Array, "1568"] = np.zeros(HISTOGRAM_BINS)
        for view, mask in drawn.items():
            inside += color_histogram(self._view_colors(view).bins[mask])
        out = {}
        for view in range(len(self._views)):
            if view in drawn:
                continue
            votes = self._votes(view, values)
            if votes is None:
                out[view] = np.zeros(self._views[view].image.shape[:2], bool)
            else:
                colors = self._view_colors(view)
                out[view] = outline(colors, votes, self.config.outline, inside_colors=inside)
        return out

    def _view_colors(self, view: int) -> ViewColors:
        if view not in self._colors:  # two threads may both compute it: same value
            self._colors[view] = view_colors(self._views[view].image)
        return self._colors[view]


def embed_photos(scene: Scene, network: Sam2Network, *, progress: Progress, cancel: CancelToken) -> None:
    """Run SAM 2.1's encoder over every photo, so that no click has to wait for it; photos done before are read back."""
    for index, view in enumerate(scene.views):
        cancel.check()
        progress(index / len(scene.views), f"SAM 2 looks at {view.name}")
        network.embed(view.image)
    progress(1.0, "SAM 2 has seen every photo")


def _choice(masks: Bool[Array, "M H W"], quality: torch.Tensor, granularity: float | None) -> int:
    """Index of the surest mask, or of the one that the granularity names by size."""
    if granularity is None or len(masks) == 1:
        return int(torch.argmax(quality))
    by_area = np.argsort(masks.sum(axis=(1, 2)), kind="stable")
    return int(by_area[min(int(granularity * len(masks)), len(masks) - 1)])


def _middle(mask: Bool[Array, "H W"]) -> Float[Array, "2"]:
    """xy of the pixel of a mask that is farthest from its outline."""
    distance = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return np.array([column - 0.5, row - 0.5])  # the padding shifts by one; centres are at +0.5
