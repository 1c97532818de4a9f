"""How `prepare` of every method of Gaussians begins: inputs checked, what it looks at and learns from at hand."""

import time
from dataclasses import dataclass
from functools import cached_property

import torch

from liftlab.components.features.label_maps import LabelMap
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken
from liftlab.components.types import Scene
from liftlab.pipelines.methods.shared.feature_trainer import TrainingFrame, training_frames
from liftlab.pipelines.methods.shared.gaussian_answers import GaussianViews, check_inputs, gaussian_views
from liftlab.pipelines.methods.shared.label_answers import supervision


@dataclass(frozen=True)
class Opening:
    """What a preparation starts from."""

    began: float
    """`time.perf_counter()` when it began."""
    views: GaussianViews
    """The views at full size."""
    truth: tuple[LabelMap, ...]
    """One label map per view, whose numbers mean nothing in the next view; none where the method learns from masks."""
    max_side: int
    device: torch.device

    @cached_property
    def frames(self) -> tuple[TrainingFrame, ...]:
        """The views at the size of training, made when first asked for."""
        return training_frames(self.views.scene, max_side=self.max_side, device=self.device)

    @property
    def seconds(self) -> float:
        """Since it began, for reports."""
        return round(time.perf_counter() - self.began, 3)


def opened(
    scene: Scene,
    masks: MaskCache,
    *,
    max_side: int,
    device: torch.device,
    cancel: CancelToken,
    generator: torch.Generator,
    label_rest: bool | None,
) -> Opening:
    """Begin a preparation.

    Args:
        max_side: Longer side of the training frames, pixels.
        generator: Shuffles the numbers of every label map.
        label_rest: Whether pixels under no mask are one more segment of surroundings; None: no label maps are drawn.

    Raises:
        InputError: The masks belong to another scene, there are no Gaussians, or no mask to learn from.
        Cancelled: `cancel` was set.
    """
    check_inputs(scene, masks)
    cancel.check()
    began = time.perf_counter()
    views = gaussian_views(scene, device)
    truth = ()
    if label_rest is not None:
        truth = supervision(scene, masks, label_rest=label_rest, generator=generator)
    return Opening(began, views, truth, max_side, device)
