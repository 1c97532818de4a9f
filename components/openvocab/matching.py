"""Which query answers for which instance of a view (eq. 16).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from typing import Literal, assert_never

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from liftlab.components.types import Array

FORBIDDEN = 1e6
"""Stands for infinity, with which the Hungarian algorithm fails where a row has no allowed pair (section 8)."""
Matcher = Literal["own", "hungarian", "sparse_top1"]


def matching_cost(
    masks: Float[Tensor, "q s"],
    classes: Float[Tensor, "q C"],
    covers: Float[Tensor, "G s"],
    labels: Int[Tensor, "G"],
    *,
    class_weight: float = 0.5,
) -> Float[Tensor, "q G"]:
    """Cost of eq. 16 of every query for every instance."""
    probability = classes.softmax(dim=1)[:, labels]
    columns = max(masks.shape[1], 1)
    bce = (F.softplus(masks).sum(dim=1, keepdim=True) - masks @ covers.T) / columns
    p = masks.sigmoid()
    dice = 1 - (2 * p @ covers.T + 1) / (p.sum(dim=1, keepdim=True) + covers.sum(dim=1) + 1)
    return -class_weight * probability + bce + dice


def match(
    masks: Float[Tensor, "q s"],
    classes: Float[Tensor, "q C"],
    covers: Float[Tensor, "G s"],
    labels: Int[Tensor, "G"],
    allowed: Bool[Tensor, "q G"],
    *,
    matcher: Matcher,
    class_weight: float = 0.5,
) -> tuple[Int[Tensor, "M"], Int[Tensor, "M"]]:
    """Matched queries and their instances.

    A query may come more than once with `sparse_top1`; its class is then that of the last. With "own" every query
    answers for the instance that its own superpoint lies in, whatever it costs [ours]: all of a thing's queries learn,
    where a matching teaches one of them and calls its twins "no object".
    """
    none = torch.zeros(0, dtype=torch.long, device=masks.device)
    if len(masks) == 0 or len(labels) == 0:
        return none, none
    if matcher == "own":
        pairs_of_own = allowed.nonzero()
        return pairs_of_own[:, 0], pairs_of_own[:, 1]
    cost = matching_cost(masks, classes, covers, labels, class_weight=class_weight)
    table = torch.where(allowed, cost, FORBIDDEN).double().cpu().numpy()
    if matcher == "hungarian":
        pairs = _assigned(table)
    elif matcher == "sparse_top1":
        pairs = _cheapest(table)
    else:
        assert_never(matcher)
    return (
        torch.from_numpy(pairs[0]).to(masks.device),
        torch.from_numpy(pairs[1]).to(masks.device),
    )


def _assigned(table: Float[Array, "q G"]) -> tuple[Int[Array, "M"], Int[Array, "M"]]:
    """The assignment of least cost, without forbidden pairs."""
    rows, columns = linear_sum_assignment(table)
    kept = table[rows, columns] < FORBIDDEN
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)


def _cheapest(table: Float[Array, "q G"]) -> tuple[Int[Array, "M"], Int[Array, "M"]]:
    """For each instance its cheapest query, if it is strictly cheaper than the second (OneFormer3D's code)."""
    first = table.argmin(axis=0)
    best = table[first, np.arange(table.shape[1])]
    second = np.partition(table, 1, axis=0)[1] if len(table) > 1 else np.full(table.shape[1], np.inf)
    kept = (best < FORBIDDEN) & (best < second)
    return first[kept].astype(np.int64), np.flatnonzero(kept).astype(np.int64)
