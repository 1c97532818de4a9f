"""Render Gaussians and lift masks onto them: one call, three back ends, one answer."""

import functools
from collections.abc import Sequence
from typing import Literal, assert_never

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from liftlab.components.progress import Progress, no_progress
from liftlab.components.rasterize import cpu, gsplat_backend, reference
from liftlab.components.rasterize.cameras import common_size, pinhole_tensors
from liftlab.components.rasterize.harmonics import colours_seen_from, degree_of
from liftlab.components.rasterize.layers import Layers, join_cameras
from liftlab.components.rasterize.types import Backend, GaussianTensors, RenderResult, Votes
from liftlab.components.types import Camera


def resolve_backend(
    backend: Literal["auto", "cpu", "gsplat", "reference"], gaussians: GaussianTensors
) -> Backend:
    """The back end that will render `gaussians`: for "auto", gsplat for CUDA tensors and cpu for others.

    Raises:
        ValueError: the back end cannot render tensors of this device or type, or gsplat is not there.
    """
    device, dtype = gaussians.device, gaussians.dtype
    if backend == "auto":
        backend = "gsplat" if device.type == "cuda" else "cpu"
    if backend == "reference":
        return backend
    if backend == "cpu":
        if device.type != "cpu" or dtype != torch.float32:
            raise ValueError(
                f"gaussians must be float32 CPU tensors for backend 'cpu'; got {dtype} on {device}. "
                "Convert them, or use backend='reference' for small scenes in any type."
            )
        return backend
    if backend == "gsplat":
        gsplat_backend.load_gsplat()
        if device.type != "cuda" or dtype != torch.float32:
            raise ValueError(
                f"gaussians must be float32 CUDA tensors for backend 'gsplat'; got {dtype} on {device}. "
                "Move them."
            )
        return backend
    assert_never(backend)


def rasterize(
    gaussians: GaussianTensors,
    cameras: Sequence[Camera],
    *,
    features: Float[Tensor, "N D"] | None = None,
    background: Float[Tensor, "3"] | None = None,
    backend: Literal["auto", "cpu", "gsplat", "reference"] = "auto",
) -> RenderResult:
    """Render colour, depth, alpha and features as seen by `cameras`.

    Differentiable in means, quats, scales, opacities, sh, features and background; not in the cameras. Where
    only features need a gradient, the cpu back end takes a much shorter way back. No Gaussian, or none in
    sight, gives the background, depth 0 and alpha 0.

    Args:
        gaussians: World frame.
        cameras: One or more of one size, OpenCV, pixel centres at +0.5.
        features: Any number of channels per Gaussian, blended like colour over zero.
        background: RGB behind everything; black when None.
        backend: "cpu" is compiled (`warm_up` beforehand), "gsplat" needs CUDA, "reference" is plain torch for
            small scenes in any float type; "auto" picks by device.

    Raises:
        ValueError: cameras differ in size, a tensor's shape does not match, or the back end is not available.

    Source: Kerbl et al., SIGGRAPH 2023 (3D Gaussian Splatting), with the rules of gsplat 1.5 (rules.py).
    """
    common_size(cameras)
    _check_features(gaussians, features)
    chosen = resolve_backend(backend, gaussians)
    channels = gaussians.means.new_zeros((len(gaussians), 0)) if features is None else features
    layers = _render_layers(gaussians, channels, cameras, chosen)
    colour = None
    if gaussians.sh is not None:
        colour = layers.base
        if background is not None:
            colour = colour + (1 - layers.alpha[..., None]) * background
    return RenderResult(
        colour=colour,
        depth=layers.depth / layers.alpha.clamp_min(1e-10),
        alpha=layers.alpha,
        features=None if features is None else layers.features,
        means2d=layers.means2d,
        radii=layers.radii,
        backend=chosen,
    )


def lift(
    gaussians: GaussianTensors,
    cameras: Sequence[Camera],
    masks: Float[Tensor, "C H W M"] | Bool[Tensor, "C H W M"],
    *,
    backend: Literal["auto", "cpu", "gsplat", "reference"] = "auto",
) -> Votes:
    """Let every pixel vote for the Gaussians it sees, with the weight each has in it. No autograd.

    This is the adjoint of rendering: rendering carries values from Gaussians to pixels with the same weights.

    Args:
        gaussians: World frame; their colour is not read.
        cameras: One or more of one size.
        masks: M masks or soft maps per camera, same order as `cameras`; row 0 is the image top.

    Raises:
        ValueError: `masks` do not match the cameras, or the back end is not available.
    """
    width, height = common_size(cameras)
    if masks.shape[:3] != (len(cameras), height, width):
        raise ValueError(
            f"masks must have shape [{len(cameras)}, {height}, {width}, M] to match cameras; got "
            f"{list(masks.shape)}. Masks are (H, W), not (W, H)."
        )
    chosen = resolve_backend(backend, gaussians)
    values = masks.to(gaussians.means)
    values = torch.cat([values, torch.ones_like(values[..., :1])], dim=-1)
    if chosen == "cpu":
        pairs = zip(values, cameras, strict=True)
        sums = sum(
            cpu.weigh_images(gaussians, image, pinhole_tensors(camera, image)) for image, camera in pairs
        )
    else:
        carrier = torch.zeros(
            (len(gaussians), values.shape[-1]), dtype=values.dtype, device=values.device, requires_grad=True
        )
        frozen = GaussianTensors(
            means=gaussians.means.detach(),
            quats=gaussians.quats.detach(),
            scales=gaussians.scales.detach(),
            opacities=gaussians.opacities.detach(),
            sh=None,
        )
        with torch.enable_grad():
            layers = _render_layers(frozen, carrier, cameras, chosen)
            (sums,) = torch.autograd.grad(layers.features, carrier, grad_outputs=values)
    assert isinstance(sums, Tensor)
    return Votes(inside=sums[:, :-1], seen=sums[:, -1])


def _render_layers(
    gaussians: GaussianTensors, features: Float[Tensor, "N D"], cameras: Sequence[Camera], backend: Backend
) -> Layers:
    if backend == "gsplat" and len(gaussians) > 0:
        return gsplat_backend.render_layers(gaussians, features, cameras)
    render_one = cpu.render_layers if backend == "cpu" else reference.render_layers
    layers = []
    for camera in cameras:
        pinhole = pinhole_tensors(camera, gaussians.means)
        if gaussians.sh is None:
            base = gaussians.means.new_zeros((len(gaussians), 0))
        else:
            base = colours_seen_from(pinhole.center, gaussians.means, gaussians.sh)
        layers.append(render_one(gaussians, base, features, pinhole))
    return join_cameras(layers)


def _check_features(gaussians: GaussianTensors, features: Tensor | None) -> None:
    if gaussians.sh is not None:
        degree_of(gaussians.sh.shape[1])
    if features is not None and features.shape[0] != len(gaussians):
        raise ValueError(
            f"features must have shape [{len(gaussians)}, D] to match gaussians; got {list(features.shape)}."
        )


@functools.cache
def _compile_kernels() -> None:
    camera = Camera(
        K=np.array([[8.0, 0, 8], [0, 8, 8], [0, 0, 1]]), world_to_camera=np.eye(4), width=16, height=16
    )
    means = torch.tensor([[0.0, 0.0, 2.0]], requires_grad=True)
    gaussians = GaussianTensors(
        means=means,
        quats=torch.tensor([[1.0, 0, 0, 0]]),
        scales=torch.full((1, 3), 0.2),
        opacities=torch.tensor([0.5]),
        sh=None,
    )
    rasterize(gaussians, [camera], features=torch.ones(1, 1), backend="cpu").alpha.sum().backward()
    lift(gaussians, [camera], torch.ones(1, 16, 16, 1), backend="cpu")


def warm_up(progress: Progress = no_progress) -> None:
    """Compile the cpu back end, or load it compiled from the cache; later calls return at once.

    Takes up to a minute the first time on a machine, about a second after that. Call it in a step that shows
    progress, never inside a click.
    """
    progress(0.0, "Preparing the renderer")
    _compile_kernels()
    progress(1.0, "The renderer is ready")
