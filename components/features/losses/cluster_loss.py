"""UniC-Lift's bounded cluster loss: segments of one view pull together and push each other apart in the unit cube.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from typing import Literal, assert_never

import torch
from jaxtyping import Float, Int
from torch import Tensor

SATURATION = 8.0
"""Beyond this size of a coordinate the sigmoid has no gradient left and a wrong corner could not be left."""


def bounded(V: Float[Tensor, "*P D"]) -> Float[Tensor, "*P D"]:
    """Y = sigmoid(V) in (0, 1), with V limited softly to (-8, 8) first so that its gradient never dies.

    Source: UniC-Lift, Y(u) = sigmoid(V(u)). We differ: the soft limit 8 tanh(V / 8).
    """
    return torch.sigmoid(SATURATION * torch.tanh(V / SATURATION))


def cluster_loss(
    Y: Float[Tensor, "P D"],
    labels: Int[Tensor, "P"],
    *,
    reduction: Literal["mean", "sum", "sum_ordered"] = "mean",
    min_pixels: int = 20,
    max_segments: int = 64,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Spread within the segments of one view minus the distance between their means.

    Args:
        Y: Bounded vectors of pixels of ONE view, in [0, 1].
        labels: Segment of each pixel; 0 and below are left out.
        reduction: "mean" lies in [-D, D / 4] whatever the sizes; "sum" adds over pixels and unordered pairs of
            segments, "sum_ordered" counts each pair twice, as printed.
        min_pixels: Segments with fewer of the pixels are left out.
        max_segments: Of more segments that many are drawn.
        generator: For that draw.

    Returns:
        0 without segments; with one segment only its spread.

    Source: UniC-Lift, eq. 2 (sums, on Y here: on unbounded vectors it has no minimum) and our eq. 3 (mean).
    """
    D = Y.shape[1]
    ids, segment, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    usable = torch.nonzero((ids > 0) & (counts >= min_pixels)).flatten()
    if len(usable) == 0:
        return (Y * 0).sum()
    if len(usable) > max_segments:
        drawn = torch.randperm(len(usable), generator=generator)[:max_segments]
        usable = usable[drawn.to(usable.device).sort().values]
    K = len(usable)
    number = torch.full((len(ids),), -1, dtype=torch.int64, device=Y.device)
    number[usable] = torch.arange(K, device=Y.device)
    segment = number[segment]
    inside = segment >= 0
    Y, segment = Y[inside], segment[inside]
    sizes = counts[usable].to(Y.dtype)
    means = Y.new_zeros((K, D)).index_add(0, segment, Y) / sizes[:, None]  # [K, D]
    spread = ((Y - means[segment]) ** 2).sum(dim=1)  # [P]
    # sum over i < j of |m_i - m_j|^2, without the K x K table
    apart = K * (means**2).sum() - (means.sum(dim=0) ** 2).sum()
    if reduction == "mean":
        pull = (spread / sizes[segment]).sum() / K
        return pull - (2 / (K * (K - 1)) * apart if K > 1 else 0 * apart)
    if reduction == "sum":
        return spread.sum() - apart
    if reduction == "sum_ordered":
        return spread.sum() - 2 * apart
    assert_never(reduction)
