"""From clicks and boxes to one object in all views, for what no cached mask answers: a cut that acts where
one clicks."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, Int8
from scipy import sparse
from scipy.sparse.linalg import spsolve

from components.clicks import Box, Click, ClickList
from components.geometry import project
from components.masks.cache import MaskCache
from components.masks.outline import OutlineConfig, ViewColors, color_histogram, outline, view_colors
from components.masks.scene_graph import surface_of_leaves
from components.types import Array, Scene, focal_of


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


@dataclass(frozen=True)
class GraphCutConfig:
    """How clicks become seeds."""

    reach_px: int = 12
    """How far from a click a piece of the scene is looked for."""
    seed_px: int = 2
    """Half width of the square around a click that is certain."""
    region_weight: float = 2.0
    """Nats for the colour region under a click."""
    max_growth: float = 4.0
    """A later positive click takes a whole cached object only up to this multiple of what is selected."""
    roundness: float = 4.0
    """Surface of the largest piece meant, in multiples of pi r^2 (a ball has 4)."""
    meant: float = 2.0
    """A corrective click at distance d from the outline means pieces with an inradius up to this multiple of
    d.
    """
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    """How outlines are sharpened."""
    remembered: int = 16
    """Answers kept, so that one click more costs one click."""


@dataclass(frozen=True)
class _State:
    """The selection after some clicks."""

    selected: Bool[Array, "L"]
    """Leaves inside."""
    override: Int8[Array, "N"]
    """Voxels whose side a click changed against their leaf: 1 in, -1 out."""
    masks: tuple[Bool[Array, "_ _"], ...]
    wanted: frozenset[int] = frozenset()
    """Leaves of positive clicks."""
    unwanted: frozenset[int] = frozenset()
    """Leaves of negative clicks."""
    taken: tuple[int, ...] = ()


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
        if cache.solver_state is None:
            raise ValueError("cache must carry a solver state; got none. Build the masks of the scene first.")
        self.cache, self.state, self.config = cache, cache.solver_state, config
        self._surface_of_leaf = surface_of_leaves(cache.solver_state.graph)
        self._views = scene.views
        self._colors: list[ViewColors | None] = [None] * len(scene.views)
        self._remembered: OrderedDict[ClickList, _State] = OrderedDict()
        self._lock = threading.Lock()

    def solve(self, given: ClickList) -> Solution:
        """Answer the boxes, then the clicks, of one object in order.

        Without a box or a positive click every mask is empty; negative clicks before the first positive one
        count when it comes.
        """
        state = self._after(ClickList(given.clicks, given.boxes))
        return Solution(state.masks, np.flatnonzero(state.selected), state.taken)

    def _after(self, given: ClickList) -> _State:
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

    def _boxes(self, boxes: tuple[Box, ...]) -> _State:
        selected = np.zeros(self.state.graph.num_leaves, bool)
        override = np.zeros(len(self.state.graph.points), np.int8)
        taken: list[int] = []
        for box in boxes:
            self._take_box(box, selected, taken)
        masks = self._draw(selected, override, ())
        return _State(selected, override, masks, taken=tuple(taken))

    def _click(self, before: _State, clicks: tuple[Click, ...]) -> _State:
        """One click more; the last of `clicks`."""
        click = clicks[-1]
        leaf = self._leaf_at(click)
        spot = frozenset({leaf} if leaf >= 0 else ())
        if click.positive:
            state = replace(before, wanted=before.wanted | spot)
            if not any(mask.any() for mask in before.masks):
                return self._start(state, clicks)
            chosen, taken = self._grown(state, click, leaf)
        else:
            state = replace(before, unwanted=before.unwanted | spot)
            if not any(mask.any() for mask in before.masks):
                return state
            chosen, taken = self._shrunk(state, click), state.taken
        row, column = int(click.y), int(click.x)
        if before.masks[click.view][row, column] == click.positive:
            return state  # already as asked: only remembered
        changed = chosen != state.selected
        if changed.any():
            state = replace(state, selected=chosen, taken=taken)
            voxels = np.flatnonzero(changed[self.state.graph.leaf] & (self.state.graph.leaf >= 0))
            state = self._redrawn(state, clicks, voxels)
        if state.masks[click.view][row, column] != click.positive:
            state = self._moved_outline(state, clicks)
        return state

    def _start(self, state: _State, clicks: tuple[Click, ...]) -> _State:
        """The first positive click: its candidate, without branches that earlier negative clicks exclude."""
        click = clicks[-1]
        selected, taken = state.selected.copy(), state.taken
        choice = self._candidate(click, first=True)
        if choice is not None:
            selected[self.state.leaves[choice - 1]] = True
            taken = (*taken, choice)
        elif state.wanted:
            selected[list(state.wanted)] = True
        else:
            return replace(state, masks=self._photo_only(click))
        for leaf in state.unwanted - state.wanted:
            selected[self._branch(leaf, state.wanted)] = False
        if choice is not None and len(clicks) == 1:  # a lookup: what the cache holds is what would be drawn
            masks = tuple(self.cache.mask(view, choice) for view in range(self.cache.num_views))
        else:
            masks = self._draw(selected, state.override, clicks)
        return replace(state, selected=selected, taken=taken, masks=masks)

    def _photo_only(self, click: Click) -> tuple[Bool[Array, "_ _"], ...]:
        """The colour region under a click where geometry knows nothing; the other photos stay empty."""
        masks = [np.zeros(view.image.shape[:2], bool) for view in self._views]
        height, width = masks[click.view].shape
        region = self.state.regions[click.view, :height, :width]
        masks[click.view] = np.asarray(region == region[int(click.y), int(click.x)])
        return tuple(masks)

    def _grown(self, state: _State, click: Click, leaf: int) -> tuple[Bool[Array, "L"], tuple[int, ...]]:
        """Leaves selected after a later positive click, and the cached objects they come from."""
        sizes = self.state.tree.voxels[: len(state.selected)]
        selected, before = state.selected.copy(), int(sizes[state.selected].sum())
        here = state.masks[click.view]
        if here.any():
            limit, growth = self._largest_meant(here, click), self.config.max_growth
        else:  # nothing of the object in this photo yet: nothing larger than what the others show of it
            limit, growth = max(inradius(mask) for mask in state.masks), 1.0
        volume = self._voxels_within(limit, click)
        for choice in reversed(self.cache.at(click.view, click.x, click.y).tolist()):
            if choice > len(self.state.leaves) or self.cache.kinds[choice - 1] not in ("object", "part"):
                continue
            fresh = self.cache.mask(click.view, choice) & ~state.masks[click.view]
            leaves = self.state.leaves[choice - 1]
            if inradius(fresh) <= limit and sizes[leaves].sum() <= min(volume, growth * before):
                selected[leaves] = True
                for other in state.unwanted - state.wanted:
                    selected[self._branch(other, state.wanted)] = False
                return selected, (*state.taken, choice)
        if leaf >= 0 and sizes[leaf] <= min(volume, before) and self._surface_of_leaf[leaf] < 0:
            selected[leaf] = True
        return selected, state.taken

    def _shrunk(self, state: _State, click: Click) -> Bool[Array, "L"]:
        """Leaves selected after a negative click.

        Out goes the largest branch of the merge tree that the click can mean, or, where the tree joined in the wrong
        order, all that hangs together with the click rather than with the positive ones.
        """
        selected = state.selected.copy()
        mask = state.masks[click.view]
        height, width = mask.shape
        leaves = self.state.leaf_of_pixel[click.view, :height, :width]
        leaf = int(leaves[int(click.y), int(click.x)])
        if leaf < 0 or not selected[leaf] or leaf in state.wanted:
            return selected
        limit = self._largest_meant(~mask, click)
        volume = self._voxels_within(limit, click)
        sizes = self.state.tree.voxels[: len(selected)]

        def meant(piece: Bool[Array, "_"]) -> bool:
            return inradius(piece[leaves] & mask) <= limit and int(sizes[piece[:-1]].sum()) <= volume

        table = np.zeros(len(selected) + 1, bool)  # the last entry answers for leaf -1
        for node in reversed(self.state.tree.path(leaf)):
            branch = self.state.tree.leaves_of(node)
            if state.wanted.intersection(branch.tolist()):
                continue
            table[:] = False
            table[branch] = True
            if meant(table):
                walk = np.append(self._nearer_to(leaf, state.wanted, state.selected), False)
                selected[walk[:-1] if meant(walk) else branch] = False
                break
        return selected

    def _nearer_to(self, leaf: int, wanted: frozenset[int], selected: Bool[Array, "L"]) -> Bool[Array, "L"]:
        """Selected leaves from which a random walk along bonds meets `leaf` before any wanted one.

        Source: Grady, Random walks for image segmentation, PAMI 2006. Without a wanted leaf: those linked to `leaf`.
        """
        tree = self.state.tree
        inside = selected[tree.pairs[:, 0]] & selected[tree.pairs[:, 1]]
        nodes = np.flatnonzero(selected)
        place = np.full(len(selected), -1)
        place[nodes] = np.arange(len(nodes))
        a, b = place[tree.pairs[inside, 0]], place[tree.pairs[inside, 1]]
        bond = tree.bond[inside] + 1e-6
        links = sparse.coo_array(
            (np.r_[bond, bond], (np.r_[a, b], np.r_[b, a])), shape=(len(nodes),) * 2
        ).tocsr()
        seeds = np.array([place[leaf], *sorted(place[w] for w in wanted if selected[w])])
        free = np.setdiff1d(np.arange(len(nodes)), seeds)
        chance = np.zeros(len(nodes))
        chance[seeds[0]] = 1.0
        if len(free):
            laplacian = sparse.diags_array(links.sum(axis=1) + 1e-9) - links
            system = laplacian[free][:, free].tocsc()
            chance[free] = spsolve(system, -(laplacian[free][:, seeds[:1]].toarray()).ravel())
        lost = np.zeros(len(selected), bool)
        lost[nodes[chance > 0.5]] = True
        return lost

    def _largest_meant(self, border: Bool[Array, "H W"], click: Click) -> float:
        """Inradius in pixels of the largest piece that a corrective click can mean.

        People click into the middle of what is wrong, so a click close to the outline of the selection
        (`border`) is about a sliver, never about a whole object behind it.
        """
        distance = float(_distance_to(border)[int(click.y), int(click.x)])
        return self.config.meant * distance + self.config.seed_px

    def _voxels_within(self, radius_px: float, click: Click) -> float:
        """Voxels of the largest surface whose inradius is `radius_px` at the click's distance, elongated
        ones too.
        """
        voxel = self._voxel_at(click)
        if voxel < 0 or not np.isfinite(radius_px):
            return float("inf")
        graph, view = self.state.graph, self._views[click.view]
        depth = float(project(view.camera, np.asarray(graph.points[voxel], np.float64))[1])
        radius = radius_px * depth / focal_of(view.camera) / (graph.voxel * graph.scale)
        return self.config.roundness * np.pi * radius**2

    def _branch(self, leaf: int, wanted: frozenset[int]) -> Int[Array, "K"]:
        """Leaves of the largest branch of the merge tree that holds `leaf` and none of `wanted`."""
        branch = self.state.tree.leaves_of(leaf)
        for node in self.state.tree.path(leaf)[1:]:
            larger = self.state.tree.leaves_of(node)
            if wanted.intersection(larger.tolist()):
                break
            branch = larger
        return branch

    def _redrawn(self, state: _State, clicks: tuple[Click, ...], voxels: Int[Array, "K"]) -> _State:
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

    def _moved_outline(self, state: _State, clicks: tuple[Click, ...]) -> _State:
        """Move the outline in the clicked photo; the voxels seen in the moved part change sides
        everywhere.
        """
        click = clicks[-1]
        old = state.masks[click.view]
        drawn = self._draw(state.selected, state.override, clicks, only=click.view)[click.view]
        near = np.zeros(old.shape, bool)
        near[int(click.y), int(click.x)] = True
        border = old if click.positive else ~old
        band = _distance_to(border) <= self._largest_meant(border, click)
        drawn = np.where(band, drawn, old)
        new = _with_changes(old, drawn, near, positive=click.positive)
        height, width = old.shape
        ids = self.state.graph.voxel_of_pixel[click.view, :height, :width][new != old]
        voxels = np.unique(ids[ids >= 0])
        override = state.override.copy()
        override[voxels] = 1 if click.positive else -1
        masks = (*state.masks[: click.view], new, *state.masks[click.view + 1 :])
        return self._redrawn(replace(state, masks=masks, override=override), clicks, voxels)

    def _candidate(self, click: Click, *, first: bool) -> int | None:
        """Cached object a click means; the granularity of a first click counts up the candidates."""
        ids = [i for i in self.cache.at(click.view, click.x, click.y).tolist() if i <= len(self.state.leaves)]
        if first and click.granularity is not None and ids:
            return ids[min(int(click.granularity * len(ids)), len(ids) - 1)]
        return self.cache.preferred(ids, click=(click.view, click.x, click.y) if first else None)

    def _voxel_at(self, click: Click) -> int:
        """Voxel under a click, or the nearest in the image within reach; -1 without one."""
        return self._nearest(self.state.graph.voxel_of_pixel[click.view], click, lambda around: around >= 0)

    def _leaf_at(self, click: Click) -> int:
        """Leaf under a click, that of the clicked cached object where the pixel itself tells another; -1
        without one."""
        leaves = self.state.leaf_of_pixel[click.view]
        choice = self._candidate(click, first=False)
        if choice is not None:
            own = np.zeros(self.state.graph.num_leaves + 1, bool)
            own[self.state.leaves[choice - 1]] = True
            found = self._nearest(leaves, click, lambda around: own[around])
            if found >= 0:
                return found
        return self._nearest(leaves, click, lambda around: around >= 0)

    def _nearest(self, image: Array, click: Click, accept) -> int:
        row, column, reach = int(click.y), int(click.x), self.config.reach_px
        y0, x0 = max(0, row - reach), max(0, column - reach)
        around = np.asarray(image[y0 : row + reach + 1, x0 : column + reach + 1])
        ok = accept(around) & (around >= 0)
        if not ok.any():
            return -1
        rows, columns = np.nonzero(ok)
        best = int(np.argmin((rows + y0 - row) ** 2 + (columns + x0 - column) ** 2))
        return int(around[rows[best], columns[best]])

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
        selected |= (within > 0.8 * total) & (within > 0) & (self._surface_of_leaf < 0)

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
        graph = self.state.graph
        leaf = np.asarray(graph.leaf)
        value = np.full(len(leaf) + 1, -1, np.int8)
        value[:-1] = np.where(leaf >= 0, selected[leaf], -1)
        value[:-1][override > 0] = 1
        value[:-1][override < 0] = 0
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


def _distance_to(mask: Bool[Array, "H W"]) -> Float32[Array, "H W"]:
    """Distance in pixels of every pixel to the mask; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def inradius(mask: Bool[Array, "H W"]) -> float:
    """Radius in pixels of the largest disc inside a mask; 0 for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0.0
    window = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    padded = np.pad(window.astype(np.uint8), 1)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())


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
    keep = np.zeros(count, bool)
    keep[np.unique(labels[near & change])] = True
    return (old | keep[labels]) if positive else (old & ~keep[labels])
