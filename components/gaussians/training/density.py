"""Where to add Gaussians and which to drop: the default strategy of 3D Gaussian Splatting.

gsplat's own strategy objects need its CUDA rasteriser's records; this reads `RenderResult` and so runs on
every back end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from liftlab.components.bounds import Amount, Share, within
from liftlab.components.gaussians.training.parameters import Parameters
from liftlab.components.geometry.projection import project
from liftlab.components.geometry.rotations import rotations
from liftlab.components.rasterize import RenderResult
from liftlab.components.types import Array, Camera


@dataclass(frozen=True)
class DensityConfig:
    """Thresholds of Kerbl et al., SIGGRAPH 2023, section 5.2, as gsplat's DefaultStrategy has them.

    Without its opacity resets, and so without dropping wide Gaussians, which it does only after a reset: both
    are for trainings of tens of thousands of steps from sparse points. `clear_share` is ours.
    """

    gradient_min: Amount = 0.0002
    """Mean screen-space gradient, per half image width, above which a Gaussian is split or doubled."""
    split_scale: Amount = 0.01
    """Wider than this share of the scene: split in two; narrower: doubled in place."""
    opacity_min: Share = 0.005
    """Fainter Gaussians are dropped."""
    count_max: Annotated[int, within(1, 20_000_000)] = 60_000
    """No Gaussian is added beyond this number."""
    clear_share: Share = 0.5
    """Nothing may lie nearer to a camera than this share of the way to the surfaces it sees; see `clear_of_cameras`."""


class GradientRecord:
    """Running sums of screen-space gradient and of views that saw each Gaussian."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.total: Float[Tensor, "N"] = torch.zeros(count, device=device)
        self.seen: Float[Tensor, "N"] = torch.zeros(count, device=device)

    def add(self, result: RenderResult, width: int, height: int) -> None:
        """Add what one backward pass left in `result`."""
        gradients = result.means2d_gradients() * torch.tensor(
            [width / 2, height / 2], device=self.total.device
        )
        visible = result.radii > 0
        self.total += (gradients.norm(dim=2) * visible).sum(dim=0)
        self.seen += visible.sum(dim=0)

    def mean(self) -> Float[Tensor, "N"]:
        return self.total / self.seen.clamp_min(1)

    def keep(self, rows: Bool[Tensor, "N"]) -> None:
        self.total, self.seen = self.total[rows], self.seen[rows]


def surface_distances(cameras: Sequence[Camera], points: Float[Array, "N 3"]) -> Float[Array, "V"]:
    """Distance from each camera to the nearest of the points in its picture, but for one in a hundred; 0 where it
    sees none."""
    out = np.zeros(len(cameras))
    for index, camera in enumerate(cameras):
        xy, depth = project(camera, points.astype(np.float64))
        seen = (depth > 0) & (xy >= 0).all(axis=1) & (xy < [camera.width, camera.height]).all(axis=1)
        if seen.any():
            out[index] = np.percentile(np.linalg.norm(points[seen] - camera.center, axis=1), 1)
    return out


def clear_of_cameras(
    means: Float[Tensor, "N 3"], cameras: Sequence[Camera], distances: Float[Array, "V"]
) -> Bool[Tensor, "N"]:
    """Which Gaussians do not lie right in front of a camera, nearer than its distance.

    Few photos leave the space in front of the lens unobserved by the others: a Gaussian there mends one photo and is
    fog in every view from beside it. No surface is that near, so it is dropped.
    """
    clear = torch.ones(len(means), dtype=torch.bool, device=means.device)
    for camera, distance in zip(cameras, distances.tolist(), strict=True):
        offset = means - torch.tensor(camera.center).to(means)
        ahead = offset @ torch.tensor(camera.world_to_camera[2, :3]).to(means) > 0
        clear &= ~(ahead & (offset.norm(dim=1) < distance))
    return clear


def adapt(
    parameters: Parameters,
    record: GradientRecord,
    scene_scale: float,
    config: DensityConfig,
    generator: torch.Generator,
) -> tuple[int, int]:
    """Add Gaussians where the image pulls hardest, drop those that add nothing. Returns (added, dropped)
    counts."""
    with torch.no_grad():
        wanted = record.mean()
        room = max(config.count_max - len(parameters), 0)
        hot = torch.nonzero(wanted > config.gradient_min)[:, 0]
        if len(hot) > room:
            hot = hot[torch.argsort(wanted[hot], descending=True, stable=True)[:room]].sort().values
        width = parameters.values["log_scales"].exp().amax(dim=1)
        wide = width[hot] > config.split_scale * scene_scale
        doubled, split = hot[~wide], hot[wide]
        before = len(parameters)
        rows = {name: value.detach()[doubled] for name, value in parameters.values.items()}
        halves = [_halved(parameters, split, generator) for _ in range(2)]
        parameters.append(
            {name: torch.cat([own, *(half[name] for half in halves)]) for name, own in rows.items()}
        )
        keep = torch.ones(len(parameters), dtype=torch.bool, device=width.device)
        keep[split] = False
        keep &= parameters.values["logits"].sigmoid() >= config.opacity_min
        added = len(parameters) - before - len(split)
        dropped = int((~keep).sum()) - len(split)
        if keep.any():
            parameters.keep(keep)
    return added, dropped


def _halved(parameters: Parameters, rows: Int[Tensor, "K"], generator: torch.Generator) -> dict[str, Tensor]:
    """Copies moved to a random place within each Gaussian and 1.6 times narrower."""
    copy = {name: value.detach()[rows] for name, value in parameters.values.items()}
    scales = copy["log_scales"].exp()
    noise = torch.randn(scales.shape, generator=generator).to(scales)
    copy["means"] = copy["means"] + (rotations(copy["quats"]) @ (noise * scales)[:, :, None])[:, :, 0]
    copy["log_scales"] = (scales / 1.6).log()
    return copy
