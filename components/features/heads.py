"""What reads objects off features: prototypes compared by cosine, or a trained linear classifier.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from liftlab.components.features.prototypes import cosine_labels

NORM_FLOOR = 1e-8


@dataclass(frozen=True)
class ObjectHead:
    """Objects 0..T of features; 0 is "no object"."""

    kind: Literal["prototypes", "linear"]
    weight: Float[Tensor, "T_plus_1 D"]
    """Prototypes, or rows of the classifier."""
    bias: Float[Tensor, "T_plus_1"]
    """Of the classifier; zero for prototypes."""
    exists: Bool[Tensor, "T_plus_1"]
    """Objects that may be answered."""
    min_cosine: float = -1.0
    """Prototypes only: features less like every prototype are no object."""

    @property
    def count(self) -> int:
        """Objects T."""
        return len(self.weight) - 1

    def objects_of(self, F: Float[Tensor, "*P D"]) -> Int64[Tensor, "*P"]:
        """The object of each feature.

        Source: Proto-SaGa, eq. 15, or the linear classifier of Gaussian Grouping and Gaga.
        """
        if self.kind == "linear":
            logits = F @ self.weight.T + self.bias
            return logits.masked_fill(~self.exists, -torch.inf).argmax(dim=-1)
        labels, cosine = cosine_labels(self.weight, self.exists, F)
        return torch.where(cosine >= self.min_cosine, labels - 1, 0).clamp_min(0)


def cosine_rows(centers: Float[Tensor, "T_plus_1 D"], rows: list[int]) -> Float[Tensor, "K T_plus_1"]:
    """Cosine between some of the rows and all; 1 for a row and itself, and for them alone."""
    unit = centers / (centers.norm(dim=1, keepdim=True) + NORM_FLOOR)
    cosine = (unit[rows] @ unit.T).clamp_max(1 - 1e-6)
    cosine[torch.arange(len(rows)), torch.tensor(rows, dtype=torch.int64)] = 1.0
    return cosine


def means_by_label(
    F: Float[Tensor, "N D"], labels: Int64[Tensor, "N"], count: int
) -> Float[Tensor, "T_plus_1 D"]:
    """Mean feature of the Gaussians of each label 0..T; zero for a label without any."""
    sums = F.new_zeros((count + 1, F.shape[1])).index_add(0, labels, F)
    return sums / torch.bincount(labels, minlength=count + 1).clamp_min(1)[:, None].to(F.dtype)
