"""What one camera sees of Gaussians that do not move: projected and listed once, then blended as often as needed.

Training features on frozen Gaussians asks the same views again and again, often at a few hundred pixels. A walk
along the tile's list gives the exact weights of a pixel; a thousand pixels cost about a millisecond, where a whole
view of the same scene costs 30 and more.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int32, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from liftlab.components.rasterize.cameras import pinhole_tensors
from liftlab.components.rasterize.kernels.pixels import (
    blend_rows,
    blend_rows_adjoint,
    number_seen,
    weigh_pixels,
)
from liftlab.components.rasterize.kernels.project import project
from liftlab.components.rasterize.kernels.tiles import TileLists, list_tiles
from liftlab.components.rasterize.render import rasterize, resolve_backend
from liftlab.components.rasterize.types import Backend, GaussianTensors
from liftlab.components.threads import PARALLEL_KERNELS
from liftlab.components.types import Array, Camera


@dataclass(frozen=True)
class Listed:
    """Projection and tile lists of one camera."""

    means2d: Float32[Array, "N 2"]
    conics: Float32[Array, "N 3"]
    opacities: Float32[Array, "N"]
    tiles: TileLists


@dataclass(frozen=True)
class _Entries:
    """Blending weights of P pixels, pixel by pixel, nearest Gaussian first."""

    starts: Int64[Array, "P_plus_1"]
    local: Int32[Array, "E"]
    """Row of `PixelRows.gaussian_ids`."""
    weights: Float32[Array, "E"]


class PixelRows:
    """Some pixels of a `FrozenView`: `blend` is linear and differentiable in its values."""

    def __init__(
        self,
        view: "FrozenView",
        pixels: Int[Tensor, "P"],
        gaussian_ids: Int[Tensor, "U"],
        entries: _Entries | None,
    ) -> None:
        self._view, self._entries = view, entries
        self.pixels = pixels
        """Row-major indices, row * width + column."""
        self.gaussian_ids = gaussian_ids
        """The Gaussians that these pixels see (on a GPU: all); the rows that `blend` takes."""

    def blend(self, values: Float[Tensor, "U D"]) -> Float[Tensor, "P D"]:
        """Alpha-blend one row of values per Gaussian of `gaussian_ids` over zero, at every pixel."""
        if values.shape[0] != len(self.gaussian_ids):
            raise ValueError(
                f"values must have one row per Gaussian of gaussian_ids ({len(self.gaussian_ids)}); got "
                f"{list(values.shape)}."
            )
        if self._entries is None:
            return self._view.render(values).flatten(0, 1)[self.pixels]
        return _BlendRows.apply(values, self._entries)


class FrozenView:
    """One camera's view of Gaussians whose geometry stays as it is."""

    def __init__(
        self,
        gaussians: GaussianTensors,
        camera: Camera,
        *,
        backend: Literal["auto", "cpu", "gsplat", "reference"] = "auto",
    ) -> None:
        """Args: see `rasterize`. Nothing is computed before it is asked for."""
        self.gaussians = GaussianTensors(
            gaussians.means.detach(), gaussians.quats.detach(), gaussians.scales.detach(),
            gaussians.opacities.detach(), None,
        )  # fmt: skip
        self.camera = camera
        self.backend: Backend = resolve_backend(backend, gaussians)

    def render(self, values: Float[Tensor, "N D"]) -> Float[Tensor, "H W D"]:
        """Blend one row of values per Gaussian over zero, at every pixel; differentiable in `values`."""
        result = rasterize(self.gaussians, [self.camera], features=values, backend=self.backend)
        assert result.features is not None
        return result.features[0]

    def rows(self, pixels: Int[Tensor, "P"]) -> PixelRows:
        """The pixels with these row-major indices, ready to be blended."""
        if self.backend != "cpu":
            ids = torch.arange(len(self.gaussians), device=self.gaussians.device)
            return PixelRows(self, pixels, ids, None)
        listed, tiles = self.listed, self.listed.tiles
        with PARALLEL_KERNELS:
            starts, seen, weights = weigh_pixels(
                pixels.numpy(), self.camera.width, listed.means2d, listed.conics, listed.opacities,
                tiles.rows, tiles.starts, tiles.gaussian_ids,
            )  # fmt: skip
            distinct, local = number_seen(seen, len(self.gaussians))
        return PixelRows(self, pixels, torch.from_numpy(distinct), _Entries(starts, local, weights))

    @property
    def alpha(self) -> Float[Tensor, "H W"]:
        """Share of every pixel that Gaussians cover."""
        return self._cover[0]

    @property
    def depth(self) -> Float[Tensor, "H W"]:
        """Expected depth along +Z, scene units, divided by alpha; 0 where nothing is seen."""
        return self._cover[1]

    @cached_property
    def _cover(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            result = rasterize(self.gaussians, [self.camera], backend=self.backend)
        return result.alpha[0], result.depth[0]

    @cached_property
    def listed(self) -> Listed:
        """Projection and tile lists; CPU tensors only."""
        g = self.gaussians
        means, quats, scales, opacities = (
            tensor.contiguous().numpy() for tensor in (g.means, g.quats, g.scales, g.opacities)
        )
        pinhole = pinhole_tensors(self.camera, g.means)
        lens = np.array([pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy], np.float32)
        width, height = self.camera.width, self.camera.height
        with PARALLEL_KERNELS:
            means2d, conics, depths, extents = project(
                means, quats, scales, opacities, pinhole.world_to_camera.numpy(), lens, width, height
            )
            tiles = list_tiles(means2d, extents, depths, width, height)
        return Listed(means2d, conics, opacities, tiles)


class _BlendRows(torch.autograd.Function):
    """values [U,D] and weights of P pixels -> [P,D]."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, entries: _Entries) -> Tensor:
        ctx.entries, ctx.count = entries, values.shape[0]
        with PARALLEL_KERNELS:
            out = blend_rows(
                entries.starts, entries.local, entries.weights, values.detach().contiguous().numpy()
            )
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor | None, ...]:
        entries: _Entries = ctx.entries
        gradients = v.contiguous().numpy()
        out = blend_rows_adjoint(entries.starts, entries.local, entries.weights, gradients, ctx.count)
        return torch.from_numpy(out), None
