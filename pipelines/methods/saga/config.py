"""Choices of SAGA. Equation numbers are those of docs/methods/saga.md."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from liftlab.components.bounds import Amount, Rate, Share, within
from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY
from liftlab.pipelines.methods.shared.feature_trainer import FeatureTrainConfig


@dataclass(frozen=True)
class SagaConfig:
    """Choices of SAGA; the published ones are the preset `paper` of `pipelines.presets`."""

    channels: Annotated[int, within(1, 256)] = 16
    """Length of a feature; 32 in the paper."""
    train: FeatureTrainConfig = field(
        default_factory=lambda: FeatureTrainConfig(iterations=2000, max_side=640, rate=1e-2)
    )
    """10,000 iterations at a rate of 2.5e-3 in the paper; a fifth of the steps are each four times as long."""
    gate_rate: Rate = 1e-2
    """Learning rate of the gate; 2.5e-3 in the paper."""
    pixels: Annotated[int, within(1, 1_000_000)] = 512
    """Drawn per step, all pairs of them compared; 1,000 in the paper."""
    drawing: Literal["masks", "pixels"] = field(default="masks", metadata=OMIT_DEFAULT_FROM_KEY)
    """What is drawn at random: pixels under any mask, all alike, as in the paper, or first a mask and then a pixel of
    it. Ours: where things are small, most pixels of a photo show surroundings, and neighbours are not told apart."""
    scales: Annotated[int, within(1, 1000)] = 8
    """Masks per step at whose size pairs are compared; two more scales are added, see `draw_scales`."""
    neighbours: Annotated[int, within(1, 256)] = 16
    """Nearest Gaussians whose mean is splatted, itself included; 1 for no smoothing."""
    norm_weight: Amount = 1.0
    """Of the term that aligns features along a ray; 0 for none."""
    gated: bool = True
    """False trains and asks without the gate: one answer for all sizes."""
    resampling: bool = True
    """False compares all pairs alike."""
    groups: bool = False
    """Whether masks of several things together teach too. Ours: the paper's masks are things and their parts; where
    groups nest many levels deep, half of all drawn sizes would pull neighbouring things together."""
    reweighting: bool = True
    """False weighs pairs in large and small masks alike."""
    loss_form: Literal["code", "printed"] = field(default="code", metadata=OMIT_DEFAULT_FROM_KEY)
    """How (11) is read: attraction in the first mean and repulsion in the second, positives not cut at 0, as in the
    authors' code; or printed, both signs in both means and all cut at 0."""
    norm_form: Literal["code", "printed"] = field(default="code", metadata=OMIT_DEFAULT_FROM_KEY)
    """The norm term: (1 - mean length) squared over drawn opaque pixels, near the authors' code; or printed, the mean
    of (10) over all pixels of the photo, which renders it whole at every step."""
    threshold: Annotated[float, within(-1, 1)] = field(default=0.75, metadata=AT_QUERY)
    """Similarity to a click above which a Gaussian is selected."""
    margin: Amount = field(default=0.02, metadata=AT_QUERY)
    """By how much more similar to a positive than to any negative click it must be. Ours: the paper gives no rule."""
    click_scale: Literal["mask", "middle"] = field(default="mask", metadata=AT_QUERY)
    """Size a click asks for when the person does not say: that of the mask they most likely mean in that photo, where
    one is cached, else that of a typical object; or 0.5, as the authors' viewer starts with."""
    click_query: Literal["mask", "pixel"] = field(default="mask", metadata=AT_QUERY | OMIT_DEFAULT_FROM_KEY)
    """What a first click compares when the person gives no size: its pixel and the mean feature of the mask they most
    likely mean in that photo (eq. 14), at the size that fits the mask best; or its pixel alone, as in the paper. Ours:
    a pixel often shows one part of a thing whose parts are masks too."""
    cleaning: bool = field(default=False, metadata=AT_QUERY)
    """Keep only parts of the selection that hang together with a clicked spot."""
    sample_share: Share = field(default=0.02, metadata=AT_QUERY)
    """Of the Gaussians clustered for segment everything: at least 2,000 and at most 20,000."""
