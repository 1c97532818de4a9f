"""gsplat's own formulas as an oracle where it is installed; its renderer where there is a CUDA device too."""

import dataclasses

import numpy as np
import pytest
import torch

from liftlab.components.rasterize import Backend, lift, rasterize
from liftlab.components.rasterize.cameras import pinhole_tensors
from liftlab.components.rasterize.harmonics import colours_seen_from
from liftlab.components.rasterize.reference import project
from tests.not_none import not_none

from .scenes import camera, converted, random_scene

oracle = pytest.importorskip("gsplat.cuda._torch_impl", reason="gsplat is not installed")


def test_projection_and_clamped_jacobian() -> None:
    eye = camera(turn=0.2)
    scene = random_scene(80, seed=3)
    means = scene.means.clone()
    means[:, 0] *= 3  # many beside the image, where the Jacobian is clamped
    pinhole = pinhole_tensors(eye, means)
    means2d, covariances, depths = project(means, scene.quats, scene.scales, pinhole)
    spread, _ = oracle._quat_scale_to_covar_preci(scene.quats, scene.scales, compute_preci=False)
    K = torch.as_tensor(eye.K)[None]
    _, xy, z, conics, _ = oracle._fully_fused_projection(
        means, spread, pinhole.world_to_camera[None], K, eye.width, eye.height
    )
    seen = depths > 0.01
    torch.testing.assert_close(means2d[seen], xy[0][seen])
    torch.testing.assert_close(depths[seen], z[0][seen])
    ours = torch.linalg.inv(covariances[seen])
    torch.testing.assert_close(torch.stack([ours[:, 0, 0], ours[:, 0, 1], ours[:, 1, 1]], 1), conics[0][seen])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_harmonics(degree: int) -> None:
    scene = random_scene(30, degree=degree, seed=1)
    center = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    theirs = oracle._spherical_harmonics(degree, scene.means - center, scene.sh) + 0.5
    torch.testing.assert_close(
        colours_seen_from(center, scene.means, not_none(scene.sh)), theirs.clamp_min(0)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="gsplat renders on CUDA only; no device here")
@pytest.mark.parametrize("channels", [1, 33])
def test_the_gsplat_back_end_renders_and_lifts_what_the_cpu_does(channels: int) -> None:
    scene = random_scene(80, degree=2, seed=4)
    eyes = [camera(), camera(turn=0.2, shift=(-0.4, 0.0, 0.1))]
    values = torch.randn(80, channels, generator=torch.Generator().manual_seed(0))
    maps = torch.rand(2, 24, 40, 3, generator=torch.Generator().manual_seed(1))
    outcomes = []
    places: tuple[tuple[str, Backend], ...] = (("cpu", "cpu"), ("cuda", "gsplat"))
    for device, backend in places:
        leaves = converted(scene, torch.float32)
        moved = {f.name: getattr(leaves, f.name).to(device) for f in dataclasses.fields(leaves)}
        leaves = dataclasses.replace(leaves, **{k: v.requires_grad_(True) for k, v in moved.items()})
        features = values.to(device).requires_grad_(True)
        out = rasterize(leaves, eyes, features=features, backend=backend)
        colour, blended = not_none(out.colour), not_none(out.features)
        (colour.square().sum() + blended.square().sum() + (out.alpha * out.depth).sum()).backward()
        votes = lift(leaves, eyes, maps.to(device), backend=backend)
        tensors = [colour, blended, out.alpha, votes.inside, features.grad, out.means2d_gradients()]
        tensors += [getattr(leaves, f.name).grad for f in dataclasses.fields(leaves)]
        outcomes.append([t.detach().cpu().numpy() for t in tensors])
    for ours, theirs in zip(*outcomes, strict=True):
        scale = max(float(np.abs(ours).max()), 1e-2)
        assert (np.abs(ours - theirs) > 1e-3 * scale).mean() < 2e-3
