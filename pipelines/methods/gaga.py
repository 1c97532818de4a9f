"""Gaga: masks are joined over the photos by the nearest Gaussians behind them, then identities are trained.

Source: "Gaga: Group Any Gaussians via 3D-aware Memory Bank" (arXiv:2404.07977). We differ where the docstrings below
say so.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch

from liftlab.components.association import AssociationConfig, associate_masks
from liftlab.components.bounds import within
from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY
from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Scene
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.shared.gaussian_answers import curve_json
from liftlab.pipelines.methods.shared.identities import (
    IdentityMethod,
    IdentityPrepared,
    LiftingConfig,
    associated_maps,
    joined_maps,
    lift_identities,
    read_identities,
)
from liftlab.pipelines.methods.shared.opening import opened
from liftlab.pipelines.methods.shared.photo_masks import ClickLabel
from liftlab.pipelines.presets import PRESETS

NAME = "gaga"


@dataclass(frozen=True)
class GagaConfig:
    """Choices of Gaga."""

    dimensions: Annotated[int, within(1, 256)] = 16
    """Channels of the identity features."""
    association: AssociationConfig = field(
        default_factory=lambda: AssociationConfig(variant="gaga", choose="depth")
    )
    """How masks are joined over the photos. Gaga knows depth only: probabilities need Proto-SaGa's classifiers."""
    label_rest: bool = True
    """Pixels under no mask teach the class "no object"; without, they are ignored."""
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    """Training of the identities; Gaga's own takes 10,000 steps."""
    drop_unsupported: bool = True
    """Leave out objects that win more pixels of other objects' masks than of their own in the photos. Ours: see
    `unsupported_objects`."""
    click_label: ClickLabel = field(default="mask", metadata=AT_QUERY | OMIT_DEFAULT_FROM_KEY)
    """What says which object a click means: most pixels of the photo's own mask under it, or its pixel alone. Ours: see
    `clicked_objects`."""


@register(
    NAME,
    summary="Joins the photos' masks through the nearest splats behind them, then trains an identity per splat.",
    paper="Gaga: Group Any Gaussians via 3D-aware Memory Bank (arXiv:2404.07977)",
    licence="Apache-2.0 (our implementation)",
    config=GagaConfig,
    presets=PRESETS[NAME],
)
class Gaga(IdentityMethod):
    """Association by depth and a linear classifier of identity features."""

    STEP_VERSION = 3
    name = NAME
    geometry: Literal["points", "gaussians"] = "gaussians"

    def __init__(self, config: GagaConfig, *, device: torch.device) -> None:
        if config.association.choose != "depth":
            raise InputError(
                f"Gaga associates masks by depth, not by '{config.association.choose}': use proto_saga for that."
            )
        self.config = config
        self.device = device

    def prepare(
        self,
        scene: Scene,
        masks: MaskCache,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> IdentityPrepared:
        """Associate the masks, then train the identities.

        Raises:
            InputError: The masks belong to another scene, there are no Gaussians, or no mask to learn from.
            Cancelled: `cancel` was set.
        """
        start = opened(
            scene, masks, max_side=self.config.lifting.train.max_side, device=self.device, cancel=cancel,
            generator=generator, label_rest=False,
        )  # fmt: skip
        views, truth = start.views, start.truth
        found = associate_masks(
            [view.camera for view in scene.views], [m.labels for m in truth], [m.count for m in truth],
            views.gaussians.means.cpu().numpy(), self.config.association, generator=generator,
            progress=part_of(progress, 0.0, 0.1), cancel=cancel,
        )  # fmt: skip
        features = torch.randn((len(views.gaussians), self.config.dimensions), generator=generator)
        result, head = lift_identities(
            scene, start.frames, associated_maps(start.frames, truth, found, self.device), found.count, features,
            self.config.lifting, label_rest=self.config.label_rest, device=self.device,
            progress=part_of(progress, 0.1, 0.9), cancel=cancel, generator=generator,
        )  # fmt: skip
        about = {
            "training_seconds": round(result.seconds, 3),
            "iterations": result.iterations,
            "curve": curve_json(result.curve),
            "objects": found.count,
            "bank_sizes": list(found.sizes),
            "shared_masks": [round(share, 4) for share in found.shared],
        }
        joined = joined_maps(found, truth) if self.config.drop_unsupported else ()
        prepared = read_identities(
            scene, views, result.features, head, truth, masks, about, cancel, joined=joined
        )
        about["seconds"] = start.seconds
        progress(1.0, f"{int(prepared.labelling.thing.sum())} objects")
        return prepared
