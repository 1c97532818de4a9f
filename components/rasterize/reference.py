"""Plain torch rasteriser: every pixel against every Gaussian. It defines what the other back ends must
compute.

Any device, any float type, differentiable by autograd. Memory grows with pixels times Gaussians: for small
scenes.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from liftlab.components.geometry.rotations import rotations
from liftlab.components.rasterize.cameras import PinholeTensors
from liftlab.components.rasterize.layers import Layers
from liftlab.components.rasterize.rules import (
    ALPHA_MAX,
    ALPHA_MIN,
    BLUR,
    FRUSTUM_MARGIN,
    NEAR,
    TRANSMITTANCE_MIN,
)
from liftlab.components.rasterize.types import GaussianTensors

PAIRS_AT_ONCE = 4_000_000
"""Pixels are handled in chunks of about this many pixel-Gaussian pairs."""


def project(
    means: Float[Tensor, "N 3"],
    quats: Float[Tensor, "N 4"],
    scales: Float[Tensor, "N 3"],
    camera: PinholeTensors,
) -> tuple[Float[Tensor, "N 2"], Float[Tensor, "N 2 2"], Float[Tensor, "N"]]:
    """Project Gaussians to image Gaussians by the local affine approximation.

    Returns:
        Means in pixels, covariances in square pixels (blur included), depths along +Z. Meaningless where
        depth < NEAR.

    Source: Zwicker et al., EWA Splatting, 2001, eq. 29-31; the Jacobian is taken inside the widened frustum
    (rules.py).
    """
    R = camera.world_to_camera[:3, :3]
    x, y, z = (means @ R.T + camera.world_to_camera[:3, 3]).unbind(-1)
    z = torch.where(z < NEAR, torch.ones_like(z), z)  # keeps gradients of Gaussians behind the camera finite
    half_x, half_y = 0.5 * camera.width / camera.fx, 0.5 * camera.height / camera.fy
    margin_x, margin_y = FRUSTUM_MARGIN * half_x, FRUSTUM_MARGIN * half_y
    left, right = -camera.cx / camera.fx - margin_x, (camera.width - camera.cx) / camera.fx + margin_x
    top, bottom = -camera.cy / camera.fy - margin_y, (camera.height - camera.cy) / camera.fy + margin_y
    slope_x, slope_y = (x / z).clamp(left, right), (y / z).clamp(top, bottom)
    zero = torch.zeros_like(z)
    J = torch.stack(
        [camera.fx / z, zero, -camera.fx * slope_x / z, zero, camera.fy / z, -camera.fy * slope_y / z], dim=-1
    ).reshape(-1, 2, 3)
    T = J @ R @ (rotations(quats) * scales[:, None, :])  # [N, 2, 3]
    covariances = T @ T.mT + BLUR * torch.eye(2, dtype=means.dtype, device=means.device)
    means2d = torch.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], dim=-1)
    return means2d, covariances, (means @ R.T + camera.world_to_camera[:3, 3])[:, 2]


def _half_extents(
    means2d: Float[Tensor, "N 2"],
    covariances: Float[Tensor, "N 2 2"],
    depths: Float[Tensor, "N"],
    opacities: Float[Tensor, "N"],
    camera: PinholeTensors,
) -> Float[Tensor, "N 2"]:
    """Half width and height of the box in which alpha reaches ALPHA_MIN; 0 where the Gaussian is not
    drawn."""
    reach = (2 * torch.log(opacities.clamp_min(ALPHA_MIN) / ALPHA_MIN)).sqrt()
    extents = reach[:, None] * covariances.diagonal(dim1=-2, dim2=-1).sqrt()
    size = torch.tensor([camera.width, camera.height], dtype=means2d.dtype, device=means2d.device)
    on_screen = ((means2d + extents > 0) & (means2d - extents < size)).all(dim=-1)
    drawn = on_screen & (depths >= NEAR) & (opacities >= ALPHA_MIN) & torch.isfinite(means2d).all(dim=-1)
    return torch.where(drawn[:, None], extents, torch.zeros_like(extents))


def _weights(
    pixels: Float[Tensor, "P 2"],
    means2d: Float[Tensor, "K 2"],
    conics: Float[Tensor, "K 2 2"],
    opacities: Float[Tensor, "K"],
) -> Float[Tensor, "P K"]:
    """Blending weights of K Gaussians, near to far, in P pixels."""
    dx = means2d[:, 0] - pixels[:, :1]  # [P, K]
    dy = means2d[:, 1] - pixels[:, 1:]
    power = 0.5 * (conics[:, 0, 0] * dx * dx + conics[:, 1, 1] * dy * dy) + conics[:, 0, 1] * dx * dy
    alpha = (opacities * torch.exp(-power)).clamp(max=ALPHA_MAX)
    kept: Bool[Tensor, "P K"] = alpha >= ALPHA_MIN
    alpha = torch.where(kept, alpha, torch.zeros_like(alpha))
    left_over = torch.cumprod(1 - alpha.detach(), dim=1)
    alpha = torch.where(left_over > TRANSMITTANCE_MIN, alpha, torch.zeros_like(alpha))
    behind = torch.cumprod(1 - alpha, dim=1)
    in_front = torch.cat([torch.ones_like(behind[:, :1]), behind[:, :-1]], dim=1)
    return alpha * in_front


def render_layers(
    gaussians: GaussianTensors,
    base: Float[Tensor, "N B"],
    features: Float[Tensor, "N D"],
    camera: PinholeTensors,
) -> Layers:
    """Blend `base`, depth and `features` of one camera. See `Layers`."""
    means2d, covariances, depths = project(gaussians.means, gaussians.quats, gaussians.scales, camera)
    if means2d.requires_grad:
        means2d.retain_grad()
    with torch.no_grad():
        extents = _half_extents(means2d, covariances, depths, gaussians.opacities, camera)
        drawn = torch.nonzero(extents[:, 0] > 0)[:, 0]
        order = drawn[torch.argsort(depths[drawn], stable=True)]
    values = torch.cat([base, depths[:, None], features], dim=1)[order]
    conics = torch.linalg.inv(covariances[order])
    y, x = torch.meshgrid(
        torch.arange(camera.height, dtype=values.dtype, device=values.device) + 0.5,
        torch.arange(camera.width, dtype=values.dtype, device=values.device) + 0.5,
        indexing="ij",
    )
    pixels = torch.stack([x, y], dim=-1).reshape(-1, 2)
    chunks = pixels.split(max(1, PAIRS_AT_ONCE // max(1, len(order))))
    blended, alpha = [], []
    for chunk in chunks:
        weights = _weights(chunk, means2d[order], conics, gaussians.opacities[order])
        blended.append(weights @ values)
        alpha.append(weights.sum(dim=1))
    image = torch.cat(blended).reshape(1, camera.height, camera.width, values.shape[1])
    colours = base.shape[1]
    return Layers(
        base=image[..., :colours],
        depth=image[..., colours],
        features=image[..., colours + 1 :],
        alpha=torch.cat(alpha).reshape(1, camera.height, camera.width),
        means2d=(means2d,),
        radii=extents.amax(dim=1)[None],
    )
