"""What clicks mean in pieces of the scene: which leaves one more click takes in or throws out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Float32, Int, Int8

from liftlab.components.bounds import Amount, within
from liftlab.components.clicks import Click
from liftlab.components.geometry.projection import project
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.graph.scene_graph import surface_of_leaves
from liftlab.components.masks.judging.network import judge
from liftlab.components.masks.regions.outline import OutlineConfig
from liftlab.components.types import Array, Scene, focal_of


@dataclass(frozen=True)
class GraphCutConfig:
    """How clicks become seeds."""

    reach_px: Annotated[int, within(0, 1000)] = 12
    """How far from a click a piece of the scene is looked for."""
    seed_px: Annotated[int, within(0, 1000)] = 2
    """Half width of the square around a click that is certain."""
    region_weight: Amount = 2.0
    """Nats for the colour region under a click."""
    max_growth: Amount = 4.0
    """A later positive click takes a whole cached object only up to this multiple of what is selected."""
    roundness: Amount = 4.0
    """Surface of the largest piece meant, in multiples of pi r^2 (a ball has 4)."""
    meant: Amount = 2.0
    """A corrective click at distance d from the outline means pieces with an inradius up to this multiple of
    d.
    """
    central_in: Amount = 0.5
    """How central a later positive click must lie in the piece it takes in: distance to the piece's outline as a share
    of the largest such distance. People click into the middle of what is wrong."""
    central_out: Amount = 0.25
    """The same of the piece that a negative click throws out: what was taken wrongly is often more than one piece, so
    the middle of all is not the middle of each."""
    seen: Amount = 0.3
    """Share of the voxels of a piece without a name (no cached object) that the clicked photo must show: nobody means
    what hides behind a sliver."""
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    """How outlines are sharpened."""
    remembered: Annotated[int, within(0, 10_000)] = 16
    """Answers kept, so that one click more costs one click."""


@dataclass(frozen=True)
class Selection:
    """What is selected after some clicks."""

    selected: Bool[Array, "L"]
    """Leaves inside."""
    override: Int8[Array, "N"]
    """Voxels whose side a click changed against their leaf: 1 in, -1 out."""
    masks: tuple[Bool[Array, "_ _"], ...]
    """One per view, view pixels."""
    wanted: frozenset[int] = frozenset()
    """Leaves of positive clicks."""
    unwanted: frozenset[int] = frozenset()
    """Leaves of negative clicks."""
    taken: tuple[int, ...] = ()
    """Cached objects it is made of, in the order they were taken."""


class PieceFinder:
    """Reads clicks as pieces of one scene; immutable.

    People click into the middle of what is wrong. So a piece that a corrective click means has the click near its
    middle, in the clicked photo, and is no larger than the distance from the click to the outline of what is selected
    allows. Where no piece is like that, the click means no piece but a stretch of outline.
    """

    def __init__(self, scene: Scene, cache: MaskCache, config: GraphCutConfig) -> None:
        if cache.solver_state is None:
            raise ValueError("cache must carry a solver state; got none. Build the masks of the scene first.")
        self.cache, self.state, self.config = cache, cache.solver_state, config
        self.surface_of_leaf = surface_of_leaves(cache.solver_state.graph)
        self._cameras = [view.camera for view in scene.views]

    def candidate(self, click: Click, *, first: bool) -> int | None:
        """Cached object a click means; the granularity of a first click counts up the candidates."""
        ids = self._candidates(click)
        if first and click.granularity is not None and ids:
            return ids[min(int(click.granularity * len(ids)), len(ids) - 1)]
        return self.cache.preferred(ids, click=(click.view, click.x, click.y) if first else None)

    def _likeliest_first(self, clicks: Sequence[Click]) -> list[int]:
        """Cached objects under the last of some clicks, which is positive, without those that hold a negative one: by
        how well the judge expects them to fit at all positive clicks (0 at those that they leave out). The largest
        first where they were not measured."""
        out = {choice for click in clicks if not click.positive for choice in self._candidates(click)}
        expected = {choice: 0.0 for choice in self._candidates(clicks[-1]) if choice not in out}
        if self.cache.measured is None:
            return list(expected)[::-1]
        for click in clicks:
            held = self._candidates(click) if click.positive else []
            if expected.keys().isdisjoint(held):
                continue
            told = self.cache.click_inputs(held, (click.view, click.x, click.y))
            for choice, fit in zip(held, judge()(told).tolist(), strict=True):
                if choice in expected:
                    expected[choice] += fit
        return sorted(expected, key=lambda choice: -expected[choice])

    def _candidates(self, click: Click) -> list[int]:
        """Cached objects of the build under a click, in ascending area."""
        ids = self.cache.at(click.view, click.x, click.y).tolist()
        return [choice for choice in ids if choice <= len(self.state.leaves)]

    def voxels_of(self, choice: int) -> Bool[Array, "N"]:
        """Voxels that the photos show inside a cached object more often than outside of it."""
        inside = np.zeros(len(self.state.graph.points), np.int64)
        for view in range(self.cache.num_views):
            rows, columns = self.cache.box(view, choice)
            ids = np.asarray(self.state.graph.voxel_of_pixel[view][rows, columns])
            mask = self.cache.mask(view, choice)[rows, columns]
            inside += np.bincount(ids[(ids >= 0) & mask], minlength=len(inside))
        return 2 * inside > self._pixels_of_voxels

    @cached_property
    def _pixels_of_voxels(self) -> Int[Array, "N"]:
        """Pixels of all views that see each voxel."""
        ids = np.asarray(self.state.graph.voxel_of_pixel)
        return np.bincount(ids[ids >= 0], minlength=len(self.state.graph.points))

    def leaf_at(self, click: Click) -> int:
        """Leaf under a click, that of the clicked cached object where the pixel itself tells another; -1
        without one."""
        leaves = self.state.leaf_of_pixel[click.view]
        choice = self.candidate(click, first=False)
        if choice is not None:
            own = np.zeros(self.state.graph.num_leaves + 1, bool)
            own[self.state.leaves[choice - 1]] = True
            found = self._nearest(leaves, click, lambda around: own[around])
            if found >= 0:
                return found
        return self._nearest(leaves, click, lambda around: around >= 0)

    def branch(self, leaf: int, wanted: frozenset[int]) -> Int[Array, "K"]:
        """Leaves of the largest branch of the merge tree that holds `leaf` and none of `wanted`."""
        branch = self.state.tree.leaves_of(leaf)
        for node in self.state.tree.path(leaf)[1:]:
            larger = self.state.tree.leaves_of(node)
            if wanted.intersection(larger.tolist()):
                break
            branch = larger
        return branch

    def grown(
        self, before: Selection, clicks: Sequence[Click], leaf: int
    ) -> tuple[Bool[Array, "L"], tuple[int, ...]]:
        """Leaves selected after a later positive click, the last of `clicks`, and the cached objects they come from.

        In comes the cached object or part that the click can mean and that the judge finds likeliest after all positive
        clicks, or else the largest branch of the merge tree.
        """
        click = clicks[-1]
        sizes = self.state.tree.voxels[: len(before.selected)]
        volume = int(sizes[before.selected].sum())
        here = before.masks[click.view]
        if here.any():
            limit, growth = self.largest_meant(here, click), self.config.max_growth
        else:  # nothing of the object in this photo yet: nothing larger than what the others show of it
            limit, growth = max(inradius(mask) for mask in before.masks), 1.0
        most = self._voxels_within(limit, click)
        selected = before.selected.copy()
        for choice in self._likeliest_first(clicks):
            if self.cache.kinds[choice - 1] not in ("object", "part"):
                continue
            leaves = self.state.leaves[choice - 1]
            fresh = self.cache.mask(click.view, choice) & ~here
            count = self.voxels_of(choice).sum() if self.cache.is_agreed(choice) else sizes[leaves].sum()
            if count <= min(most, growth * volume) and self._means(click, fresh, limit):
                selected[leaves] = True
                for other in before.unwanted - before.wanted:
                    selected[self.branch(other, before.wanted)] = False
                return selected | before.selected, (*before.taken, choice)
        if leaf < 0 or self.surface_of_leaf[leaf] >= 0:
            return selected, before.taken
        leaves_here = self._leaves_in(click.view)
        for node in reversed(self.state.tree.path(leaf)):
            branch = self.state.tree.leaves_of(node)
            if sizes[branch].sum() > min(most, volume) or before.unwanted.intersection(branch.tolist()):
                continue
            fresh = np.isin(leaves_here, branch) & ~here
            seen = len(
                np.unique(
                    self.state.graph.voxel_of_pixel[click.view, : here.shape[0], : here.shape[1]][fresh]
                )
            )
            if seen >= self.config.seen * sizes[branch].sum() and self._means(click, fresh, limit):
                selected[branch] = True
                break
        return selected, before.taken

    def shrunk(self, before: Selection, click: Click) -> Bool[Array, "L"]:
        """Leaves selected after a negative click.

        Out goes what a later positive click took in, if this one takes it back; else the largest branch of the merge
        tree that the click can mean, or, where the tree joined in the wrong order, all that hangs together with the
        click rather than with the positive ones.
        """
        selected = before.selected.copy()
        mask = before.masks[click.view]
        leaves = self._leaves_in(click.view)
        leaf = int(leaves[int(click.y), int(click.x)])
        if leaf < 0 or not selected[leaf]:
            return selected
        limit = self.largest_meant(~mask, click)
        most = self._voxels_within(limit, click)
        sizes = self.state.tree.voxels[: len(selected)]

        def meant(piece: Bool[Array, "_"]) -> bool:
            seen = piece[leaves] & mask
            return int(sizes[piece[:-1]].sum()) <= most and self._means(click, seen, limit)

        table = np.zeros(len(selected) + 1, bool)  # the last entry answers for leaf -1
        for number in range(len(before.taken) - 1, 0, -1):
            table[:] = False
            table[self.state.leaves[before.taken[number] - 1]] = True
            for other in (*before.taken[:number], *before.taken[number + 1 :]):
                table[self.state.leaves[other - 1]] = False
            if table[leaf] and meant(table):
                selected[table[:-1]] = False
                return selected
        if leaf in before.wanted:
            return selected
        for node in reversed(self.state.tree.path(leaf)):
            branch = self.state.tree.leaves_of(node)
            if before.wanted.intersection(branch.tolist()):
                continue
            table[:] = False
            table[branch] = True
            if meant(table):
                walk = np.append(self._nearer_to(leaf, before.wanted, before.selected), False)
                selected[walk[:-1] if meant(walk) else branch] = False
                break
        return selected

    def largest_meant(self, border: Bool[Array, "H W"], click: Click) -> float:
        """Inradius in pixels of the largest piece that a corrective click can mean.

        A click close to the outline of the selection (`border`) is about a sliver, never about a whole object behind
        it.
        """
        distance = float(distance_to(border)[int(click.y), int(click.x)])
        return self.config.meant * distance + self.config.seed_px

    def _means(self, click: Click, piece: Bool[Array, "H W"], limit: float) -> bool:
        """Whether a click can mean a piece of its photo: not larger than `limit`, the click in its middle."""
        least = self.config.central_in if click.positive else self.config.central_out
        return inradius(piece) <= limit and centrality(piece, click) >= least

    def _leaves_in(self, view: int) -> Array:
        """Leaf of every pixel of one view, without padding."""
        height, width = self.cache.sizes[view]
        return self.state.leaf_of_pixel[view, :height, :width]

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
        links = scipy.sparse.coo_array(
            (np.r_[bond, bond], (np.r_[a, b], np.r_[b, a])), shape=(len(nodes),) * 2
        ).tocsr()
        seeds = np.array([place[leaf], *sorted(place[w] for w in wanted if selected[w])])
        free = np.setdiff1d(np.arange(len(nodes)), seeds)
        chance = np.zeros(len(nodes))
        chance[seeds[0]] = 1.0
        if len(free):
            laplacian = scipy.sparse.csr_array(scipy.sparse.diags_array(links.sum(axis=1) + 1e-9) - links)
            system = laplacian[free][:, free].tocsc()
            chance[free] = np.asarray(
                scipy.sparse.linalg.spsolve(system, -(laplacian[free][:, seeds[:1]].toarray()).ravel())
            )
        lost = np.zeros(len(selected), bool)
        lost[nodes[chance > 0.5]] = True
        return lost

    def _voxels_within(self, radius_px: float, click: Click) -> float:
        """Voxels of the largest surface whose inradius is `radius_px` at the click's distance, elongated
        ones too.
        """
        voxel = self._nearest(self.state.graph.voxel_of_pixel[click.view], click, lambda around: around >= 0)
        if voxel < 0 or not np.isfinite(radius_px):
            return float("inf")
        graph, camera = self.state.graph, self._cameras[click.view]
        depth = float(project(camera, np.asarray(graph.points[voxel], np.float64))[1])
        radius = radius_px * depth / focal_of(camera) / (graph.voxel * graph.scale)
        return self.config.roundness * np.pi * radius**2

    def _nearest(self, image: Array, click: Click, accept) -> int:
        """Value of `image` at the pixel nearest to a click that is accepted and not negative; -1 without one."""
        row, column, reach = int(click.y), int(click.x), self.config.reach_px
        y0, x0 = max(0, row - reach), max(0, column - reach)
        around = np.asarray(image[y0 : row + reach + 1, x0 : column + reach + 1])
        ok = accept(around) & (around >= 0)
        if not ok.any():
            return -1
        rows, columns = np.nonzero(ok)
        best = int(np.argmin((rows + y0 - row) ** 2 + (columns + x0 - column) ** 2))
        return int(around[rows[best], columns[best]])


def distance_to(mask: Bool[Array, "H W"]) -> Float32[Array, "H W"]:
    """Distance in pixels of every pixel to the mask; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def inradius(mask: Bool[Array, "H W"]) -> float:
    """Radius in pixels of the largest disc inside a mask; 0 for an empty one."""
    return float(_depth_inside(mask)[0].max(initial=0.0))


def centrality(mask: Bool[Array, "H W"], click: Click) -> float:
    """Distance of a click to the outside of the connected piece it lies in, as a share of the largest such distance
    in that piece; 0 outside the mask."""
    row, column = int(click.y), int(click.x)
    if not mask[row, column]:
        return 0.0
    labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1]
    distance, y0, x0 = _depth_inside(labels == labels[row, column])
    return float(distance[row - y0, column - x0] / distance.max())


def _depth_inside(mask: Bool[Array, "H W"]) -> tuple[Float32[Array, "h w"], int, int]:
    """Distance to the outside within a mask's bounding box, and the box's top and left; the image border is outside."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return np.zeros((0, 0), np.float32), 0, 0
    y0, x0 = int(rows[0]), int(columns[0])
    padded = np.pad(mask[y0 : rows[-1] + 1, x0 : columns[-1] + 1].astype(np.uint8), 1)
    return cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1], y0, x0
