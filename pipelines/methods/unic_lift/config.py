"""Choices of UniC-Lift. Equation numbers are those of docs/methods/unic_lift.md."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from liftlab.components.bounds import Amount, Share, within
from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY
from liftlab.pipelines.methods.shared.feature_trainer import FeatureTrainConfig
from liftlab.pipelines.methods.shared.joint_trainer import SplatsAndFeatures
from liftlab.pipelines.methods.shared.photo_masks import ClickLabel


@dataclass(frozen=True)
class UniCLiftConfig:
    """Choices of UniC-Lift."""

    dimensions: Annotated[int, within(1, 256)] = 12
    """Channels of the vectors, so 2 to this power codes; at most 16."""
    cluster_weight: Amount = 0.1
    """Of the loss that gathers a segment and spreads segments."""
    triplet_weight: Amount = 0.1
    """Of the triplets mined at borders; 0 leaves them out."""
    neighbour_weight: Amount = 0.1
    """Of the likeness of neighbours in space; 0 leaves it out."""
    reduction: Literal["mean", "sum", "sum_ordered"] = "mean"
    """How the cluster loss adds up; the sums are the paper's print."""
    margin: Amount = 1.0
    """By how much another segment must be farther than the own one."""
    linear_layer: bool = True
    """Compare triplets through a learned linear layer."""
    layer_decay: Share = 1e-4
    """Pull of that layer towards the identity; without, it can meet the margin by scaling up."""
    pixels: Annotated[int, within(1, 1_000_000)] = 3000
    """Labelled pixels per step, anywhere in the photo, for the cluster loss; the paper takes all. The triplets' anchors
    come on top, so that small segments are seen."""
    triplets: Annotated[int, within(0, 1_000_000)] = 1000
    """Triplets per step; the paper allows 3,000."""
    samples: Annotated[int, within(1, 10_000)] = 12
    """Samples of triplets per photo, drawn beforehand and used in turn: what a pixel sees need then be found once."""
    triplets_from: Share = 1 / 3
    """Share of the training after which triplets begin."""
    neighbours_from: Share = 0.5
    """Share of the training after which neighbours in space count."""
    neighbours: Annotated[int, within(1, 256)] = 8
    """At most so many neighbours of a Gaussian."""
    neighbour_pairs: Annotated[int, within(0, 10_000_000)] = 10_000
    """Pairs of neighbours per step."""
    radius: Amount = 0.1
    """Reach of a neighbour, and the gap that parts of one code may have, where the cameras span 2."""
    label_rest: bool = True
    """Pixels under no mask are one more segment of every view, so that surroundings get codes of their own."""
    snap_codes: bool = True
    """Rare codes, as blended borders give them, become the nearest frequent one."""
    split_components: bool = True
    """A code in two places is two objects: segments never seen together are never pushed apart."""
    max_tolerance: Annotated[int, within(0, 1000)] = field(default=3, metadata=AT_QUERY)
    """Bits that may differ from the clicked code at granularity 1."""
    click_label: ClickLabel = field(default="mask", metadata=AT_QUERY | OMIT_DEFAULT_FROM_KEY)
    """What says which object a click means: most pixels of the photo's own mask under it, or its pixel alone, as the
    paper reads labels. Ours: see `clicked_objects`."""
    triplet_choice: Literal["borders", "random"] = field(default="borders", metadata=OMIT_DEFAULT_FROM_KEY)
    """Where positives and negatives are drawn: at the borders of segments, or anywhere in them."""
    semantic_weight: Amount = field(default=0.1, metadata=OMIT_DEFAULT_FROM_KEY)
    """Of the cross-entropy of a second vector with a softmax over classes, where masks carry classes; 0 leaves that
    vector out."""
    mask_share: Share = field(default=1.0, metadata=OMIT_DEFAULT_FROM_KEY)
    """Share of the photos whose masks teach, at least one photo; colours are of all."""
    mask_scale: Share = field(default=1.0, metadata=OMIT_DEFAULT_FROM_KEY)
    """Resolution of the masks that teach, as a share of their own."""
    training: Literal["frozen", "joint"] = field(default="frozen", metadata=OMIT_DEFAULT_FROM_KEY)
    """Frozen trains vectors on the scene's splats; joint, as the paper, trains splats with them: those of the scene go
    on, or new ones from points (`joint.start`)."""
    joint: SplatsAndFeatures = field(default_factory=SplatsAndFeatures, metadata=OMIT_DEFAULT_FROM_KEY)
    """Of the joint training. There `pixels` and `samples` do not count: all labelled pixels of a photo do."""
    train: FeatureTrainConfig = field(
        default_factory=lambda: FeatureTrainConfig(iterations=2000, max_side=320, rate=1e-2)
    )
    """Length, size and rate of the frozen training."""
