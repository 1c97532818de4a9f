"""Laws of rendering that hold whatever the back end, and numbers worked by hand."""

import dataclasses
import math
import threading

import numpy as np
import pytest
import torch

from liftlab.components.geometry.rotations import rotations
from liftlab.components.rasterize import (
    Backend,
    GaussianTensors,
    lift,
    rasterize,
    resolve_backend,
    tensors_from_gaussians,
    warm_up,
)
from liftlab.components.rasterize import gaussians_from_tensors as to_numpy
from liftlab.components.rasterize.cameras import pinhole_tensors
from liftlab.components.rasterize.harmonics import basis, degree_of
from liftlab.components.rasterize.reference import project
from liftlab.components.types import Camera, Gaussians
from tests.not_none import not_none

from .scenes import camera, converted, random_scene

BACK_ENDS = ["cpu", "reference"]


def four_splats() -> GaussianTensors:
    """Four overlapping Gaussians placed by hand: no alpha near 1/255 at a pixel, no light near 1e-4,
    distinct depths."""
    return GaussianTensors(
        means=torch.tensor(
            [[0.0, 0.0, 2.0], [0.3, 0.1, 2.6], [-0.35, -0.15, 3.1], [0.1, -0.2, 3.7]]
        ).double(),
        quats=torch.tensor(
            [[1.0, 0, 0, 0], [0.9, 0.2, -0.1, 0.3], [0.5, -0.5, 0.4, 0.2], [1.2, 0.3, 0.6, -0.4]]
        ).double(),
        scales=torch.tensor([[0.9, 0.8, 0.7], [0.9, 1.1, 0.8], [1.2, 0.9, 1.0], [1.3, 1.1, 1.2]]).double(),
        opacities=torch.tensor([0.5, 0.7, 0.6, 0.8]).double(),
        sh=torch.linspace(-0.4, 0.5, 48).reshape(4, 4, 3).double(),
    )


def test_gradients_of_the_reference_equal_central_differences() -> None:
    eye = camera(12, 8)
    scene, features = four_splats(), torch.linspace(-1, 1, 8).reshape(4, 2).double()

    def loss(means, quats, scales, opacities, sh, features):
        gaussians = GaussianTensors(means, quats, scales, opacities, sh)
        out = rasterize(gaussians, [eye], features=features, backend="reference")
        return (
            not_none(out.colour).sin().sum()
            + (out.depth * 0.3).cos().sum()
            + not_none(out.features).square().sum()
            + out.alpha.sum()
        )

    inputs = [scene.means, scene.quats, scene.scales, scene.opacities, scene.sh, features]
    leaves = [tensor.clone().requires_grad_(True) for tensor in inputs]
    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-6, rtol=1e-4)


def test_gradients_of_the_compiled_kernels_equal_central_differences_of_the_reference() -> None:
    eye = camera(12, 8)
    scene = four_splats()

    def loss(gaussians: GaussianTensors, backend: Backend) -> torch.Tensor:
        return not_none(rasterize(gaussians, [eye], backend=backend).colour).sin().sum()

    leaves = converted(scene, torch.float32, needs_grad=True)
    loss(leaves, "cpu").backward()
    for name in ("means", "quats", "scales", "opacities", "sh"):
        values, gradient = getattr(scene, name), getattr(leaves, name).grad.flatten()
        for k in range(0, values.numel(), 3):
            step = torch.zeros(values.numel(), dtype=torch.float64)
            step[k] = 1e-5
            step = step.reshape(values.shape)
            ahead = loss(dataclasses.replace(scene, **{name: values + step}), "reference")
            back = loss(dataclasses.replace(scene, **{name: values - step}), "reference")
            assert float(gradient[k]) == pytest.approx(float(ahead - back) / 2e-5, rel=2e-4, abs=2e-4), (
                name,
                k,
            )


def test_gradients_of_the_projection() -> None:
    eye = pinhole_tensors(camera(turn=0.1), torch.zeros(1, dtype=torch.float64))
    scene = random_scene(9, seed=1)
    leaves = [t.clone().requires_grad_(True) for t in (scene.means, scene.quats, scene.scales)]
    assert torch.autograd.gradcheck(lambda m, q, s: project(m, q, s, eye), leaves, atol=1e-6)


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_one_round_gaussian_by_hand(backend: Backend) -> None:
    """On the axis at depth 2, sigma 0.1, focal 20: sigma 1 px, so variance 1.3 px; centre at the middle of
    pixel (4, 4)."""
    eye = Camera(
        K=np.array([[20, 0, 4.5], [0, 20, 4.5], [0, 0, 1.0]]), world_to_camera=np.eye(4), width=9, height=9
    )
    scene = GaussianTensors(
        means=torch.tensor([[0.0, 0, 2]]),
        quats=torch.tensor([[1.0, 0, 0, 0]]),
        scales=torch.full((1, 3), 0.1),
        opacities=torch.tensor([0.8]),
        sh=torch.tensor([[[1.0, 0.0, -9.0]]]),
    )
    out = rasterize(scene, [eye], features=torch.tensor([[2.0]]), backend=backend)
    beside = 0.8 * math.exp(-0.5 / 1.3)
    assert float(out.alpha[0, 4, 4]) == pytest.approx(0.8, rel=1e-5)
    assert float(out.alpha[0, 4, 5]) == pytest.approx(beside, rel=1e-5)
    assert float(not_none(out.features)[0, 4, 5, 0]) == pytest.approx(2 * beside, rel=1e-5)
    assert float(out.depth[0, 4, 5]) == pytest.approx(2.0, rel=1e-5)
    np.testing.assert_allclose(not_none(out.colour)[0, 4, 4], [0.8 * (0.5 + 0.28209479), 0.4, 0.0], rtol=1e-5)
    assert float(out.radii[0, 0]) == pytest.approx(math.sqrt(1.3 * 2 * math.log(0.8 * 255)), rel=1e-5)


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_features_blend_like_colour_and_ones_give_alpha(backend: Backend) -> None:
    scene = converted(random_scene(50), torch.float32)
    rgb = torch.clamp_min(0.28209479177387814 * not_none(scene.sh)[:, 0] + 0.5, 0)
    out = rasterize(scene, [camera()], features=torch.cat([rgb, torch.ones(50, 1)], dim=1), backend=backend)
    blended = not_none(out.features)
    torch.testing.assert_close(blended[..., :3], out.colour, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(blended[..., 3], out.alpha, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_lifting_is_the_adjoint_of_rendering(backend: Backend) -> None:
    scene = converted(random_scene(70, seed=7), torch.float32)
    cameras = [camera(), camera(turn=0.3)]
    generator = torch.Generator().manual_seed(0)
    values, maps = torch.randn(70, 3, generator=generator), torch.randn(2, 24, 40, 3, generator=generator)
    rendered = rasterize(scene, cameras, features=values, backend=backend).features
    lifted = lift(scene, cameras, maps, backend=backend)
    assert float((not_none(rendered) * maps).sum()) == pytest.approx(
        float((values * lifted.inside).sum()), rel=1e-4
    )


def test_votes_add_up_to_the_alpha_of_all_pixels() -> None:
    scene = converted(random_scene(70, seed=7), torch.float32)
    everywhere = torch.ones(1, 24, 40, 1, dtype=torch.bool)
    votes = lift(scene, [camera()], everywhere)
    alpha = rasterize(scene, [camera()]).alpha
    assert float(votes.seen.sum()) == pytest.approx(float(alpha.sum()), rel=1e-5)
    shares = votes.shares()[:, 0]
    assert torch.equal(shares.isnan(), votes.seen == 0)
    torch.testing.assert_close(shares[votes.seen > 0], torch.ones(int((votes.seen > 0).sum())))


def test_the_short_way_back_for_features_equals_the_full_one() -> None:
    scene = converted(random_scene(60, seed=5), torch.float32)
    weights = torch.randn(1, 24, 40, 33, generator=torch.Generator().manual_seed(2))
    gradients = []
    for frozen in (True, False):
        leaves = converted(scene, torch.float32, needs_grad=not frozen)
        features = torch.ones(60, 33, requires_grad=True)
        (not_none(rasterize(leaves, [camera()], features=features).features) * weights).sum().backward()
        gradients.append(features.grad)
    torch.testing.assert_close(gradients[0], gradients[1], atol=2e-5, rtol=1e-4)


def test_the_same_bits_again_and_from_several_threads_at_once() -> None:
    scene = random_scene(200, degree=1, seed=11)

    def gradient() -> list[torch.Tensor]:
        leaves = converted(scene, torch.float32, needs_grad=True)
        not_none(rasterize(leaves, [camera(64, 48)]).colour).square().sum().backward()
        return [not_none(getattr(leaves, f.name).grad) for f in dataclasses.fields(leaves)]

    expected, results = gradient(), []
    threads = [threading.Thread(target=lambda: results.append(gradient())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))


def test_order_of_the_gaussians_does_not_matter() -> None:
    scene = converted(random_scene(80, seed=13), torch.float32)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    shuffled = GaussianTensors(*(getattr(scene, f.name)[order] for f in dataclasses.fields(scene)))
    first, again = (rasterize(gaussians, [camera()]).colour for gaussians in (scene, shuffled))
    assert torch.equal(not_none(first), not_none(again))


def test_not_a_number_draws_nothing_and_harms_nothing() -> None:
    scene = converted(random_scene(40), torch.float32)
    expected = not_none(rasterize(scene, [camera()]).colour)
    bad = torch.tensor([[math.nan, 0, 2], [math.inf, 0, 2], [0, 0, math.inf]])
    extra = GaussianTensors(
        means=torch.cat([scene.means, bad]),
        quats=torch.cat([scene.quats, torch.ones(3, 4)]),
        scales=torch.cat([scene.scales, torch.ones(3, 3)]),
        opacities=torch.cat([scene.opacities, torch.ones(3)]),
        sh=torch.cat([not_none(scene.sh), torch.ones(3, 1, 3)]),
    )
    assert torch.equal(not_none(rasterize(extra, [camera()]).colour), expected)


def test_rotations_are_rotations_and_ignore_the_length_of_the_quaternion() -> None:
    quats = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    R = rotations(quats)
    torch.testing.assert_close(R @ R.mT, torch.eye(3, dtype=torch.float64).expand(20, 3, 3))
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(20, dtype=torch.float64))
    torch.testing.assert_close(rotations(quats * 7.5), R)
    half_turn_about_z = rotations(torch.tensor([[0.0, 0, 0, 1]]))[0]
    torch.testing.assert_close(half_turn_about_z, torch.diag(torch.tensor([-1.0, -1, 1])), atol=1e-6, rtol=0)


def test_harmonics_are_orthonormal_over_the_sphere() -> None:
    count = 20_000
    k = torch.arange(count, dtype=torch.float64) + 0.5  # Fibonacci sphere: near-uniform directions
    z, turn = 1 - 2 * k / count, math.pi * (1 + math.sqrt(5)) * k
    ring = (1 - z * z).sqrt()
    values = basis(torch.stack([ring * turn.cos(), ring * turn.sin(), z], dim=1), 3)
    gram = values.T @ values * (4 * math.pi / count)
    torch.testing.assert_close(gram, torch.eye(16, dtype=torch.float64), atol=1e-3, rtol=0)


def test_conversion_to_numpy_and_back_keeps_values_and_normalises_quaternions() -> None:
    scene = random_scene(5, degree=2, dtype=torch.float32)
    back = tensors_from_gaussians(to_numpy(scene))
    torch.testing.assert_close(back.means, scene.means)
    torch.testing.assert_close(back.sh, scene.sh)
    torch.testing.assert_close(back.quats, torch.nn.functional.normalize(scene.quats, dim=1))
    assert isinstance(to_numpy(scene), Gaussians)


def test_warming_up_reports_and_costs_nothing_the_second_time() -> None:
    messages: list[tuple[float, str]] = []
    warm_up(lambda fraction, message="": messages.append((fraction, message)))
    assert messages == [(0.0, "Preparing the renderer"), (1.0, "The renderer is ready")]


class TestRefusals:
    scene = random_scene(4, dtype=torch.float32)

    def test_cameras_of_two_sizes(self) -> None:
        with pytest.raises(
            ValueError, match=r"of one size; got 10x10, 20x10\. Render each size in its own call"
        ):
            rasterize(self.scene, [camera(20, 10), camera(10, 10)])

    def test_no_camera(self) -> None:
        with pytest.raises(ValueError, match="got no camera"):
            rasterize(self.scene, [])

    def test_double_precision_on_the_compiled_back_end(self) -> None:
        with pytest.raises(
            ValueError, match=r"must be float32 CPU tensors for backend 'cpu'; got torch\.float64"
        ):
            rasterize(converted(self.scene, torch.float64), [camera()])

    def test_turned_masks(self) -> None:
        with pytest.raises(ValueError, match=r"must have shape \[1, 24, 40, M\].*got \[1, 40, 24, 2\]"):
            lift(self.scene, [camera()], torch.ones(1, 40, 24, 2))

    def test_features_of_another_scene(self) -> None:
        with pytest.raises(ValueError, match=r"features must have shape \[4, D\]"):
            rasterize(self.scene, [camera()], features=torch.ones(5, 2))

    def test_a_count_of_harmonics_that_is_no_degree(self) -> None:
        with pytest.raises(ValueError, match="sh must have 1, 4, 9 or 16 bases"):
            degree_of(5)

    def test_gradient_of_means_asked_for_without_backward(self) -> None:
        with pytest.raises(ValueError, match="means2d has no gradient"):
            rasterize(self.scene, [camera()]).means2d_gradients()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
    def test_gsplat_without_cuda(self) -> None:
        with pytest.raises(ValueError, match=r"needs a CUDA device; none found\. Use backend='cpu'"):
            resolve_backend("gsplat", self.scene)
