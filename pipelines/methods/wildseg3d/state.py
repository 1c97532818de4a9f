"""WildSeg3D: its choices, and what it holds for a scene.

Equation numbers are those of docs/methods/wildseg3d.md.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from jaxtyping import Bool, Float, Float32, Int

from liftlab.components.bounds import Share
from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.pieces import GraphCutConfig
from liftlab.components.masks.clicks.solver import ClickSolver
from liftlab.components.pointmaps.alignment.scene import SceneAlignmentConfig
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig
from liftlab.components.registry import chosen_from
from liftlab.components.types import Array, Scene
from liftlab.pipelines.choices.click_solvers import CLICK_SOLVERS
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import check_settings
from liftlab.pipelines.methods.wildseg3d.everything import things_of
from liftlab.pipelines.models import Sam2Config


@dataclass(frozen=True)
class WildSeg3DConfig:
    """Choices of WildSeg3D."""

    alignment: Literal["reconstruction", "ga", "dga", "sparse_ga"] = "reconstruction"
    """Whose depths say which points are valid: the reconstruction's alone, or also those of (dynamic, sparse) global
    alignment over pairs of photos with the scene's cameras known, which takes some 20 s for a dozen photos; points
    it contradicts are not selected. We differ from the paper, which aligns always: with pairs by stereo, without
    weights, alignment removes more right points than wrong ones (desk: 1.4 % of all points by GA, 2.2 % by DGA, and
    0.07 % wrong ones), as the reconstruction's depths are confirmed by several photos already."""
    aligning: SceneAlignmentConfig = field(default_factory=SceneAlignmentConfig)
    """Graph and effort of that alignment."""
    stereo: StereoPairConfig = field(default_factory=lambda: StereoPairConfig(max_side=320))
    """Its pairs; small, so that a dozen photos take well under half a minute on two cores."""
    solver: GraphCutConfig = field(default_factory=GraphCutConfig)
    """Of the slow path: what answers when no cached mask does."""
    first_candidate: Literal["whole", "smallest"] = field(default="whole", metadata=AT_QUERY)
    """Which cached mask a click takes when no granularity is given: the smallest that contains it (the paper's rule),
    or the smallest whole object (`MaskCache.preferred`): proposals without weights hold many parts. IoU after one
    click on sparse5: 0.64 whole, 0.27 smallest."""
    corrections: Literal["local", "lookup"] = field(default="local", metadata=AT_QUERY)
    """What further clicks do where the first one's mask is wrong. Lookup: the paper's rules over cached masks, the
    click solver only where they fail. Local (ours): the click solver changes the mask around the click. IoU after
    three clicks on desk: 0.95 local, 0.46 lookup."""
    box_iou: Share = field(default=0.5, metadata=AT_QUERY)
    """A box takes the mask whose bounding box overlaps it most, if by at least this IoU. Range (0, 1]."""
    click_solver: str = field(
        default="graph_cut", metadata=OMIT_DEFAULT_FROM_KEY | chosen_from(CLICK_SOLVERS)
    )
    """What answers on the slow path: a cut through photos and geometry, without weights, or SAM 2.1's decoder."""
    sam2: Sam2Config = field(default_factory=Sam2Config, metadata=OMIT_DEFAULT_FROM_KEY)
    """Which SAM 2.1, and how."""
    pairs: str = field(default="stereo", metadata=OMIT_DEFAULT_FROM_KEY | chosen_from(PAIR_PREDICTORS))
    """Who predicts the pairs of the alignment: stereo, without weights, or a network. The paper's is dga on mast3r."""
    options: dict[str, dict[str, Any]] = field(
        default_factory=dict, metadata=OMIT_DEFAULT_FROM_KEY, hash=False
    )
    """Settings of click solvers and pair predictors of other packages, by their names."""

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class WildSeg3DPrepared:
    """Read-only state of WildSeg3D for one scene."""

    scene_key: str
    scene: Scene
    masks: MaskCache
    point_ids: tuple[Int[Array, "_"], ...]
    """Per object: its points, as indices into `Pointmap.points`, ascending; mask boundaries are left out."""
    usable: Bool[Array, "N"]
    """Points that the alignment does not contradict."""
    depths: Float32[Array, "V H W"] = field(repr=False)
    """Depth along +Z of every view's points, 0 where there is none."""
    aligned: "AlignedDepths | None"
    """The alignment's own depths; None when the reconstruction's alone are used."""
    solver: ClickSolver | None = field(repr=False)
    """Answers what the cache does not; None when the masks came without what it needs."""
    note: str = ""
    """Why there is no alignment although one was asked for; goes into every result's provenance."""

    @cached_property
    def things(self) -> frozenset[int]:
        """Cached objects that are things of their own, looked for once: some seconds."""
        return frozenset(things_of(self.masks))


@dataclass(frozen=True)
class AlignedDepths:
    """Depths of every view as (dynamic) global alignment found them, at its own size."""

    depth: Float[Array, "V h w"]
    """Along +Z, scene units; 0 where nothing is known and in padding."""
    valid: Bool[Array, "V h w"]
    report: dict[str, Any]
    """Method, pairs, failed pairs with their reasons, loss, seconds, histogram of weights."""
