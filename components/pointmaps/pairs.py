"""Pairs of views: which to look at, and what a predictor of two-view pointmaps gives for one.

A predictor may be a network (MASt3R, DUSt3R) or the weight-free stereo of `stereo_pairs`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.geometry.projection import scaled_intrinsics, transform
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array, Camera, View

Edge = tuple[int, int]
"""Indices of the first and second view; pointmaps of an edge are in the camera frame of the first."""


@dataclass(frozen=True)
class PairResult:
    """Pointmaps of two views in the camera frame of the first; their common scale is arbitrary unless known."""

    pts3d_1: Float[Array, "H1 W1 3"]
    """Points of the first view's pixels, in its own camera frame."""
    pts3d_2: Float[Array, "H2 W2 3"]
    """Points of the second view's pixels, in the first view's camera frame."""
    conf_1: Float[Array, "H1 W1"]
    """Above 1; 1 + exp(.) as DUSt3R-type heads give."""
    conf_2: Float[Array, "H2 W2"]
    matches: Float[Array, "K 4"]
    """x1, y1, x2, y2 of pixels that show the same point; pixel centres at +0.5."""
    scale_known: bool = False
    """True when the points are in metres."""
    second_from_first: Float[Array, "4 4"] | None = None
    """Relative pose where the predictor knows it; lets `swapped` give the pair's other order for nothing."""

    def swapped(self) -> "PairResult":
        """The same pair in the other order. Raises ValueError when the relative pose is not known."""
        if self.second_from_first is None:
            raise ValueError(
                "second_from_first must be known to swap a pair; got None. Predict the other order."
            )
        first_from_second = np.linalg.inv(self.second_from_first)
        return PairResult(
            pts3d_1=transform(self.second_from_first, self.pts3d_2).astype(np.float32),
            pts3d_2=transform(self.second_from_first, self.pts3d_1).astype(np.float32),
            conf_1=self.conf_2,
            conf_2=self.conf_1,
            matches=self.matches[:, [2, 3, 0, 1]],
            scale_known=self.scale_known,
            second_from_first=first_from_second,
        )

    def matched(self) -> tuple[Bool[Array, "H1 W1"], Bool[Array, "H2 W2"]]:
        """Phi of docs/methods/wildseg3d.md: True at pixels that have a match in the other image."""
        out = []
        for xy, shape in ((self.matches[:, :2], self.conf_1.shape), (self.matches[:, 2:], self.conf_2.shape)):
            mask = np.zeros(shape, bool)
            column, row = np.floor(xy).astype(int).T
            inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
            mask[row[inside], column[inside]] = True
            out.append(mask)
        return out[0], out[1]


@dataclass(frozen=True)
class PairFailure:
    """A pair that gives no pointmaps, and why; the graph does without it."""

    reason: Literal["few_matches", "no_parallax", "forward_motion", "no_overlap"]
    detail: str
    """One sentence with the figures."""


@runtime_checkable
class PairPredictor(Protocol):
    """Two views in, as large as there are; their pointmaps out, at the predictor's size."""

    conf_valid_threshold: float
    """Points of lower confidence are not shown."""
    symmetric: bool
    """True when the other order of a pair is `PairResult.swapped` and need not be predicted."""
    max_side: int
    """Pointmaps have the size of `shrunk(view, max_side)`."""

    def __call__(self, view_1: View, view_2: View) -> PairResult | PairFailure: ...


@runtime_checkable
class BatchPairPredictor(PairPredictor, Protocol):
    """A predictor that is faster on several pairs at once."""

    pairs_at_once: int

    def predict(self, pairs: Sequence[tuple[View, View]]) -> list[PairResult | PairFailure]:
        """Outcomes of the pairs, in their order."""
        ...


def pair_graph(
    num_views: int,
    kind: Literal["complete", "window", "one_to_all"] = "complete",
    *,
    window: int = 3,
    center: int = 0,
    symmetrise: bool = True,
) -> list[Edge]:
    """Edges of a pair graph, in a fixed order.

    Args:
        num_views: Views are 0 to num_views - 1; "window" takes them as neighbours in this order, not cyclic.
        kind: Every pair; pairs at most `window` apart; or every view with `center`.
        window: Largest distance of a pair's indices.
        center: The view that all others are paired with.
        symmetrise: Each pair in both orders, as in DUSt3R.
    """
    if kind == "complete":
        pairs = list(itertools.combinations(range(num_views), 2))
    elif kind == "window":
        pairs = [(n, m) for n, m in itertools.combinations(range(num_views), 2) if m - n <= window]
    elif kind == "one_to_all":
        pairs = [(center, m) for m in range(num_views) if m != center]
    else:
        assert_never(kind)
    return pairs + [(m, n) for n, m in pairs] if symmetrise else pairs


def predict_pairs(
    views: Sequence[View],
    edges: Sequence[Edge],
    predictor: PairPredictor,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[dict[Edge, PairResult], dict[Edge, PairFailure]]:
    """Run a predictor over the edges; failed pairs come back by themselves. Raises `Cancelled`."""
    results: dict[Edge, PairResult] = {}
    failures: dict[Edge, PairFailure] = {}
    waiting: dict[Edge, PairResult | PairFailure] = {}
    for done, (n, m) in enumerate(edges):
        if cancel is not None:
            cancel.check()
        progress(done / len(edges), f"Matching photo {n + 1} with photo {m + 1}")
        if predictor.symmetric and (m, n) in failures:
            failures[n, m] = failures[m, n]
        elif predictor.symmetric and (m, n) in results:
            results[n, m] = results[m, n].swapped()
        else:
            if (n, m) not in waiting:
                waiting = _predicted(views, edges[done:], predictor)
            outcome = waiting.pop((n, m))
            if isinstance(outcome, PairFailure):
                failures[n, m] = outcome
            else:
                results[n, m] = outcome
    progress(1.0, "Pairs matched")
    return results, failures


def _predicted(
    views: Sequence[View], edges: Sequence[Edge], predictor: PairPredictor
) -> dict[Edge, PairResult | PairFailure]:
    """Outcomes of the next edges, as many as the predictor takes at once."""
    if not isinstance(predictor, BatchPairPredictor):
        n, m = edges[0]
        return {(n, m): predictor(views[n], views[m])}
    batch = list(edges[: predictor.pairs_at_once])
    return dict(zip(batch, predictor.predict([(views[n], views[m]) for n, m in batch]), strict=True))


def cells_of_matches(
    from_xy: Int[Array, "K 2"],
    to_xy: Int[Array, "K 2"],
    stride: int,
    size_1: tuple[int, ...],
    size_2: tuple[int, ...],
) -> Float[Array, "N 4"]:
    """Each match for all pixels of the `stride` x `stride` cell around it, those that leave an image left out.

    Args:
        from_xy, to_xy: Column and row of the matched pixels, counted from 0.
        stride: Pixels; 1 leaves the matches as they are.
        size_1, size_2: (height, width) of the images.

    Returns:
        x1, y1, x2, y2, pixel centres at +0.5.
    """
    span = np.arange(stride) - stride // 2
    steps = np.stack(np.meshgrid(span, span), axis=-1).reshape(1, -1, 2)
    pairs = np.concatenate([from_xy[:, None] + steps, to_xy[:, None] + steps], axis=-1).reshape(-1, 4)
    limit = np.array([size_1[1], size_1[0], size_2[1], size_2[0]])
    inside = ((pairs >= 0) & (pairs < limit)).all(axis=1)
    return (pairs[inside] + 0.5).astype(np.float32)


def shrunk(view: View, max_side: int) -> View:
    """The view with its long side at most `max_side` pixels; the same view when it already is."""
    camera = view.camera
    ratio = max_side / max(camera.width, camera.height)
    if ratio >= 1:
        return view
    width, height = max(1, round(camera.width * ratio)), max(1, round(camera.height * ratio))
    K = scaled_intrinsics(camera.K, width / camera.width, height / camera.height)
    image = cv2.resize(view.image, (width, height), interpolation=cv2.INTER_AREA)
    used = view.used
    if used is not None:
        used = cv2.resize(used.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return View(view.name, Camera(K, camera.world_to_camera, width, height), image, view.lens, used)


def nearby_graph(
    cameras: Sequence[Camera],
    target: Float[Array, "3"],
    *,
    neighbours: int = 2,
    ideal_angle_deg: float = 12.0,
    max_angle_deg: float = 45.0,
) -> list[Edge]:
    """Unordered pairs (n < m) of each view with its best partners, for cameras that are known.

    Partners see `target`, a point in the middle of the scene, under an angle close to `ideal_angle_deg`: wide
    enough for depth, narrow enough to match. A view without any partner under `max_angle_deg` stays alone.
    """
    rays = np.stack([camera.center for camera in cameras]) - target
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    angles = np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1)))
    edges: set[Edge] = set()
    for n in range(len(cameras)):
        misfit = np.abs(np.log(np.maximum(angles[n], 1e-3) / ideal_angle_deg))
        misfit[(angles[n] > max_angle_deg) | (np.arange(len(cameras)) == n)] = np.inf
        order = [m for m in np.argsort(misfit, kind="stable")[:neighbours].tolist() if np.isfinite(misfit[m])]
        edges.update((min(n, m), max(n, m)) for m in order)
    return sorted(edges)
