"""Colour of Gaussians seen from a point: real spherical harmonics up to degree 3, in the field's order and
signs."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.types import DEGREE_0

DEGREE_1 = 0.4886025119029199
DEGREE_2 = (1.0925484305920792, 0.31539156525252005, 0.5462742152960396)
DEGREE_3 = (0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154, 1.445305721320277)


def degree_of(bases: int) -> int:
    """Degree of S = (degree + 1) ** 2 bases. Raises ValueError for a count that is no such square up to
    degree 3."""
    degree = math.isqrt(max(bases, 0)) - 1
    if (degree + 1) ** 2 != bases or not 0 <= degree <= 3:
        raise ValueError(f"sh must have 1, 4, 9 or 16 bases (degree 0 to 3); got {bases}.")
    return degree


def basis(directions: Float[Tensor, "N 3"], degree: int) -> Float[Tensor, "N S"]:
    """Values of the harmonics in unit `directions`.

    Source: the order and signs of Kerbl et al., SIGGRAPH 2023 (3D Gaussian Splatting), which files share.
    """
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    columns = [torch.full_like(x, DEGREE_0)]
    if degree >= 1:
        columns += [-DEGREE_1 * y, DEGREE_1 * z, -DEGREE_1 * x]
    xx, yy, zz = x * x, y * y, z * z
    if degree >= 2:
        a, b, c = DEGREE_2
        columns += [a * x * y, -a * y * z, b * (2 * zz - xx - yy), -a * x * z, c * (xx - yy)]
    if degree >= 3:
        a, b, c, d, e = DEGREE_3
        columns += [
            -a * y * (3 * xx - yy),
            b * x * y * z,
            -c * y * (4 * zz - xx - yy),
            d * z * (2 * zz - 3 * xx - 3 * yy),
            -c * x * (4 * zz - xx - yy),
            e * z * (xx - yy),
            -a * x * (xx - 3 * yy),
        ]
    return torch.stack(columns, dim=-1)


def colours_seen_from(
    center: Float[Tensor, "3"], means: Float[Tensor, "N 3"], sh: Float[Tensor, "N S 3"]
) -> Float[Tensor, "N 3"]:
    """RGB of every Gaussian seen from the world point `center`: harmonics plus one half, cut at 0 from
    below."""
    degree = degree_of(sh.shape[1])
    if degree == 0:
        return torch.clamp_min(DEGREE_0 * sh[:, 0] + 0.5, 0.0)
    directions = torch.nn.functional.normalize(means - center, dim=-1)
    return torch.clamp_min((basis(directions, degree)[:, :, None] * sh).sum(dim=1) + 0.5, 0.0)
