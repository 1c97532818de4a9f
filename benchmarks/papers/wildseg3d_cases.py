"""One case of WildSeg3D's tables: N photos, pairs, an alignment, and what it lifts, projected into the other photos."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool

from benchmarks.common.rows import Row
from liftlab.bench.provenance import commit
from liftlab.components.captures.benchmark_layouts import BenchmarkScene, open_benchmark
from liftlab.components.captures.benchmark_layouts.scene import MIN_PIXELS, resized_labels
from liftlab.components.errors import InputError
from liftlab.components.files import content_key
from liftlab.components.geometry.projection import mask_in_photo
from liftlab.components.masks.cache import MaskCache
from liftlab.components.metrics import accuracy, iou
from liftlab.components.pointmaps.alignment.sift import with_sift_matches
from liftlab.components.pointmaps.alignment.solve import Alignment, AlignmentConfig, align
from liftlab.components.pointmaps.alignment.sparse import SparseAlignmentConfig, align_sparse
from liftlab.components.pointmaps.alignment.weights import soft_masks
from liftlab.components.pointmaps.pairs import Edge, PairResult, pair_graph, predict_pairs, shrunk
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig
from liftlab.components.types import Array, Pointmap, Prompt, Provenance, Scene, Segmentation, View
from liftlab.engine.lab import Lab
from liftlab.pipelines.benchmarking.projection import ProjectedViews, points_of_masks
from liftlab.pipelines.benchmarking.simulated_user import farthest_inside
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import missing, settings_for
from liftlab.pipelines.methods.wildseg3d import WildSeg3D, WildSeg3DConfig
from liftlab.pipelines.steps import masks as masks_step
from liftlab.pipelines.steps import reconstruct as reconstruct_step

VERSION, SOLVED_VERSION = 1, 2
"""Raised when what a row says changes; the second where the alignment solves the cameras."""
Cameras = Literal["known", "solved"]
"""Of the alignment: the reconstruction's, or found by it from the pairs alone, as in the paper."""
AskMasks = Callable[[int, float, float], Callable[[int], Bool[Array, "_ _"]]]
"""A click (view, x, y in photo pixels) to the masks of views."""


@dataclass(frozen=True)
class Variant:
    """An alignment of a table."""

    name: str
    pairs: str = "stereo"
    """Entry of `PAIR_PREDICTORS`."""
    method: Literal["reconstruction", "ga", "sparse_ga", "dga"] = "dga"
    changes: tuple[tuple[str, Any], ...] = ()
    """Settings of `AlignmentConfig`."""
    sift: bool = False
    """Matching maps by SIFT."""


@dataclass(frozen=True)
class Case:
    """One row before averaging over seeds."""

    capture: Path
    workspace: Path
    variant: Variant
    photos: int
    seed: int
    cameras: Cameras
    side: int
    """Long side of the pairs by stereo, pixels; networks have their own."""
    iterations: int

    @property
    def key(self) -> str:
        about = [self.capture.name, self.variant.name, self.cameras, self.photos, self.seed]
        return "|".join(map(str, [*about, self.side, self.iterations]))

    @property
    def blank(self) -> Row:
        """What the row says before anything is measured."""
        return {
            "key": self.key, "capture": self.capture.name, "variant": self.variant.name, "cameras": self.cameras,
            "photos": self.photos, "seed": self.seed, "state": state_of(self), "commit": commit(),
        }  # fmt: skip


def state_of(case: Case) -> str:
    """Key of what a row stands on; a row with another one is out of date."""
    version = SOLVED_VERSION if case.cameras == "solved" else VERSION
    steps = [reconstruct_step.STEP_VERSION, masks_step.STEP_VERSION, WildSeg3D.STEP_VERSION, version]
    return content_key(steps, repr(case.variant))


def drawn_photos(bench: BenchmarkScene, count: int, seed: int) -> list[Path]:
    """Neighbouring photos from a start drawn at random.

    The paper draws any N photos of scenes that face forward, where all of them overlap; of a ring round a table they
    would share nothing.

    Raises:
        InputError: The capture has fewer.
    """
    if len(bench.photos) < count:
        raise InputError(f"{bench.name} has {len(bench.photos)} photos, not {count}.")
    start = int(np.random.default_rng(seed).integers(len(bench.photos) - count + 1))
    return list(bench.photos[start : start + count])


@dataclass(frozen=True)
class Ground:
    """What the cases of one draw of photos share."""

    bench: BenchmarkScene
    """With the drawn photos alone."""
    scene: Scene
    masks: MaskCache
    ask: AskMasks
    seconds: Mapping[str, float]
    """Of reconstruction and masks."""
    pairs: dict[tuple[str, int], tuple[dict[Edge, PairResult], float]] = field(default_factory=dict)
    """All pairs by who predicts them and their size, once they were predicted, and how many seconds that took."""


def ground_of(case: Case) -> Ground:
    """Scene, masks and lookup of a draw, from the workspace or made now."""
    (bench,) = open_benchmark(case.capture)
    photos = drawn_photos(bench, case.photos, case.seed)
    names = {photo.name for photo in photos}
    scored = tuple(name for name in bench.scored if name in names)
    bench = replace(bench, photos=tuple(photos), scored=scored)
    lab = Lab(case.workspace)
    try:
        name = f"{bench.name}-{case.photos}-{case.seed}"
        if name not in lab.captures():
            lab.import_capture(photos, name)
        lab.reconstruct(name)
        scene, masks = lab.scene(name), lab.masks(name)
        prepared = lab.prepare(name, "wildseg3d", WildSeg3DConfig())
        method = lab.segmenter("wildseg3d", WildSeg3DConfig())
        records = lab.step_records(name)
    finally:
        lab.close()

    def ask(view: int, x: float, y: float) -> Callable[[int], Bool[Array, "_ _"]]:
        prompt = Prompt(view=view, point_coords=np.array([[x, y]]), point_labels=np.array([True]))
        return method.segment(prepared, [prompt]).mask_of_view

    seconds = {step: float(records[step]["seconds"]) for step in ("reconstruct", "masks")}
    return Ground(bench, scene, masks, ask, seconds)


def run_case(case: Case, ground: Ground) -> Row:
    """Align, lift every object after one click, and score its projection.

    Raises:
        InputError: The pairs cannot be predicted or aligned, or no object can be scored.
    """
    variant, scene, seconds = case.variant, ground.scene, dict(ground.seconds)
    lifted, valid = scene, float(scene.pointmap.valid.mean())
    if variant.method != "reconstruction":
        predictor = _predictor(variant.pairs, case.side)
        views = [shrunk(view, predictor.max_side) for view in scene.views]
        kind = (variant.pairs, predictor.max_side)
        if kind not in ground.pairs:
            began = time.perf_counter()
            found, _ = predict_pairs(scene.views, pair_graph(len(views), "complete"), predictor)
            ground.pairs[kind] = found, time.perf_counter() - began
        pairs, seconds["pairs"] = ground.pairs[kind]
        began = time.perf_counter()
        alignment = aligned(views, pairs, ground.masks, case, predictor.conf_valid_threshold)
        seconds["alignment"] = time.perf_counter() - began
        lifted = scene_of_alignment(scene, views, alignment)
        valid = float(np.mean([v.mean() for v in alignment.valid]))
    found = score_lifting(ground, lifted)
    return {
        **case.blank, "miou": found.iou, "macc": found.accuracy, "objects": found.objects, "valid": round(valid, 4),
        "masks_miou": found.masks_iou, "seconds": {step: round(spent, 2) for step, spent in seconds.items()},
    }  # fmt: skip


def _predictor(name: str, side: int) -> Any:
    chosen = PAIR_PREDICTORS.get(name)
    lacking = missing(chosen)
    if lacking:
        raise InputError(lacking)
    config = WildSeg3DConfig(stereo=StereoPairConfig(max_side=side))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return chosen.make(settings_for(chosen, config), device=device)


def aligned(
    views: Sequence[View],
    pairs: Mapping[Edge, PairResult],
    masks: MaskCache,
    case: Case,
    threshold: float,
) -> Alignment:
    """The alignment of a case; soft masks are the cache's foreground, as before any click."""
    variant = case.variant
    cameras = "known" if case.cameras == "known" else "unknown"
    if variant.method == "sparse_ga":
        sparse = SparseAlignmentConfig(
            cameras=cameras, matching_threshold=threshold, valid_confidence=threshold
        )
        return align_sparse(views, pairs, sparse)
    if variant.sift:
        pairs = with_sift_matches(views, pairs)
    config = AlignmentConfig(
        method="dga" if variant.method == "dga" else "ga", cameras=cameras, iterations=case.iterations,
        pixel_stride=2, valid_confidence=threshold, **dict(variant.changes),
    )  # fmt: skip
    sizes = [(view.camera.height, view.camera.width) for view in views]
    soft = soft_masks(masks, sizes, "all_objects") if variant.method == "dga" else None
    return align(views, pairs, config, soft_masks=soft)


def scene_of_alignment(scene: Scene, views: Sequence[View], alignment: Alignment) -> Scene:
    """The scene with the alignment's cameras, and its valid depths as points; views of its size."""
    height, width = np.max([depth.shape for depth in alignment.depths], axis=0)
    shape = (len(views), int(height), int(width))
    pts3d, conf = np.zeros((*shape, 3), np.float32), np.ones(shape, np.float32)
    valid = np.zeros(shape, bool)
    for i, depth in enumerate(alignment.depths):
        h, w = depth.shape
        pts3d[i, :h, :w] = alignment.points(i)
        conf[i, :h, :w], valid[i, :h, :w] = alignment.conf[i], alignment.valid[i] & (depth > 0)
    placed = tuple(
        replace(view, camera=camera) for view, camera in zip(views, alignment.cameras, strict=True)
    )
    return replace(scene, views=placed, pointmap=Pointmap(pts3d, conf, valid))


@dataclass(frozen=True)
class LiftingScore:
    """Means over objects and the photos that show them, the clicked one left out."""

    iou: float
    accuracy: float
    masks_iou: float
    """Of the masks that were lifted, in the same photos."""
    objects: int


def score_lifting(ground: Ground, lifted: Scene) -> LiftingScore:
    """One click per object, in the photo that shows most of it; its masks lifted by some geometry and projected.

    Args:
        ground: Truth, masks, and views whose pixels are those of the photos.
        lifted: The same views, of any size, with the points that lift.

    Raises:
        InputError: No object is seen well enough by two placed photos.
    """
    bench, scene = ground.bench, ground.scene
    index = {view.name: i for i, view in enumerate(scene.views)}
    photos = [photo for photo in bench.scored if photo in index]
    projected = ProjectedViews(lifted, torch.device("cpu"))
    # solved cameras have another focal length, and the pixels of a photo stay where they are
    grid = [shrunk_to(view, other) for view, other in zip(scene.views, lifted.views, strict=True)]
    rows: list[tuple[float, float, float]] = []
    for entry in bench.objects:
        truths = {photo: bench.truth_of(entry.id, photo) for photo in photos}
        shown = [photo for photo in photos if int((truths[photo] == 1).sum()) >= MIN_PIXELS]
        if len(shown) < 2:
            continue
        reference = max(shown, key=lambda photo: int((truths[photo] == 1).sum()))
        masks = _asked(ground, index[reference], truths[reference] == 1)
        result = _lifted(lifted, masks)
        scores = []
        for photo in (photo for photo in shown if photo != reference):
            view, truth = index[photo], truths[photo]
            mask = _in_truth(grid[view], projected.mask(view, result), truth)
            flat = _in_truth(scene.views[view], masks[view], truth)
            void = truth < 0
            scores.append(
                (iou(truth == 1, mask, void=void), accuracy(truth == 1, mask, void=void),
                 iou(truth == 1, flat, void=void))
            )  # fmt: skip
        rows.append(tuple(np.mean(scores, axis=0).tolist()))
    if not rows:
        raise InputError("No object is seen well enough by two of these photos.")
    means = np.mean(rows, axis=0).round(4).tolist()
    return LiftingScore(*means, objects=len(rows))


def shrunk_to(view: View, other: View) -> View:
    """The view at another one's size."""
    return shrunk(view, max(other.image.shape[:2]))


def _asked(ground: Ground, view: int, truth: Bool[Array, "_ _"]) -> list[Bool[Array, "_ _"]]:
    """Masks of all views after a click on the pixel deepest in the object."""
    x, y = farthest_inside(truth)
    lens = ground.scene.views[view].lens
    scale = lens.width / truth.shape[1], lens.height / truth.shape[0]
    mask_of_view = ground.ask(view, (x + 0.5) * scale[0], (y + 0.5) * scale[1])
    return [mask_of_view(i) for i in range(len(ground.scene.views))]


def _lifted(lifted: Scene, masks: Sequence[Bool[Array, "_ _"]]) -> Segmentation:
    """P of eq. (11), boundaries left out."""
    fitted = []
    for view, mask in zip(lifted.views, masks, strict=True):
        size = (view.camera.width, view.camera.height)
        small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        inner = cv2.erode(small, np.ones((3, 3), np.uint8))
        fitted.append((inner if inner.any() else small) > 0)
    selected = points_of_masks(lifted, fitted)
    score = selected.astype(np.float32)
    return Segmentation(
        "points", selected, score, 0.5, (), Provenance("wildseg3d", {}, "points in masks", 0.0)
    )


def _in_truth(view: View, mask: Bool[Array, "_ _"], truth: np.ndarray) -> Bool[Array, "_ _"]:
    shape = (int(truth.shape[0]), int(truth.shape[1]))
    return resized_labels(mask_in_photo(view, mask).astype(np.int32), shape) > 0
