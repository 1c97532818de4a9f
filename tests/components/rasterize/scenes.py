"""Small Gaussian scenes for tests."""

import dataclasses

import numpy as np
import torch

from liftlab.components.rasterize import GaussianTensors
from liftlab.components.types import Camera


def camera(
    width: int = 40, height: int = 24, *, turn: float = 0.0, shift: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> Camera:
    """Looks along +Z from near the origin, turned about Y by `turn` radians."""
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    world_to_camera[:3, 3] = shift
    K = np.array([[0.9 * width, 0, 0.48 * width], [0, 0.95 * width, 0.53 * height], [0, 0, 1.0]])
    return Camera(K=K, world_to_camera=world_to_camera, width=width, height=height)


def random_scene(
    count: int = 60, *, degree: int = 0, seed: int = 0, dtype: torch.dtype = torch.float64
) -> GaussianTensors:
    """Gaussians of a few pixels in front of `camera()`, some beside the image and some behind the camera."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)

    depth = uniform(1.5, 6.0, count)
    depth[: count // 12] *= -1
    means = torch.stack([uniform(-0.8, 0.8, count) * depth, uniform(-0.5, 0.5, count) * depth, depth], dim=1)
    return GaussianTensors(
        means=means.to(dtype),
        quats=(torch.randn(count, 4, generator=generator, dtype=torch.float64) * 1.3).to(dtype),
        scales=uniform(0.03, 0.5, count, 3).to(dtype),
        opacities=uniform(0.05, 0.95, count).to(dtype),
        sh=uniform(-0.4, 0.4, count, (degree + 1) ** 2, 3).to(dtype),
    )


def converted(gaussians: GaussianTensors, dtype: torch.dtype, *, needs_grad: bool = False) -> GaussianTensors:
    """Fresh leaf tensors of another type."""
    fields = {
        f.name: getattr(gaussians, f.name).detach().to(dtype).clone().requires_grad_(needs_grad)
        for f in dataclasses.fields(gaussians)
        if getattr(gaussians, f.name) is not None
    }
    return dataclasses.replace(gaussians, **fields)
