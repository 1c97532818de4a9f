"""What a back end returns, before background and division by alpha."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Layers:
    """Blended sums of C cameras."""

    base: Float[Tensor, "C H W B"]
    """Colour (B = 3) or nothing (B = 0)."""
    depth: Float[Tensor, "C H W"]
    """Sum of weight times depth."""
    features: Float[Tensor, "C H W D"]
    alpha: Float[Tensor, "C H W"]
    means2d: tuple[Float[Tensor, "*C N 2"], ...]
    """Projected means, retaining their gradient when they have one: one [N,2] per camera or one [C,N,2]
    for all."""
    radii: Float[Tensor, "C N"]


def join_cameras(layers: Sequence[Layers]) -> Layers:
    """One `Layers` of all cameras; a single one is passed through without a copy."""
    if len(layers) == 1:
        return layers[0]
    return Layers(
        base=torch.cat([one.base for one in layers]),
        depth=torch.cat([one.depth for one in layers]),
        features=torch.cat([one.features for one in layers]),
        alpha=torch.cat([one.alpha for one in layers]),
        means2d=tuple(tensor for one in layers for tensor in one.means2d),
        radii=torch.cat([one.radii for one in layers]),
    )
