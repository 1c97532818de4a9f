"""Boxes round masks, as x and y of two corners."""

from jaxtyping import Float
from torch import Tensor, maximum, minimum


def box_iou(box: Float[Tensor, "4"], others: Float[Tensor, "K 4"]) -> Float[Tensor, "K"]:
    """Area that a box shares with each of the others over that of both together; 0 between two empty boxes.

    Args:
        box: x0, y0, x1, y1.
        others: The same of K boxes, in the same units.
    """
    low, high = maximum(box[:2], others[:, :2]), minimum(box[2:], others[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    area = (box[2:] - box[:2]).prod()
    return shared / ((others[:, 2:] - others[:, :2]).prod(dim=1) + area - shared).clamp(min=1e-9)
