"""The alignment loss (8) and its gradient, one fused pass over all pixels of all edges.

Source: docs/methods/wildseg3d.md eq. (8), which is DUSt3R's global alignment (CVPR 2024) with other weights.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from liftlab.components.types import Array

_CHUNKS = 16
"""Pixels are summed in this many parts whatever the number of threads, so the result does not depend on it."""

_WORTH_THREADS = 200_000
"""Below this many pixels handing work to threads costs more than it saves."""


@dataclass(frozen=True)
class EdgePixels:
    """Pointmaps of all edges, planar for vector units. Rows 2 e and 2 e + 1 hold the two views of edge e."""

    points: Float[Array, "R 3 P"]
    """In the frame of the edge; padded with zeros where views have fewer pixels."""
    weights: Float[Array, "R P"]
    """0 in padding."""
    views: Int[Array, "R"]
    """View of each row."""

    @property
    def pixel_count(self) -> int:
        return self.weights.size


class WeightedDistance(torch.autograd.Function):
    """sum w ||chi_view - (A x + b)|| / pixels, with the gradient by chi, A and b computed in the same pass."""

    @staticmethod
    def forward(
        ctx, chi: Tensor, A: Tensor, b: Tensor, edges: EdgePixels, pool: ThreadPoolExecutor
    ) -> Tensor:  # type: ignore[override]
        loss, *grads = weighted_distance(chi.numpy(), A.numpy(), b.numpy(), edges, pool)
        ctx.save_for_backward(*(torch.from_numpy(grad) for grad in grads))
        return chi.new_tensor(loss)

    @staticmethod
    def backward(ctx, grad_out: Tensor):  # type: ignore[override]
        return *(grad_out * grad for grad in ctx.saved_tensors), None, None


def weighted_distance(
    chi: Float[Array, "V 3 P"],
    A: Float[Array, "R 3 3"],
    b: Float[Array, "R 3"],
    edges: EdgePixels,
    pool: ThreadPoolExecutor,
) -> tuple[float, Float[Array, "V 3 P"], Float[Array, "R 3 3"], Float[Array, "R 3"]]:
    """Loss (8) divided by the pixel count of all edges, and its gradients by chi, A and b.

    A zero distance contributes no gradient. The kernel runs in plain threads without the interpreter lock, because
    numba's own threading layer may not be entered from two threads at once.
    """
    from liftlab.components.pointmaps.alignment.loss_kernel import chunk

    count = chi.shape[-1]
    bounds = np.linspace(0, count, _CHUNKS + 1).astype(np.int64)
    grad_chi = np.zeros_like(chi)
    parts = np.zeros((_CHUNKS, len(A), 12), chi.dtype)

    def work(part: int) -> float:
        return chunk(
            chi, A, b, edges.points, edges.weights, edges.views,
            bounds[part], bounds[part + 1], grad_chi, parts[part],
        )  # fmt: skip

    scale = 1.0 / edges.pixel_count
    run = pool.map if edges.pixel_count > _WORTH_THREADS else map
    loss = sum(run(work, range(_CHUNKS))) * scale
    grad_chi *= scale
    total = parts.sum(axis=0) * chi.dtype.type(scale)
    return loss, grad_chi, np.ascontiguousarray(total[:, :9].reshape(-1, 3, 3)), total[:, 9:].copy()
