"""SSIM compiled against plain torch, and numbers by hand."""

import pytest
import torch

from liftlab.components.gaussians.training.similarity import plain_ssim, psnr, ssim
from tests.not_none import not_none


def pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(height * 100 + width)
    image = torch.rand(height, width, 3, generator=generator)
    return image, (image + 0.2 * torch.randn(height, width, 3, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("height, width", [(30, 41), (11, 11), (4, 3), (1, 1), (2, 50)])
def test_compiled_value_and_gradient_equal_plain_torch(height: int, width: int) -> None:
    image, other = pair(height, width)
    leaf, double = image.clone().requires_grad_(True), image.double().requires_grad_(True)
    fast, plain = ssim(leaf, other), plain_ssim(double, other.double())
    assert float(fast.detach()) == pytest.approx(float(plain.detach()), abs=2e-6)
    (3 * fast).backward()
    (3 * plain).backward()
    ours, theirs = not_none(leaf.grad), not_none(double.grad)
    scale = theirs.abs().max()
    torch.testing.assert_close(ours.double() / scale, theirs / scale, atol=2e-4, rtol=1e-3)


def test_gradient_of_the_plain_one_equals_central_differences() -> None:
    image, other = pair(5, 6)
    leaf = image.double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda a: plain_ssim(a, other.double()), [leaf])


def test_equal_images_score_one_and_symmetry_holds() -> None:
    image, other = pair(20, 20)
    assert float(ssim(image, image)) == pytest.approx(1, abs=1e-5)
    assert float(ssim(image, other)) == pytest.approx(float(ssim(other, image)), abs=1e-6)
    assert float(ssim(image, other)) < 0.99


def test_psnr_by_hand() -> None:
    assert psnr(torch.full((4, 4, 3), 0.5), torch.full((4, 4, 3), 0.6)) == pytest.approx(20, abs=1e-4)
    assert psnr(torch.ones(2, 2, 3), torch.ones(2, 2, 3)) == float("inf")
