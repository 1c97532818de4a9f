"""Depth of the surface: not pulled away by what shines through, split at edges, the same as listed weights say."""

import dataclasses

import numpy as np
import torch

from liftlab.components.rasterize import GaussianTensors, rasterize
from liftlab.components.rasterize.surface import surface_of
from tests.components.rasterize.scenes import camera, random_scene


def walls(*depths: float, opacity: float) -> GaussianTensors:
    """Dense walls one behind the other, each letting some light through."""
    grid = torch.stack(
        torch.meshgrid(torch.linspace(-1.5, 1.5, 40), torch.linspace(-1, 1, 30), indexing="ij"), dim=-1
    ).reshape(-1, 2)
    means = torch.cat([torch.cat([grid * z, torch.full((len(grid), 1), z)], dim=1) for z in depths])
    count = len(means)
    spread = means[:, 2:] * 0.05
    return GaussianTensors(
        means=means,
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.cat([spread, spread, torch.full((count, 1), 1e-3)], dim=1),
        opacities=torch.full((count,), opacity),
        sh=None,
    )


def test_what_shines_through_does_not_pull_the_depth() -> None:
    scene = walls(2.0, 6.0, opacity=0.35)
    one = camera()
    surface, blended = surface_of(scene, one), rasterize(scene, [one]).depth[0].numpy()
    np.testing.assert_allclose(surface.depth[4:-4, 4:-4], 2.0, rtol=1e-4)
    assert (blended[4:-4, 4:-4] > 2.05).all(), "expected depth is pulled towards the far wall"
    share = surface.agreement[4:-4, 4:-4]
    assert (share > 0.7).all() and (share < 0.999).all()


def test_a_wall_that_lets_most_light_through_is_not_the_surface() -> None:
    scene = walls(2.0, 6.0, opacity=0.9)
    thin = dataclasses.replace(scene, opacities=torch.where(scene.means[:, 2] < 3, 0.01, 0.9))
    np.testing.assert_allclose(surface_of(thin, camera()).depth[8:-8, 8:-8], 6.0, rtol=1e-3)


def test_alpha_is_that_of_rendering_and_nothing_seen_is_nothing() -> None:
    scene, one = random_scene(80, seed=3, dtype=torch.float32), camera()
    np.testing.assert_allclose(
        surface_of(scene, one).alpha, rasterize(scene, [one]).alpha[0].numpy(), atol=2e-4
    )
    away = dataclasses.replace(scene, means=scene.means * torch.tensor([1.0, 1.0, -1.0]) - 100)
    surface = surface_of(away, one)
    assert not surface.depth.any() and not surface.alpha.any() and not surface.agreement.any()


def test_one_gaussian_is_its_own_surface() -> None:
    single = GaussianTensors(
        torch.tensor([[0.0, 0.0, 3.0]]), torch.tensor([[1.0, 0, 0, 0]]), torch.full((1, 3), 0.4),
        torch.tensor([0.7]), None,
    )  # fmt: skip
    surface = surface_of(single, camera())
    seen = surface.alpha > 0
    assert seen.any() and not seen.all()
    np.testing.assert_allclose(surface.depth[seen], 3.0, rtol=1e-6)
    np.testing.assert_allclose(surface.agreement[seen], 1.0, rtol=1e-6)
