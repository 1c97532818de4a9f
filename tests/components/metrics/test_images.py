"""PSNR and SSIM: worked examples, laws, and agreement with scikit-image and the trainer's SSIM."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from liftlab.components.gaussians.training.similarity import plain_ssim
from liftlab.components.metrics import image_psnr, image_ssim
from liftlab.components.metrics.images import mean_psnr, ssim_map, window_ssim


def pair(seed: int, shape: tuple[int, ...] = (30, 41, 3)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.random(shape)
    return image, np.clip(image + 0.2 * rng.normal(size=shape), 0, 1)


def test_worked_examples() -> None:
    x, y = np.array([0, 0.5, 1, 0.25]).reshape(2, 2, 1), np.array([0.1, 0.5, 0.9, 0.25]).reshape(2, 2, 1)
    assert image_psnr(x, y) == pytest.approx(23.0103, abs=1e-4)
    flat = np.array([0.2, 0.4, 0.6, 0.8])
    assert window_ssim(flat, flat + 0.1) == pytest.approx(0.983609, abs=1e-6)


def test_equal_images() -> None:
    image, _ = pair(0)
    assert image_psnr(image, image) == 100 and image_ssim(image, image) == pytest.approx(1)
    assert mean_psnr([image, image], [image, image]) == 100 and np.isnan(mean_psnr([], []))


@pytest.mark.parametrize("seed", range(5))
def test_symmetry_and_bounds(seed: int) -> None:
    x, y = pair(seed)
    assert image_psnr(x, y) == image_psnr(y, x)
    assert image_ssim(x, y) == pytest.approx(image_ssim(y, x))
    assert -1 <= image_ssim(x, y) < 1


def test_the_trainer_scores_the_same() -> None:
    x, y = pair(3)
    theirs = float(plain_ssim(torch.from_numpy(x), torch.from_numpy(y)))
    assert image_ssim(x, y) == pytest.approx(theirs, abs=1e-7)  # its window is stored in float32


def test_scikit_image_agrees_away_from_the_border() -> None:
    x, y = pair(4)
    result = structural_similarity(
        x, y, channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    theirs = np.asarray(result[1])
    np.testing.assert_allclose(ssim_map(x, y)[5:-5, 5:-5], theirs[5:-5, 5:-5], atol=1e-9)


def test_the_middle_of_a_window_is_the_window() -> None:
    x, y = pair(5, (11, 11, 1))
    kernel = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(kernel, kernel).reshape(-1)
    assert ssim_map(x, y)[5, 5, 0] == pytest.approx(window_ssim(x.reshape(-1), y.reshape(-1), weights))
