"""Losses of one view on the rows and columns it sees (eq. 15 to 18).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from liftlab.components.openvocab.matching import Matcher, match


@dataclass(frozen=True)
class LossConfig:
    """Weights of eq. 17 and the choices of section 4.4."""

    class_weight: float = 0.5
    """Of the cross-entropy, and of the name's probability in the matching."""
    bce_weight: float = 1.0
    """Of the masks' cross-entropy."""
    dice_weight: float = 1.0
    """Of the Dice loss."""
    objectness_weight: float = 0.5
    """Of the squared error of the predicted IoU."""
    no_object_weight: float = 0.1
    """Of queries that match nothing, in the cross-entropy."""
    objectness_iou: float = -1.0
    """Matches above this IoU teach the predicted IoU: all of them [ours], for a network that only ever saw good masks
    calls every mask good; the original's is 0.5."""
    ignore_unlabelled: bool = True
    """A query on a superpoint of which more than half has no instance in the view is not taught "no object": the masks
    may have missed it [ours]."""
    matcher: Matcher = "own"
    """Who is matched: every query with the instance of its own superpoint, the cheapest assignment over allowed pairs
    (both [ours]), or OneFormer3D's cheapest query for each."""
    sparse: bool = True
    """Only queries whose own superpoint the instance covers may match it (the paper: for full 3D labels alone)."""
    assign: Literal["every", "one"] = "every"
    """A query belongs to every view that sees its superpoint [ours], or to the one that sees most of it (paper)."""


@dataclass(frozen=True)
class ViewTargets:
    """What one view says of the superpoints and queries it sees."""

    rows: Int[Tensor, "q"]
    """Queries that belong to the view."""
    columns: Int[Tensor, "s"]
    """Superpoints that it sees."""
    covers: Float[Tensor, "G s"]
    """y_v on those columns, 0 or 1."""
    labels: Int[Tensor, "G"]
    """Name of each instance, as a column of the class logits."""
    allowed: Bool[Tensor, "q G"]
    """Whether a query's own superpoint is covered by the instance."""
    ignored: Bool[Tensor, "q"]
    """Queries that are not taught "no object"."""


@dataclass(frozen=True)
class Prediction:
    """What the decoder says after one layer; `no object` is the last column of the class logits."""

    masks: Float[Tensor, "Q S"]
    """Logits of eq. 10."""
    classes: Float[Tensor, "Q C"]
    """Logits of eq. 11; C = K names and "no object"."""
    objectness: Float[Tensor, "Q"]
    """Eq. 12, in (0, 1)."""
    embedding: Float[Tensor, "Q T"]
    """Unit vectors in the space of texts: the left factor of eq. 11."""
    state: Float[Tensor, "Q D"] | None = None
    """The queries themselves, with which other masks can be judged."""


def mask_bce(logits: Float[Tensor, "M s"], target: Float[Tensor, "M s"]) -> Float[Tensor, "M"]:
    """Binary cross-entropy of each mask, mean over its columns."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=1)


def mask_dice(logits: Float[Tensor, "M s"], target: Float[Tensor, "M s"]) -> Float[Tensor, "M"]:
    """Dice loss of each mask, with 1 added above and below."""
    p = logits.sigmoid()
    return 1 - (2 * (p * target).sum(dim=1) + 1) / (p.sum(dim=1) + target.sum(dim=1) + 1)


def view_loss(
    prediction: Prediction,
    targets: ViewTargets,
    config: LossConfig,
    sizes: Float[Tensor, "S"] | None = None,
) -> Float[Tensor, ""]:
    """L_v of eq. 17 for one layer; zero for a view in which nothing can be taught.

    Args:
        prediction: Of the layer.
        targets: Of the view.
        config: Weights.
        sizes: Points of each superpoint, by which IoUs are measured [ours]; None counts superpoints.
    """
    masks = prediction.masks[targets.rows][:, targets.columns]
    classes = prediction.classes[targets.rows]
    objectness = prediction.objectness[targets.rows]
    if len(targets.rows) == 0 or len(targets.columns) == 0:
        return prediction.masks.sum() * 0
    query, instance = match(
        masks.detach(),
        classes.detach(),
        targets.covers,
        targets.labels,
        targets.allowed if config.sparse else torch.ones_like(targets.allowed),
        matcher=config.matcher,
        class_weight=config.class_weight,
    )
    total = config.class_weight * class_loss(classes, targets, query, instance, config)
    if len(query) == 0:
        return total
    own, wanted = masks[query], targets.covers[instance]
    share = shares(instance, masks.dtype)
    total = total + config.bce_weight * (share * mask_bce(own, wanted)).sum() / share.sum()
    total = total + config.dice_weight * (share * mask_dice(own, wanted)).sum() / share.sum()
    counted = None if sizes is None else sizes[targets.columns]
    return total + config.objectness_weight * objectness_loss(objectness[query], own, wanted, config, counted)


def judging_loss(
    masks: Float[Tensor, "Q S"],
    objectness: Float[Tensor, "Q"],
    targets: ViewTargets,
    config: LossConfig,
    sizes: Float[Tensor, "S"],
) -> Float[Tensor, ""]:
    """Squared error of the IoU that is predicted of any masks, such as cuts at other probabilities [ours], where each
    query answers for the instance of its own superpoint; zero where there is none.

    Args:
        masks: Logits; those above 0 count.
        objectness: Predicted IoU of each.
        targets: Of the view.
        config: Weights.
        sizes: Points of each superpoint.
    """
    query, instance = targets.allowed.nonzero().T
    if len(query) == 0 or len(targets.columns) == 0:
        return objectness.sum() * 0
    own = masks[targets.rows][:, targets.columns][query]
    said = objectness[targets.rows][query]
    return config.objectness_weight * objectness_loss(
        said, own, targets.covers[instance], config, sizes[targets.columns]
    )


def shares(instance: Int[Tensor, "M"], dtype: torch.dtype) -> Float[Tensor, "M"]:
    """How much each match counts: 1 for an instance's only one; of n, one over the root of n [ours], so that large
    things do not count for all."""
    number = torch.bincount(instance)[instance]
    return number.to(dtype).rsqrt()


def class_loss(
    classes: Float[Tensor, "q C"],
    targets: ViewTargets,
    query: Int[Tensor, "M"],
    instance: Int[Tensor, "M"],
    config: LossConfig,
) -> Float[Tensor, ""]:
    """Cross-entropy, weighted mean over the queries; what matches nothing counts little, or not at all."""
    none = classes.shape[1] - 1
    target = torch.full((len(classes),), none, dtype=torch.long, device=classes.device)
    weight = torch.full((len(classes),), config.no_object_weight, dtype=classes.dtype, device=classes.device)
    if config.ignore_unlabelled:
        weight = torch.where(targets.ignored, 0.0, weight)
    target[query] = targets.labels[instance]
    weight[query] = shares(instance, classes.dtype)
    entropy = F.cross_entropy(classes, target, reduction="none")
    return (weight * entropy).sum() / weight.sum().clamp_min(1e-6)


def objectness_loss(
    objectness: Float[Tensor, "M"],
    masks: Float[Tensor, "M s"],
    target: Float[Tensor, "M s"],
    config: LossConfig,
    sizes: Float[Tensor, "s"] | None = None,
) -> Float[Tensor, ""]:
    """Squared error of the predicted IoU, mean over matches whose mask is good enough; zero without any. IoUs count
    superpoints, or their points where `sizes` are given."""
    inside, wanted = masks.detach() > 0, target > 0.5
    count = torch.ones_like(masks[0]) if sizes is None else sizes
    iou = ((inside & wanted) * count).sum(dim=1) / ((inside | wanted) * count).sum(dim=1).clamp_min(1)
    good = iou > config.objectness_iou
    if not good.any():
        return objectness.sum() * 0
    return ((objectness[good] - iou[good]) ** 2).mean()
