"""Depth of the surface that a pixel shows, where expected depth would mix what is in front and behind.

Trained Gaussians let a few per cent of the light through; blended over, what lies far behind pulls expected depth
away by as much. Here the Gaussian in which half of the pixel's weight is reached says where the surface is, and
those near it are averaged.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float
from numba import njit, prange

from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.rasterize.kernels.blend import F32, HALF, PARALLEL
from liftlab.components.rasterize.kernels.pixels import _walk
from liftlab.components.rasterize.types import GaussianTensors
from liftlab.components.threads import PARALLEL_KERNELS
from liftlab.components.types import Array, Camera

BAND = 0.04
"""Gaussians whose depth differs by less than this share from the middle one belong to the surface."""


@dataclass(frozen=True)
class SurfaceMaps:
    """Per pixel of one camera."""

    depth: Float[Array, "H W"]
    """Along +Z, scene units; 0 where nothing is seen."""
    alpha: Float[Array, "H W"]
    """Share of the pixel that Gaussians cover."""
    agreement: Float[Array, "H W"]
    """Share of the pixel's weight that lies on the surface: small at edges and in fog."""


def surface_of(gaussians: GaussianTensors, camera: Camera) -> SurfaceMaps:
    """The surface seen by `camera`. Gaussians on another device are copied to the CPU. No autograd."""
    means, quats, scales, opacities = (
        tensor.detach().to("cpu", torch.float32)
        for tensor in (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
    )
    on_cpu = GaussianTensors(means, quats, scales, opacities, None)
    listed = FrozenView(on_cpu, camera, backend="cpu").listed
    z = on_cpu.means.numpy() @ camera.world_to_camera[2, :3].astype(np.float32)
    depths = z + np.float32(camera.world_to_camera[2, 3])
    tiles = listed.tiles
    with PARALLEL_KERNELS:
        depth, alpha, agreement = _surfaces(
            camera.width, camera.height, listed.means2d, listed.conics, listed.opacities, depths, tiles.rows,
            tiles.starts, tiles.gaussian_ids, np.float32(BAND),
        )  # fmt: skip
    return SurfaceMaps(depth, alpha, agreement)


@njit(**PARALLEL)
@no_type_check
def _surfaces(width, height, means2d, conics, opacities, depths, rows, starts, ids, band):
    """depth [H,W], alpha [H,W], agreement [H,W]."""
    depth = np.zeros((height, width), F32)
    alpha = np.zeros((height, width), F32)
    agreement = np.zeros((height, width), F32)
    longest = 1
    for t in range(starts.shape[0] - 1):
        longest = max(longest, starts[t + 1] - starts[t])
    for row in prange(height):
        seen, weights = np.empty(longest, np.int32), np.empty(longest, F32)
        for column in range(width):
            count = _walk(row, column, width, means2d, conics, opacities, rows, starts, ids, seen, weights)
            total = F32(0)
            for k in range(count):
                total += weights[k]
            if count == 0:
                continue
            reached, middle = F32(0), F32(0)
            for k in range(count):
                reached += weights[k]
                middle = depths[seen[k]]
                if reached >= HALF * total:
                    break
            near, mean = F32(0), F32(0)
            for k in range(count):
                z = depths[seen[k]]
                if abs(z - middle) <= band * middle:
                    near += weights[k]
                    mean += weights[k] * z
            depth[row, column] = mean / near
            alpha[row, column] = total
            agreement[row, column] = near / total
    return depth, alpha, agreement
