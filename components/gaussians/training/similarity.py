"""How alike two images are: PSNR, SSIM, and SSIM with its gradient in one compiled pass.

A third of a training step on a CPU was SSIM by torch convolutions. The kernels here blur rows and columns
separately, keep every plane in cache, and compute the gradient along with the value. They carry no
annotations: numba compiles them as they are.
"""

from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float
from numba import njit, prange
from torch import Tensor
from torch.autograd.function import once_differentiable

from liftlab.components.threads import PARALLEL_KERNELS

F32 = np.float32
RADIUS = 5
SIGMA = 1.5
C1, C2 = F32(0.01**2), F32(0.03**2)
ONE, TWO, ZERO = F32(1), F32(2), F32(0)
_weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
KERNEL = tuple(F32(w) for w in _weights / _weights.sum())

FLAGS = {"nsz", "arcp", "contract", "reassoc"}
COMPILED = {"parallel": True, "fastmath": FLAGS, "error_model": "numpy", "cache": True}
INLINED = {"fastmath": FLAGS, "error_model": "numpy", "cache": True}


@njit(**INLINED)
@no_type_check
def _blur_rows(source, target):
    """Blur each row of source [H, W] along X; outside the image is 0."""
    height, width = source.shape
    for y in range(height):
        for x in range(width):
            target[y, x] = ZERO
        for k in range(-RADIUS, RADIUS + 1):
            weight = KERNEL[k + RADIUS]
            first, end = max(0, -k), min(width, width - k)
            for x in range(first, end):
                target[y, x] += weight * source[y, x + k]


@njit(**INLINED)
@no_type_check
def _blur_columns(source, target):
    """Blur along Y; outside the image is 0."""
    height, width = source.shape
    for y in range(height):
        for x in range(width):
            target[y, x] = ZERO
        for k in range(max(-RADIUS, -y), min(RADIUS, height - 1 - y) + 1):
            weight = KERNEL[k + RADIUS]
            for x in range(width):
                target[y, x] += weight * source[y + k, x]


@njit(**COMPILED)
@no_type_check
def _ssim(image, other):
    """Sum of SSIM over the pixels of each plane [P, H, W], and the gradient of that sum for `image`."""
    planes, height, width = image.shape
    sums = np.zeros(planes, np.float64)
    gradient = np.empty_like(image)
    for plane in prange(planes):
        a, b = image[plane], other[plane]
        work = np.empty((7, height, width), F32)
        mean_a, mean_b, aa, bb, ab, product, rows = (
            work[0],
            work[1],
            work[2],
            work[3],
            work[4],
            work[5],
            work[6],
        )
        _blur_rows(a, rows)
        _blur_columns(rows, mean_a)
        _blur_rows(b, rows)
        _blur_columns(rows, mean_b)
        for target, first, second in ((aa, a, a), (bb, b, b), (ab, a, b)):
            for y in range(height):
                for x in range(width):
                    product[y, x] = first[y, x] * second[y, x]
            _blur_rows(product, rows)
            _blur_columns(rows, target)
        total = 0.0
        for y in range(height):
            row_total = ZERO
            for x in range(width):
                m, n = mean_a[y, x], mean_b[y, x]
                p, q = TWO * m * n + C1, TWO * (ab[y, x] - m * n) + C2
                r, s = m * m + n * n + C1, aa[y, x] - m * m + bb[y, x] - n * n + C2
                share = ONE / (r * s)
                value = p * q * share
                row_total += value
                v_square, v_product = -value / s, TWO * p * share
                mean_a[y, x] = TWO * n * q * share - TWO * m * value / r - n * v_product - TWO * m * v_square
                aa[y, x], ab[y, x] = v_square, v_product
            total += row_total
        sums[plane] = total
        for source, kind in ((mean_a, 0), (aa, 1), (ab, 2)):
            _blur_rows(source, rows)
            _blur_columns(rows, product)
            for y in range(height):
                for x in range(width):
                    if kind == 0:
                        gradient[plane, y, x] = product[y, x]
                    elif kind == 1:
                        gradient[plane, y, x] += TWO * a[y, x] * product[y, x]
                    else:
                        gradient[plane, y, x] += b[y, x] * product[y, x]
    return sums, gradient


class _Ssim(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, other: Tensor) -> Tensor:
        planes = [t.detach().movedim(-1, 0).contiguous().numpy() for t in (image, other)]
        with PARALLEL_KERNELS:
            sums, gradient = _ssim(*planes)
        ctx.gradient = torch.from_numpy(gradient).movedim(0, -1)
        ctx.count = gradient.size
        return torch.tensor(sums.sum() / max(gradient.size, 1), dtype=image.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.gradient * (v / ctx.count), None


def ssim(image: Float[Tensor, "H W 3"], other: Float[Tensor, "H W 3"]) -> Float[Tensor, ""]:
    """Mean structural similarity, 1 for equal images; differentiable in `image`.

    Gaussian window of 11 pixels, sigma 1.5, zeros outside the image, values in [0, 1].

    Source: Wang et al., IEEE TIP 2004, eq. 13; window as in 3D Gaussian Splatting.
    """
    if image.device.type == "cpu" and image.dtype == torch.float32:
        return _Ssim.apply(image, other)  # pyright: ignore[reportReturnType]
    return plain_ssim(image, other)


def plain_ssim(image: Float[Tensor, "H W 3"], other: Float[Tensor, "H W 3"]) -> Float[Tensor, ""]:
    """`ssim` in plain torch, any device and type: the reference of the compiled one."""
    kernel = torch.tensor(KERNEL, dtype=image.dtype, device=image.device)
    a, b = image.movedim(-1, 0)[:, None], other.movedim(-1, 0)[:, None]

    def blur(planes: Tensor) -> Tensor:
        rows = torch.nn.functional.conv2d(planes, kernel[None, None, None], padding=(0, RADIUS))
        return torch.nn.functional.conv2d(rows, kernel[None, None, :, None], padding=(RADIUS, 0))

    m, n = blur(a), blur(b)
    p, q = 2 * m * n + float(C1), 2 * (blur(a * b) - m * n) + float(C2)
    r, s = m * m + n * n + float(C1), blur(a * a) - m * m + blur(b * b) - n * n + float(C2)
    return (p * q / (r * s)).mean()


def psnr(image: Float[Tensor, "H W 3"], other: Float[Tensor, "H W 3"]) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1]; infinite for equal ones."""
    error = float((image - other).square().mean())
    return float("inf") if error == 0 else -10 * float(np.log10(error))
