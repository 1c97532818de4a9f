"""Cosine classifiers: one per view, so that ids which differ between views do no harm while features are learnt.

Equation numbers are those of docs/methods/proto_saga.md.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

NORM_FLOOR = 1e-8
"""Added to norms, so that an empty pixel has cosine 0 with everything."""


def cosine_logits(
    w: Float[Tensor, "D L"], F: Float[Tensor, "*P D"], *, tau: float = 10.0
) -> Float[Tensor, "*P L"]:
    """tau times the cosine between each feature and each column of `w`. Source: Proto-SaGa, inside eq. 4."""
    columns = w / (w.norm(dim=0, keepdim=True) + NORM_FLOOR)
    return tau * (F / (F.norm(dim=-1, keepdim=True) + NORM_FLOOR)) @ columns


def probabilities(
    w: Float[Tensor, "D L"], F: Float[Tensor, "*P D"], *, tau: float = 10.0
) -> Float[Tensor, "*P L"]:
    """Softmax of the cosine logits. Source: Proto-SaGa, eq. 4 (pixels) and eq. 9 (Gaussians)."""
    return torch.softmax(cosine_logits(w, F, tau=tau), dim=-1)


def classifier_loss(
    w: Float[Tensor, "D L"], F: Float[Tensor, "P D"], labels: Int[Tensor, "P"], *, tau: float = 10.0
) -> Float[Tensor, ""]:
    """Mean cross-entropy over labelled pixels; label t (1 to L) is column t - 1, 0 and below are ignored.

    Returns:
        0 when no pixel is labelled.

    Source: Proto-SaGa, eq. 5; pixels without a mask are ignored (docs/methods/proto_saga.md section 8).
    """
    inside = labels > 0
    logits = cosine_logits(w, F[inside], tau=tau)
    lost = torch.nn.functional.cross_entropy(logits, labels[inside].long() - 1, reduction="sum")
    return lost / inside.sum().clamp_min(1)


def neighbour_divergence(
    probability: Float[Tensor, "S T"], neighbours: Float[Tensor, "S K T"], *, weight: float = 2.0
) -> Float[Tensor, ""]:
    """Mean KL(p_i || p_j) over neighbours j of i, over the number of classes, times `weight`.

    Source: Gaussian Grouping's 3D regularisation as Gaga's public code applies it (docs/methods/proto_saga.md
    section 6 A).
    """
    floor = torch.finfo(probability.dtype).tiny
    own = probability[:, None]
    divergence = (own * (own.clamp_min(floor).log() - neighbours.clamp_min(floor).log())).sum(dim=-1)
    return weight * divergence.mean() / probability.shape[1]
