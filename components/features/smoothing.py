"""Means over nearest Gaussians: what keeps features smooth in space."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Int32
from scipy.spatial import KDTree
from torch import Tensor
from torch.autograd.function import once_differentiable

from liftlab.components.rasterize.kernels.pixels import blend_rows, blend_rows_adjoint
from liftlab.components.threads import PARALLEL_KERNELS
from liftlab.components.types import Array


def nearest_neighbours(points: Float[Array, "N 3"], count: int) -> Int32[Tensor, "N K"]:
    """The `count` nearest points of each, itself first; all of them where there are fewer."""
    k = min(count, len(points))
    _, near = KDTree(points).query(points, k=k, workers=-1)
    return torch.from_numpy(np.asarray(near).reshape(len(points), k).astype(np.int32))


def neighbour_mean(values: Float[Tensor, "N D"], neighbours: Int[Tensor, "U K"]) -> Float[Tensor, "U D"]:
    """Mean of the rows that each row of `neighbours` names; differentiable in `values`, deterministic."""
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return values[neighbours.long()].mean(dim=1)
    return _NeighbourMean.apply(values, neighbours)


class _NeighbourMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, neighbours: Tensor) -> Tensor:
        U, K = neighbours.shape
        starts = np.arange(0, U * K + 1, K, dtype=np.int64)
        ids = neighbours.to(torch.int32).contiguous().numpy().ravel()
        shares = np.full(U * K, 1 / K, np.float32)
        ctx.count, ctx.rows = values.shape[0], (starts, ids, shares)
        with PARALLEL_KERNELS:
            return torch.from_numpy(blend_rows(starts, ids, shares, values.detach().contiguous().numpy()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor | None, ...]:
        starts, ids, shares = ctx.rows
        return torch.from_numpy(
            blend_rows_adjoint(starts, ids, shares, v.contiguous().numpy(), ctx.count)
        ), None
