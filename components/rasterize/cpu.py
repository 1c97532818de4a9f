"""Compiled CPU back end: two autograd functions around the kernels. Float32, deterministic, all cores."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from liftlab.components.rasterize.cameras import PinholeTensors
from liftlab.components.rasterize.kernels.blend import blend, blend_adjoint, blend_backward
from liftlab.components.rasterize.kernels.project import project, project_backward
from liftlab.components.rasterize.kernels.tiles import TileLists, list_tiles
from liftlab.components.rasterize.layers import Layers
from liftlab.components.rasterize.types import GaussianTensors
from liftlab.components.threads import PARALLEL_KERNELS


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _arrays(*tensors: Tensor) -> Any:
    """One array per tensor, to be unpacked."""
    return tuple(_array(tensor) for tensor in tensors)


def _pinhole(camera: PinholeTensors) -> tuple[np.ndarray, np.ndarray, int, int]:
    """The camera as the projection kernels take it: world_to_camera, (fx, fy, cx, cy), width, height."""
    lens = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32)
    return _array(camera.world_to_camera), lens, camera.width, camera.height


def _adjoint_lists(tiles: TileLists) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The lists as the kernels that add up per Gaussian take them."""
    return tiles.rows, tiles.starts, tiles.gaussian_ids, tiles.slots, tiles.slot_starts


class _Project(torch.autograd.Function):
    """means, quats, scales -> means2d [N,2], conics [N,3], depths [N], extents [N,2] (no gradient)."""

    @staticmethod
    def forward(
        ctx: Any, means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, camera: PinholeTensors
    ) -> tuple[Tensor, ...]:
        with PARALLEL_KERNELS:
            m, q, s, o = _arrays(means, quats, scales, opacities)
            out = project(m, q, s, o, *_pinhole(camera))
        means2d, conics, depths, extents = (torch.from_numpy(array) for array in out)
        ctx.save_for_backward(means, quats, scales, conics, extents)
        ctx.camera = camera
        ctx.mark_non_differentiable(extents)
        return means2d, conics, depths, extents

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, v_means2d: Tensor, v_conics: Tensor, v_depths: Tensor, _v_extents: Tensor
    ) -> tuple[Tensor | None, ...]:
        means, quats, scales, conics, extents = _arrays(*ctx.saved_tensors)
        with PARALLEL_KERNELS:
            out = project_backward(
                means, quats, scales, *_pinhole(ctx.camera), conics, extents,
                *_arrays(v_means2d, v_conics, v_depths),
            )  # fmt: skip
        return (*(torch.from_numpy(array) for array in out), None, None)


class _Blend(torch.autograd.Function):
    """means2d, conics, opacities, base [N,B], features [N,D] -> images [H,W,B], [H,W,D] and alpha [H,W]."""

    @staticmethod
    def forward(
        ctx: Any,
        means2d: Tensor,
        conics: Tensor,
        opacities: Tensor,
        base: Tensor,
        features: Tensor,
        tiles: TileLists,
        size: tuple[int, int],
    ) -> tuple[Tensor, Tensor, Tensor]:
        width, height = size
        with PARALLEL_KERNELS:
            m, q, o, b, f = _arrays(means2d, conics, opacities, base, features)
            base_image, feature_image, alpha, light, last = blend(
                m, q, o, b, f, tiles.rows, tiles.starts, tiles.gaussian_ids, width, height
            )
        ctx.save_for_backward(means2d, conics, opacities, base, features)
        ctx.tiles, ctx.light, ctx.last = tiles, light, last
        return torch.from_numpy(base_image), torch.from_numpy(feature_image), torch.from_numpy(alpha)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_base: Tensor, v_features: Tensor, v_alpha: Tensor) -> tuple[Tensor | None, ...]:
        tiles: TileLists = ctx.tiles
        means2d, conics, opacities, base, features = _arrays(*ctx.saved_tensors)
        if not any(ctx.needs_input_grad[:4]):
            # frozen geometry and colour: the gradient of features alone is far cheaper
            with PARALLEL_KERNELS:
                v = blend_adjoint(means2d, conics, opacities, *_adjoint_lists(tiles), _array(v_features))
            return None, None, None, None, torch.from_numpy(v), None, None
        with PARALLEL_KERNELS:
            geometry, v_base_rows, v_feature_rows = blend_backward(
                means2d, conics, opacities, base, features, *_adjoint_lists(tiles),
                ctx.light, ctx.last, *_arrays(v_base, v_features, v_alpha),
            )  # fmt: skip
        v_geometry = torch.from_numpy(geometry)
        return (
            v_geometry[:, 0:2], v_geometry[:, 2:5], v_geometry[:, 5],
            torch.from_numpy(v_base_rows), torch.from_numpy(v_feature_rows), None, None,
        )  # fmt: skip


def render_layers(
    gaussians: GaussianTensors,
    base: Float[Tensor, "N B"],
    features: Float[Tensor, "N D"],
    camera: PinholeTensors,
) -> Layers:
    """Blend `base`, depth and `features` of one camera. See `Layers`."""
    means2d, conics, depths, extents = _Project.apply(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, camera
    )
    if means2d.requires_grad:
        means2d.retain_grad()
    with PARALLEL_KERNELS:
        tiles = list_tiles(_array(means2d), extents.numpy(), _array(depths), camera.width, camera.height)
    base_image, feature_image, alpha = _Blend.apply(
        means2d, conics, gaussians.opacities, torch.cat([base, depths[:, None]], dim=1), features, tiles,
        (camera.width, camera.height),
    )  # fmt: skip
    return Layers(
        base=base_image[None, ..., :-1],
        depth=base_image[None, ..., -1],
        features=feature_image[None],
        alpha=alpha[None],
        means2d=(means2d,),
        radii=extents.amax(dim=1)[None],
    )


def weigh_images(
    gaussians: GaussianTensors, images: Float[Tensor, "H W M"], camera: PinholeTensors
) -> Float[Tensor, "N M"]:
    """Sum over pixels of each Gaussian's blending weight times `images`, without autograd."""
    with PARALLEL_KERNELS:
        means, quats, scales, opacities = _arrays(
            gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities
        )
        means2d, conics, depths, extents = project(means, quats, scales, opacities, *_pinhole(camera))
        tiles = list_tiles(means2d, extents, depths, camera.width, camera.height)
        sums = blend_adjoint(means2d, conics, opacities, *_adjoint_lists(tiles), _array(images))
    return torch.from_numpy(sums)
