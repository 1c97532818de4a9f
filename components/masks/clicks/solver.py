"""From clicks and boxes to one object in all views, for what no cached mask answers: a cut that acts where
one clicks."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, Int8

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.pieces import GraphCutConfig, PieceFinder, Selection, distance_to
from liftlab.components.masks.regions.outline import ViewColors, color_histogram, outline, view_colors
from liftlab.components.types import Array, Scene


@dataclass(frozen=True)
class Solution:
    """An object as the solver sees it."""

    masks: tuple[Bool[Array, "_ _"], ...]
    """One per view, view pixels."""
    leaves: Int[Array, "K"]
    """Leaves of the scene graph inside; empty when geometry knows nothing where one clicked."""
    object_ids: tuple[int, ...]
    """Cached objects it is made of, in the order they were taken."""


@runtime_checkable
class ClickSolver(Protocol):
    """Scene and prompts in, masks in all views out."""

    def solve(self, given: ClickList) -> Solution:
        """Answer the clicks and boxes of one object, in order; same clicks, same masks. Thread-safe."""
        ...


class GraphCutSolver:
    """Pieces first, outlines second, and every later click acts where it was made.

    The first positive click (or box) selects a cached candidate. A later positive click adds the object under
    it; a negative one removes the largest branch of the merge tree that holds it and no positive click. Where
    that changes nothing, a cut over the photo's colours moves the outline around the click, and the voxels
    seen there change sides in the other views. A positive click never takes a pixel away and a negative one
    never adds any.

    Raises:
        ValueError: The cache carries no solver state.
    """

    def __init__(self, scene: Scene, cache: MaskCache, config: GraphCutConfig) -> None:
        self._pieces = PieceFinder(scene, cache, config)
        self.cache, self.state, self.config = cache, self._pieces.state, config
        self._views = scene.views
        self._colors: list[ViewColors | None] = [None] * len(scene.views)
        self._remembered: OrderedDict[ClickList, Selection] = OrderedDict()
        self._lock = threading.Lock()

    def solve(self, given: ClickList) -> Solution:
        """Answer the boxes, then the clicks, of one object in order.

        Without a box or a positive click every mask is empty; negative clicks before the first positive one
        count when it comes.
        """
        state = self._after(ClickList(given.clicks, given.boxes))
        return Solution(state.masks, np.flatnonzero(state.selected), state.taken)

    def _after(self, given: ClickList) -> Selection:
        """State after all clicks, from the remembered state before the last one where there is one."""
        with self._lock:
            known = self._remembered.get(given)
        if known is not None:
            return known
        if not given.clicks:
            state = self._boxes(given.boxes)
        else:
            before = self._after(ClickList(given.clicks[:-1], given.boxes))
            state = self._click(before, given.clicks)
        with self._lock:
            self._remembered[given] = state
            while len(self._remembered) > self.config.remembered:
                self._remembered.popitem(last=False)
        return state

    def _boxes(self, boxes: tuple[Box, ...]) -> Selection:
        selected = np.zeros(self.state.graph.num_leaves, bool)
        override = np.zeros(len(self.state.graph.points), np.int8)
        taken: list[int] = []
        for box in boxes:
            self._take_box(box, selected, taken)
        masks = self._draw(selected, override, ())
        return Selection(selected, override, masks, taken=tuple(taken))

    def _click(self, before: Selection, clicks: tuple[Click, ...]) -> Selection:
        """One click more; the last of `clicks`."""
        click = clicks[-1]
        leaf = self._pieces.leaf_at(click)
        spot = frozenset({leaf} if leaf >= 0 else ())
        if click.positive:
            state = replace(before, wanted=before.wanted | spot)
            if not any(mask.any() for mask in before.masks):
                return self._start(state, clicks)
            chosen, taken = self._pieces.grown(state, clicks, leaf)
        else:
            state = replace(before, unwanted=before.unwanted | spot)
            if not any(mask.any() for mask in before.masks):
                return state
            chosen, taken = self._pieces.shrunk(state, click), state.taken
        row, column = int(click.y), int(click.x)
        if before.masks[click.view][row, column] == click.positive:
            return state  # already as asked: only remembered
        override = self._with_regions(taken[len(state.taken) :], chosen, state.override)
        changed = self._sides(chosen, override) != self._sides(state.selected, state.override)
        if changed.any():
            kept = state.wanted - frozenset(np.flatnonzero(before.selected & ~chosen).tolist())
            state = replace(state, selected=chosen, override=override, taken=taken, wanted=kept)
            state = self._redrawn(state, clicks, np.flatnonzero(changed))
        if state.masks[click.view][row, column] != click.positive:
            state = self._moved_outline(state, clicks)
        return state

    def _start(self, state: Selection, clicks: tuple[Click, ...]) -> Selection:
        """The first positive click: its candidate, without branches that earlier negative clicks exclude."""
        click = clicks[-1]
        selected, taken = state.selected.copy(), state.taken
        choice = self._pieces.candidate(click, first=True)
        if choice is not None:
            selected[self.state.leaves[choice - 1]] = True
            taken = (*taken, choice)
        elif state.wanted:
            selected[list(state.wanted)] = True
        else:
            return replace(state, masks=self._photo_only(click))
        override = self._with_regions(taken[len(state.taken) :], selected, state.override)
        for leaf in state.unwanted - state.wanted:
            selected[self._pieces.branch(leaf, state.wanted)] = False
        if choice is not None and len(clicks) == 1:  # a lookup: what the cache holds is what would be drawn
            masks = tuple(self.cache.mask(view, choice) for view in range(self.cache.num_views))
        else:
            masks = self._draw(selected, override, clicks)
        return replace(state, selected=selected, override=override, taken=taken, masks=masks)

    def _with_regions(
        self, choices: tuple[int, ...], selected: Bool[Array, "L"], override: Int8[Array, "N"]
    ) -> Int8[Array, "N"]:
        """Overrides with the voxels of cached regions that their leaves do not tell: those are cut by colour, leaves by
        geometry."""
        out = override.copy()
        for choice in choices:
            if not self.cache.is_agreed(choice):
                continue
            inside = self._pieces.voxels_of(choice)
            by_leaf = self._sides(selected, np.zeros_like(override))[:-1] == 1
            own = np.zeros(self.state.graph.num_leaves + 1, bool)
            own[self.state.leaves[choice - 1]] = True
            out[inside & ~by_leaf] = 1
            out[~inside & own[self.state.graph.leaf] & by_leaf] = -1
        return out

    def _sides(self, selected: Bool[Array, "L"], override: Int8[Array, "N"]) -> Int8[Array, "N_plus_1"]:
        """1 for voxels inside, 0 for those outside, -1 where nothing is known and, last, for no voxel at all."""
        leaf = np.asarray(self.state.graph.leaf)
        value = np.full(len(leaf) + 1, -1, np.int8)
        value[:-1] = np.where(leaf >= 0, selected[leaf], -1)
        value[:-1][override > 0] = 1
        value[:-1][override < 0] = 0
        return value

    def _photo_only(self, click: Click) -> tuple[Bool[Array, "_ _"], ...]:
        """The colour region under a click where geometry knows nothing; the other photos stay empty."""
        masks = [np.zeros(view.image.shape[:2], bool) for view in self._views]
        height, width = self._views[click.view].image.shape[:2]
        region = self.state.regions[click.view, :height, :width]
        masks[click.view] = np.asarray(region == region[int(click.y), int(click.x)])
        return tuple(masks)

    def _redrawn(self, state: Selection, clicks: tuple[Click, ...], voxels: Int[Array, "K"]) -> Selection:
        """Masks after voxels changed sides: only pieces of change that see one of them or hold the click
        count.
        """
        click = clicks[-1]
        drawn = self._draw(state.selected, state.override, clicks)
        moved = np.zeros(len(self.state.graph.points) + 1, bool)
        moved[voxels] = True
        masks = []
        for view, (old, new) in enumerate(zip(state.masks, drawn, strict=True)):
            height, width = old.shape
            near = moved[self.state.graph.voxel_of_pixel[view, :height, :width]]
            if view == click.view:
                near[int(click.y), int(click.x)] = True
            masks.append(_with_changes(old, new, near, positive=click.positive))
        return replace(state, masks=tuple(masks))

    def _moved_outline(self, state: Selection, clicks: tuple[Click, ...]) -> Selection:
        """Move the outline in the clicked photo; the voxels seen in the moved part change sides
        everywhere.
        """
        click = clicks[-1]
        old = state.masks[click.view]
        drawn = self._draw(state.selected, state.override, clicks, only=click.view)[click.view]
        near = np.zeros(old.shape, bool)
        near[int(click.y), int(click.x)] = True
        border = old if click.positive else ~old
        if border.any():
            band = distance_to(border) <= self._pieces.largest_meant(border, click)
        else:  # nothing to measure from: no farther around the click than it is deep inside what was drawn
            band = distance_to(near) <= self._pieces.largest_meant(drawn != click.positive, click)
        drawn = np.where(band, drawn, old)
        new = _with_changes(old, drawn, near, positive=click.positive)
        height, width = old.shape
        ids = self.state.graph.voxel_of_pixel[click.view, :height, :width][new != old]
        voxels = np.unique(ids[ids >= 0])
        override = state.override.copy()
        override[voxels] = 1 if click.positive else -1
        masks = (*state.masks[: click.view], new, *state.masks[click.view + 1 :])
        return self._redrawn(replace(state, masks=masks, override=override), clicks, voxels)

    def _take_box(self, box: Box, selected: Bool[Array, "L"], taken: list[int]) -> None:
        """Select the cached object that fills a box best, else the pieces that lie in it."""
        best, best_score = 0, 0.5
        for object_id in range(1, len(self.state.leaves) + 1):
            rows, columns = self.cache.box(box.view, object_id)
            if self.cache.area(box.view, object_id) == 0:
                continue
            width = max(0.0, min(box.x1, columns.stop) - max(box.x0, columns.start))
            height = max(0.0, min(box.y1, rows.stop) - max(box.y0, rows.start))
            union = (
                (box.x1 - box.x0) * (box.y1 - box.y0)
                + (columns.stop - columns.start) * (rows.stop - rows.start)
                - width * height
            )
            if width * height / union > best_score:
                best, best_score = object_id, width * height / union
        if best:
            selected[self.state.leaves[best - 1]] = True
            taken.append(best)
            return
        leaves = self.state.leaf_of_pixel[box.view]
        total = np.bincount(leaves[leaves >= 0], minlength=len(selected))
        window = leaves[int(box.y0) : int(np.ceil(box.y1)), int(box.x0) : int(np.ceil(box.x1))]
        within = np.bincount(window[window >= 0], minlength=len(selected))
        selected |= (within > 0.8 * total) & (within > 0) & (self._pieces.surface_of_leaf < 0)

    def _view_colors(self, view: int) -> ViewColors:
        colors = self._colors[view]
        if colors is None:  # two threads may both compute it: same value
            colors = self._colors[view] = view_colors(self._views[view].image)
        return colors

    def _draw(
        self,
        selected: Bool[Array, "L"],
        override: Int8[Array, "N"],
        clicks: tuple[Click, ...],
        *,
        only: int | None = None,
    ) -> tuple[Bool[Array, "_ _"], ...]:
        """Sharp masks of the selection in every view, or in `only` one (the others empty)."""
        graph, value = self.state.graph, self._sides(selected, override)
        votes, colors, inside = [], [], np.zeros(1568)
        for view, colored in enumerate(self._views):
            height, width = colored.image.shape[:2]
            votes.append(value[graph.voxel_of_pixel[view, :height, :width]])
            colors.append(self._view_colors(view))
            inside += color_histogram(colors[view].bins[votes[view] == 1])
        return tuple(
            outline(c, v, self.config.outline, inside_colors=inside, seeds=self._seeds(view, clicks, v))
            if only is None or view == only
            else np.zeros(v.shape, bool)
            for view, (c, v) in enumerate(zip(colors, votes, strict=True))
        )

    def _seeds(
        self, view: int, clicks: tuple[Click, ...], votes: Int8[Array, "H W"]
    ) -> Float32[Array, "H W"] | None:
        """What the clicks in one view say about its pixels."""
        mine = [click for click in clicks if click.view == view]
        if not mine:
            return None
        seeds = np.zeros(votes.shape, np.float32)
        regions = self.state.regions[view, : votes.shape[0], : votes.shape[1]]
        for click in mine:
            row, column = int(click.y), int(click.x)
            sign = 1.0 if click.positive else -1.0
            seeds[regions == regions[row, column]] += sign * self.config.region_weight
        for click in mine:
            row, column, half = int(click.y), int(click.x), self.config.seed_px
            sign = 1.0 if click.positive else -1.0
            seeds[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1] = 1e4 * sign
        return seeds


def _with_changes(
    old: Bool[Array, "H W"], new: Bool[Array, "H W"], near: Bool[Array, "H W"], *, positive: bool
) -> Bool[Array, "H W"]:
    """Apply those connected pieces of what `new` adds (or takes, for a negative click) that hold a `near`
    pixel.
    """
    change = (new & ~old) if positive else (old & ~new)
    if not (change & near).any():
        return old
    count, labels = cv2.connectedComponents(change.astype(np.uint8), connectivity=4)
    labels = np.asarray(labels, np.int32)
    keep = np.zeros(count, bool)
    keep[np.unique(labels[near & change])] = True
    return (old | keep[labels]) if positive else (old & ~keep[labels])
