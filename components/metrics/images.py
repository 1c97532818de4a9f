"""Image quality: PSNR and SSIM (docs/methods/metrics.md section 7), in float64 and for any number of channels.

The trainer's differentiable SSIM (`components.gaussians.training.similarity`) follows the same
definition; a test compares them.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from liftlab.components.types import Array

MAX_PSNR = 100.0
"""dB given to equal images, so that a mean over views stays finite."""
WINDOW_PX, SIGMA_PX = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def image_psnr(truth: Float[Array, "H W C"], prediction: Float[Array, "H W C"]) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1], at most 100 (docs/methods/metrics.md eq. 18)."""
    error = float(np.mean((truth.astype(np.float64) - prediction.astype(np.float64)) ** 2))
    return MAX_PSNR if error == 0 else min(MAX_PSNR, -10 * float(np.log10(error)))


def mean_psnr(truths: Sequence[Float[Array, "_ _ _"]], predictions: Sequence[Float[Array, "_ _ _"]]) -> float:
    """Mean over views of the PSNR of each, dB; NaN without views."""
    values = [image_psnr(t, p) for t, p in zip(truths, predictions, strict=True)]
    return float(np.mean(values)) if values else float("nan")


def image_ssim(truth: Float[Array, "H W C"], prediction: Float[Array, "H W C"]) -> float:
    """Mean structural similarity of images in [0, 1]; 1 for equal ones (docs/methods/metrics.md eq. 19).

    Gaussian window of 11 pixels, sigma 1.5, zeros outside the image: the convention of 3D Gaussian Splatting. Other
    libraries crop the border or reflect it there.
    """
    return float(ssim_map(truth, prediction).mean())


def ssim_map(truth: Float[Array, "H W C"], prediction: Float[Array, "H W C"]) -> Float[Array, "H W C"]:
    """Structural similarity at every pixel and channel."""
    x, y = truth.astype(np.float64), prediction.astype(np.float64)
    mx, my = _blur(x), _blur(y)
    return _similarity(mx, my, _blur(x * x) - mx * mx, _blur(y * y) - my * my, _blur(x * y) - mx * my)


def window_ssim(
    x: Float[Array, "K"], y: Float[Array, "K"], weights: Float[Array, "K"] | None = None
) -> float:
    """Structural similarity of the values in one window; equal weights when none are given."""
    w = np.full(len(x), 1 / len(x)) if weights is None else weights / weights.sum()
    mx, my, xx, yy, xy = (np.asarray(w @ values) for values in (x, y, x * x, y * y, x * y))
    return float(_similarity(mx, my, xx - mx * mx, yy - my * my, xy - mx * my))


def _similarity(mx, my, sx, sy, sxy):
    """Of means, variances and covariance: arrays of one shape, or numbers."""
    return (2 * mx * my + C1) * (2 * sxy + C2) / ((mx * mx + my * my + C1) * (sx + sy + C2))


def _blur(image: Float[Array, "H W C"]) -> Float[Array, "H W C"]:
    kernel = cv2.getGaussianKernel(WINDOW_PX, SIGMA_PX, cv2.CV_64F)
    blurred = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return blurred.reshape(image.shape)  # OpenCV drops a single channel
