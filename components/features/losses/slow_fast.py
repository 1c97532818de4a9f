"""Contrastive-Lift's slow-fast loss: fast features of half the pixels are drawn to slow ones of the other half.

Source: "Contrastive Lift: 3D Object Instance Segmentation by Slow-Fast Contrastive Fusion", NeurIPS 2023
(arXiv:2306.04633); equation numbers are those of docs/methods/unic_lift.md section 6.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def concentration_loss(
    fast: Float[Tensor, "P D"],
    fast_ids: Int[Tensor, "P"],
    slow: Float[Tensor, "Q D"],
    slow_ids: Int[Tensor, "Q"],
) -> Float[Tensor, ""]:
    """Minus the likeness exp(-|f - c|^2) of fast features to the slow centre of their id (eq. 10, confidence 1).

    Mean over the pixels of an id, then over the ids that both halves have; 0 when they share none.
    """
    ids = torch.unique(fast_ids[torch.isin(fast_ids, slow_ids)])
    if len(ids) == 0:
        return fast.sum() * 0
    of_slow = (slow_ids[None] == ids[:, None]).to(fast)  # [L, Q]
    of_fast = (fast_ids[None] == ids[:, None]).to(fast)  # [L, P]
    centres = of_slow @ slow / of_slow.sum(dim=1, keepdim=True)  # [L, D]
    near = torch.exp(-(fast[None] - centres[:, None]).square().sum(dim=-1))  # [L, P]
    return -((near * of_fast).sum(dim=1) / of_fast.sum(dim=1)).mean()


def contrastive_loss(
    fast: Float[Tensor, "P D"],
    fast_ids: Int[Tensor, "P"],
    slow: Float[Tensor, "Q D"],
    slow_ids: Int[Tensor, "Q"],
) -> Float[Tensor, ""]:
    """Minus the log share that slow features of the own id have in the likeness to all (eq. 11 and 12).

    Likeness is exp(-distance), not squared. Mean over the fast pixels with an own id in the slow half; 0 without any.
    """
    likeness = torch.exp(-torch.cdist(fast, slow, compute_mode="donot_use_mm_for_euclid_dist"))
    own = fast_ids[:, None] == slow_ids[None]
    counted = own.any(dim=1)
    if not bool(counted.any()):
        return fast.sum() * 0
    matched = torch.logsumexp(likeness.masked_fill(~own, -torch.inf)[counted], dim=1)
    return (torch.logsumexp(likeness[counted], dim=1) - matched).mean()
