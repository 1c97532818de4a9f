"""Cross-entropy of blended class probabilities: what UniC-Lift's second vector of every Gaussian learns from."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

LEAST = 1e-6
"""Of a probability; where Gaussians cover nothing it would be 0."""


def class_loss(P: Float[Tensor, "P C"], classes: Int[Tensor, "P"]) -> Float[Tensor, ""]:
    """Mean of -ln P[class] over pixels whose class is known; 0 without any.

    Args:
        P: Probabilities of every Gaussian's softmax, blended; they add up to alpha.
        classes: 0 to C - 1, -1 = unknown.

    Source: docs/methods/unic_lift.md section 4; the form is ours, for the paper names none.
    """
    known = classes >= 0
    if not bool(known.any()):
        return (P * 0).sum()
    chances = P[known].gather(1, classes[known].long()[:, None])
    return -torch.log(chances.clamp_min(LEAST)).mean()
