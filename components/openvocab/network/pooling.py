"""Points among their neighbours, and over superpoints.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from liftlab.components.masks.graph.graph_kernels import handed_back, largest_of

OCTAVES = 6
"""Frequencies of the Fourier features of a position."""


def neighbour_max(x: Float[Tensor, "N C"], neighbours: Int[Tensor, "N k"]) -> Float[Tensor, "N C"]:
    """The largest of each channel among a point's neighbours; of equal ones the first."""
    return _NeighbourMax.apply(x, neighbours)  # type: ignore[no-any-return]


class _NeighbourMax(torch.autograd.Function):
    """Remembers where each maximum came from: a tenth of the time that `x[neighbours].amax(1)` takes to go back, and a
    fifth of that again on a CPU, where loops are compiled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, neighbours: Tensor) -> Tensor:
        if x.device.type == "cpu":
            largest, came_from = largest_of(x.detach().contiguous().numpy(), neighbours.contiguous().numpy())
            ctx.save_for_backward(torch.from_numpy(came_from))
            return torch.from_numpy(largest)
        best = x[neighbours[:, 0]]
        source = neighbours[:, :1].expand_as(best).contiguous()
        for column in neighbours.T[1:]:
            candidate = x[column]
            better = candidate > best
            best = torch.maximum(best, candidate)
            source = torch.where(better, column[:, None], source)
        ctx.save_for_backward(source)
        return best

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (source,) = ctx.saved_tensors
        if source.device.type == "cpu":
            grad = grads[0].contiguous().numpy()
            return torch.from_numpy(handed_back(grad, source.numpy())), None
        return torch.zeros_like(grads[0]).scatter_add_(0, source, grads[0]), None


def superpoint_pools(
    x: Float[Tensor, "N C"], superpoint: Int[Tensor, "N"], count: int
) -> Float[Tensor, "S P"]:
    """Mean (eq. 7) and largest value [ours] of each channel over every superpoint's points, beside each other."""
    total = x.new_zeros(count, x.shape[1]).index_add(0, superpoint, x)
    size = torch.bincount(superpoint, minlength=count).clamp_min(1)[:, None]
    index = superpoint[:, None].expand_as(x)
    largest = x.new_zeros(count, x.shape[1]).scatter_reduce(0, index, x, "amax", include_self=True)
    return torch.cat([total / size, largest], dim=1)


def fourier(places: Float[Tensor, "S 3"]) -> Float[Tensor, "S F"]:
    """A position with sines and cosines of it at octaves."""
    angles = places[:, :, None] * (math.pi * 2.0 ** torch.arange(-1, OCTAVES - 1, device=places.device))
    angles = angles.flatten(1)
    return torch.cat([places, angles.sin(), angles.cos()], dim=1)
