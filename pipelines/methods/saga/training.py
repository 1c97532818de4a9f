"""What SAGA learns from: masks measured in 3D, and the loss of one step.

Equation numbers are those of docs/methods/saga.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn.functional import normalize

from liftlab.components.features.losses.affinity import (
    ScaleQuantiles,
    all_pairs,
    ascending_scales,
    correspondence_loss,
    correspondences_at,
    draw_scales,
    gate,
    gated_cosines,
    mask_scale,
    mean_areas,
    norm_loss,
    pair_weights,
    printed_correspondence_loss,
    printed_norm_loss,
    resample,
)
from liftlab.components.features.smoothing import neighbour_mean
from liftlab.components.geometry.projection import pixel_centers, unproject
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array
from liftlab.pipelines.methods.saga.config import SagaConfig
from liftlab.pipelines.methods.shared.feature_trainer import TrainingFrame, TrainStep
from liftlab.pipelines.methods.shared.gaussian_answers import MIN_ALPHA

MIN_PIXELS = 10
"""A mask with fewer opaque pixels after erosion has no scale and teaches nothing."""


@dataclass(frozen=True)
class ViewMasks:
    """Masks of one view at training size, from small to large."""

    packed: UInt8[Array, "P B"]
    """Per pixel in row order: one bit per mask."""
    scales: Float[Array, "M"]
    """Ascending, scene units."""
    areas: Int[Array, "M"]
    covered: Int[Tensor, "C"]
    """Pixels inside any mask."""
    reach: Float[Tensor, "C"]
    """Per covered pixel the chance that it or one before it is drawn, where every mask has the same chance."""

    def drawn(
        self, count: int, by: Literal["masks", "pixels"], generator: torch.Generator
    ) -> Int[Tensor, "P"]:
        """Covered pixels, with replacement: of a mask that is drawn first, or all alike."""
        if by == "pixels":
            return self.covered[torch.randint(len(self.covered), (count,), generator=generator)]
        if by != "masks":
            assert_never(by)
        at = torch.rand(count, generator=generator, dtype=torch.float64)
        return self.covered[torch.searchsorted(self.reach, at).clamp_max(len(self.covered) - 1)]

    def member(self, pixels: Int[Tensor, "P"]) -> Bool[Array, "P M"]:
        return np.unpackbits(self.packed[pixels.numpy()], axis=1, count=len(self.scales)).view(bool)


def affinity_loss(
    config: SagaConfig,
    given: Sequence[ViewMasks | None],
    quantiles: ScaleQuantiles,
    neighbours: Int[Tensor, "N K"],
    largest: Float[Array, "_"],
):
    """The loss of one step for `train_features` (eq. 11)."""
    top, second = float(largest[0]), float(largest[min(1, len(largest) - 1)])
    slots = max(neighbours.shape[1] // 2, 1)

    def loss(step: TrainStep) -> Tensor | None:
        masks, generator, device = given[step.frame.index], step.generator, step.features.device
        if masks is None:
            return None
        pixels = masks.drawn(config.pixels, config.drawing, generator)
        member = masks.member(pixels)
        at = draw_scales(masks.scales, (top, second), count=config.scales, generator=generator)
        same = correspondences_at(member, masks.scales, at, device)
        pixels = pixels.to(device)
        rows = step.rows(pixels)
        # a fresh random half of the neighbours per step, the same slots for all, as in the authors' code
        half = torch.randperm(neighbours.shape[1], generator=generator)[:slots].to(device)
        near = neighbours[rows.gaussian_ids][:, half]
        smooth = normalize(neighbour_mean(normalize(step.features, dim=1), near), dim=1)
        rendered = rows.blend(smooth)
        whole = rendered
        if config.norm_form == "printed":
            everywhere = neighbour_mean(normalize(step.features, dim=1), neighbours[:, half])
            whole = step.frame.view.render(normalize(everywhere, dim=1)).flatten(0, 1)
        gates = gate(
            torch.from_numpy(quantiles(at)).to(rendered), step.extra["gate_weight"], step.extra["gate_bias"]
        )
        if not config.gated:
            gates = torch.ones_like(gates)
        cosines = gated_cosines(rendered, gates)
        kept = resample(same, cosines.detach(), generator) if config.resampling else all_pairs(same)
        weights = torch.ones_like(cosines[0])
        if config.reweighting:
            areas = torch.from_numpy(mean_areas(member, masks.areas)).to(rendered)
            weights = pair_weights(areas)
        pull_and_push = (correspondence_loss if config.loss_form == "code" else printed_correspondence_loss)(
            cosines, same, kept, weights
        )
        if config.norm_form == "printed":
            return pull_and_push + config.norm_weight * printed_norm_loss(whole)
        opaque = step.frame.view.alpha.flatten()[pixels] > MIN_ALPHA
        return pull_and_push + config.norm_weight * norm_loss(rendered, opaque)

    return loss


def measured_masks(
    frames: Sequence[TrainingFrame],
    masks: MaskCache,
    teaching: Bool[Array, "O"],
    progress: Progress,
    cancel: CancelToken,
) -> tuple[list[ViewMasks | None], Float[Array, "V O"]]:
    """Teaching masks of every view at training size with their scales (None for a view without any), and the scales
    of all masks.
    """
    table = np.full((len(frames), len(masks.kinds)), np.nan)
    given: list[ViewMasks | None] = []
    for frame in frames:
        cancel.check()
        progress(frame.index / len(frames), "Measuring the masks in 3D")
        depth, alpha = frame.view.depth.cpu().numpy(), frame.view.alpha.cpu().numpy()
        camera = frame.camera
        points = unproject(camera, pixel_centers(camera.width, camera.height), depth.astype(np.float64))
        kept: list[Bool[Array, "_ _"]] = []
        ids: list[int] = []
        for object_id in masks.object_ids.tolist():
            if masks.area(frame.index, object_id) == 0:
                continue
            mask = frame.shrunk(masks.mask(frame.index, object_id))
            inner = points[eroded(mask) & (alpha >= MIN_ALPHA)]
            if mask.all() or len(inner) < MIN_PIXELS:
                continue
            table[frame.index, object_id - 1] = mask_scale(inner)
            if teaching[object_id - 1]:
                kept.append(mask)
                ids.append(object_id - 1)
        given.append(_view_masks(kept, table[frame.index, ids]) if kept else None)
    progress(1.0, "Masks measured")
    return given, table


def _view_masks(kept: Sequence[Bool[Array, "_H _W"]], scales: Float[Array, "M"]) -> ViewMasks:
    order = ascending_scales(scales)
    member = np.stack([kept[i].ravel() for i in order], axis=1)
    covered = np.flatnonzero(member.any(axis=1))
    areas = member.sum(axis=0)
    reach = np.cumsum(member[covered] @ (1 / areas)) / len(areas)
    return ViewMasks(
        np.packbits(member, axis=1), scales[order], areas, torch.from_numpy(covered), torch.from_numpy(reach)
    )


def eroded(mask: Bool[Array, "H W"]) -> Bool[Array, "H W"]:
    """Pixels of which at least five in their 3 x 3 neighbourhood are inside. Source: docs/methods/saga.md section 3."""
    inside = cv2.boxFilter(mask.astype(np.uint8), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return inside >= 5
