"""The compiled back end against the reference in float64: images and every gradient."""

import dataclasses

import numpy as np
import pytest
import torch

from liftlab.components.rasterize import Backend, GaussianTensors, RenderResult, lift, rasterize
from liftlab.components.types import Camera
from tests.not_none import not_none

from .scenes import camera, converted, random_scene

TIGHT = 2e-5
"""Largest difference inside, as a share of the image's or gradient's largest value (or of 0.01): float32
rounding."""
EDGE = 2e-2
"""Largest difference where rounding flips a rule (alpha at 1/255, light at 1e-4, two Gaussians at one
depth)."""
EDGE_SHARE = 2e-3
"""Largest share of values that such flips may touch."""


def assert_close(actual: torch.Tensor, expected: torch.Tensor, name: str) -> None:
    """Tight almost everywhere, bounded at the edges."""
    assert actual.shape == expected.shape, name
    assert torch.isfinite(actual).all(), name
    if expected.numel() == 0:
        return
    error = (actual.double() - expected.double()).abs() / expected.double().abs().max().clamp_min(1e-2)
    assert error.max() <= EDGE, f"{name}: {error.max():.2e}"
    assert (error > TIGHT).double().mean() <= EDGE_SHARE, (
        f"{name}: {(error > TIGHT).sum()} of {error.numel()}"
    )


def render(
    scene: GaussianTensors, features: torch.Tensor, cameras: list[Camera], backend: Backend
) -> tuple[RenderResult, dict[str, torch.Tensor]]:
    """Render, propagate a fixed random loss over all outputs, and return the result with all gradients."""
    dtype = torch.float32 if backend == "cpu" else torch.float64
    leaves = converted(scene, dtype, needs_grad=True)
    channels = features.to(dtype).clone().requires_grad_(True)
    background = torch.tensor([0.2, 0.5, 0.9], dtype=dtype)
    result = rasterize(leaves, cameras, features=channels, background=background, backend=backend)
    generator = torch.Generator().manual_seed(9)
    loss = torch.zeros((), dtype=dtype)
    colour, blended = not_none(result.colour), not_none(result.features)
    for image in (colour, result.depth * result.alpha, result.alpha, blended):
        loss = (
            loss
            + (image * torch.randn(image.shape, generator=generator, dtype=torch.float64).to(dtype)).sum()
        )
    loss.backward()
    gradients = {f.name: getattr(leaves, f.name).grad for f in dataclasses.fields(leaves)}
    gradients |= {"features": channels.grad, "means2d": result.means2d_gradients()}
    return result, gradients


def assert_back_ends_agree(
    scene: GaussianTensors, cameras: list[Camera], *, channels: int = 2
) -> RenderResult:
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(len(scene), channels, generator=generator, dtype=torch.float64)
    expected, expected_gradients = render(scene, features, cameras, "reference")
    actual, gradients = render(scene, features, cameras, "cpu")
    for name in ("colour", "depth", "alpha", "features", "radii"):
        assert_close(getattr(actual, name).detach(), getattr(expected, name).detach(), name)
    for name, gradient in expected_gradients.items():
        assert_close(gradients[name], gradient, f"gradient of {name}")
    return expected


@pytest.mark.parametrize("channels", [1, 3, 16, 32, 33])
def test_any_number_of_feature_channels(channels: int) -> None:
    assert_back_ends_agree(random_scene(40, seed=channels), [camera()], channels=channels)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_colour_harmonics_of_every_degree(degree: int) -> None:
    assert_back_ends_agree(random_scene(40, degree=degree, seed=degree), [camera(turn=0.2)])


def test_several_cameras() -> None:
    cameras = [camera(), camera(turn=0.25, shift=(-0.6, 0.1, 0.2)), camera(turn=-0.3, shift=(0.7, -0.1, 0.4))]
    assert_back_ends_agree(random_scene(60, degree=1, seed=3), cameras)


@pytest.mark.parametrize("width, height", [(1, 1), (16, 16), (17, 33), (50, 7)])
def test_image_sizes_beside_the_tile_size(width: int, height: int) -> None:
    assert_back_ends_agree(random_scene(40, seed=8), [camera(width, height)])


def test_light_used_up_and_opacity_cut() -> None:
    scene = random_scene(120, seed=4)
    scene = dataclasses.replace(scene, opacities=scene.opacities.clamp_min(0.6), scales=scene.scales + 0.4)
    scene.opacities[:20] = 0.99995
    expected = assert_back_ends_agree(scene, [camera()])
    assert (expected.alpha > 0.999).any(), "the scene must use up the light of some pixel"


def test_wide_gaussians_at_the_rim_of_a_wide_lens_use_the_clamped_jacobian() -> None:
    scene = random_scene(60, seed=6)
    means = scene.means.clone()
    means[:, 0] = means[:, 2].abs() * torch.linspace(-3, 3, len(means), dtype=means.dtype)
    means[:, 2] = means[:, 2].abs() * 0.3
    assert_back_ends_agree(dataclasses.replace(scene, means=means, scales=scene.scales + 0.6), [camera()])


def one_gaussian(**changes: torch.Tensor) -> GaussianTensors:
    fields = {
        "means": torch.tensor([[0.1, 0.05, 2.0]]),
        "quats": torch.tensor([[1.0, 0.2, -0.3, 0.1]]),
        "scales": torch.tensor([[0.3, 0.1, 0.2]]),
        "opacities": torch.tensor([0.7]),
        "sh": torch.tensor([[[0.3, 0.1, -0.2]]]),
    }
    return GaussianTensors(**{name: value.double() for name, value in (fields | changes).items()})


@pytest.mark.parametrize(
    "scene, visible",
    [
        (one_gaussian(), True),
        (one_gaussian(means=torch.tensor([[0.0, 0.0, -2.0]])), False),
        (one_gaussian(means=torch.tensor([[0.0, 0.0, 0.0]])), False),
        (one_gaussian(means=torch.tensor([[50.0, 0.0, 2.0]])), False),
        (one_gaussian(scales=torch.zeros(1, 3)), True),
        (one_gaussian(scales=torch.full((1, 3), 1e3)), True),
        (one_gaussian(opacities=torch.tensor([1.0])), True),
        (one_gaussian(opacities=torch.tensor([0.0])), False),
        (one_gaussian(opacities=torch.tensor([0.0038])), False),
    ],
    ids=[
        "plain",
        "behind",
        "at the centre",
        "off screen",
        "zero scale",
        "huge",
        "opaque",
        "clear",
        "below 1/255",
    ],
)
def test_a_single_gaussian(scene: GaussianTensors, visible: bool) -> None:
    expected = assert_back_ends_agree(scene, [camera()])
    assert bool(expected.alpha.any()) == visible
    assert bool((expected.radii > 0).any()) == visible


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_no_gaussian_gives_the_background(backend: Backend) -> None:
    empty = GaussianTensors(
        means=torch.zeros(0, 3), quats=torch.zeros(0, 4), scales=torch.zeros(0, 3), opacities=torch.zeros(0),
        sh=torch.zeros(0, 1, 3),
    )  # fmt: skip
    result = rasterize(
        empty,
        [camera(5, 4)],
        features=torch.zeros(0, 2),
        background=torch.tensor([0.1, 0.2, 0.3]),
        backend=backend,
    )
    np.testing.assert_allclose(
        not_none(result.colour).numpy(), np.broadcast_to(np.array([0.1, 0.2, 0.3], np.float32), (1, 4, 5, 3))
    )
    assert not result.alpha.any() and not result.depth.any() and not not_none(result.features).any()
    assert lift(empty, [camera(5, 4)], torch.ones(1, 4, 5, 2), backend=backend).inside.shape == (0, 2)


def test_masks_are_lifted_alike() -> None:
    scene = random_scene(80, seed=2)
    cameras = [camera(), camera(turn=0.2, shift=(-0.4, 0.0, 0.1))]
    masks = torch.rand(2, 24, 40, 5, generator=torch.Generator().manual_seed(1)) > 0.6
    expected = lift(scene, cameras, masks, backend="reference")
    actual = lift(converted(scene, torch.float32), cameras, masks, backend="cpu")
    assert_close(actual.inside, expected.inside, "inside")
    assert_close(actual.seen, expected.seen, "seen")
    assert (expected.seen == 0).any() and (expected.seen > 0).any()
