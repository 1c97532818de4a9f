"""WildSeg3D: a click looks up cached masks of all views and lifts their pixels; nothing is trained.

Source: "WildSeg3D: Segment Any 3D Objects in the Wild from 2D Images", ICCV 2025 (arXiv:2503.08407);
equation numbers are those of docs/methods/wildseg3d.md. We differ where the docstrings below say so.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, UInt16

from liftlab.components.bounds import Share
from liftlab.components.clicks import Box, Click, ClickList, clicks_of
from liftlab.components.config_keys import LATER
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write, write_json
from liftlab.components.geometry.view_consensus import agreed_points
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.pieces import GraphCutConfig
from liftlab.components.masks.clicks.solver import ClickSolver
from liftlab.components.masks.graph.scene_graph import view_depths
from liftlab.components.pointmaps.alignment.scene import SceneAlignment, SceneAlignmentConfig, align_scene
from liftlab.components.pointmaps.pairs import PairPredictor
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.registry import chosen_from
from liftlab.components.types import Array, Prompt, Provenance, Scene, Segmentation
from liftlab.pipelines.base import check_masks, register
from liftlab.pipelines.choices.click_solvers import CLICK_SOLVERS
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import check_settings, settings_for
from liftlab.pipelines.models import Sam2Config

SAME_PLACE_PX = 2.0
"""A positive click this close to an earlier one of the same view asks for the next larger mask."""
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class WildSeg3DConfig:
    """Choices of WildSeg3D."""

    alignment: Literal["reconstruction", "ga", "dga", "sparse_ga"] = "reconstruction"
    """Whose depths say which points are valid: the reconstruction's alone, or also those of (dynamic, sparse) global
    alignment over pairs of photos with the scene's cameras known, which takes some 20 s for a dozen photos; points
    it contradicts are not selected. We differ from the paper, which aligns always: with pairs by stereo, without
    weights, alignment removes more right points than wrong ones (desk: 1.4 % of all points by GA, 2.2 % by DGA, and
    0.07 % wrong ones), as the reconstruction's depths are confirmed by several photos already."""
    aligning: SceneAlignmentConfig = field(default_factory=SceneAlignmentConfig)
    """Graph and effort of that alignment."""
    stereo: StereoPairConfig = field(default_factory=lambda: StereoPairConfig(max_side=320))
    """Its pairs; small, so that a dozen photos take well under half a minute on two cores."""
    solver: GraphCutConfig = field(default_factory=GraphCutConfig)
    """Of the slow path: what answers when no cached mask does."""
    first_candidate: Literal["whole", "smallest"] = "whole"
    """Which cached mask a click takes when no granularity is given: the smallest that contains it (the paper's rule),
    or the smallest whole object (`MaskCache.preferred`): proposals without weights hold many parts. IoU after one
    click on sparse5: 0.64 whole, 0.27 smallest."""
    corrections: Literal["local", "lookup"] = "local"
    """What further clicks do where the first one's mask is wrong. Lookup: the paper's rules over cached masks, the
    click solver only where they fail. Local (ours): the click solver changes the mask around the click. IoU after
    three clicks on desk: 0.95 local, 0.46 lookup."""
    box_iou: Share = 0.5
    """A box takes the mask whose bounding box overlaps it most, if by at least this IoU. Range (0, 1]."""
    click_solver: str = field(default="graph_cut", metadata=LATER | chosen_from(CLICK_SOLVERS))
    """What answers on the slow path: a cut through photos and geometry, without weights, or SAM 2.1's decoder."""
    sam2: Sam2Config = field(default_factory=Sam2Config, metadata=LATER)
    """Which SAM 2.1, and how."""
    pairs: str = field(default="stereo", metadata=LATER | chosen_from(PAIR_PREDICTORS))
    """Who predicts the pairs of the alignment: stereo, without weights, or a network. The paper's is dga on mast3r."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict, metadata=LATER, hash=False)
    """Settings of click solvers and pair predictors of other packages, by their names."""

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class WildSeg3DPrepared:
    """Read-only state of WildSeg3D for one scene."""

    scene_key: str
    scene: Scene
    masks: MaskCache
    point_ids: tuple[Int[Array, "_"], ...]
    """Per object: its points, as indices into `Pointmap.points`, ascending; mask boundaries are left out."""
    usable: Bool[Array, "N"]
    """Points that the alignment does not contradict."""
    depths: Float32[Array, "V H W"] = field(repr=False)
    """Depth along +Z of every view's points, 0 where there is none."""
    aligned: "AlignedDepths | None"
    """The alignment's own depths; None when the reconstruction's alone are used."""
    solver: ClickSolver | None = field(repr=False)
    """Answers what the cache does not; None when the masks came without what it needs."""
    note: str = ""
    """Why there is no alignment although one was asked for; goes into every result's provenance."""


@dataclass(frozen=True)
class AlignedDepths:
    """Depths of every view as (dynamic) global alignment found them, at its own size."""

    depth: Float[Array, "V h w"]
    """Along +Z, scene units; 0 where nothing is known and in padding."""
    valid: Bool[Array, "V h w"]
    report: dict[str, Any]
    """Method, pairs, failed pairs with their reasons, loss, seconds, histogram of weights."""


@dataclass(frozen=True)
class Choice:
    """What the clicks select from the cache: the union of `add` without the union of `subtract`."""

    add: tuple[int, ...] = ()
    subtract: tuple[int, ...] = ()
    candidates: tuple[int, ...] = ()
    """Cached objects under the first positive click, ascending area."""
    missed: tuple[Click, ...] = ()
    """Positive clicks on nothing cached, and negative clicks that no cached mask can take away."""
    missed_boxes: tuple[Box, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.missed and not self.missed_boxes


@register(
    "wildseg3d",
    summary="Looks a click up in masks tracked through all views beforehand; answers in milliseconds.",
    paper="WildSeg3D: Segment Any 3D Objects in the Wild from 2D Images, ICCV 2025 (arXiv:2503.08407)",
    licence="Apache-2.0 (our implementation; the authors published no code)",
    config=WildSeg3DConfig,
)
class WildSeg3D:
    """Cached lookup and multi-view group mapping."""

    STEP_VERSION = 2
    geometry: Literal["points", "gaussians"] = "points"

    def __init__(self, config: WildSeg3DConfig, *, device: torch.device) -> None:
        self.config = config
        self.device = device

    def prepare(
        self,
        scene: Scene,
        masks: MaskCache,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> WildSeg3DPrepared:
        """Align the photos' depths, then index the points of every cached object.

        Where no pair of photos can be aligned, the reconstruction's depths are used, and `note` says so.

        Raises:
            InputError: The masks belong to another scene.
            Cancelled: `cancel` was set.
        """
        check_masks(scene, masks)
        cancel.check()
        solver = CLICK_SOLVERS.get(self.config.click_solver)
        if solver.ready is not None:
            settings, share = settings_for(solver, self.config), part_of(progress, 0.0, 0.5)
            solver.ready(settings, scene, device=self.device, progress=share, cancel=cancel)
            progress = part_of(progress, 0.5, 1.0)
        usable = np.ones(int(scene.pointmap.offsets[-1]), bool)
        aligned, note = None, ""
        if self.config.alignment != "reconstruction":
            # Outside the try: a network that was asked for and is not here is no reason to go on without it.
            predictor = self._pair_predictor()
            try:
                found = align_scene(
                    scene,
                    masks,
                    predictor,
                    method=self.config.alignment,
                    config=self.config.aligning,
                    progress=part_of(progress, 0.0, 0.9),
                    cancel=cancel,
                )
            except InputError as error:
                note = f"depths of the reconstruction alone: {error}"
                progress(0.9, f"Not aligned. {error}")
            else:
                usable, aligned = ~found.contradicted, _aligned_depths(found, self.config.alignment)
        progress_index = part_of(progress, 0.9 if self.config.alignment != "reconstruction" else 0.0, 1.0)
        ids = masks.object_ids.tolist()
        depths = view_depths(scene)
        point_ids = _index_points(scene, masks, usable, depths, ids, progress_index, cancel)
        solver = self._solver(scene, masks)
        return WildSeg3DPrepared(scene.key, scene, masks, point_ids, usable, depths, aligned, solver, note)

    def with_masks(self, prepared: WildSeg3DPrepared, masks: MaskCache) -> WildSeg3DPrepared:
        """State for a cache that grew by objects a person kept (`MaskCache.with_object`)."""
        check_masks(prepared.scene, masks)
        new = masks.object_ids.tolist()[len(prepared.point_ids) :]
        added = _index_points(
            prepared.scene, masks, prepared.usable, prepared.depths, new, no_progress, CancelToken()
        )
        solver = self._solver(prepared.scene, masks)
        return replace(prepared, masks=masks, point_ids=prepared.point_ids + added, solver=solver)

    def segment(self, prepared: WildSeg3DPrepared, prompts: Sequence[Prompt]) -> Segmentation:
        """Select the points of the cached objects under the clicks (eq. 10 and 11).

        Where the cache cannot answer, the click solver does with all clicks; `Provenance.slow_path` says so, and
        the result is not made of cached objects until it is kept.

        Raises:
            InputError: A click or box lies outside its photo, or names a view that the scene does not have.
        """
        started = time.perf_counter()
        given = clicks_of(prepared.scene, prompts)
        choice, unanswered = plan(prepared.masks, given, self.config, solvable=prepared.solver is not None)
        solver, slow = prepared.solver, False
        if unanswered is not None and solver is not None:
            slow = True
            drawn = solver.solve(unanswered).masks
            selected = _agreed(prepared, points_in_masks(prepared.scene, drawn) & prepared.usable, drawn)
            mask_of_view = drawn.__getitem__
        else:
            selected = _select_points(prepared, choice)
            mask_of_view = partial(union_mask, prepared.masks, choice)
        return Segmentation(
            geometry="points",
            selected=selected,
            score=selected.astype(np.float32),
            threshold=0.5,
            object_ids=() if slow else choice.add,
            provenance=Provenance(
                "wildseg3d", asdict(self.config), _backend(prepared), time.perf_counter() - started, slow
            ),
            mask_of_view=mask_of_view,
            candidates=choice.candidates,
            message=_message(given, choice, selected),
        )

    def decompose(
        self, prepared: WildSeg3DPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """Label every view with the ids of cached objects; a pixel in several masks gets the smallest.

        Args:
            prepared: State from `prepare`.
            granularity: None takes whole objects. Below 1/3 parts come on top of them; above 2/3 groups
                cover what they hold. Structure (table, floor, walls) is never labelled.
        """
        masks = prepared.masks
        labels = []
        for view in range(masks.num_views):
            image = np.zeros(masks.sizes[view], np.uint16)
            for object_id in _painting_order(masks, view, granularity):
                image[masks.mask(view, object_id)] = object_id
            labels.append(image)
        return tuple(labels)

    def search_masks(self, prepared: WildSeg3DPrepared) -> MaskCache:
        """What words are looked for in: all cached masks, parts and groups too."""
        return prepared.masks

    def granularity_of(self, masks: MaskCache, object_id: int, view: int, x: float, y: float) -> float:
        """The granularity at which a click on a view pixel means this object, one of those that lie there."""
        steps = masks.at(view, x, y).tolist()
        return _middle_of_step(steps, object_id)

    def save(self, prepared: WildSeg3DPrepared, folder: Path) -> None:
        """Write the point lists and the aligned depths; scene and masks are stored by themselves."""
        lengths = np.array([len(ids) for ids in prepared.point_ids], np.int64)
        flat = np.concatenate([*prepared.point_ids, np.zeros(0, np.int32)]).astype(np.int32)
        arrays = {"point_ids": flat, "lengths": lengths, "usable": prepared.usable}
        if prepared.aligned is not None:
            arrays |= {"aligned_depth": prepared.aligned.depth, "aligned_valid": prepared.aligned.valid}
        for name, array in arrays.items():
            with atomic_write(folder / f"{name}.npy") as file:
                np.save(file, array, allow_pickle=False)
        write_json(
            folder / "wildseg3d.json",
            {
                "schema_version": SCHEMA_VERSION,
                "scene_key": prepared.scene_key,
                "objects": len(lengths),
                "note": prepared.note,
                "alignment": None if prepared.aligned is None else prepared.aligned.report,
            },
        )

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> WildSeg3DPrepared:
        """Read what `save` wrote.

        Raises:
            InputError: It belongs to another scene, other masks, or another version of the format.
        """
        meta = json.loads((folder / "wildseg3d.json").read_text())
        if meta["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"This prepared method has format version {meta['schema_version']}, this lab reads "
                f"{SCHEMA_VERSION}: prepare it again."
            )
        if meta["scene_key"] != scene.key:
            raise InputError("This prepared method belongs to another scene: prepare it for this one.")
        check_masks(scene, masks)
        if meta["objects"] != len(masks.object_ids):
            raise InputError("This prepared method was made from other masks: prepare it again.")
        names = ["lengths", "point_ids", "usable"]
        names += ["aligned_depth", "aligned_valid"] if meta["alignment"] is not None else []
        read = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}
        splits = np.cumsum(read["lengths"])[:-1]
        point_ids = tuple(np.split(read["point_ids"], splits)) if len(read["lengths"]) else ()
        aligned = None
        if meta["alignment"] is not None:
            aligned = AlignedDepths(read["aligned_depth"], read["aligned_valid"], meta["alignment"])
        solver = self._solver(scene, masks)
        return WildSeg3DPrepared(
            scene.key,
            scene,
            masks,
            point_ids,
            read["usable"],
            view_depths(scene),
            aligned,
            solver,
            meta["note"],
        )

    def _pair_predictor(self) -> PairPredictor:
        chosen = PAIR_PREDICTORS.get(self.config.pairs)
        return chosen.make(settings_for(chosen, self.config), device=self.device)

    def _solver(self, scene: Scene, masks: MaskCache) -> ClickSolver | None:
        chosen = CLICK_SOLVERS.get(self.config.click_solver)
        return chosen.make(settings_for(chosen, self.config), scene, masks, device=self.device)


def plan(
    masks: MaskCache, given: ClickList, config: WildSeg3DConfig, *, solvable: bool
) -> tuple[Choice, ClickList | None]:
    """What to look up; and, where that does not answer all clicks, what to ask the click solver instead.

    With local corrections only the first positive click and boxes are looked up. While further clicks agree with
    that mask they change nothing; else the solver starts from it (its granularity names the same candidate).
    """
    if config.corrections == "lookup" or not solvable:
        choice = choose(masks, given, config)
        return choice, None if choice.complete or not solvable else given
    first = next((click for click in given.clicks if click.positive), None)
    start = tuple(c for c in given.clicks if first is not None and c.positive and _same_place(c, first))
    choice = choose(masks, ClickList(start, given.boxes), config)
    if not choice.complete:
        return choice, given
    rest = tuple(click for click in given.clicks if click not in start)
    if all(any(_contains(masks, i, c) for i in choice.add) == c.positive for c in rest):
        return choice, None
    if first is None:
        return choice, given
    same = replace(first, granularity=_middle_of_step(choice.candidates, choice.add[0]))
    clicks = tuple(
        same if click is first else click for click in given.clicks if click is first or click in rest
    )
    return choice, replace(given, clicks=clicks)


def choose(masks: MaskCache, given: ClickList, config: WildSeg3DConfig) -> Choice:
    """Pick cached objects for clicks and boxes.

    Each positive click adds one object that contains it. An object that contains a negative click, in that
    click's view, is no candidate; where every candidate is hit, the smallest stays and the smallest object
    that holds the negative click and no positive one is taken out of it. Source: docs/methods/wildseg3d.md section 5.
    """
    picks: list[tuple[Click, int, int]] = []  # click, its object, how many times the place was clicked
    missed: list[Click] = []
    candidates: tuple[int, ...] = ()
    for click in given.positives:
        containing = masks.at(click.view, click.x, click.y).tolist()
        candidates = candidates or tuple(containing)
        if not containing:
            missed.append(click)
            continue
        allowed = [i for i in containing if not any(_contains(masks, i, no) for no in given.negatives)]
        again = next((k for k, (other, *_) in enumerate(picks) if _same_place(click, other)), None)
        repeats = 0 if again is None else picks[again][2] + 1
        object_id = _pick(masks, allowed, click, repeats, config) if allowed else containing[0]
        if again is None:
            picks.append((click, object_id, 0))
        else:
            picks[again] = (click, object_id, repeats)
    boxed, missed_boxes = _pick_boxes(masks, given, config)
    add = tuple(dict.fromkeys([*(object_id for _, object_id, _ in picks), *boxed]))
    subtract: list[int] = []
    for click in given.negatives:
        if not any(_contains(masks, object_id, click) for object_id in add):
            continue
        holders = masks.at(click.view, click.x, click.y).tolist()
        free = [i for i in holders if not any(_contains(masks, i, yes) for yes in given.positives)]
        if free:
            subtract.append(free[0])
        else:
            missed.append(click)
    return Choice(add, tuple(dict.fromkeys(subtract)), candidates, tuple(missed), missed_boxes)


def union_mask(masks: MaskCache, choice: Choice, view: int) -> Bool[Array, "H W"]:
    """M of eq. (10) in one view, with the subtracted objects taken out."""
    out = np.zeros(masks.sizes[view], bool)
    for object_id in choice.add:
        out |= masks.mask(view, object_id)
    for object_id in choice.subtract:
        out &= ~masks.mask(view, object_id)
    return out


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


def _select_points(prepared: WildSeg3DPrepared, choice: Choice) -> Bool[Array, "N"]:
    """Looked up where one object is the answer; formed in the views otherwise, so that seams close."""
    if len(choice.add) == 1 and not choice.subtract:
        selected = np.zeros(int(prepared.scene.pointmap.offsets[-1]), bool)
        selected[prepared.point_ids[choice.add[0] - 1]] = True
        return selected
    views = range(prepared.masks.num_views)
    chosen = [union_mask(prepared.masks, choice, view) for view in views]
    return _agreed(prepared, points_in_masks(prepared.scene, chosen) & prepared.usable, chosen)


def _agreed(
    prepared: WildSeg3DPrepared, selected: Bool[Array, "N"], masks: Sequence[Bool[Array, "_ _"]]
) -> Bool[Array, "N"]:
    """The selection without points that most other views see outside the masks."""
    ids = np.flatnonzero(selected).astype(np.int32)
    agreed = np.zeros_like(selected)
    agreed[ids] = agreed_points(prepared.scene, prepared.depths, ids, masks)
    return agreed


def _index_points(
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


def _middle_of_step(candidates: Sequence[int], object_id: int) -> float:
    """The granularity that names one of the objects under a click, which ascend by area."""
    return (candidates.index(object_id) + 0.5) / len(candidates)


def _pick(
    masks: MaskCache, allowed: Sequence[int], click: Click, repeats: int, config: WildSeg3DConfig
) -> int:
    """One of the candidates (ascending area), by granularity or by rule; each repeat goes one larger."""
    if click.granularity is not None:
        start = int(np.clip(click.granularity, 0, 1) * len(allowed))
    elif config.first_candidate == "smallest":
        start = 0
    else:
        preferred = masks.preferred(allowed, click=(click.view, click.x, click.y))
        assert preferred is not None, "there is a candidate here"
        start = list(allowed).index(preferred)
    return allowed[min(start + repeats, len(allowed) - 1)]


def _pick_boxes(
    masks: MaskCache, given: ClickList, config: WildSeg3DConfig
) -> tuple[list[int], tuple[Box, ...]]:
    """For each box the object whose bounding box overlaps it most, and the boxes that nothing cached fits."""
    picked: list[int] = []
    missed: list[Box] = []
    for box in given.boxes:
        ids = [
            i
            for i in masks.object_ids.tolist()
            if masks.area(box.view, i) and not any(_contains(masks, i, no) for no in given.negatives)
        ]
        overlaps = [_box_iou(box, masks.box(box.view, i)) for i in ids]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= config.box_iou:
            picked.append(ids[best])
        else:
            missed.append(box)
    return picked, tuple(missed)


def _box_iou(box: Box, place: tuple[slice, slice]) -> float:
    rows, columns = place
    width = min(box.x1, columns.stop) - max(box.x0, columns.start)
    height = min(box.y1, rows.stop) - max(box.y0, rows.start)
    shared = max(width, 0.0) * max(height, 0.0)
    whole = (box.x1 - box.x0) * (box.y1 - box.y0)
    other = (columns.stop - columns.start) * (rows.stop - rows.start)
    return shared / (whole + other - shared)


def _contains(masks: MaskCache, object_id: int, click: Click) -> bool:
    return object_id in masks.at(click.view, click.x, click.y).tolist()


def _same_place(a: Click, b: Click) -> bool:
    return a.view == b.view and abs(a.x - b.x) <= SAME_PLACE_PX and abs(a.y - b.y) <= SAME_PLACE_PX


def _painting_order(masks: MaskCache, view: int, granularity: float | None) -> list[int]:
    """Objects that segment everything shows at this granularity, the one on top last."""
    layers = ("object",)
    if granularity is not None and granularity < 1 / 3:
        layers = ("object", "part")
    elif granularity is not None and granularity > 2 / 3:
        layers = ("object", "group")
    ascending = (masks.order[view] + 1).tolist()
    shown = [i for i in reversed(ascending) if masks.area(view, i) and masks.kinds[i - 1] in layers]
    return sorted(shown, key=lambda object_id: layers.index(masks.kinds[object_id - 1]))


def _aligned_depths(found: SceneAlignment, method: str) -> AlignedDepths:
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


def _backend(prepared: WildSeg3DPrepared) -> str:
    """What the answer was computed with, for the provenance."""
    if prepared.aligned is not None:
        return f"lookup, {prepared.aligned.report['method']} alignment"
    return f"lookup, {prepared.note}" if prepared.note else "lookup, depths of the reconstruction"


def _message(given: ClickList, choice: Choice, selected: Bool[Array, "N"]) -> str:
    """One sentence for what the person should know, or nothing."""
    if given.hidden:
        return "A point you clicked in 3D is not seen by any photo: click on a photographed surface."
    if selected.any() or choice.complete:
        return ""
    if choice.missed_boxes:
        return "Nothing was found in this box: click on the object instead."
    return "Nothing was found where you clicked: click on another spot of the object."
