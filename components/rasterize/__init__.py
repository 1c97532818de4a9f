"""Differentiable rendering of 3D Gaussians: colour, depth, alpha and features of any number of channels.

`rasterize` renders, `lift` carries masks back onto Gaussians, `warm_up` compiles the CPU kernels.
"""

from liftlab.components.rasterize.render import lift, rasterize, resolve_backend, warm_up
from liftlab.components.rasterize.types import (
    Backend,
    GaussianTensors,
    RenderResult,
    Votes,
    gaussians_from_tensors,
    tensors_from_gaussians,
)

__all__ = [
    "Backend",
    "GaussianTensors",
    "RenderResult",
    "Votes",
    "gaussians_from_tensors",
    "lift",
    "rasterize",
    "resolve_backend",
    "tensors_from_gaussians",
    "warm_up",
]
