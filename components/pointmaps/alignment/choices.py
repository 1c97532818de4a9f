"""Choices of the alignment as people make them, over a reconstructed scene and over photos alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from jaxtyping import Float

from liftlab.components.bounds import Amount, Share, within
from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY
from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.solve import AlignmentConfig
from liftlab.components.pointmaps.alignment.weights import (
    Adjustment,
    ConfTransform,
    MaskScope,
    Softening,
    soft_masks,
)
from liftlab.components.types import Array

Alpha = Annotated[float, within(-0.999, 0.999)]
"""Of eq. (3), which takes (-1, 1)."""


@dataclass(frozen=True)
class WeightsConfig:
    """How the pixels of pairs are weighed."""

    alpha_p: Alpha = field(default=0.5, metadata=OMIT_DEFAULT_FROM_KEY)
    """What pixels with a match gain, of DGA."""
    alpha_n: Alpha = field(default=0.9, metadata=OMIT_DEFAULT_FROM_KEY)
    """What pixels without a match lose, of DGA."""
    epsilon: Share = field(default=0.0, metadata=OMIT_DEFAULT_FROM_KEY)
    """Of eq. (4), of DGA; the paper gives no value."""
    adjustment: Adjustment = field(default="paper", metadata=OMIT_DEFAULT_FROM_KEY)
    """Eq. (4), or another function of the paper's ablation, in which matches play no part."""
    steepness: Amount | None = field(default=None, metadata=OMIT_DEFAULT_FROM_KEY)
    """Parameter of that function (theta, delta or beta); None takes ours, as the paper publishes only curves."""
    confidence: Literal["usual", "raw", "minus_one", "log"] = field(
        default="usual", metadata=OMIT_DEFAULT_FROM_KEY
    )
    """How a pair's confidence C is taken: the usual is C for DGA, as printed, and ln C for GA, as DUSt3R's code does;
    raw is C, minus_one C - 1, log ln C."""
    mask_scope: MaskScope = field(default="all_objects", metadata=OMIT_DEFAULT_FROM_KEY)
    """Of which objects DGA's soft masks are made: all things, one (`mask_target`), or no mask at all."""
    mask_target: Annotated[int, within(0, 1_000_000)] = field(default=0, metadata=OMIT_DEFAULT_FROM_KEY)
    """Id of that one object in the scene's masks."""
    matching: Literal["own", "sift"] = field(default="own", metadata=OMIT_DEFAULT_FROM_KEY)
    """Where DGA's matching maps come from: the pairs' own matches (descriptors of MASt3R, details of stereo, neighbours
    in 3D of DUSt3R), or SIFT, as the paper has it for DUSt3R (D-DGA)."""
    softening: Softening = field(default="kept", metadata=OMIT_DEFAULT_FROM_KEY)
    """How masks become soft: as they were kept with the masks (a network's logits, else by distance), by distance to
    their outline, or by a blur."""


@dataclass(frozen=True)
class SceneAlignmentConfig(WeightsConfig):
    """Choices of the alignment over a scene; the defaults keep a dozen photos under half a minute on two cores."""

    neighbours: Annotated[int, within(1, 64)] = 2
    """Each photo is paired with this many others."""
    iterations: Annotated[int, within(0, 100_000)] = 300
    """Steps of the optimiser; DUSt3R's default, the paper takes 500."""
    pixel_stride: Annotated[int, within(1, 64)] = 2
    """Every n-th pixel of every n-th row is optimised; the other depths follow from the pairs."""
    contradiction: Amount = 0.1
    """Relative difference in depth above which a point of the reconstruction is contradicted."""
    graph: Literal["nearby", "complete"] = field(default="nearby", metadata=OMIT_DEFAULT_FROM_KEY)
    """Which photos are paired: each with `neighbours` others, or all with all in both orders, as in the paper."""


@dataclass(frozen=True)
class PhotoAlignmentConfig(WeightsConfig):
    """Choices of the alignment that finds the cameras of photos as well; every pair is looked at in both orders."""

    iterations: Annotated[int, within(0, 100_000)] = 500
    """Steps of the optimiser; the paper's."""
    pixel_stride: Annotated[int, within(1, 64)] = 2
    """Every n-th pixel of every n-th row is optimised; the other depths follow from the pairs."""


def dense_config(
    config: WeightsConfig,
    method: Literal["ga", "dga"],
    *,
    cameras: Literal["unknown", "known_focal", "known"],
    iterations: int,
    pixel_stride: int,
    threshold: float,
) -> AlignmentConfig:
    """What `align` is given. GA weighs by ln C unless told otherwise, as DUSt3R's optimiser does: many pixels of
    weight-free pairs know nothing (C close to 1).

    Args:
        threshold: Points of lower confidence are not valid.
    """
    usual: ConfTransform = "log" if method == "ga" else "raw"
    return AlignmentConfig(
        method=method,
        conf_transform=usual if config.confidence == "usual" else config.confidence,
        cameras=cameras,
        alpha_p=config.alpha_p,
        alpha_n=config.alpha_n,
        epsilon=config.epsilon,
        adjustment=config.adjustment,
        steepness=config.steepness,
        iterations=iterations,
        pixel_stride=pixel_stride,
        valid_confidence=threshold,
    )


def soft_masks_of(
    masks: MaskCache, sizes: Sequence[tuple[int, int]], config: WeightsConfig
) -> list[Float[Array, "_ _"]]:
    """S of eq. (1), one map of the given (height, width) per view.

    Raises:
        InputError: The one object that counts is not there.
    """
    if config.mask_scope == "target" and config.mask_target not in masks.object_ids:
        raise InputError(
            f"There is no object {config.mask_target} in the masks of this scene: set aligning.mask_target to one of 1 "
            f"to {len(masks.object_ids)}."
        )
    return soft_masks(masks, sizes, config.mask_scope, target=config.mask_target, softening=config.softening)
