"""WildSeg3D: a click looks up cached masks of all views and lifts their pixels; nothing is trained.

Source: "WildSeg3D: Segment Any 3D Objects in the Wild from 2D Images", ICCV 2025 (arXiv:2503.08407);
equation numbers are those of docs/methods/wildseg3d.md. We differ where the docstrings below say so.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt16

from liftlab.components.clicks import clicks_of, obeying
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write, write_json
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.solver import ClickSolver
from liftlab.components.masks.graph.scene_graph import view_depths
from liftlab.components.pointmaps.alignment.scene import align_scene
from liftlab.components.pointmaps.pairs import PairPredictor
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, Prompt, Provenance, Scene, Segmentation
from liftlab.pipelines.base import check_masks, register
from liftlab.pipelines.choices.click_solvers import CLICK_SOLVERS
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import settings_for
from liftlab.pipelines.methods.wildseg3d.everything import painting_order
from liftlab.pipelines.methods.wildseg3d.lookup import (
    message_of,
    middle_of_step,
    plan,
    union_mask,
)
from liftlab.pipelines.methods.wildseg3d.points import (
    agreed_selection,
    aligned_depths,
    backend_of,
    index_points,
    points_in_masks,
    select_points,
)
from liftlab.pipelines.methods.wildseg3d.state import AlignedDepths, WildSeg3DConfig, WildSeg3DPrepared
from liftlab.pipelines.presets import PRESETS

SCHEMA_VERSION = 1


@register(
    "wildseg3d",
    summary="Looks a click up in masks tracked through all views beforehand; answers in milliseconds.",
    paper="WildSeg3D: Segment Any 3D Objects in the Wild from 2D Images, ICCV 2025 (arXiv:2503.08407)",
    licence="Apache-2.0 (our implementation; the authors published no code)",
    config=WildSeg3DConfig,
    presets=PRESETS["wildseg3d"],
)
class WildSeg3D:
    """Cached lookup and multi-view group mapping."""

    STEP_VERSION = 4
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
                usable, aligned = ~found.contradicted, aligned_depths(found, self.config.alignment)
        progress_index = part_of(progress, 0.9 if self.config.alignment != "reconstruction" else 0.0, 1.0)
        ids = masks.object_ids.tolist()
        depths = view_depths(scene)
        point_ids = index_points(scene, masks, usable, depths, ids, progress_index, cancel)
        solver = self._solver(scene, masks)
        return WildSeg3DPrepared(scene.key, scene, masks, point_ids, usable, depths, aligned, solver, note)

    def with_masks(self, prepared: WildSeg3DPrepared, masks: MaskCache) -> WildSeg3DPrepared:
        """State for a cache that grew by objects a person kept (`MaskCache.with_object`)."""
        check_masks(prepared.scene, masks)
        new = masks.object_ids.tolist()[len(prepared.point_ids) :]
        added = index_points(
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
            selected = agreed_selection(
                prepared, points_in_masks(prepared.scene, drawn) & prepared.usable, drawn
            )
            mask_of_view = drawn.__getitem__
        else:
            selected = select_points(prepared, choice)
            mask_of_view = partial(union_mask, prepared.masks, choice)
        return Segmentation(
            geometry="points",
            selected=selected,
            score=selected.astype(np.float32),
            threshold=0.5,
            object_ids=() if slow else choice.add,
            provenance=Provenance(
                "wildseg3d", asdict(self.config), backend_of(prepared), time.perf_counter() - started, slow
            ),
            mask_of_view=obeying(mask_of_view, given.clicks),
            candidates=choice.candidates,
            message=message_of(given, choice, selected),
        )

    def decompose(
        self, prepared: WildSeg3DPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """Label every view with the ids of cached objects; a pixel in several masks gets the smallest.

        Args:
            prepared: State from `prepare`.
            granularity: None takes whole things, by `things_of`. Below 1/3 parts come on top of them; above 2/3
                groups cover what they hold. Structure (table, floor, walls) is never labelled.
        """
        masks = prepared.masks
        labels = []
        for view in range(masks.num_views):
            image = np.zeros(masks.sizes[view], np.uint16)
            for object_id in painting_order(masks, prepared.things, view, granularity):
                image[masks.mask(view, object_id)] = object_id
            labels.append(image)
        return tuple(labels)

    def search_masks(self, prepared: WildSeg3DPrepared) -> MaskCache:
        """What words are looked for in: all cached masks, parts and groups too."""
        return prepared.masks

    def granularity_of(self, masks: MaskCache, object_id: int, view: int, x: float, y: float) -> float:
        """The granularity at which a click on a view pixel means this object, one of those that lie there."""
        steps = masks.at(view, x, y).tolist()
        return middle_of_step(steps, object_id)

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
        meta = json.loads((folder / "wildseg3d.json").read_text(encoding="utf-8"))
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
