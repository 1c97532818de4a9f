"""CUDA back end: the same answer from gsplat 1.5 (Apache-2.0). Imported and compiled only when it is used."""

from collections.abc import Sequence
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.rasterize.harmonics import degree_of
from liftlab.components.rasterize.layers import Layers
from liftlab.components.rasterize.rules import BLUR, NEAR
from liftlab.components.rasterize.types import GaussianTensors
from liftlab.components.types import Camera

CHANNELS_AT_ONCE = 32
"""gsplat's kernels are compiled for up to this many channels; more are rendered in several passes."""


def load_gsplat() -> ModuleType:
    """The gsplat package. Raises ValueError, with what to do, when it or a CUDA device is missing."""
    if not torch.cuda.is_available():
        raise ValueError("Backend 'gsplat' needs a CUDA device; none found. Use backend='cpu'.")
    try:
        import gsplat  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            "Backend 'gsplat' needs the package gsplat, which is not installed. Run `pip install gsplat` "
            "or use backend='cpu'."
        ) from error
    return gsplat


def render_layers(
    gaussians: GaussianTensors, features: Float[Tensor, "N D"], cameras: Sequence[Camera]
) -> Layers:
    """Blend colour, depth and `features` of all cameras in one pass. See `Layers`."""
    gsplat = load_gsplat()
    like = gaussians.means
    viewmats = torch.stack(
        [torch.as_tensor(c.world_to_camera, dtype=like.dtype, device=like.device) for c in cameras]
    )
    Ks = torch.stack([torch.as_tensor(c.K, dtype=like.dtype, device=like.device) for c in cameras])
    if gaussians.sh is not None and features.shape[1] == 0:
        values, sh_degree, colours = gaussians.sh, degree_of(gaussians.sh.shape[1]), 3
    elif (
        gaussians.sh is not None
    ):  # gsplat takes harmonics or plain channels, not both: evaluate harmonics first
        rgb = _colours(gsplat, gaussians, cameras)
        values, sh_degree, colours = torch.cat([rgb, features.expand(len(cameras), -1, -1)], dim=-1), None, 3
    else:
        values, sh_degree, colours = features, None, 0
    image, alpha, meta = gsplat.rasterization(
        means=gaussians.means,
        quats=gaussians.quats,
        scales=gaussians.scales,
        opacities=gaussians.opacities,
        colors=values,
        viewmats=viewmats,
        Ks=Ks,
        width=cameras[0].width,
        height=cameras[0].height,
        near_plane=NEAR,
        eps2d=BLUR,
        sh_degree=sh_degree,
        packed=False,
        render_mode="RGB+D" if values.shape[-1] else "D",
        channel_chunk=CHANNELS_AT_ONCE,
    )
    means2d, radii = meta["means2d"], meta["radii"]
    if means2d.requires_grad:
        means2d.retain_grad()
    return Layers(
        base=image[..., :colours],
        features=image[..., colours:-1],
        depth=image[..., -1],
        alpha=alpha[..., 0],
        means2d=(means2d,),
        radii=radii.amax(dim=-1).to(like.dtype),
    )


def _colours(
    gsplat: ModuleType, gaussians: GaussianTensors, cameras: Sequence[Camera]
) -> Float[Tensor, "C N 3"]:
    assert gaussians.sh is not None
    like = gaussians.means
    centers = torch.stack([torch.as_tensor(c.center, dtype=like.dtype, device=like.device) for c in cameras])
    directions = gaussians.means[None] - centers[:, None]
    coefficients = gaussians.sh.expand(len(cameras), -1, -1, -1)
    degree = degree_of(gaussians.sh.shape[1])
    return torch.clamp_min(gsplat.spherical_harmonics(degree, directions, coefficients) + 0.5, 0.0)
