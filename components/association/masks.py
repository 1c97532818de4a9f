"""Association of all masks of a scene: which Gaussians stand for a mask, then the memory bank.

Equation numbers are those of docs/methods/proto_saga.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Int64

from liftlab.components.association.bank import Association, BankVariant, associate, densest_first
from liftlab.components.association.cover import covered, front, likely, union
from liftlab.components.bounds import Share
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, Camera


@dataclass(frozen=True)
class AssociationConfig:
    """Choices of the association of masks over views."""

    variant: BankVariant = "paper"
    """Rules of the memory bank and of "nearest": "paper" as Proto-SaGa prints them, "gaga" as Gaga's public code has
    them, with the nearest taken in each of 32 x 32 patches of the image."""
    choose: Literal["depth", "probability", "both"] = "both"
    """Which Gaussians stand for a mask: the nearest, those the view's classifier finds likeliest, or both."""
    share: Share = 0.2
    """Share of the Gaussians behind a mask that are taken, of each kind."""
    threshold: Share = 0.1
    """Overlap above which a mask joins an object."""
    order: Literal["listed", "densest", "random"] = "listed"
    """Order of the photos; the first founds the objects. "densest" begins with the one with most labelled pixels."""


def gaussians_of_masks(
    camera: Camera,
    labels: Int32[Array, "H W"],
    means: Float[Array, "N 3"],
    count: int,
    config: AssociationConfig,
    *,
    probability: Float32[Array, "N L"] | None = None,
) -> list[Int64[Array, "_"]]:
    """The Gaussians that stand for each mask of one view, label 1 to `count`; empty where none is behind it.

    Args:
        camera: Of the view.
        labels: Its mask map.
        means: Centres, world frame.
        count: Labels L.
        config: What is chosen.
        probability: Of every label (column label - 1) for every Gaussian, by the view's classifier; needed unless
            `config.choose` is "depth".

    Raises:
        ValueError: `probability` is missing.

    Source: Proto-SaGa, eqs. 7 to 11.
    """
    if config.choose != "depth" and probability is None:
        raise ValueError(f"probability must be given to choose by '{config.choose}'; got None.")
    index, label, depth, patch = covered(camera, labels, means)
    order = np.argsort(label, kind="stable")
    ends = np.searchsorted(label[order], np.arange(1, count + 2))
    chosen = []
    for number in range(1, count + 1):
        own = order[ends[number - 1] : ends[number]]
        picks = []
        if config.choose in ("depth", "both"):
            patches = patch[own] if config.variant == "gaga" else None
            picks.append(front(index[own], depth[own], config.share, patch=patches))
        if config.choose in ("probability", "both"):
            assert probability is not None
            picks.append(
                likely(index[own], probability[index[own], number - 1].astype(np.float64), config.share)
            )
        chosen.append(union(picks))
    return chosen


def associate_masks(
    cameras: Sequence[Camera],
    labels: Sequence[Int32[Array, "_ _"]],
    counts: Sequence[int],
    means: Float[Array, "N 3"],
    config: AssociationConfig,
    *,
    probabilities: Sequence[Float32[Array, "N _"]] | None = None,
    generator: torch.Generator,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Association:
    """Give the masks of all views their objects.

    Args:
        cameras: Of the views.
        labels: Their mask maps, ids unrelated between views.
        counts: Labels of each view.
        means: Centres of the Gaussians, world frame.
        config: Rules.
        probabilities: Per view, of every label for every Gaussian; see `gaussians_of_masks`.
        generator: Of the random order.

    Raises:
        Cancelled: `cancel` was set.

    Source: docs/methods/proto_saga.md section 4.
    """
    sets = []
    for view, (camera, image, count) in enumerate(zip(cameras, labels, counts, strict=True)):
        if cancel is not None:
            cancel.check()
        progress(0.5 * view / len(cameras), "Finding the splats of every mask")
        probability = None if probabilities is None else probabilities[view]
        sets.append(gaussians_of_masks(camera, image, means, count, config, probability=probability))
    order = list(range(len(cameras)))
    if config.order == "densest":
        order = densest_first(labels)
    elif config.order == "random":
        order = torch.randperm(len(cameras), generator=generator).tolist()
    return associate(
        sets, len(means), variant=config.variant, threshold=config.threshold, order=order,
        progress=part_of(progress, 0.5, 1.0), cancel=cancel,
    )  # fmt: skip
